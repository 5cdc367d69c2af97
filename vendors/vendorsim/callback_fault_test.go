package vendorsim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestCallbackFaults strikes the first event of a piece.
func TestCallbackFaults(t *testing.T) {
	t.Parallel()
	const created, pdf, thumbs = "created", "rendered_pdf", "rendered_thumbnails"
	for _, test := range []struct {
		boundary vendorsim.Boundary
		delay    time.Duration
		want     []string // what is received, in order
		at       int      // which of them shows the time of the first
		after    time.Duration
		state    vendorsim.DeliveryState
		attempts int
	}{
		{vendorsim.CallbackLost, 0, []string{pdf, thumbs}, -1, 0, vendorsim.StateLost, 0},
		{vendorsim.CallbackTwice, 0, []string{created, created, pdf, thumbs}, 1, 2 * time.Second, vendorsim.StateAcknowledged, 2},
		{vendorsim.CallbackTwice, time.Hour, []string{created, pdf, thumbs, created}, 3, time.Hour + time.Second, vendorsim.StateAcknowledged, 2},
		{vendorsim.CallbackLate, 0, []string{pdf, thumbs, created}, 2, 6*time.Hour + time.Second, vendorsim.StateAcknowledged, 1},
		{vendorsim.CallbackDisorder, 0, []string{pdf, thumbs, created}, 2, 32 * time.Second, vendorsim.StateAcknowledged, 1},
		{vendorsim.CallbackBatch, 0, []string{created, pdf, thumbs}, 0, time.Second, vendorsim.StateAcknowledged, 1}, // Lob has no batches
	} {
		t.Run(fmt.Sprintf("%s %v", test.boundary, test.delay), func(t *testing.T) {
			t.Parallel()
			plan := rule(test.boundary)
			plan.Rules[0].Delay = vendorsim.Duration(test.delay)
			b, r := listening(t, vendorsim.Config{Faults: plan})
			b.lob("POST", "/postcards", "", postcard("R"))
			b.pass(20*time.Hour, time.Second)
			var got []string
			for _, kind := range r.types(t) {
				got = append(got, strings.TrimPrefix(kind, "postcard."))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Fatalf("received (-want +got)\n%s", diff)
			}
			if test.at >= 0 {
				if after := r.all()[test.at].at.Sub(start()); after != test.after {
					t.Errorf("received after %v, want %v", after, test.after)
				}
			}
			e := b.sim.Events("lob")[0]
			fault := test.boundary
			if fault == vendorsim.CallbackBatch {
				fault = ""
			}
			if d := e.Deliveries[0]; e.Fault != fault || d.State != test.state || len(d.Attempts) != test.attempts {
				t.Errorf("%+v, want %s after %d attempts", e, test.state, test.attempts)
			}
			if n := b.sim.Stats().Vendors["lob"].Faults[test.boundary]; n != int64(len(fault)/max(1, len(fault))) {
				t.Errorf("counted %d times", n)
			}
			if test.boundary == vendorsim.CallbackTwice {
				all := r.all()
				if string(all[0].body) != string(all[test.at].body) {
					t.Error("the second copy is another event")
				}
				checkLobSignature(t, all[test.at])
			}
		})
	}
}

// TestCallbackAtOnce jumps over days: what is out of order stays so.
func TestCallbackAtOnce(t *testing.T) {
	t.Parallel()
	b, r := listening(t, vendorsim.Config{Faults: vendorsim.Plan{Rules: []vendorsim.Rule{{Boundary: vendorsim.CallbackDisorder, Rate: 1, First: 4}}}})
	b.lob("POST", "/postcards", "", postcard("R"))
	b.pass(10*24*time.Hour, 10*24*time.Hour)
	want := []string{
		"postcard.created", "postcard.rendered_pdf", "postcard.rendered_thumbnails", "postcard.in_transit", "postcard.mailed",
		"postcard.in_local_area", "postcard.processed_for_delivery", "postcard.delivered",
	}
	if diff := cmp.Diff(want, r.types(t)); diff != "" {
		t.Errorf("received (-want +got)\n%s", diff)
	}
}

// TestCallbackBeforeTheAnswer: whoever sends a piece hears of it first by
// callback, and may ask for it meanwhile.
func TestCallbackBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, r := listening(t, vendorsim.Config{Faults: rule(vendorsim.CallbackEarly)})
		var answered atomic.Bool
		r.answer = func(_ int, got received) (int, string) {
			id := got.event(t).Body.ID
			if a := b.lob("GET", "/postcards/"+id, "", nil); a.status != http.StatusOK {
				t.Errorf("the piece at the time of the callback: %d", a.status)
			}
			time.Sleep(5 * time.Second) // the answer has all the time to come
			if answered.Load() {
				t.Error("the creation is answered while its callback is under way")
			}
			return http.StatusInternalServerError, "" // whatever it is
		}
		b.lob("POST", "/postcards", "", postcard("R"))
		answered.Store(true)
		if got := r.types(t); len(got) != 1 || got[0] != "postcard.created" {
			t.Errorf("received %v", got)
		}
		// The others of the piece, and those of other pieces, wait for the clock.
		if err := b.sim.PauseWebhook("lob", "", true); err != nil {
			t.Fatal(err)
		}
		b.lob("POST", "/postcards", "", postcard("R2")) // nobody is told: it must not hang
	})
}

