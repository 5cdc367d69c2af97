package client_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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

// A worker whose vendors take no such job, as an older one while a vendor is rolled out,
// leaves it to others for a while: to refuse it would be for good. Where nobody comes it
// is refused, and says why.
func TestAJobIsLeftToWhoHasAVendorForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.tune = func(c *postproof.Capabilities) { c.Countries = []string{"CA"} }
		store := idempotency.NewMemory(postproof.ModeTest)
		older, newer := newClient(t, store, []*press{a}), newClient(t, store, []*press{a, b})
		if _, err := newer.Enqueue(t.Context(), jobs(20)); err != nil {
			t.Fatal(err)
		}
		runFor(t, older, time.Minute) // it is there first
		if got := kinds(t, older, "contact-1"); !slices.Equal(got, []string{"planned", "postponed", "skipped"}) {
			t.Errorf("the history is %v", got)
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = older.Drain(t.Context()) })
		both.Go(func() { _, _ = newer.Drain(t.Context()) })
		both.Wait()
		if b.alive() != 20 {
			t.Errorf("printed %d, want 20", b.alive())
		}

		if _, err := newer.Enqueue(t.Context(), client.JobList(job("alone"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // as behind an outage: that it is old does not matter
		began := time.Now()
		drain(t, older)
		if rec := status(t, older, "alone"); rec.State != idempotency.Refused || time.Since(began).Round(time.Minute) != 15*time.Minute || !strings.Contains(rec.Refusal.Note, "US") {
			t.Errorf("alone: %v %q after %s", rec, rec.Refusal.Note, time.Since(began))
		}
	})
}
