package client

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// do makes jobs part of the run. What somebody else changed meanwhile is read
// and judged again.
func (run *replayRun) do(ctx context.Context, items []replayItem) error {
	for range 16 {
		id := run.c.id() // before anything is read
		changes, of, err := run.changes(ctx, id, items)
		if err != nil || len(changes) == 0 {
			return err
		}
		// An error says nothing about what was committed; who goes on with the run
		// reads it.
		errs, err := run.c.store.Commit(ctx, changes)
		if err != nil {
			return run.c.storeError("run replay", err)
		}
		var again []replayItem
		for i := range changes {
			err = nil
			if errs != nil {
				err = errs[i]
			}
			switch {
			case err == nil:
				run.done(ctx, &changes[i], of[i])
			case errors.Is(err, idempotency.ErrExists), errors.Is(err, idempotency.ErrStale):
				again = append(again, *of[i])
			default:
				return run.failed(err)
			}
		}
		if items = again; len(items) == 0 {
			return nil
		}
		// Perhaps it was not a job that changed, but what is asked of the run.
		if err := run.obey(ctx); err != nil {
			return err
		}
		if items, err = run.reread(ctx, items); err != nil {
			return err
		}
	}
	return run.c.storeError("run replay", idempotency.ErrStale)
}

func (run *replayRun) failed(err error) error {
	switch {
	case errors.Is(err, idempotency.ErrLimit):
		return replayError(ErrReplayChanged)
	case errors.Is(err, idempotency.ErrEpoch):
		return run.c.otherEpoch("run replay")
	default:
		return run.c.storeError("run replay", err)
	}
}

// done counts and tells of a change that was made.
func (run *replayRun) done(ctx context.Context, ch *idempotency.Change, it *replayItem) {
	c := run.c
	c.see(ch.Record.UpdatedAt)
	c.tell(ctx, ch.Entries)
	if it.Outcome == ReplayNew {
		c.tel.submissions.Add(ctx, 1, c.tel.submitted...)
	}
	c.tel.handed.Add(ctx, 1, c.tel.with(attribute.String("mail.replay.outcome", string(it.Outcome)))...)
}

// reread reads the records of items again that were found changed, or there.
func (run *replayRun) reread(ctx context.Context, items []replayItem) ([]replayItem, error) {
	recs, err := run.c.records(ctx, items, true)
	if err != nil {
		return nil, err
	}
	for i := range items {
		items[i].rec = recs[items[i].ID]
	}
	return items, nil
}

// changes returns what is to be committed for the items, and the item of each.
// Items for which there is nothing to do any more are left out.
func (run *replayRun) changes(ctx context.Context, id *idempotency.Identity, items []replayItem) ([]idempotency.Change, []*replayItem, error) {
	if id.EpochChanged() {
		return nil, nil, run.c.epochError("run replay")
	}
	var known []replayItem
	for i := range items {
		if items[i].rec != nil {
			known = append(known, items[i])
		}
	}
	recs, err := run.c.records(ctx, known, false)
	if err != nil {
		return nil, nil, err
	}
	changes := make([]idempotency.Change, 0, len(items))
	of := make([]*replayItem, 0, len(items))
	for i := range items {
		it := &items[i]
		var ch idempotency.Change
		var ok bool
		if it.rec == nil {
			ch, ok, err = run.create(ctx, it)
		} else if it.rec = recs[it.ID]; it.rec != nil {
			ch, ok, err = run.move(ctx, id, it)
		}
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			continue
		}
		if err := run.count(&ch, it); err != nil {
			return nil, nil, err
		}
		ch.Epoch = id.Epoch
		ch.Reads = append(ch.Reads, idempotency.SettingRead{Name: replaySetting(run.name), Version: run.version})
		changes, of = append(changes, ch), append(of, it)
	}
	return changes, of, nil
}

// count adds what the change does to the run's counters. The store refuses what
// would pass the plan's number of sends.
func (run *replayRun) count(ch *idempotency.Change, it *replayItem) error {
	countInRun(ch, it.rec)
	if it.Outcome != ReplayNew && it.Outcome != ReplayAgain {
		return nil
	}
	if run.st.Budget <= 0 {
		return replayError(ErrReplayChanged)
	}
	ch.Counters = append(ch.Counters, idempotency.CounterAdd{Name: replayCounter(run.name, sentByRun), Add: 1, Limit: run.st.Budget})
	return nil
}

func (run *replayRun) event() idempotency.Replay {
	return idempotency.Replay{Run: run.name, By: run.who.By}
}

// create makes the record of a row that the ledger does not know.
func (run *replayRun) create(ctx context.Context, it *replayItem) (idempotency.Change, bool, error) {
	c := run.c
	rec, err := c.plan(ctx, it.job, c.now())
	switch {
	case err == nil:
	case errors.Is(err, ErrEpochChanged), postproof.CodeOf(err) == postproof.CodeUnavailable:
		return idempotency.Change{}, false, err
	default:
		return idempotency.Change{}, false, nil // rejected, as a plan says
	}
	var events []idempotency.Event
	if c.doubts() {
		events = append(events, c.newSuspicion(rec))
	}
	ch, err := c.machine.Create(rec, rec.CreatedAt, append(events, run.event())...)
	if err != nil {
		return ch, false, c.storeError("run replay", err)
	}
	return ch, true, nil
}

// move applies the replay to a job that the ledger knows, as it is now.
func (run *replayRun) move(ctx context.Context, id *idempotency.Identity, it *replayItem) (idempotency.Change, bool, error) {
	c, rec := run.c, it.rec
	none := idempotency.Change{}
	if it.job == nil && len(rec.Job) > 0 {
		it.job = &postproof.Job{}
		if err := it.job.UnmarshalJSON(rec.Job); err != nil {
			return none, false, nil //nolint:nilerr // as a plan says: for a person
		}
	}
	if it.job == nil {
		return none, false, nil // pruned meanwhile
	}
	it.cancel = false
	if it.n == 0 {
		it.paper = rec.Fingerprint
	}
	run.judge.known(it)
	if err := run.judge.further(ctx, it); err != nil {
		return none, false, err
	}
	var ev idempotency.Event = run.event()
	switch {
	case it.cancel:
		ev = idempotency.WishCancel{By: run.who.By}
	case !it.Outcome.Acts(), rec.Run == run.name:
		return none, false, nil
	}
	ch, err := c.machine.Apply(rec, c.now(), ev)
	if err != nil {
		return none, false, nil //nolint:nilerr // it has moved on, and is not for a replay any more
	}
	w := c.workIn(id, rec, it.job)
	ch.Counters = c.counters(ch.Counters, rec, ch.Record, w.cents)
	return ch, true, nil
}
