package operator_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// unchanging is a ledger that must not be changed.
type unchanging struct {
	*idempotency.Memory
	t *testing.T
}

func (u *unchanging) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	for i := range changes {
		if changes[i].Record != nil || len(changes[i].Entries) > 0 {
			u.t.Errorf("the ledger was changed: %+v", changes[i])
		}
		for _, s := range changes[i].Settings {
			if !strings.HasPrefix(s.Name, "hint/") {
				u.t.Errorf("the setting %s was changed", s.Name)
			}
		}
	}
	return u.Memory.Commit(ctx, changes)
}

// Nothing that can mail, or cannot be taken back, happens without a yes: not
// without a terminal, not at an empty answer, a no, or the end of the input.
func TestNothingHappensWithoutAYes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := bad(t)
		own := ownPiece(t, dir, nil)
		w.must(t, operator.ExitOK, "pause", "campaign", "spring", "-why", "wrong artwork")
		memory, ok := w.store.(*idempotency.Memory)
		if !ok {
			t.Fatal("another store")
		}
		w.store = &unchanging{Memory: memory, t: t}
		for _, args := range [][]string{
			{"release", "-all"},
			{"release", idOf(3)},
			{"decide", "planned", idOf(3), "-why", "lost"},
			{"decide", "planned", "-all", "-why", "lost"},
			{"decide", "accepted", idOf(3), "-why", "there"},
			{"decide", "canceled", "-reason", "cap", "-why", "enough"},
			{"cancel", idOf(1)},
			{"approve", "winter"},
			{"resume", "campaign", "spring", "-why", "right"},
			{"changes", "undo", "1", "-why", "wrong"},
			{"replay", "run", "night", "-state", "refused,planned", "-code", "invalid_argument,unavailable", "-why", "outage"},
			{"remail", idOf(1), "-name", "torn", "-why", "torn"},
			{"erase", idOf(1), "-run", "-why", "request"},
			{"control", "alpha", "-job", own},
		} {
			for _, stdin := range []string{"", "\n", "no\n", "y\n", "yes please\n", "1e9\n", "piped yes\n", "piped 1\n"} {
				w.stdin, w.piped = strings.CutPrefix(stdin, "piped ")
				r := w.run(t, args...)
				if r.code != operator.ExitNotConfirmed || !strings.Contains(r.err, "nothing was done") {
					t.Errorf("%s, answered %q: exit code %d\n%s%s", strings.Join(args, " "), stdin, r.code, r.out, r.err)
				}
				if !strings.Contains(strings.ToLower(r.out), "mail") {
					t.Errorf("%s does not say what it may mail:\n%s", strings.Join(args, " "), r.out)
				}
			}
		}
		// Looking changes nothing, either, whatever was asked for.
		w.stdin, w.piped = "", false
		for _, args := range [][]string{
			{},
			{"held"},
			{"refused"},
			{"show", idOf(3)},
			{"history", idOf(3)},
			{"incidents"},
			{"tally", "spring"},
			{"audit", "alpha"},
			{"silence"},
			{"changes"},
			{"changes", "verify"},
			{"pause"},
			{"replay", "plan", "-campaign", "spring"},
			{"replay", "list"},
			{"erase", idOf(1)},
			{"recover"},
			{"help"},
		} {
			if r := w.run(t, args...); r.code != operator.ExitOK && r.code != operator.ExitNeedsPerson {
				t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), r.code, r.err)
			}
		}
	})
}

// A second piece takes more than a yes; -expect keeps a script from doing it to
// more jobs than were meant.
func TestSecondPiecesTakeTheNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		plan := w.must(t, operator.ExitNotConfirmed, "decide", "planned", "-all", "-why", "lost", "-json").objects(t)[0]
		if plan["type"] != "plan" || plan["jobs"] != 5.0 || plan["may_mail"] != 5.0 || plan["may_print_twice"] != 5.0 {
			t.Errorf("plan = %v", plan)
		}
		w.stdin = "yes\n"
		w.must(t, operator.ExitNotConfirmed, "decide", "planned", "-all", "-why", "lost")
		w.stdin = ""
		w.must(t, operator.ExitNotConfirmed, "decide", "planned", "-all", "-why", "lost", "-yes", "-expect", "4")
		r := w.must(t, operator.ExitOK, "decide", "planned", "-all", "-why", "lost", "-yes", "-expect", "5", "-json")
		done := 0
		for _, o := range r.objects(t) {
			if o["type"] == "done" && o["outcome"] == "done" && o["state"] == "planned" {
				done++
			}
		}
		if done != 5 {
			t.Errorf("%d of 5 decided:\n%s", done, r.out)
		}
	})
}

