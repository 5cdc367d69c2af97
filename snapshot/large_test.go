package snapshot_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// Whatever the size of a row, the snapshot that was taken can be read: one that is too
// large to be kept is rejected, and no other is lost for it.
func TestLargeRowsAreReadBack(t *testing.T) {
	t.Parallel()
	to := postproof.Address{Name: "Jo", Line1: "1 Main St", City: "Reno", Region: "NV", PostalCode: "89501"}
	columns := snapshot.NewColumns("v")
	for _, c := range []struct {
		name string
		unit string
	}{{"letters", "x"}, {"quotes", `"`}, {"accents", "é"}, {"no UTF-8", "\xe9"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{1000, 31_000, 61_350, 61_440, 100_000} {
				text := strings.Repeat(c.unit, n/len(c.unit))
				inLine := to
				inLine.Line1 = text
				source := snapshot.SourceFunc(func(context.Context) iter.Seq2[snapshot.Row, error] {
					return func(yield func(snapshot.Row, error) bool) {
						for _, r := range []snapshot.Row{
							snapshot.Row{ContactID: "1", Address: to}.WithFields(columns, text),
							snapshot.Row{ContactID: "2", Address: to}.WithFields(columns, text), // with a warning
							snapshot.Row{ContactID: "1", Address: to}.WithFields(columns, text), // moved to the rejected ones
							snapshot.Row{ContactID: "3", Address: inLine}.WithFields(columns),
							snapshot.Row{ContactID: text, Address: to}.WithFields(columns),
							snapshot.Row{ContactID: "4", Address: to}.WithFields(columns),
						} {
							if !yield(r, nil) {
								return
							}
						}
						yield(snapshot.Row{ContactID: "5", Address: to}.WithFields(columns), &snapshot.RowError{Code: "x", Reason: text})
					}
				})
				s, err := snapshot.Take(t.Context(), source, snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory(), Columns: []string{"v"}})
				if err != nil {
					t.Fatal(err)
				}
				accepted, rejected := rows(t, s), rejects(t, s)
				if len(accepted)+len(rejected) != 7 || accepted[len(accepted)-1].ContactID != "4" {
					t.Errorf("%d bytes: %d rows and %d rejected ones were read back, want all seven, and contact 4 accepted", n, len(accepted), len(rejected))
				}
				for _, r := range accepted {
					if v, _ := r.Field("v"); r.ContactID != "4" && v != text {
						t.Errorf("%d bytes: a value was cut in a row that is to be mailed", n)
					}
				}
				if len(accepted) > 1 && n > 62_000 || len(accepted) == 1 && n < 20_000 && c.unit != "\xe9" {
					t.Errorf("%d bytes: %d are accepted", n, len(accepted))
				}
			}
		})
	}
	_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(suppressible), snapshot.Mapping{}),
		snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory(), Columns: strings.Fields(strings.Repeat("a", 100) + manyNames(400))})
	if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "their names take") {
		t.Errorf("got %v, want a refusal of a header that could not be read back", err)
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " %0100d", i)
	}
	return b.String()
}

// A file whose first four kilobytes end between CR and LF has lines as any other.
func TestLineEndAcrossTheFirstLook(t *testing.T) {
	t.Parallel()
	head := "contact_id,name,street,city,state,zip,"
	head += strings.Repeat("x", 4095-len(head))
	s := take(t, head+"\r\n1,Jo,1 Main St,Reno,NV,89501,\r\n2,Al,2 Main St,Reno,NV,89501,\r\n", snapshot.Options{})
	if all := rows(t, s); len(all) != 2 || all[1].Number != 3 {
		t.Errorf("rows %v, want those on lines 2 and 3", all)
	}
}
