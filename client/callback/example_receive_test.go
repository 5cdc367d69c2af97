package callback_test

import (
	"context"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// A piece is sent, its vendor says that it was delivered, and the CRM hears of
// it.
func Example() {
	ctx := context.Background()
	printer := acme{}
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer},
		client.WithVendor("acme", client.VendorConfig{Callbacks: true})) // else each piece is polled all the same
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	updateCRM := func(_ context.Context, u callback.Update) error {
		fmt.Println("CRM:", u.Record.Contact, "is", u.Record.Status.Stage)
		return nil
	}
	rx, err := callback.New(mail, []callback.Endpoint{
		{Adapter: printer, Secrets: []string{"the secret of acme's dashboard"}},
	}, callback.WithHandler(updateCRM))
	if err != nil {
		log.Fatal(err)
	}
	defer rx.Close()
	mux := http.NewServeMux()
	mux.Handle("/callbacks/", rx) // acme's is /callbacks/acme
	server := httptest.NewServer(mux)
	defer server.Close()

	if _, err := mail.Submit(ctx, postproof.Job{
		Key: "welcome-1", Contact: "contact-17", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}); err != nil {
		log.Fatal(err)
	}

	// The vendor calls.
	body := `{"id": "evt_1", "piece": "psc_1", "status": "delivered"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/callbacks/acme", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	signed, err := acmeScheme().Sign([]byte(body), "the secret of acme's dashboard")
	if err != nil {
		log.Fatal(err)
	}
	maps.Copy(req.Header, signed)
	resp, err := server.Client().Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println("answered with", resp.StatusCode)

	did, err := rx.Drain(ctx) // a service calls Run, in a goroutine
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("applied", did.Applied)
	// Output:
	// answered with 200
	// CRM: contact-17 is delivered
	// applied 1
}
