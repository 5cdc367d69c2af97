package idempotency

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// canceledIfWished ends a job that is to be canceled and that nobody has.
func (t *transition) canceledIfWished() bool {
	if !t.r.Cancel.Stands() || len(t.r.Live()) > 0 {
		return false
	}
	t.r.Cancel.Outcome = CancelDone
	t.r.Receipt, t.r.Hold, t.r.Refusal = postproof.Receipt{}, Hold{}, Refusal{}
	t.enter(Canceled)
	t.note(EntryCanceled, "")
	return true
}

// wishCancel records the wish: rule 13.
func (t *transition) wishCancel(ev WishCancel) error {
	if t.r.State == Done {
		return t.no(13, "the piece has its final status")
	}
	t.stop(ev.By, ev.Why)
	return nil
}

// stop forbids every send, and has what a vendor has canceled there. A wish
// that stands is nothing new, but for one that left the piece alone.
func (t *transition) stop(by, why string) {
	// A decision to cancel may be taken back; what somebody else wishes since then
	// would go with it, unheard.
	undoable := t.r.State == Canceled && t.r.Prior != nil
	if t.r.Cancel.Stands() && t.r.Cancel.Outcome != CancelLeft && !undoable {
		// Who wishes again may know that somebody can ask now.
		if t.r.State == Accepted && t.hurry() {
			t.note(EntryCancelWished, why).By = by
		}
		return
	}
	if undoable {
		t.r.Prior = nil
	}
	t.r.Cancel = CancelWish{At: t.now, By: by}
	t.note(EntryCancelWished, why).By = by
	if t.r.State == Canceled || t.canceledIfWished() {
		return
	}
	switch {
	case t.r.State == Unknown || t.r.State == Accepted:
		t.r.Due = t.now
	case t.r.State == Held && !t.r.Receipt.IsZero(): // its window will not wait for a person
		t.r.Hold = Hold{}
		t.enter(Accepted)
	case t.r.State == Held:
		for _, s := range t.r.Live() {
			if s.Join == postproof.Accepted && s.VendorID != "" { // it need not be what was sent
				t.adopt(s)
				return
			}
		}
	}
}

// stopsAll reports whether a piece that turns up is to be canceled, whatever it is.
func (t *transition) stopsAll() bool {
	return t.r.Cancel.Stands() && t.r.Cancel.Outcome != CancelLeft
}

// cancelAnswer applies the outcome of an attempt to cancel: only what was read
// back counts.
func (t *transition) cancelAnswer(ev CancelAnswer) error {
	s := t.find(ev.Vendor, ev.Ref)
	if s == nil {
		return t.no(13, "there is no piece to cancel under this reference")
	}
	if ev.ReadBack != nil && !ev.ReadBack.Alive { // a fact in every state
		return t.sighted(s, *ev.ReadBack)
	}
	if t.r.State != Accepted || (s.Late != LateSeen && (!t.holds(s) || !t.r.Cancel.Stands())) {
		return t.no(13, "there is no piece to cancel under this reference")
	}
	if ev.Unasked != "" && !ev.TooLate {
		t.cancelWaits(s, ev.Unasked)
		return nil
	}
	unasked := s.Unasked
	s.unwish()
	if ev.TooLate {
		if s.Late == LateSeen {
			s.Late = LatePrinted
			t.noteSub(EntryLatePrinted, s, joined("could not be canceled: two pieces may exist", unasked))
		} else {
			t.r.Cancel.Outcome = CancelTooLate
			t.noteSub(EntryCancelTooLate, s, unasked)
		}
		t.settle()
		return nil
	}
	t.r.Cancel.Tries++
	t.r.Due = t.now.Add(max(ev.RetryAfter, t.m.backoff(t.r.ID, t.r.Cancel.Tries)))
	t.r.Lease = Lease{}
	t.noteSub(EntryCancelUnknown, s, "to be asked again")
	return nil
}

// Nobody could ask the vendor to cancel: whoever can may come any time, and the
// window may be of minutes or of days. So the waits grow with what has passed
// already, and where the window is known they halve what is left of it.
const (
	shortestUnasked = 5 * time.Second
	longestUnasked  = longestAlone
	// Most windows end within a day: as long as one may be open, no wait is longer than
	// this.
	firstDay        = 24 * time.Hour
	longestFirstDay = 10 * time.Minute
)

// hurry has the vendor asked now for what waits for somebody who can. It reports
// whether anything does.
func (t *transition) hurry() (waits bool) {
	for i := range t.r.Submissions {
		if s := &t.r.Submissions[i]; s.Unasked != "" {
			s.AskAt, t.r.Due, waits = t.now, t.now, true
		}
	}
	return waits
}

