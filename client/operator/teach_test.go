package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// flat is an answer on one line: where it is broken does not matter.
func flat(r result) string { return strings.Join(strings.Fields(r.out+r.err), " ") }

// A pause of a name that the ledger does not know stands, and says that it does not
// know it: who was woken would think that the mail has stopped.
func TestPauseOfANameThatNobodyKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory("test"), []*printer{newPrinter(t, "alpha")})
		w.enqueue(t, 1, 3)
		for _, tt := range []struct{ kind, name, says string }{
			{"campaign", "spring", "3 jobs of it wait to be sent"},
			{"campaign", "sprung", "is the name right?"},
			{"vendor", "alfa", "is the name right?"},
		} {
			if r := w.must(t, operator.ExitOK, "pause", tt.kind, tt.name, "-why", "wrong artwork"); !strings.Contains(flat(r), tt.says) {
				t.Errorf("%s %s:\n%s", tt.kind, tt.name, r.out)
			}
		}
		w.must(t, operator.ExitOK, "resume", "campaign", "spring", "-why", "it is right", "-yes")
		w.drain(t)
		if r := w.must(t, operator.ExitOK, "pause", "vendor", "alpha", "-why", "wrong color"); strings.Contains(r.out, "is the name right?") {
			t.Errorf("a vendor that is in use:\n%s", r.out)
		}
	})
}

// A script that expects jobs, and selects none, is told so by the exit code.
func TestNothingIsNotTheNumberExpected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory("test"), []*printer{newPrinter(t, "alpha")})
		for _, args := range [][]string{
			{"release", "-all"}, {"cancel", "-all"}, {"decide", "planned", "-all", "-why", "so I say"},
		} {
			w.must(t, operator.ExitOK, append(args, "-yes")...)
			w.must(t, operator.ExitOK, append(args, "-yes", "-expect", "0")...)
			w.must(t, operator.ExitNotConfirmed, append(args, "-yes", "-expect", "3")...)
		}
	})
}

// Before a recovery nobody is asked what cannot be done; after it the first screen
// says what the doubts wait for.
func TestScreensAroundARecovery(t *testing.T) {
	t.Parallel()
	own := ownPiece(t, t.TempDir(), nil)
	synctest.Test(t, func(t *testing.T) {
		w, p, memory := restored(t)
		for _, args := range [][]string{{"release", "-all"}, {"cancel", idOf(1)}, {"decide", "planned", idOf(1), "-why", "so I say"}} {
			if r := w.must(t, operator.ExitError, args...); !strings.Contains(r.err, "next: postproof recover") || strings.Contains(r.out, "Mails") {
				t.Errorf("%s before the recovery:\n%s%s", args[0], r.out, r.err)
			}
		}
		if !must(memory.Identity(t.Context()))(t).EpochChanged() {
			t.Fatal("the history is whole")
		}
		w.must(t, operator.ExitOK, "recover", "-yes")
		if r := w.must(t, operator.ExitOK); !strings.Contains(flat(r), "3 jobs are in doubt since a recovery") || !strings.Contains(r.out, "postproof control -h") {
			t.Errorf("the first screen after it:\n%s", r.out)
		}
		p.setFault(func(int) string { return "refuse" })
		if r := w.must(t, operator.ExitError, "control", "alpha", "-job", own, "-yes"); !strings.Contains(flat(r), "is refused, and no vendor has it") || !strings.Contains(r.out, "postproof cancel ") {
			t.Errorf("a control piece that is refused:\n%s%s", r.out, r.err)
		}
	})
}

// What the vendors show of earlier recoveries is told, and which of them were not there
// to be asked.
func TestRecoverTellsOfEarlierRecoveries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, p, _ := restored(t)
		p.mu.Lock()
		p.down = true
		p.mu.Unlock()
		if r := w.must(t, operator.ExitOK, "recover", "-yes"); !strings.Contains(flat(r), "because there was no answer: alpha.") || strings.Contains(flat(r), "The vendors show") {
			t.Errorf("a vendor that is down:\n%s%s", r.out, r.err)
		}
		var memory *idempotency.Memory
		w, p, memory = restored(t)
		ns := must(memory.Identity(t.Context()))(t).Namespace
		p.mu.Lock()
		p.orders = append(p.orders, order{ID: "alpha_control", Ref: string(ns.Ref("test", "control/alpha/1/1", 1)), At: time.Now()})
		p.mu.Unlock()
		r := w.must(t, operator.ExitOK, "recover", "-yes")
		if !strings.Contains(flat(r), "The vendors show 1 recovery since this backup was taken") || strings.Contains(flat(r), "Not asked") {
			t.Errorf("an earlier recovery:\n%s%s", r.out, r.err)
		}
		for n := range 10 {
			p.mu.Lock()
			p.orders = append(p.orders, order{ID: "alpha_control", Ref: string(ns.Ref("test", postproof.Key(fmt.Sprintf("control/alpha/%d/1", n+2)), 1)), At: time.Now()})
			p.mu.Unlock()
		}
		memory.BreakHistory()
		if r := w.must(t, operator.ExitError, "recover", "-yes"); !strings.Contains(flat(r), "nothing was recovered: ") || !strings.Contains(flat(r), "put a later backup in its place") {
			t.Errorf("too many:\n%s%s", r.out, r.err)
		}
	})
}

