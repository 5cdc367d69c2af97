package callback_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/vendors"
)

// BenchmarkIntake takes callbacks of a kilobyte in: those of the vendor, and those
// that nobody has signed.
func BenchmarkIntake(b *testing.B) {
	for name, with := range map[string]string{"signed": secret, "unsigned": secret2} {
		b.Run(name, func(b *testing.B) {
			p := &printer{name: "printer", mode: postproof.ModeTest, key: "k", caps: postproof.Capabilities{
				Vendor: "printer", Callbacks: postproof.Callbacks{Auth: postproof.CallbackSigned, EventIDs: true},
			}}
			c, err := client.New(b.Context(), memory(), []vendors.Adapter{p})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			rx, err := callback.New(c, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}})
			if err != nil {
				b.Fatal(err)
			}
			defer rx.Close()
			var n atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					body, err := json.Marshal([]note{{ID: fmt.Sprint("evt_", n.Add(1)), Piece: "psc_1", Status: "mailed", Extra: string(make([]byte, 160))}})
					if err != nil {
						b.Fatal(err)
					}
					if got := post(rx, rawRequest("/printer", with, body)).StatusCode; (got == http.StatusOK) != (with == secret) {
						b.Fatal(got)
					}
				}
			})
		})
	}
}
