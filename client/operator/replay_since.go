package operator

import (
	"context"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
)

// longestAsk is how long before a run was started its command may have been given: it
// plans, and asks.
const longestAsk = 10 * time.Minute

// goesOn has the durations of a run that was begun count from when it was: they would be
// about other jobs now, and the run another one.
func (r *run) goesOn(ctx context.Context, c *client.Client, a *replayArgs, replay *client.Replay) error {
	q := replay.Query
	if q == nil || a.since <= 0 && a.until <= 0 {
		return nil
	}
	p, err := c.ReplayProgress(ctx, replay.Name)
	if postproof.CodeOf(err) == postproof.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	then := p.Since.Add(a.since)
	if a.since <= 0 {
		then = p.Until.Add(a.until)
	}
	bound := func(d time.Duration) time.Time {
		if d <= 0 {
			return time.Time{}
		}
		return then.Add(-d)
	}
	asked := p.StartedAt.Sub(then)
	if asked < 0 || asked > longestAsk || !bound(a.since).Equal(p.Since) || !bound(a.until).Equal(p.Until) {
		return nil // another one: the ledger says so
	}
	q.Since, q.Until = p.Since, p.Until
	r.out.text("The run %s was begun at %s, from which its times count.", replay.Name, then.UTC().Format(time.RFC3339))
	return nil
}