// unwish forgets that the vendor could not be asked: there is nothing to ask for.
func (s *Submission) unwish() { s.Unasked, s.AskAt = "", time.Time{} }

// cancelWaits keeps the wish for whoever can ask the vendor: rule 13. It is told
// once, not with each attempt.
func (t *transition) cancelWaits(s *Submission, why string) {
	accepted := later(s.AcceptedAt, s.FirstAt)
	since := accepted
	if s.Late != LateSeen {
		accepted, since = t.r.Receipt.AcceptedAt, t.r.Cancel.At
	}
	wait := min(max(t.now.Sub(since)/6, shortestUnasked), longestUnasked)
	if s.Unasked == "" { // of several workers the next one may be able to
		wait = shortestUnasked
	}
	if t.now.Sub(since) < firstDay {
		wait = min(wait, longestFirstDay)
	}
	if c := t.m.caps(s.Vendor); c != nil {
		wait = min(wait, max(cancelUntil(c, t.r, s, accepted).Sub(t.now)/2, shortestUnasked))
	}
	s.AskAt = t.now.Add(wait)
	if s.Unasked == "" {
		t.noteSub(EntryCancelWaits, s, why)
	}
	s.Unasked = why
	t.settle()
}

// joined puts what is known more behind a note.
func joined(note, more string) string {
	if more == "" {
		return note
	}
	return note + "; " + more
}

// hold enters held: rule 9.
func (t *transition) hold(reason HoldReason, note string) {
	from := t.r.State
	t.enter(Held)
	t.r.Hold = Hold{Reason: reason, At: t.now, From: from, Note: note}
	t.note(EntryHeld, string(reason))
}

// holdDiffering holds a job whose vendor has a piece that is not the job as it is:
// rule 7, unequal means held.
func (t *transition) holdDiffering(s *Submission) {
	note := s.Vendor + " has another piece under our reference"
	if s.Amended {
		note = s.Vendor + " has the piece as it was before the job was amended"
	}
	t.hold(HoldContentDiffers, note)
}

func (t *transition) putOnHold(ev PutOnHold) error {
	if t.r.State.Final() || t.r.State == Held {
		return t.no(0, "there is nothing to hold")
	}
	if t.r.State == Sending {
		return t.no(4, "bytes may be on their way")
	}
	t.hold(ev.Reason, ev.Note)
	return nil
}

func (t *transition) release(ev Release) error {
	if t.r.State != Held {
		return t.no(0, "the job is not held")
	}
	t.remember()
	t.r.Hold = Hold{}
	switch {
	case !t.r.Receipt.IsZero():
		t.enter(Accepted)
		t.pollLater()
		t.r.Due = t.now
	case len(t.r.Live()) > 0:
		t.enter(Unknown)
	case t.canceledIfWished():
	case t.burnt():
		t.nextGeneration()
	default:
		t.ready()
	}
	t.note(EntryReleased, ev.Why).By = ev.By
	return nil
}

// decide settles a held job by a person's word.
func (t *transition) decide(ev Decide) error {
	if t.r.State != Held {
		return t.no(0, "only a held job is decided")
	}
	if ev.By == "" || ev.Why == "" {
		return t.no(9, "a decision names who made it, and why")
	}
	t.remember()
	e := t.note(EntryDecided, ev.Why)
	e.By = ev.By
	live := t.r.Live()
	for _, s := range live {
		s.unwish()
	}
	switch ev.Verdict {
	case VerdictAccepted:
		if len(live) == 0 {
			return t.no(1, "nothing was sent that a vendor could have")
		}
		s := meant(live, ev.VendorID)
		s.Late = "" // it is the one that counts
		switch {
		case ev.VendorID != "" && ev.VendorID == s.Twin: // the other one is alive all the same
			s.VendorID, s.Twin = s.Twin, s.VendorID
		case ev.VendorID != "":
			s.VendorID = ev.VendorID
		}
		t.accept(s, Sighting{
			Receipt: postproof.Receipt{VendorID: s.VendorID},
			Status:  postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceOperator, Confidence: postproof.Reported},
		})
		return nil
	case VerdictPlanned, VerdictCanceled:
	default:
		return t.no(0, "the verdict is accepted, planned or canceled")
	}
	for _, s := range live {
		s.Fate = FateDecided
		t.watch(s)
	}
	if ev.Verdict == VerdictCanceled && !t.r.Cancel.Stands() {
		t.r.Cancel = CancelWish{At: t.now, By: ev.By}
	}
	if t.canceledIfWished() {
		return nil
	}
	if t.sentInGeneration() {
		t.nextGeneration()
		return nil
	}
	t.ready()
	return nil
}

