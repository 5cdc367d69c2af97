package snapshot

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"

	"github.com/postproof/postproof"
)

// limits bound the memory of a taking. The zero value means the defaults.
type limits struct {
	spool int // bytes of lines, for each of the two lists
	sort  int // bytes of records, for each search
}

func (l limits) withDefaults() limits {
	if l.spool == 0 {
		l.spool = 4 << 20
	}
	if l.sort == 0 {
		l.sort = 4 << 20
	}
	return l
}

// drafter reads a list once: it checks each row for itself, writes it down as a
// line, and keeps of it what the search for duplicates needs. What rows are to
// each other is found afterwards, see finish.
type drafter struct {
	opts    *Options
	rules   *rules
	seeds   [2]maphash.Seed
	open    func() (scratchFile, error)
	limits  limits
	rows    spool // lines of rows.csv
	rejects spool // lines of rejects.csv

	contacts  sorter // of all rows
	addresses sorter // of the accepted ones

	outputs chan *output // to be used again
	counts  Counts
	codes   map[Code]int
	last    int // number of the last row
}

func newDrafter(opts *Options, open func() (scratchFile, error)) *drafter {
	l := opts.limits.withDefaults()
	return &drafter{
		opts: opts, rules: newRules(opts), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		open: open, limits: l, codes: map[Code]int{}, outputs: make(chan *output, 4*mostWorkers),
		rows: spool{limit: l.spool, open: open}, rejects: spool{limit: l.spool, open: open},
		contacts:  sorter{limit: l.sort, open: open, digests: true},
		addresses: sorter{limit: l.sort, open: open, digests: true},
	}
}

func (d *drafter) close() error {
	return errors.Join(d.rows.close(), d.rejects.close(), d.contacts.close(), d.addresses.close())
}

// batch is a part of the list, as it comes and as it leaves a worker.
type batch struct {
	csv   *csvSource // with chunk, or else sourced
	chunk chunk

	sourced []sourced

	*output
	counts      Counts
	codes       map[Code]int
	first, last int // numbers of rows
	err         error
}

// output is what becomes of a batch. It is used again for another.
type output struct {
	rows, rejects       []byte
	contacts, addresses []record
}

func (o *output) reset() {
	o.rows, o.rejects, o.contacts, o.addresses = o.rows[:0], o.rejects[:0], o.contacts[:0], o.addresses[:0]
}

// sourced is a row of a source that knows nothing of batches.
type sourced struct {
	row     Row
	partial *RowError
}

// batcher is a source of this package that can be worked on in parallel.
type batcher interface {
	batches(ctx context.Context, use func(*batch) bool) error
}

// mostWorkers is as many as there is work for beside reading and writing.
const mostWorkers = 4

// read drafts the whole list. The source is read by the calling goroutine.
func (d *drafter) read(ctx context.Context, source Source) error {
	line := newInOrder(min(runtime.GOMAXPROCS(0), mostWorkers), func() func(*batch) { return d.worker(ctx) }, d.take)
	finished := false
	defer func() {
		if !finished { // the source panicked
			_ = line.finish()
		}
	}()
	var putErr error
	use := func(b *batch) bool {
		putErr = line.put(b)
		return putErr == nil
	}
	var err error
	if s, ok := source.(batcher); ok {
		err = s.batches(ctx, use)
	} else {
		err = batches(ctx, source, use)
	}
	finished = true
	// What the rows are found to be comes before what came behind them.
	if werr := line.finish(); werr != nil {
		return werr
	}
	return errors.Join(putErr, err, context.Cause(ctx))
}

// batches makes batches of single rows.
func batches(ctx context.Context, source Source, use func(*batch) bool) error {
	const most = 256
	rows := make([]sourced, 0, most)
	n := 0
	for row, err := range source.Rows(ctx) {
		partial, ok := errors.AsType[*RowError](err)
		if err != nil && !ok {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n++
		if row.Number == 0 {
			row.Number = n
		}
		rows = append(rows, sourced{row, partial})
		if len(rows) == most {
			if !use(&batch{sourced: rows}) {
				return nil
			}
			rows = make([]sourced, 0, most)
		}
	}
	if len(rows) > 0 {
		use(&batch{sourced: rows})
	}
	return nil
}

// take adds a batch to the draft.
func (d *drafter) take(b *batch) error {
	if b.err == nil && b.first != 0 && b.first <= d.last {
		b.err = disorder(b.first, d.last)
	}
	if b.err != nil {
		return b.err
	}
	if b.last != 0 {
		d.last = b.last
	}
	d.counts.add(b.counts)
	for code, n := range b.codes {
		d.codes[code] += n
	}
	if _, err := d.rows.Write(b.rows); err != nil {
		return err
	}
	if _, err := d.rejects.Write(b.rejects); err != nil {
		return err
	}
	for _, r := range b.contacts {
		if err := d.contacts.add(r); err != nil {
			return err
		}
	}
	for _, r := range b.addresses {
		if err := d.addresses.add(r); err != nil {
			return err
		}
	}
	select {
	case d.outputs <- b.output:
	default:
	}
	b.output = nil
	return nil
}

func disorder(n, last int) error {
	return invalid("source", "row %d comes behind row %d; the numbers of rows must grow, up to %d", n, last, uint32(end-1))
}

// worker drafts batches, one at a time.
type worker struct {
	*drafter
	ctx     context.Context //nolint:containedctx // lives as long as the reading
	check   checker
	segment *segment
	table   *classes // of rows that come without a class
	csv     *csvRows
	columns *Columns // that check.keep is for
	batch   *batch
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
		add(r.standard(i))
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
		b.rejects = w.appendLine(b.rejects, r, c.found, true, true)
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
	c.text = w.rules.words.appendKey(c.text[:0], &r.Address)
	fits := !rejected(c.found)
	if fits && len(w.opts.Suppress) > 0 && r.note&noteTaken == 0 {
		if err := w.suppress(r); err != nil {
			return err
		}
		fits = !rejected(c.found)
	}
	address := maphash.Bytes(w.seeds[0], c.text)
	row := uint32(r.Number)
	later := uint32(1) // sorts behind a row that was taken before
	if r.note&noteTaken != 0 {
		later = 0
	}
	if r.ContactID != "" {
		b.contacts = append(b.contacts, record{
			key: maphash.String(w.seeds[0], r.ContactID), low: uint32(maphash.String(w.seeds[1], r.ContactID))<<1 | later, more: address, row: row,
		})
	}
	if fits {
		b.addresses = append(b.addresses, record{key: address, low: uint32(maphash.Bytes(w.seeds[1], c.text))<<1 | later, row: row})
	}
	return nil
}

func (w *worker) suppress(r *Row) error {
	key := keyOf(w.check.text)
	for i := range w.opts.Suppress {
		s := &w.opts.Suppress[i]
		has, err := s.List.Contains(w.ctx, r.ContactID, key)
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
		extra = append(extra, r.value(at))
	}
	w.check.extra = extra
	if !quote && len(extra) == 0 && len(found) == 0 {
		return appendPlain(line, r)
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

// newScratchOf returns where a store keeps scratch files.
func newScratchOf(store Store) func() (scratchFile, error) {
	if s, ok := store.(scratcher); ok {
		return s.scratch
	}
	return func() (scratchFile, error) { return newScratch("", "postproof-*") }
}

// vendorNames returns the names for the manifest.
func vendorNames(all []*postproof.Capabilities) []string {
	var names []string
	for _, v := range all {
		names = append(names, v.Vendor)
	}
	return names
}
