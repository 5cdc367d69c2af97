package idempotency

import (
	"cmp"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// sighted applies that a vendor showed a piece under our reference.
func (t *transition) sighted(s *Submission, o Sighting) error {
	old := outdated(s, o)
	if t.twin(s, o) {
		return nil
	}
	if s.VendorID == "" {
		s.VendorID = o.Receipt.VendorID
	}
	if s.AcceptedAt.IsZero() {
		s.AcceptedAt = o.Receipt.AcceptedAt
	}
	if !o.Alive {
		return t.dead(s, o) // rule 7: dead means dead
	}
	if old {
		t.noteSub(EntryOutdated, s, "an older callback about a dead piece: "+string(o.Status.Stage))
		return nil
	}
	if t.holds(s) {
		if o.Status.Source == postproof.SourcePoll { // not a callback, which may be older than the doubt
			t.noHeirs()
		}
		t.status(o.Status)
		return nil
	}
	known := s.Join == postproof.Accepted && s.Fate == ""
	thoughtGone := s.Fate == FateAbsent || s.Fate == FateDecided
	s.Join, s.Fate, s.Differs = postproof.Accepted, "", !o.Equal || s.Amended
	switch {
	case t.r.State == Accepted, t.r.State == Done, t.r.State == Sending && t.r.Current() != s,
		t.r.State == Held && !t.r.Receipt.IsZero() && !t.counts(s):
		t.late(s)
		return nil
	case thoughtGone: // nothing took its place yet, but somebody may have been told so
		t.noteSub(EntryLateArrival, s, "it was thought not to be there")
	}
	switch {
	case !s.Differs, t.stopsAll(): // what is to be canceled need not be what was sent
		t.accept(s, o)
	case t.r.State == Held && t.r.Hold.Reason == HoldContentDiffers:
		if !known && !thoughtGone { // it is held for another one: rule 9
			t.noteSub(EntryLateArrival, s, "another piece beside the one that the job is held for")
		}
	default:
		t.holdDiffering(s)
	}
	return nil
}

// counts reports whether the receipt is of the submission.
func (t *transition) counts(s *Submission) bool { return t.r.counts(s) }

// holds reports whether the submission is the one whose acceptance counts.
func (t *transition) holds(s *Submission) bool {
	return (t.r.State == Accepted || t.r.State == Done) && t.counts(s)
}

func (t *transition) accept(s *Submission, o Sighting) {
	receipt := o.Receipt
	receipt.Vendor, receipt.Ref = s.Vendor, s.Ref
	if receipt.VendorID == "" {
		receipt.VendorID = s.VendorID
	}
	if receipt.AcceptedAt.IsZero() {
		receipt.AcceptedAt = t.now
	}
	s.Join, s.Fate, s.Misses = postproof.Accepted, "", 0
	if t.r.Receipt.Vendor != s.Vendor || t.r.Receipt.Ref != s.Ref {
		t.r.Status = postproof.Status{}
	}
	if c := &t.r.Cancel; c.Outcome == CancelDone || (c.Outcome == CancelTooLate && !t.counts(s)) {
		c.Outcome = "" // it turned up after all, or it was too late for another one: the wish goes on
	}
	t.r.Receipt, t.r.Refusal, t.r.Hold = receipt, Refusal{}, Hold{}
	t.enter(Accepted)
	for i := range t.r.Submissions {
		other := &t.r.Submissions[i]
		other.Heir = false // of another piece
		switch {
		case other == s || other.Dead():
		case other.Join == postproof.Accepted:
			t.late(other)
		default: // a newer send in doubt, or one that a recovery doubts: ask soon
			t.watch(other)
			if !other.NextWatch.IsZero() {
				other.NextWatch = t.now
			}
		}
	}
	t.noteSub(EntryAccepted, s, "")
	status := o.Status
	if status.Stage == "" {
		status = postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, Confidence: postproof.Reported}
	}
	t.status(status)
}

// status merges a mail status of the holding submission and plans the next
// poll.
func (t *transition) status(s postproof.Status) {
	if s.SeenAt.IsZero() {
		s.SeenAt = t.now
	}
	news := s.Stage != "" && s.Supersedes(t.r.Status)
	if news {
		t.r.Status = s
		t.r.Tries = 0
		e := t.note(EntryStatus, string(s.Stage))
		e.Vendor, e.Ref, e.VendorID = t.r.Receipt.Vendor, t.r.Receipt.Ref, t.r.Receipt.VendorID
	}
	switch {
	case t.r.State != Accepted:
	case news, s.Source == postproof.SourcePoll, t.r.PollAt.IsZero():
		t.pollLater()
	default: // what is told over and over does not put the next poll off
		t.settle()
	}
}

