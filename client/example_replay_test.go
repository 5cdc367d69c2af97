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

// A campaign of which a part was mailed is brought to its end: first the plan,
// then the run. The second replay of the same list has nothing to send.
func ExampleClient_PlanReplay() {
	const list = "contact_id,name,address_line1,city,state,postal_code\n" +
		"c1,Alex Doe,210 King St,San Francisco,CA,94107\n" +
		"c2,Sam Roe,1 Main St,Springfield,IL,62701\n" +
		"c3,Kim Poe,5 Oak Ave,Springfield,IL,62701\n"
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
		client.WithVendor(lob.Name, client.VendorConfig{Price: func(*postproof.Job) int64 { return 77 }}))
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()
	snap, err := snapshot.Take(ctx, snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err != nil {
		log.Fatal(err)
	}
	drop := client.Drop{
		Name: "card", Class: postproof.FirstClass,
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Spring</h1>", Back: "<p>is here</p>"}},
	}
	for job, err := range client.Jobs(ctx, snap, drop) {
		if err == nil {
			_, err = mail.Submit(ctx, job)
		}
		if err != nil {
			log.Fatal(err)
		}
		break // the program was stopped after the first one
	}
	for _, name := range []string{"first", "second"} {
		plan, err := mail.PlanReplay(ctx, client.Replay{Name: name, Snapshot: snap, Drop: drop})
		if err != nil {
			log.Fatal(err)
		}
		for _, n := range plan.Counts {
			fmt.Println(n.Jobs, n.Outcome, n.Reason)
		}
		for _, c := range plan.Costs {
			fmt.Println(c.Vendor, c.Jobs, "for", c.Cents, "cents")
		}
		if _, err := mail.RunReplay(ctx, plan, client.Actor{By: "ann", Why: "stopped half way"}, client.ReplayOptions{}); err != nil {
			log.Fatal(err)
		}
		if _, err := mail.Drain(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println("on paper:", len(sim.Prints()))
	}
	// Output:
	// 2 new not_in_ledger
	// 1 accepted accepted
	// lob 2 for 154 cents
	// on paper: 3
	// 3 accepted accepted
	// on paper: 3
}
