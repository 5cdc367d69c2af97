package sqlite

import (
	"context"
	"strings"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/judge"
	"github.com/postproof/postproof/idempotency/internal/portion"
)

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

func (o *commitOp) encode(i int) (err error) {
	c := &o.changes[i]
	defer func() { // keep entries in step with the changes
		if err != nil {
			o.entries = append(o.entries, make([][]byte, len(c.Entries))...)
		}
	}()
	if err := c.Check(); err != nil {
		return err
	}
	if c.Record != nil {
		o.rows[i] = codec.Encode(c.Record)
	}
	for j := range c.Entries {
		e := &c.Entries[j]
		o.entries = append(o.entries, codec.EncodeEntry(e, c.Record == nil || e.ID != c.Record.ID))
	}
	return nil
}

func (o *commitOp) weight() int { return portion.Weight(o.changes) }

// ids appends the records that the changes look at.
func (o *commitOp) ids(ids []idempotency.ID) []idempotency.ID {
	for i := range o.changes {
		c := &o.changes[i]
		if c.Record != nil {
			ids = append(ids, c.Record.ID)
		}
		for j := range c.Entries {
			if id := c.Entries[j].ID; id != "" && (c.Record == nil || id != c.Record.ID) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// newRefs appends the references of records that gain some. It knows from the
// places which do.
func (o *commitOp) newRefs(b *batch, refs []string) []string {
	for i, r := range o.rows {
		if r == nil {
			continue
		}
		links := b.places.get(o.changes[i].Record.ID).links
		if r.Links == links {
			continue
		}
		all := o.changes[i].Record.Submissions
		for j := range all {
			if ref := string(all[j].Ref); ref != "" && !codec.HasRef(links, ref) {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

func (o *commitOp) apply(ctx context.Context, b *batch) error {
	o.errs = nil
	next := 0
	for i := range o.changes {
		c := &o.changes[i]
		texts := o.entries[next : next+len(c.Entries)]
		next += len(c.Entries)
		var refused error
		if o.refused != nil {
			refused = o.refused[i]
		}
		if refused == nil {
			var err error
			if refused, err = judge.Change(ctx, view{b}, c, o.rows[i]); err != nil {
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
		p := b.places.get(c.Record.ID)
		if c.Forget {
			if err := b.forgetHistory(ctx, p); err != nil {
				return err
			}
		}
		b.put(p, c.Record, r)
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		b.head.lastEntry++
		seq, num, prev := b.head.lastEntry, int64(0), int64(0)
		if e.ID != "" {
			p, err := b.place(ctx, e.ID)
			if err != nil {
				return err
			}
			if p.num != 0 {
				num, prev = p.num, p.tail
				p.tail = seq
				b.touch(p)
			}
		}
		b.newEntries.add(seq, num, prev, entries[i])
		b.saw(e.At)
	}
	for _, add := range c.Counters {
		have := b.counters[add.Name]
		have.value, have.dirty = add.Sum(have.value), true
	}
	for _, w := range c.Settings {
		*b.settings[w.Name] = setting{value: w.Value, version: w.Expect + 1, dirty: true}
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

// put makes r the record's next form.
func (b *batch) put(p *place, record *idempotency.Record, r *codec.Row) {
	now := group{r.Campaign, r.State, r.Priority}
	switch {
	case p.num == 0:
		b.head.lastRecord++
		p.num = b.head.lastRecord
		b.depth[now]++
	case p.group != now:
		b.depth[p.group]--
		b.depth[now]++
	}
	if r.Links != p.links {
		for _, l := range codec.Links(record) {
			if strings.Contains(p.links, l.String()) {
				continue
			}
			if l.Ref != "" && b.refs[l.Ref] == 0 && !codec.HasRef(p.links, l.Ref) {
				b.refs[l.Ref] = p.num
				b.newRefs.add(l.Ref, p.num)
			}
			if l.VendorID != "" {
				b.newPieces.add(codec.Digest(l.VendorID), p.num)
			}
		}
	}
	p.fence, p.group, p.links, p.jobSum, p.row = r.Fence, now, r.Links, r.JobSum, r
	b.touch(p)
	b.saw(record.UpdatedAt)
}

// touch remembers that there is something to store of the record.
func (b *batch) touch(p *place) {
	if !p.touched {
		p.touched = true
		b.changed = append(b.changed, p)
	}
}
