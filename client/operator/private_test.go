package operator_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// everything is each command, on a ledger with something of everything.
func everything(t *testing.T, dir string) (*world, [][]string) {
	t.Helper()
	list := fmt.Sprintf("contact_id,name,address_line1,city,state,postal_code\nc-1,%[1]s Twain,1 %[1]s Street,%[1]sville,IL,62701\nc-2,,2 %[1]s Street,,IL,62701\n", person)
	w := bad(t)
	w.snapshots = snapshot.NewMemory()
	frozen, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: w.snapshots})
	if err != nil {
		t.Fatal(err)
	}
	key := string(job(3).Key)
	return w, [][]string{
		{},
		{"status"},
		{"status", "-campaign", "spring"},
		{"held"},
		{"held", "-limit", "1"},
		{"refused"},
		{"refused", "-json"},
		{"show", key},
		{"show", idOf(1)},
		{"show", idOf(2)},
		{"show", "no-such-" + person[:2]},
		{"history", key},
		{"incidents", "-since", "0"},
		{"track", "c-3"},
		{"track", "-campaign", "spring"},
		{"tally", "spring"},
		{"spool"},
		{"audit", "alpha"},
		{"silence"},
		{"recover"},
		{"control", "alpha", "-job", ownPiece(t, dir, nil), "-yes"},
		{"snapshot", "list"},
		{"snapshot", "verify"},
		{"snapshot", "export", string(frozen.ID())[:8], "-to", filepath.Join(dir, "list.zip")},
		{"release", key},
		{"release", "-reason", "cap", "-yes"},
		{"approve", "winter", "-yes"},
		{"decide", "accepted", key, "-why", "on the invoice"},
		{"decide", "accepted", key, "-why", "on the invoice", "-yes"},
		{"decide", "planned", key, "-why", "again", "-yes"},
		{"decide", "planned", "-all", "-why", "lost", "-yes"},
		{"cancel", key, "-yes"},
		{"help"},
		{"pause", "campaign", "spring", "-why", "wrong artwork"},
		{"pause"},
		{"status"},
		{"resume", "campaign", "spring", "-why", "right"},
		{"resume", "campaign", "spring", "-why", "right", "-yes"},
		{"changes"},
		{"changes", "-job", idOf(2)},
		{"changes", "verify"},
		{"changes", "undo", "1", "-why", "wrong", "-yes"},
		{"replay", "plan", "-campaign", "spring"},
		{"replay", "run", "night", "-campaign", "spring", "-why", "outage", "-yes"},
		{"replay", "list"},
		{"replay", "report", "night"},
		{"replay", "throttle", "night", "5", "-why", "slow"},
		{"replay", "pause", "night", "-why", "slow"},
		{"replay", "stop", "night", "-why", "enough"},
		{"remail", idOf(1), "-name", "torn", "-why", "it arrived torn"},
		{"remail", idOf(1), "-name", "torn", "-why", "it arrived torn", "-yes"},
		{"erase", idOf(1), "-related", "-lists", "-artwork"},
		{"erase", "-contact", "c-2", "-lists", "-now", "-run", "-why", "request", "-yes"},
		{"show", idOf(2)},
		{"history", idOf(2)},
		{"show", key},
		{"status"},
	}
}

// Nothing of a recipient is on any screen, in text or JSON, in errors, questions
// and reports: the jobs have marked names, addresses, artwork, keys and metadata.
func TestNothingPersonalOnAnyScreen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w, all := everything(t, dir)
		if rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(6))); err != nil || !strings.Contains(string(rec.Job), person) {
			t.Errorf("the ledger does not hold the person: the test looks at the wrong thing (%v)", err)
		}
		for _, args := range all {
			for _, form := range []string{"-json", "-yes=false"} {
				r := w.run(t, append([]string{form}, args...)...)
				if strings.Contains(r.out+r.err, person) {
					t.Errorf("%s shows a person:\n%s%s", strings.Join(args, " "), r.out, r.err)
				}
				if r.code == operator.ExitUsage {
					t.Errorf("%s: not looked at, for it is wrong: %s", strings.Join(args, " "), r.err)
				}
				_ = os.Remove(filepath.Join(dir, "list.zip"))
			}
		}
	})
}

// Each object has a type, and the package documentation names it and its fields.
func TestJSONIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	kind := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(strings.Trim(line, "/\n"))
		switch {
		case !strings.HasPrefix(line, "//\t"):
			kind = ""
		case strings.HasPrefix(line, "//\t  ") && kind != "":
			documented[kind] = append(documented[kind], fields...)
		case len(fields) > 1:
			kind = fields[0]
			documented[kind] = append(documented[kind], fields[1:]...)
		}
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w, all := everything(t, dir)
		seen := map[string]bool{}
		for _, args := range all {
			if len(args) > 0 && args[0] == "help" {
				continue
			}
			for _, o := range w.run(t, append([]string{"-json"}, args...)...).objects(t) {
				kind, _ := o["type"].(string)
				seen[kind] = true
				for field := range o {
					if field != "type" && !slices.Contains(documented[kind], field) {
						t.Errorf("the field %s of type %q is not documented", field, kind)
					}
				}
			}
		}
		if len(seen) < 20 {
			t.Errorf("%d types were seen: %v", len(seen), seen)
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
		var one struct {
			Note string `json:"note"`
		}
		if err := json.Unmarshal([]byte(strings.SplitN(line, "\n", 2)[0]), &one); err != nil || one.Note != evil {
			t.Errorf("JSON has %q (%v), want it as it is, escaped", one.Note, err)
		}
	})
}
