package snapshot_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const (
	nfc = "Jos\u00e9"
	nfd = "Jose\u0301"
)

// Who asked not to be mailed may be listed in another form than the one in which
// the row has the id; in doubt they are not mailed.
func TestSuppressionInAnotherForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, listed, row string
		want              bool
	}{
		{"decomposed on the list", nfd, nfc, true},
		{"decomposed in the row", nfc, nfd, true},
		{"another letter", "Jose", nfc, false},
		{"case of a name", "JOS\u00c9.Smith", "jos\u00e9.smith", true},
		{"case of a mail address", "Jo.Smith7@example.com", "jo.sMith7@example.com", true},
		{"case of a UUID", "6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", true},
		{"case of a random code", "0031a00000AbCdE", "0031a00000aBcDe", false},
		{"a random code", "0031a00000AbCdE", "0031a00000AbCdE", true},
		{"a random code typed in capitals", "0031A00000ABCDE", "0031a00000AbCdE", true},
		{"a row in capitals", "0031a00000AbCdE", "0031A00000ABCDE", true},
		{"sharp s", "STRASSER", "stra\u00dfer", true},
		{"Turkish I with a dot", "\u0130nci", "inci", true},
		{"Turkish i without a dot", "\u0131rmak", "IRMAK", true},
		{"Kelvin's sign", "\u212a-12", "k-12", true},
		{"wide digits", "\uff11\uff12\uff13", "123", true},
		{"no-break space", "c\u00a012", "c 12", true},
		{"two spaces", "c  12", "c 12", true},
		{"spaces at the ends", "\u00a0c12\u3000", "c12", true},
		{"zero width joiner", "c\u200d12", "c12", true},
		{"soft hyphen", "c\u00ad12", "c12", true},
		{"byte order mark in the middle", "c\ufeff12", "c12", true},
		{"direction marks", "\u202ac12\u202c\u200e", "c12", true},
		{"dropped zeros", "123", "00123", true},
		{"a spreadsheet's fraction", "123.0", "123", true},
		{"another number", "1230", "123", false},
		{"zeros within a code", "A-7", "A-07", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			read, err := snapshot.ReadSuppression(t.Context(), strings.NewReader("contact_id\n"+c.listed+"\n"), snapshot.SuppressionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for from, list := range map[string]snapshot.Suppressor{"file": read, "program": snapshot.NewSuppressionList([]string{"x", c.listed, "z"}, nil)} {
				s := take(t, header+c.row+",Jo,1 Main St,,Reno,NV,89501\n", snapshot.Options{Suppress: []snapshot.Suppression{{List: list}}})
				if got := s.Counts().Rejected == 1; got != c.want {
					t.Errorf("from a %s: rejected %t, want %t", from, got, c.want)
				}
				code, err := snapshot.Suppressed(t.Context(), []snapshot.Suppression{{List: list}}, c.row, postproof.Address{})
				if err != nil || (code != "") != c.want {
					t.Errorf("from a %s, before a replay: %q, %v, want a code: %t", from, code, err, c.want)
				}
			}
		})
	}
}

// A query compares bytes: it is asked for each form that the id can have there.
func TestSuppressorIsAskedForEachForm(t *testing.T) {
	t.Parallel()
	for _, listed := range []string{nfc, nfd} {
		for _, row := range []string{nfc, nfd} {
			query := []snapshot.Suppression{{List: snapshot.SuppressorFunc(func(_ context.Context, id string, _ snapshot.AddressKey) (bool, error) {
				return id == listed, nil
			})}}
			s := take(t, header+row+",Jo,1 Main St,,Reno,NV,89501\n", snapshot.Options{Suppress: query})
			if s.Counts().Rejected != 1 {
				t.Errorf("row %+q is mailed, with %+q on the list", row, listed)
			}
			if code, err := snapshot.Suppressed(t.Context(), query, row, postproof.Address{}); err != nil || code == "" {
				t.Errorf("row %+q is mailed again, with %+q on the list (%v)", row, listed, err)
			}
		}
	}
	if got := snapshot.ContactForms("c-12"); !slices.Equal(got, []string{"c-12"}) {
		t.Errorf("an id in ASCII has the forms %q", got)
	}
}

