// Package signature verifies the callbacks of print vendors: that one of the
// secrets we share with the vendor signed exactly these bytes and, where the
// vendor signs a time, that it did so just now.
//
// A scheme says how a vendor signs. It is a struct of plain settings whose
// NewVerifier takes the active secrets, several during a rotation:
//
//	HMAC{Header: "X-Stannp-Signature"}                    over the body: Stannp, Pingen
//	HMAC{Header: "X-SLM-Signature", Algorithm: SHA1}      Poplar
//	TimestampedHMAC{Header: "Lob-Signature",
//		TimestampHeader: "Lob-Signature-Timestamp"}       over time and body: Lob
//	PackedHMAC{Header: "PostGrid-Signature"}              the same in one header: PostGrid
//	JWT{}                                                 the body is a token: PostGrid's default
//	StandardWebhooks{}                                    www.standardwebhooks.com: v1 and v1a
//	Token{Header: "Authorization", Prefix: "Bearer "}     no signature, a fixed text
//
// Each scheme has a Sign as well. It is for tests, for simulators of vendors
// and for our own alerts, and plays no part in verification.
//
// # Secrets
//
// Every secret is tried, in constant time, whether or not an earlier one
// fitted. Keep the old and the new one active for as long as the vendor may
// still repeat a callback that it signed with the old one.
//
// Verifiers keep their secrets where neither fmt, log/slog nor a printer that
// walks through pointers finds them, and an error names a secret by its place.
// A secret of fewer than 16 bytes is refused: HMAC must not be used with less
// than 112 bits (NIST SP 800-131A), and what is shorter is, in practice, a
// placeholder. One that begins or ends with white space is refused, too: it
// was read from a file with its line feed, and no signature would ever fit.
//
// # Replay
//
// Schemes that sign a time refuse callbacks further than the tolerance from
// the time of receipt, on either side. Within it, and with the schemes that
// sign no time at all ([HMAC], [Token]), the same callback can be delivered
// again by anybody who has seen it. What guards against that is not here:
// events are deduplicated by the vendor's event id or by what they say, and a
// piece's status never moves backwards. A verifier accepts one spelling of a
// signature only (lower-case digits, canonical padding), so a second copy of a
// callback is equal to the first in every byte that matters.
//
// The time of receipt is an argument, so that a callback that was stored can be
// verified again years later.
//
// # Errors
//
// Verify fails with [ErrMalformed] when the callback cannot be read (answer
// 400), with [ErrSignature] when no active secret signed it (401), and with
// [ErrStale] or [ErrFuture] when one did, but at another time (401; one of the
// clocks may be wrong). They are wrapped with the name of the header and never
// with what it holds.
//
// NewVerifier and Sign fail with an error that says which of the secrets is wrong,
// by its place, and how, or which setting of the scheme is. It has no code: an
// adapter gives it postproof.CodeInvalidArgument.
//
// # Concurrency
//
// Verifiers are immutable and safe for concurrent use. The body is streamed
// through pooled MACs, which have absorbed their secret already, and is not
// copied; Ed25519 needs it in one piece, and a token is decoded.
package signature
