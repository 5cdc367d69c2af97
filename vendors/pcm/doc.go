// Package pcm mails through PostcardMania's PCM Integrations
// (https://www.pcmintegrations.com), DirectMail API v3: postcards and letters
// within the US.
//
// Every piece is an order of its own with one recipient, because PCM has a
// status per order only. The order's external reference is ours. PCM refuses a
// reference that it knows with 409, so a repeated submission cannot print
// twice; the adapter then reads the order that has it. The recipient's
// external reference is a label and carries the digest of the content.
//
// # Login
//
// A key and a secret buy a token, which the adapter caches and renews: before
// it expires, and once when a request is answered with 401, with the same
// bytes again. Concurrent calls share one login.
//
// # Status
//
// PCM tells nothing by itself: orders must be polled. An order's status is
// coarser than that of its batch, so both are read. "Delivered" means the last
// postal scan, not the mailbox. An address that nobody delivers to is found when
// the day's batch is made up: the piece is not printed, and stands in a list that
// the client imports.
//
// # Errors
//
// 400, 401, 403, 404, 413, 422 and 429 are Refused. A 4xx that is not in PCM's words, the
// login's included, comes of a wrong base URL or of what stands in front: see
// [vendors.Foreign]. 5xx and every 2xx without an order are Unknown. A vendor's message can quote an address, so errors do
// not carry it.
//
// # Concurrency
//
// An [Adapter] is safe for concurrent use.
//
// # Non-portable behavior
//
// PCM fetches PDFs and images by URL; it takes no uploads. Test and live keys
// look alike, so the mode is what the caller says, and a wrong one prints. Without a
// return address PCM does not vouch for the delivery of first-class mail. A
// send date is the day whose batch the order joins; that batch is processed
// on the following day.
//
// # Sandbox
//
// The test TestSandbox asks PCM what its documentation leaves open. It runs with
// a sandbox pair in POSTPROOF_TEST_PCM_KEY and POSTPROOF_TEST_PCM_SECRET; a
// production pair in their place would print.
package pcm
