package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// read drains a CSV source up to the first error that ends it.
func read(ctx context.Context, r io.Reader, m snapshot.Mapping) ([]snapshot.Row, error) {
	var all []snapshot.Row
	for row, err := range snapshot.CSV(r, m).Rows(ctx) {
		if _, ok := errors.AsType[*snapshot.RowError](err); err != nil && !ok {
			return all, err
		}
		all = append(all, row)
	}
	return all, nil
}

// utf16LE writes ASCII as spreadsheets do "Unicode text".
func utf16LE(s string) string {
	out := "\xff\xfe"
	for i := range len(s) {
		out += s[i:i+1] + "\x00"
	}
	return out
}

func TestCSVErrors(t *testing.T) {
	t.Parallel()
	const row = "1,secret,1 Secret St,,Reno,NV,89501\n"
	for _, c := range []struct{ name, list, want string }{
		{"empty", "", "row 1: the file is empty"},
		{"only a mark", "\ufeff", "row 1: the file is empty"},
		{"only empty lines", "\n\n\n", "row 1: the file is empty"},
		{"no header", row + row, "; is the header missing? The first row has 7 columns"},
		{"missing column", "contact_id,name,address_line1,state,zip\n" + row, "row 1: no column for city: name theirs in snapshot.Mapping (City)"},
		{"header twice", "contact_id,city,address_line1,state,zip,City\n" + row, "row 1: columns 2 and 6 have the same header"},
		{"two columns for a field", "contact_id,city,address,street,state,zip\n" + row, "row 1: columns 3 and 4 could both be address_line1"},
		{"Latin-1 header", "contact_id,stra\xdfe\n", "row 1: the header is not UTF-8"},
		{"pipes", strings.ReplaceAll(header, ",", "|"), "; the whole row is one column: say with WithSeparator"},
		{"NUL in the header", strings.Replace(header, "city", "ci\x00y", 1), "row 1: the header holds NUL bytes"},
		{"line break in the header", "contact_id,\"na\nme\"\n", "row 1: the header has a line break in column 2"},
		{"cut-off UTF-16", "\xff\xfe" + utf16LE(header + row)[2:] + "1", "the file ends in the middle of a character"},
		{"bare quote", header + row + "2,se\"cret,1 Secret St,,Reno,NV,89501\n", "row 3: a quote is out of place on line 3, column 5"},
		{"text behind a quote", header + row + "2,\"secret\"x,1 Secret St,,Reno,NV,89501\n", "row 3: a quote is out of place on line 3"},
		{"open quote", header + row + "2,\"secret,1 Secret St\n\nx", "row 3: a quote is out of place on line 5"},
		{"open quote in a long file", header + "2,\"secret\n" + strings.Repeat(row, 10_000), "the row after row 1: is longer than 65536 bytes; is a quote missing?"},
		{"long line", header + row + strings.Repeat("secret", 20_000) + "\n", "the row after row 2: is longer than 65536 bytes"},
		{"row one byte too long", header + "2," + strings.Repeat("x", 65536-2) + "\n", "the row after row 1: is longer than 65536 bytes"},
		{"long header", strings.Repeat("secret", 20_000), "the row after row 0: is longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t.Context(), strings.NewReader(c.list), snapshot.Mapping{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Errorf("code %s, want invalid_argument", postproof.CodeOf(err))
			}
			if err != nil && strings.Contains(strings.ToLower(err.Error()), "secret") {
				t.Errorf("%q quotes the list", err)
			}
			store := snapshot.NewMemory()
			_, err = snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(c.list), snapshot.Mapping{}),
				snapshot.Options{Campaign: "spring", Store: store})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("take: got %v, want %q", err, c.want)
			}
			for id, err := range store.List(t.Context()) {
				t.Errorf("snapshot %s was taken all the same (%v)", id, err)
			}
		})
	}
}

func TestNoRowsIsAnError(t *testing.T) {
	t.Parallel()
	_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(header), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if err == nil || !strings.Contains(err.Error(), "source: has no rows") {
		t.Errorf("got %v, want no rows", err)
	}
}

