package snapshot

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Predicate says which rows of a list are meant: see [Options.Segment]. It is
// made by the functions of this package and stands in the manifest as JSON. The
// zero value takes every row.
//
// Text is compared as it is, case included, after spaces at both ends were
// taken off and both sides were brought into Unicode's composed form (NFC). A number is decimal, as in "-12.5" or "1e3"; a date is
// "2006-01-02", or has the form that [Predicate.WithLayout] gives. A value of
// another form, an empty one included, is neither true nor false: where it
// decides whether the row is meant, the row is rejected with bad_number or
// bad_date. And(Not(Empty(c)), Number(c, ">", 5)) leaves out rows without a
// value instead.
type Predicate struct {
	Op     PredicateOp `json:"op,omitempty"`
	Column string      `json:"column,omitempty"`
	Values []string    `json:"values,omitempty"`
	Layout string      `json:"layout,omitempty"`
	Of     []Predicate `json:"of,omitempty"`
}

// PredicateOp is what a predicate does.
type PredicateOp string

// The operations that the functions of this package make.
const (
	opIn     PredicateOp = "in"
	opPrefix PredicateOp = "prefix"
	opEmpty  PredicateOp = "empty"
	opNumber PredicateOp = "number" // values: comparison, number
	opDate   PredicateOp = "date"   // values: comparison, date
	opAnd    PredicateOp = "and"
	opOr     PredicateOp = "or"
	opNot    PredicateOp = "not"
)

// Equals is true when the column has the value.
func Equals(column, value string) Predicate {
	return Predicate{Op: opIn, Column: column, Values: []string{value}}
}

// In is true when the column has one of the values.
func In(column string, values ...string) Predicate {
	return Predicate{Op: opIn, Column: column, Values: slices.Clone(values)}
}

// Prefix is true when the column's value begins so.
func Prefix(column, prefix string) Predicate {
	return Predicate{Op: opPrefix, Column: column, Values: []string{prefix}}
}

// Empty is true when the column has no value.
func Empty(column string) Predicate { return Predicate{Op: opEmpty, Column: column} }

// Number compares the column's value with a number: "=", "!=", "<", "<=", ">"
// or ">=".
func Number(column, comparison string, n float64) Predicate {
	return Predicate{Op: opNumber, Column: column, Values: []string{comparison, strconv.FormatFloat(n, 'g', -1, 64)}}
}

// Date compares the column's value with the day of t in its own time zone. The
// comparisons are those of [Number].
func Date(column, comparison string, t time.Time) Predicate {
	return Predicate{Op: opDate, Column: column, Values: []string{comparison, t.Format(time.DateOnly)}}
}

// WithLayout says how a [Date] predicate's column is written, in the form of
// [time.Parse], for example "01/02/2006".
func (p Predicate) WithLayout(layout string) Predicate {
	p.Layout = layout
	return p
}

// And is true when all of them are.
func And(of ...Predicate) Predicate { return Predicate{Op: opAnd, Of: slices.Clone(of)} }

// Or is true when one of them is.
func Or(of ...Predicate) Predicate { return Predicate{Op: opOr, Of: slices.Clone(of)} }

// Not is true when p is false.
func Not(p Predicate) Predicate { return Predicate{Op: opNot, Of: []Predicate{p}} }

// IsZero reports whether the predicate takes every row.
func (p Predicate) IsZero() bool { return p.Op == "" }

// clone returns a copy that shares nothing.
func (p Predicate) clone() Predicate {
	p.Values, p.Of = slices.Clone(p.Values), slices.Clone(p.Of)
	for i := range p.Of {
		p.Of[i] = p.Of[i].clone()
	}
	return p
}

// deepestPredicate keeps a predicate from a foreign file off the stack's end.
const deepestPredicate = 100

