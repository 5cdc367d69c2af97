package snapshot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/snapshot"
)

const suppressible = header +
	"1,Jo,1 Main Street,,Reno,NV,89501\n" +
	"2,Al,2 Main St,,Reno,NV,89501\n" +
	"3,Bo,3 Main St,,Reno,NV,89501\n" +
	"4,,4 Main St,,Reno,NV,89501\n"

func rejectedCodes(t *testing.T, s *snapshot.Snapshot) string {
	t.Helper()
	var out []string
	for _, r := range rejects(t, s) {
		for _, f := range r.Findings {
			out = append(out, r.Row.ContactID+":"+string(f.Code))
		}
	}
	return strings.Join(out, " ")
}

func TestSuppression(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	read := func(t *testing.T, csv string, opts snapshot.SuppressionOptions) snapshot.Suppressor {
		t.Helper()
		list, err := snapshot.ReadSuppression(t.Context(), strings.NewReader(csv), opts)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	mailed := snapshot.SuppressionOptions{MailedOn: "mailed", Within: 30 * 24 * time.Hour, Now: now}
	for _, c := range []struct {
		name string
		list snapshot.Suppressor
		code snapshot.Code
		want string
	}{
		{"contacts", read(t, "contact_id\n2\n9\n", snapshot.SuppressionOptions{}), "", "2:do_not_mail 4:missing"},
		{
			"an address in another spelling", read(t, "street,city,state,zip\n\"1 MAIN ST.\",Reno,NV,89501-7777\n", snapshot.SuppressionOptions{}), "",
			"1:do_not_mail 4:missing",
		},
		{"a household", read(t, "contact_id,street,city,state,zip\n9,3 Main St,Reno,NV,89501\n", snapshot.SuppressionOptions{}), "", "3:do_not_mail 4:missing"},
		{
			"contacts only", read(t, "contact_id,street,city,state,zip\n9,3 Main St,Reno,NV,89501\n", snapshot.SuppressionOptions{ContactsOnly: true}), "",
			"4:missing",
		},
		{
			"mailed within thirty days", read(t, "contact_id,mailed\n1,2026-05-30\n2,2026-06-01\n3,2026-06-29\n", mailed), snapshot.CodeMailedRecently,
			"2:mailed_recently 3:mailed_recently 4:missing",
		},
		{
			"a function", snapshot.SuppressorFunc(func(_ context.Context, id string, key snapshot.AddressKey) (bool, error) {
				return id == "2" && key == snapshot.KeyOf(postproof.Address{Line1: "2 main st", PostalCode: "89501"}), nil
			}), "", "2:do_not_mail 4:missing",
		},
		{"made in the program", snapshot.NewSuppressionList([]string{" 3 "}, []snapshot.AddressKey{snapshot.KeyOf(postproof.Address{Line1: "1 MAIN ST", PostalCode: "89501"})}), "", "1:do_not_mail 3:do_not_mail 4:missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lists := []snapshot.Suppression{{Code: c.code, List: c.list}}
			s := take(t, suppressible, snapshot.Options{Suppress: lists})
			if got := rejectedCodes(t, s); got != c.want {
				t.Errorf("rejected %q, want %q", got, c.want)
			}
			// The same lists say the same before a replay.
			all := take(t, suppressible, snapshot.Options{})
			for _, r := range rows(t, all) {
				code, err := snapshot.Suppressed(t.Context(), lists, r.ContactID, r.Address)
				if err != nil {
					t.Fatal(err)
				}
				if listed := strings.Contains(c.want, r.ContactID+":"); listed != (code != "") {
					t.Errorf("contact %s: code %q, want one: %t", r.ContactID, code, listed)
				}
			}
		})
	}
}