// One contact in two forms is one piece, and another export of the list in the
// other form is the same snapshot, with the same keys.
func TestOneContactInTwoForms(t *testing.T) {
	t.Parallel()
	row := func(id string) string { return id + "," + id + ",1 Main St,,Reno,NV,89501\n" }
	both := take(t, header+row(nfc)+row(nfd), snapshot.Options{})
	if got := rejectedCodes(t, both); got != nfc+":composed "+nfc+":duplicate_contact" {
		t.Errorf("rejected %+q, want the second row", got)
	}
	one, two := take(t, header+row(nfc), snapshot.Options{}), take(t, header+row(nfd), snapshot.Options{})
	r1, r2 := rows(t, one)[0], rows(t, two)[0]
	if r1.KeyPart() != r2.KeyPart() || r1.Address != r2.Address {
		t.Errorf("the two forms are kept as %+q and %+q: two pieces of paper", r1.KeyPart(), r2.KeyPart())
	}
	if w := warnings(t, two); len(w) != 1 || w[0].Code != snapshot.CodeComposed {
		t.Errorf("warnings %v, want that the id is kept in another form", w)
	}
	if w := warnings(t, one); len(w) != 0 {
		t.Errorf("warnings %v of a row that was kept as it is", w)
	}
	for change, err := range snapshot.Diff(t.Context(), one, two) {
		if err != nil || change.Kind != "" {
			t.Errorf("change %v (%v), want none", change, err)
		}
	}
	// Those that differ in what is seen, or in case, stay two.
	for _, other := range []string{"Jose", "JOS\u00c9", "Jos\u00e8"} {
		if s := take(t, header+row(nfc)+row(other), snapshot.Options{}); s.Counts().Accepted != 2 {
			t.Errorf("%q and %q are taken for one", nfc, other)
		}
	}
	// An invisible sign is no other contact.
	if got, want := rejectedCodes(t, take(t, header+"c\u200b1,Jo,1 Main St,,Reno,NV,89501\nc1,Jo,2 Main St,,Reno,NV,89501\n", snapshot.Options{})),
		"c\u200b1:unprintable c1:contact_conflict"; got != want {
		t.Errorf("rejected %+q, want %+q", got, want)
	}
}

func TestInvisibleSignsRejectARow(t *testing.T) {
	t.Parallel()
	for _, sign := range []string{"\u00ad", "\u034f", "\u061c", "\u115f", "\u180b", "\u200b", "\u200d", "\u202e", "\u2060", "\u2066", "\u2800", "\u3164", "\ufe0f", "\ufeff", "\U000e0101"} {
		got := foundIn(t, "c"+sign+"1,Jo,,1 Main St,,Reno,NV,89501,", snapshot.Options{})
		if len(got) == 0 || !strings.HasPrefix(got[0], "error unprintable contact_id c 1") {
			t.Errorf("%+q: found %q", sign, got)
		}
	}
}

// A source's own rows are not changed, and their further columns are kept composed.
func TestSourceKeepsItsValues(t *testing.T) {
	t.Parallel()
	values := []string{nfd, "x"}
	row := snapshot.Row{ContactID: "1", Address: postproof.Address{Name: nfd, Line1: "1 Main St", City: "Reno", Region: "NV", PostalCode: "89501"}}
	source := snapshot.SourceFunc(func(context.Context) iter.Seq2[snapshot.Row, error] {
		return func(yield func(snapshot.Row, error) bool) {
			yield(row.WithFields(snapshot.NewColumns("friend", "other"), values...), nil)
		}
	})
	s, err := snapshot.Take(t.Context(), source, snapshot.Options{Campaign: "spring", Store: snapshot.NewMemory(), Columns: []string{"friend"}, Segment: snapshot.Equals("friend", nfd)})
	if err != nil {
		t.Fatal(err)
	}
	all := rows(t, s)
	if len(all) != 1 {
		t.Fatalf("%d rows, want the one that the segment names in the other form", len(all))
	}
	if friend, _ := all[0].Field("friend"); friend != nfc || all[0].Address.Name != nfc {
		t.Errorf("kept %+q and %+q, want both composed", friend, all[0].Address.Name)
	}
	if values[0] != nfd {
		t.Error("the values of the source were changed")
	}
	s = take(t, "contact_id,name,street,city,state,zip,friend\n1,Jo,1 Main St,Reno,NV,89501,"+nfc+" Luis\n", snapshot.Options{Segment: snapshot.Prefix("friend", nfd)})
	if s.Counts().Accepted != 1 {
		t.Error("the segment's prefix in the other form took no row")
	}
}

