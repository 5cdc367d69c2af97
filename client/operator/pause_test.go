package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// Who resumes under a name that is misspelled is told so, and what is paused, before
// anything is asked; who resumes twice has what was wanted, and a script goes on.
func TestResumeOfWhatIsNotPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory(postproof.ModeTest), []*printer{newPrinter(t, "alpha")})
		resume := []string{"resume", "campaign", "sping", "-why", "right"}
		if r := w.must(t, operator.ExitOK, resume...); !strings.Contains(r.out, "Nothing was paused under this name: campaign sping.") || !strings.Contains(r.out, "Nothing is paused at all.") {
			t.Errorf("without a pause:\n%s", r.out)
		}
		w.must(t, operator.ExitOK, "pause", "campaign", "spring", "-why", "wrong artwork")
		w.must(t, operator.ExitOK, "pause", "below", "5", "-why", "the urgent ones first")
		if r := w.must(t, operator.ExitOK, resume...); !strings.Contains(r.out, "Paused are: campaign spring; priorities below 5.") {
			t.Errorf("another name:\n%s", r.out)
		}
		r := w.must(t, operator.ExitOK, append(resume, "-json")...)
		want := []map[string]any{{"type": "unchanged", "paused": []any{"campaign spring", "priorities below 5"}}}
		if diff := cmp.Diff(want, r.objects(t)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
		w.must(t, operator.ExitUsage, "resume", "campaign", "spring", "-why", " ")
		w.must(t, operator.ExitOK, "resume", "campaign", "spring", "-why", "right", "-yes")
		if all, err := w.worker.Paused(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("paused: %v, %v", all, err)
		}
	})
}
