package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// Workers are started again one after the other when a cap is set: those that still run
// without it count what they send from the moment that it is set, and what they had begun
// to send.
func TestACapCountsWhatRunningClientsSend(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cap   client.Cap
		midst bool          // it is set while the running one commits an intent
		dies  postproof.Key // at the running one
		want  int           // of three more, after two that were sent before and two beside it
		dying bool          // who sets it first dies of it
	}{
		"pieces":            {cap: client.Cap{Pieces: 5}, want: 1},
		"money":             {cap: client.Cap{Cents: 5*50 + 49}, want: 1},
		"of the campaign":   {cap: client.Cap{Campaign: "spring", Pieces: 6}, want: 2},
		"of a vendor":       {cap: client.Cap{Vendor: "alpha", Pieces: 4}, want: 0},
		"one dies":          {cap: client.Cap{Pieces: 5}, dies: "d", want: 2},
		"one dies, money":   {cap: client.Cap{Cents: 5*50 + 49}, dies: "d", want: 2},
		"in the midst":      {cap: client.Cap{Pieces: 5}, midst: true, want: 1},
		"in doubt":          {cap: client.Cap{Pieces: 5}, dying: true, want: 1},
		"in doubt, a death": {cap: client.Cap{Cents: 250}, dying: true, dies: "a", want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
				price := client.WithVendor("alpha", vendorConfig(p, func(*postproof.Job) int64 { return 50 }))
				with := func() *client.Client {
					return newClient(t, s.Memory, []*press{p}, client.WithCap(tc.cap), seldom(), price)
				}
				running := newClient(t, s, []*press{p}, seldom(), price)
				submit := func(c *client.Client, keys ...string) (sent int) {
					for _, key := range keys {
						rec, err := c.Submit(t.Context(), job(key))
						switch {
						case rec != nil && rec.State == idempotency.Accepted:
							sent++
						case rec == nil || rec.Hold.Reason != idempotency.HoldCap:
							t.Fatalf("%s: %v, %v", key, rec, err)
						}
					}
					return sent
				}
				submit(running, "a", "b")
				var capped *client.Client
				switch {
				case tc.midst:
					s.before = func(changes []idempotency.Change) error {
						if r := changes[0].Record; r != nil && r.State == idempotency.Sending {
							s.before = nil
							capped = with()
						}
						return nil
					}
				case tc.dying:
					dead := newShaky()
					dead.Memory = s.Memory
					commits := 0
					dead.after = func(changes []idempotency.Change) error {
						if len(changes[0].Settings) == 2 {
							commits++
							dead.dead.Store(true)
						}
						return nil
					}
					if c, err := client.New(t.Context(), dead, []vendors.Adapter{p.adapter()}, client.WithCap(tc.cap), client.WithLogger(quiet()), price); err == nil || commits != 1 {
						t.Fatalf("New = %v, %v, after %d commits", c, err, commits)
					}
				default:
					capped = with()
				}
				submit(running, "c", "d")
				if capped == nil {
					capped = with()
				}
				if tc.dies != "" {
					cancelJob(t, running, tc.dies)
					runFor(t, running, time.Minute)
				}
				if diff := cmp.Diff(tc.want, submit(capped, "e", "f", "g")); diff != "" {
					t.Errorf("sent of three more (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A backup from before a cap was set is put back under a client that has it: what the
// restored ledger says was sent counts, as at a start.
func TestACapCountsInARestoredLedger(t *testing.T) {
	t.Parallel()
	for name, elsewhere := range map[string]bool{"recovered here": false, "recovered elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, backup := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), newShaky()
				plain := newClient(t, backup, []*press{p})
				for _, key := range []string{"a", "b"} {
					if _, err := plain.Submit(t.Context(), job(key)); err != nil {
						t.Fatal(err)
					}
				}
				capped := newClient(t, s, []*press{p}, client.WithCap(client.Cap{Pieces: 3}))
				s.Memory = backup.Memory
				restore(s)
				time.Sleep(2 * time.Second)
				who := capped
				if elsewhere {
					who = newClient(t, s, []*press{p})
				}
				recovered(t, who, client.RecoverOptions{DoubtNewFor: -1})
				time.Sleep(2 * time.Second)
				sent := 0
				for _, key := range []string{"c", "d"} {
					if rec, _ := capped.Submit(t.Context(), job(key)); rec != nil && rec.State == idempotency.Accepted {
						sent++
					}
				}
				if sent != 1 {
					t.Errorf("%d were sent, one more is allowed", sent)
				}
			})
		})
	}
}
