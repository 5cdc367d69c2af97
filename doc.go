// Package postproof is the vocabulary of a library that sends physical mail
// through print vendors so that no piece is printed twice, none is lost, and
// anyone can say where each one is.
//
// This package holds the words and nothing else: the [Job], the [Piece] that is
// printed and its [Artwork], the [Address] it goes to, the [Receipt] of the
// vendor that took it, the [Status] of where it is, and the [Error] with its two
// questions. It imports the standard library only. The work is done by package
// client, on a ledger of package idempotency, through adapters of package
// vendors:
//
//	mail, err := client.New(ctx, ledger, []vendors.Adapter{printer})
//	...
//	rec, err := mail.Submit(ctx, postproof.Job{
//		Key:   "invoice-1042", // never used for another piece
//		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
//		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: front, Back: back}},
//		Class: postproof.FirstClass,
//	})
//
// A whole program is examples/quickstart.
//
// # Two questions about every error
//
// [CodeOf] says what went wrong. [DeliveryOf] says whether paper may be in the
// mail, and it alone decides what may happen next:
//
//	NotSent   nothing of the request was written     anything may follow
//	Refused   the vendor's definite no               another vendor, or a corrected job
//	Unknown   nobody can tell from this side         only that same vendor may settle it
//	Accepted  the vendor has it                      only its status
//
// # Personal data
//
// Addresses, jobs, keys and what holds them print without personal data, in
// fmt, in errors and in slog. The JSON form of a [Job] is the ledger's and holds
// everything.
//
// # Concurrency
//
// Values of this package are plain data: copy them freely, do not change what
// you have handed over. [Capabilities] are immutable once handed out.
package postproof
