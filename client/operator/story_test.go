package operator_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// outage leaves three of six jobs on paper and two lost, all five held; the sixth
// was accepted before.
func outage(t *testing.T) (*world, *printer) {
	t.Helper()
	p := newPrinter(t, "alpha")
	w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
	w.submit(t, job(1))
	p.setFault(func(n int) string {
		if n > 5 {
			return ""
		}
		return [...]string{"lose", "drop", "lose", "drop", "lose"}[n-1]
	})
	for n := range 5 {
		w.submit(t, job(2+n))
	}
	w.drain(t)
	if n := len(p.printed()); n != 4 {
		t.Fatalf("%d pieces are on paper after the outage, want 4", n)
	}
	return w, p
}

// The night of an outage: what is on paper is accepted, what is lost is sent anew,
// and in the end everybody has one piece.
func TestOutageHeldDecidedDrained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p := outage(t)
		first := w.must(t, operator.ExitNeedsPerson)
		for _, want := range []string{"5 jobs are held", "PAPER AT RISK: 5 jobs a vendor may have", "postproof held"} {
			if !strings.Contains(first.out, want) {
				t.Errorf("the first screen does not say %q:\n%s", want, first.out)
			}
		}
		// What the vendor lists is on paper, and its ids lead to the jobs.
		audit := w.must(t, operator.ExitOK, "audit", "alpha")
		if !strings.Contains(audit.out, "4 orders") {
			t.Errorf("audit:\n%s", audit.out)
		}
		for _, o := range p.printed()[1:] {
			w.stdin = "yes\n"
			w.must(t, operator.ExitOK, "decide", "accepted", o.Ref, "-vendor-id", o.ID, "-why", "alpha lists it")
		}
		// The others are sent anew: that asks for their number.
		w.stdin = "yes\n"
		if r := w.must(t, operator.ExitNotConfirmed, "decide", "planned", "-campaign", "spring", "-why", "alpha does not list them"); !strings.Contains(r.out, "MAY BE SECOND ONES") {
			t.Errorf("a yes was asked for, and no number:\n%s%s", r.out, r.err)
		}
		w.stdin = "2\n"
		w.must(t, operator.ExitOK, "decide", "planned", "-campaign", "spring", "-why", "alpha does not list them")
		w.drain(t)
		if r := w.must(t, operator.ExitOK); !strings.Contains(r.out, "Nothing needs you.") {
			t.Errorf("after all was decided:\n%s", r.out)
		}
		if n := len(p.printed()); n != 6 {
			t.Errorf("%d pieces are on paper, want 6: one for each job", n)
		}
		// Who decided what stands in the history.
		if h := w.must(t, operator.ExitOK, "history", idOf(4)[:8]); !strings.Contains(h.out, "decided") || !strings.Contains(h.out, "by ann") {
			t.Errorf("history:\n%s", h.out)
		}
	})
}

// Release is the first thing to press: it asks again, and prints nothing twice.
func TestReleaseAfterAnOutagePrintsNothingTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		p.keyed = true
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p}, client.WithPollInterval(time.Minute)) // it lasts weeks
		p.setFault(func(n int) string {
			if n%2 == 0 {
				return "drop"
			}
			return "lose"
		})
		w.enqueue(t, 1, 4)
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		drained := make(chan struct{})
		go func() { defer close(drained); w.drain(t) }()
		time.Sleep(time.Second)
		p.mu.Lock()
		p.down = true // now it cannot even be asked, for more than a week
		p.mu.Unlock()
		<-drained
		r := w.must(t, operator.ExitNeedsPerson, "held")
		if !strings.Contains(r.out, "deadline") {
			t.Fatalf("held:\n%s", r.out)
		}
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		p.setFault(nil)
		w.enqueue(t, 9, 1) // another piece, by which an empty answer is believed
		w.must(t, operator.ExitOK, "release", "-all", "-yes", "-expect", "4")
		w.drain(t)
		seen := map[string]int{}
		for _, o := range p.printed() {
			seen[o.Ref]++
		}
		if n := len(p.printed()); n != 5 || len(seen) != 5 {
			t.Errorf("%d pieces under %d references, want 5: %s", n, len(seen), strconv.Quote(w.run(t).out))
		}
	})
}
