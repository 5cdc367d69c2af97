package operator_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// A job is decided as the list showed it, or not at all: what happened since is
// said before anything is asked.
func TestAJobIsNamedAsItWasListed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		listed := func(n int) string {
			for line := range strings.Lines(w.must(t, operator.ExitNeedsPerson, "held").out) {
				if f := strings.Fields(line); len(f) > 0 && strings.HasPrefix(f[0], idOf(n)[:12]+"@") {
					return f[0]
				}
			}
			t.Fatalf("job %d is not listed with its version", n)
			return ""
		}
		three, four := listed(3), listed(4)
		version := ""
		for _, o := range w.must(t, operator.ExitNeedsPerson, "held", "-json").objects(t) {
			if o["id"] == idOf(4) {
				version = fmt.Sprint(o["version"])
			}
		}
		if four != idOf(4)[:12]+"@"+version {
			t.Errorf("listed as %s, in JSON version %s", four, version)
		}
		if _, err := w.worker.Release(t.Context(), job(3).Key, client.Actor{By: "bob"}); err != nil {
			t.Fatal(err)
		}
		w.drain(t) // and it is held again
		r := w.run(t, "decide", "planned", three, "-why", "lost", "-yes")
		if r.code != operator.ExitError || !strings.Contains(r.err, "released") || !strings.Contains(r.err, "look at it again") {
			t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
		w.must(t, operator.ExitNeedsPerson, "show", three)
		w.must(t, operator.ExitOK, "decide", "planned", listed(3), four, "-why", "lost", "-yes", "-expect", "2")
		for _, n := range []int{3, 4} {
			if rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(n))); err != nil || rec.State != idempotency.Planned {
				t.Errorf("job %d: %v, %v", n, rec, err)
			}
		}
	})
}

// A name from before a recovery means no job any more, whatever its number; one that
// was typed without its mark is told what is missing.
func TestANameFromBeforeARecoveryIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		memory, ok := w.store.(*idempotency.Memory)
		if !ok {
			t.Fatal("another store")
		}
		id := idempotency.ID(idOf(3))
		was, err := memory.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		epoch := w.worker.Epoch()
		for name, tc := range map[string]struct {
			code int
			says string
		}{
			idOf(3)[:12] + "@" + fmt.Sprint(was.Fence):                         {operator.ExitUsage, "which history of the ledger"},
			idOf(3)[:12] + "@" + fmt.Sprint(was.Fence) + ".":                   {operator.ExitUsage, "this is no version"},
			idOf(3)[:12] + "@" + client.VersionOf("lost", was).String():        {operator.ExitError, "before the ledger was recovered"},
			idOf(3)[:12] + "@" + client.VersionOf(epoch, was).String() + "ff":  {operator.ExitUsage, "this is no version"},
			"nobody@" + client.VersionOf(epoch, was).String():                  {operator.ExitError, "no job has this"},
			"nobody@" + strings.ToUpper(client.VersionOf(epoch, was).String()): {operator.ExitError, "no job has this"},
		} {
			for _, args := range [][]string{{"decide", "planned", name, "-why", "lost", "-yes", "-expect", "1"}, {"release", name, "-yes"}, {"cancel", name, "-yes"}} {
				if r := w.run(t, args...); r.code != tc.code || !strings.Contains(r.err, tc.says) || strings.Contains(r.err, person) {
					t.Errorf("%s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
				}
			}
		}
		// While somebody is about to say yes, the ledger is restored and recovered.
		again := &switched{Store: memory, after: 1, do: func() {
			if err := memory.AcceptEpoch(t.Context(), memory.BreakHistory(), ""); err != nil {
				t.Error(err)
			}
		}}
		w.store = again
		r := w.run(t, "release", idOf(3), idOf(4), "-yes")
		if r.code != operator.ExitNeedsPerson || !strings.Contains(r.out, "the ledger was recovered meanwhile: look at it again") {
			t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
		}
		now, err := memory.Get(t.Context(), id)
		if err != nil || now.Fence != was.Fence || now.State != idempotency.Held {
			t.Errorf("it was decided about: %v, %v", now, err)
		}
	})
}

// switched does something after the first commits were refused or made.
type switched struct {
	client.Store
	after int
	do    func()
}

// Commit implements [idempotency.Store].
func (s *switched) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if s.after--; s.after == 0 {
		s.do()
	}
	return s.Store.Commit(ctx, changes)
}

// A key that ends like a version is a key.
func TestAKeyMayLookLikeAVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		odd := job(30)
		odd.Key = "letter@2"
		w.submit(t, odd)
		w.must(t, operator.ExitOK, "cancel", "letter@2", "-yes")
		w.must(t, operator.ExitError, "cancel", "letter@3", "-yes")
	})
}
