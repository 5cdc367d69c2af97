package vendorsim_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// Lob's API on this machine, which loses the first answer to an order. The print
// log is the truth: the piece is there although nobody was told.
func ExampleStart() {
	sim, err := vendorsim.Start(vendorsim.Config{Faults: vendorsim.Plan{
		Rules: []vendorsim.Rule{{Boundary: vendorsim.SendLost, Rate: 1, First: 1}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer sim.Close()
	order := func() {
		const card = `{"to":{"name":"Harry Zhang","address_line1":"210 King St","address_city":"San Francisco","address_state":"CA",
			"address_zip":"94107"},"front":"<b>front</b>","back":"<b>back</b>","size":"4x6","use_type":"operational"}`
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, sim.URL+"/lob/v1/postcards?idempotency_key=k", strings.NewReader(card))
		if err != nil {
			log.Fatal(err)
		}
		req.SetBasicAuth("test_simlob", "")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println("no answer; on paper:", len(sim.Prints()))
			return
		}
		defer resp.Body.Close()
		fmt.Println(resp.StatusCode, "on paper:", len(sim.Prints()))
	}
	order()
	order() // with the same key
	// Output:
	// no answer; on paper: 1
	// 200 on paper: 1
}
