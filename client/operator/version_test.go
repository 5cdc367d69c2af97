package operator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

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
		if _, err := w.worker.Release(t.Context(), job(3).Key, "bob"); err != nil {
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
