package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// A campaign is paused, on every replica; what is handed in meanwhile is durable
// and waits. Taking the pause back sends it.
func ExampleClient_Pause() {
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
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer})
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	pause, err := mail.Pause(ctx, client.CampaignTarget("spring"), client.Actor{By: "ann", Why: "wrong artwork"})
	if err != nil {
		log.Fatal(err)
	}
	rec, err := mail.Submit(ctx, postproof.Job{
		Key: "spring-bob", Campaign: "spring", Contact: "bob", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Bob Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	})
	if paused, ok := errors.AsType[*client.PausedError](err); ok {
		fmt.Println(rec.State, "because", paused.Paused.Target, "is paused:", paused.Paused.Why)
	}

	if _, err := mail.Undo(ctx, pause.N, client.Actor{By: "ann", Why: "the artwork was right"}); err != nil {
		log.Fatal(err)
	}
	left, err := mail.Drain(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("on paper:", len(sim.Prints()), "left:", left.Open())
	// Output:
	// planned because campaign spring is paused: wrong artwork
	// on paper: 1 left: 0
}
