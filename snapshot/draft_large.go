package snapshot

// mostLine is the longest line of a frozen row, in bytes: a longer one could not be
// read back. What rows are found to be to each other goes behind it.
const mostLine = MaxRowBytes - 4<<10

// size is about what a row takes.
func (w *worker) size(r *Row) int {
	n := 0
	for i := range standardCount {
		n += len(standardOf(r, i))
	}
	for _, at := range w.check.keep {
		n += len(valueOf(r, at))
	}
	return n
}

// tooLarge reports whether the row's line would be too long.
func (w *worker) tooLarge(r *Row) bool {
	const each = 256 // bytes of a finding
	n := w.size(r)
	switch about := n + each*len(w.check.found); {
	case n > mostLine:
		return true
	case about <= mostLine/4: // so that quotes cannot make it
		return false
	}
	return len(w.appendLine(nil, r, w.check.found, true, true)) > mostLine
}

// appendCut appends the line of a rejected row that is too large for one: enough to
// find it in the list.
func (w *worker) appendCut(line []byte, r *Row, found []Finding) []byte {
	row := *r
	for _, s := range values(&row) {
		*s = cutText(*s)
	}
	row = printable(row)
	const most = 32
	var sorted []Finding // those that reject it first: there is one
	for _, severity := range [...]Severity{SeverityError, SeverityWarning} {
		for _, f := range found {
			if f.Severity == severity && len(sorted) < most {
				f.Suggestion = ""
				sorted = append(sorted, f)
			}
		}
	}
	return appendRow(line, &row, make([]string, len(w.check.keep)), sorted, true)
}

// cutText returns the first characters of a text, as many as a field may have.
func cutText(s string) string {
	if len(s) <= longestField {
		return s
	}
	n := 0
	for at := range s {
		if n++; n > longestField {
			return s[:at]
		}
	}
	return s
}
