package idempotency_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// canceled requires that the next thing to be done is to cancel a piece, and has its
// vendor say that it is.
func (l *life) canceled(id string) {
	l.t.Helper()
	s := l.next(idempotency.DoCancel).Submission
	if s.VendorID != id {
		l.t.Fatalf("%s is to be canceled, want %s", s.VendorID, id)
	}
	back := see(id, postproof.StageCanceled)
	l.do(idempotency.CancelAnswer{Vendor: s.Vendor, Ref: s.Ref, ReadBack: &back})
}

// tooLate has the vendor of the piece that counts say that it is.
func (l *life) tooLate() {
	l.t.Helper()
	l.next(idempotency.DoCancel)
	back := see(l.r.Receipt.VendorID, postproof.StageInProduction)
	l.do(idempotency.CancelAnswer{Vendor: l.r.Receipt.Vendor, Ref: l.r.Receipt.Ref, TooLate: true, ReadBack: &back})
	if l.r.Cancel.Outcome != idempotency.CancelTooLate {
		l.t.Fatalf("the wish ended %q", l.r.Cancel.Outcome)
	}
}

// unequal has a look-up show a piece that is not the one that was sent.
func (l *life) unequal(vendor, id string) {
	l.t.Helper()
	o := see(id, postproof.StageAccepted)
	o.Equal, o.Receipt.AcceptedAt = false, l.now
	l.do(idempotency.LookedUp{Vendor: vendor, Ref: exampleRef(l.r.Generation), Complete: true, Orders: []idempotency.Sighting{o}})
}

// It was too late for one piece, which then died: what takes its place is to be
// canceled all the same.
func TestTooLateForOnePieceIsNotForTheOther(t *testing.T) {
	t.Parallel()
	t.Run("a late arrival", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.absent("list")
		l.accept("key", "k")
		l.do(idempotency.WishCancel{By: "ann"})
		l.tooLate()
		late := see("a", postproof.StageAccepted)
		late.Receipt.AcceptedAt = l.now
		l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{late}})
		l.do(idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: see("k", postproof.StageFailed)})
		l.state(idempotency.Accepted)
		l.canceled("a")
		l.state(idempotency.Canceled)
	})
	t.Run("a twin", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "k")
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("twin", postproof.StageAccepted)})
		l.do(idempotency.WishCancel{By: "ann"})
		l.tooLate()
		l.do(idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: see("k", postproof.StageFailed)})
		l.canceled("twin")
		l.state(idempotency.Canceled)
	})
	t.Run("the same piece", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "k")
		l.do(idempotency.WishCancel{By: "ann"})
		l.tooLate()
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: see("k", postproof.StageInProduction)})
		l.state(idempotency.Accepted)
		if l.r.Cancel.Outcome != idempotency.CancelTooLate {
			t.Errorf("the wish ended %q: its vendor has said that it is too late", l.r.Cancel.Outcome)
		}
	})
}

// A piece that is not the one that was sent is held for a person. A word of where it
// is says nothing of what it shows.
func TestAWordOfWhereAPieceIsSaysNothingOfWhatItShows(t *testing.T) {
	t.Parallel()
	for name, ev := range map[string]idempotency.Observe{
		"by its reference": {Vendor: "list", Ref: exampleRef(1), Sighting: see("", postproof.StageRendered)},
		"by its id":        {Vendor: "list", VendorID: "other", Sighting: see("other", postproof.StageMailed)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "list")
			l.lose("list")
			l.unequal("list", "other")
			l.state(idempotency.Held)
			held := len(l.kinds)
			ev.Sighting.Status.Source = postproof.SourceCallback
			l.do(ev)
			l.state(idempotency.Held)
			if !l.r.Submissions[0].Differs || len(l.kinds) != held {
				t.Errorf("differs %t, told %v", l.r.Submissions[0].Differs, l.kinds[held:])
			}
			l.do(idempotency.Release{By: "ann"}) // to be looked up again
			l.do(ev)
			l.state(idempotency.Held)
			l.do(idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "it will do"})
			l.do(ev)
			l.state(idempotency.Accepted)
		})
	}
}

