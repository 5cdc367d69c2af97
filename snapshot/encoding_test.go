package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

func utf16Of(order binary.AppendByteOrder, mark bool, s string) string {
	var out []byte
	if mark {
		out = order.AppendUint16(out, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return string(out)
}

// One list gives one id, in whatever way a program has exported it.
func TestAnyExportOfAListIsTheSame(t *testing.T) {
	t.Parallel()
	const list = header + "1,José Ñandú,\"1 Main St, Rear\",,Reno,NV,89501\n2,\"Zoë \"\"Z\"\" Œuvre\",2 Main St,,Reno,NV,89501\n"
	want := take(t, list, snapshot.Options{}).ID()
	latin := func(s string) string {
		return strings.NewReplacer("é", "\xe9", "Ñ", "\xd1", "ú", "\xfa", "ë", "\xeb", "Œ", "\x8c").Replace(s)
	}
	semicolons := strings.NewReplacer("\"1 Main St, Rear\"", "\"1 Main St\x00 Rear\"", ",", ";").Replace(list)
	semicolons = strings.ReplaceAll(semicolons, "\x00", ",")
	for _, c := range []struct {
		name, list string
		opts       []snapshot.CSVOption
		encoding   snapshot.Encoding
		separator  string
	}{
		{name: "UTF-8", list: list},
		{name: "mark", list: "\ufeff" + list},
		{name: "two marks", list: "\ufeff\ufeff" + list},
		{name: "two marks before a quote", list: "\ufeff\ufeff\"" + strings.Replace(list, ",", "\",", 1)},
		{name: "CRLF", list: strings.ReplaceAll(list, "\n", "\r\n")},
		{name: "CR", list: strings.ReplaceAll(list, "\n", "\r")},
		{name: "no last line end", list: strings.TrimSuffix(list, "\n")},
		{name: "semicolons", list: semicolons, separator: ";"},
		{name: "stated semicolons", list: semicolons, opts: []snapshot.CSVOption{snapshot.WithSeparator(';')}, separator: ";"},
		{name: "tabs", list: strings.ReplaceAll(semicolons, ";", "\t"), separator: "\t"},
		{name: "stated pipes", list: strings.ReplaceAll(semicolons, ";", "|"), opts: []snapshot.CSVOption{snapshot.WithSeparator('|')}, separator: "|"},
		{name: "UTF-16 little", list: utf16Of(binary.LittleEndian, true, list), encoding: snapshot.UTF16LE},
		{name: "UTF-16 big", list: utf16Of(binary.BigEndian, true, list), encoding: snapshot.UTF16BE},
		{name: "UTF-16 little without a mark", list: utf16Of(binary.LittleEndian, false, list), encoding: snapshot.UTF16LE},
		{name: "UTF-16 big without a mark", list: utf16Of(binary.BigEndian, false, list), encoding: snapshot.UTF16BE},
		{name: "UTF-16 with tabs and CRLF", list: utf16Of(binary.LittleEndian, true, strings.ReplaceAll(strings.ReplaceAll(semicolons, ";", "\t"), "\n", "\r\n")), encoding: snapshot.UTF16LE, separator: "\t"},
		{name: "UTF-16 with CR", list: utf16Of(binary.BigEndian, true, strings.ReplaceAll(list, "\n", "\r")), encoding: snapshot.UTF16BE},
		{name: "stated Windows-1252", list: latin(list), opts: []snapshot.CSVOption{snapshot.WithEncoding(snapshot.Windows1252)}, encoding: snapshot.Windows1252},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Read byte by byte, too: no character may be cut in two.
			for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.list), "bytes": iotest.OneByteReader(strings.NewReader(c.list))} {
				s, err := snapshot.Take(t.Context(), snapshot.CSV(r, snapshot.Mapping{}, c.opts...), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
				if err != nil {
					t.Fatal(name, err)
				}
				if s.ID() != want {
					t.Errorf("%s: id %.12s, want %.12s; accepted: %v", name, s.ID(), want, s.Counts())
				}
				m := s.Manifest()
				if enc := cmpOr(c.encoding, snapshot.UTF8); m.Encoding != enc || m.Separator != cmpOr(c.separator, ",") {
					t.Errorf("%s: the manifest says %s and %q", name, m.Encoding, m.Separator)
				}
			}
		})
	}
}

