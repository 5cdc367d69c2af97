package snapshot_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// foundIn takes one row and returns what was found, with suggestions.
func foundIn(t *testing.T, row string, opts snapshot.Options) []string {
	t.Helper()
	s := take(t, rulesHeader+row+"\n", opts)
	var found []snapshot.Finding
	for _, r := range rejects(t, s) {
		found = append(found, r.Findings...)
	}
	found = append(found, warnings(t, s)...)
	var out []string
	for _, f := range found {
		line := fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Column)
		if f.Suggestion != "" {
			line += " " + f.Suggestion
		}
		out = append(out, line)
	}
	return out
}

func TestHygiene(t *testing.T) {
	t.Parallel()
	const rest = ",Reno,NV,89501,"
	for _, c := range []struct {
		name, row string
		want      []string
	}{
		{"dropped zero", "1,Jo,,1 Main St,,Boston,MA,2108,", []string{"error bad_postal_code postal_code 02108"}},
		{"ZIP+4 with a space", "1,Jo,,1 Main St,,Reno,NV,89501 1234,", []string{"error bad_postal_code postal_code 89501-1234"}},
		{"state by name", "1,Jo,,1 Main St,,Reno,Nevada,89501,", []string{"error bad_state state NV"}},
		{"state with dots", "1,Jo,,1 Main St,,Buffalo,N.Y.,14201,", []string{"error bad_state state NY"}},
		{"district by name", "1,Jo,,1 Main St,,Washington,District of Columbia,20020,", []string{"error bad_state state DC"}},
		{"state that is none", "1,Jo,,1 Main St,,Reno,X;Y,89501,", []string{"error bad_state state"}},
		{"ZIP of another state", "1,Jo,,1 Main St,,Reno,NV,90210,", []string{"warning postal_code_elsewhere postal_code"}},
		{"ZIP of no state", "1,Jo,,1 Main St,,Reno,NV,00001,", []string{"warning postal_code_elsewhere postal_code"}},
		{"exception of a prefix", "1,Jo,,1 Main St,,Holtsville,NY,00501,", nil},
		{"exception with two states", "1,Jo,,1 Main St,,Fishers Island,NY,06390,", nil},
		{"beside the exception", "1,Jo,,1 Main St,,Fishers Island,NY,06391,", []string{"warning postal_code_elsewhere postal_code"}},
		{"Samoa within Hawaii's prefix", "1,Jo,,1 Main St,,Pago Pago,HI,96799,", []string{"warning postal_code_elsewhere postal_code"}},
		{"military", "1,Jo,,PSC 1 Box 2,,APO,AE,09001,", nil},
		{"military city", "1,Jo,,PSC 1 Box 2,,Ramstein,AE,09001,", []string{"warning military city"}},
		{"military state", "1,Jo,,PSC 1 Box 2,,APO,NY,10001,", []string{"warning military state"}},
		{"PO box", "1,Jo,,PO Box 12," + rest, nil},
		{"PO box and street", "1,Jo,,P.O. Box 12,12 Main St" + rest, []string{"warning po_box_and_street address_line1"}},
		{"street and PO box", "1,Jo,,12 Main St,Post Office Box 12" + rest, []string{"warning po_box_and_street address_line2"}},
		{"PO box and street in a line", "1,Jo,,\"PO Box 12, 12 Main St\"," + rest, []string{"warning po_box_and_street address_line1"}},
		{"a street that sounds like a box", "1,Jo,,Box Elder Rd 4," + rest, nil},
		{"a point that sounds like a box", "1,Jo,,Post Rd 4,12 Main St" + rest, nil},
		{"placeholder name", "1,N/A,,1 Main St," + rest, []string{"error placeholder name"}},
		{"template for a name", "1,{{first_name}} {{last_name}},,1 Main St," + rest, []string{"error placeholder name"}},
		{"placeholder street", "1,Jo,,Unknown," + rest, []string{"error placeholder address_line1"}},
		{"placeholder company", "1,Jo,None,1 Main St," + rest, []string{"warning placeholder company"}},
		{"placeholder company alone", "1,,none,1 Main St," + rest, []string{"error placeholder company"}},
		{"placeholder second line", "1,Jo,,1 Main St,n/a" + rest, []string{"warning placeholder address_line2"}},
		{"a name that holds a placeholder", "1,Testa Nonesuch,,1 Main St," + rest, nil},
		{"emoji", "1,Jo \U0001F600 Doe,,1 Main St," + rest, []string{"error unprintable name Jo Doe"}},
		{"heart", "1,Jo\u2764\ufe0f,,1 Main St," + rest, []string{"error unprintable name Jo"}},
		{"hidden characters", "1,Jo\u200b\u202e Doe,,1 Main St," + rest, []string{"error unprintable name Jo Doe"}},
		{"control character", "1,Jo\tDoe,,1 Main St," + rest, []string{"error control_character name Jo Doe"}},
		{"lost character", "1,Jos\ufffd,,1 Main St," + rest, []string{"error not_utf8 name"}},
		{"other script", "1,Иван,,1 Main St," + rest, []string{"warning other_script name"}},
		{"Latin with accents", "1,Łukasz Þór Nguyễn,,1 Main St," + rest, nil},
		{"formula", "1,\"=HYPERLINK(\"\"http://x\"\")\",,1 Main St," + rest, []string{"warning formula name"}},
		{"id that a spreadsheet shortened", "4.00123E+15,Jo,,1 Main St," + rest, []string{"error shortened contact_id"}},
		{"id that looks like it", "SITE+15,Jo,,1 Main St," + rest, nil},
		{"country by name", "1,Jo,,1 High St,,Paris,,75001,France", []string{"error bad_country country FR"}},
		{"no such country", "1,Jo,,1 High St,,Paris,,75001,XX", []string{"error bad_country country"}},
		{"UK", "1,Jo,,1 High St,,London,,SW1A 1AA,UK", []string{"error bad_country country GB"}},
		{"British", "1,Jo,,1 High St,,London,,SW1A 1AA,GB", nil},
		{"British in small letters", "1,Jo,,1 High St,,London,,sw1a 1aa,GB", []string{"error bad_postal_code postal_code SW1A 1AA"}},
		{"German", "1,Jo,,Hauptstr. 1,,Köln,,50667,DE", nil},
		{"German ZIP", "1,Jo,,Hauptstr. 1,,Köln,,5066,DE", []string{"error bad_postal_code postal_code"}},
		{"Canadian without province and code", "1,Jo,,1 Main St,,Toronto,,,CA", []string{"error missing state", "error missing postal_code"}},
		{"Irish without a code", "1,Jo,,1 Main St,,Dublin,,,IE", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, foundIn(t, c.row, snapshot.Options{})); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("private carrier", func(t *testing.T) {
		t.Parallel()
		want := []string{"warning po_box address_line1"}
		for _, line := range []string{"P O BOX 12", "pob 12", "Post Office Box A", "P.O.Box 12", "Box 12", "PO Drawer 12"} {
			if diff := cmp.Diff(want, foundIn(t, "1,Jo,,"+line+",,Reno,NV,89501,", snapshot.Options{PrivateCarrier: true})); diff != "" {
				t.Errorf("%s: findings (-want +got):\n%s", line, diff)
			}
		}
	})
	t.Run("default name", func(t *testing.T) {
		t.Parallel()
		want := []string{"error placeholder name Current Resident"}
		if diff := cmp.Diff(want, foundIn(t, "1,test,,1 Main St,,Reno,NV,89501,", snapshot.Options{DefaultName: "Current Resident"})); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
	})
}

// Spellings of one address, and what is another one.
func TestHouseholds(t *testing.T) {
	t.Parallel()
	const first = "123 North Main Street,Apartment 4"
	for _, c := range []struct {
		lines string
		same  bool
	}{
		{"123 N Main St,Apt 4", true},
		{"123 N. MAIN ST.,#4", true},
		{"123 north  main street apt 4,", true},
		{"\"123 N Main St, Unit 4\",", true},
		{"123 N Main St,Apt. #4", false}, // a unit of a unit
		{"123 N Main St,Apt 5", false},
		{"123 N Main St,", false},
		{"123 S Main St,Apt 4", false},
		{"123 N Main Ave,Apt 4", false},
		{"1234 N Main St,Apt 4", false},
	} {
		list := header + "1,Jo," + first + ",Reno,NV,89501\n2,Al," + c.lines + ",RENO,NV,89501-1234\n"
		s := take(t, list, snapshot.Options{})
		if got := len(warnings(t, s)) == 1; got != c.same {
			t.Errorf("%q is the same address: %t, want %t", c.lines, got, c.same)
		}
		s = take(t, list, snapshot.Options{OnePerAddress: true})
		bad := rejects(t, s)
		if got := len(bad) == 1; got != c.same {
			t.Errorf("%q is rejected: %t, want %t", c.lines, got, c.same)
		} else if got && (bad[0].Findings[0].Code != snapshot.CodeDuplicateAddress || s.Counts() != (snapshot.Counts{Read: 2, Accepted: 1, Rejected: 1})) {
			t.Errorf("%q: %v, %+v", c.lines, bad[0].Findings, s.Counts())
		}
	}
	a := postproof.Address{Line1: "123 North Main Street", Line2: "Apartment 4", City: "Reno", Region: "NV", PostalCode: "89501"}
	b := postproof.Address{Name: "X", Line1: "123 n main st #4", City: "RENO", Region: "NV", PostalCode: "89501-0001", Country: "us"}
	if snapshot.KeyOf(a) != snapshot.KeyOf(b) {
		t.Error("keys differ for one address")
	}
	for _, pair := range [][2]string{
		{"12 N.W. 5th St.", "12 NW 5th Street"}, {"12 O'Hara Ave", "12 OHARA AVENUE"}, {"12-B Elm Ct", "12 B elm court"}, {"12 Östra Rd", "12 östra road"},
	} {
		a.Line1, b.Line1 = pair[0], pair[1]
		a.Line2, b.Line2 = "", ""
		if snapshot.KeyOf(a) != snapshot.KeyOf(b) {
			t.Errorf("%q and %q have two keys", pair[0], pair[1])
		}
	}
	a.Line1, a.Line2 = "123 North Main Street", "Apartment 4"
	// The key stands in other people's lists: it must not change.
	const want = "b05ac53dee8be1d23a3b61e7f927698b"
	if got := snapshot.KeyOf(a).String(); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

// A suggestion is for the person who corrects the list, not for logs.
func TestSuggestionsDoNotLeak(t *testing.T) {
	t.Parallel()
	s := take(t, rulesHeader+"1,Jo,,1 Main St,,Boston,Massachusetts,2108,\n2,Secret\x01Name,,1 Main St,,Boston,MA,02108,\n", snapshot.Options{})
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	text := slog.New(slog.NewTextHandler(&log, nil))
	suggested := 0
	for _, r := range rejects(t, s) {
		for _, f := range r.Findings {
			logger.Info("found", "finding", f)
			text.Info("found", "finding", f)
			fmt.Fprintf(&log, "%v %+v %#v %s", f, f, f, f)
			if f.Suggestion != "" {
				suggested++
			}
		}
	}
	if suggested != 3 {
		t.Errorf("%d suggestions, want 3", suggested)
	}
	for _, secret := range []string{"02108", "Secret", "Massachusetts"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}
