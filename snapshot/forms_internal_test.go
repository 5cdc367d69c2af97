package snapshot

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/postproof/postproof"
)

// A row that was frozen in another form, by whatever wrote it, keeps its id when the
// snapshot is corrected: its job has the key already, and another one would be a
// second piece. It is one contact with the form that rows have now.
func TestFrozenRowKeepsItsForm(t *testing.T) {
	t.Parallel()
	const id = "Jose\u0301"
	address := postproof.Address{Name: "Jo", Line1: "1 Main St", City: "Reno", Region: "NV", PostalCode: "89501"}
	source := SourceFunc(func(context.Context) iter.Seq2[Row, error] {
		return func(yield func(Row, error) bool) {
			away := address
			away.City = ""
			_ = yield(Row{Number: 2, ContactID: id, Address: address, note: noteTaken}, nil) && yield(Row{Number: 3, ContactID: "c3", Address: away}, nil)
		}
	})
	store := NewMemory()
	base, err := Take(t.Context(), source, Options{Campaign: "spring", Store: store})
	if err != nil {
		t.Fatal(err)
	}
	edited := "row,contact_id,name,address_line1,city,state,postal_code,findings\n3,Jos\u00e9,Jo,1 Main St,Reno,NV,89501,\n"
	next, err := TakeCorrections(t.Context(), base, CSV(strings.NewReader(edited), Mapping{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for r, err := range next.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, r.KeyPart())
	}
	if len(kept) != 1 || kept[0] != id {
		t.Errorf("accepted %+q, want %+q alone, as it was", kept, id)
	}
	now, err := Take(t.Context(), CSV(strings.NewReader("contact_id,name,street,city,state,zip\nJos\u00e9,Jo,1 Main St,Reno,NV,89501\n"), Mapping{}), Options{Campaign: "spring", Store: store})
	if err != nil {
		t.Fatal(err)
	}
	for change, err := range Diff(t.Context(), base, now) {
		t.Errorf("%s row %d (%v): the same contact in two forms is no change", change.Kind, change.Row.Number, err)
	}
}

// What is ASCII costs nothing.
func TestFormsOfPlainText(t *testing.T) { //nolint:paralleltest // it counts what is allocated
	const id, line = "c-1234567", "12 North Main Street"
	if n := testing.AllocsPerRun(100, func() {
		if composed(line) != line || identity(id) != id {
			t.Error("plain text was changed")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