func cmpOr[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// Bytes that are not UTF-8 are never read as something without a word.
func TestOtherBytesThanUTF8(t *testing.T) {
	t.Parallel()
	const list = header + "1,Jos\xe9,1 Main St,,Reno,NV,89501\n2,Zo\u00eb,2 Main St,,Reno,NV,89501\n3,Caf\xe9 \x80,3 Main St,,Reno,NV,89501\n"
	t.Run("rejected with a suggestion", func(t *testing.T) {
		t.Parallel()
		s := take(t, list, snapshot.Options{})
		bad := rejects(t, s)
		if len(bad) != 2 || bad[0].Findings[0].Code != snapshot.CodeNotUTF8 || bad[0].Findings[0].Suggestion != "José" || bad[1].Findings[0].Suggestion != "Café €" {
			t.Errorf("rejects %v, want rows 2 and 4 with suggestions", bad)
		}
		if good := rows(t, s); len(good) != 1 || good[0].Address.Name != "Zoë" {
			t.Errorf("accepted %d rows, want the one in UTF-8", len(good))
		}
	})
	t.Run("fallback", func(t *testing.T) {
		t.Parallel()
		s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}, snapshot.WithFallback(snapshot.Windows1252)),
			snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range rows(t, s) {
			names = append(names, r.Address.Name)
		}
		if diff := cmp.Diff([]string{"José", "Zoë", "Café €"}, names); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if w := warnings(t, s); len(w) != 2 || w[0].Code != snapshot.CodeRecoded || w[0].Row != 2 || w[1].Row != 4 {
			t.Errorf("warnings %v, want rows 2 and 4 recoded", w)
		}
	})
	t.Run("a byte without a character", func(t *testing.T) {
		t.Parallel()
		s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(header+"1,Jo\x81,1 Main St,,Reno,NV,89501\n"), snapshot.Mapping{},
			snapshot.WithEncoding(snapshot.Windows1252)), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err != nil {
			t.Fatal(err)
		}
		if bad := rejects(t, s); len(bad) != 1 || bad[0].Findings[0].Code != snapshot.CodeNotUTF8 {
			t.Errorf("rejects %v, want one: the character is lost", bad)
		}
	})
	t.Run("beyond the first plane", func(t *testing.T) {
		t.Parallel()
		list := header + "1,𠀋,1 Main St,,Reno,NV,89501\n"
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			if good := rows(t, take(t, utf16Of(order, true, list), snapshot.Options{})); len(good) != 1 || good[0].Address.Name != "𠀋" {
				t.Errorf("accepted %d rows, want the one with a character of two units", len(good))
			}
		}
	})
	t.Run("half a surrogate pair", func(t *testing.T) {
		t.Parallel()
		list := utf16Of(binary.LittleEndian, true, header+"1,Jo") + "\x00\xd8" + utf16Of(binary.LittleEndian, false, ",1 Main St,,Reno,NV,89501\n")
		if bad := rejects(t, take(t, list, snapshot.Options{})); len(bad) != 1 || bad[0].Findings[0].Code != snapshot.CodeNotUTF8 {
			t.Errorf("rejects %v, want one: the character is lost", bad)
		}
	})
	t.Run("header", func(t *testing.T) {
		t.Parallel()
		const list = "contact_id,name,stra\xdfe,city,state,zip\n1,Jo,1 Main St,Reno,NV,89501\n"
		_, err := read(t.Context(), strings.NewReader(list), snapshot.Mapping{})
		if err == nil || !strings.Contains(err.Error(), "say with WithEncoding") {
			t.Errorf("got %v, want the way out", err)
		}
		m := snapshot.Mapping{AddressLine1: "Straße"}
		s, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), m, snapshot.WithFallback(snapshot.Latin1)), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err != nil || s.Counts().Accepted != 1 {
			t.Errorf("got %v, want the row", err)
		}
	})
}

func TestCSVOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]snapshot.CSVOption{
		"encoding":  snapshot.WithEncoding("ebcdic"),
		"fallback":  snapshot.WithFallback(snapshot.UTF16LE),
		"separator": snapshot.WithSeparator('"'),
	} {
		for _, err := range snapshot.CSV(strings.NewReader(header), snapshot.Mapping{}, o).Rows(t.Context()) {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got %v, want an invalid argument that names it", name, err)
			}
		}
	}
}

// hundredMB is a line that is longer than any memory wants to hold.
type hundredMB struct{ left int }

func (h *hundredMB) Read(p []byte) (int, error) {
	if h.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), h.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	h.left -= n
	return n, nil
}

