package snapshot

import (
	"context"
	"fmt"
	"hash/maphash"
)

// worker drafts batches, one at a time.
type worker struct {
	*drafter
	ctx     context.Context //nolint:containedctx // lives as long as the reading
	check   checker
	segment *segment
	table   *classes // of rows that come without a class
	csv     *csvRows
	columns *Columns // that check.keep is for
	number  counter
	batch   *batch
	given   string // the contact id of the row as the source has it
}

func (d *drafter) worker(ctx context.Context) func(*batch) {
	w := &worker{drafter: d, ctx: ctx, check: checker{rules: d.rules, kept: d.opts.Columns}, table: newClasses(',')}
	if !d.opts.Segment.IsZero() {
		w.segment = newSegment(d.opts.Segment)
	}
	return w.draft
}

func (w *worker) draft(b *batch) {
	w.batch = b
	select {
	case b.output = <-w.outputs:
		b.reset()
	default:
		b.output = &output{}
	}
	if b.csv == nil {
		for i := range b.sourced {
			r := &b.sourced[i]
			if b.err == nil {
				b.err = w.row(&r.row, w.classOf(&r.row), r.partial)
			}
		}
		return
	}
	if size := len(b.chunk.text); cap(b.rows) < size {
		b.rows = make([]byte, 0, size+size/2)
	}
	if w.csv == nil || w.csv.source != b.csv {
		w.csv = b.csv.rows(b.chunk)
	} else {
		w.csv.reset(b.chunk)
	}
	for w.csv.next() {
		if b.err = w.row(&w.csv.row, w.csv.class, w.csv.partial); b.err != nil {
			return
		}
	}
	b.err = w.csv.err
	b.chunk.text = ""
}

func (w *worker) classOf(r *Row) class {
	var all class
	add := func(s string) {
		for i := range len(s) {
			all |= w.table[s[i]]
		}
	}
	for i := range standardCount {
		add(standardOf(r, i))
	}
	for _, v := range r.values {
		add(v)
	}
	return all
}

// row drafts a row.
func (w *worker) row(r *Row, all class, partial *RowError) error {
	b, c := w.batch, &w.check
	if r.Number <= b.last || r.Number >= end {
		return disorder(r.Number, b.last)
	}
	if b.first == 0 {
		b.first = r.Number
	}
	b.last = r.Number
	if r.columns != w.columns || w.check.keep == nil {
		if err := w.meet(r.columns); err != nil {
			return err
		}
	}
	c.row, c.found = r.Number, c.found[:0]
	w.given = trim(r.ContactID)
	if all&classHigh != 0 && r.note&(noteTaken|noteRejected) == 0 { // what is frozen stays: its jobs may have the key
		compose(r)
	}
	c.normalize(r)
	all |= w.rules.defaultClass
	b.counts.Read++
	var unclear *segment
	if w.segment != nil && partial == nil {
		var t truth
		if t, unclear = w.segment.eval(r); t == no {
			b.counts.Outside++
			return nil
		}
	}
	if r.note&noteRejected != 0 {
		c.found = append(c.found, r.was...)
	} else if partial != nil {
		// Its fields may stand in the wrong columns: nothing to check.
		c.found = append(c.found, partial.finding(r.Number))
	} else if err := w.judge(r, all, unclear); err != nil {
		return err
	}
	for _, f := range c.found {
		if b.codes == nil {
			b.codes = map[Code]int{}
		}
		b.codes[f.Code]++
	}
	if rejected(c.found) {
		b.counts.Rejected++
		n := len(b.rejects)
		if w.size(r) <= mostLine {
			b.rejects = w.appendLine(b.rejects, r, c.found, true, true)
		}
		if size := len(b.rejects) - n; size == 0 || size > mostLine {
			b.rejects = w.appendCut(b.rejects[:n], r, c.found)
		}
		return nil
	}
	b.counts.Accepted++
	if len(c.found) > 0 {
		b.counts.Warned++
	}
	b.rows = w.appendLine(b.rows, r, c.found, false, all&(classQuote|classControl|classHigh) != 0)
	return nil
}

// meet looks up the columns of rows that come with others than the last.
func (w *worker) meet(columns *Columns) error {
	w.columns = columns
	w.check.keep = make([]int, 0, len(w.opts.Columns))
	for _, name := range w.opts.Columns {
		at := columns.index(name)
		if at < 0 {
			return invalid("columns", "the list has no column %q", name)
		}
		w.check.keep = append(w.check.keep, at)
	}
	if w.segment != nil {
		if name, ok := w.segment.missing(columns); ok {
			return invalid("segment", "the list has no column %q", name)
		}
	}
	return nil
}

// judge checks a row and keeps what the search for duplicates needs.
func (w *worker) judge(r *Row, all class, unclear *segment) error {
	b, c := w.batch, &w.check
	c.check(r, all)
	if unclear != nil {
		code, kind := CodeNumber, "a number"
		if unclear.Op == opDate {
			code, kind = CodeDate, "a date of the form that the segment states"
		}
		c.fail(code, unclear.Column, "is not %s, so that nobody can tell whether the row belongs to the segment", kind)
	}
	if w.tooLarge(r) {
		c.fail(CodeTooLong, ColumnContactID, "takes more than %d bytes as it is kept, with its further columns", mostLine)
	}
	c.text = w.rules.words.appendKey(c.text[:0], &r.Address)
	fits := !rejected(c.found)
	if fits && len(w.opts.Suppress) > 0 && r.note&noteTaken == 0 {
		if err := w.suppress(r); err != nil {
			return err
		}
		fits = !rejected(c.found)
	}
	if r.ContactID == "" {
		return nil // it is rejected, and doubles nobody
	}
	later := uint32(1) // sorts behind a row that was taken before
	if r.note&noteTaken != 0 {
		later = 0
	}
	row := uint32(r.Number)
	id := identity(r.ContactID)
	contact := record{key: maphash.String(w.seeds[0], id), low: uint32(maphash.String(w.seeds[1], id))<<1 | later, row: row}
	address := record{key: maphash.Bytes(w.seeds[0], c.text), low: uint32(maphash.Bytes(w.seeds[1], c.text)) << 1, row: row}
	b.digests = appendDigests(b.digests, &contact, &address, fits)
	return nil
}

func (w *worker) suppress(r *Row) error {
	key := keyOf(w.check.text)
	for i := range w.opts.Suppress {
		s := &w.opts.Suppress[i]
		has, err := s.contains(w.ctx, w.given, key)
		if err != nil {
			return fmt.Errorf("snapshot: suppression list %d, row %d: %w", i+1, r.Number, err)
		}
		if has {
			w.check.found = append(w.check.found, s.finding(r.Number))
			return nil
		}
	}
	return nil
}

// appendLine appends the row as it is frozen. Unless it says so, no value needs
// quotes.
func (w *worker) appendLine(line []byte, r *Row, found []Finding, reject, quote bool) []byte {
	extra := w.check.extra[:0]
	for _, at := range w.check.keep {
		extra = append(extra, valueOf(r, at))
	}
	w.check.extra = extra
	if !quote && len(extra) == 0 && len(found) == 0 {
		return appendPlain(w.number.append(line, r.Number), r)
	}
	if reject {
		p := printable(*r)
		for i, v := range extra {
			extra[i] = printableText(v)
		}
		return appendRow(line, &p, extra, found, true)
	}
	return appendRow(line, r, extra, found, false)
}