// Between what somebody saw and the yes, the ledger may have moved: such a job is
// left alone.
func TestWhatMovedMeanwhileIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		w.stdin = "2\n"
		memory, ok := w.store.(*idempotency.Memory)
		if !ok {
			t.Fatal("another store")
		}
		reads := 0
		w.store = &moving{Memory: memory, move: func() {
			if reads++; reads == 3 { // both were shown, and the first is about to be decided
				if _, err := w.worker.Decide(t.Context(), job(3).Key, client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "bob", Why: "was quicker"}); err != nil {
					t.Error(err)
				}
			}
		}}
		r := w.run(t, "decide", "planned", idOf(3), idOf(4), "-why", "lost")
		if r.code != operator.ExitNeedsPerson || !strings.Contains(r.out, "it moved meanwhile: decided by bob, canceled") {
			t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
		for n, want := range map[int]idempotency.State{3: idempotency.Canceled, 4: idempotency.Planned} {
			rec, err := memory.Get(t.Context(), idempotency.ID(idOf(n)))
			if err != nil || rec.State != want {
				t.Errorf("job %d: %v, %v; want %s", n, rec, err, want)
			}
		}
	})
}

// moving is a ledger that others change while it is read.
type moving struct {
	*idempotency.Memory
	move func()
}

func (m *moving) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rec, err := m.Memory.Get(ctx, id)
	if err == nil {
		m.move()
		return m.Memory.Get(ctx, id)
	}
	return rec, err
}

func TestUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		for _, tt := range []struct {
			args []string
			code int
			says string
		}{
			{[]string{"hold"}, operator.ExitUsage, "no command"},
			{[]string{"-nonsense"}, operator.ExitUsage, "not defined"},
			{[]string{"held", "extra"}, operator.ExitUsage, "flags only"},
			{[]string{"held", "-paper", "perhaps"}, operator.ExitUsage, "no, maybe or yes"},
			{[]string{"show"}, operator.ExitUsage, "missing"},
			{[]string{"show", "zzz"}, operator.ExitError, "no job has this"},
			{[]string{"decide", "perhaps", idOf(3)}, operator.ExitUsage, "no verdict"},
			{[]string{"decide", "planned", idOf(3)}, operator.ExitUsage, "-why"},
			{[]string{"decide", "planned", "-why", "x"}, operator.ExitUsage, "name the jobs"},
			{[]string{"decide", "planned", idOf(3), "-all", "-why", "x"}, operator.ExitUsage, "not both"},
			{[]string{"decide", "planned", idOf(1), "-why", "x", "-yes"}, operator.ExitError, "not held"},
			{[]string{"release", "-reason", "canary"}, operator.ExitOK, ""},
			{[]string{"approve", "nobody"}, operator.ExitError, "no job of this campaign"},
			{[]string{"pause", "spring"}, operator.ExitUsage, "missing"},
			{[]string{"pause", "planet", "earth", "-why", "x"}, operator.ExitUsage, "want campaign"},
			{[]string{"audit", "nobody"}, operator.ExitUsage, "alpha"},
			{[]string{"changes", "undo", "99", "-why", "x"}, operator.ExitError, ""},
			{[]string{"replay", "plan"}, operator.ExitUsage, "which jobs"},
			{[]string{"replay", "plan", "-state", "lost"}, operator.ExitUsage, "-state"},
			{[]string{"recover", "-backup-at", "yesterday"}, operator.ExitUsage, "-backup-at"},
			{[]string{"snapshot", "list"}, operator.ExitUsage, "where they are"},
			{[]string{"help", "decide"}, operator.ExitOK, ""},
			{[]string{"help", "nobody"}, operator.ExitUsage, "no command"},
		} {
			if r := w.run(t, tt.args...); r.code != tt.code || !strings.Contains(r.err, tt.says) {
				t.Errorf("%s: exit code %d, want %d with %q\n%s", strings.Join(tt.args, " "), r.code, tt.code, tt.says, r.err)
			}
		}
		w.by = ""
		if r := w.run(t, "release", "-all", "-yes"); r.code != operator.ExitUsage || !strings.Contains(r.err, "-by") {
			t.Errorf("nobody released: exit code %d\n%s", r.code, r.err)
		}
		// Flags may stand anywhere.
		for _, args := range [][]string{{"-by", "ann", "release", idOf(3), "-yes"}, {"release", "-yes", idOf(4), "-by", "ann"}, {"-yes", "-by=ann", "release", "--", idOf(5)}} {
			if r := w.run(t, args...); r.code != operator.ExitOK {
				t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), r.code, r.err)
			}
		}
	})
}

