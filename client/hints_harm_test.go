package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// plant writes a setting as it comes.
func plant(t *testing.T, store idempotency.Store, name, value string, version uint64) {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{
		Settings: []idempotency.SettingWrite{{Name: name, Value: []byte(value), Expect: version}},
	}); err != nil {
		t.Fatal(err)
	}
}

// hintName is the setting of submissions at a press.
func hintName(p *press) string { return "hint/alpha/" + p.adapter().Account().Fingerprint + "/submit" }

// Whatever stands in the ledger as a hint, mail goes out: at once when it is
// none, and when it is one after the longest time that this replica itself would
// wait.
func TestHintsCanDoNoHarm(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // a bubble's clock
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339Nano) }
	for name, tc := range map[string]struct {
		value string
		most  time.Duration // until it is sent
	}{
		"garbage":                    {"\xff\x00{", 0},
		"null":                       {"null", 0},
		"another type":               {`["rate limit"]`, 0},
		"empty":                      {"", 0},
		"no times":                   {`{"v":1,"reason":"rate limit"}`, 0},
		"long":                       {`{"v":1,"reason":"rate limit","at":"` + at(0) + `","until":"` + at(time.Hour) + `","by":"` + strings.Repeat("x", 8<<10) + `"}`, 0},
		"a newer version's":          {`{"v":2,"reason":"rate limit","at":"` + at(0) + `","until":"` + at(time.Hour) + `"}`, 0},
		"one that ends before":       {`{"v":1,"reason":"rate limit","at":"` + at(time.Hour) + `","until":"` + at(0) + `"}`, 0},
		"an old one":                 {`{"v":1,"reason":"rate limit","at":"` + at(-2*time.Hour) + `","until":"` + at(-time.Hour) + `"}`, 0},
		"an old one without end":     {`{"v":1,"reason":"rate limit","at":"` + at(-2*time.Hour) + `","until":"9999-12-31T00:00:00Z"}`, 0},
		"one without end":            {`{"v":1,"reason":"rate limit","at":"` + at(0) + `","until":"9999-12-31T00:00:00Z"}`, 15 * time.Minute},
		"from a clock that is fast":  {`{"v":1,"reason":"rate limit","at":"2007-01-01T00:00:00Z","until":"9999-12-31T00:00:00Z"}`, 15 * time.Minute},
		"a reason that is not known": {`{"v":1,"reason":"solar flare","at":"` + at(0) + `","until":"` + at(time.Minute) + `"}`, time.Minute},
		"a breaker's without end":    {`{"v":1,"reason":"breaker","at":"` + at(0) + `","until":"9999-12-31T00:00:00Z"}`, 0}, // its try goes well
		"of trouble since ever":      {`{"v":1,"reason":"account","at":"` + at(0) + `","until":"` + at(time.Hour) + `","since":"0001-02-03T00:00:00Z"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store, log := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &logs{}
				plant(t, store, hintName(p), tc.value, 0)
				plant(t, store, "hint/alive/00", tc.value, 0)
				plant(t, store, "hint/alive/zz", tc.value, 0)
				c := newReplica(t, store, p, client.WithLogger(log.logger()))
				began := time.Now()
				rec, _ := c.Submit(t.Context(), job("a"))
				for rec.State != idempotency.Accepted && time.Since(began) < time.Hour {
					time.Sleep(time.Second)
					rec = status(t, c.Client, "a")
				}
				if took := time.Since(began); took > tc.most+3*time.Second || took < tc.most-3*time.Second {
					t.Errorf("it was %s after %s, want %s", rec.State, took, tc.most)
				}
				if n := log.count("cannot be read"); n > 1 {
					t.Errorf("told %d times", n)
				}
			})
		})
	}
}

// A clock that is set back after a hint came does not make it last.
func TestHintEndsWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store, clock := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest), &skewed{}
		c := newReplica(t, store, p, client.WithClock(clock))
		time.Sleep(3 * time.Second)
		clock.by.Store(int64(20 * time.Hour))
		time.Sleep(3 * time.Second)
		now := clock.Now()
		plant(t, store, hintName(p), fmt.Sprintf(`{"v":1,"reason":"rate limit","at":%q,"until":%q}`, now.Format(time.RFC3339), now.Add(5*time.Minute).Format(time.RFC3339)), 0)
		time.Sleep(2 * time.Second)
		if left, _ := c.hinted(0); left <= 0 {
			t.Fatal("the hint is not heeded: the test looks at nothing")
		}
		clock.by.Store(0)
		if rec, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Errorf("the clock is set right, and the job is %v: %v", rec, err)
		}
	})
}

// A cancellation is in a hurry: it is tried whatever another replica says.
func TestHintsDelayNoCancellation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newReplica(t, store, p)
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		name := strings.TrimSuffix(hintName(p), "submit") + "cancel"
		plant(t, store, name, fmt.Sprintf(`{"v":1,"reason":"rate limit","at":%q,"until":%q}`, now.Format(time.RFC3339), now.Add(10*time.Minute).Format(time.RFC3339)), 0)
		time.Sleep(3 * time.Second)
		if _, err := c.Cancel(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := p.alive(); n != 0 {
			t.Errorf("the piece is not canceled after ten seconds: %s", status(t, c.Client, "a").State)
		}
	})
}
