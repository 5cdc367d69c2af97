package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A worker that is stopped while it asks for a control piece, or for other recoveries,
// gives the job back: the next one need not wait for its lease to run out.
func TestStopBesideAControlPieceGivesTheJobBack(t *testing.T) {
	t.Parallel()
	for name, nth := range map[string]int{"asking for the control piece": 1, "asking for other recoveries": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTwice(t, newPress(t, "alpha", postproof.IdempotencyNone))
				w.opts = append(w.opts, client.WithGrace(3*time.Second), client.WithLease(time.Hour), client.WithConcurrency(2))
				c, s := w.restored(t)
				recovered(t, c, client.RecoverOptions{})
				control(t, c, "alpha", 1)
				id, err := s.Identity(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				mine := map[string]bool{}
				for gen := range 200 {
					mine[string(id.Namespace.Ref(id.Mode, "contact-0", gen))] = true
				}
				ctx, stop := context.WithTimeout(t.Context(), 96*time.Hour)
				defer stop()
				others := 0
				w.presses[0].faults(func(op, ref string, _ int) string {
					if op == "/find" && !mine[ref] {
						if others++; others == nth {
							stop()
							time.Sleep(10 * time.Second)
						}
					}
					return ""
				})
				if err := c.Run(ctx); err != nil || others < nth {
					t.Fatalf("Run = %v; asked for %d others", err, others)
				}
				time.Sleep(10 * time.Second)
				if rec := status(t, c, "contact-0"); rec.State != idempotency.Unknown || rec.Lease != (idempotency.Lease{}) {
					t.Errorf("%v is left with the lease %v", rec, rec.Lease)
				}
			})
		})
	}
}
