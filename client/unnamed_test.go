package client_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/postgrid"
)

// A live account that goes by its API key is told of once, before the key is rotated;
// a named one, and one in test mode, is not.
func TestLiveAccountWithoutANameIsToldOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		what string
		mode postproof.Mode
		name string
		want int
	}{
		{"live, no name", postproof.ModeLive, "", 1},
		{"live, named", postproof.ModeLive, "main", 0},
		{"test, no name", postproof.ModeTest, "", 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			mode := "test"
			if tt.mode == postproof.ModeLive {
				mode = "live"
			}
			l, err1 := lob.New(mode+"_0123456789", lob.WithAccount(tt.name))
			g, err2 := postgrid.New(mode+"_sk_0123456789", postgrid.WithAccount(tt.name))
			p, err3 := pcm.New("0123456789", "9876543210", tt.mode, pcm.WithAccount(tt.name))
			for _, err := range []error{err1, err2, err3} {
				if err != nil {
					t.Fatal(err)
				}
			}
			log := &logs{}
			c, err := client.New(t.Context(), idempotency.NewMemory(tt.mode), []vendors.Adapter{l, g, p}, client.WithLogger(log.logger()))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, a := range []vendors.Adapter{l, g, p} {
				if n := log.count(`"vendor":"` + a.Capabilities().Vendor + `","account":"` + a.Account().Fingerprint); n != tt.want {
					t.Errorf("%s is told of %d times, want %d:\n%s", a.Capabilities().Vendor, n, tt.want, log.text())
				}
			}
			if n := log.count("the account of a vendor has no name"); n != 3*tt.want || log.count(`"level":"WARN"`) != n {
				t.Errorf("%d warnings, want %d:\n%s", n, 3*tt.want, log.text())
			}
		})
	}
}
