package callback_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// Old payloads are purged in small steps; what waits for a person, what
// deduplicates and what was learned stays.
func TestPayloadsArePurged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t), callback.WithPollInterval(time.Hour))
		o := w.mailed(t, "a")
		const events = 120 // more than one bite
		for i := range events {
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		send(t, w.rx, 200, note{ID: "nobody's", Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		w.drain(t)
		run(t, w.rx, 29*24*time.Hour)
		if n := payloads(w.messages(t)); n != events+1 {
			t.Errorf("%d payloads are left after 29 days, want %d", n, events+1)
		}
		run(t, w.rx, 2*24*time.Hour)
		all := w.messages(t)
		if n := payloads(all); n != 1 || len(all) != events+1 || payloads(w.messages(t, idempotency.MessageParked)) != 1 {
			t.Errorf("%d payloads of %d messages are left after 31 days, want that of the parked one", n, len(all))
		}
		send(t, w.rx, 200, note{ID: "7", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		if did := w.drain(t); did != (callback.Drained{}) {
			t.Errorf("a callback that comes again after its payload was purged: %+v", did)
		}
		if k := w.kinds(t, "a"); k["callback"]+k["callback_kept"] != events {
			t.Errorf("history %v", k)
		}
		done, err := w.rx.Replay(t.Context(), callback.Query{States: []idempotency.MessageState{idempotency.MessageApplied}})
		if err != nil || done.Purged != events || done.Queued != 0 {
			t.Errorf("replayed %+v, %v", done, err)
		}
	})
}

func payloads(all []*idempotency.Message) int {
	n := 0
	for _, m := range all {
		if m.Body != nil {
			n++
		}
	}
	return n
}

// bites is an inbox that watches how it is purged.
type bites struct {
	idempotency.Inbox
	limits []int
	times  []time.Time
}

func (b *bites) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	b.limits = append(b.limits, limit)
	b.times = append(b.times, time.Now())
	return b.Inbox.Purge(ctx, before, limit)
}

type bitten struct {
	*idempotency.Memory
	b *bites
}

func (s bitten) Inbox() idempotency.Inbox { return s.b }

func TestPurgeTakesSmallBites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := memory()
		s := bitten{m, &bites{Inbox: m.Inbox()}}
		w := newWorld(t, s, newPrinter(t), callback.WithPollInterval(time.Hour), callback.WithRetention(time.Hour))
		for i := range 350 {
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Status: "ping"})
		}
		time.Sleep(2 * time.Hour)
		run(t, w.rx, time.Minute)
		if diff := cmp.Diff([]int{100, 100, 100, 100}, s.b.limits); diff != "" {
			t.Errorf("bites (-want +got):\n%s", diff)
		}
		for i := 1; i < len(s.b.times); i++ {
			if !s.b.times[i].After(s.b.times[i-1]) {
				t.Error("no rest between two bites")
			}
		}
	})
}

