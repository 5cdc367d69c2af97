package idempotency_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// heldLife is a job that was lost on the way to a vendor that nobody can ask.
func heldLife(t *testing.T) *life {
	t.Helper()
	l := newLife(t, "blind", "key")
	l.lose("blind")
	l.wait(2)
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk, Note: "nobody knows"})
	l.state(idempotency.Held)
	return l
}

func (l *life) reopen() idempotency.Reopen {
	return idempotency.Reopen{By: "bob", Decision: decisionOf(l.r)}
}

// TestReopenTakesADecisionBack: whatever was decided, the job is held again as it
// was, and its submission in doubt.
func TestReopenTakesADecisionBack(t *testing.T) {
	t.Parallel()
	decide := func(v idempotency.Verdict) idempotency.Event {
		return idempotency.Decide{Verdict: v, By: "ann", Why: "guessed"}
	}
	for name, tc := range map[string]struct {
		ev   idempotency.Event
		want idempotency.State
	}{
		"planned":  {decide(idempotency.VerdictPlanned), idempotency.Planned},
		"accepted": {decide(idempotency.VerdictAccepted), idempotency.Accepted},
		"canceled": {decide(idempotency.VerdictCanceled), idempotency.Canceled},
		"released": {idempotency.Release{By: "ann"}, idempotency.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := heldLife(t)
			before := l.r
			l.do(tc.ev)
			l.state(tc.want)
			l.wait(1)
			l.refused(5, idempotency.Reopen{By: "bob", Decision: l.r.Fence + 1})
			l.refused(9, idempotency.Reopen{Decision: decisionOf(l.r)})
			if tc.want != idempotency.Canceled { // a worker has put it off meanwhile
				l.lease()
				l.do(idempotency.Postpone{Until: l.now.Add(time.Hour)})
			}
			l.do(l.reopen())
			after := *l.r
			after.Fence, after.UpdatedAt, after.Due = before.Fence, before.UpdatedAt, before.Due
			if diff := cmp.Diff(before, &after); diff != "" {
				t.Errorf("held before and again (-want +got):\n%s", diff)
			}
			if !l.told("reopened") {
				t.Error("the history does not tell of it")
			}
			l.refused(0, l.reopen())
			l.refused(0, l.intent("key")) // a held job is not sent
		})
	}
}

// TestReopenIsTooLate: as soon as anything came of a decision it stands.
func TestReopenIsTooLate(t *testing.T) {
	t.Parallel()
	planned := func(l *life) {
		l.do(idempotency.Decide{Verdict: idempotency.VerdictPlanned, By: "ann", Why: "guessed"})
	}
	for name, tc := range map[string]func(l *life){
		"it was sent": func(l *life) {
			planned(l)
			l.send("key")
			l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
			l.state(idempotency.Planned)
		},
		"the piece turned up": func(l *life) {
			planned(l)
			l.do(idempotency.Observe{Vendor: "blind", Ref: exampleRef(1), Sighting: see("id", postproof.StageAccepted)})
		},
		"its answer came": func(l *life) {
			l.do(idempotency.Release{By: "ann"})
			a := l.answered("blind", postproof.Unknown, postproof.CodeDeadlineExceeded)
			a.Intent += 1 << 10 // of a history that was lost
			l.do(a)
		},
		"it is to be canceled": func(l *life) {
			planned(l)
			l.do(idempotency.WishCancel{By: "ann"})
		},
		"somebody else wants it canceled, too": func(l *life) {
			l.do(idempotency.Decide{Verdict: idempotency.VerdictCanceled, By: "ann", Why: "guessed"})
			l.do(idempotency.WishCancel{By: "bob"})
			l.state(idempotency.Canceled)
		},
		"it was amended": func(l *life) {
			planned(l)
			l.do(idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "v1:2", By: "ann"})
		},
		"it was held again": func(l *life) {
			planned(l)
			l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		},
		"the history was broken": func(l *life) {
			l.do(idempotency.Release{By: "ann"})
			l.do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{{Vendor: "key", Refs: map[int]postproof.Ref{1: "REFOFANOTHERGEN1"}}}})
		},
		"it moved": func(l *life) {
			l.do(idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "seen"})
			l.do(idempotency.Observe{Vendor: "blind", Ref: exampleRef(1), Sighting: see("id", postproof.StageMailed)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := heldLife(t)
			tc(l)
			l.refused(0, l.reopen())
			if l.r.Prior != nil {
				t.Error("the record still remembers what it was")
			}
		})
	}
}

// TestReopenIsNotTooLate: to have asked in vain is no news.
func TestReopenIsNotTooLate(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
	l.do(idempotency.Release{By: "ann"})
	l.wait(leaseFor + settleFor)
	l.do(l.missed("list", 1))
	l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Failed: true})
	l.do(idempotency.Refresh{})
	l.do(l.reopen())
	l.state(idempotency.Held)
	if l.r.Hold.Reason != idempotency.HoldDeadline {
		t.Errorf("held for %q", l.r.Hold.Reason)
	}
}

// TestWakeEndsAWaitForAPause: and no other wait.
func TestWakeEndsAWaitForAPause(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.do(idempotency.Postpone{Until: l.now.Add(time.Hour)})
	l.refused(0, idempotency.Wake{})
	l.do(idempotency.Postpone{Until: l.now.Add(time.Hour), Awaits: "vendor key"})
	if l.r.Awaits != "vendor key" {
		t.Errorf("it waits for %q", l.r.Awaits)
	}
	l.next(idempotency.DoWait)
	l.do(idempotency.Wake{})
	l.next(idempotency.DoSend)
	if l.r.Awaits != "" {
		t.Errorf("it still waits for %q", l.r.Awaits)
	}
}