// A job is found by all its names, the one that stands in errors and logs too, and by the beginning of its id.
func TestNamesOfAJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		w.enqueue(t, 0, 300)
		w.drain(t)
		rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(7)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{idOf(7), idOf(7)[:10], strings.ToUpper(idOf(7)[:8]), string(job(7).Key), job(7).Key.String(), string(rec.Receipt.Ref), rec.Receipt.VendorID} {
			r := w.must(t, operator.ExitOK, "show", "-json", name)
			if got := r.objects(t)[0]["id"]; got != idOf(7) {
				t.Errorf("%s is job %v, want %s", name, got, idOf(7))
			}
		}
		// Every id's beginning finds it, or says that it means several.
		for n := range 300 {
			for _, size := range []int{4, 5, 12} {
				switch r := w.run(t, "show", "-json", idOf(n)[:size]); {
				case r.code == operator.ExitUsage && strings.Contains(r.err, "more than one job"):
				case r.code != operator.ExitOK || r.objects(t)[0]["id"] != idOf(n):
					t.Errorf("%s of job %d: exit code %d\n%s%s", idOf(n)[:size], n, r.code, r.out, r.err)
				}
			}
		}
	})
}

// A broken history comes first, and recover asks for every vendor that was in use.
func TestRecoverFromTheCommandLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		memory, ok := w.store.(*idempotency.Memory)
		if !ok {
			t.Fatal("another store")
		}
		memory.BreakHistory()
		r := w.must(t, operator.ExitNeedsPerson)
		if !strings.Contains(r.out, "history was broken") || !strings.Contains(r.out, "postproof recover") {
			t.Errorf("status:\n%s", r.out)
		}
		// Nobody decides in a history that knows less than what was sent.
		if r := w.run(t, "release", "-all", "-yes"); r.code != operator.ExitError || !strings.Contains(r.err, "next: postproof recover") {
			t.Errorf("release: exit code %d\n%s", r.code, r.err)
		}
		alpha := w.printers
		w.printers = []*printer{newPrinter(t, "beta")}
		if r := w.run(t, "recover", "-yes"); r.code != operator.ExitError || !strings.Contains(r.err, "alpha") {
			t.Errorf("without the vendor in use: exit code %d\n%s", r.code, r.err)
		}
		w.printers = alpha
		w.must(t, operator.ExitNotConfirmed, "recover")
		w.must(t, operator.ExitOK, "recover", "-yes")
		if id, err := memory.Identity(t.Context()); err != nil || id.EpochChanged() {
			t.Errorf("%+v, %v: not recovered", id, err)
		}
		if r := w.must(t, operator.ExitOK, "recover", "-yes"); !strings.Contains(r.out, "nothing to recover") {
			t.Errorf("again:\n%s", r.out)
		}
	})
}

// Without credentials one can look and decide, and is told what needs them.
func TestWithoutCredentials(t *testing.T) {
	t.Parallel()
	own := ownPiece(t, t.TempDir(), nil)
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		w.printers = nil
		w.must(t, operator.ExitNeedsPerson)
		w.must(t, operator.ExitOK, "decide", "canceled", idOf(3), "-why", "too late", "-yes")
		w.must(t, operator.ExitOK, "pause", "vendor", "alpha", "-why", "it is down")
		for _, args := range [][]string{{"audit", "alpha"}, {"silence"}, {"replay", "plan", "-campaign", "spring"}, {"remail", idOf(1), "-name", "a", "-why", "b"}, {"erase", idOf(1)}, {"control", "alpha", "-job", own}} {
			if r := w.run(t, args...); r.code != operator.ExitError || !strings.Contains(r.err, "credentials") {
				t.Errorf("%s: exit code %d\n%s", strings.Join(args, " "), r.code, r.err)
			}
		}
		if rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(3))); err != nil || rec.State != idempotency.Canceled {
			t.Errorf("%v, %v", rec, err)
		}
	})
}

