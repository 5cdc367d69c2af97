package postgres

import (
	"context"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/judge"
	"github.com/postproof/postproof/idempotency/internal/portion"
)

// Commit implements [idempotency.Store]. A long list is committed in parts of
// a thousand changes or 4 MiB of jobs; after an error of the whole, parts may have been
// made.
func (s *Store) Commit(ctx context.Context, changes []idempotency.Change) (errs []error, err error) {
	for done, part := range portion.Of(changes) {
		op := newCommitOp(part)
		if err := s.do(ctx, "commit", op, &op.outcome); err != nil {
			return nil, err
		}
		if op.errs != nil {
			if errs == nil {
				errs = make([]error, len(changes))
			}
			copy(errs[done:], op.errs)
		}
	}
	return errs, nil
}

// commitOp is a caller's changes, encoded by the caller: the writer has little
// time.
type commitOp struct {
	outcome
	changes []idempotency.Change
	rows    []*codec.Row
	entries [][]byte // of all changes, one after the other
	refused []error  // what was wrong before anything was looked at; nil if nothing
	errs    []error  // nil when all were made
}

func newCommitOp(changes []idempotency.Change) *commitOp {
	op := &commitOp{changes: changes, rows: make([]*codec.Row, len(changes))}
	for i := range changes {
		if err := op.encode(i); err != nil {
			if op.refused == nil {
				op.refused = make([]error, len(changes))
			}
			op.refused[i] = err
		}
	}
	return op
}

func (o *commitOp) encode(i int) error {
	c := &o.changes[i]
	err := c.Check()
	if err == nil && c.Record != nil {
		o.rows[i] = codec.Encode(c.Record)
	}
	for j := range c.Entries { // in step with the changes, also of one that may not be made
		e := &c.Entries[j]
		o.entries = append(o.entries, codec.EncodeEntry(e, c.Record == nil || e.ID != c.Record.ID))
	}
	return err
}

// refusal is what was wrong with a change before anything was looked at.
func (o *commitOp) refusal(i int) error {
	if o.refused == nil {
		return nil
	}
	return o.refused[i]
}

// judged reports whether a change may not be made for what was looked at.
func (o *commitOp) judged() bool {
	for i, err := range o.errs {
		if err != nil && o.refusal(i) == nil {
			return true
		}
	}
	return false
}

func (o *commitOp) weight() int { return portion.Weight(o.changes) }

func (o *commitOp) apply(ctx context.Context, b *batch) error {
	o.errs = nil
	next := 0
	for i := range o.changes {
		c := &o.changes[i]
		texts := o.entries[next : next+len(c.Entries)]
		next += len(c.Entries)
		refused := o.refusal(i)
		if refused == nil {
			var err error
			if refused, err = judge.Change(ctx, b, c, o.rows[i]); err != nil {
				return err
			}
		}
		if refused != nil {
			if o.errs == nil {
				o.errs = make([]error, len(o.changes))
			}
			o.errs[i] = refused
			continue
		}
		if err := b.make(ctx, c, o.rows[i], texts); err != nil {
			return err
		}
	}
	return nil
}

// make carries out a change that was judged.
func (b *batch) make(ctx context.Context, c *idempotency.Change, r *codec.Row, entries [][]byte) error {
	b.dirty = true
	if r != nil {
		p := b.places[c.Record.ID]
		if c.Forget {
			if err := b.forgetHistory(ctx, p); err != nil {
				return err
			}
		}
		b.put(p, c.Record, r)
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		var num int64
		if e.ID != "" {
			num = b.place(e.ID).num
		}
		b.append(e, num, entries[i])
	}
	for _, add := range c.Counters {
		have := b.counter(add.Name)
		have.value, have.dirty = add.Sum(have.value), true
	}
	for _, w := range c.Settings {
		*b.setting(w.Name) = setting{value: w.Value, version: w.Expect + 1, dirty: true}
	}
	for i := range c.Marks {
		m := b.messages[c.Marks[i].ID]
		if m.mark != nil { // by a neighbor that guessed the next fence
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
		m.mark = &c.Marks[i]
		m.fence++
	}
	return nil
}