// An endpoint that falls silent while pieces wait for news is told of, once a day;
// one where nothing is to be expected is not.
func TestSilenceIsTold(t *testing.T) {
	t.Parallel()
	patient := func(c *postproof.Capabilities) {
		c.Callbacks.Patience = map[postproof.Stage]time.Duration{postproof.StageAccepted: 24 * time.Hour, postproof.StageMailed: 100 * 24 * time.Hour}
	}
	for name, tc := range map[string]struct {
		tune    func(*postproof.Capabilities)
		silence time.Duration
		mail    bool
		status  string
		speak   bool
		bad     bool
		late    bool // callbacks with the right signature and the time of an hour ago
		want    int
		say     string
	}{
		"a piece waits":                    {mail: true, want: 2, say: "is the webhook still on"},
		"a piece waits for its patience":   {mail: true, tune: patient, want: 2},
		"only bad signatures":              {mail: true, bad: true, want: 2, say: "is the secret"},
		"only at another time":             {mail: true, late: true, want: 2, say: "is this machine's clock right"},
		"no piece":                         {},
		"the piece is delivered":           {mail: true, status: "delivered"},
		"nothing is expected after mailed": {mail: true, tune: patient, status: "mailed"},
		"it speaks of others":              {mail: true, speak: true},
		"switched off":                     {mail: true, silence: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tune []func(*postproof.Capabilities)
				if tc.tune != nil {
					tune = append(tune, tc.tune)
				}
				p := newPrinter(t, tune...)
				w := &world{store: memory(), p: p}
				w.mail = newClient(t, w.store, p)
				var told alerts
				w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}, Silence: tc.silence}},
					callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
				if tc.mail {
					o := w.mailed(t, "a")
					if tc.status != "" {
						send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: tc.status})
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() { _ = w.rx.Run(ctx) }()
				for hour := range 5*24 - 2 {
					if hour == 71 && len(told.kinds()) > 0 {
						t.Errorf("told too early: %v", told.kinds())
					}
					if tc.speak {
						send(t, w.rx, 200, note{ID: fmt.Sprint("h", hour), Status: "ping"})
					}
					if tc.bad {
						sendTo(t, w.rx, 401, request(t, "/printer", secret2, note{ID: "1", Status: "ping"}))
					}
					old := request(t, "/printer", secret, note{ID: "1", Status: "ping"})
					time.Sleep(time.Hour)
					if tc.late {
						sendTo(t, w.rx, 401, old)
					}
				}
				stop()
				synctest.Wait()
				kinds := told.kinds()
				if len(kinds) != tc.want {
					t.Fatalf("alerts %v, want %d", kinds, tc.want)
				}
				if tc.want > 0 {
					a := told.all[0]
					if a.Kind != callback.AlertSilent || a.Endpoint != "printer" || a.Since.IsZero() || (tc.say != "" && !contains(a.Reason, tc.say)) {
						t.Errorf("alert %+v", a)
					}
				}
			})
		})
	}
}

// Two accounts share a route, and nobody can tell whose a callback is that is not
// verified. What is said of an account's silence goes by its own secret: the other
// one's callbacks, be they too old, say nothing of the clock.
func TestSilenceOfOneOfTwoAccountsOnARoute(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		own   bool // the account's own callbacks come, or the other one's
		first bool // of the two, the account is tried first
		say   string
	}{
		"its own are too old":                     {own: true, first: true, say: "is this machine's clock right"},
		"its own are too old, and it is second":   {own: true, say: "is this machine's clock right"},
		"the other's are too old":                 {first: true, say: "is the secret"},
		"the other's are too old, and it is last": {say: "is the secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, other := newPrinter(t), newPrinter(t)
				other.key = "another account's"
				w := &world{store: memory(), p: p}
				w.mail = newClient(t, w.store, p)
				var told alerts
				endpoints := []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}, {Adapter: other, Secrets: []string{secret2}}}
				signed := secret2
				if !tc.first {
					slices.Reverse(endpoints)
				}
				if tc.own {
					signed = secret
				}
				w.rx = receiver(t, w.mail, endpoints, callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
				w.mailed(t, "a")
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go func() { _ = w.rx.Run(ctx) }()
				for range 74 {
					old := request(t, "/printer", signed, note{ID: "1", Status: "ping"})
					time.Sleep(time.Hour)
					sendTo(t, w.rx, 401, old)
				}
				stop()
				synctest.Wait()
				if len(told.all) != 1 || told.all[0].Kind != callback.AlertSilent || !contains(told.all[0].Reason, tc.say) {
					t.Errorf("alerts %+v, want one that says %q", told.all, tc.say)
				}
			})
		})
	}
}

// Of a piece that lies at its vendor until its date nothing is to be told: whether the
// endpoint is silent shows after it.
func TestSilenceBeforeASendDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		j := job("a")
		j.SendDate = time.Now().Add(30 * 24 * time.Hour)
		if _, err := w.mail.Submit(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		run(t, w.rx, 32*24*time.Hour)
		if len(told.kinds()) != 0 {
			t.Errorf("alerts before the date %v", told.kinds())
		}
		run(t, w.rx, 2*24*time.Hour)
		if len(told.kinds()) == 0 {
			t.Errorf("no alert four days after the date")
		}
	})
}

// Of two processes one tells of a silence.
func TestSilenceIsToldByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		rx2 := receiver(t, newClient(t, w.store, w.p), []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}},
			callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		w.mailed(t, "a")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		go func() { _ = rx2.Run(ctx) }()
		time.Sleep(74 * time.Hour)
		stop()
		synctest.Wait()
		if len(told.kinds()) != 1 {
			t.Errorf("alerts %v, want one", told.kinds())
		}
	})
}
