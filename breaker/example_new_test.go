package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
)

// Three failures in a row open the breaker of that vendor's submissions. A refused
// call has sent nothing, and its error says so; reads go on.
func ExampleNew() {
	set, err := breaker.New(breaker.Config{Consecutive: 3}) // each other field is its default
	if err != nil {
		log.Fatal(err)
	}
	for range 4 {
		done, err := set.Allow("acme", "submit")
		if err != nil {
			fmt.Println(errors.Is(err, breaker.ErrOpen), postproof.CodeOf(err), postproof.DeliveryOf(err))
			continue
		}
		done(breaker.Outcome{Kind: breaker.Failure}) // what the call came to
	}
	for _, s := range set.States() {
		fmt.Println(s.Vendor, s.Group, s.Phase, s.Reason)
	}
	fmt.Println(set.State("acme", "read").Phase)
	// Output:
	// true unavailable not_sent
	// acme submit open consecutive_failures
	// closed
}

// Under an HTTP client it judges by status and error, one breaker for each group
// of operations.
func ExampleSet_Transport() {
	set, err := breaker.New(breaker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	vendor := &http.Client{Transport: set.Transport("acme", nil, http.DefaultTransport)}
	set.ForceOpen("acme", "read", "maintenance until noon")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.acme.example/orders", http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := vendor.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if open, ok := errors.AsType[*breaker.OpenError](err); ok {
		fmt.Println(open.Phase, open.Reason, open.Note)
	}
	// Output: open forced maintenance until noon
}
