package client

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
)

// MinRetention is the shortest time for which a job that ended is kept whole:
// returned mail is told of weeks after it was handed over, and a replay report
// or a replay reads the history.
const MinRetention = 30 * 24 * time.Hour

const (
	// pruneEvery is how often Run looks for what has been kept for long enough.
	pruneEvery = time.Hour
	// pruneBite is how many records are taken in one call, so that commits and
	// claims have their turn in between.
	pruneBite = 1000
)

// WithRetention has Run and Drain prune, once an hour and beside the work, the
// jobs that ended that long ago, see [Client.Prune]. [MinRetention] or more; 0,
// the default, keeps everything. Any number of processes may do so on one ledger.
func WithRetention(d time.Duration) Option { return optionFunc(func(s *settings) { s.retention = d }) }

// Prune turns the jobs that came to their end before the time given into
// tombstones, and returns how many there were: the job, its history and what is
// known of the person go; digest of the key, references, vendor ids and outcome stay,
// so that submitting the job again sends nothing. What is watched for a late arrival is
// left, as is the ledger's change log.
//
// Artwork is left, too, be it made for one person: to find out whether another job
// needs it the ledger would be read through. The tombstone keeps its names, and a
// digest of its own id and the contact, so that [Client.Erase] with Artwork finds it,
// by the key or the contact, and deletes it. Without an erasure it stays for ever.
//
// It works in small steps, between which others have their turn, and may be stopped
// and called again at any time.
//
// The error has [postproof.CodeInvalidArgument] for a time within
// [MinRetention]; [ErrEpochChanged] before [Client.Recover] has been done, since
// it needs what is there.
func (c *Client) Prune(ctx context.Context, before time.Time) (_ int64, err error) {
	ctx, span := c.tel.call(ctx, "postproof.prune", &err)
	defer endCall(span, &err)
	if newest := c.endedBefore(MinRetention); before.After(newest) {
		return 0, invalid("prune", fmt.Errorf("before %s: jobs are kept for %d days at least; give %s or earlier",
			before.UTC().Format(time.RFC3339), MinRetention/(24*time.Hour), newest.UTC().Format(time.RFC3339)))
	}
	return c.prune(ctx, before, nil)
}

// endedBefore is the time before which a job has ended for longer than kept. Of
// the clock and the ledger's time the earlier one counts: the ledger's may have
// been brought forward by a clock that was wrong for a moment, and what is
// pruned does not come back when it is set right.
func (c *Client) endedBefore(kept time.Duration) time.Time {
	at := c.now()
	if local := c.clock.Now(); local.Before(at) {
		at = local
	}
	return at.Add(-kept)
}

func (c *Client) prune(ctx context.Context, before time.Time, stopped <-chan struct{}) (total int64, err error) {
	for {
		select {
		case <-stopped:
			return total, nil
		default:
		}
		if err := c.checkLedger(ctx); err != nil {
			return total, err
		}
		if c.id().EpochChanged() {
			return total, c.epochError("prune")
		}
		begun := c.clock.Now()
		n, err := c.store.Prune(ctx, before, pruneBite)
		total += int64(n)
		c.tel.pruned.Add(ctx, int64(n), c.tel.plain...)
		if err != nil {
			return total, c.storeError("prune", err)
		}
		if n == 0 {
			return total, nil
		}
		if err := postproof.Sleep(ctx, c.clock, c.clock.Now().Sub(begun)); err != nil {
			return total, err
		}
	}
}

// prune has what is old enough pruned, beside the work, until the pool is
// stopped.
func (p *pool) prune() {
	if p.c.retention > 0 && p.c.prunes.due(p.c.now(), pruneEvery) {
		p.busy.Go(func() { p.c.pruneOld(p.ctx, p.stopped) })
	}
}

func (c *Client) pruneOld(ctx context.Context, stopped <-chan struct{}) {
	n, err := c.prune(ctx, c.endedBefore(c.retention), stopped)
	switch {
	case err != nil && ctx.Err() == nil:
		c.logger.LogAttrs(ctx, slog.LevelWarn, "old jobs could not be pruned; it is tried again", slog.Int64("pruned", n), slog.String("error", err.Error()))
	case n > 0:
		c.logger.LogAttrs(ctx, slog.LevelInfo, "old jobs were pruned", slog.Int64("pruned", n))
	}
}
