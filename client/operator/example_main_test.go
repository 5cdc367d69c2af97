package operator_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// The command works on a ledger beside the services that have it open: here on
// one with a job that waits for a person.
func ExampleMain() {
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
	ledger, limit := idempotency.NewMemory(postproof.ModeTest), client.WithCap(client.Cap{Campaign: "spring", Pieces: 1})
	clock := vendorsim.NewClock(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), 0) // so that the example ends the same each time
	quiet := client.WithLogger(slog.New(slog.DiscardHandler))
	mail, err := client.New(ctx, ledger, []vendors.Adapter{printer}, limit, client.WithClock(clock), quiet)
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()
	for _, contact := range []string{"ann", "bob"} {
		_, err := mail.Submit(ctx, postproof.Job{
			Key: postproof.Key("spring-" + contact), Campaign: "spring", Contact: contact, Class: postproof.FirstClass,
			To:    postproof.Address{Name: "Ann Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
			Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
		})
		if err != nil && postproof.CodeOf(err) != postproof.CodeConflict {
			log.Fatal(err)
		}
	}

	code := operator.Main(ctx, operator.Config{
		Args: []string{"held"}, Stdout: os.Stdout, Stderr: os.Stderr, By: "eve", Clock: clock, Store: ledger, Options: []client.Option{limit},
	})
	fmt.Println("exit code", code) // ExitNeedsPerson
	// Output:
	// 1 job held
	//
	//   REASON  JOBS  NO PAPER  MAYBE  PAPER  OLDEST (UTC)
	//   cap        1         1      0      0  03-02 15:00 (0s ago)
	//
	//   JOB@VERSION            CAMPAIGN  CONTACT  REASON  PAPER  SINCE (UTC)
	//   9744c72833b5@1.c064fb  spring    bob      cap     no     03-02 15:00 (0s ago)
	//
	// cap: A cap on pieces or money was reached before it could be sent.
	//   Raise the cap in the workers' configuration, then release it; before that it comes back here.
	//   release
	//       It waits to be sent again, and is sent when its turn comes.
	//       Risk: None on paper beyond the one piece: nothing of it was sent that a vendor could have.
	//   decide canceled
	//       Nothing is sent any more, and nobody waits for it.
	//       Risk: None on paper: nothing of it was sent that a vendor could have.
	//   decide planned
	//       It is sent, as if it were new.
	//       Risk: None on paper beyond the one piece: nothing of it was sent that a vendor could have.
	// exit code 3
}
