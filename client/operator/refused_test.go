package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// What no vendor takes is listed with who said no and why, the router's own no too, and
// nothing else is.
func TestRefusedListsWhatNoVendorTakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t, "alpha")
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{p})
		if r := w.must(t, operator.ExitOK, "refused"); !strings.Contains(r.out, "No job is refused.") {
			t.Errorf("none is refused:\n%s", r.out)
		}
		p.setFault(func(n int) string {
			if n < 3 {
				return "refuse"
			}
			return ""
		})
		w.submit(t, job(1))
		w.submit(t, job(2))
		// As when the workers' vendors are others than those that took it.
		w.enqueue(t, 3, 1)
		rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(3)))
		if err != nil {
			t.Fatal(err)
		}
		m := idempotency.Machine{}
		ch, err := m.Apply(rec, time.Now(), idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "no vendor mails there"})
		if err != nil {
			t.Fatal(err)
		}
		if err := idempotency.CommitOne(t.Context(), w.store, ch); err != nil {
			t.Fatal(err)
		}
		w.submit(t, job(4))
		all := w.must(t, operator.ExitOK, "refused", "-limit", "0")
		for _, want := range []string{"3 jobs refused", "invalid_argument by alpha", "no vendor mails there", idOf(1)[:12] + "@", idOf(2)[:12] + "@", idOf(3)[:12] + "@", "replay run -code"} {
			if !strings.Contains(all.out, want) {
				t.Errorf("does not say %q:\n%s", want, all.out)
			}
		}
		if strings.Contains(all.out, idOf(4)[:12]) {
			t.Errorf("lists what is accepted:\n%s", all.out)
		}
		if cut := w.must(t, operator.ExitOK, "refused", "-limit", "1"); !strings.Contains(cut.out, "and 2 more: -limit 0") {
			t.Errorf("with a limit:\n%s", cut.out)
		}
		for vendor, want := range map[string]int{"alpha": 2, "beta": 0} {
			n := 0
			for _, o := range w.must(t, operator.ExitOK, "refused", "-vendor", vendor, "-json").objects(t) {
				if o["type"] == "job" {
					n++
				}
			}
			if n != want {
				t.Errorf("%d jobs are refused by %s, want %d", n, vendor, want)
			}
		}
		w.must(t, operator.ExitUsage, "refused", "extra")
	})
}