// settle gives the lease of an accepted record back, until the earliest thing
// that is left to do.
func (t *transition) settle() {
	due, holder := nextLook(t.r), t.m.holder(t.r)
	switch {
	case due.IsZero(), t.r.toStop(t.now) != nil:
		due = t.now
	case t.r.wished() && (!t.now.Before(holder.AskAt) || t.r.Status.Stage.Terminal()):
		due = t.now
	}
	t.r.Due = due
	t.r.Lease = Lease{}
}

// dead applies the vendor's word that it will never print a submission.
func (t *transition) dead(s *Submission, o Sighting) error {
	held := t.holds(s)
	if s.Twin != "" {
		t.surviving(s)
		return nil
	}
	if t.counts(s) && !o.Status.Supersedes(t.r.Status) && !noPaper(t.r.Status.Stage) {
		t.contradiction(s, o)
		return nil
	}
	already := !slices.Contains(t.r.Live(), s)
	s.Fate = FateFailed
	s.unwish()
	if o.Status.Stage == postproof.StageCanceled {
		s.Fate = FateCanceled
	}
	e := t.noteSub(EntryDead, s, string(o.Status.Stage))
	e.Delivery = 0
	if s.Late == LateSeen {
		s.Late = LateCanceled
	}
	if c := t.m.caps(s.Vendor); s.Sends > 1 && c != nil && c.Idempotency.Kind == postproof.IdempotencyNone {
		t.watch(s) // another of its sends may have become a piece, too
	}
	switch {
	case t.r.State == Done: // it ended without a piece, as far as anybody was told: nothing is sent anew by itself
		return nil
	case held, t.r.State == Held && t.counts(s):
		t.r.Status = o.Status
		return t.afterDeath()
	case t.r.State == Accepted:
		t.settle()
		return nil
	case already: // it was known to be dead: nothing follows from it
		return nil
	case t.r.State == Sending || t.r.State == Unknown || t.r.State == Held:
		return t.afterDeath()
	default:
		return nil
	}
}

// afterDeath goes on after a submission was proven dead: to a piece that
// another vendor turned out to have, to what is still unknown, to canceled,
// or to the next generation.
func (t *transition) afterDeath() error {
	if t.r.State != Sending {
		t.r.Receipt = postproof.Receipt{}
		for i := range t.r.Submissions {
			if s := &t.r.Submissions[i]; s.Fate == "" && s.Join == postproof.Accepted {
				t.adopt(s)
				return nil
			}
		}
	}
	if live := t.r.Live(); len(live) > 0 { // rule 7: every one must be dead
		if t.r.State != Sending && t.r.State != Held {
			t.r.Status = postproof.Status{} // of the dead piece: an end that would take the deadline away
			t.enter(Unknown)
		}
		return nil
	}
	switch {
	case t.canceledIfWished():
	case t.r.State == Held && t.r.Hold.Reason.deliberate(): // until somebody ends it
	case t.r.spent() >= t.m.WithDefaults().MaxGenerations:
		t.hold(HoldGenerations, "")
	default:
		t.nextGeneration()
	}
	return nil
}

func (t *transition) nextGeneration() {
	t.r.Generation++
	t.ready()
	t.note(EntryNextGeneration, "")
}

// lookedUp applies the answer to a look-up by reference. Absence takes two
// qualified misses; see [Machine.misses].
func (t *transition) lookedUp(ev LookedUp) error {
	s := t.find(ev.Vendor, ev.Ref)
	if s == nil {
		return t.no(1, "nothing was sent to "+ev.Vendor+" under this reference")
	}
	s.LookUps++
	if ev.At.IsZero() || ev.At.After(t.now) {
		ev.At = t.now
	}
	if len(ev.Orders) > 0 && !ev.Failed {
		return t.found(s, ev)
	}
	if ev.Failed || s.Dead() || t.r.State == Accepted || !t.misses(s, ev) {
		t.lookAgain(s, ev)
		return nil
	}
	s.Misses++
	s.LastMiss = ev.At
	if s.Misses < 2 {
		t.lookAgain(s, ev)
		return nil
	}
	s.Fate = FateAbsent
	t.watch(s)
	t.noteSub(EntryAbsent, s, "two look-ups, a settle time apart, each with a control piece")
	return t.afterDeath()
}

