package callback_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/retry"
)

// What was stored before the vendor's key was rotated is read and applied after it,
// if the client knows the former name of the account; else it waits for that.
func TestStoredBeforeARotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		w := newWorld(t, store, newPrinter(t))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "evt_1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		former := w.p.Account().Fingerprint
		w.p.key = "new"
		for _, known := range []bool{false, true} {
			cfg := client.VendorConfig{Transport: retry.TransportConfig{DialContext: w.p.lis.Dial}}
			if known {
				cfg.FormerAccounts = []string{former}
			}
			w.mail = newClient(t, store, w.p, client.WithVendor(w.p.name, cfg))
			w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
			run(t, w.rx, 10*time.Minute) // not for so long that it is parked
			if s := w.status(t, "a").Status.Stage; (s == postproof.StageMailed) != known {
				t.Errorf("former name known %t: the piece is %s", known, s)
			}
		}
	})
}
