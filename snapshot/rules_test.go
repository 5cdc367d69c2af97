package snapshot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const rulesHeader = "contact_id,name,company,address_line1,address_line2,city,state,postal_code,country\n"

func TestRules(t *testing.T) {
	t.Parallel()
	const good = "1,Jo,,1 Main St,,Reno,NV,89501,"
	long := strings.Repeat("x", 201)
	for _, c := range []struct {
		name, row string
		want      []string // nil when the row is accepted
	}{
		{"good", good, nil},
		{"ZIP+4", "1,Jo,,1 Main St,,Reno,NV,89501-1234,US", nil},
		{"ZIP+4 without hyphen", "1,Jo,,1 Main St,,Reno,NV,895011234,usa", nil},
		{"company only", "1,,Acme,1 Main St,,Reno,NV,89501,", nil},
		{"territory", "1,Jo,,1 Main St,,San Juan,PR,00901,", nil},
		{"abroad", "1,Jo,,1 High St,,London,,SW1A 1AA,gb", nil},
		{"not ASCII", "1,José,,1 Cañon,,Cañon City,CO,81212,", nil},
		{"no id", ",Jo,,1 Main St,,Reno,NV,89501,", []string{"missing contact_id"}},
		{"no name", "1,,,1 Main St,,Reno,NV,89501,", []string{"missing name"}},
		{"everything missing", "1,Jo,,,,,,,", []string{"missing address_line1", "missing city", "missing state", "missing postal_code"}},
		{"blank is missing", "1,Jo,,  ,,Reno,NV,89501,", []string{"missing address_line1"}},
		{"state by name", "1,Jo,,1 Main St,,Reno,Nevada,89501,", []string{"bad_state state"}},
		{"no such state", "1,Jo,,1 Main St,,Reno,XX,89501,", []string{"bad_state state"}},
		{"short ZIP", "1,Jo,,1 Main St,,Boston,MA,2108,", []string{"bad_postal_code postal_code"}},
		{"ZIP with letters", "1,Jo,,1 Main St,,Reno,NV,8950l,", []string{"bad_postal_code postal_code"}},
		{"ZIP without the hyphen's digits", "1,Jo,,1 Main St,,Reno,NV,89501-,", []string{"bad_postal_code postal_code"}},
		{"country by name", "1,Jo,,1 Main St,,Reno,NV,89501,France", []string{"bad_country country"}},
		{"NUL", "1,Jo\x00,,1 Main St,,Reno,NV,89501,", []string{"control_character name"}},
		{"line break", "1,Jo,,\"1 Main St\nApt 2\",,Reno,NV,89501,", []string{"control_character address_line1"}},
		{"C1 control", "1,Jo,,1 Main\u0085St,,Reno,NV,89501,", []string{"control_character address_line1"}},
		{"Latin-1", "1,Jos\xe9,,1 Main St,,Reno,NV,89501,", []string{"not_utf8 name"}},
		{"long", "1," + long + ",,1 Main St,,Reno,NV,89501,", []string{"too_long name"}},
		{"long id", strings.Repeat("x", 129) + ",Jo,,1 Main St,,Reno,NV,89501,", []string{"too_long contact_id"}},
		{"longest id", strings.Repeat("x", 128) + ",Jo,,1 Main St,,Reno,NV,89501,", nil},
		{"id long when escaped", strings.Repeat("/", 43) + ",Jo,,1 Main St,,Reno,NV,89501,", []string{"too_long contact_id"}},
		{"id with a lost character", "a\ufffdb,Jo,,1 Main St,,Reno,NV,89501,", []string{"not_utf8 contact_id"}},
		{"too few fields", "1,Jo,,1 Main St,,Reno,NV,89501", []string{"field_count contact_id"}},
		{"too many fields", good + ",x", []string{"field_count contact_id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := take(t, rulesHeader+c.row+"\n", snapshot.Options{})
			var got []string
			for _, r := range rejects(t, s) {
				for _, f := range r.Findings {
					if f.Row != 2 || f.Severity != snapshot.SeverityError || f.Message == "" {
						t.Errorf("finding %+v: want an error in row 2 with a message", f)
					}
					got = append(got, fmt.Sprintf("%s %s", f.Code, f.Column))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, r := range rows(t, s) {
				if err := r.Address.Validate(); err != nil {
					t.Errorf("accepted, but not valid: %v", err)
				}
				key := postproof.DeriveKey(strings.Repeat("c", 80), r.KeyPart(), "postcard-6x11")
				if err := key.Validate(); err != nil {
					t.Errorf("accepted, but makes no key: %v", err)
				}
			}
		})
	}
}

func TestNormalization(t *testing.T) {
	t.Parallel()
	s := take(t, rulesHeader+" 1 , Jo ,,\" 1 Main St \",\u00a0Apt 2,Reno , nv,895011234,United States\n"+
		"2,,Acme,2 Main St,,Reno,NV,89501,\n3,,,3 Main St,,Reno,NV,89501,US\n", snapshot.Options{DefaultName: "Current Resident"})
	want := []snapshot.Row{
		{Number: 2, ContactID: "1", Address: postproof.Address{
			Name: "Jo", Line1: "1 Main St", Line2: "Apt 2", City: "Reno", Region: "NV", PostalCode: "89501-1234", Country: "US",
		}},
		{Number: 3, ContactID: "2", Address: postproof.Address{
			Company: "Acme", Line1: "2 Main St", City: "Reno", Region: "NV", PostalCode: "89501", Country: "US",
		}},
		{Number: 4, ContactID: "3", Address: postproof.Address{
			Name: "Current Resident", Line1: "3 Main St", City: "Reno", Region: "NV", PostalCode: "89501", Country: "US",
		}},
	}
	if diff := cmp.Diff(want, rows(t, s)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	s := take(t, header+
		"1,Jo,1 Main St,,Reno,NV,89501\n"+
		"1,Jo,1 MAIN  ST,,reno,NV,89501-1234\n"+ // the same contact
		"1,Jo,2 Main St,,Reno,NV,89501\n"+ // the same contact elsewhere
		"2,Al,1 main st,,Reno,NV,89501\n"+ // another contact, same address
		"3,Bo,,,Reno,NV,89501\n"+ // rejected
		"3,Bo,3 Main St,,Reno,NV,89501\n"+ // which row is contact 3?
		"4,Cy,3 Main St,,Reno,NV,89501\n", // nobody else gets mail there
		snapshot.Options{})
	var got []string
	for _, r := range rejects(t, s) {
		for _, f := range r.Findings {
			got = append(got, f.String())
		}
	}
	want := []string{
		"row 3: error[duplicate_contact] contact_id: rows 2 and 3 are the same contact",
		"row 4: error[contact_conflict] contact_id: rows 2 and 4 are the same contact at two addresses",
		"row 6: error[missing] address_line1: missing",
		"row 7: error[contact_conflict] contact_id: rows 6 and 7 are the same contact at two addresses",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	got = nil
	for _, f := range warnings(t, s) {
		got = append(got, f.String())
	}
	want = []string{"row 5: warning[duplicate_address] address_line1: rows 2 and 5 have the same address"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestVendorLimits(t *testing.T) {
	t.Parallel()
	wide, narrow := vendor("lob", 40), vendor("pcm", 20)
	list := header +
		"1,Jo,1 Main St,,Reno,NV,89501\n" +
		"2,Jo,2 " + strings.Repeat("x", 28) + ",,Reno,NV,89501\n" + // 30: too long for pcm
		"3,Jo,3 Main St," + strings.Repeat("y", 31) + ",Reno,NV,89501\n" + // both lines: 40
		"4,Jo,4 " + strings.Repeat("x", 48) + ",,Reno,NV,89501\n" // 50: too long for both
	for _, c := range []struct {
		name     string
		any      bool
		accepted []int
	}{
		{"all", false, []int{2}},
		{"any", true, []int{2, 3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := take(t, list, snapshot.Options{Vendors: []*postproof.Capabilities{wide, narrow}, AnyVendor: c.any})
			var accepted []int
			for _, r := range rows(t, s) {
				accepted = append(accepted, r.Number)
			}
			if diff := cmp.Diff(c.accepted, accepted); diff != "" {
				t.Errorf("accepted (-want +got):\n%s", diff)
			}
			got := map[int][]string{}
			for _, f := range warnings(t, s) {
				got[f.Row] = append(got[f.Row], f.String())
			}
			for _, r := range rejects(t, s) {
				for _, f := range r.Findings {
					got[f.Row] = append(got[f.Row], f.String())
				}
			}
			severity := "error"
			if c.any {
				severity = "warning"
			}
			want := map[int][]string{
				3: {"row 3: " + severity + "[vendor_limit] address_line1: has 30 characters, pcm takes 20"},
				4: {
					"row 4: " + severity + "[vendor_limit] address_line1: has 40 characters for both lines, pcm takes 30",
				},
				5: {
					"row 5: error[vendor_limit] address_line1: has 50 characters, lob takes 40",
					"row 5: error[vendor_limit] address_line1: has 50 characters, pcm takes 20",
					"row 5: error[vendor_limit] address_line1: has 50 characters for both lines, pcm takes 30",
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("country", func(t *testing.T) {
		t.Parallel()
		s := take(t, rulesHeader+"1,Jo,,1 High St,,London,,SW1A 1AA,GB\n", snapshot.Options{Vendors: []*postproof.Capabilities{wide}})
		if bad := rejects(t, s); len(bad) != 1 || bad[0].Findings[0].Message != "lob does not mail to this country" {
			t.Errorf("rejects %+v, want one that names the vendor", bad)
		}
	})
}

// Findings and errors may be logged and shown to anyone.
func TestFindingsDoNotQuote(t *testing.T) {
	t.Parallel()
	s := take(t, rulesHeader+
		"sécret\xff,sécret\x00,,sécret"+strings.Repeat("s", 300)+",,,secret,secret,secret\n"+
		"secret,secret,,secret,,secret,secret,secret\n", snapshot.Options{Vendors: []*postproof.Capabilities{vendor("lob", 3)}})
	bad := rejects(t, s)
	if len(bad) != 2 {
		t.Fatalf("%d rejects, want 2", len(bad))
	}
	for _, r := range bad {
		for _, f := range r.Findings {
			if strings.Contains(f.String(), "cret") {
				t.Errorf("%q quotes the value", f)
			}
		}
	}
	if got := bad[0].Row.ContactID; got != "sécret\ufffd" {
		t.Errorf("contact id %q, want the bad byte as U+FFFD", got)
	}
}
