package idempotency

import (
	"cmp"
	"time"

	"github.com/postproof/postproof"
)

// Late is how far a late arrival has been dealt with.
type Late string

// The stages of a late arrival.
const (
	// LateSeen: the piece turned up; its cancellation is due.
	LateSeen Late = "seen"
	// LateCanceled: its cancellation was read back.
	LateCanceled Late = "canceled"
	// LatePrinted: it can no longer be stopped: an incident.
	LatePrinted Late = "printed"
)

// twin deals with a second order under one reference: while the first one is
// alive the second is an incident, and its end is not the end of the first.
// It reports whether there is nothing more to do.
func (t *transition) twin(s *Submission, o Sighting) bool {
	id := o.Receipt.VendorID
	if id == "" || s.VendorID == "" || id == s.VendorID {
		return false
	}
	if s.Join != postproof.Accepted || s.Fate != "" {
		if o.Alive { // the first is dead, or was never seen alive
			s.VendorID = id
		}
		return false
	}
	switch {
	case o.Alive && s.Twin != id:
		s.Twin = id
		t.noteSub(EntryTwiceAtVendor, s, "two pieces are alive under one reference").VendorID = id
	case !o.Alive && s.Twin == id:
		s.Twin = ""
		t.noteSub(EntryTwinDead, s, string(o.Status.Stage)).VendorID = id
	}
	return true
}

// outdated reports whether a sighting is a callback from before the death that
// the vendor itself told of: callbacks come in any order. Production of a piece
// that is dead, though, is news, and so is another piece.
func outdated(s *Submission, o Sighting) bool {
	another := o.Receipt.VendorID != "" && s.VendorID != "" && o.Receipt.VendorID != s.VendorID
	return (s.Fate == FateFailed || s.Fate == FateCanceled) && !another && o.Status.Source == postproof.SourceCallback &&
		o.Status.Stage.Rank() < postproof.StageInProduction.Rank()
}

// noPaper reports whether a stage says that nothing will be mailed.
func noPaper(s postproof.Stage) bool {
	return s == postproof.StageFailed || s == postproof.StageCanceled
}

// surviving goes on with the other of two pieces under one reference, after the
// first one died.
func (t *transition) surviving(s *Submission) {
	t.noteSub(EntryDead, s, "its twin is alive").Delivery = 0
	s.VendorID, s.Twin = s.Twin, ""
	if t.counts(s) {
		t.r.Receipt.VendorID = s.VendorID
		if t.r.Cancel.Outcome == CancelTooLate { // for the other one
			t.r.Cancel.Outcome = ""
		}
		t.r.Status = postproof.Status{}
		t.status(postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourcePoll, Confidence: postproof.Reported})
	}
}

// contradiction keeps a vendor's word that there is no paper, after it said
// that the piece was mailed, from starting another one.
func (t *transition) contradiction(s *Submission, o Sighting) {
	if t.r.State == Held && t.r.Hold.Reason == HoldContradiction {
		return
	}
	t.noteSub(EntryContradiction, s, string(o.Status.Stage)+" after "+string(t.r.Status.Stage))
	if t.r.State != Done {
		t.hold(HoldContradiction, s.Vendor+" says that there is no paper, after it said that the piece was mailed")
	}
}

// late records that a piece turned up where it was thought absent while
// another vendor has, or may have, the job. Where the job is accepted it is
// canceled at once. Where it is held with a receipt it is told, and waits with
// the job: it is held because nobody knows whether the piece of the receipt
// lives (its vendor contradicts itself, or has said nothing for months), so that
// what turned up may be the only one, and to cancel it would lose the job.
func (t *transition) late(s *Submission) {
	if s.Late == LatePrinted || s.Late == LateSeen {
		return
	}
	s.Late = LateSeen
	if t.r.State == Done {
		t.enter(Accepted)
	}
	if t.r.State == Accepted {
		if s.Heir { // is the other one dead?
			t.r.PollAt = t.now
		}
		t.settle()
	}
	t.noteSub(EntryLateArrival, s, "")
}

// watch follows a vendor for a late arrival: by look-ups where it can be asked,
// else by its callbacks alone. One that is not configured here may be elsewhere:
// the watch is for whoever can. A piece with a send date may lie there until then,
// and be stopped for as long.
func (t *transition) watch(s *Submission) {
	s.WatchUntil = later(t.now, t.r.sendDate(s)).Add(t.m.WithDefaults().WatchFor)
	if c := t.m.caps(s.Vendor); c == nil || c.Lookup.ByRef {
		s.NextWatch = t.now.Add(t.m.WithDefaults().WatchEvery)
	}
}

// watchAgain plans the next look of a watch, or ends it. Where somebody else may be
// able to ask, that one is waited for, not the watch's own pace. A watch whose last
// look had no answer is told of: what arrived since then nobody has seen (rule 9).
func (t *transition) watchAgain(s *Submission, ev LookedUp) {
	if s.NextWatch.IsZero() {
		return
	}
	wait := max(ev.RetryAfter, t.watchWait(s))
	if ev.Unasked != "" && ev.RetryAfter > 0 {
		wait = ev.RetryAfter
	}
	s.NextWatch = t.now.Add(wait)
	if !s.NextWatch.After(s.WatchUntil) {
		return
	}
	s.NextWatch, s.WatchUntil = time.Time{}, time.Time{}
	if ev.Failed {
		t.noteSub(EntryUnwatched, s, cmp.Or(ev.Unasked, "the vendor gave no answer")+": the watch for a late arrival ended without its last look")
	}
}

// noHeirs ends the watch for what a lost history can have sent only after the
// piece that counts had died: it is alive. Should it die later, they are looked
// up like everything else that is in doubt. An heir that turned up already is a
// late arrival like any other.
func (t *transition) noHeirs() {
	for i := range t.r.Submissions {
		s := &t.r.Submissions[i]
		if s.Heir && !s.Dead() && s.Join != postproof.Accepted {
			s.NextWatch, s.WatchUntil = time.Time{}, time.Time{}
		}
		s.Heir = false
	}
}
