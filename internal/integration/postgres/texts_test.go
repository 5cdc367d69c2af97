package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestTexts: whatever stands in a text comes back, and finds its record: lists
// go to the server as text.
func TestTexts(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	s := openStore(t, db, newSchema(t))
	for i, text := range []string{
		"plain", "", `"`, `\`, `\\"`, "{a,b}", "NULL", "null", "it's", "tab\tline\nend", "ünï 漢字 🖨", "a\x00b", "\x1e\x1f", " spaces ", `\x6162`, "@records", "$1; --",
	} {
		r := record(i)
		r.Campaign, r.Contact = text, text
		r.Job = []byte(text + "\xff\x00")
		c := step(r)
		c.Record.Fence, c.Expect, c.Record.State = 1, 0, idempotency.Planned
		vendorID := text + "id" + itoa(i)
		c.Record.Submissions[0].VendorID = vendorID
		c.Entries[0].Note = text
		c.Settings = []idempotency.SettingWrite{{Name: "s" + text, Value: []byte(text + "\xff\x00")}}
		c.Counters = []idempotency.CounterAdd{{Name: "n" + text, Add: int64(i)}}
		if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
			t.Errorf("Commit with %q: %v", text, err)
			continue
		}
		got, err := s.Get(t.Context(), r.ID)
		if err != nil {
			t.Errorf("Get with %q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(c.Record, got); diff != "" {
			t.Errorf("record with %q (-want +got):\n%s", text, diff)
		}
		for what, q := range map[string]idempotency.Query{
			"campaign": {Campaign: text, Vendor: "lob", States: []idempotency.State{idempotency.Planned}}, "piece": {Vendor: "lob", VendorID: vendorID},
		} {
			found := false
			for r, err := range s.Find(t.Context(), q) {
				if err != nil {
					t.Errorf("Find by %s %q: %v", what, text, err)
					break
				}
				found = found || r.ID == got.ID
			}
			if !found {
				t.Errorf("Find by %s %q: not found", what, text)
			}
		}
		if set, err := s.Setting(t.Context(), "s"+text); err != nil || string(set.Value) != text+"\xff\x00" || set.Version != 1 {
			t.Errorf("setting %q = %+v, %v", text, set, err)
		}
		if n, err := s.Counter(t.Context(), "n"+text); err != nil || n != int64(i) {
			t.Errorf("counter %q = %d, %v", text, n, err)
		}
		if text == "plain" {
			continue
		}
		claimed, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: text, Limit: 1, Lease: time.Minute, Now: start(), Skip: []string{text, "plain"}})
		if err != nil || len(claimed) != 0 {
			t.Errorf("Claim that skips %q = %v, %v", text, claimed, err)
		}
		if claimed, err = s.Claim(t.Context(), idempotency.ClaimRequest{Owner: text, Limit: 1, Lease: time.Hour, Now: start(), Skip: []string{"plain"}}); err != nil || len(claimed) != 1 {
			t.Errorf("Claim beside %q = %v, %v", text, claimed, err)
		}
	}
}
