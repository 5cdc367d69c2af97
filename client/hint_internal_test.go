package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// However many share a rate, the sum is no more than the rate where it can be
// divided, and never nothing.
func TestSharesAddUpToTheRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []postproof.Rate{{Requests: 1, Per: time.Second}, {Requests: 7, Per: time.Second}, {Requests: 150, Per: 5 * time.Second}} {
		for n := 1; n <= maxReplicas+1; n++ {
			var l limiter
			l.init(rate)
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			l.share(n, now)
			long := rate.Per
			if n > rate.Requests {
				long = rate.Per * time.Duration(n) / time.Duration(rate.Requests)
			}
			made := 0
			for end := now.Add(long); now.Before(end); {
				wait := l.take("submit", now)
				if wait <= 0 {
					made++
				}
				now = now.Add(wait)
			}
			if most := max(1, rate.Requests/n); made > most || made < max(1, most*9/10) {
				t.Errorf("%v by %d: %d requests of one in %s, want %d", rate, n, made, long, most)
			}
		}
	}
}

func TestAgedIsNeverLongerThanMeant(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		lasts, skew, looked, want time.Duration // skew: of the writer's clock; looked: ago, 0 never
	}{
		"written just now":            {time.Minute, 0, time.Second, time.Minute},
		"written before the last one": {time.Minute, -30 * time.Second, 10 * time.Second, 50 * time.Second},
		"found at the start":          {time.Minute, -30 * time.Second, 0, 30 * time.Second},
		"an old one at the start":     {time.Minute, -time.Hour, 0, -59 * time.Minute},
		"by a clock that is behind":   {time.Minute, -time.Hour, time.Second, 59 * time.Second},
		"by a clock that is ahead":    {time.Minute, time.Hour, time.Second, time.Minute},
		"ahead, at the start":         {time.Minute, time.Hour, 0, time.Minute},
		"too long":                    {time.Hour, 0, time.Second, 10 * time.Minute},
		"negative":                    {-time.Hour, 0, time.Second, 0},
	} {
		looked := time.Time{}
		if tc.looked > 0 {
			looked = now.Add(-tc.looked)
		}
		s := aged(tc.lasts, 10*time.Minute, now.Add(tc.skew), now, now, looked)
		if got := s.until.Sub(now); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if s.holds(now.Add(-time.Nanosecond)) {
			t.Errorf("%s: it holds for a clock that was set back", name)
		}
	}
}

// One job may go while a hint holds; when that does not go well none, and when
// it does all.
func TestHeedLetsOneGo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	check := func(h *heed, id idempotency.ID, at time.Duration, ok, undecided bool) {
		t.Helper()
		if a, b := h.lets(id, now.Add(at)); a != ok || b != undecided {
			t.Errorf("%s at %s: %v, undecided %v; want %v, %v", id, at, a, b, ok, undecided)
		}
	}
	var lost, bad, good heed
	check(&lost, "a", 0, true, false)
	check(&lost, "b", time.Second, false, true)
	check(&lost, "a", time.Second, true, false) // it is asked more than once for a job
	check(&lost, "b", probeFor+time.Second, true, false)
	check(&lost, "a", probeFor+2*time.Second, false, true)
	check(&lost, "c", -time.Hour, true, false) // the clock was set back

	check(&bad, "a", 0, true, false)
	bad.answered(false)
	check(&bad, "a", time.Second, false, false)
	check(&bad, "b", 2*probeFor, false, false)

	check(&good, "a", 0, true, false)
	if !good.answered(true) || good.answered(true) {
		t.Error("it is no news that it works, or twice")
	}
	check(&good, "b", time.Second, true, false)
	good.answered(false) // its own breaker sees to that
	check(&good, "c", time.Second, true, false)
}

func TestSubmitGroup(t *testing.T) {
	t.Parallel()
	if got := postproof.OpSubmit.Group(); got != submitGroup {
		t.Errorf("submissions are in the group %q, hints take it for %q", got, submitGroup)
	}
}

func FuzzReadHint(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"reason":"breaker","at":"2026-03-01T12:00:00Z","until":"2026-03-01T12:00:30Z","by":"host/1"}`,
		`{"v":2}`, `null`, ``, `{"v":1,"at":"0001-01-01T00:00:00Z","until":"9999-12-31T00:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value []byte) {
		h, ok := readHint(value)
		if !ok {
			return
		}
		for _, looked := range []time.Time{{}, now.Add(-time.Second), now.Add(time.Hour)} {
			if s := aged(h.lasts(), time.Minute, h.At, now, now, looked); s.until.After(now.Add(time.Minute)) {
				t.Errorf("it lasts until %s", s.until)
			}
		}
	})
}