func TestCampaignIsComposed(t *testing.T) {
	t.Parallel()
	_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(header), snapshot.Mapping{}), snapshot.Options{Campaign: nfd, Store: snapshot.NewMemory()})
	if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), "NFC") {
		t.Errorf("got %v, want a refusal: the same name typed elsewhere would be another campaign", err)
	}
}

// An address is one place in any form, with accents or without, with a typist's
// apostrophe or a printer's.
func TestKeyOfForms(t *testing.T) {
	t.Parallel()
	at := func(line, city, zip, country string) snapshot.AddressKey {
		return snapshot.KeyOf(postproof.Address{Line1: line, City: city, PostalCode: zip, Country: country})
	}
	for _, c := range [][2]string{
		{"12 Pe\u00f1a Blvd", "12 Pen\u0303a Blvd"},
		{"12 Pe\u00f1a Blvd", "12 PENA BOULEVARD"},
		{"12 O\u2019Hara St", "12 O'Hara Street"},
		{"12 Kapi\u02bbolani Blvd", "12 Kapiolani Boulevard"},
		{"12 Main\u00a0St", "12 Main St"},
		{"12 Ma\u00adin\u200b St\ufeff", "12 Main St"},
		{"\uff11\uff12 Main St", "12 Main St"},
		{"12\u00bd Main St", "12 1/2 Main St"},
		{"Stra\u00dfe 1", "STRASSE 1"},
		{"12 Main St \u2116 4", "12 Main St #4"},
	} {
		if at(c[0], "Reno", "89501", "") != at(c[1], "Reno", "89501", "US") {
			t.Errorf("%+q and %+q are two places", c[0], c[1])
		}
	}
	if at("1 Rue X", "Montr\u00e9al", "H2X 1Y4", "CA") != at("1 Rue X", "MONTREAL", "h2x 1y4", "ca") {
		t.Error("a city without its accent is another place")
	}
	if at("12 Main St", "Reno", " 89501 ", "United States") != at("12 Main St", "Reno", "89501", "US") {
		t.Error("an address as a list has it is another place")
	}
	if at("12 \u041c\u0438\u0440", "Reno", "89501", "") == at("12 \u041c\u0430\u0440", "Reno", "89501", "") {
		t.Error("two streets are one place")
	}
}

