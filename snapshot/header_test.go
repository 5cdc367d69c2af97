package snapshot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

// Of a header that does not fit the error names every field that has no column,
// where to name it, and what there is, as long as it is a header for certain.
func TestHeaderErrors(t *testing.T) {
	t.Parallel()
	many, long := make([]string, 30), strings.Repeat("é", 40)
	for i := range many {
		many[i] = fmt.Sprintf("Extra %c", 'A'+i)
	}
	for _, c := range []struct {
		name, header, want string
		mapping            snapshot.Mapping
	}{
		{
			name: "three columns", header: "First Name,Street,Zip",
			want: `no column for contact_id, city and state: name theirs in snapshot.Mapping (ContactID, City and State), or rename them in the file; ` +
				`the header has "First Name", "Street", "Zip"`,
		}, {
			name: "export of a CRM", header: "Record ID,First Name,Last Name,Email,Street Address,City,State/Region,Postal Code",
			want: `no column for contact_id and state: name theirs in snapshot.Mapping (ContactID and State), or rename them in the file; ` +
				`the header has "Record ID", "First Name", "Last Name", "Email", "Street Address", "City", "State/Region", "Postal Code"`,
		}, {
			name: "the mapping is of another file", header: "Kunde;Name;Straße;City;State;Zip",
			mapping: snapshot.Mapping{ContactID: "Kundennummer", AddressLine1: "Strasse"},
			want: `no column has the header that the mapping gives for contact_id ("Kundennummer") and address_line1 ("Strasse"); ` +
				`the header has "Kunde", "Name", "Straße", "City", "State", "Zip"`,
		}, {
			name: "both", header: "Kunde;Name;Street;City;State", mapping: snapshot.Mapping{ContactID: "Kundennummer"},
			want: `no column has the header that the mapping gives for contact_id ("Kundennummer"), ` +
				`and no column for postal_code: name theirs in snapshot.Mapping (PostalCode), or rename them in the file; ` +
				`the header has "Kunde", "Name", "Street", "City", "State"`,
		}, {
			name: "another separator", header: "id|name|street|city|state|zip",
			want: `no column for contact_id, address_line1, city, state and postal_code: name theirs in snapshot.Mapping ` +
				`(ContactID, AddressLine1, City, State and PostalCode), or rename them in the file; ` +
				`the whole row is one column: say with WithSeparator what stands between the fields`,
		}, {
			name: "very wide", header: "City,State," + long + "," + strings.Join(many, ","),
			want: `no column for contact_id, address_line1 and postal_code: name theirs in snapshot.Mapping ` +
				`(ContactID, AddressLine1 and PostalCode), or rename them in the file; ` +
				`the header has "City", "State", "` + long[:40] + `…", "` + strings.Join(many[:17], `", "`) + `" and 13 more`,
		},
	} {
		_, err := read(t.Context(), strings.NewReader(c.header+"\n"), c.mapping)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("%s: %v, want an invalid argument", c.name, err)
			continue
		}
		_, got, _ := strings.Cut(err.Error(), "row 1: ")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A file without a header has a person in its first row, which no error quotes,
// even if parts of it could be names of columns.
func TestHeaderErrorsQuoteNobody(t *testing.T) {
	t.Parallel()
	for _, row := range []string{
		"1,Jo Secret,1 Secret St,,Reno,NV,89501",
		"Secret,Unit,City,ST,89501",
		"Secret,Unit,City,ST,jo@secret.example",
		"Secret,Unit,Secretville",
		"Secret",
	} {
		_, err := read(t.Context(), strings.NewReader(row+"\n"), snapshot.Mapping{})
		if err == nil || strings.Contains(strings.ToLower(err.Error()), "secret") {
			t.Errorf("%q: %v", row, err)
		}
	}
}
