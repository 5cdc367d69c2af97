package operator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// ownPiece writes the operator's own job, and returns the file.
func ownPiece(t *testing.T, dir string, change func(*postproof.Job)) string {
	t.Helper()
	own := job(1)
	own.Key, own.Campaign, own.Contact, own.Metadata = "", "", "", nil
	if change != nil {
		change(&own)
	}
	text, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "me.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// restored is a ledger of three jobs that a lost history may have sent, and its
// vendor, which had the first of them.
func restored(t *testing.T) (*world, *printer, *idempotency.Memory) {
	t.Helper()
	p := newPrinter(t, "alpha")
	p.keyed = true // it can be looked up
	memory := idempotency.NewMemory(postproof.ModeTest)
	w := newWorld(t, memory, []*printer{p}, client.WithPollInterval(time.Minute)) // who is in doubt waits for days
	w.enqueue(t, 1, 3)
	ns := must(memory.Identity(t.Context()))(t).Namespace
	p.mu.Lock()
	p.orders = append(p.orders, order{ID: "alpha_lost", Ref: string(ns.Ref(postproof.ModeTest, job(1).Key, 1)), At: time.Now()})
	p.mu.Unlock()
	memory.BreakHistory()
	return w, p, memory
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A recovery from the terminal: the piece to oneself is what the jobs in doubt wait
// for, and afterwards everybody has one piece.
func TestRecoveryIsFinishedByAControlPiece(t *testing.T) {
	t.Parallel()
	for _, control := range []bool{true, false} {
		t.Run(map[bool]string{true: "with", false: "without"}[control], func(t *testing.T) {
			t.Parallel()
			own := ownPiece(t, t.TempDir(), nil)
			synctest.Test(t, func(t *testing.T) {
				w, p, _ := restored(t)
				if r := w.must(t, operator.ExitError, "control", "alpha", "-job", own, "-yes"); !strings.Contains(r.err, "next: postproof recover") {
					t.Errorf("before the recovery:\n%s", r.err)
				}
				if r := w.must(t, operator.ExitOK, "recover", "-yes"); !strings.Contains(r.out, "postproof control -h") {
					t.Errorf("recover does not say what comes next:\n%s", r.out)
				}
				time.Sleep(time.Minute) // what was accepted in the moment of the recovery proves nothing
				want := 1               // that of the lost history
				if control {
					r := w.must(t, operator.ExitOK, "control", "alpha", "-job", own, "-yes", "-expect", "1", "-json", "-why", "the restore of Tuesday")
					all := r.objects(t)
					if len(all) != 2 || all[0]["type"] != "plan" || all[0]["may_mail"] != 1.0 || all[0]["may_print_twice"] != 0.0 ||
						all[1]["type"] != "job" || all[1]["state"] != "accepted" || all[1]["vendor"] != "alpha" {
						t.Errorf("control:\n%s%s", r.out, r.err)
					}
					if r := w.must(t, operator.ExitOK, "changes"); !strings.Contains(r.out, "control") || !strings.Contains(r.out, "the restore of Tuesday") {
						t.Errorf("changes:\n%s", r.out)
					}
					want = 4
				}
				w.drain(t)
				seen := map[string]bool{}
				for _, o := range p.printed() {
					seen[o.Ref] = true
				}
				if n := len(p.printed()); n != want || len(seen) != want {
					t.Errorf("%d pieces under %d references, want %d", n, len(seen), want)
				}
			})
		})
	}
}

// What the command refuses, it refuses before anything is sent, and says what to do.
func TestControlRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own := ownPiece(t, dir, nil)
	nobody := ownPiece(t, t.TempDir(), func(j *postproof.Job) { j.To = postproof.Address{} })
	letter := ownPiece(t, t.TempDir(), func(j *postproof.Job) {
		j.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.HTML{Front: "<p>" + person + "</p>"}}
	})
	torn := filepath.Join(dir, "torn.json")
	if err := os.WriteFile(torn, []byte(`{"to": {"name": "`+person), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		for name, tt := range map[string]struct {
			code int
			says string
			args []string
		}{
			"no file":          {operator.ExitUsage, "say -job", []string{"alpha"}},
			"no such file":     {operator.ExitError, "-job", []string{"alpha", "-job", filepath.Join(dir, "none.json")}},
			"no job":           {operator.ExitUsage, "no job as JSON", []string{"alpha", "-job", torn}},
			"no recipient":     {operator.ExitUsage, "line1", []string{"alpha", "-job", nobody}},
			"no such vendor":   {operator.ExitUsage, "set up: alpha", []string{"omega", "-job", own}},
			"not made there":   {operator.ExitError, "nothing was sent", []string{"alpha", "-job", letter}},
			"another number":   {operator.ExitNotConfirmed, "nothing was done", []string{"alpha", "-job", own, "-expect", "2"}},
			"nobody to say so": {operator.ExitUsage, "-by", []string{"alpha", "-job", own, "-by", ""}},
		} {
			w.by = "ann"
			if name == "nobody to say so" {
				w.by = ""
			}
			r := w.run(t, append([]string{"control", "-yes"}, tt.args...)...)
			if r.code != tt.code || !strings.Contains(strings.Join(strings.Fields(r.err), " "), tt.says) || strings.Contains(r.out+r.err, person) {
				t.Errorf("%s: exit code %d, want %d and %q\n%s%s", name, r.code, tt.code, tt.says, r.out, r.err)
			}
		}
		if n := len(p.printed()); n != 0 {
			t.Errorf("%d pieces", n)
		}
		w.by = "ann"
		p.setFault(func(int) string { return "lose" })
		if r := w.must(t, operator.ExitError, "control", "alpha", "-job", own, "-yes"); !strings.Contains(r.out, "is unknown: the workers go on") {
			t.Errorf("an answer that was lost:\n%s%s", r.out, r.err)
		}
	})
}

