package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"
)

// finish finds what rows are to each other and writes the two files. It goes
// once through the digests of the contacts, once through those of the
// addresses, and once through the drafted lines, which are in the order of
// their rows' numbers.
func (d *drafter) finish(draft Draft) (_ []File, err error) {
	contacts := sorter{limit: d.limits.sort, open: d.open}
	houses := sorter{limit: d.limits.sort, open: d.open}
	shared := d.chosenSorter()
	defer func() { err = errors.Join(err, contacts.close(), houses.close(), shared.close()) }()
	// The two searches go side by side: which rows get no piece, because their
	// contact came before, matters only where rows share an address.
	if d.early != nil && !d.opts.compress(d.rows.size) {
		d.early.complete() // the disk works while what comes again is searched
	}
	d.digests.ready()
	var searching sync.WaitGroup
	var sharedErr error
	searching.Go(func() { sharedErr = d.sharedAddresses(&shared) })
	again, err := d.sameContacts(&contacts)
	searching.Wait()
	if err := errors.Join(err, sharedErr, d.digests.close()); err != nil {
		return nil, err
	}
	if err := sameAddresses(&shared, &houses, again); err != nil {
		return nil, err
	}
	if d.early != nil && contacts.none() && houses.none() && !d.opts.compress(d.rows.size) {
		return d.asDrafted(draft)
	}
	f := &finisher{drafter: d}
	if f.rows, err = d.create(draft, rowsFile, d.rows.size); err != nil {
		return nil, err
	}
	if f.rejects, err = d.create(draft, rejectsFile, d.rejects.size); err != nil {
		_, cerr := f.rows.close()
		return nil, errors.Join(err, cerr)
	}
	err = f.run(&contacts, &houses)
	rows, rerr := f.rows.close()
	rejects, jerr := f.rejects.close()
	return []File{rows, rejects}, errors.Join(err, rerr, jerr)
}

func (d *drafter) create(draft Draft, name string, size int64) (*frozenWriter, error) {
	return createFrozen(draft, name, frozenHeader(d.opts.Columns, name == rejectsFile), d.opts.compress(size))
}

// asDrafted keeps all lines as they were drafted: the accepted ones are in their
// file.
func (d *drafter) asDrafted(draft Draft) ([]File, error) {
	var rows File
	var rowsErr error
	var keeping sync.WaitGroup
	keeping.Go(func() { rows, rowsErr = d.early.keep() })
	rejects, err := d.copyRejects(draft)
	keeping.Wait()
	return []File{rows, rejects}, errors.Join(err, rowsErr)
}

func (d *drafter) copyRejects(draft Draft) (File, error) {
	w, err := d.create(draft, rejectsFile, d.rejects.size)
	if err != nil {
		return File{}, err
	}
	_, err = io.Copy(w, d.rejects.reader())
	file, cerr := w.close()
	return file, errors.Join(err, cerr)
}

// rowSet is a set of row numbers.
type rowSet []uint64

func (b *rowSet) add(n uint32) {
	at := int(n / 64)
	if at >= len(*b) {
		*b = append(*b, make([]uint64, at+1-len(*b)+at/4)...)
	}
	(*b)[at] |= 1 << (n % 64)
}

func (b *rowSet) has(n uint32) bool { return int(n/64) < len(*b) && (*b)[n/64]&(1<<(n%64)) != 0 }