// A wish to cancel is carried out also where the vendor has another piece under our
// reference than was sent: nobody wants that one, either, and its window does not
// wait for a person.
func TestCancelOfAPieceThatDiffers(t *testing.T) {
	t.Parallel()
	t.Run("held before the wish", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.unequal("list", "other")
		l.state(idempotency.Held)
		l.do(idempotency.WishCancel{By: "ann"})
		l.canceled("other")
		l.state(idempotency.Canceled)
	})
	t.Run("found after the wish", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.WishCancel{By: "ann"})
		l.unequal("list", "other")
		l.canceled("other")
		l.state(idempotency.Canceled)
	})
	t.Run("found after its death was decided", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.Decide{Verdict: idempotency.VerdictCanceled, By: "ann", Why: "it is not wanted"})
		l.state(idempotency.Canceled)
		l.unequal("list", "other")
		l.canceled("other")
		l.state(idempotency.Canceled)
	})
}

// A job that ended with a failure is at rest: somebody may have mailed the piece again
// since. That its vendor says later that there never was one sends nothing by itself.
func TestNothingIsSentAnewOfWhatIsDone(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "k")
	failed := see("k", postproof.StageFailed)
	failed.Alive = true // the vendor does not say whether there was paper
	l.do(idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: failed})
	l.do(idempotency.Finish{})
	dead := idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: see("k", postproof.StageCanceled)}
	l.do(dead)
	l.state(idempotency.Done)
	if l.r.Generation != 1 || !l.told("dead") {
		t.Errorf("generation %d, told %v", l.r.Generation, l.kinds)
	}
	l.do(idempotency.Refresh{}) // who asks is answered
	l.do(dead)
	l.state(idempotency.Planned)
}

// "Canceled" stands for what was read back, or was never sent. Bytes that went out
// later than was thought take it back.
func TestNobodySaysCanceledInDoubt(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	intent := l.send("list")
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.absent("list")
	l.do(idempotency.WishCancel{By: "ann"})
	l.state(idempotency.Canceled)
	l.do(idempotency.Answer{Vendor: "list", Ref: exampleRef(1), Intent: intent, Delivery: postproof.Unknown, Sends: 1})
	l.state(idempotency.Unknown)
	if l.r.Cancel.Outcome != "" {
		t.Errorf("the wish ended %q, and nobody knows where the piece is", l.r.Cancel.Outcome)
	}
	l.absent("list")
	l.state(idempotency.Canceled)
	if l.r.Cancel.Outcome != idempotency.CancelDone {
		t.Errorf("the wish ended %q", l.r.Cancel.Outcome)
	}
}

// The policy takes the risk of two pieces where nobody can be asked. A vendor that is
// only not configured here can be, by another worker or by this one tomorrow.
func TestPolicyTakesNoRiskForWantOfAnAdapter(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list", "key")
	l.r.Policy = idempotency.PreferDuplicate
	l.lose("list")
	l.m = exampleMachine("key")
	l.wait(1)
	if a := l.next(idempotency.DoHold); a.Reason != idempotency.HoldVendorGone {
		t.Errorf("held for %q", a.Reason)
	}
}

// Of two pieces under one reference a person says which one counts. The other one is
// known as before, and the death of one is not that of both.
func TestAPersonNamesTheTwin(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "k")
	l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("twin", postproof.StageAccepted)})
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
	l.do(idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "it is the right one", VendorID: "twin"})
	if s := l.r.Submissions[0]; s.VendorID != "twin" || s.Twin != "k" || l.r.Receipt.VendorID != "twin" {
		t.Fatalf("%q counts, with %q beside it", s.VendorID, s.Twin)
	}
	l.do(idempotency.Observe{Vendor: "key", VendorID: "twin", Sighting: see("twin", postproof.StageFailed)})
	if s := l.r.Submissions[0]; s.VendorID != "k" || s.Fate != "" {
		t.Errorf("after its death %q counts, fate %q: the other one is alive", s.VendorID, s.Fate)
	}
	l.do(idempotency.Observe{Vendor: "key", VendorID: "k", Sighting: see("k", postproof.StageFailed)})
	l.state(idempotency.Planned)
}

