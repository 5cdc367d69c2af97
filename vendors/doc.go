// Package vendors is the seam between the client and the print vendors: the
// [Adapter] that each vendor's package implements, the one-method interfaces
// for what only some vendors can do, and the [Doer] through which an adapter
// talks to its vendor.
//
// An adapter translates, and nothing else. It keeps no state but credentials,
// does not retry, does not log, and sees neither the ledger nor the policies
// behind the Doer. What its vendor can do is data, [postproof.Capabilities],
// and must agree with the interfaces that the adapter implements; package
// vendortest checks both ways.
//
// To add a vendor, begin with the example of [Adapter] here; examples/adapter in
// the repository is a whole one, with callbacks and a simulator, and
// docs/adapters.md says what to do in which order. [CheckBaseURL], [JSONBody],
// [DocumentBody], [NewForm], [SplitName], [ParseObject], [Word], [ContentDigest],
// [Fingerprint], [JudgeStatus], [Foreign] and [RetryAfter] are what adapters have in common; [JoinBodies]
// and [NotOrdered] are for a vendor whose order takes several requests.
//
// # Errors
//
// Every error of an adapter says, by [postproof.DeliveryOf], whether paper may
// be in the mail. In doubt it is Unknown. No error holds personal data or
// credentials.
//
// # Concurrency
//
// Adapters are safe for concurrent use.
package vendors
