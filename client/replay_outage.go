package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// work hands everything over, and waits as long as it takes while the ledger is
// away: a run of hours outlives what the store's own patience does not. The
// progress is what it was at the end.
func (run *replayRun) work(ctx context.Context) (ReplayProgress, error) {
	c := run.c
	for failures := 0; ; {
		before := run.made
		err := run.goOn(ctx)
		p, e := c.ReplayProgress(context.WithoutCancel(ctx), run.name)
		if e == nil {
			run.last = p
		}
		if err == nil {
			err = e
		}
		if err == nil || !passes(err) {
			return run.last, err
		}
		if ctx.Err() != nil {
			return run.last, errors.Join(err, context.Cause(ctx))
		}
		if failures++; run.made > before {
			failures = 1
		}
		if run.last.UnreachableSince.IsZero() {
			run.last.UnreachableSince = c.now().UTC()
		}
		c.logger.LogAttrs(ctx, slog.LevelWarn, "replay: the ledger cannot be reached: waiting", slog.String("replay", run.name),
			slog.String("code", postproof.CodeOf(err).String()), slog.Int("failures", failures))
		if run.opts.OnProgress != nil {
			run.opts.OnProgress(run.last)
		}
		if e := postproof.Sleep(ctx, c.clock, min(time.Duration(failures)*c.poll, longestAway)); e != nil {
			return run.last, fmt.Errorf("%w: %w", e, err)
		}
	}
}

// longestAway is the longest wait before the ledger is tried again.
const longestAway = 30 * time.Second

// goOn hands over what is left. After an outage it begins with what the ledger says:
// it may be another one by now, and of the last commit nobody knows whether it was
// made.
func (run *replayRun) goOn(ctx context.Context) error {
	if !run.last.UnreachableSince.IsZero() {
		if err := run.c.recheckLedger(ctx); err != nil {
			return err
		}
		if run.c.id().Epoch != run.epoch {
			return run.c.epochError("run replay")
		}
		st, version, err := run.c.replayState(ctx, "run replay", run.name)
		if err != nil {
			return err
		}
		run.st, run.version, run.ahead = st, version, 0
		run.last.UnreachableSince = time.Time{}
		run.c.logger.LogAttrs(ctx, slog.LevelInfo, "replay: the ledger is back", slog.String("replay", run.name))
	}
	if !run.st.Handed.IsZero() {
		return nil
	}
	return run.hand(ctx)
}

// passes reports whether an error is one of a ledger that is away, which waiting
// mends. Whose history was broken, or that holds what cannot be read, is there.
func passes(err error) bool {
	for _, stays := range []error{ErrEpochChanged, errStrangePauses, idempotency.ErrCorrupt, idempotency.ErrNotFound, idempotency.ErrNewer} {
		if errors.Is(err, stays) {
			return false
		}
	}
	switch postproof.CodeOf(err) {
	case postproof.CodeUnavailable, postproof.CodeDeadlineExceeded, postproof.CodeCanceled:
		return true
	default:
		return false
	}
}
