package retry_test

import (
	"errors"
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// An hour in which everything fails: the vendor sees at most a fifth more.
func TestBudgetBoundsAnOutage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		every time.Duration
		limit float64 // how often the vendor sees a request, at most
	}{
		"ten a second":  {100 * time.Millisecond, 1.2},
		"one a minute":  {time.Minute, 3},
		"two a second":  {500 * time.Millisecond, 1.2},
		"one in five s": {5 * time.Second, 2.6}, // 2 requests and the reserve of 3 in 10 s
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				budget, err := retry.NewBudget(retry.BudgetConfig{})
				if err != nil {
					t.Fatal(err)
				}
				v := &vendor{serve: always(500, "")}
				s := newSender(t, v, retry.Config{Budget: budget, Base: time.Millisecond})
				calls, exhausted := 0, 0
				for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(tt.every) {
					calls++
					_, err := s.Do(t.Context(), get())
					if errors.Is(err, retry.ErrBudget) {
						exhausted++
					}
				}
				load := float64(v.count()) / float64(calls)
				t.Logf("%d calls, %d requests, load %.3f, exhausted %d", calls, v.count(), load, exhausted)
				if load > tt.limit+0.002 {
					t.Errorf("load is %.3f, want at most %.1f", load, tt.limit)
				}
				if load <= 1.1 {
					t.Errorf("load is %.3f: the budget lets nothing through", load)
				}
				if got := budget.Stats(); got.Denied != uint64(exhausted) || got.Requests != uint64(calls) {
					t.Errorf("stats %+v, exhausted %d, calls %d", got, exhausted, calls)
				}
			})
		})
	}
}

// A timeout is dearer than a no.
func TestBudgetCosts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve func(int, net.Conn, []byte) bool
		seen  int
	}{
		"throttles": {always(http.StatusTooManyRequests, ""), 4}, // 1 and the reserve of 3
		"timeouts": {func(_ int, conn net.Conn, _ []byte) bool {
			_, _ = conn.Read(make([]byte, 1))
			return false
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				budget, err := retry.NewBudget(retry.BudgetConfig{Window: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				v := &vendor{serve: tt.serve}
				s := newSender(t, v, retry.Config{Budget: budget, MaxAttempts: 10})
				resp, err := s.Do(t.Context(), get())
				_, detail := failed(t, resp, err)
				if v.count() != tt.seen || detail.Stop != retry.StopBudget || !errors.Is(err, retry.ErrBudget) {
					t.Errorf("vendor saw %d, stop %v; want %d, budget", v.count(), detail.Stop, tt.seen)
				}
			})
		})
	}
}

// jumpClock is set by hand.
type jumpClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *jumpClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *jumpClock) After(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if d < time.Second { // waits pass, attempt timeouts do not
		c.now = c.now.Add(d)
		ch <- c.now
	}
	return ch
}

func (c *jumpClock) jump(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// The window follows the injected clock, jumps in both directions included.
func TestBudgetWindow(t *testing.T) {
	t.Parallel()
	clock := &jumpClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	budget, err := retry.NewBudget(retry.BudgetConfig{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	v := &vendor{serve: always(500, "")}
	s := newSender(t, v, retry.Config{Budget: budget, Clock: clock, MaxAttempts: 100, Base: time.Nanosecond, Cap: time.Nanosecond})
	for i, step := range []struct {
		jump time.Duration
		seen int // requests of one call: 1 and what the budget allows
	}{
		{0, 4},
		{time.Second, 1},
		{-3 * time.Second, 1},
		{13 * time.Second, 4},
		{-time.Hour, 4},
		{time.Hour, 4},
		{-100 * 365 * 24 * time.Hour, 4},
	} {
		clock.jump(step.jump)
		before := v.count()
		resp, err := s.Do(t.Context(), get())
		_, _ = failed(t, resp, err)
		if got := v.count() - before; got != step.seen {
			t.Errorf("step %d, jump %v: %d requests, want %d", i, step.jump, got, step.seen)
		}
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	var got []string
	add := func(err error) {
		t.Helper()
		e, ok := errors.AsType[*postproof.Error](err)
		if !ok || e.Code != postproof.CodeInvalidArgument || e.Delivery != postproof.NotSent {
			t.Errorf("%v is no error of an argument, of which nothing was sent", err)
			return
		}
		got = append(got, e.Err.Error())
	}
	for _, c := range []retry.BudgetConfig{
		{Ratio: 1.1}, {Ratio: math.NaN()}, {Reserve: -1}, {TimeoutCost: -1}, {Window: time.Millisecond},
	} {
		_, err := retry.NewBudget(c)
		add(err)
	}
	for _, c := range []retry.Config{
		{MaxAttempts: -1}, {Base: -1}, {Base: time.Minute}, {AttemptTimeout: -1},
	} {
		_, err := retry.New(c)
		add(err)
	}
	for _, c := range []retry.TransportConfig{{DialTimeout: -1}, {MaxConnsPerHost: -1}} {
		_, err := retry.NewTransport(c)
		add(err)
	}
	want := []string{
		"retry: BudgetConfig.Ratio 1.1 is not above 0 and at most 1",
		"retry: BudgetConfig.Ratio NaN is not above 0 and at most 1",
		"retry: BudgetConfig.Reserve -1 is negative",
		"retry: BudgetConfig.TimeoutCost -1 is below 1",
		"retry: BudgetConfig.Window 1ms is below 10ms",
		"retry: Config.MaxAttempts is negative",
		"retry: Config.Base is negative",
		"retry: Config.Cap 20s is below Base 1m0s",
		"retry: Config.AttemptTimeout is negative",
		"retry: TransportConfig.DialTimeout is negative",
		"retry: TransportConfig.MaxConnsPerHost is negative",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

var _ postproof.Clock = (*jumpClock)(nil)
