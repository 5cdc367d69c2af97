package snapshot_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof/snapshot"
)

// corrected takes the corrections and returns who is mailed, and who is not and why.
func corrected(t *testing.T, base *snapshot.Snapshot, edited [][]string, opts snapshot.Options) (accepted, rejected string) {
	t.Helper()
	s, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, edited), snapshot.Mapping{}), opts)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range rows(t, s) {
		ids = append(ids, r.ContactID)
	}
	return strings.Join(ids, " "), rejectedCodes(t, s)
}

// A spreadsheet that saves rejects.csv takes zeros and digits from ids that are
// numbers: a row that was a double would be somebody else's, and a second piece.
func TestCorrectionsThroughASpreadsheet(t *testing.T) {
	t.Parallel()
	const long, short = "40012345678901234567", "40012345678901200000"
	store := snapshot.NewMemory()
	base := take(t, header+
		"00123,Jo,1 Main St,,Reno,NV,89501\n"+
		"00123,Jo,1 Main St,,Reno,NV,89501\n"+
		long+",Al,2 Main St,,Reno,NV,89501\n"+
		long+",Al,2 Main St,,Reno,NV,89501\n"+
		"00456,Bo,3 Main St,,,NV,89501\n", snapshot.Options{Store: store})
	file := rejectsFile(t, store, base)
	accepted, rejected := corrected(t, base, edit(t, file, map[string]string{"3 contact_id": "123", "5 contact_id": short, "6 contact_id": "456", "6 city": "Reno"}), snapshot.Options{})
	if want := "00123 " + long + " 00456"; accepted != want {
		t.Errorf("mailed are %q, want %q", accepted, want)
	}
	if want := "00123:duplicate_contact " + long + ":duplicate_contact"; rejected != want {
		t.Errorf("rejected are %q, want %q", rejected, want)
	}
	// An id that a person changed is another one.
	accepted, _ = corrected(t, base, edit(t, file, map[string]string{"3 contact_id": "0124"}), snapshot.Options{})
	if want := "00123 0124 " + long; accepted != want {
		t.Errorf("mailed are %q, want %q", accepted, want)
	}
}

// Who was on a list is mailed after a correction only when a list of its kind was
// asked again, or it is somebody else somewhere else.
func TestCorrectionsKeepWhoIsListed(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	no := []snapshot.Suppression{{List: snapshot.NewSuppressionList([]string{"1"}, nil)}}
	base := take(t, header+"1,Jo,1 Main St,,Reno,NV,89501\n2,Al,2 Main St,,Reno,NV,89501\n", snapshot.Options{Store: store, Suppress: no})
	file := rejectsFile(t, store, base)
	none := []snapshot.Suppression{{List: snapshot.NewSuppressionList(nil, nil)}}
	recent := []snapshot.Suppression{{Code: snapshot.CodeMailedRecently, List: snapshot.NewSuppressionList(nil, nil)}}
	for _, c := range []struct {
		name     string
		cells    map[string]string
		lists    []snapshot.Suppression
		accepted string
	}{
		{"the name, without a list", map[string]string{"2 name": "Joe"}, nil, "2"},
		{"the name, with a list of another kind", map[string]string{"2 name": "Joe"}, recent, "2"},
		{"the address, without a list", map[string]string{"2 address_line1": "9 Main St"}, nil, "2"},
		{"the id, without a list", map[string]string{"2 contact_id": "1x"}, nil, "2"},
		{"the name, with a list that has let go", map[string]string{"2 name": "Joe"}, none, "1 2"},
		{"the name, with the list", map[string]string{"2 name": "Joe"}, no, "2"},
		{"id and address", map[string]string{"2 contact_id": "9", "2 address_line1": "9 Main St"}, nil, "9 2"},
	} {
		if got, rejected := corrected(t, base, edit(t, file, c.cells), snapshot.Options{Suppress: c.lists}); got != c.accepted {
			t.Errorf("%s: mailed are %q (rejected %s), want %q", c.name, got, rejected, c.accepted)
		}
	}
}