// The price is said before it is paid, where the workers' options know it.
func TestControlTellsThePrice(t *testing.T) {
	t.Parallel()
	own := ownPiece(t, t.TempDir(), nil)
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		if r := w.must(t, operator.ExitNotConfirmed, "control", "alpha", "-job", own); !strings.Contains(r.out, "at the usual price") {
			t.Errorf("without a price:\n%s", r.out)
		}
		w.price = func(*postproof.Job) int64 { return 163 }
		r := w.must(t, operator.ExitNotConfirmed, "control", "alpha", "-job", own)
		if text := strings.Join(strings.Fields(r.out), " "); !strings.Contains(text, "through alpha, for 1.63 in its currency") || !strings.Contains(text, "May mail 1 piece.") {
			t.Errorf("with a price:\n%s", r.out)
		}
	})
}

// A parked answer is listed, needs a person, and is given up by a person's word.
func TestSpoolIsListedAndGivenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		w.more = []client.Option{client.WithSpool(dir)}
		if r := w.must(t, operator.ExitOK, "spool"); !strings.Contains(r.out, "no answers in the spool") && !strings.Contains(r.out, "0 answers in the spool") {
			t.Errorf("an empty spool:\n%s", r.out)
		}
		line := `{"id":"` + idOf(77) + `","at":"2000-01-01T00:00:00Z","answer":{"Vendor":"alpha","Ref":"7K2M9Q4T1B8X6Z0W","Delivery":"accepted"},"parked":"idempotency: not found"}` + "\n"
		if err := os.WriteFile(filepath.Join(dir, "answers-test.jsonl"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		all := w.must(t, operator.ExitNeedsPerson, "spool", "-json").objects(t)
		if len(all) != 1 || all[0]["type"] != "answer" || all[0]["ref"] != "7K2M9Q4T1B8X6Z0W" || all[0]["parked"] == nil {
			t.Fatalf("spool -json: %v", all)
		}
		drop := []string{"spool", "drop", "7K2M9Q4T1B8X6Z0W"}
		w.must(t, operator.ExitUsage, drop...)
		w.must(t, operator.ExitNotConfirmed, append(drop, "-why", "written down by hand")...)
		w.must(t, operator.ExitError, "spool", "drop", "0000000000000000", "-why", "nothing", "-yes")
		w.must(t, operator.ExitNeedsPerson, "spool")
		w.must(t, operator.ExitOK, append(drop, "-why", "written down by hand", "-yes")...)
		w.must(t, operator.ExitOK, "spool")
		if r := w.must(t, operator.ExitOK, "changes"); !strings.Contains(r.out, "drop") || !strings.Contains(r.out, "written down") {
			t.Errorf("changes:\n%s", r.out)
		}
	})
}
