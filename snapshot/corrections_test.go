package snapshot_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const wrong = "contact_id,name,address_line1,city,state,zip,code\n" +
	"1,Jo,1 Main St,Reno,NV,89501,A\n" +
	"2,Al,2 Main St,,NV,89501,B\n" + // row 3: no city
	"3,Bo,3 Main St,Boston,MA,2108,C\n" + // row 4: a dropped zero
	"4,Cy,4 Main St,Reno,NV,89501,D\n" +
	"4,Cy,5 Main St,Reno,NV,89501,E\n" + // row 6: contact 4 again
	"7,Di,6 Main St,Reno,NV,89501\n" // row 7: a field too few

// rejectsFile returns rejects.csv as a person opens it.
func rejectsFile(t *testing.T, store snapshot.Store, s *snapshot.Snapshot) [][]string {
	t.Helper()
	r, err := store.Open(t.Context(), s.ID(), "rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func asCSV(t *testing.T, records [][]string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true // as a spreadsheet saves it
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	return &b
}

// edit changes cells by the row's number and the column.
func edit(t *testing.T, records [][]string, cells map[string]string) [][]string {
	t.Helper()
	var out [][]string
	done := 0
	for i, r := range records {
		r = append([]string(nil), r...)
		for j, column := range records[0] {
			if v, ok := cells[r[0]+" "+column]; ok && i > 0 {
				r[j] = v
				done++
			}
		}
		out = append(out, r)
	}
	if done != len(cells) {
		t.Fatalf("%d of %d cells were found", done, len(cells))
	}
	return out
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	opts := snapshot.Options{Store: store, Columns: []string{"code"}, Source: "spring.csv"}
	base := take(t, wrong, opts)
	file := rejectsFile(t, store, base)
	want := [][]string{
		{"row", "contact_id", "name", "company", "address_line1", "address_line2", "city", "state", "postal_code", "country", "code", "findings", "suggestions"},
		{"3", "2", "Al", "", "2 Main St", "", "", "NV", "89501", "US", "B", "error[missing] city: missing", ""},
		{"4", "3", "Bo", "", "3 Main St", "", "Boston", "MA", "2108", "US", "C", "error[bad_postal_code] postal_code: has 4 digits, a spreadsheet may have dropped the leading zero", "postal_code: 02108"},
		{"6", "4", "Cy", "", "5 Main St", "", "Reno", "NV", "89501", "US", "E", "error[contact_conflict] contact_id: rows 5 and 6 are the same contact at two addresses", ""},
		{"7", "7", "Di", "", "6 Main St", "", "Reno", "NV", "89501", "US", "", "error[field_count] contact_id: the row has 6 fields, the header has 7", ""},
	}
	if diff := cmp.Diff(want, file); diff != "" {
		t.Fatalf("rejects.csv (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name               string
		edited             [][]string
		accepted, rejected string
	}{
		{"nothing edited", file, "1@2 4@5", "2@3:missing 3@4:bad_postal_code 4@6:contact_conflict 7@7:field_count"},
		{"left out", file[:1], "1@2 4@5", "2@3:missing 3@4:bad_postal_code 4@6:contact_conflict 7@7:field_count"},
		{
			"corrected", edit(t, file, map[string]string{"3 city": "Reno", "4 postal_code": "02108", "6 contact_id": "44", "7 code": "F"}),
			"1@2 2@3 3@4 4@5 44@6 7@7", "",
		},
		{
			"half corrected, half left out", edit(t, file[:3], map[string]string{"3 city": "Reno", "4 postal_code": "2109"}),
			"1@2 2@3 4@5", "3@4:bad_postal_code 4@6:contact_conflict 7@7:field_count",
		},
		{
			"corrected into a contact of the base", edit(t, file, map[string]string{"3 city": "Reno", "3 contact_id": "4"}),
			"1@2 4@5", "4@3:contact_conflict 3@4:bad_postal_code 4@6:contact_conflict 7@7:field_count",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, c.edited), snapshot.Mapping{}), snapshot.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := snapshot.Open(t.Context(), store, s.ID()); err != nil {
				t.Errorf("it is not in the store of the base: %v", err)
			}
			var accepted, rejected []string
			for _, r := range rows(t, s) {
				accepted = append(accepted, fmt.Sprintf("%s@%d", r.ContactID, r.Number))
			}
			for _, r := range rejects(t, s) {
				for _, f := range r.Findings {
					rejected = append(rejected, fmt.Sprintf("%s@%d:%s", r.Row.ContactID, r.Row.Number, f.Code))
				}
			}
			if got := strings.Join(accepted, " "); got != c.accepted {
				t.Errorf("accepted %q, want %q", got, c.accepted)
			}
			if got := strings.Join(rejected, " "); got != c.rejected {
				t.Errorf("rejected %q, want %q", got, c.rejected)
			}
			m := s.Manifest()
			if c.name == "nothing edited" && s.ID() != base.ID() {
				t.Error("without a correction it is another snapshot")
			}
			if s.ID() != base.ID() && (m.Base != base.ID() || m.Source != "spring.csv" || m.Campaign != "spring") {
				t.Errorf("the manifest has base %.12s, source %q, campaign %q", m.Base, m.Source, m.Campaign)
			}
			// The base's own rows are what they were.
			was := map[string]snapshot.Row{}
			for _, r := range rows(t, base) {
				was[r.ContactID] = r
			}
			for _, r := range rows(t, s) {
				if b, ok := was[r.ContactID]; ok && !r.Equal(b) {
					t.Errorf("row %d is not the one of the base", r.Number)
				}
			}
		})
	}
}

