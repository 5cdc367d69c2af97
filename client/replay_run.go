package client

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
)

// RunReplay runs a plan: it hands what is to be sent, settled or brought forward
// to the workers of [Client.Run] and [Client.Drain], in this or any other
// process, and returns when all is handed over. It may be called again with the
// same plan, or a newer one of the same name, after a crash as well: it goes on
// where it was, and nothing is sent twice. While the run is paused it waits.
//
// It never sends more than the plan says: [ErrReplayChanged] asks for a new one.
// [ErrReplayStopped] and [ErrReplayTaken] say that somebody else has ended it or
// goes on with it. When the context ends its error is returned, and the run is
// there to be gone on with. A ledger that cannot be reached, once the run has
// begun, is waited for, however long that takes, and the progress says so:
// [ReplayProgress.UnreachableSince]. A name that stands for another replay is
// [postproof.CodeConflict]. The progress is what it was at the end, as far as the
// ledger could tell.
func (c *Client) RunReplay(ctx context.Context, plan ReplayPlan, who Actor, opts ReplayOptions) (_ ReplayProgress, err error) {
	if err := c.knowsVendors("run replay"); err != nil {
		return ReplayProgress{}, err
	}
	ctx, span := c.tel.call(ctx, "postproof.run_replay", &err, trace.WithSpanKind(trace.SpanKindProducer))
	defer endCall(span, &err)
	r := plan.Replay
	who, err = who.named("run replay")
	if err = cmp.Or(err, checkRun(&r, &opts)); err != nil {
		return ReplayProgress{}, err
	}
	if err := c.ready(ctx); err != nil {
		return ReplayProgress{}, err
	}
	epoch := c.id().Epoch
	if plan.epoch != "" && plan.epoch != epoch {
		return ReplayProgress{}, replayError(ErrReplayChanged)
	}
	st, err := c.beginReplay(ctx, &plan, who, &opts)
	if err != nil {
		return ReplayProgress{}, err
	}
	run := &replayRun{c: c, r: &r, who: who, opts: &opts, name: r.Name, st: st, runner: st.Runner, epoch: epoch}
	p, err := run.work(ctx)
	if opts.OnProgress != nil && p.Name != "" {
		opts.OnProgress(p)
	}
	c.logger.LogAttrs(ctx, slog.LevelInfo, "replay: "+string(p.Phase), //nolint:sloglint // the phases are a small fixed set
		slog.String("replay", r.Name), slog.Int64("total", p.Total), slog.Int64("handed", p.Handed), slog.Int64("recovered", p.Recovered))
	return p, err
}

func checkRun(r *Replay, opts *ReplayOptions) error {
	const op = "run replay"
	if opts.Ahead < 0 {
		return invalid(op, errors.New("the option Ahead is negative"))
	}
	return cmp.Or(checkName(op, r.Name), r.check(op), checkRate(op, opts.Rate))
}

// beginReplay begins a run, or takes it over.
func (c *Client) beginReplay(ctx context.Context, plan *ReplayPlan, who Actor, opts *ReplayOptions) (replayState, error) {
	const op = "run replay"
	r := &plan.Replay
	scope, err := r.scope()
	if err != nil {
		return replayState{}, err
	}
	return c.logReplay(ctx, op, r.Name, ChangeEntry{By: who.By, Why: who.Why}, func(st *replayState, known bool) (Action, error) {
		switch {
		case !known:
			*st = replayState{Scope: scope, Campaign: r.campaign(), By: who.By, Why: who.Why, At: c.now(), Planned: plan.Acts(), Rate: opts.Rate}
			if r.Snapshot != nil {
				st.Snapshot = string(r.Snapshot.ID())
			}
			if r.Query != nil {
				st.Since, st.Until = r.Query.Since, r.Query.Until
			}
		case st.Scope != scope:
			return "", notSent(postproof.CodeConflict, op, errors.New("the name was used for another replay, of another list, drop or query: use another name"))
		case !st.Stopped.IsZero():
			return "", replayError(ErrReplayStopped)
		case !st.Handed.IsZero() && plan.At.After(st.Handed) && plan.Sends() > 0:
			return "", notSent(postproof.CodeConflict, op, errors.New("the run of this name is handed over, and what is planned now is more: use another name"))
		case !st.Handed.IsZero():
			return "", nil // there is nothing to go on with
		}
		st.Budget = plan.budget(st.Budget)
		st.Runner = c.owner + "/" + randomName()
		return ActionReplay, nil
	})
}

func replayError(err error) error {
	return notSent(postproof.CodeConflict, "run replay", err)
}

// replayRun is one process's work on a run.
type replayRun struct {
	c      *Client
	r      *Replay
	who    Actor
	opts   *ReplayOptions
	name   string
	runner string
	judge  *judge
	// epoch is the ledger's when the run was begun: what was read since says
	// nothing about another history, nor how far the run has come there.
	epoch string
	// st is the run's state as it was last read, in its version: what is handed
	// over depends on it, so that nothing is once a pause or a stop is committed.
	st      replayState
	version uint64
	// The throttle let so many jobs through last, and then.
	let  int
	when time.Time
	// ahead is how many more may be handed over before it is looked at again.
	ahead int64
	// stowed: the drop's artwork is in the store.
	stowed bool
	// made counts the batches that were handed over, last is the progress that was
	// read last.
	made int
	last ReplayProgress
}

