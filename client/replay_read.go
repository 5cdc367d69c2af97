package client

import (
	"context"
	"iter"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// replayBatch is how many jobs are read from the ledger at once.
const replayBatch = 512

// replayCursor is how far a run has come: so many rows, then, once they are all
// through, the jobs of the query up to an id.
type replayCursor struct {
	Rows  int            `json:"rows"`
	After idempotency.ID `json:"after,omitempty"`
}

// replayReader reads what a replay is about, batch by batch.
type replayReader struct {
	c *Client
	j *judge
	// jobs makes those of the rows, nil without a snapshot.
	jobs *deriver
	// rows tells the rows among the jobs of a query: what is in both is judged as a
	// row.
	rows *rowSet
}

func (c *Client) replayReader(r *Replay) (*replayReader, error) {
	rd := &replayReader{c: c, j: c.judge(r)}
	if r.Snapshot == nil {
		return rd, nil
	}
	drop := r.Drop
	var err error
	if drop.Piece, err = drawn(drop.Piece); err != nil {
		return nil, artworkError("replay", err)
	}
	if rd.jobs, err = newDeriver(r.Snapshot, drop); err != nil {
		return nil, err
	}
	rd.rows = newRowSet(r.Snapshot, rd.jobs, rowsHeld)
	return rd, nil
}

// batch is a number of jobs, judged, or the error that ended the reading.
type batch struct {
	items []replayItem
	next  replayCursor
	err   error
}

// read yields what is behind the cursor, judged. After an error it yields no
// more.
func (rd *replayReader) read(ctx context.Context, from replayCursor) iter.Seq[batch] {
	return func(yield func(batch) bool) {
		if rd.jobs != nil {
			for b := range rd.derived(ctx, from) {
				if len(b.items) == 0 && b.err == nil {
					continue
				}
				if !yield(b) || b.err != nil {
					return
				}
			}
		}
		if rd.j.query != nil {
			rd.found(ctx, from, yield)
		}
	}
}

// reading is a batch of rows whose records are being read.
type reading struct {
	batch

	recs map[idempotency.ID]*idempotency.Record
	done chan struct{}
}

// derived yields the rows' jobs, judged. They are made by another goroutine, and
// up to three batches are read from the ledger at a time: a look-up by ids is all
// that a plan waits for.
func (rd *replayReader) derived(ctx context.Context, from replayCursor) iter.Seq[batch] {
	return func(yield func(batch) bool) {
		ctx, cancel := context.WithCancel(ctx)
		made := make(chan *reading, 1)
		var reads sync.WaitGroup
		go func() {
			defer close(made)
			rd.derive(ctx, from, func(b batch) bool {
				next := &reading{batch: b, done: make(chan struct{})}
				reads.Go(func() {
					defer close(next.done)
					if next.err == nil {
						next.recs, next.err = rd.c.records(ctx, next.items, true)
					}
				})
				select {
				case made <- next:
					return true
				case <-ctx.Done():
					return false
				}
			})
		}()
		defer func() {
			cancel()
			for range made { // until the other one has ended
			}
			reads.Wait()
		}()
		for next := range made {
			<-next.done
			if next.err == nil {
				next.err = rd.judgeRows(ctx, next.items, next.recs)
			}
			if !yield(next.batch) {
				return
			}
		}
		if err := context.Cause(ctx); err != nil {
			yield(batch{err: err})
		}
	}
}

func (rd *replayReader) derive(ctx context.Context, from replayCursor, emit func(batch) bool) {
	r := rd.j.r
	n := 0
	size := min(replayBatch, r.Snapshot.Counts().Accepted)
	b := batch{items: make([]replayItem, 0, size)}
	for row, err := range r.Snapshot.Rows(ctx) {
		if err != nil {
			emit(batch{err: err})
			return
		}
		if n++; n <= from.Rows {
			continue
		}
		job, err := rd.jobs.derive(row)
		if err != nil {
			emit(batch{err: err})
			return
		}
		id := idempotency.IDOf(job.Key)
		b.items = append(b.items, replayItem{
			ReplayItem: ReplayItem{ID: id, Key: job.Key, Contact: job.Contact, Row: row.Number},
			n:          n, job: &job, paper: idempotency.FingerprintOf(&job),
		})
		if len(b.items) == replayBatch {
			b.next.Rows = n
			if !emit(b) {
				return
			}
			b = batch{items: make([]replayItem, 0, size)}
		}
	}
	b.next.Rows = n
	emit(b)
}

// judgeRows judges rows by their records.
func (rd *replayReader) judgeRows(ctx context.Context, items []replayItem, recs map[idempotency.ID]*idempotency.Record) error {
	for i := range items {
		rec, there := recs[items[i].ID]
		if there && rec == nil {
			items[i].unreadable()
			continue
		}
		items[i].rec = rec
		if err := rd.j.row(ctx, &items[i]); err != nil {
			return err
		}
	}
	return nil
}

// unreadable makes it an item whose record is damaged: a person has to see to it.
func (it *replayItem) unreadable() {
	it.Outcome, it.Reason, it.Note = ReplayHeld, "corrupt", "its record cannot be read"
}

// records reads the records of the items, as far as there are any; those that are
// damaged are nil.
func (c *Client) records(ctx context.Context, items []replayItem, bare bool) (map[idempotency.ID]*idempotency.Record, error) {
	if len(items) == 0 {
		return nil, nil //nolint:nilnil // a map that is only read
	}
	q := idempotency.Query{IDs: make([]idempotency.ID, len(items)), Bare: bare}
	for i := range items {
		q.IDs[i] = items[i].ID
	}
	recs := make(map[idempotency.ID]*idempotency.Record, len(items))
	for rec, err := range c.store.Find(ctx, q) {
		if c.meetDamaged(ctx, err) {
			recs[idempotency.AsDamaged(err).Record] = nil
			continue
		}
		if err != nil {
			return nil, c.storeError("replay", err)
		}
		recs[rec.ID] = rec
	}
	return recs, nil
}

// found yields the jobs of the query that are no rows, by their ids.
func (rd *replayReader) found(ctx context.Context, from replayCursor, yield func(batch) bool) {
	q := rd.j.query.find()
	q.Bare, q.After = true, from.After
	b := batch{next: from}
	if rd.jobs != nil {
		b.next.Rows = rd.j.r.Snapshot.Counts().Accepted
	}
	flush := func() bool {
		if b.err == nil {
			b.err = rd.judgeFound(ctx, b.items)
		}
		more := yield(b) && b.err == nil
		b.items = make([]replayItem, 0, replayBatch)
		return more
	}
	for rec, err := range rd.c.store.Find(ctx, q) {
		damaged := rd.c.meetDamaged(ctx, err)
		if err != nil && !damaged {
			b.err = rd.c.storeError("replay", err)
			break
		}
		it := replayItem{rec: rec}
		if damaged { // it may be one of them
			it.ID = idempotency.AsDamaged(err).Record
			it.unreadable()
		} else {
			it.ReplayItem = ReplayItem{ID: rec.ID, Key: rec.Key, Contact: rec.Contact}
		}
		b.next.After = it.ID
		if !damaged && !rd.j.query.selects(rec) {
			continue
		}
		row, err := rd.rows.has(ctx, it.ID)
		if err != nil {
			b.err = err
			break
		}
		if row {
			continue
		}
		b.items = append(b.items, it)
		if len(b.items) == replayBatch && !flush() {
			return
		}
	}
	flush()
}

// judgeFound judges jobs of the query, and reads those whose content matters.
func (rd *replayReader) judgeFound(ctx context.Context, items []replayItem) error {
	var look []replayItem
	var at []int
	for i := range items {
		it := &items[i]
		if it.rec == nil {
			continue // damaged
		}
		rd.j.known(it)
		if it.Outcome == ReplayAgain || (it.Outcome.Acts() && len(rd.j.r.Suppress) > 0) {
			look, at = append(look, *it), append(at, i)
		}
	}
	recs, err := rd.c.records(ctx, look, false)
	if err != nil {
		return err
	}
	for _, i := range at {
		it := &items[i]
		rec := recs[it.ID]
		if rec == nil {
			continue // a store that loses records: nothing is known of it
		}
		job := &postproof.Job{}
		if err := job.UnmarshalJSON(rec.Job); err != nil {
			it.Outcome, it.Reason, it.Note = ReplayHeld, "corrupt", "its job cannot be read"
			continue
		}
		it.job = job
		if err := rd.j.further(ctx, it); err != nil {
			return err
		}
	}
	return nil
}
