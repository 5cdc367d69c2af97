package snapshot_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof"
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

// A row that was rejected for something else was not asked for: a correction takes the
// lists of the base again.
func TestCorrectionsAskTheListsAgain(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	no := snapshot.Suppression{List: snapshot.NewSuppressionList([]string{"1", "3"}, nil)}
	recent := snapshot.Suppression{Code: snapshot.CodeMailedRecently, List: snapshot.NewSuppressionList(nil, nil)}
	base := take(t, header+"1,Jo,1 Main St,,,NV,89501\n2,Al,2 Main St,,Reno,NV,89501\n3,Bo,3 Main St,,Reno,NV,89501\n",
		snapshot.Options{Store: store, Suppress: []snapshot.Suppression{no, recent, no}})
	edited := edit(t, rejectsFile(t, store, base), map[string]string{"2 city": "Reno", "4 name": "Bob"})
	for name, lists := range map[string][]snapshot.Suppression{"none": nil, "another": {recent}} {
		_, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, edited), snapshot.Mapping{}), snapshot.Options{Suppress: lists})
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "do_not_mail: give it again") {
			t.Errorf("lists: %s: got %v, want a refusal that names the list", name, err)
		}
	}
	accepted, rejected := corrected(t, base, edited, snapshot.Options{Suppress: []snapshot.Suppression{recent, no}})
	if accepted != "2" || rejected != "1:do_not_mail 3:do_not_mail" {
		t.Errorf("mailed are %q, rejected %q, want contact 2 alone", accepted, rejected)
	}
	// It is said once more where the corrections are corrected.
	if m := base.Manifest(); len(m.Suppressed) != 2 || m.Suppressed[0] != snapshot.CodeDoNotMail || m.Suppressed[1] != snapshot.CodeMailedRecently {
		t.Errorf("the manifest says %q, want each code once", m.Suppressed)
	}
}

// A household that gets one piece gets no second one by a correction.
func TestCorrectionsKeepOnePerAddress(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	base := take(t, header+"1,Jo,1 Main St,,Reno,NV,89501\n2,Al,1 Main St,,Reno,NV,89501\n", snapshot.Options{Store: store, OnePerAddress: true})
	edited := edit(t, rejectsFile(t, store, base), map[string]string{"3 name": "Allan"})
	if accepted, rejected := corrected(t, base, edited, snapshot.Options{}); accepted != "1" || rejected != "2:duplicate_address" {
		t.Errorf("mailed are %q, rejected %q, want contact 1 alone", accepted, rejected)
	}
}

// A list that was taken without lists of whom not to mail, and then with some that
// name nobody in it, is bound by them, although the rows are the same: a correction
// asks them, and gives a household no second piece.
func TestCorrectionsAreBoundByTheLaterTaking(t *testing.T) {
	t.Parallel()
	const list = header + "1,Jo,1 Main St,,Reno,NV,89501\n2,Al,1 Main St,,,NV,89501\n"
	store := snapshot.NewMemory()
	plain := take(t, list, snapshot.Options{Store: store})
	empty := snapshot.NewSuppressionList(nil, nil)
	no, recent := snapshot.Suppression{List: empty}, snapshot.Suppression{Code: snapshot.CodeMailedRecently, List: empty}
	base := take(t, list, snapshot.Options{Store: store, OnePerAddress: true, Suppress: []snapshot.Suppression{recent, no}})
	if base.ID() == plain.ID() {
		t.Fatal("the list that was taken with lists of whom not to mail is the one that was taken without")
	}
	same := take(t, list, snapshot.Options{Store: store, OnePerAddress: true, Suppress: []snapshot.Suppression{no, recent, no}})
	if same.ID() != base.ID() {
		t.Error("the order of the lists makes another snapshot")
	}
	edited := edit(t, rejectsFile(t, store, base), map[string]string{"3 city": "Reno"})
	_, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, edited), snapshot.Mapping{}), snapshot.Options{})
	if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "do_not_mail: give it again") {
		t.Errorf("without lists: %v, want a refusal that names one", err)
	}
	lists := snapshot.Options{Suppress: []snapshot.Suppression{no, recent}}
	if accepted, rejected := corrected(t, base, edited, lists); accepted != "1" || rejected != "2:duplicate_address" {
		t.Errorf("mailed are %q, rejected %q, want contact 1 alone", accepted, rejected)
	}
}
