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
	"github.com/postproof/postproof/vendors/vendorsim"
)

// Two jobs of a campaign that may have one piece: the second waits for a person,
// who looks at it and decides. All of it stands in the change log.
func ExampleClient_Held() {
	ctx := context.Background()
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Marketing))
	if err != nil {
		log.Fatal(err)
	}
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer},
		client.WithCap(client.Cap{Campaign: "spring", Pieces: 1}))
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	job := postproof.Job{
		Key: "spring-ann", Campaign: "spring", Contact: "ann", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Ann Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
	if _, err := mail.Submit(ctx, job); err != nil {
		log.Fatal(err)
	}
	job.Key, job.Contact = "spring-bob", "bob"
	rec, err := mail.Submit(ctx, job)
	fmt.Println(rec.State, "with", postproof.CodeOf(err), postproof.DeliveryOf(err))

	for rec, err := range mail.Held(ctx, "spring") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("held:", rec.Contact, "because of", rec.Hold.Reason)
	}
	if _, err := mail.Decide(ctx, "spring-bob", client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "eve", Why: "one is enough"}); err != nil {
		log.Fatal(err)
	}
	if rec, err = mail.Status(ctx, "spring-bob"); err != nil {
		log.Fatal(err)
	}
	fmt.Println("now:", rec.State)
	for e, err := range mail.Changes(ctx, client.ChangeQuery{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.N, e.Action, "by", e.By+":", e.Why)
	}
	// Output:
	// held with conflict not_sent
	// held: bob because of cap
	// now: canceled
	// 1 decide by eve: one is enough
}

// Status is the ledger's word: it asks no vendor.
func ExampleClient_Status() {
	ctx := context.Background()
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		log.Fatal(err)
	}
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer})
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()
	if _, err := mail.Submit(ctx, postproof.Job{
		Key: "invoice-1042", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}); err != nil {
		log.Fatal(err)
	}

	rec, err := mail.Status(ctx, "invoice-1042")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.State, "by", rec.Receipt.Vendor+", the piece is", rec.Status.Stage, "as", rec.Status.Confidence)
	for e, err := range mail.History(ctx, "invoice-1042") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("-", e.Kind)
	}
	_, err = mail.Status(ctx, "invoice-1043")
	fmt.Println(postproof.CodeOf(err))
	// Output:
	// accepted by lob, the piece is accepted as reported
	// - planned
	// - intent
	// - accepted
	// - status
	// not_found
}
