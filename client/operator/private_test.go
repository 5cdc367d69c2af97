package operator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Nothing of a recipient is on any screen, in text or JSON, in errors, questions
// and reports: the jobs have marked names, addresses, artwork, keys and metadata.
func TestNothingPersonalOnAnyScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := fmt.Sprintf("contact_id,name,address_line1,city,state,postal_code\nc-1,%[1]s Twain,1 %[1]s Street,%[1]sville,IL,62701\nc-2,,2 %[1]s Street,,IL,62701\n", person)
	synctest.Test(t, func(t *testing.T) {
		w := bad(t)
		w.snapshots = snapshot.NewMemory()
		frozen, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: w.snapshots})
		if err != nil {
			t.Fatal(err)
		}
		key := string(job(3).Key)
		exported := filepath.Join(dir, "list.zip")
		all := [][]string{
			{}, {"status"}, {"status", "-campaign", "spring"}, {"held"}, {"held", "-limit", "1"}, {"show", key}, {"show", idOf(1)}, {"show", idOf(2)},
			{"show", "no-such-" + person[:2]}, {"history", key}, {"incidents", "-since", "0"}, {"tally", "spring"}, {"audit", "alpha"},
			{"silence"}, {"recover"}, {"snapshot", "list"}, {"snapshot", "verify"}, {"snapshot", "export", string(frozen.ID())[:8], "-to", exported},
			{"release", key}, {"release", "-reason", "cap", "-yes"}, {"approve", "winter", "-yes"},
			{"decide", "accepted", key, "-why", "on the invoice"}, {"decide", "accepted", key, "-why", "on the invoice", "-yes"},
			{"decide", "planned", key, "-why", "again", "-yes"}, {"decide", "planned", "-all", "-why", "lost", "-yes"}, {"cancel", key, "-yes"}, {"help"},
		}
		all = append(all, [][]string{
			{"pause", "campaign", "spring", "-why", "wrong artwork"}, {"pause"}, {"status"}, {"resume", "campaign", "spring", "-why", "right"},
			{"resume", "campaign", "spring", "-why", "right", "-yes"}, {"changes"}, {"changes", "verify"}, {"changes", "undo", "1", "-why", "wrong", "-yes"},
			{"replay", "plan", "-campaign", "spring"}, {"replay", "run", "night", "-campaign", "spring", "-why", "outage", "-yes"}, {"replay", "list"},
			{"replay", "report", "night"}, {"replay", "throttle", "night", "5", "-why", "slow"}, {"replay", "pause", "night"}, {"replay", "stop", "night"},
			{"remail", idOf(1), "-name", "torn", "-why", "it arrived torn"}, {"remail", idOf(1), "-name", "torn", "-why", "it arrived torn", "-yes"},
			{"erase", idOf(1), "-related", "-lists", "-artwork"}, {"erase", "-contact", "c-2", "-lists", "-now", "-run", "-why", "request", "-yes"},
			{"show", idOf(2)}, {"history", idOf(2)}, {"show", key}, {"status", "-json"},
		}...)
		for _, args := range all {
			for _, form := range []string{"-json", "-yes=false"} {
				r := w.run(t, append([]string{form}, args...)...)
				if strings.Contains(r.out+r.err, person) {
					t.Errorf("%s shows a person:\n%s%s", strings.Join(args, " "), r.out, r.err)
				}
				if r.code == operator.ExitUsage {
					t.Errorf("%s: not looked at, for it is wrong: %s", strings.Join(args, " "), r.err)
				}
				_ = os.Remove(exported)
			}
		}
		if rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(6))); err != nil || !strings.Contains(string(rec.Job), person) {
			t.Errorf("the ledger does not hold the person either: the test looks at the wrong thing (%v)", err)
		}
	})
}

// What the ledger holds cannot speak to the terminal.
func TestControlCharactersAreNotPrinted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		evil := "\x1b[2J\x1b]0;owned\x07\u202e"
		entry := idempotency.Entry{ID: idempotency.ID(idOf(3)), Kind: "late_arrival", Vendor: "alpha" + evil, Note: evil, By: evil}
		if err := idempotency.CommitOne(t.Context(), w.store, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"incidents", "-since", "0"}, {"history", idOf(3)}, {"show", evil}} {
			if r := w.run(t, args...); strings.ContainsAny(r.out+r.err, "\x1b\x07\u202e") {
				t.Errorf("%q lets control characters out: %q", args, r.out+r.err)
			}
		}
		line := w.run(t, "incidents", "-since", "0", "-json").out
		var one struct{ Note string }
		if err := json.Unmarshal([]byte(strings.SplitN(line, "\n", 2)[0]), &one); err != nil || one.Note != evil {
			t.Errorf("JSON has %q (%v), want it as it is, escaped", one.Note, err)
		}
	})
}
