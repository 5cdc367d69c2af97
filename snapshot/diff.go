package snapshot

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
)

// ChangeKind says what happened to a contact between two snapshots.
type ChangeKind string

// The kinds of change.
const (
	// Added: the contact is in the second snapshot only.
	Added ChangeKind = "added"
	// Removed: the contact is in the first snapshot only.
	Removed ChangeKind = "removed"
	// Changed: the contact is in both, and its row is not the same.
	Changed ChangeKind = "changed"
)

// Change is a contact that two snapshots do not have alike.
type Change struct {
	Kind ChangeKind
	// Row is the row of the second snapshot, or of the first for [Removed].
	Row Row
	// Was is, for [Changed], the number of the row in the first snapshot.
	Was int
	// Moved is, for [Changed], true when the address is another one, and not
	// only another spelling of it, another name or another further column. A
	// contact that moved keeps its key: it gets no second piece.
	Moved bool
}

// Diff yields what the accepted rows of two snapshots do not have in common,
// by their contacts: first what was removed, in the order of the first
// snapshot, then what was added or changed, in the order of the second. Numbers
// of rows and warnings make no difference.
//
// The memory does not grow with the lists; what does not fit is kept in a
// scratch file in the directory of the first snapshot's [Folder], or the
// system's. It holds digests, no addresses.
func Diff(ctx context.Context, first, second *Snapshot) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if first == nil || second == nil {
			yield(Change{}, invalid("diff", "a snapshot is missing"))
			return
		}
		d := newDiffer(first, second, limits{})
		stopped := false // and must not be called again, whatever fails then
		err := d.run(ctx, func(c Change, err error) bool {
			stopped = !yield(c, err)
			return !stopped
		})
		if err = errors.Join(err, d.close()); err != nil && !stopped {
			yield(Change{}, wrap(opRead, err))
		}
	}
}

// differ compares two snapshots.
type differ struct {
	first, second *Snapshot
	seeds         [3]maphash.Seed
	words         *abbreviations
	text          []byte
	one, two      sorter // a record for each contact; more is the digest of the row
	removed       sorter // by row of the first
	changed       sorter // by row of the second
}

func newDiffer(first, second *Snapshot, l limits) *differ {
	l = l.withDefaults()
	open := newScratchOf(first.store)
	d := &differ{first: first, second: second, words: abbreviationTable()}
	for i := range d.seeds {
		d.seeds[i] = maphash.MakeSeed()
	}
	for _, s := range []*sorter{&d.one, &d.two, &d.removed, &d.changed} {
		*s = sorter{limit: l.sort, open: open}
	}
	d.one.digests, d.two.digests = true, true
	return d
}

func (d *differ) close() error {
	return errors.Join(d.one.close(), d.two.close(), d.removed.close(), d.changed.close())
}

func (d *differ) run(ctx context.Context, yield func(Change, error) bool) error {
	if err := d.load(ctx, d.first, &d.one); err != nil {
		return err
	}
	if err := d.load(ctx, d.second, &d.two); err != nil {
		return err
	}
	if err := d.compare(); err != nil {
		return err
	}
	more, err := d.tell(ctx, d.first, &d.removed, yield)
	if err != nil || !more {
		return err
	}
	_, err = d.tell(ctx, d.second, &d.changed, yield)
	return err
}

// load takes the digests of a snapshot's rows.
func (d *differ) load(ctx context.Context, s *Snapshot, to *sorter) error {
	for r, err := range s.Rows(ctx) {
		if err != nil {
			return err
		}
		d.text = d.text[:0]
		for i := range standardCount {
			d.text = append(append(d.text, composed(standardOf(&r, i))...), 0)
		}
		for i, name := range s.manifest.Columns {
			d.text = append(append(append(append(d.text, fold(name)...), 0), composed(valueOf(&r, i))...), 0)
		}
		row := maphash.Bytes(d.seeds[2], d.text)
		d.text = d.words.appendKey(d.text[:0], &r.Address)
		place := maphash.Bytes(d.seeds[2], d.text)
		id := identity(r.ContactID)
		err := to.add(record{
			key: maphash.String(d.seeds[0], id), low: uint32(maphash.String(d.seeds[1], id)) << 1,
			// Half for the row, half for the place.
			more: row<<32 | place>>32, row: uint32(r.Number),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// What a change is, in a record's more, with the row in the first snapshot.
const (
	diffAdded = iota << 32
	diffChanged
	diffMoved
)

// compare goes through both lists by their digests.
func (d *differ) compare() error {
	one, stopOne := iter.Pull2(d.one.sorted())
	defer stopOne()
	two, stopTwo := iter.Pull2(d.two.sorted())
	defer stopTwo()
	a, err := pull(one)
	if err != nil {
		return err
	}
	b, err := pull(two)
	if err != nil {
		return err
	}
	for a.row != end || b.row != end {
		order := compareContacts(a, b)
		switch {
		case order < 0:
			err = d.removed.add(pairOf(a.row, 0, 0))
		case order > 0:
			err = d.changed.add(pairOf(b.row, 0, diffAdded))
		case a.more != b.more:
			kind := uint64(diffChanged)
			if uint32(a.more) != uint32(b.more) {
				kind = diffMoved
			}
			err = d.changed.add(pairOf(b.row, a.row, kind))
		}
		if err == nil && order <= 0 {
			a, err = pull(one)
		}
		if err == nil && order >= 0 {
			b, err = pull(two)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(d.one.close(), d.two.close())
}

// compareContacts puts the end of a list behind all contacts.
func compareContacts(a, b record) int {
	switch {
	case a.row == end:
		return 1
	case b.row == end:
		return -1
	}
	a.row, b.row = 0, 0
	return compareRecords(a, b)
}

// tell yields the changes whose rows stand in a snapshot. It reports whether
// the consumer wants more.
func (d *differ) tell(ctx context.Context, s *Snapshot, changes *sorter, yield func(Change, error) bool) (bool, error) {
	next, stop := iter.Pull2(changes.sorted())
	defer stop()
	c, err := pull(next)
	if err != nil || c.row == end {
		return true, err
	}
	for r, err := range s.Rows(ctx) {
		if err != nil {
			return false, err
		}
		if r.Number != int(c.row) {
			continue
		}
		change := Change{Kind: Changed, Row: r, Was: int(c.first()), Moved: c.more == diffMoved}
		switch {
		case changes == &d.removed:
			change.Kind = Removed
		case c.more == diffAdded:
			change.Kind = Added
		}
		if !yield(change, nil) {
			return false, nil
		}
		if c, err = pull(next); err != nil || c.row == end {
			return true, err
		}
	}
	return true, nil
}