// A job was amended after its piece was taken for gone. What turns up then is not the
// job as it is: it is held, and never told to be what was asked for last.
func TestWhatTurnsUpAfterAnAmendmentIsNotTheJob(t *testing.T) {
	t.Parallel()
	amended := func(t *testing.T) *life {
		t.Helper()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.Decide{Verdict: idempotency.VerdictPlanned, By: "ann", Why: "they know nothing of it"})
		l.do(idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "v1:2", By: "ann"})
		l.state(idempotency.Planned)
		return l
	}
	told := idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("old", postproof.StageAccepted)}
	found := idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{see("old", postproof.StageAccepted)}}
	for name, ev := range map[string]idempotency.Event{"by a callback": told, "by a look-up": found} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := amended(t)
			l.do(ev)
			l.state(idempotency.Held)
			if l.r.Hold.Reason != idempotency.HoldContentDiffers || !strings.Contains(l.r.Hold.Note, "amended") || !l.told("late_arrival") {
				t.Errorf("held for %s: %q, told %v", l.r.Hold.Reason, l.r.Hold.Note, l.kinds)
			}
		})
	}
	t.Run("beside the new one", func(t *testing.T) {
		t.Parallel()
		l := amended(t)
		l.accept("key", "new")
		l.do(told)
		l.canceled("old")
		l.state(idempotency.Accepted)
		if l.r.Receipt.VendorID != "new" {
			t.Errorf("%s counts", l.r.Receipt.VendorID)
		}
	})
	t.Run("beside a new one that is not it, either", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list", "key")
		l.send("list")
		l.do(l.answered("list", postproof.Refused, postproof.CodeInvalidArgument))
		l.do(idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "v1:2", By: "ann"})
		l.lose("key")
		l.unequal("key", "other")
		l.state(idempotency.Held)
		for range 2 { // told once
			l.do(told)
			l.state(idempotency.Held)
		}
		late := 0
		for _, kind := range l.kinds {
			if kind == "late_arrival" {
				late++
			}
		}
		if late != 1 {
			t.Errorf("the piece that was refused turned up, told %d times: %v", late, l.kinds)
		}
	})
	t.Run("after the new one died", func(t *testing.T) {
		t.Parallel()
		l := amended(t)
		l.accept("key", "new")
		l.do(told)
		l.do(idempotency.Observe{Vendor: "key", VendorID: "new", Sighting: see("new", postproof.StageFailed)})
		l.state(idempotency.Held)
	})
	t.Run("what was never sent is no piece as it was", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
		l.do(idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "v1:2", By: "ann"})
		l.wait(1)
		l.accept("key", "new")
	})
}

// The send date that counts for a piece is the one that its vendor was given, whatever
// becomes of the job.
func TestSendDateOfWhatIsSent(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	send := func(date time.Time, d postproof.Delivery) {
		t.Helper()
		l.next(idempotency.DoSend)
		l.lease()
		ev := l.intent("key")
		ev.SendDate = date
		l.do(ev)
		l.do(l.answered("key", d, postproof.CodeUnavailable))
		if got := l.r.Submissions[0].SendDate; !got.Equal(date) {
			t.Errorf("it was sent for %s, kept is %s", date, got)
		}
	}
	first := l.now.Add(48 * time.Hour)
	send(first, postproof.NotSent)
	l.now = l.r.Due
	send(first.Add(24*time.Hour), postproof.Unknown)
}
