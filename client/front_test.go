package client_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// What stands in front of a vendor does not know whether it is too late to cancel: the
// wish outlives its 400, and the piece is stopped.
func TestCancelOutlivesAForeign400(t *testing.T) {
	t.Parallel()
	for _, name := range []string{pcm.Name, postgrid.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					if r.Method == http.MethodDelete && asked.Add(1) == 1 {
						http.Error(w, "<html>Bad Request</html>", http.StatusBadRequest)
						return
					}
					vendor.ServeHTTP(w, r)
				})
				if _, err := c.Submit(t.Context(), job("a")); err != nil {
					t.Fatal(err)
				}
				cancelJob(t, c, "a")
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Canceled {
					t.Errorf("%v, outcome %q: want it canceled", rec, rec.Cancel.Outcome)
				}
				if prints := sim.Prints(); len(prints) != 2 || prints[1].Event != vendorsim.Voided {
					t.Errorf("%d lines, want one printed and one voided", len(prints))
				}
			})
		})
	}
}

// A 409 of what stands in front says nothing of our reference: the job is sent again, and
// not held because nobody finds it.
func TestForeign409IsNoVeto(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		sim, c := fronted(t, pcm.Name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
			if submits(r) && sent.Add(1) == 1 {
				http.Error(w, "error code: 1001", http.StatusConflict)
				return
			}
			vendor.ServeHTTP(w, r)
		})
		rec, err := c.Submit(t.Context(), job("a"))
		if postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatalf("%v, %v; want an unknown outcome", rec, err)
		}
		runFor(t, c, time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(sim.Prints()) != 1 {
			t.Errorf("%v, %d printed; want it accepted once", rec, len(sim.Prints()))
		}
	})
}

// A piece is accepted, its answer lost, and then its address refused. It is found by one
// look-up, not sent again for a week and held.
func TestRefusedInDoubtIsFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{lob.Name, pcm.Name} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int32
				sim, c := fronted(t, name, func(w http.ResponseWriter, r *http.Request, vendor http.Handler) {
					switch {
					case !submits(r):
						vendor.ServeHTTP(w, r)
					case sent.Add(1) == 1:
						vendor.ServeHTTP(httptest.NewRecorder(), r)
						w.WriteHeader(http.StatusInternalServerError)
					default:
						w.WriteHeader(http.StatusUnprocessableEntity)
						_, _ = w.Write([]byte(`{"error":{"code":422,"message":"recipient address failed verification"}}`))
					}
				})
				_, _ = c.Submit(t.Context(), job("a"))
				runFor(t, c, time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(sim.Prints()) != 1 || sent.Load() > 3 {
					t.Errorf("%v after %d sends, %d printed; want it accepted by a look-up", rec, sent.Load(), len(sim.Prints()))
				}
			})
		})
	}
}
