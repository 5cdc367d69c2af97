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

// One job, now. The vendor is a simulator on this machine; without WithBaseURL
// it is Lob itself.
func ExampleClient_Submit() {
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

	job := postproof.Job{
		Key: "invoice-1042", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
	rec, err := mail.Submit(ctx, job)
	switch {
	case rec == nil: // not even stored
		log.Fatal(err)
	case err != nil: // stored: Run goes on with it; rec.State says how it stands
		fmt.Println("not accepted yet:", rec.State, postproof.DeliveryOf(err))
	default:
		fmt.Println(rec.State, "by", rec.Receipt.Vendor)
	}
	// Output: accepted by lob
}
