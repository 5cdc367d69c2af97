// Adapter is a vendor that this module does not know, from its API to the mail:
// acme.go is the adapter, wire.go what goes over the wire, find.go the look-up,
// errors.go what its refusals mean, callback.go what it tells by itself, press.go a
// simulator of it, main_test.go the test that every adapter passes, and
// acme_test.go what no simulator says. The program loses the answer to a submission, and counts
// the paper.
//
// What to look at: nothing here retries, stores or decides. That the second
// request has the same key and the same bytes, and that a callback is applied
// once, is the client's work; what the adapter says of its vendor is data.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// webhook is what Acme signs its callbacks with: what its dashboard shows.
const webhook = "acme-webhook-of-the-dashboard"

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	press := NewPress("acme-test-key")
	base, closeVendor, err := serve(ctx, press)
	if err != nil {
		return err
	}
	defer closeVendor()
	printer, err := NewAcme(base+"/v1", "main", "acme-test-key", postproof.ModeTest)
	if err != nil {
		return err
	}
	mail, err := client.New(ctx, idempotency.NewMemory(postproof.ModeTest), []vendors.Adapter{printer},
		client.WithVendor(printer.Capabilities().Vendor, client.VendorConfig{Callbacks: true}))
	if err != nil {
		return err
	}
	defer mail.Close()

	press.Lose(1) // the first answer does not arrive: nobody knows
	rec, err := mail.Submit(ctx, postproof.Job{
		Key: "invoice-1042", Class: postproof.FirstClass,
		To:    postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s by %s, sent %d times, on paper: %d\n", rec.State, rec.Receipt.Vendor, rec.Submissions[0].Sends, press.Orders(string(rec.Receipt.Ref)))

	// Four days later the vendor calls, twice.
	rx, err := callback.New(mail, []callback.Endpoint{{Adapter: printer, Secrets: []string{webhook}}})
	if err != nil {
		return err
	}
	defer rx.Close()
	ours, closeReceiver, err := serve(ctx, rx)
	if err != nil {
		return err
	}
	defer closeReceiver()
	press.Advance(96 * time.Hour)
	for range 2 {
		if err := call(ctx, ours+"/callbacks/acme", press, string(rec.Receipt.Ref)); err != nil {
			return err
		}
	}
	did, err := rx.Drain(ctx)
	if err != nil {
		return err
	}
	rec, err = mail.Status(ctx, "invoice-1042")
	if err != nil {
		return err
	}
	fmt.Printf("%s, by %d of 2 callbacks\n", rec.Status.Stage, did.Applied)
	return nil
}

// call posts a callback of the press.
func call(ctx context.Context, to string, press *Press, ref string) error {
	header, body := press.Callback(ref, webhook, time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the callback was answered with %s", resp.Status)
	}
	return nil
}

// serve serves on a port of this machine.
func serve(ctx context.Context, h http.Handler) (base string, end func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}