// found applies a look-up that shows orders under our reference: those alive
// first, the one that we know before equal ones before others. The dead count
// only where none is alive, or as the word about the one that we know.
func (t *transition) found(s *Submission, ev LookedUp) error {
	orders := slices.Clone(ev.Orders)
	rank := func(o Sighting) int {
		switch {
		case !o.Alive:
			return 3
		case o.Receipt.VendorID != "" && o.Receipt.VendorID == s.VendorID:
			return 0
		case o.Equal:
			return 1
		default:
			return 2
		}
	}
	slices.SortStableFunc(orders, func(a, b Sighting) int { return rank(a) - rank(b) })
	alive := orders[0].Alive
	if !alive && (!ev.Complete || s.Fate != "") {
		t.lookAgain(s, ev)
		return nil
	}
	s.NextWatch, s.WatchUntil = time.Time{}, time.Time{}
	for _, o := range orders {
		if alive && !o.Alive && (o.Receipt.VendorID == "" || o.Receipt.VendorID != s.VendorID) {
			continue
		}
		if err := t.sighted(s, o); err != nil {
			return err
		}
	}
	if t.r.State == Accepted && !t.holds(s) {
		t.settle()
	}
	return nil
}

// misses reports whether an empty answer counts toward the proof of absence:
// it was complete, a control piece was found in the same way, the settle time
// has passed since the last byte and since the last miss, and the vendor never
// called our reference a duplicate. Of what was sent when the vendor could not be looked
// up none does.
func (t *transition) misses(s *Submission, ev LookedUp) bool {
	c := t.m.caps(s.Vendor)
	if c == nil || !ev.Complete || !ev.Control || s.Veto || s.Unlisted || s.Join == postproof.Accepted {
		return false
	}
	settle := c.Lookup.SettleTime()
	if ev.At.Before(s.LastAt.Add(settle)) {
		return false
	}
	return s.LastMiss.IsZero() || !ev.At.Before(s.LastMiss.Add(settle))
}

// lookAgain plans the next look-up of a submission: of one in doubt, when a
// miss would count; of one that is watched, when the watch says.
func (t *transition) lookAgain(s *Submission, ev LookedUp) {
	if s.Dead() || t.r.State != Unknown {
		t.watchAgain(s, ev)
		switch {
		case t.r.State == Accepted:
			t.settle()
		case t.r.State != Sending && t.r.Due.After(t.now): // only the watch was due
			t.r.Lease = Lease{}
		}
		return
	}
	t.wait(ev.RetryAfter)
	if c := t.m.caps(s.Vendor); c != nil {
		counts := s.LastAt.Add(c.Lookup.SettleTime())
		if !s.LastMiss.IsZero() {
			counts = s.LastMiss.Add(c.Lookup.SettleTime())
		}
		if others := len(t.r.Live()) > 1; !others && s.LookUps > 1 {
			t.r.Due = later(t.r.Due, counts)
		}
	}
}

// observe applies what a poll, a callback or a list said about one piece.
func (t *transition) observe(ev Observe) error {
	var s *Submission
	for i := range t.r.Submissions {
		c := &t.r.Submissions[i]
		if c.Vendor == ev.Vendor && ((ev.Ref != "" && c.Ref == ev.Ref) ||
			(ev.Ref == "" && ev.VendorID != "" && (c.VendorID == ev.VendorID || c.Twin == ev.VendorID))) {
			s = c
		}
	}
	if s == nil {
		return t.no(12, "the ledger knows of no such submission; keep it as evidence")
	}
	if ev.Hint {
		t.hint(s)
		return nil
	}
	if ev.Failed || ev.Missing {
		if t.holds(s) && t.r.State == Accepted {
			if ev.Missing {
				t.noteSub(EntryMissing, s, "the vendor does not know its id")
			}
			t.pollAgain(ev.RetryAfter)
		}
		return nil
	}
	id := cmp.Or(ev.Sighting.Receipt.VendorID, ev.VendorID)
	ev.Sighting.Receipt.VendorID = id
	if s.Differs && (id == "" || id == s.VendorID) {
		ev.Sighting.Equal = false // who says where a piece is need not say what it shows
	}
	return t.sighted(s, ev.Sighting)
}

func (t *transition) finish() error {
	if t.r.State != Accepted || !t.r.Status.Stage.Terminal() {
		return t.no(0, "the piece has no final status")
	}
	for i := range t.r.Submissions {
		if s := &t.r.Submissions[i]; s.Late == LateSeen || !s.NextWatch.IsZero() {
			return t.no(9, s.Vendor+" is still watched for a late arrival")
		}
	}
	t.enter(Done)
	t.note(EntryDone, string(t.r.Status.Stage))
	return nil
}