// meant returns the submission that a person speaks of: the one with the
// vendor's id, else the last that is known to be accepted, else the last.
func meant(live []*Submission, vendorID string) *Submission {
	s := live[len(live)-1]
	for _, o := range live {
		switch {
		case vendorID != "" && (o.VendorID == vendorID || o.Twin == vendorID):
			return o
		case o.Join == postproof.Accepted:
			s = o
		}
	}
	return s
}

// burnt reports whether a submission of the present generation is dead by
// more than its own answers, so that its reference cannot be used again.
func (t *transition) burnt() bool {
	return slices.ContainsFunc(t.r.Submissions, func(s Submission) bool {
		return s.Generation == t.r.Generation && s.Fate != ""
	})
}

// sentInGeneration reports whether bytes of the present generation went, or
// may have gone, to anybody.
func (t *transition) sentInGeneration() bool {
	return slices.ContainsFunc(t.r.Submissions, func(s Submission) bool {
		return s.Generation == t.r.Generation && s.Join != postproof.NotSent
	})
}

// amend changes the paper of a job that no vendor has: rule 7.
func (t *transition) amend(ev Amend) error {
	switch {
	case t.r.State != Planned && t.r.State != Refused && t.r.State != Held:
		return t.no(7, "only a planned, refused or held job is amended")
	case len(t.r.Live()) > 0:
		return t.no(7, "a vendor is not proven not to have the piece: decide or reconcile first")
	case t.r.Cancel.Stands():
		return t.no(13, "the job is to be canceled")
	case len(ev.Job) == 0 || ev.Fingerprint == "":
		return t.no(7, "the amended job is missing")
	}
	t.r.keepNames()
	t.r.Job, t.r.Fingerprint, t.r.SendDate = ev.Job, ev.Fingerprint, ev.SendDate
	for i := range t.r.Submissions { // should one turn up after all, it is of the paper as it was
		s := &t.r.Submissions[i]
		s.Amended = s.Join != postproof.NotSent
	}
	t.note(EntryAmended, ev.Why).By = ev.By
	if t.sentInGeneration() {
		t.nextGeneration()
		return nil
	}
	t.ready()
	return nil
}

// suspect doubts a job after the ledger's history was broken: rule 12. The
// job's present and next references may have been used at every vendor.
func (t *transition) suspect(ev Suspect) error {
	if t.r.State.Final() && t.r.State != Refused {
		return t.no(12, "the job has ended")
	}
	top, from := t.r.Generation, t.r.DoubtedFrom()
	// From accepted only the death of the accepted piece leads on, or a person
	// who held the job and sent it anew, on purpose.
	// What stands before the piece that counts was there without its death.
	holder := t.m.holder(t.r)
	heir := t.r.State == Accepted && holder.Ref != ""
	until := t.now
	if !ev.Until.IsZero() && ev.Until.Before(until) {
		until = ev.Until
	}
	for _, v := range ev.Vendors {
		for gen, ref := range v.Refs {
			if gen < from || t.find(v.Vendor, ref) != nil {
				continue
			}
			t.r.Submissions = append(t.r.Submissions, Submission{
				Generation: gen, Ref: ref, Vendor: v.Vendor, Account: v.Account, Join: postproof.Unknown, LastAt: until, Heir: heir && gen >= holder.Generation,
			})
			top = max(top, gen)
		}
	}
	slices.SortStableFunc(t.r.Submissions, func(a, b Submission) int { return a.Generation - b.Generation })
	t.r.Generation, t.r.Recovery = top, max(t.r.Recovery, ev.Recovery)
	for i := range t.r.Submissions {
		// What this history believed to be dead by its own sends may have been
		// sent again by the lost one.
		// And what it had found out about an unknown one is as old as itself.
		if s := &t.r.Submissions[i]; s.Join <= postproof.Unknown && s.Fate == "" {
			s.Join, s.LastAt, s.NoResend = postproof.Unknown, later(s.LastAt, until), true
			s.Misses, s.LastMiss = 0, time.Time{}
		}
	}
	t.note(EntrySuspected, "the ledger's history was broken")
	switch t.r.State {
	case Accepted, Held:
		t.r.Due, t.r.Lease = t.now, Lease{}
		for _, s := range t.r.Live() {
			if !t.holds(s) {
				t.watch(s)
			}
		}
		t.r.PollAt = t.now
	default:
		if len(t.r.Live()) > 0 {
			deadline := t.now.Add(t.m.WithDefaults().UnknownFor)
			t.enter(Unknown)
			t.r.Deadline = deadline
		}
	}
	return nil
}
