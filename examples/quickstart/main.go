// Quickstart mails one postcard through a simulated Lob, twice, under one key:
// the second call sends nothing. It is the program of the README.
package main

import (
	"context"
	"fmt"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

func main() {
	ctx := context.Background()
	sim, err := vendorsim.Start(vendorsim.Config{}) // Lob's API on this machine
	check(err)
	printer, err := lob.New("test_simlob", lob.WithBaseURL(sim.URL+"/lob/v1"), lob.WithUseType(lob.Operational))
	check(err)
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer})
	check(err)
	card := postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}}
	home := postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"}
	for range 2 { // the second time sends nothing
		job, err := mail.Submit(ctx, postproof.Job{Key: "invoice-1042", To: home, Piece: card, Class: postproof.FirstClass})
		check(err)
		fmt.Println(job.State, "by", job.Receipt.Vendor)
	}
	fmt.Println("on paper:", len(sim.Prints()))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