// A row of a long history that nobody can make anything of, and whose day is long past,
// keeps nobody from mail: it does not hold up the campaign.
func TestOldRowsOfAHistoryMayBeDamaged(t *testing.T) {
	t.Parallel()
	const history = "contact_id,street,city,zip,country,mailed\n" +
		",,,,,2019-03-01\n" + // nobody
		"4.00123E+15,,,,,2019-03-02\n" + // shortened by a spreadsheet
		"Jos\xe9,,,,,2019-03-03\n" + // in another encoding
		",1 Main St,Reno,,,2019-03-04\n" + // without a ZIP code
		",1 Main St,Reno,89501,Utopia,2019-03-05\n" +
		"2,,,,,2026-06-29\n"
	list, err := snapshot.ReadSuppression(t.Context(), strings.NewReader(history), snapshot.SuppressionOptions{
		MailedOn: "mailed", Within: 30 * 24 * time.Hour, Now: time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatalf("%v, want the row that counts", err)
	}
	s := take(t, suppressible, snapshot.Options{Suppress: []snapshot.Suppression{{Code: snapshot.CodeMailedRecently, List: list}}})
	if got := rejectedCodes(t, s); got != "2:mailed_recently 4:missing" {
		t.Errorf("rejected %q, want contact 2, who was mailed yesterday", got)
	}
}

func TestSuppressionErrors(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, csv string
		opts      snapshot.SuppressionOptions
		want      string
	}{
		{"nobody", "contact_id,note\n1,x\n,secret\n", snapshot.SuppressionOptions{}, "row 3: has neither a contact id nor an address"},
		{"no day", "contact_id,mailed\n1,\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: time.Hour, Now: now}, "row 2: the day"},
		{"another day", "contact_id,mailed\n1,06/30/2026\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: time.Hour, Now: now}, "row 2: the day"},
		{"no such day", "contact_id,mailed\n1,2026-06-29\n2,0000-00-00\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: time.Hour, Now: now}, "row 3: the day in the column that MailedOn gives is not in the form of the Layout, or not in the calendar"},
		{"nobody of today", "contact_id,mailed\n,2026-06-30\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: 24 * time.Hour, Now: now}, "row 2: has neither a contact id nor an address: say who"},
		{"a day in another place", "contact_id,mailed\n1,1999-01-01,2026-06-30\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: 24 * time.Hour, Now: now}, "row 2: "},
		{"no column", "contact_id\n1\n", snapshot.SuppressionOptions{MailedOn: "mailed", Within: time.Hour, Now: now}, "no column"},
		{"no time", "contact_id,mailed\n1,x\n", snapshot.SuppressionOptions{MailedOn: "mailed"}, "wants a time Within"},
		{"a field too many", "contact_id\n1,2\n", snapshot.SuppressionOptions{}, "row 2"},
		{"a quote", "contact_id\n\"secret\n", snapshot.SuppressionOptions{}, "row 2: a quote"},
	} {
		_, err := snapshot.ReadSuppression(t.Context(), strings.NewReader(c.csv), c.opts)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}

	down := errors.New("database is down")
	broken := snapshot.SuppressorFunc(func(context.Context, string, snapshot.AddressKey) (bool, error) { return false, down })
	store := snapshot.NewMemory()
	_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(suppressible), snapshot.Mapping{}),
		snapshot.Options{Campaign: "spring", Store: store, Suppress: []snapshot.Suppression{{List: broken}}})
	if !errors.Is(err, down) || postproof.CodeOf(err) != postproof.CodeUnavailable {
		t.Errorf("got %v, want the list's error: nobody is mailed when nobody can be asked", err)
	}
	for id, err := range store.List(t.Context()) {
		t.Errorf("snapshot %s was taken all the same (%v)", id, err)
	}
	for name, s := range map[string]snapshot.Suppression{"nil": {}, "code": {Code: snapshot.CodeMissing, List: broken}} {
		_, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(suppressible), snapshot.Mapping{}),
			snapshot.Options{Campaign: "spring", Suppress: []snapshot.Suppression{s}, Store: snapshot.NewMemory()})
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: got %v, want an invalid argument", name, err)
		}
	}
}
