package client_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// What a worker finds that no vendor takes is told and listed, with who said no and
// why: nobody has the error in hand, as the caller of Submit has.
func TestWhatNoVendorTakesIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, log := newPress(t, "alpha", postproof.IdempotencyKey), &logs{}
		p.faults(func(op, _ string, _ int) string {
			if op == "/order" {
				return "422"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithLogger(log.logger()))
		if _, err := c.Submit(t.Context(), job("own")); postproof.DeliveryOf(err) != postproof.Refused || log.count("mail: refused") != 0 {
			t.Fatalf("Submit: %v; the error is returned, and was logged as well:\n%s", err, log.text())
		}
		listed := job("of a list")
		listed.Campaign = "summer"
		if q, err := c.Enqueue(t.Context(), client.JobList(listed)); err != nil || q.New != 1 {
			t.Fatalf("Enqueue: %v, %v", q, err)
		}
		if left := drain(t, c); left[idempotency.Refused] != 2 {
			t.Fatalf("left %v, want two refused", left)
		}
		if log.count("mail: refused") != 1 || log.count(`"code":"invalid_argument"`) != 1 {
			t.Errorf("told %d times, want once:\n%s", log.count("mail: refused"), log.text())
		}
		for campaign, want := range map[string]int{"": 2, "summer": 1, "other": 0} {
			n := 0
			for rec, err := range c.Refused(t.Context(), campaign) {
				if err != nil || rec.Refusal.Vendor != "alpha" || !strings.Contains(rec.String(), "refused: invalid_argument") {
					t.Errorf("%q: %v by %q, %v", campaign, rec, rec.Refusal.Vendor, err)
				}
				n++
			}
			if n != want {
				t.Errorf("%d jobs of %q are refused, want %d", n, campaign, want)
			}
		}
	})
}