func TestCSVHeaders(t *testing.T) {
	t.Parallel()
	want := snapshot.Row{Number: 2, ContactID: "7", Address: postproof.Address{
		Name: "Jo Doe", Company: "Acme", Line1: "1 Main St", Line2: "Apt 2",
		City: "Reno", Region: "NV", PostalCode: "89501", Country: "US",
	}}
	for _, c := range []struct {
		name, header, row string
		mapping, resolved snapshot.Mapping
	}{
		{
			name: "own names", header: "contact_id,name,company,address_line1,address_line2,city,state,postal_code,country",
			row: "7,Jo Doe,Acme,1 Main St,Apt 2,Reno,NV,89501,US",
			resolved: snapshot.Mapping{
				ContactID: "contact_id", Name: "name", Company: "company", AddressLine1: "address_line1", AddressLine2: "address_line2",
				City: "city", State: "state", PostalCode: "postal_code", Country: "country",
			},
		},
		{
			name: "a CRM's names", header: "Country Code,ZIP Code,Region,Town,Apt.,Street Address, Company Name ,Last Name,First-Name,Customer ID",
			row: "US,89501,NV,Reno,Apt 2,1 Main St,Acme,Doe,Jo,7",
			resolved: snapshot.Mapping{
				ContactID: "Customer ID", FirstName: "First-Name", LastName: "Last Name", Company: "Company Name",
				AddressLine1: "Street Address", AddressLine2: "Apt.", City: "Town", State: "Region", PostalCode: "ZIP Code", Country: "Country Code",
			},
		},
		{
			name: "the own name wins", header: "id,contact_id,name,company,address,address_line1,address2,city,state,zip,country",
			row: "1,7,Jo Doe,Acme,x,1 Main St,Apt 2,Reno,NV,89501,US",
			resolved: snapshot.Mapping{
				ContactID: "contact_id", Name: "name", Company: "company", AddressLine1: "address_line1", AddressLine2: "address2",
				City: "city", State: "state", PostalCode: "zip", Country: "country",
			},
		},
		{
			name: "mapped", header: "A,B,C,D,E,F,G,H,I",
			row:     "7,Jo Doe,Acme,1 Main St,Apt 2,Reno,NV,89501,US",
			mapping: snapshot.Mapping{ContactID: "a", Name: "b", Company: "c", AddressLine1: "d", AddressLine2: "e", City: "f", State: "g", PostalCode: "h", Country: "i"},
			resolved: snapshot.Mapping{
				ContactID: "A", Name: "B", Company: "C", AddressLine1: "D", AddressLine2: "E", City: "F", State: "G", PostalCode: "H", Country: "I",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			source := snapshot.CSV(strings.NewReader(c.header+"\n"+c.row+"\n"), c.mapping)
			n := 0
			for r, err := range source.Rows(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, r.WithFields(nil)); diff != "" {
					t.Errorf("row (-want +got):\n%s", diff)
				}
				n++
			}
			if n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			if diff := cmp.Diff(c.resolved, source.Mapping()); diff != "" {
				t.Errorf("mapping (-want +got):\n%s", diff)
			}
			for _, err := range source.Rows(t.Context()) {
				if err == nil || !strings.Contains(err.Error(), "has been read before") {
					t.Errorf("read twice: got %v, want an error that says so", err)
				}
			}
		})
	}
	t.Run("mapped to nothing", func(t *testing.T) {
		t.Parallel()
		_, err := read(t.Context(), strings.NewReader(header), snapshot.Mapping{City: "Ort"})
		if err == nil || !strings.Contains(err.Error(), "no column has the header that the mapping gives for city (\"Ort\")") {
			t.Errorf("got %v", err)
		}
	})
}

