package postgres

import (
	"context"
	"time"
)

const (
	// keepCommits is how long dropText keeps transactions.
	keepCommits = 10 * time.Minute

	// tidyEvery is how many transactions pass between two tidyings.
	tidyEvery = 512

	// foldDepthText adds up what was added one by one. Only one process does so
	// at a time; the others need not wait for it.
	foldDepthText = `WITH gone AS (DELETE FROM @depth RETURNING campaign, state, n)
	INSERT INTO @depth (campaign, state, n) SELECT campaign, state, sum(n) FROM gone GROUP BY campaign, state HAVING sum(n) <> 0`

	// keepText and dropText let go of transactions that nobody asks about any
	// more, after the newest time of them is kept elsewhere.
	keepText = `UPDATE @ledger SET newest = n.newest, touched = ` + touchText + `
	FROM (SELECT max(newest) AS newest FROM @commits) AS n WHERE n.newest > @ledger.newest`
	dropText = `DELETE FROM @commits WHERE made < now() - interval '10 minutes'`
)

// tidy folds now and then what the transactions have added. It runs after the
// callers were answered; what it leaves undone, the next one does.
func (w *writer) tidy() {
	if w.untidy < tidyEvery {
		return
	}
	w.untidy = 0
	_ = w.transact([]operation{&directOp{do: func(ctx context.Context, b *batch) error {
		b.dirty = true
		for _, text := range []string{w.store.text.foldDepth, w.store.text.keep, w.store.text.drop} {
			if _, err := b.c.exec(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}}})
}