// A long line ends the reading at once, in every encoding, with its place.
func TestLongLines(t *testing.T) {
	t.Parallel()
	for _, enc := range []snapshot.Encoding{"", snapshot.Windows1252, snapshot.UTF16LE} {
		line := &hundredMB{left: 100 << 20}
		start := header + "1,Jo,1 Main St,,Reno,NV,89501\n2,"
		if enc == snapshot.UTF16LE {
			start = utf16Of(binary.LittleEndian, true, start)
		}
		source := snapshot.CSV(io.MultiReader(strings.NewReader(start), line), snapshot.Mapping{}, snapshot.WithEncoding(enc))
		_, err := snapshot.Take(t.Context(), source, snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
		if err == nil || !strings.Contains(err.Error(), "the row after row 2: is longer than 65536 bytes") {
			t.Errorf("%q: got %v, want the row that is too long", enc, err)
		}
		if used := 100<<20 - line.left; used > 6*snapshot.MaxRowBytes {
			t.Errorf("%q: %d bytes of the line were read", enc, used)
		}
	}
}

// What is wrong in one row is found in that row, wherever the blocks end in
// which the list is worked on.
func TestRowNumbersFarIntoAList(t *testing.T) {
	t.Parallel()
	var list bytes.Buffer
	list.WriteString(header)
	want := map[int]snapshot.Code{}
	const n = 30_000
	for i := range n {
		name := "Jo"
		switch i % 1000 {
		case 17:
			name, want[i+2] = "Jo\x00", snapshot.CodeControl
		case 418:
			name, want[i+2] = "Jo\xff", snapshot.CodeNotUTF8
		case 777:
			name, want[i+2] = "Jo,x", snapshot.CodeFieldCount
		}
		fmt.Fprintf(&list, "%d,%s,%d Main St,,Reno,NV,89501\n", i, name, i)
	}
	got := map[int]snapshot.Code{}
	for _, r := range rejects(t, take(t, list.String(), snapshot.Options{})) {
		got[r.Row.Number] = r.Findings[0].Code
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	list.WriteString("x,\"open\n")
	_, err := snapshot.Take(t.Context(), snapshot.CSV(&list, snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("row %d: a quote is out of place", n+2)) {
		t.Errorf("got %v, want the quote in row %d", err, n+2)
	}
}

// Rows carry the file's other columns, by any spelling of their headers.
func TestFields(t *testing.T) {
	t.Parallel()
	list := "Contact ID,Name,Street,City,State,ZIP,Discount Code,Last Visit\n1,Jo,1 Main St,Reno,NV,89501, AAA ,2026-01-02\n2,Al,2 Main St,Reno,NV,89501,\"B,\"\"B\",\n"
	var got []string
	for r, err := range snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}).Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, column := range []string{"discount_code", "LAST VISIT", "zip", snapshot.ColumnPostalCode, "phone"} {
			v, ok := r.Field(column)
			got = append(got, fmt.Sprintf("%s %t", v, ok))
		}
		if diff := cmp.Diff([]string{"Discount Code", "Last Visit"}, r.Columns().Names()); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
	}
	want := []string{"AAA true", "2026-01-02 true", "89501 true", "89501 true", " false", "B,\"B true", " true", "89501 true", "89501 true", " false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}

	// Frozen are only the columns that were asked for.
	s := take(t, list, snapshot.Options{Columns: []string{"Discount Code"}})
	got = nil
	for _, r := range rows(t, s) {
		code, _ := r.Field("discountcode")
		_, visit := r.Field("Last Visit")
		got = append(got, fmt.Sprintf("%s %t", code, visit))
	}
	if diff := cmp.Diff([]string{"AAA false", "B,\"B false"}, got); diff != "" {
		t.Errorf("frozen fields (-want +got):\n%s", diff)
	}
	for _, columns := range [][]string{{"phone"}, {"city"}, {""}, {"a", "A"}, {"findings"}, {"x\ny"}} {
		_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Columns: columns, Store: snapshot.NewMemory()})
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "columns") {
			t.Errorf("columns %q: got %v, want an invalid argument", columns, err)
		}
	}
	// What is wrong in them is found, since it would be printed.
	s = take(t, strings.Replace(list, "AAA", "A\x01A", 1), snapshot.Options{Columns: []string{"Discount Code"}})
	if bad := rejects(t, s); len(bad) != 1 || bad[0].Findings[0].Column != "Discount Code" || bad[0].Findings[0].Code != snapshot.CodeControl {
		t.Errorf("rejects %v, want the control character in the further column", bad)
	}
}
