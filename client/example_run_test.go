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

// A service hands jobs in and has workers send them, in this process or others.
// A job that is no mail is rejected, and the others go on.
func ExampleClient_Enqueue() {
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer})
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	job := postproof.Job{
		Key: "reminder-7", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
	nowhere := job
	nowhere.Key, nowhere.To = "reminder-8", postproof.Address{Name: "Sam Roe"}
	in, err := mail.Enqueue(ctx, client.JobList(job, nowhere, job))
	if err != nil {
		log.Fatal(err) // what was counted is stored; the rest can be handed in again
	}
	fmt.Println("new:", in.New, "known:", in.Known, "rejected:", in.Rejected)

	ended := make(chan error)
	go func() { ended <- mail.Run(ctx) }() // as a service does, until it is told to stop
	left, err := mail.Drain(ctx)           // as a batch does, until nothing waits
	if err != nil {
		log.Fatal(err)
	}
	stop()
	fmt.Println("accepted:", left[idempotency.Accepted], "open:", left.Open(), "run ended with", <-ended)
	// Output:
	// new: 1 known: 1 rejected: 1
	// accepted: 1 open: 0 run ended with <nil>
}
