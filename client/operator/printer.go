package operator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// usualWidth is how many columns an answer takes at most, leastWidth on how many it
	// can still be read.
	usualWidth = 100
	leastWidth = 60
)

// printer writes an answer: text, or JSON.
type printer struct {
	w *bufio.Writer
	// width is how many columns an answer takes at most.
	width int
	json  bool
	err   error
}

// text writes a line for people; nothing in JSON. What comes from the ledger
// cannot move the cursor.
func (p *printer) text(format string, args ...any) {
	if p.json {
		return
	}
	fmt.Fprintln(p.w, clean(fmt.Sprintf(format, args...)))
}

// wrapped writes text for people, broken at the width. The first line begins with
// first, the others with as many blanks.
func (p *printer) wrapped(first, text string) {
	if p.json {
		return
	}
	for _, line := range wrap(clean(text), p.width-len(first)) {
		fmt.Fprintln(p.w, strings.TrimRight(first+line, " "))
		first = strings.Repeat(" ", len(first))
	}
}

// object writes a value as a line of JSON; nothing for people.
func (p *printer) object(v any) {
	if !p.json {
		return
	}
	line, err := json.Marshal(v)
	if err != nil {
		p.err = err
		return
	}
	_, _ = p.w.Write(append(line, '\n')) // the writer keeps its error
}

// clean makes control characters visible: a name in the ledger must not speak
// to the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		if unicode.IsControl(r) || !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

func wrap(text string, most int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// column is a column of a table.
type column struct {
	head string
	// right aligns numbers.
	right bool
	// elastic columns are cut when the table is too wide; the last one is broken.
	elastic bool
}

// table is a list for people.
type table struct {
	columns []column
	rows    [][]string
}

func newTable(heads ...string) *table {
	t := &table{}
	for _, h := range heads {
		c := column{head: strings.TrimLeft(h, ">~")}
		c.right, c.elastic = strings.HasPrefix(h, ">"), strings.HasPrefix(h, "~")
		t.columns = append(t.columns, c)
	}
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// list writes the table, indented by two, no wider than the width.
func (p *printer) list(t *table) {
	if p.json {
		return
	}
	t.drop("", "-")
	wide := t.wide()
	if !t.fit(wide, p.width) { // a narrow terminal has no room for nothing
		t.drop(zero(0), "-")
		wide = t.wide()
		t.fit(wide, p.width)
	}
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	last := len(t.columns) - 1
	for _, row := range append([][]string{heads}, t.rows...) {
		lines := []string{row[last]}
		if t.columns[last].elastic { // the remark goes on below: who did it, and why, is not to be guessed
			lines = wrap(row[last], wide[last])
		}
		for i, line := range lines {
			if i == 1 {
				row = make([]string, len(row))
			}
			row[last] = line
			p.row(t, row, wide)
		}
	}
}

// row writes one line of a table.
func (p *printer) row(t *table, row []string, wide []int) {
	cells := make([]string, len(row))
	for i, cell := range row {
		cell = cut(cell, wide[i])
		pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
		if cells[i] = cell + pad; t.columns[i].right {
			cells[i] = pad + cell
		}
	}
	fmt.Fprintln(p.w, strings.TrimRight("  "+strings.Join(cells, "  "), " "))
}

// wide is how many columns each cell of a row needs.
func (t *table) wide() []int {
	wide := make([]int, len(t.columns))
	for i, c := range t.columns {
		wide[i] = len(c.head)
		for _, row := range t.rows {
			row[i] = clean(strings.ReplaceAll(row[i], "\n", " "))
			if row[i] == "" {
				row[i] = "-"
			}
			wide[i] = max(wide[i], utf8.RuneCountInString(row[i]))
		}
	}
	return wide
}

// drop drops the columns that say nothing: in each row one of these.
func (t *table) drop(nothing ...string) {
	for i := len(t.columns) - 1; i > 0 && len(t.rows) > 0; i-- {
		if slices.ContainsFunc(t.rows, func(row []string) bool { return !slices.Contains(nothing, row[i]) }) {
			continue
		}
		t.columns = slices.Delete(t.columns, i, i+1)
		for j := range t.rows {
			t.rows[j] = slices.Delete(t.rows[j], i, i+1)
		}
	}
}

// fit takes from the widest elastic columns what is too much, and reports whether that
// was enough.
func (t *table) fit(wide []int, width int) bool {
	sum := 2
	for _, w := range wide {
		sum += w + 2
	}
	for sum -= 2; sum > width; sum-- {
		widest := -1
		for i, c := range t.columns {
			if c.elastic && wide[i] > 6 && (widest < 0 || wide[i] > wide[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		wide[widest]--
	}
	return true
}

// cut shortens a cell, and shows that it did.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// moment is a time for people: absolute in UTC, and how long ago or ahead.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	at, now = at.UTC(), now.UTC()
	layout := "01-02 15:04"
	if at.Year() != now.Year() {
		layout = "2006-01-02 15:04"
	}
	if d := now.Sub(at); d >= 0 {
		return at.Format(layout) + " (" + rough(d) + " ago)"
	}
	return at.Format(layout) + " (in " + rough(at.Sub(now)) + ")"
}

// rough is a duration in one unit.
func rough(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d/time.Second))
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	default:
		return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
	}
}

// many is a number with its noun.
func many[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ok := strings.CutSuffix(one, "y"); ok {
		return number(n) + " " + stem + "ies"
	}
	return number(n) + " " + one + "s"
}

// number groups the digits of a number.
func number[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
