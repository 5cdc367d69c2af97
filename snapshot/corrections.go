package snapshot

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
)

// TakeCorrections takes a snapshot again after a person has corrected rejected
// rows of it. The edited list is its rejects.csv: any of its rows may have other
// values, or be left out; the column "row" says which row it is and must stay
// as it is, in ascending order.
//
// The new snapshot has the rows of the base, and the rows that were changed as
// far as they now pass. A row that was not changed stays rejected for the
// reasons that it had. Where a changed row is the same contact as a row of the
// base, the row of the base stays.
//
// Enqueuing the new snapshot under the same drop makes jobs of the corrected
// rows only: the keys of the others are there already.
//
// The campaign and the columns are the base's, one piece an address stays the rule
// where it was, and so is the store where
// [Options.Store] names no other, which it must for a base from [OpenExport]. The
// segment is not asked again. Suppression lists are asked for the changed rows
// only; where the base was taken with some, one of each kind is required, as it is
// today: who is on it was perhaps not asked for yet, since a row that is rejected for
// something else is not. A spreadsheet takes the zeros before a contact id, and the
// digits behind the fifteenth: a row whose id differs in nothing else has the id that
// it had.
func TakeCorrections(ctx context.Context, base *Snapshot, edited Source, opts Options) (*Snapshot, error) {
	switch {
	case base == nil || edited == nil:
		return nil, invalid("corrections", "the base or the edited list is missing")
	case opts.Campaign != "" && opts.Campaign != base.Campaign():
		return nil, invalid("campaign", "is not the one of the base snapshot")
	case !opts.Segment.IsZero():
		return nil, invalid("segment", "is the base snapshot's")
	case len(opts.Columns) > 0:
		return nil, invalid("columns", "are the base snapshot's")
	}
	for _, code := range base.manifest.Suppressed {
		if !slices.ContainsFunc(opts.Suppress, func(s Suppression) bool { return s.code() == code }) {
			return nil, invalid("suppress", "the base was taken with a list of the code %s: give it again, as it is today, or an empty one", code)
		}
	}
	opts.OnePerAddress = opts.OnePerAddress || base.manifest.OnePerAddress
	opts.Campaign, opts.Columns, opts.base = base.Campaign(), base.manifest.Columns, base
	if opts.Store == nil {
		opts.Store = base.store
	}
	if opts.Source == "" {
		opts.Source = base.manifest.Source
	}
	return Take(ctx, &corrected{base: base, edited: edited}, opts)
}

// corrected is the list of a base snapshot with corrections.
type corrected struct {
	base   *Snapshot
	edited Source
}

// Mapping implements [Source].
func (c *corrected) Mapping() Mapping { return c.base.manifest.Mapping }

// Rows implements [Source]: three lists by the numbers of their rows.
func (c *corrected) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := c.merge(ctx, yield); err != nil {
			yield(Row{}, err)
		}
	}
}

func (c *corrected) merge(ctx context.Context, yield func(Row, error) bool) error {
	good, stopGood := pullRows(c.base.Rows(ctx))
	defer stopGood()
	was, stopWas := iter.Pull2(c.base.Rejects(ctx))
	defer stopWas()
	edit, stopEdit := pullRows(c.edited.Rows(ctx))
	defer stopEdit()
	row, err := good()
	if err != nil {
		return err
	}
	change, err := c.nextEdit(edit, 0)
	if err != nil {
		return err
	}
	for {
		reject, err, more := was()
		if err != nil {
			return err
		}
		number := reject.Row.Number
		if !more {
			number = end
		}
		for row.Row.Number < number {
			row.Row.note = noteTaken
			if !yield(row.Row, nil) {
				return nil
			}
			if row, err = good(); err != nil {
				return err
			}
		}
		if change.Row.Number < number {
			return invalid("corrections", "row %d is not one of the base snapshot's rejected rows", change.Row.Number)
		}
		if !more {
			return nil
		}
		next := reject.Row
		next.note, next.was = noteRejected, reject.Findings
		var partial error
		if change.Row.Number == number {
			restoreID(&change.Row.ContactID, reject.Row.ContactID)
			if c.changed(&change.Row, &reject.Row) {
				next = change.Row
				if change.partial != nil {
					partial = change.partial
				}
			}
			if change, err = c.nextEdit(edit, number); err != nil {
				return err
			}
		}
		if !yield(next, partial) {
			return nil
		}
	}
}

// changed compares an edited row with the one that was rejected.
func (c *corrected) changed(now, was *Row) bool {
	for i := range standardCount {
		if composed(trim(standardOf(now, i))) != composed(standardOf(was, i)) {
			return true
		}
	}
	for i, name := range c.base.manifest.Columns {
		if v, _ := now.Field(name); composed(v) != composed(valueOf(was, i)) {
			return true
		}
	}
	return false
}

// restoreID undoes what a spreadsheet does to a contact id that is a number.
func restoreID(now *string, was string) {
	const kept = 15 // digits
	id := trim(*now)
	if id == "" || strings.Trim(id+was, "0123456789") != "" {
		return
	}
	if strings.TrimLeft(was, "0") == id || len(was) > kept && was[:kept]+strings.Repeat("0", len(was)-kept) == id {
		*now = was
	}
}

// numbered is a row of a list, or of none: then its number is end.
type numbered struct {
	Row     Row
	partial *RowError
}

func pullRows(rows iter.Seq2[Row, error]) (func() (numbered, error), func()) {
	next, stop := iter.Pull2(rows)
	return func() (numbered, error) {
		row, err, ok := next()
		if !ok {
			return numbered{Row: Row{Number: end}}, nil
		}
		partial, isPartial := errors.AsType[*RowError](err)
		if err != nil && !isPartial {
			return numbered{}, err
		}
		return numbered{row, partial}, nil
	}, stop
}

// nextEdit returns the next edited row.
func (c *corrected) nextEdit(edit func() (numbered, error), last int) (numbered, error) {
	n, err := edit()
	if err != nil {
		return n, err
	}
	if s, ok := c.edited.(*csvSource); ok && s.number < 0 {
		return n, invalid("corrections", "the list is not an edited rejects.csv: it has no columns %q and %q", rowColumn, findingsColumn)
	}
	if n.partial != nil && n.partial.Column == rowColumn {
		return n, invalid("corrections", "line %d has no number of a row in the column %q", n.Row.Number, rowColumn)
	}
	if n.Row.Number <= last {
		return n, invalid("corrections", "row %d comes behind row %d; sort the list by the column %q", n.Row.Number, last, rowColumn)
	}
	return n, nil
}
