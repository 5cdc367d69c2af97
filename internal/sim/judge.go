package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// verdict is what the oracle says of a job.
type verdict int

const (
	fine     verdict = iota
	heldFine         // held, and nobody could be asked
	open             // not settled yet; if it stays so, it is lost
	lateFine         // printed twice by a freeze, and told so
)

// judge compares a job with the ledger. It says why a job is open.
func (o *oracle) judge(p *piece) (verdict, string) {
	rec := p.shelf.get(o.idOf(p))
	o.mu.Lock()
	defer o.mu.Unlock()
	alive := len(p.alive)
	switch {
	case rec == nil && p.optional && alive == 0:
		return fine, ""
	case rec == nil && p.control && alive <= 1 && p.shelf.restores.Load() > p.restores:
		return fine, "" // the lost history sent it
	case rec != nil && p.control && o.byID[rec.ID] != p && alive <= 1 && p.shelf.restores.Load() > p.restores:
		return fine, "" // as before, and a later recovery has sent another one by the same key
	case rec == nil && p.first != nil && alive <= 1 && o.w.restoring():
		return fine, "" // the lost history sent it, and the first one does not let it be asked for again
	case rec == nil:
		return open, "the ledger does not know it"
	case alive > 1:
		return o.judgeLate(p, rec)
	case rec.Newer():
		return open, "its record is of a newer version"
	}
	for i := range rec.Submissions {
		if rec.Submissions[i].Late == idempotency.LateSeen {
			return open, "a late arrival is not dealt with"
		}
	}
	switch rec.State {
	case idempotency.Accepted, idempotency.Done:
		return o.judgeAccepted(p, rec)
	case idempotency.Canceled:
		switch {
		case alive > 0:
			return open, "it is canceled in the ledger, and printed"
		case !p.wished && !p.erasing && (p.first == nil || !p.first.erasing):
			return open, "it is canceled, and nobody wished it"
		}
		return fine, ""
	case idempotency.Held:
		if why := o.heldInVain(p, rec); why != "" {
			return open, why
		}
		return heldFine, ""
	default:
		return open, "it is " + string(rec.State)
	}
}

func (o *oracle) judgeAccepted(p *piece, rec *idempotency.Record) (verdict, string) {
	foreign := slices.ContainsFunc(rec.Submissions, func(s idempotency.Submission) bool {
		return s.Vendor == rec.Receipt.Vendor && s.Ref == rec.Receipt.Ref && o.foreign(&s)
	})
	if len(p.alive) == 0 {
		if rec.State == idempotency.Accepted && o.gone(rec.Receipt.Vendor) {
			return fine, "" // nobody can learn of the failure
		}
		if foreign {
			return fine, "" // nor of this one
		}
		return open, "it is accepted in the ledger, and not printed"
	}
	for name, line := range p.alive {
		if name != rec.Receipt.Vendor+"/"+rec.Receipt.VendorID {
			return open, "the receipt is of another piece than the one printed, " + name
		}
		if line.Ref != string(rec.Receipt.Ref) {
			return open, "the receipt names another reference than the piece printed"
		}
	}
	if p.wished && rec.Cancel.Stands() && rec.Cancel.Outcome == "" && !foreign {
		return open, "it is still to be canceled"
	}
	return fine, ""
}

// heldInVain says why a job should not be held; empty when nobody could be
// asked.
func (o *oracle) heldInVain(p *piece, rec *idempotency.Record) string {
	if !rec.Erased() && !slices.ContainsFunc(o.history(p), func(e idempotency.Entry) bool { return e.Kind == idempotency.EntryHeld }) {
		return "it is held in silence"
	}
	switch rec.Hold.Reason {
	case idempotency.HoldCannotAsk, idempotency.HoldDeadline:
		if rec.Erased() && o.w.profile.restores > 1 {
			return "" // nobody knows what it may have been sent under in a history that turned up later
		}
		if !slices.ContainsFunc(rec.Live(), func(s *idempotency.Submission) bool { return o.unanswerable(s) || o.unproven(p, s) }) {
			return "it is held (" + string(rec.Hold.Reason) + ") although its vendor can be asked"
		}
		return ""
	case idempotency.HoldVendorGone:
		if slices.ContainsFunc(rec.Live(), func(s *idempotency.Submission) bool { return o.foreign(s) || o.unproven(p, s) }) {
			return ""
		}
	case idempotency.HoldGenerations:
		if p.printed >= o.w.profile.generations/2 && len(p.alive) == 0 {
			return ""
		}
	case idempotency.HoldOperator:
		if p.shelf != o.w.main && strings.HasPrefix(rec.Hold.Note, "the ledger is a copy") {
			return ""
		}
	default: // nobody here gives a reason for the others
	}
	return "it is held: " + string(rec.Hold.Reason)
}

// unanswerable reports whether nobody can be asked about a submission: its
// vendor has no look-up and no answer of it reached a process that lived on, or
// the vendor is gone.
func (o *oracle) unanswerable(s *idempotency.Submission) bool {
	if o.gone(s.Vendor) || o.foreign(s) {
		return true
	}
	if s.Vendor != "mute" {
		return false
	}
	a, ok := o.answers[string(s.Ref)]
	if !ok {
		return true
	}
	end, dead := o.ends[a.process]
	awake := a.at
	if thaw := o.thaws[a.process]; thaw.After(awake) {
		awake = thaw
	}
	return dead && end.Before(awake.Add(10*time.Minute))
}

// gone reports whether the vendor went away for good.
func (o *oracle) gone(vendor string) bool { return o.w.profile.class == classGone && vendor == "plain" }

// judgeLate judges a job that two pieces of are alive: that must have been told.
func (o *oracle) judgeLate(p *piece, rec *idempotency.Record) (verdict, string) {
	told := func(e idempotency.Entry) bool {
		return e.Kind == idempotency.EntryLateArrival || e.Kind == idempotency.EntryLatePrinted || e.Kind == idempotency.EntryTwiceAtVendor
	}
	was := func(s idempotency.Submission) bool { return s.Late != "" || s.Twin != "" }
	switch {
	case rec.Erased() && slices.ContainsFunc(rec.Submissions, was): // its history is gone with the person
	case !slices.ContainsFunc(o.history(p), told):
		return open, "two pieces are alive, and nobody was told"
	case slices.ContainsFunc(rec.Submissions, func(s idempotency.Submission) bool { return s.Late == idempotency.LateSeen }):
		return open, "a late arrival is not dealt with"
	}
	return lateFine, ""
}

func (o *oracle) history(p *piece) []idempotency.Entry {
	p.shelf.mu.RLock()
	defer p.shelf.mu.RUnlock()
	var all []idempotency.Entry
	for e, err := range p.shelf.memory.Entries(context.Background(), idempotency.EntryQuery{ID: p.id}) {
		if err != nil {
			break
		}
		all = append(all, e)
	}
	return all
}