// A row's number is the line on which an editor shows it.
func TestCSVRowNumbers(t *testing.T) {
	t.Parallel()
	list := header + "1,a,x,,x,NV,1\n\n2,\"b\nb\",x,,x,NV,1\n,,,,,,\n3,c,x,,x,NV,1\n4,d\n5,e,x,,x,NV,1"
	got, err := read(t.Context(), strings.NewReader(list), snapshot.Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, r := range got {
		numbers = append(numbers, fmt.Sprintf("%s@%d", r.ContactID, r.Number))
	}
	if diff := cmp.Diff([]string{"1@2", "2@4", "3@7", "4@8", "5@9"}, numbers); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestCSVReadError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk gone")
	r := io.MultiReader(strings.NewReader(header+"1,a,x,,x,NV,1\n"), iotest.ErrReader(broken))
	_, err := snapshot.Take(t.Context(), snapshot.CSV(r, snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory()})
	if !errors.Is(err, broken) || postproof.CodeOf(err) != postproof.CodeUnavailable || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("got %v, want the reader's error, unavailable, after row 2", err)
	}
}

// endless is a file that never ends, in a quote that never closes.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestCSVMemoryIsBounded(t *testing.T) {
	t.Parallel()
	tail := &endless{}
	_, err := read(t.Context(), io.MultiReader(strings.NewReader(header+"1,\""), tail), snapshot.Mapping{})
	if err == nil || tail.read > 2*snapshot.MaxRowBytes {
		t.Errorf("read %d bytes of one row, then %v; want an error within %d", tail.read, err, 2*snapshot.MaxRowBytes)
	}
}

// A long list of rows under the limit must not trip it, however it arrives.
func TestCSVLongRowsPass(t *testing.T) {
	t.Parallel()
	var list bytes.Buffer
	list.WriteString(header)
	for i := range 50 {
		fmt.Fprintf(&list, "%d,%s\n", i, strings.Repeat("x", snapshot.MaxRowBytes-5))
	}
	got, err := read(t.Context(), &list, snapshot.Mapping{})
	if err != nil || len(got) != 50 {
		t.Errorf("%d rows, %v; want 50", len(got), err)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte(header + "1,a,1 Main St,,Reno,NV,89501\n2,\"b \"\"B\"\" b\",2 Main St,,Reno,NV,895011234\n"))
	f.Add([]byte("\ufeffID,Zip,Region,Town,Street\r\n1,89501,NV,Reno,\"1, Main\"\r\n"))
	f.Add([]byte(header + "1,\"open"))
	f.Add([]byte(header + "1,\x00\xff,,,,,\n1,a\n"))
	f.Add([]byte("\xff\xfei\x00d\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := snapshot.Take(t.Context(), snapshot.CSV(bytes.NewReader(data), snapshot.Mapping{}),
			snapshot.Options{Campaign: "fuzz", DefaultName: "Current Resident", Store: snapshot.NewMemory()})
		if err != nil {
			if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
				t.Fatalf("a bad list is an invalid argument, got %v", err)
			}
			return
		}
		accepted, last := 0, 0
		replay := func(ctx context.Context) iter.Seq2[snapshot.Row, error] { return s.Rows(ctx) }
		for r, err := range s.Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Address.Validate(); err != nil {
				t.Fatalf("accepted, but not valid: %v", err)
			}
			if r.Number <= last {
				t.Fatalf("row %d stands behind row %d", r.Number, last)
			}
			accepted, last = accepted+1, r.Number
		}
		for r, err := range s.Rejects(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Findings) == 0 {
				t.Fatal("a reject without a reason")
			}
		}
		if accepted == 0 {
			return
		}
		// What was accepted is accepted again, as it is: the rules are stable.
		again, err := snapshot.Take(t.Context(), snapshot.SourceFunc(replay), snapshot.Options{Campaign: "fuzz", Store: snapshot.NewMemory()})
		if err != nil {
			t.Fatal(err)
		}
		if s.Manifest().Files[0].SHA256 != again.Manifest().Files[0].SHA256 {
			t.Fatal("taking the accepted rows again gives other rows")
		}
	})
}
