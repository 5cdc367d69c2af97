// Package lob mails through Lob (https://www.lob.com), Print & Mail API v1:
// postcards, letters and self-mailers, in the US and, for some products,
// abroad.
//
// A submission is protected twice. It carries an Idempotency-Key, which Lob
// honors for 24 hours, by mode and by kind of piece; and our reference in the
// metadata pair "postproof_ref", by which it can be found for ever. A second
// pair, "postproof_content", carries a digest of the content, so that an
// answer which belongs to another piece is recognized.
//
// # Use type
//
// Lob asks of every piece whether it is marketing or operational. Set
// [WithUseType], or a default in the account's settings; with neither, Lob
// refuses each piece and nothing is printed.
//
// # Errors
//
// What Lob refuses with 400, 401, 403, 404, 413, 422 or 429 is Refused. A 4xx that
// is not in Lob's words, or says that there is no such endpoint, comes of a wrong base URL
// or of what stands in front: see [vendors.Foreign]. 408,
// 409, "conflict", every 5xx and every 2xx that does not hold a piece are
// Unknown: Lob says of them that the request may or may not have been
// received. A missing use type, and a version of the API that is older than the
// account's, are refused of every piece, and have
// [postproof.CodePermissionDenied], so that the vendor is left alone until
// somebody mends it. A vendor's message can quote an address, so errors carry its
// code only.
//
// # Callbacks
//
// Webhooks are made by hand in Lob's dashboard, one for each mode, with a
// secret each. An event has an id, and shows the piece with our reference, but
// for the news that it was deleted, which shows its id. What tells of scans is
// live only. Polling stands behind: nothing is documented of how often, and for
// how long, Lob repeats what was not received.
//
// # Concurrency
//
// An [Adapter] is immutable and safe for concurrent use.
//
// # Non-portable behavior
//
// Self-mailers print the artwork's front on the outside and its back on the
// inside. Lob replaces {{…}} in markup as well as in templates: by nothing, or it
// refuses the piece, as the account is set. Lob renders after it accepted: a piece
// may turn to failed later, and then no paper exists. Asset URLs expire after 30
// days. Test keys (test_…) print nothing; their pieces get no tracking events.
//
// # Sandbox
//
// The test TestSandbox asks Lob what its documentation leaves open. It runs with
// a test key in POSTPROOF_TEST_LOB_KEY, and prints nothing.
package lob
