package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// Whoever is asked "where is my postcard?" knows the contact, and not the key.
func TestTrackFindsTheMailOfAContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, idempotency.NewMemory("test"), []*printer{newPrinter(t, "alpha")})
		w.enqueue(t, 1, 3)
		w.drain(t)
		time.Sleep(time.Hour)
		autumn := job(40)
		autumn.Campaign, autumn.Contact = "autumn", "c-2"
		w.enqueueJob(t, autumn)

		r := w.must(t, operator.ExitOK, "track", "c-2")
		for _, want := range []string{"2 jobs", "spring", "autumn", "accepted", "planned", "alpha", "postproof show"} {
			if !strings.Contains(r.out, want) {
				t.Errorf("does not say %q:\n%s", want, r.out)
			}
		}
		if strings.Index(r.out, "autumn") > strings.Index(r.out, "spring") {
			t.Errorf("the newest is not first:\n%s", r.out)
		}
		for args, want := range map[string]int{
			"c-2": 2, "c-2 -campaign spring": 1, "-campaign spring": 3, "-campaign spring -limit 2": 2, "c-2 -limit 1": 1, "c-": 0, "c-2 -campaign summer": 0,
		} {
			if got := w.must(t, operator.ExitOK, strings.Fields("track -json "+args)...).objects(t); len(got) != want {
				t.Errorf("track %s lists %d jobs, want %d", args, len(got), want)
			}
		}
		if r := w.must(t, operator.ExitOK, "track", "MARK Twain"); !strings.Contains(flat(r), "not by a name") {
			t.Errorf("a name finds nothing, and it is not said why:\n%s", r.out)
		}
		if r := w.must(t, operator.ExitOK, "track", "-campaign", "spring", "-limit", "1"); !strings.Contains(r.out, "and 2 more") {
			t.Errorf("the list is cut in silence:\n%s", r.out)
		}
		w.must(t, operator.ExitUsage, "track")
	})
}

// Who did it, and why, stands at the end of a line, and is never cut.
func TestRemarksAreNotCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		const why = "the vendor's support says on the telephone, case 4711, that none of it was ever printed"
		w.must(t, operator.ExitOK, "decide", "canceled", idOf(3)[:12], "-why", why, "-yes")
		for _, args := range [][]string{{"history", idOf(3)}, {"changes"}} {
			words := map[string]bool{}
			r := w.must(t, operator.ExitOK, args...)
			for word := range strings.FieldsSeq(r.out) {
				words[strings.Trim(word, ",")] = true
			}
			for word := range strings.FieldsSeq(why + " ann") {
				if !words[strings.Trim(word, ",")] {
					t.Errorf("%s does not say %q:\n%s", args[0], word, r.out)
				}
			}
		}
	})
}

// What was done to one job is asked for by the job.
func TestChangesOfOneJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := outage(t)
		w.must(t, operator.ExitOK, "decide", "canceled", idOf(3)[:12], "-why", "the offer has ended", "-yes")
		w.must(t, operator.ExitOK, "pause", "campaign", "spring", "-why", "wrong artwork")
		w.must(t, operator.ExitOK, "release", idOf(4)[:12], "-yes")
		for args, want := range map[string]string{
			"": "decide pause release", "-job " + idOf(3)[:6]: "decide", "-job " + idOf(4): "release", "-job " + idOf(5): "", "-campaign spring": "pause", "-campaign autumn": "",
		} {
			var got []string
			for _, o := range w.must(t, operator.ExitOK, strings.Fields("changes -json "+args)...).objects(t) {
				action, _ := o["action"].(string)
				got = append(got, action)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("changes %s: %q, want %q", args, got, want)
			}
		}
		w.must(t, operator.ExitUsage, "changes", "-job", idOf(3), "-campaign", "spring")
		w.must(t, operator.ExitError, "changes", "-job", "nobody")
	})
}