// hand hands everything over.
func (run *replayRun) hand(ctx context.Context) error {
	c := run.c
	if run.r.Snapshot != nil && run.r.Drop.Piece != nil && !run.stowed { // once, not for each job
		stowed, err := c.art.stow(ctx, &postproof.Job{Piece: run.r.Drop.Piece})
		if err != nil {
			return artworkError("run replay", err)
		}
		run.r.Drop.Piece, run.stowed = stowed.Piece, true
	}
	rd, err := c.replayReader(run.r)
	if err != nil {
		return err
	}
	run.judge = rd.j
	idle := 0
	for b := range rd.read(ctx, run.st.Cursor) {
		if b.err != nil {
			return b.err
		}
		acted, err := run.batch(ctx, b.items)
		if err != nil {
			return err
		}
		// Where nothing is done a restart loses nothing but the reading.
		if idle++; !acted && idle < idleBatches {
			continue
		}
		idle = 0
		if err := run.checkpoint(ctx, func(st *replayState) { st.Cursor = b.next }); err != nil {
			return err
		}
		if err := run.tell(ctx); err != nil {
			return err
		}
	}
	return run.checkpoint(ctx, func(st *replayState) {
		st.resume(c.now())
		st.Handed = c.now()
	})
}

// idleBatches is after how many batches without anything to do it is written down
// how far the run is.
const idleBatches = 16

// batch does what is to be done for some jobs, as fast as the throttle lets. It
// reports whether there was anything.
func (run *replayRun) batch(ctx context.Context, items []replayItem) (acted bool, err error) {
	todo := items[:0:0]
	for i := range items {
		if it := &items[i]; it.cancel || (it.Outcome.Acts() && (it.rec == nil || it.rec.Run != run.name)) {
			todo = append(todo, *it)
		}
	}
	acted = len(todo) > 0
	for len(todo) > 0 {
		if err := run.obey(ctx); err != nil {
			return acted, err
		}
		n, err := run.allowed(ctx, len(todo))
		if err != nil {
			return acted, err
		}
		if n == 0 {
			continue // it waited: look again whether it is still wanted
		}
		if err := run.do(ctx, todo[:n]); err != nil {
			return acted, err
		}
		todo = todo[n:]
		run.made++
		run.c.wakeUp()
	}
	return acted, nil
}

// checkpoint writes down how far the run is.
func (run *replayRun) checkpoint(ctx context.Context, change func(*replayState)) error {
	st, err := run.c.changeReplay(ctx, run.name, run.epoch, func(st *replayState) (bool, error) {
		if err := run.mine(st); err != nil {
			return false, err
		}
		change(st)
		return true, nil
	})
	if err == nil {
		run.st = st
	}
	return err
}

// mine returns an error when the run is not this process's any more.
func (run *replayRun) mine(st *replayState) error {
	switch {
	case !st.Stopped.IsZero():
		return replayError(ErrReplayStopped)
	case st.Runner != run.runner:
		return replayError(ErrReplayTaken)
	default:
		return nil
	}
}

// obey reads what was asked of the run, and waits while it is paused.
func (run *replayRun) obey(ctx context.Context) error {
	for {
		st, version, err := run.c.replayState(ctx, "run replay", run.name)
		if err != nil {
			return err
		}
		if err := run.mine(&st); err != nil {
			return err
		}
		run.st, run.version = st, version
		if st.PausedAt.IsZero() {
			return nil
		}
		run.when = time.Time{} // what was not handed over meanwhile is not made up for
		if err := run.wait(ctx, run.c.poll); err != nil {
			return err
		}
	}
}

// allowed returns how many of so many jobs may be handed over now. It waits, at
// most a poll interval at a time, and returns 0 then.
func (run *replayRun) allowed(ctx context.Context, want int) (int, error) {
	c := run.c
	n := min(want, enqueueBatch)
	if most := run.opts.Ahead; most > 0 {
		if run.ahead <= 0 {
			p, err := c.replayProgress(ctx, run.name, &run.st)
			if err != nil {
				return 0, err
			}
			if run.ahead = int64(most) - p.Waiting; run.ahead <= 0 {
				return 0, run.wait(ctx, min(c.poll, 200*time.Millisecond))
			}
		}
		n = min(n, int(run.ahead))
	}
	if rate := run.st.Rate; rate > 0 {
		now := c.clock.Now()
		if left := run.next(rate).Sub(now); left > 0 {
			return 0, run.wait(ctx, min(left, c.poll))
		}
		n = min(n, max(1, int(rate)))
		run.let, run.when = n, now
	}
	run.ahead -= int64(n)
	return n, nil
}

// next is when the throttle lets the next job through, at the rate as it is now.
func (run *replayRun) next(rate float64) time.Time {
	return run.when.Add(time.Duration(min(float64(run.let)/rate*float64(time.Second), float64(longestThrottle))))
}

// longestThrottle is when it does at the latest, so that the time can be reckoned with.
const longestThrottle = 100 * 365 * 24 * time.Hour

// wait waits, and tells how far the run is.
func (run *replayRun) wait(ctx context.Context, d time.Duration) error {
	if err := run.tell(ctx); err != nil {
		return err
	}
	return postproof.Sleep(ctx, run.c.clock, d)
}

func (run *replayRun) tell(ctx context.Context) error {
	if run.opts.OnProgress == nil {
		return nil
	}
	p, err := run.c.replayProgress(ctx, run.name, &run.st)
	if err != nil {
		return err
	}
	run.last = p
	run.opts.OnProgress(p)
	return nil
}
