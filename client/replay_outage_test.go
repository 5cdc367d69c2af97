package client_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// awayLedger is a ledger that cannot be reached while it is away. The commit that
// is under way when it goes is made, and nobody hears of it.
type awayLedger struct {
	*idempotency.Memory

	away, lost atomic.Bool
	tries      atomic.Int64
}

var errAway = errors.New("connection refused")

func (s *awayLedger) gone() error {
	if s.away.Load() {
		s.tries.Add(1)
		return errAway
	}
	return nil
}

// Commit implements [idempotency.Store].
func (s *awayLedger) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if s.lost.CompareAndSwap(true, false) {
		s.away.Store(true)
		_, _ = s.Memory.Commit(ctx, changes)
	}
	if err := s.gone(); err != nil {
		return nil, err
	}
	return s.Memory.Commit(ctx, changes)
}

// Find implements [idempotency.Store].
func (s *awayLedger) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		if err := s.gone(); err != nil {
			yield(nil, err)
			return
		}
		s.Memory.Find(ctx, q)(yield)
	}
}

// Setting implements [idempotency.Ledger].
func (s *awayLedger) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	if err := s.gone(); err != nil {
		return idempotency.Setting{}, err
	}
	return s.Memory.Setting(ctx, name)
}

// Counter implements [idempotency.Ledger].
func (s *awayLedger) Counter(ctx context.Context, name string) (int64, error) {
	if err := s.gone(); err != nil {
		return 0, err
	}
	return s.Memory.Counter(ctx, name)
}

// Identity implements [idempotency.Ledger].
func (s *awayLedger) Identity(ctx context.Context) (idempotency.Identity, error) {
	if err := s.gone(); err != nil {
		return idempotency.Identity{}, err
	}
	return s.Memory.Identity(ctx)
}

// inOutage runs a replay of 60 jobs, one a second, whose ledger goes away after
// five; then it has something happen, and returns what the run came to and told.
func inOutage(t *testing.T, options client.ReplayOptions, then func(t *testing.T, s *awayLedger, stop context.CancelFunc), check func(*testing.T, *awayLedger, *client.Client, []client.ReplayProgress, client.ReplayProgress, error)) {
	t.Helper()
	inBubble(t, func(b bubble) {
		t := b.t
		s := &awayLedger{Memory: b.ledger}
		c := newClient(t, s, []*press{b.press})
		made := plan(t, c, replayOf(takeList(t, list(60)), "night"))
		var told []client.ReplayProgress
		options.Rate = 1
		options.OnProgress = func(p client.ReplayProgress) { told = append(told, p) }
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var p client.ReplayProgress
		var err error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p, err = c.RunReplay(ctx, made, client.Actor{By: "ann"}, options)
		}()
		time.Sleep(5500 * time.Millisecond)
		s.lost.Store(true)
		then(t, s, stop)
		<-ended
		check(t, s, c, told, p, err)
	})
}

// A replay that was started in the evening is over in the morning, although the
// ledger was away for a while: as long as it lasted the progress said so.
func TestReplayOutlivesALedgerThatIsAway(t *testing.T) {
	t.Parallel()
	inOutage(t, client.ReplayOptions{Ahead: 100}, func(_ *testing.T, s *awayLedger, _ context.CancelFunc) {
		time.Sleep(10 * time.Minute)
		s.away.Store(false)
	}, func(t *testing.T, s *awayLedger, c *client.Client, told []client.ReplayProgress, p client.ReplayProgress, err error) {
		t.Helper()
		if err != nil || p.Handed != 60 || !p.UnreachableSince.IsZero() {
			t.Errorf("the run came to %+v, %v", p, err)
		}
		if n, err := s.Memory.Counter(t.Context(), "replay/night/sent"); err != nil || n != 60 {
			t.Errorf("%d were sent by the run, %v, want 60", n, err)
		}
		if n := s.tries.Load(); n > 120 {
			t.Errorf("the ledger was tried %d times in ten minutes", n)
		}
		said, first := 0, time.Time{}
		for _, p := range told {
			if p.UnreachableSince.IsZero() {
				continue
			}
			if said++; first.IsZero() {
				first = p.UnreachableSince
			}
			if p.Handed < 5 || p.Handed > 10 || !p.UnreachableSince.Equal(first) || p.Phase != client.ReplayRunning {
				t.Errorf("in the outage the progress is %+v, want the numbers from before", p)
			}
			if p.Handed > 0 && !strings.Contains(p.Bar(0), "the ledger cannot be reached since") {
				t.Errorf("the bar hides that the ledger is away: %s", p.Bar(0))
			}
		}
		if said < 10 {
			t.Errorf("%d times in ten minutes the progress said that the ledger is away", said)
		}
		drain(t, c)
		if got := progressOf(t, c, "night"); got.Recovered != 60 || got.Phase != client.ReplayFinished {
			t.Errorf("in the end %+v", got)
		}
	})
}

// Nothing else ends it but its context, and what no waiting mends.
func TestReplayEndsInAnOutage(t *testing.T) {
	t.Parallel()
	t.Run("by its context", func(t *testing.T) {
		t.Parallel()
		inOutage(t, client.ReplayOptions{}, func(_ *testing.T, _ *awayLedger, stop context.CancelFunc) {
			time.Sleep(10 * time.Minute)
			stop()
		}, func(t *testing.T, _ *awayLedger, _ *client.Client, _ []client.ReplayProgress, p client.ReplayProgress, err error) {
			t.Helper()
			if !errors.Is(err, context.Canceled) || !errors.Is(err, errAway) || p.Handed < 5 || p.UnreachableSince.IsZero() {
				t.Errorf("the run came to %+v, %v", p, err)
			}
		})
	})
	t.Run("by another history", func(t *testing.T) {
		t.Parallel()
		inOutage(t, client.ReplayOptions{}, func(t *testing.T, s *awayLedger, _ context.CancelFunc) {
			t.Helper()
			time.Sleep(10 * time.Minute)
			if err := s.AcceptEpoch(t.Context(), s.BreakHistory(), ""); err != nil { // somebody has recovered it
				t.Error(err)
			}
			s.away.Store(false)
		}, func(t *testing.T, s *awayLedger, _ *client.Client, _ []client.ReplayProgress, _ client.ReplayProgress, err error) {
			t.Helper()
			if !errors.Is(err, client.ErrEpochChanged) {
				t.Errorf("err = %v, want ErrEpochChanged", err)
			}
			if n, err := s.Memory.Counter(t.Context(), "replay/night/jobs"); err != nil || n > 10 {
				t.Errorf("%d were handed over, %v: some in a history that the run is not of", n, err)
			}
		})
	})
	t.Run("by whoever takes it", func(t *testing.T) {
		t.Parallel()
		inOutage(t, client.ReplayOptions{}, func(t *testing.T, s *awayLedger, _ context.CancelFunc) {
			t.Helper()
			time.Sleep(time.Minute)
			other := newClient(t, s.Memory, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
			if err := other.StopReplay(t.Context(), "night", client.Actor{By: "bob", Why: "a reason"}); err != nil {
				t.Error(err)
			}
			s.away.Store(false)
		}, func(t *testing.T, _ *awayLedger, _ *client.Client, _ []client.ReplayProgress, p client.ReplayProgress, err error) {
			t.Helper()
			if !errors.Is(err, client.ErrReplayStopped) || p.Phase != client.ReplayStopped {
				t.Errorf("the run came to %+v, %v, want ErrReplayStopped", p, err)
			}
		})
	})
}
