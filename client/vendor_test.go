package client_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A vendor whose cut-off is in a zone that this machine does not know is not
// worked with: its pieces would be believed to be stoppable when they are not.
func TestCutoffInAZoneThatNobodyKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.tune = func(c *postproof.Capabilities) {
			c.Cancel = postproof.CancelWindow{Supported: true, Cutoff: 12 * time.Hour, CutoffZone: "America/Atlantis"}
		}
		_, err := client.New(t.Context(), newShaky(), adaptersOf(p))
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Fatalf("New = %v", err)
		}
		for _, want := range []string{"alpha", "America/Atlantis", `import _ "time/tzdata"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %s", err, want)
			}
		}
	})
}

// The rate that was agreed with a vendor counts, not the one that its adapter
// states: above it, below it, and where there is none.
func TestVendorRate(t *testing.T) {
	t.Parallel()
	perMinute := func(n int) postproof.Rate { return postproof.Rate{Requests: n, Per: time.Minute} }
	for name, tc := range map[string]struct {
		stated, agreed postproof.Rate
		most           int // in any minute
		quick          bool
	}{
		"the adapter's own": {stated: perMinute(6), most: 6},
		"more":              {stated: perMinute(6), agreed: perMinute(600), most: 600, quick: true},
		"less":              {stated: perMinute(600), agreed: perMinute(6), most: 6},
		"where none is":     {agreed: perMinute(6), most: 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.tune = func(c *postproof.Capabilities) { c.Rate = tc.stated }
				config := vendorConfig(p, nil)
				config.Rate = tc.agreed
				c := newClient(t, newShaky(), []*press{p}, client.WithVendor("alpha", config))
				if _, err := c.Enqueue(t.Context(), jobs(20)); err != nil {
					t.Fatal(err)
				}
				if left := drain(t, c); left[idempotency.Accepted] != 20 {
					t.Fatalf("left %v", left)
				}
				for i := range p.times {
					if next := i + tc.most; next < len(p.times) && p.times[next].Sub(p.times[i]) < time.Minute {
						t.Fatalf("%d requests in %s, want at most %d in a minute", tc.most+1, p.times[next].Sub(p.times[i]), tc.most)
					}
				}
				if took := p.times[19].Sub(p.times[0]); (took < time.Minute) != tc.quick {
					t.Errorf("20 requests took %s", took)
				}
			})
		})
	}
	for _, bad := range []postproof.Rate{{Requests: 5}, {Per: time.Second}, {Requests: -1, Per: time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			p := newPress(t, "alpha", postproof.IdempotencyKey)
			_, err := client.New(t.Context(), newShaky(), adaptersOf(p), client.WithVendor("alpha", client.VendorConfig{Rate: bad}))
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "alpha") || !strings.Contains(err.Error(), "Rate") {
				t.Errorf("%+v: New = %v", bad, err)
			}
		})
	}
}

// A vendor says that it calls; whether anybody listens, only the caller knows.
// Pieces of a vendor whose callbacks nobody receives are polled from the start.
func TestCallbacksThatNobodyReceives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, received := range []bool{false, true} {
			p := caller(t, "alpha")
			config := vendorConfig(p, nil)
			config.Callbacks = received
			c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), adaptersOf(p), client.WithLogger(quiet()),
				client.WithoutHints(), client.WithVendor("alpha", config), rarely())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			submit(t, c, "a")
			p.is(postproof.StageMailed)
			runFor(t, c, 24*time.Hour)
			want := postproof.StageMailed
			if received { // it would have called, and is patient for ten days
				want = postproof.StageAccepted
			}
			if got := stageOf(t, c, "a"); got != want {
				t.Errorf("callbacks received %t: after a day the piece is %s, want %s", received, got, want)
			}
		}
	})
}

func TestCallbacksOfAVendorWithoutAny(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	_, err := client.New(t.Context(), newShaky(), adaptersOf(p), client.WithVendor("alpha", client.VendorConfig{Callbacks: true}))
	if err == nil || !strings.Contains(err.Error(), "sends none") {
		t.Errorf("New = %v, want it to say that the vendor sends no callbacks", err)
	}
}
