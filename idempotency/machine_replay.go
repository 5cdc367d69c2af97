package idempotency

import "github.com/postproof/postproof"

// replay makes the job part of a run that brings a campaign to its end. What
// somebody may have is settled and never sent; what nobody has is sent; what a
// person has to look at stays as it is.
func (t *transition) replay(ev Replay) error {
	r := t.r
	switch {
	case ev.Run == "" || ev.By == "":
		return t.no(9, "a replay names its run, and who started it")
	case r.Run == ev.Run: // else each time that it is applied would be another send
		return t.no(7, "the job is part of the run already")
	case r.Cancel.Stands():
		return t.no(13, "the job is to be canceled")
	}
	switch r.State {
	case Planned:
		// Somebody may be about to send it: the lease goes on.
		r.Tries, r.PlannedAt = 0, later(r.PlannedAt, t.now)
		t.deadline()
		r.Due = earlier(r.Due, t.now)
	case Unknown:
		if !t.resends() { // a question does not bring a send about sooner
			r.Due = earlier(r.Due, t.now)
		}
	case Refused:
		if len(r.Live()) > 0 {
			return t.no(2, "a vendor is not proven not to have the piece")
		}
		t.anew()
	case Held:
		if err := t.replayHeld(); err != nil {
			return err
		}
	case Sending:
		return t.no(4, "bytes may be on their way")
	case Accepted, Canceled, Done:
		return t.no(0, "the job is at its end, or with a vendor")
	}
	r.Run = ev.Run
	t.note(EntryReplayed, ev.Run).By = ev.By
	return nil
}

// replayHeld releases a job that no person needs to look at: nobody has it, or
// there is a vendor to ask.
func (t *transition) replayHeld() error {
	r := t.r
	switch r.Hold.Reason {
	case HoldCannotAsk, HoldDeadline, HoldVendorGone, HoldCannotBuild, HoldCap:
	case HoldContentDiffers, HoldContradiction, HoldGenerations, HoldCanary, HoldOperator:
		return t.no(9, "it waits for a person: "+string(r.Hold.Reason))
	default:
		return t.no(9, "it waits for a person, for a reason that this version does not know")
	}
	if !r.Receipt.IsZero() {
		return t.no(9, "a vendor accepted it, and what became of it is for a person to find out")
	}
	live := r.Live()
	if len(live) == 0 {
		t.anew()
		return nil
	}
	for _, s := range live {
		if s.Differs || s.Twin != "" || s.Join == postproof.Accepted {
			return t.no(9, s.Vendor+" has a piece that is for a person to look at")
		}
	}
	for _, s := range live {
		if c := t.m.caps(s.Vendor); c != nil && (c.Lookup.ByRef || t.m.mayResend(r, s, t.now)) {
			r.Hold = Hold{}
			t.enter(Unknown)
			return nil
		}
	}
	return t.no(9, "it waits for a person: no vendor that may have it can be asked")
}

// anew plans a job that nobody has, in the next generation if anything of the
// present one was sent: what was refused under a reference, or died under it,
// does not come back under it.
func (t *transition) anew() {
	if t.burnt() || t.sentInGeneration() {
		t.nextGeneration()
		return
	}
	t.ready()
}
