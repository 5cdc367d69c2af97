package snapshot

import (
	"context"
	"errors"
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
	draft   Draft
	rules   *rules
	seeds   [2]maphash.Seed
	open    func() (scratchFile, error)
	limits  limits
	rows    spool      // lines of rows.csv
	early   *earlyFile // of rows, where those that do not fit into memory are
	rejects spool      // lines of rejects.csv

	digests digests // of all rows that could be read

	outputs chan *output // to be used again
	counts  Counts
	codes   map[Code]int
	last    int // number of the last row
}

func newDrafter(opts *Options, draft Draft, open func() (scratchFile, error)) *drafter {
	l := opts.limits.withDefaults()
	d := &drafter{
		opts: opts, draft: draft, rules: newRules(opts), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		open: open, limits: l, codes: map[Code]int{}, outputs: make(chan *output, mostWaiting+mostWorkers),
		rejects: spool{limit: l.spool, open: open}, digests: digests{spool: spool{limit: l.sort, open: open}},
	}
	d.rows = spool{limit: l.spool, open: d.openRows}
	return d
}

// openRows opens the file for the lines of the accepted rows.
func (d *drafter) openRows() (scratchFile, error) {
	p, ok := d.draft.(provisioner)
	if !ok || d.opts.compress(d.rows.size) {
		return d.open()
	}
	var err error
	if d.early, err = newEarlyFile(p, d.opts); err != nil {
		return nil, err
	}
	return d.early, nil
}

func (d *drafter) close() error {
	return errors.Join(d.rows.close(), d.rejects.close(), d.digests.close())
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
	rows, rejects, digests []byte
}

func (o *output) reset() {
	o.rows, o.rejects, o.digests = o.rows[:0], o.rejects[:0], o.digests[:0]
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

// mostWaiting is how many batches are drafted ahead, a few hundred KiB each: as many
// as are read while records are brought out of the memory.
const mostWaiting = 16

// read drafts the whole list. The source is read by the calling goroutine.
func (d *drafter) read(ctx context.Context, source Source) error {
	line := newInOrder(min(runtime.GOMAXPROCS(0), mostWorkers), mostWaiting, func() func(*batch) { return d.worker(ctx) }, d.take)
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
	if err := d.digests.add(b.digests); err != nil {
		return err
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