// TestCallbackTimeout: an answer that does not come is a failure.
func TestCallbackTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := vendorsim.NewClock(start(), 0)
		b := setup(t, vendorsim.Config{
			Clock: clock, CallbackTransport: hanging{},
			Webhooks: []vendorsim.Webhook{{Vendor: "lob", URL: "http://x.example", Secret: "s", Types: []string{"postcard.created"}}},
		})
		b.clock = clock
		b.lob("POST", "/postcards", "", postcard("R"))
		begin := time.Now()
		b.pass(time.Second, time.Second)
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if d := b.deliveries()[0]; d.State != vendorsim.StatePending || d.Attempts[0].Failure != "no answer in time" {
			t.Errorf("%+v", d)
		}
		clock.Advance(time.Minute)
		synctest.Wait() // one is under way: Close does not wait for its answer
		begin = time.Now()
		if err := b.sim.Close(); err != nil || time.Since(begin) != 0 {
			t.Errorf("close took %v: %v", time.Since(begin), err)
		}
		if err := b.sim.WaitCallbacks(t.Context()); err == nil {
			t.Error("nothing is sent any more, and nobody says so")
		}
	})
}

type hanging struct{}

func (hanging) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// TestCallbackFaultsDoNotDependOnOrder: neither on the order of pieces nor on
// the steps of the clock.
func TestCallbackFaultsDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	const pieces = 60
	var plan vendorsim.Plan
	for _, boundary := range vendorsim.Boundaries() {
		if strings.HasPrefix(string(boundary), "callback.") {
			// What counts is when something happened, not when it was noticed.
			plan.Rules = append(plan.Rules, vendorsim.Rule{Boundary: boundary, Rate: 0.15, Until: start().Add(90 * time.Minute)})
		}
	}
	run := func(seed uint64, backwards bool, step time.Duration) map[string]vendorsim.Boundary {
		b, _ := listening(t, vendorsim.Config{Faults: plan, Seed: seed, Lob: vendorsim.LobConfig{RateLimit: -1}})
		for i := range pieces {
			if backwards {
				i = pieces - 1 - i
			}
			b.lob("POST", "/postcards", "", postcard(fmt.Sprint("R", i)))
		}
		b.pass(48*time.Hour, step)
		out := map[string]vendorsim.Boundary{}
		for _, e := range b.sim.Events("lob") {
			if e.Occurrence <= 4 { // what follows is chance: the piece's number decides
				out[e.Ref+e.Type] = e.Fault
			}
		}
		return out
	}
	want := run(3, false, time.Hour) // each step is a chance to notice
	if diff := cmp.Diff(want, run(3, true, 48*time.Hour)); diff != "" {
		t.Errorf("backwards and at once (-want +got)\n%s", diff)
	}
	if cmp.Equal(want, run(4, false, time.Hour)) {
		t.Error("another seed has the same faults")
	}
	count := map[vendorsim.Boundary]int{}
	for _, fault := range want {
		count[fault]++
	}
	for _, r := range plan.Rules {
		if n := count[r.Boundary]; (n == 0) != (r.Boundary == vendorsim.CallbackBatch) {
			t.Errorf("%s struck %d times", r.Boundary, n)
		}
	}
}

// TestCallbacksRepeatable: one seed and one script give one run, attempt by
// attempt.
func TestCallbacksRepeatable(t *testing.T) {
	t.Parallel()
	var plan vendorsim.Plan
	for _, r := range vendorsim.ChaosPlan().Rules {
		if r.Boundary != vendorsim.SendLate && r.Boundary != vendorsim.SendSlow { // they take time
			plan.Rules = append(plan.Rules, r)
		}
	}
	run := func() []vendorsim.CallbackEvent {
		b, r := listening(t, vendorsim.Config{Faults: plan, Seed: 5, Lob: vendorsim.LobConfig{RateLimit: -1}})
		r.answer = func(n int, _ received) (int, string) { return []int{200, 200, 500, 0}[n%4], "" }
		for i := range 30 {
			key := fmt.Sprint("R", i)
			b.lob("POST", "/postcards?idempotency_key="+key, "", postcard(key))
		}
		b.pass(12*24*time.Hour, 6*time.Hour)
		return b.sim.Events("")
	}
	first := run()
	if len(first) < 100 {
		t.Fatalf("%d events only", len(first))
	}
	if diff := cmp.Diff(first, run()); diff != "" {
		t.Errorf("the second run (-want +got)\n%s", diff)
	}
}