func TestErasureInAnotherForm(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	take(t, header+nfc+",Jo,1 Main St,,Reno,NV,89501\nc2,Al,2 Main St,,Reno,NV,89501\nJo\u200bse,Bo,1 Main St,,Reno,NV,89501\n", snapshot.Options{Store: store})
	erased, err := snapshot.Erase(t.Context(), store, snapshot.Erasure{Contacts: []string{nfd, "Jose"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(erased) != 1 || erased[0].Accepted != 1 || erased[0].Rejected != 1 {
		t.Errorf("erased %+v, want her row, and the one that was rejected for an invisible sign", erased)
	}
}

func TestCorrectionsInAnotherForm(t *testing.T) {
	t.Parallel()
	store := snapshot.NewMemory()
	list := header + nfc + ",Jo,1 Main St,,,NV,89501\nc2,Al,2 Main St,,Reno,NV,89501\n"
	base := take(t, list, snapshot.Options{Store: store})
	file := rejectsFile(t, store, base)
	file[1][1] = nfd // an editor saved it so, and nobody changed it
	next, err := snapshot.TakeCorrections(t.Context(), base, snapshot.CSV(asCSV(t, file), snapshot.Mapping{}), snapshot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{nfc + ":missing"}, strings.Fields(rejectedCodes(t, next))); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
}

// What matches nobody's id or address ends the reading: who is meant would get mail.
func TestSuppressionThatMatchesNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, csv, want string }{
		{"Latin-1 in an id", "contact_id\nJos\xe9\n", "row 2: is not UTF-8 in the column contact_id"},
		{"Latin-1 in an address", "street,city,zip\n1 Pe\xf1a St,Reno,89501\n", "row 2: is not UTF-8 in the column address_line1"},
		{"a lost character", "contact_id\nc1\nJos\ufffd\n", "row 3: is not UTF-8"},
		{"a number that was shortened", "contact_id\n4.00123E+15\n", "row 2: has a contact id that a spreadsheet has shortened"},
		{"no header", "c1\n", "row 1: has no column of contact ids or of addresses"},
		{"no ZIP code", "street,city,state\n1 Main St,Reno,NV\n", "row 2: has no ZIP code"},
		{"a ZIP code that is none", "street,city,zip\n1 Main St,Reno,Nevada\n", "row 2: has no ZIP code"},
		{"a country that is none", "street,city,zip,country\n1 Main St,Reno,89501,Utopia\n", "row 2: has a country"},
		{"a country of two letters that is none", "street,city,zip,country\n1 Main St,Reno,89501,XX\n", "row 2: has a country"},
	} {
		_, err := snapshot.ReadSuppression(t.Context(), strings.NewReader(c.csv), snapshot.SuppressionOptions{})
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Jos") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	for name, csv := range map[string]string{
		"a name in Latin-1":                 "contact_id,name\nc1,Jos\xe9\n",
		"an address beside an id":           "contact_id,street,city,zip\nc1,1 Main St,Reno,\n",
		"a ZIP code without its zeros":      "street,city,zip\n1 Main St,Reno,601\n",
		"a ZIP code with a space":           "street,city,zip\n1 Main St,Reno,00601 1234\n",
		"a country by its name":             "street,city,zip,country\n1 Main St,Reno,00601,U.S.\n",
		"a decomposed address beside an id": "contact_id,street,city,zip\nc9,1 Main\u200b St,Reno,00601\n",
	} {
		list, err := snapshot.ReadSuppression(t.Context(), strings.NewReader(csv), snapshot.SuppressionOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if code, err := snapshot.Suppressed(t.Context(), []snapshot.Suppression{{List: list}}, "c1", postproof.Address{Line1: "1 Main Street", City: "Adjuntas", Region: "PR", PostalCode: "00601"}); err != nil || code == "" {
			t.Errorf("%s: is mailed (%v)", name, err)
		}
	}
}

// What a list calls by a name that is no code is the place that a row has by its code,
// and a postal code is one with and without its space.
func TestSuppressionAbroad(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"SW1A 1AA,GB", "SW1A 1AA,UK", "SW1A 1AA,uk", "SW1A 1AA,United Kingdom", "SW1A 1AA,England", "sw1a1aa,GB", "SW1A  1AA,GB"} {
		list, err := snapshot.ReadSuppression(t.Context(), strings.NewReader("street,city,zip,country\n1 High St,London,"+where+"\n"), snapshot.SuppressionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		at := snapshot.KeyOf(postproof.Address{Line1: "1 High Street", City: "London", PostalCode: "SW1A 1AA", Country: "GB"})
		if has, err := list.Contains(t.Context(), "c1", at); err != nil || !has {
			t.Errorf("%s: is mailed (%v)", where, err)
		}
		code, country, _ := strings.Cut(where, ",")
		if snapshot.KeyOf(postproof.Address{Line1: "1 High St", City: "London", PostalCode: code, Country: country}) != at {
			t.Errorf("%s: has another key", where)
		}
	}
	for _, at := range [][2]string{{"PR", ""}, {"US", "PR"}, {"USA", "pr"}, {"Puerto Rico", ""}, {"", "PR"}} {
		a := postproof.Address{Line1: "1 Calle Luna", City: "San Juan", Region: at[1], PostalCode: "00901-1234", Country: at[0]}
		if want := (postproof.Address{Line1: "1 CALLE LUNA", City: "SAN JUAN", Region: "PR", PostalCode: "00901"}); snapshot.KeyOf(a) != snapshot.KeyOf(want) {
			t.Errorf("%v: has another key", at)
		}
	}
}
