package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
		w.submit(t, job(2))
		time.Sleep(time.Hour)
		w.submit(t, job(1)) // listed first
		// As when the workers' vendors are others than those that took it.
		w.enqueue(t, 3, 1)
		noRoute(t, w, 3, "no vendor mails there")
		w.enqueue(t, 5, 1)
		noRoute(t, w, 5, "no vendor prints that size")
		w.submit(t, job(4))
		all := w.must(t, operator.ExitOK, "refused", "-limit", "0")
		for _, want := range []string{"4 jobs refused", "invalid_argument by alpha", "no vendor mails there", "no vendor prints that size", idOf(1)[:12] + "@", idOf(2)[:12] + "@", idOf(3)[:12] + "@", "replay run -code"} {
			if !strings.Contains(all.out, want) {
				t.Errorf("does not say %q:\n%s", want, all.out)
			}
		}
		if strings.Contains(all.out, idOf(4)[:12]) {
			t.Errorf("lists what is accepted:\n%s", all.out)
		}
		if cut := w.must(t, operator.ExitOK, "refused", "-limit", "1"); !strings.Contains(cut.out, "and 3 more: -limit 0") || strings.Count(cut.out, "@") != 2 {
			t.Errorf("with a limit:\n%s", cut.out)
		}
		checkRefusedGroups(t, w)
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

// noRoute has a job end as it does when no vendor can print it.
func noRoute(t *testing.T, w *world, n int, note string) {
	t.Helper()
	rec, err := w.store.Get(t.Context(), idempotency.ID(idOf(n)))
	if err != nil {
		t.Fatal(err)
	}
	m := idempotency.Machine{}
	ch, err := m.Apply(rec, time.Now(), idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: note})
	if err != nil {
		t.Fatal(err)
	}
	if err := idempotency.CommitOne(t.Context(), w.store, ch); err != nil {
		t.Fatal(err)
	}
}

// checkRefusedGroups: one group for each reason, since its oldest job, and the router's
// own reason with the job, too.
func checkRefusedGroups(t *testing.T, w *world) {
	t.Helper()
	groups, notes := map[any]float64{}, map[any]int{}
	for _, o := range w.must(t, operator.ExitOK, "refused", "-json").objects(t) {
		switch o["type"] {
		case "job":
			notes[o["note"]]++
		case "refused_group":
			jobs, _ := o["jobs"].(float64)
			groups[o["note"]] += jobs
			text, _ := o["since"].(string)
			if since, err := time.Parse(time.RFC3339, text); o["note"] == nil && (err != nil || time.Since(since) < time.Hour) {
				t.Errorf("the oldest is of %q, %v, want an hour ago", text, err)
			}
		}
	}
	if diff := cmp.Diff(map[any]float64{nil: 2, "no vendor mails there": 1, "no vendor prints that size": 1}, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[any]int{nil: 2, "no vendor mails there": 1, "no vendor prints that size": 1}, notes); diff != "" {
		t.Errorf("notes of jobs (-want +got):\n%s", diff)
	}
}
