package client

import (
	"context"
	"iter"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/postproof/postproof/idempotency"
)

// ReplayProgress returns how far a run is, whichever process runs it. The error
// has [postproof.CodeNotFound] when no run has the name.
func (c *Client) ReplayProgress(ctx context.Context, name string) (ReplayProgress, error) {
	if err := checkName("replay progress", name); err != nil {
		return ReplayProgress{}, err
	}
	st, version, err := c.replayState(ctx, "replay progress", name)
	switch {
	case err != nil:
		return ReplayProgress{}, err
	case version == 0:
		return ReplayProgress{}, c.noReplay("replay progress", name)
	}
	return c.replayProgress(ctx, name, &st)
}

func (c *Client) replayProgress(ctx context.Context, name string, st *replayState) (ReplayProgress, error) {
	epoch := c.id().Epoch
	p := ReplayProgress{Name: name, By: st.By, Why: st.Why, Since: st.Since, Until: st.Until, StartedAt: st.At, Throttle: st.Rate}
	for _, k := range []struct {
		what string
		to   *int64
	}{
		// All jobs last: what comes in between is seen to wait.
		{recoveredOfRun, &p.Recovered},
		{heldOfRun, &p.Held},
		{refusedOfRun, &p.Refused},
		{canceledOfRun, &p.Canceled},
		{unknownOfRun, &p.Unknown},
		{inRun, &p.Handed},
	} {
		var err error
		if *k.to, err = c.store.Counter(ctx, replayCounter(name, k.what)); err != nil {
			return p, c.storeError("replay progress", err)
		}
	}
	p.Waiting = max(0, p.Handed-p.Recovered-p.Held-p.Refused-p.Canceled-p.Unknown)
	p.Total = p.Handed - p.Canceled
	switch {
	case !st.Stopped.IsZero():
		p.Phase = ReplayStopped
	case st.Handed.IsZero():
		p.Phase = ReplayRunning
		if !st.PausedAt.IsZero() {
			p.Phase = ReplayPaused
		}
		p.Total = max(p.Total, st.Planned-p.Canceled)
	case p.Waiting > 0 || p.Unknown > 0:
		p.Phase = ReplayHanded
	default:
		p.Phase = ReplayFinished
		if st.Finished.IsZero() {
			c.finishReplay(ctx, name, epoch, st)
		}
	}
	c.pace(st, &p)
	return p, nil
}

// pace fills in the times.
func (c *Client) pace(st *replayState, p *ReplayProgress) {
	now := c.now()
	until := now
	if p.Phase == ReplayFinished && !st.Finished.IsZero() {
		until = st.Finished
	}
	p.Elapsed = max(0, until.Sub(st.At))
	worked := p.Elapsed - st.Paused
	if !st.PausedAt.IsZero() {
		worked -= until.Sub(st.PausedAt)
	}
	if worked < time.Second || p.Recovered == 0 {
		return
	}
	p.Rate = float64(p.Recovered) / worked.Seconds()
	left := p.Open()
	if left == 0 || p.Phase == ReplayPaused || p.Phase == ReplayStopped {
		return
	}
	if d := float64(left) / p.Rate * float64(time.Second); d < float64(100*365*24*time.Hour) {
		p.EndsAt = now.Add(time.Duration(d))
	}
}

// finishReplay writes down that nothing is left open, for the time that the run
// took. It is advice: who comes next writes it if this one could not.
func (c *Client) finishReplay(ctx context.Context, name, epoch string, st *replayState) {
	now := c.now()
	out, err := c.changeReplay(ctx, name, epoch, func(st *replayState) (bool, error) {
		if st.Handed.IsZero() || !st.Finished.IsZero() {
			return false, nil
		}
		st.Finished = now
		return true, nil
	})
	if err == nil {
		*st = out
	}
}

// replaySettings returns the states of all runs.
func (c *Client) replaySettings(ctx context.Context) ([]idempotency.Setting, error) {
	var all []idempotency.Setting
	for set, err := range c.store.Settings(ctx, replayPrefix) {
		if err != nil {
			return nil, c.storeError("replays", err)
		}
		all = append(all, set)
	}
	return all, nil
}

// Replays yields how far each run of the ledger is, by name.
func (c *Client) Replays(ctx context.Context) iter.Seq2[ReplayProgress, error] {
	return func(yield func(ReplayProgress, error) bool) {
		runs, err := c.replaySettings(ctx)
		if err != nil {
			yield(ReplayProgress{}, err)
			return
		}
		for _, set := range runs {
			st, err := readReplayState("replays", set)
			var p ReplayProgress
			if err == nil {
				p, err = c.replayProgress(ctx, strings.TrimPrefix(set.Name, replayPrefix), &st)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// FollowReplay yields how far a run is, at once and then each so often, a second
// if every is 0, until it is finished or stopped, the context ends, or the loop
// is left.
func (c *Client) FollowReplay(ctx context.Context, name string, every time.Duration) iter.Seq2[ReplayProgress, error] {
	if every <= 0 {
		every = time.Second
	}
	return func(yield func(ReplayProgress, error) bool) {
		for {
			p, err := c.ReplayProgress(ctx, name)
			if !yield(p, err) || err != nil || p.Phase == ReplayFinished || p.Phase == ReplayStopped {
				return
			}
			select {
			case <-ctx.Done():
				yield(p, context.Cause(ctx))
				return
			case <-c.clock.After(every):
			}
		}
	}
}

// observeReplays tells of the runs that are not over.
func (c *Client) observeReplays(ctx context.Context, o metric.Observer, jobs metric.Int64Observable) error {
	runs, err := c.replaySettings(ctx)
	if err != nil {
		return err
	}
	for _, set := range runs {
		st, err := readReplayState("telemetry", set)
		if err != nil || !st.Finished.IsZero() || !st.Stopped.IsZero() {
			continue
		}
		name := strings.TrimPrefix(set.Name, replayPrefix)
		p, err := c.replayProgress(ctx, name, &st)
		if err != nil {
			return err
		}
		for _, k := range []struct {
			part string
			n    int64
		}{
			{"recovered", p.Recovered},
			{"waiting", p.Waiting},
			{"unknown", p.Unknown},
			{"held", p.Held},
			{"refused", p.Refused},
			{"canceled", p.Canceled},
			{"to_hand_over", max(0, p.Total-p.Handed+p.Canceled)},
		} {
			o.ObserveInt64(jobs, k.n, metric.WithAttributes(c.tel.mode, attribute.String("mail.replay", name), attribute.String("mail.replay.part", k.part)))
		}
	}
	return nil
}
