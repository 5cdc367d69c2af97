package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
)

// Somebody asks to be forgotten. What is waiting is never sent, and its key is
// never used again.
func ExampleClient_Erase() {
	ctx := context.Background()
	adapter, err := lob.New("test_key")
	if err != nil {
		log.Fatal(err)
	}
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{adapter})
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()
	jobs := func(yield func(postproof.Job, error) bool) {
		yield(postproof.Job{
			Key: postproof.DeriveKey("spring", "contact-17", "card"), Campaign: "spring", Contact: "contact-17",
			To:    postproof.Address{Name: "Ada Quill", Line1: "12 Elm Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
			Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>Dear Ada</b>", Back: "<b>back</b>"}}, Class: postproof.FirstClass,
		}, nil)
	}
	if _, err := mail.Enqueue(ctx, jobs); err != nil {
		log.Fatal(err)
	}

	report, err := mail.Erase(ctx, client.Erasure{Contacts: []string{"contact-17"}, Now: true, Artwork: true}, client.Actor{By: "privacy officer", Why: "request 42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Jobs[0].Outcome, report.Jobs[0].State, "complete:", report.Complete())
	fmt.Println("in the change log:", mail.VerifyErasure(ctx, report) == nil)

	again, err := mail.Enqueue(ctx, jobs)
	fmt.Println("handed in again:", again.New, "new,", again.Known, "known,", err)
	// Output:
	// buried canceled complete: true
	// in the change log: true
	// handed in again: 0 new, 1 known, <nil>
}