// The worker of a campaign that is paused from the command line stops, and goes on.
func TestPauseAndUndo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		w.must(t, operator.ExitOK, "pause", "campaign", "spring", "-why", "wrong artwork")
		w.enqueue(t, 1, 3)
		w.drain(t)
		if n := len(p.printed()); n != 0 {
			t.Fatalf("%d pieces of a paused campaign", n)
		}
		if r := w.must(t, operator.ExitOK); !strings.Contains(r.out, "wrong artwork") || !strings.Contains(r.out, "resume campaign spring") {
			t.Errorf("status:\n%s", r.out)
		}
		w.must(t, operator.ExitOK, "changes", "undo", "1", "-why", "it was right", "-yes")
		w.drain(t)
		if n := len(p.printed()); n != 3 {
			t.Errorf("%d pieces, want 3", n)
		}
		r := w.must(t, operator.ExitOK, "changes", "-json")
		if all := r.objects(t); len(all) != 2 || all[1]["undoes"] != 1.0 || all[1]["by"] != "ann" {
			t.Errorf("changes:\n%s", r.out)
		}
		verified := w.must(t, operator.ExitOK, "changes", "verify")
		_, head, _ := strings.Cut(verified.out, "elsewhere: ")
		w.must(t, operator.ExitOK, "changes", "verify", strings.TrimSpace(head))
		w.must(t, operator.ExitNeedsPerson, "changes", "verify", "9:abc")
		if _, err := w.worker.Pause(t.Context(), client.CampaignTarget("x"), client.Actor{By: "bob", Why: "y"}); err != nil {
			t.Fatal(err)
		}
	})
}

// A release may send a second piece only where the campaign accepts that, and then
// it takes the number.
func TestReleaseWhereDuplicatesArePreferred(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		for _, policy := range []idempotency.Policy{idempotency.PreferLate, idempotency.PreferDuplicate} {
			memory := idempotency.NewMemory(postproof.ModeTest)
			for rec, err := range w.store.Find(t.Context(), idempotency.Query{States: []idempotency.State{idempotency.Held}}) {
				if err != nil {
					t.Fatal(err)
				}
				other := *rec
				other.Policy, other.Fence = policy, 1
				if err := idempotency.CommitOne(t.Context(), memory, idempotency.Change{Record: &other}); err != nil {
					t.Fatal(err)
				}
			}
			one := &world{store: memory, by: "ann"}
			plan := one.must(t, operator.ExitNotConfirmed, "release", "-all", "-json").objects(t)[0]
			twice := map[idempotency.Policy]float64{idempotency.PreferLate: 0, idempotency.PreferDuplicate: 5}[policy]
			if plan["may_mail"] != twice || plan["may_print_twice"] != twice {
				t.Errorf("policy %q: %v, want %v that may be printed twice", policy, plan, twice)
			}
		}
	})
}

// What vendors' troubles are, and that nobody works, stands on the first screen.
func TestFirstScreenOfAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		p.setFault(func(int) string { return "account" })
		ctx, stop := context.WithCancel(t.Context())
		running := make(chan error)
		go func() { running <- w.worker.Run(ctx) }()
		w.enqueue(t, 1, 3)
		time.Sleep(time.Minute)
		r := w.must(t, operator.ExitNeedsPerson)
		for _, want := range []string{"alpha is not tried for submit", "because of its account, says worker-1", "Look at its bill", "no paper is at risk"} {
			if !strings.Contains(strings.ReplaceAll(r.out, "\n  ", ""), want) {
				t.Errorf("the first screen does not say %q:\n%s", want, r.out)
			}
		}
		if strings.Contains(r.out, "Nobody seems to work") {
			t.Errorf("a worker works:\n%s", r.out)
		}
		stop()
		if err := <-running; err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if r = w.must(t, operator.ExitNeedsPerson); !strings.Contains(r.out, "Nobody seems to work: 3 jobs are due") {
			t.Errorf("nobody works, and it is not said:\n%s", r.out)
		}
	})
}
