package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// What may be done without a reason takes one, and writes it down.
func TestReasonsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := bad(t)
		memory, ok := w.store.(*idempotency.Memory)
		if !ok {
			t.Fatal("another store")
		}
		for action, args := range map[string][]string{
			"release": {"release", idOf(3)},
			"cancel":  {"cancel", idOf(4)},
			"approve": {"approve", "winter"},
		} {
			w.must(t, operator.ExitOK, append(args, "-yes", "-why", "because of "+action)...)
		}
		memory.BreakHistory() // at the end: nobody decides in one
		w.must(t, operator.ExitOK, "recover", "-yes", "-why", "because of recover")
		told := map[string]string{}
		for _, o := range w.must(t, operator.ExitOK, "changes", "-json").objects(t) {
			action, _ := o["action"].(string)
			told[action], _ = o["why"].(string)
		}
		for _, action := range []string{"release", "cancel", "approve", "recover"} {
			if told[action] != "because of "+action {
				t.Errorf("%s was done because of %q", action, told[action])
			}
		}
		if r := w.must(t, operator.ExitOK, "history", idOf(3)); !strings.Contains(r.out, "because of release") {
			t.Errorf("history:\n%s", r.out)
		}
	})
}