// validate checks the form.
func (p Predicate) validate(depth int) error {
	if depth > deepestPredicate {
		return fmt.Errorf("is nested more than %d deep", deepestPredicate)
	}
	column := p.Op == opIn || p.Op == opPrefix || p.Op == opEmpty || p.Op == opNumber || p.Op == opDate
	switch {
	case column && (strings.TrimSpace(p.Column) == "" || len(p.Of) > 0):
		return fmt.Errorf("%q wants a column and no predicates", p.Op)
	case p.Layout != "" && p.Op != opDate:
		return fmt.Errorf("%q takes no layout", p.Op)
	}
	switch p.Op {
	case opIn:
	case opEmpty:
		if len(p.Values) > 0 {
			return fmt.Errorf("%q takes no values", p.Op)
		}
	case opPrefix:
		if len(p.Values) != 1 {
			return fmt.Errorf("%q wants one value", p.Op)
		}
	case opNumber, opDate:
		if len(p.Values) != 2 || !slices.Contains(comparisons(), p.Values[0]) {
			return fmt.Errorf("%q wants a comparison (%s) and a value", p.Op, strings.Join(comparisons(), " "))
		}
		if p.Op == opNumber {
			if _, ok := parseNumber(p.Values[1]); !ok {
				return fmt.Errorf("%q compares with something that is not a number", p.Op)
			}
		} else if _, err := time.Parse(time.DateOnly, p.Values[1]); err != nil {
			return fmt.Errorf("%q compares with something that is not a date", p.Op)
		}
	case opAnd, opOr, opNot:
		if len(p.Of) == 0 || p.Op == opNot && len(p.Of) != 1 {
			return fmt.Errorf("%q has the wrong number of predicates", p.Op)
		}
		for _, q := range p.Of {
			if err := q.validate(depth + 1); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("there is no operation %q", p.Op)
	}
	return nil
}

func comparisons() []string { return []string{"=", "!=", "<", "<=", ">", ">="} }

// truth is what a predicate says of a row.
type truth int8

const (
	no truth = iota
	bad
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// segment evaluates a predicate on the rows of one list.
type segment struct {
	Predicate
	values  map[string]bool // of "in"
	number  float64
	day     string
	prefix  string
	of      []*segment
	found   bool     // the places for columns
	columns *Columns // of the rows
	at, std int
}

func newSegment(p Predicate) *segment {
	s := &segment{Predicate: p}
	switch p.Op { //nolint:exhaustive // the others need no preparation
	case opIn:
		s.values = map[string]bool{}
		for _, v := range p.Values {
			s.values[composed(v)] = true
		}
	case opPrefix:
		s.prefix = composed(p.Values[0])
	case opNumber:
		s.number, _ = parseNumber(p.Values[1])
	case opDate:
		s.day = p.Values[1]
	}
	for _, q := range p.Of {
		s.of = append(s.of, newSegment(q))
	}
	return s
}

// missing returns a column that rows with these columns do not have.
func (s *segment) missing(c *Columns) (string, bool) {
	if s.Column != "" && c.standardIndex(s.Column) < 0 && c.index(s.Column) < 0 {
		return s.Column, true
	}
	for _, q := range s.of {
		if name, ok := q.missing(c); ok {
			return name, true
		}
	}
	return "", false
}

// eval returns the predicate's truth, and the leaf whose value has not its
// form.
func (s *segment) eval(r *Row) (truth, *segment) {
	switch s.Op {
	case opAnd, opOr:
		// One that decides alone does so whatever the others are: the order in
		// which they stand changes nothing.
		decides := no
		if s.Op == opOr {
			decides = yes
		}
		var unclear *segment
		for _, q := range s.of {
			t, leaf := q.eval(r)
			if t == decides {
				return t, nil
			}
			if t == bad && unclear == nil {
				unclear = leaf
			}
		}
		if unclear != nil {
			return bad, unclear
		}
		return yes - decides, nil
	case opNot:
		t, leaf := s.of[0].eval(r)
		return yes - t, leaf
	default:
		t := s.leaf(s.value(r))
		if t == bad {
			return bad, s
		}
		return t, nil
	}
}

func (s *segment) value(r *Row) string {
	if !s.found || s.columns != r.columns {
		s.found, s.columns = true, r.columns
		s.std, s.at = r.columns.standardIndex(s.Column), r.columns.index(s.Column)
	}
	switch {
	case s.std >= 0:
		return standardOf(r, s.std)
	case s.at >= 0:
		return valueOf(r, s.at)
	default:
		return ""
	}
}

func (s *segment) leaf(v string) truth {
	switch s.Op {
	case opIn:
		return truthOf(s.values[v])
	case opPrefix:
		return truthOf(strings.HasPrefix(v, s.prefix))
	case opEmpty:
		return truthOf(v == "")
	case opNumber:
		n, ok := parseNumber(v)
		if !ok {
			return bad
		}
		switch {
		case n < s.number:
			return compared(s.Values[0], -1)
		case n > s.number:
			return compared(s.Values[0], 1)
		default:
			return compared(s.Values[0], 0)
		}
	default: // a date
		layout := s.Layout
		if layout == "" {
			layout = time.DateOnly
		}
		t, err := time.Parse(layout, v)
		if err != nil {
			return bad
		}
		return compared(s.Values[0], strings.Compare(t.Format(time.DateOnly), s.day))
	}
}

func compared(comparison string, c int) truth {
	switch comparison {
	case "=":
		return truthOf(c == 0)
	case "!=":
		return truthOf(c != 0)
	case "<":
		return truthOf(c < 0)
	case "<=":
		return truthOf(c <= 0)
	case ">":
		return truthOf(c > 0)
	default:
		return truthOf(c >= 0)
	}
}

// parseNumber takes decimal numbers only: no "NaN", no "0x1p4", no "1_000".
func parseNumber(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "+-0123456789.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsInf(n, 0)
}