// Only what was corrected becomes a new piece: keys stay.
func TestCorrectionsMakeNewKeysOnly(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	base := take(t, wrong, snapshot.Options{Store: store, Columns: []string{"code"}})
	edited := edit(t, rejectsFile(t, store, base), map[string]string{"3 city": "Reno", "4 postal_code": "02108"})
	s, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, edited), snapshot.Mapping{}), snapshot.Options{
		Store: store,
		// Those of the base may have got their mail meanwhile.
		Suppress: []snapshot.Suppression{{Code: snapshot.CodeMailedRecently, List: snapshot.NewSuppressionList([]string{"1", "4", "3"}, nil)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := func(s *snapshot.Snapshot) map[postproof.Key]bool {
		all := map[postproof.Key]bool{}
		for _, r := range rows(t, s) {
			all[postproof.DeriveKey(s.Campaign(), r.KeyPart(), "card")] = true
		}
		return all
	}
	had := keys(base)
	var fresh []string
	for k := range keys(s) {
		if !had[k] {
			fresh = append(fresh, string(k))
		}
		delete(had, k)
	}
	if len(had) != 0 || len(fresh) != 1 || fresh[0] != "spring/2/card" {
		t.Errorf("%d keys are lost, %d are new; want none, and that of contact 2", len(had), len(fresh))
	}
	if got := rejectedCodes(t, s); !strings.Contains(got, "3:mailed_recently") {
		t.Errorf("rejected %q, want contact 3 suppressed", got)
	}
}

// A household that was to get a piece still gets that one, also where a row before
// it is corrected into the same address: its job may have been sent.
func TestCorrectionsLeaveHouseholdsAlone(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	base := take(t, wrong, snapshot.Options{Store: store, Columns: []string{"code"}})
	edited := edit(t, rejectsFile(t, store, base), map[string]string{"3 city": "Reno", "3 address_line1": "4 Main St"})
	s, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, edited), snapshot.Mapping{}), snapshot.Options{OnePerAddress: true})
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]bool{}
	for _, r := range rows(t, s) {
		accepted[r.ContactID] = true
	}
	if !accepted["4"] || accepted["2"] {
		t.Errorf("contact 4 of the base is accepted: %t, contact 2 at its address: %t; want the one of the base", accepted["4"], accepted["2"])
	}
	if got := rejectedCodes(t, s); !strings.Contains(got, "2:duplicate_address") {
		t.Errorf("rejected %q, want contact 2 as a double", got)
	}
}

func TestBadCorrections(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	base := take(t, wrong, snapshot.Options{Store: store, Columns: []string{"code"}})
	file := rejectsFile(t, store, base)
	swapped := [][]string{file[0], file[2], file[1]}
	for _, c := range []struct {
		name   string
		edited io.Reader
		opts   snapshot.Options
		want   string
	}{
		{"a row that was accepted", asCSV(t, edit(t, file[:2], map[string]string{"3 row": "2"})), snapshot.Options{}, "row 2 is not one of the base snapshot's rejected rows"},
		{"a row that never was", asCSV(t, edit(t, file, map[string]string{"7 row": "99"})), snapshot.Options{}, "row 99 is not one of"},
		{"out of order", asCSV(t, swapped), snapshot.Options{}, "row 3 comes behind row 4; sort the list"},
		{"no number", asCSV(t, edit(t, file, map[string]string{"4 row": "four"})), snapshot.Options{}, "line 3 has no number of a row"},
		{"another file", strings.NewReader(wrong), snapshot.Options{}, "is not an edited rejects.csv"},
		{"another campaign", asCSV(t, file), snapshot.Options{Campaign: "summer"}, "is not the one of the base"},
		{"a segment", asCSV(t, file), snapshot.Options{Segment: snapshot.Empty("city")}, "segment"},
		{"columns", asCSV(t, file), snapshot.Options{Columns: []string{"code"}}, "columns"},
	} {
		_, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(c.edited, snapshot.Mapping{}), c.opts)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
