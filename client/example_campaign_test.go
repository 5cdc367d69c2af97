package client_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// A list is frozen, its good rows become jobs, and a worker sends them. Doing it
// all again sends nothing.
func Example_campaign() {
	const list = `contact_id,name,address_line1,address_line2,city,state,postal_code
c1,Alex Doe,210 King St,,San Francisco,CA,94107
c2,Sam Roe,1 Main St,,,IL,62701
c3,Kim Poe,5 Oak Ave,,Springfield,IL,62701
`
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

	card := postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Spring</h1>", Back: "<p>is here</p>"}}
	for range 2 {
		snap, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}),
			snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err != nil {
			log.Fatal(err)
		}
		for r, err := range snap.Rejects(ctx) { // what cannot be mailed, and why
			fmt.Println(r.Findings, err)
		}
		queued, err := mail.Enqueue(ctx, client.Jobs(ctx, snap, client.Drop{Name: "card", Piece: card, Class: postproof.FirstClass}))
		if err != nil {
			log.Fatal(err)
		}
		left, err := mail.Drain(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("new:", queued.New, "accepted:", left[idempotency.Accepted], "on paper:", len(sim.Prints()))
	}
	// Output:
	// [row 3: error[missing] city: missing] <nil>
	// new: 2 accepted: 2 on paper: 2
	// [row 3: error[missing] city: missing] <nil>
	// new: 0 accepted: 2 on paper: 2
}