// stopping is a ledger whose history breaks again while it is recovered.
type stopping struct{ *idempotency.Memory }

func (s stopping) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	s.BreakHistory()
	return s.Memory.AcceptEpoch(ctx, epoch, ns)
}

// A recovery that stops half-way says how far it came: jobs are in doubt by then, and
// it has to be run again.
func TestRecoverThatStopsHalfWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, memory := restored(t)
		w.store = stopping{memory}
		r := w.must(t, operator.ExitError, "recover", "-yes")
		if !strings.Contains(flat(r), "the recovery stopped after 3 jobs; run it again") || strings.Contains(flat(r), "nothing was recovered") {
			t.Errorf("a recovery that stopped:\n%s%s", r.out, r.err)
		}
	})
}

// A backup that is put back a second time has to be told of a recovery without a
// control piece: the plan says so, and the number is handed on.
func TestRecoverAsksForEarlierRecoveries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		doubts := func(args ...string) (n int) {
			w, _, _ := restored(t)
			if r := w.must(t, operator.ExitNotConfirmed, append([]string{"recover"}, args...)...); len(args) == 0 && !strings.Contains(flat(r), "say -recoveries 1") {
				t.Errorf("the plan:\n%s", r.out)
			}
			w.must(t, operator.ExitOK, append([]string{"recover", "-yes"}, args...)...)
			for rec, err := range w.store.Find(t.Context(), idempotency.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				n += len(rec.Submissions)
			}
			return n
		}
		if once, twice := doubts(), doubts("-recoveries", "1"); once == 0 || twice <= once {
			t.Errorf("%d references are doubted, and %d after an earlier recovery", once, twice)
		}
		w, _, _ := restored(t)
		w.must(t, operator.ExitError, "recover", "-yes", "-recoveries", "9")
	})
}

// What a vendor may have, and nobody asks about, is the worst to be silent about: nobody
// works, whether or not anything waits to be sent.
func TestNobodySettlesIsSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory("test"), []*printer{p})
		p.setFault(func(int) string { return "lose" })
		w.submit(t, job(1))
		w.must(t, operator.ExitOK, "pause", "campaign", "spring", "-why", "wrong artwork") // it is settled all the same
		if r := w.must(t, operator.ExitOK); strings.Contains(r.out, "Nobody seems to work") {
			t.Errorf("it is not due yet:\n%s", r.out)
		}
		time.Sleep(2 * time.Hour)
		if r := w.must(t, operator.ExitNeedsPerson); !strings.Contains(flat(r), "Nobody seems to work: 1 job is due") {
			t.Errorf("an outcome is unknown, nobody looks, and it is not said:\n%s", r.out)
		}
	})
}

// What was mistyped is told with what was meant, and a day is a day.
func TestSlipsOfTheFinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory("test"), []*printer{newPrinter(t, "alpha")})
		for typed, meant := range map[string]string{"stauts": "status", "hedl": "held", "incident": "incidents", "realease": "release", "callback": "callbacks", "xyz": "", "go": ""} {
			r := w.must(t, operator.ExitUsage, typed)
			if got := strings.Contains(r.err, "did you mean "+meant+"?"); got != (meant != "") || meant == "" && strings.Contains(r.err, "did you mean") {
				t.Errorf("%s: %s", typed, r.err)
			}
		}
		w.must(t, operator.ExitOK, "incidents", "-since", "3d")
		for _, wrong := range []string{"3", "-3d", "-3h", "3x", "d", "99999999d"} {
			if r := w.must(t, operator.ExitUsage, "incidents", "-since", wrong); !strings.Contains(flat(r), "as 90m, 48h or 3d") {
				t.Errorf("-since %s: %s", wrong, r.err)
			}
		}
	})
}