// sameContacts finds the rows whose contact id stands in an earlier one.
func (d *drafter) sameContacts(out *sorter) (_ *rowSet, err error) {
	chosen := d.chosenSorter()
	defer func() { err = errors.Join(err, chosen.close()) }()
	if err := d.digests.chosen(false, chosen.add); err != nil {
		return nil, err
	}
	again := &rowSet{}
	var first record
	for r, err := range chosen.sorted() {
		switch {
		case err != nil:
			return nil, err
		case first.row == 0 || !r.same(&first):
			first = r
			continue
		}
		again.add(r.row)
		same := uint64(0)
		if r.more == first.more {
			same = 1
		}
		if err := out.add(pairOf(r.row, first.row, same)); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// chosenSorter is for records of which only those are wanted that come again.
func (d *drafter) chosenSorter() sorter {
	return sorter{limit: d.limits.sort, open: d.open, digests: true, doubles: true}
}

// sharedAddresses finds the rows that share their address with others.
func (d *drafter) sharedAddresses(out *sorter) (err error) {
	chosen := d.chosenSorter()
	defer func() { err = errors.Join(err, chosen.close()) }()
	if err := d.digests.chosen(true, chosen.add); err != nil {
		return err
	}
	var last record
	added := false // last
	for r, err := range chosen.sorted() {
		switch {
		case err != nil:
			return err
		case last.row == 0 || !r.same(&last):
			last, added = r, false
			continue
		case !added:
			if err := out.add(last); err != nil {
				return err
			}
		}
		if err := out.add(r); err != nil {
			return err
		}
		last, added = r, true
	}
	return nil
}

// sameAddresses finds, of the rows that share an address, those whose address
// stands in an earlier row that is to be mailed.
func sameAddresses(shared, out *sorter, again *rowSet) error {
	var first record
	for r, err := range shared.sorted() {
		switch {
		case err != nil:
			return err
		case again.has(r.row):
			continue // it gets no piece, so nothing is doubled
		case first.row == 0 || !r.same(&first):
			first = r
			continue
		}
		if err := out.add(pairOf(r.row, first.row, 0)); err != nil {
			return err
		}
	}
	return shared.close()
}

// pairOf says that a row is the same as an earlier one. Pairs sort by row.
func pairOf(row, first uint32, same uint64) record {
	return record{key: uint64(row)<<32 | uint64(first), more: same, row: row}
}

func (r *record) first() uint32 { return uint32(r.key) }

// finisher writes the lines where they belong.
type finisher struct {
	*drafter
	rows, rejects *frozenWriter
}

func (f *finisher) run(contacts, houses *sorter) error {
	next, stop := iter.Pull2(contacts.sorted())
	defer stop()
	nextHouse, stopHouse := iter.Pull2(houses.sorted())
	defer stopHouse()
	good, bad := newLineReader(&f.drafter.rows), newLineReader(&f.drafter.rejects)
	contact, err := pull(next)
	if err != nil {
		return err
	}
	house, err := pull(nextHouse)
	if err != nil {
		return err
	}
	if err := errors.Join(good.next(), bad.next()); err != nil {
		return err
	}
	for good.row != end || bad.row != end {
		in, reject := good, false
		if bad.row < good.row {
			in, reject = bad, true
		}
		switch in.row {
		case contact.row:
			err = f.move(in.line, reject, f.contactFinding(&contact))
			if err == nil {
				contact, err = pull(next)
			}
		case house.row:
			err = f.move(in.line, reject, f.houseFinding(&house))
			if err == nil {
				house, err = pull(nextHouse)
			}
		default:
			if reject {
				err = f.rejects.write(in.line)
			} else {
				err = f.rows.write(in.line)
			}
		}
		if err != nil {
			return err
		}
		if !reject {
			if err := f.rows.write(in.before(min(contact.row, house.row, bad.row))); err != nil {
				return err
			}
		}
		if err := in.next(); err != nil {
			return err
		}
	}
	if contact.row != end || house.row != end {
		return fmt.Errorf("snapshot: the draft lacks row %d", min(contact.row, house.row))
	}
	return nil
}

// end is the row number behind all rows.
const end = math.MaxUint32

// pull returns the next pair, of the row end when there is none.
func pull(next func() (record, error, bool)) (record, error) {
	r, err, ok := next()
	if !ok {
		return record{row: end}, nil
	}
	return r, err
}

func (*finisher) contactFinding(p *record) Finding {
	f := Finding{Code: CodeDuplicateContact, Severity: SeverityError, Row: int(p.row), Column: ColumnContactID}
	f.Message = fmt.Sprintf("rows %d and %d are the same contact", p.first(), p.row)
	if p.more == 0 {
		f.Code = CodeContactConflict
		f.Message += " at two addresses"
	}
	return f
}

func (f *finisher) houseFinding(p *record) Finding {
	severity := SeverityWarning
	if f.opts.OnePerAddress {
		severity = SeverityError
	}
	return Finding{
		Code: CodeDuplicateAddress, Severity: severity, Row: int(p.row), Column: ColumnAddressLine1,
		Message: fmt.Sprintf("rows %d and %d have the same address", p.first(), p.row),
	}
}

// move adds a finding to a line and writes it where it then belongs.
func (f *finisher) move(line []byte, reject bool, found Finding) error {
	was, err := parseLine(string(line), len(f.opts.Columns), reject)
	if err != nil {
		return err
	}
	f.codes[found.Code]++
	warned := len(was.Findings) > 0
	was.Findings = append(was.Findings, found)
	bad := reject || found.Severity == SeverityError
	switch {
	case bad && !reject:
		f.counts.Accepted--
		f.counts.Rejected++
		if warned {
			f.counts.Warned--
		}
	case !bad && !warned:
		f.counts.Warned++
	}
	out := appendRow(nil, &was.Row, was.Row.values, was.Findings, bad)
	if bad {
		return f.rejects.write(out)
	}
	return f.rows.write(out)
}

// lineReader reads lines that begin with a number.
type lineReader struct {
	src  *bufio.Reader
	long []byte
	line []byte // with its end
	row  uint32
}

func newLineReader(s *spool) *lineReader {
	return &lineReader{src: bufio.NewReaderSize(s.reader(), int(min(s.size+1, 256<<10)))}
}

// before returns lines that stand whole in the buffer and are of rows before
// this one: nothing has to be done for them. They are valid until the next
// call.
func (r *lineReader) before(row uint32) []byte {
	const window = 16 << 10                              // so that one line with something to do costs few
	part, _ := r.src.Peek(min(r.src.Buffered(), window)) // all of it is there
	last := bytes.LastIndexByte(part, '\n')
	if last < 0 || rowOf(part[bytes.LastIndexByte(part[:last], '\n')+1:]) >= row {
		return nil
	}
	_, _ = r.src.Discard(last + 1)
	return part[:last+1]
}

// rowOf returns the number with which a line begins.
func rowOf(line []byte) uint32 {
	n := uint32(0)
	for _, c := range line {
		if c == ',' {
			break
		}
		n = n*10 + uint32(c-'0')
	}
	return n
}

// next reads a line. At the end the row is end.
func (r *lineReader) next() error {
	line, err := r.src.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = append(r.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.src.ReadSlice('\n')
			r.long = append(r.long, line...)
		}
		line = r.long
	}
	if err != nil {
		r.row, r.line = end, nil
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		return fmt.Errorf("snapshot: scratch file: %w", err)
	}
	r.line, r.row = line, rowOf(line)
	return nil
}
