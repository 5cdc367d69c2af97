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
		p.fault = func(op, _ string, _ int) string {
			if lost && op == "/order" {
				return "lose"
			}
			return ""
		}
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
