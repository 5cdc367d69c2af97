package client_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// skewed is the machine's clock with a wall time that can be moved.
type skewed struct{ by atomic.Int64 }

func (s *skewed) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(s.by.Load())) // without the monotonic reading
}

func (s *skewed) After(d time.Duration) <-chan time.Time { return time.After(d) }

// The vendor forgets keys after a day; the clock is set back behind the first
// send. Without the ledger's time the key would seem fresh.
func TestNoResendPastTheWindowWhenTheClockRunsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, clock := newPress(t, "alpha", postproof.IdempotencyKey), &skewed{}
		lost := true
		p.faults(func(op, _ string, _ int) string {
			if lost && op == "/order" {
				return "lose"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithClock(clock))
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		sent := len(p.times)
		time.Sleep(30 * time.Hour)
		_ = c.Vendors() // the client sees the time
		clock.by.Store(int64(-29 * time.Hour))
		lost = false
		p.mu.Lock()
		clear(p.keys)
		p.mu.Unlock()
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || len(p.times) != sent || p.alive() != 1 {
			t.Fatalf("%v; sent %d times more, printed %d", rec, len(p.times)-sent, p.alive())
		}
	})
}

// A vendor whose clock is years ahead does not age the ledger.
func TestVendorsAbsurdClockIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, log := newPress(t, "alpha", postproof.IdempotencyKey), &logs{}
		p.header = func(h http.Header) { h.Set("Date", "Wed, 01 Jan 2098 00:00:00 GMT") }
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithLogger(log.logger()))
		for _, key := range []string{"a", "b"} {
			if rec, err := c.Submit(t.Context(), job(key)); err != nil || rec.UpdatedAt.Year() != time.Now().Year() {
				t.Fatalf("%v, %v: %s", rec, err, rec.UpdatedAt)
			}
		}
		if log.count("clock is far ahead") != 1 {
			t.Fatal(log.text())
		}
	})
}

// The vendor lists a piece after 25 minutes, within the settle time. A clock that
// jumps ahead twice in that time must not make the settle time seem to be over.
func TestAClockThatJumpsAheadProvesNoAbsence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, clock := newPress(t, "alpha", postproof.IdempotencyNone), &skewed{}
		p.faults(func(op, ref string, n int) string {
			if op == "/order" && n == 1 && len(p.orders) == 0 {
				return "lose"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithClock(clock))
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.lag = 25 * time.Minute
		p.orders[0].At = time.Now()
		ahead := []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour}
		for i, by := range ahead {
			time.Sleep(time.Minute)
			// Something else was accepted and is listed: a control piece.
			if _, err := c.Submit(t.Context(), job(string(rune('b'+i)))); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			p.orders[len(p.orders)-1].At = time.Now().Add(-time.Hour)
			p.mu.Unlock()
			clock.by.Store(int64(by))
			runFor(t, c, 3*time.Minute)
		}
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Generation != 1 || p.alive() != 1+len(ahead) {
			t.Errorf("%v, printed %d pieces, want %d", rec, p.alive(), 1+len(ahead))
		}
	})
}

// A process stands still behind the commit of its intent, for longer than its
// lease, and meanwhile its wall clock is set back: by it, the intent is as young as
// before. Others have taken the job over by then.
func TestClockSetBackWhileTheProcessStandsStill(t *testing.T) {
	t.Parallel()
	for _, stands := range []time.Duration{time.Second, 2 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			p, clock, store := newPress(t, "alpha", postproof.IdempotencyKey), &skewed{}, newShaky()
			store.after = func([]idempotency.Change) error {
				store.after = nil
				time.Sleep(stands)
				clock.by.Store(int64(-stands - 30*time.Second))
				return nil
			}
			c := newClient(t, store, []*press{p}, client.WithClock(clock))
			_, err := c.Submit(t.Context(), job("a"))
			sent, want := len(p.arrivals()), 1
			if stands > time.Minute {
				want = 0
			}
			if sent != want || (err == nil) != (want == 1) {
				t.Errorf("after standing still for %s it sent %d times, want %d: %v", stands, sent, want, err)
			}
		})
	}
}

// steady is such a clock that tells what has passed, as a machine's does.
type steady struct{ skewed }

func (*steady) Steady() time.Duration { return time.Since(time.Time{}.AddDate(1999, 0, 0)) }

// The vendor forgets keys after a day. A clock that is set right behind the first send,
// by more than the margin is for, makes the key seem younger than it is, whoever works
// on; by less than that the key goes on to be believed.
func TestKeyWhoseAgeIsNotKnown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		by, lost time.Duration
		restart  bool
		want     idempotency.State
	}{
		"set back":                {3 * time.Hour, 24 * time.Hour, false, idempotency.Held},
		"another process goes on": {3 * time.Hour, 24 * time.Hour, true, idempotency.Held},
		"within the margin":       {20 * time.Minute, 20 * time.Hour, false, idempotency.Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, clock, store := newPress(t, "alpha", postproof.IdempotencyKey), &steady{}, idempotency.NewMemory(postproof.ModeTest)
				p.look = false
				first := time.Now()
				p.faults(func(op, _ string, _ int) string {
					if op == "/order" && time.Since(first) < tt.lost {
						return "lose"
					}
					return ""
				})
				c := newClient(t, store, []*press{p}, client.WithClock(clock), seldom())
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				runFor(t, c, time.Hour)
				clock.by.Store(int64(-tt.by))
				if tt.restart {
					c = newClient(t, store, []*press{p}, client.WithClock(clock), seldom())
				}
				runFor(t, c, 23*time.Hour)
				p.mu.Lock()
				clear(p.keys)
				p.mu.Unlock()
				runFor(t, c, 24*time.Hour)
				if rec := status(t, c, "a"); rec.State != tt.want || p.alive() != 1 {
					t.Errorf("%v, printed %d times; want %s", rec, p.alive(), tt.want)
				}
			})
		})
	}
}
