// Package postgrid mails through PostGrid (https://www.postgrid.com), Print &
// Mail API v1: postcards, letters and self-mailers, in the US, Canada, the
// United Kingdom and Australia.
//
// # Repeats
//
// PostGrid documents an idempotency key for campaigns and mailing lists only.
// For orders there are reports that one is honored for 24 hours, and no word of
// PostGrid's: its first library sent the header with whatever it was asked to make,
// and tried it on contacts, which are never doubled anyway. So a submission is never
// repeated blindly. Our reference stands in
// the description and in the metadata pair "postproof_ref", by either of which
// PostGrid's search finds the order; a second pair, "postproof_content", carries
// a digest of the content. An unknown outcome is looked up after the settle
// time. An account whose owner has seen a key work, by the test of this package
// or in another way, may say so by [WithIdempotencyKeys].
//
// # Send date
//
// PostGrid prints an order at the midnight, Eastern time, that ends its send
// date, which is the day of its creation when none is given. A job's send date
// is passed on as it is: the order is printed on the day after, never before.
// Until that midnight it can be canceled.
//
// # Callbacks
//
// A webhook of PostGrid sends either a JSON Web Token as the whole body, its
// default, or JSON with a signature in a header; both are read. Which claims the
// token has is not documented: the event is taken where the claims are the event
// themselves, or hold it as "event" or "data". In either form it may be no more than a
// type and the order, as in the token that PostGrid's first library holds; without an
// id it is told from others by what it shows. PostGrid sends the order as it
// was at the time of the event, and repeats a callback for seven hours, so that
// an old state can come late. Its event log, see [Adapter.Events], has events
// only from the time on at which a webhook listens for their type. An event shows the
// order's markup: callbacks of up to 8 MiB are taken (MaxBytes of the capabilities), and of
// what is longer the news comes by polling.
//
// Whether a repeated callback is signed anew is not said either: the signed time
// may be as old as the repeats last. Replays within that time are recognized by
// the event's id.
//
// # Errors
//
// What PostGrid refuses with 400, 401, 402, 403, 404, 413, 415, 422 or 429 is
// Refused. A 4xx that is not in PostGrid's words comes of a wrong base URL or of what stands
// in front: see [vendors.Foreign]. 408, 409, every 5xx and every 2xx that does
// not hold an order are Unknown. A vendor's message can quote an address: errors carry its type only.
//
// # Concurrency
//
// An [Adapter] is immutable and safe for concurrent use.
//
// # Non-portable behavior
//
// Self-mailers print the artwork's front on the outside and its back on the
// inside. A PDF for a postcard or a self-mailer would be one file of two pages,
// of which the documentation names both orders, so that only letters take PDFs.
// Letters are of us_letter in the US and Canada, and of a4 in the United Kingdom and
// Australia. PostGrid replaces {{…}} in markup as well as in templates. A self-mailer of 8.5
// by 11 inches is folded once: the one that is folded twice cannot be told from
// it by its size. The name is split at its last space; both parts are printed
// with a space between them. Delivered is PostGrid's estimate, never proof. The
// PDF's URL expires within minutes. Test keys (test_sk_…) print nothing; their
// orders are completed when live ones would be printed.
//
// # Sandbox
//
// The test TestSandbox asks PostGrid what its documentation leaves open. It runs
// with a test key in POSTPROOF_TEST_POSTGRID_KEY, and prints nothing on paper.
package postgrid
