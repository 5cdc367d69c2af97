package idempotency_test

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// flaw is one rule that is taken out: of the machine, by what it is told and
// what is made of its word, or of the store and those who work with it. Taken
// out in tests only: the machine itself has no such switch.
type flaw string

// Taken out of the world around the machine.
const (
	flawNone         flaw = ""
	flawNoIntent     flaw = "bytes go out before the intent is durable"
	flawNoFence      flaw = "the store asks for no fence"
	flawNoSecondLook flaw = "not-after is not looked at before the bytes go out"
	flawHiddenResend flaw = "the transport repeats what the vendor does not know as a repeat"
	flawNoTombstone  flaw = "a pruned key is forgotten"
	flawNoEpoch      flaw = "an intent is committed in a history that was not recovered"
	flawLostFence    flaw = "a fence of a lost history counts"
	flawNoStandstill flaw = "people change a restored ledger before it is recovered"
	flawNoDoubt      flaw = "a restored ledger is not doubted"
	flawOldControl   flaw = "a control piece counts whenever it was accepted"
	flawHalfShown    flaw = "an index stops between a send and the moment at which its piece is shown"
	flawNoSpool      flaw = "an answer that cannot be written down is dropped"
	flawOtherKey     flaw = "a key that came with other credentials is trusted"
)

// Taken out of the machine.
const (
	flawFailover    flaw = "an unknown outcome is taken for not sent"
	flawMilder      flaw = "a milder answer lowers the join"
	flawNoMargin    flaw = "no margin is taken off the window of a key"
	flawTightMargin flaw = "the margin of a key has no room for clocks that differ"
	flawTightSettle flaw = "the settle time has no room for clocks that differ"
	flawNoWindow    flaw = "the window of a key never closes"
	flawExpiryPlans flaw = "a lease that runs out plans the job again"
	flawAnyIntent   flaw = "an answer ends the send of whoever is sending"
	flawNoSettle    flaw = "the settle time is next to nothing"
	flawOneLook     flaw = "one look-up proves absence"
	flawNoControl   flaw = "no control piece is asked for"
	flawNoVeto      flaw = "a duplicate answer vetoes nothing"
	flawSameRef     flaw = "all generations have one reference"
	flawDeadCounts  flaw = "a dead piece counts as accepted"
	flawAnyContent  flaw = "a piece with another content counts"
	flawAmendsLive  flaw = "a job is amended while a vendor may have it"
	flawNoDeadline  flaw = "no state has a deadline"
	flawNoReason    flaw = "a hold has no reason"
	flawLateUntold  flaw = "a late arrival is overlooked"
	flawTimeBack    flaw = "a record's time follows the clock"
	flawSendsOn     flaw = "a wish to cancel forbids nothing"
	flawUnread      flaw = "a request to cancel counts without being read back"
	flawUncalled    flaw = "the risk of two is taken though nobody agreed to it"
	flawRiskAgain   flaw = "the risk of two is taken for each answer that gets lost"
	flawRiskEarly   flaw = "the risk of two is taken while a vendor can be asked"
	flawRiskWish    flaw = "the risk of two is taken for a job that is to be canceled"
	flawRiskUnsaid  flaw = "who took the risk of two is not written down"
	flawGivenUp     flaw = "what nobody here can ask for counts as too late"
	flawNotAgain    flaw = "what nobody could ask for is not asked for again"
	flawNoAlso      flaw = "that other credentials made a send, too, is forgotten"
	flawHeardTwice  flaw = "an answer is applied as often as it comes"
)

// printedTwice is what all of this is about.
const printedTwice = "printed twice"

// rulebook is the machine, less one rule.
type rulebook struct {
	*idempotency.Machine
	without flaw
	// sends is the machine of whoever sends, where the flaw is that of those who look.
	sends *idempotency.Machine
}

// newRulebook returns the machine for the vendors named, with their
// capabilities as the flaw would have them understood.
func newRulebook(without flaw, vendors ...string) rulebook {
	m := exampleMachine(vendors...)
	right := m.Caps
	m.Caps = func(vendor string) *postproof.Capabilities {
		c := right(vendor)
		if c == nil {
			return nil
		}
		wrong := *c
		switch without { //nolint:exhaustive // the others are about something else
		case flawNoMargin:
			wrong.Idempotency.Margin = 0
		case flawTightMargin:
			wrong.Idempotency.Margin = keyMargin * tick
		case flawTightSettle:
			wrong.Lookup.Settle = settleFor * tick
		case flawNoWindow:
			wrong.Idempotency.Window = 0
		case flawNoSettle:
			wrong.Lookup.Settle = time.Second
		}
		return &wrong
	}
	b := rulebook{Machine: m, without: without, sends: m}
	if without == flawNoSettle {
		b.sends = exampleMachine(vendors...)
	}
	return b
}

// Next is the machine's, less the rule.
func (b rulebook) Next(r *idempotency.Record, now time.Time) idempotency.Step {
	if b.without == flawSendsOn && r.State == idempotency.Unknown {
		r = altered(r, func(r *idempotency.Record) { r.Cancel = idempotency.CancelWish{} })
	}
	return b.risks(b.Machine.Next(b.risky(r), now), r)
}

// risky is the record as it looks without what a policy may not do.
func (b rulebook) risky(r *idempotency.Record) *idempotency.Record {
	if r.State != idempotency.Unknown {
		return r
	}
	return altered(r, func(r *idempotency.Record) {
		switch b.without { //nolint:exhaustive // the others are about something else
		case flawUncalled:
			r.Policy = idempotency.PreferDuplicate
		case flawRiskWish:
			r.Cancel = idempotency.CancelWish{}
		case flawRiskAgain:
			for i := range r.Submissions {
				if s := &r.Submissions[i]; s.Fate == idempotency.FateDecided {
					s.Fate = idempotency.FateAbsent
				}
			}
		}
	})
}

// risks is the action that a hasty policy makes of one.
func (b rulebook) risks(a idempotency.Step, r *idempotency.Record) idempotency.Step {
	if b.without == flawRiskEarly && r.State == idempotency.Unknown && a.Do == idempotency.DoLookUp {
		a.Do = idempotency.DoDuplicate
	}
	return a
}

// Apply is the machine's, less the rule.
func (b rulebook) Apply(r *idempotency.Record, now time.Time, events ...idempotency.Event) (idempotency.Change, error) {
	if b.without == flawNone {
		return b.Machine.Apply(r, now, events...)
	}
	told := slices.Clone(events)
	for i, ev := range told {
		told[i] = b.hears(r, ev)
	}
	m := b.Machine
	if _, sends := told[0].(idempotency.Intend); sends {
		m = b.sends
	}
	ch, err := m.Apply(b.reads(r, now, told[0]), now, told...)
	if err != nil {
		return ch, err
	}
	ch.Record = b.writes(r, ch.Record, told[0])
	if b.without == flawRiskUnsaid {
		ch.Entries = slices.DeleteFunc(ch.Entries, func(e idempotency.Entry) bool { return e.Kind == "decided" })
	}
	return ch, nil
}

// altered returns a copy of the record with a change: records are shared.
func altered(r *idempotency.Record, change func(*idempotency.Record)) *idempotency.Record {
	other := *r
	other.Submissions = slices.Clone(r.Submissions)
	change(&other)
	return &other
}

// reads is the record as the machine gets to see it without the rule.
func (b rulebook) reads(r *idempotency.Record, now time.Time, ev idempotency.Event) *idempotency.Record {
	return altered(r, func(r *idempotency.Record) {
		switch ev := ev.(type) {
		case idempotency.Intend:
			if b.without == flawSendsOn {
				r.Cancel = idempotency.CancelWish{}
			}
		case idempotency.Answer:
			b.readsForAnswer(r, ev)
		case idempotency.LookedUp:
			for i := range r.Submissions {
				s := &r.Submissions[i]
				switch b.without { //nolint:exhaustive // the others are about something else
				case flawOneLook:
					s.Misses, s.LastMiss = 1, time.Time{}
				case flawNoVeto:
					s.Veto = false
				}
			}
		case idempotency.Amend:
			for _, s := range r.Live() {
				if b.without == flawAmendsLive && r.State == idempotency.Unknown {
					s.Fate = idempotency.FateDecided
					defer func() { r.State = idempotency.Held }()
				}
			}
		}
		if b.without == flawTimeBack {
			r.UpdatedAt = time.Time{}
		}
	})
}

func (b rulebook) readsForAnswer(r *idempotency.Record, ev idempotency.Answer) {
	for i := range r.Submissions {
		s := &r.Submissions[i]
		if s.Vendor != ev.Vendor || s.Ref != ev.Ref {
			continue
		}
		switch {
		case b.without == flawMilder && r.State == idempotency.Sending && s.Intent == ev.Intent:
			s.Join = 0
		case b.without == flawHeardTwice && ev.Intent != 0 && !slices.Contains(s.Unanswered, ev.Intent):
			s.Unanswered = append(slices.Clip(s.Unanswered), ev.Intent)
		}
	}
}

// hears is the event as the machine gets to hear it without the rule.
func (b rulebook) hears(r *idempotency.Record, ev idempotency.Event) idempotency.Event {
	switch ev := ev.(type) {
	case idempotency.Answer:
		return b.hearsAnswer(r, ev)
	case idempotency.LookedUp:
		ev.Control = ev.Control || b.without == flawNoControl
		ev.Failed = ev.Failed || b.overlooks(r, ev.Ref)
		ev.Orders = slices.Clone(ev.Orders)
		for i := range ev.Orders {
			ev.Orders[i] = b.sees(ev.Orders[i])
		}
		return ev
	case idempotency.Observe:
		ev.Sighting = b.sees(ev.Sighting)
		ev.Failed = ev.Failed || b.overlooks(r, ev.Ref)
		for i := range r.Submissions {
			if s := &r.Submissions[i]; b.without == flawSameRef && s.Vendor == ev.Vendor && ev.Sighting.Status.Source == postproof.SourceCallback {
				ev.Ref = s.Ref // the last one made
			}
		}
		return ev
	case idempotency.CancelAnswer:
		ev = b.hearsOfWish(ev)
		if b.without == flawUnread && !ev.TooLate && ev.ReadBack == nil {
			ev.ReadBack = &idempotency.Sighting{Status: postproof.Status{Stage: postproof.StageCanceled, Source: postproof.SourceResponse}}
		}
		return ev
	default:
		return ev
	}
}

func (b rulebook) hearsAnswer(r *idempotency.Record, ev idempotency.Answer) idempotency.Event {
	switch b.without { //nolint:exhaustive // the others are about something else
	case flawFailover:
		if ev.Delivery == postproof.Unknown && !ev.Duplicate {
			ev.Delivery = postproof.NotSent
		}
	case flawAnyIntent:
		if s := r.Current(); s != nil && r.State == idempotency.Sending && s.Vendor == ev.Vendor && s.Ref == ev.Ref {
			ev.Intent = s.Intent
		}
	}
	if ev.Order != nil {
		seen := b.sees(*ev.Order)
		ev.Order = &seen
	}
	return ev
}

// overlooks reports whether news is about another submission than the one that
// counts.
func (b rulebook) overlooks(r *idempotency.Record, ref postproof.Ref) bool {
	return b.without == flawLateUntold && !r.Receipt.IsZero() && r.Receipt.Ref != ref
}

func (b rulebook) sees(s idempotency.Sighting) idempotency.Sighting {
	s.Alive = s.Alive || b.without == flawDeadCounts
	s.Equal = s.Equal || b.without == flawAnyContent
	return s
}

// writes is what is made of the machine's word without the rule.
func (b rulebook) writes(before, after *idempotency.Record, ev idempotency.Event) *idempotency.Record {
	return altered(after, func(r *idempotency.Record) {
		b.writesOfStrangers(r, ev)
		switch b.without { //nolint:exhaustive // the others are about something else
		case flawExpiryPlans:
			if _, expired := ev.(idempotency.Expire); expired && r.State == idempotency.Unknown {
				r.State = idempotency.Planned
				r.Submissions[len(r.Submissions)-1].Join = postproof.NotSent
			}
		case flawNoVeto: // what is overlooked is still there
			for i := range min(len(r.Submissions), len(before.Submissions)) {
				r.Submissions[i].Veto = r.Submissions[i].Veto || before.Submissions[i].Veto
			}
		case flawNoDeadline:
			r.Deadline = time.Time{}
		case flawNoReason:
			r.Hold.Reason = ""
		case flawSendsOn:
			if _, sends := ev.(idempotency.Intend); sends {
				r.Cancel = before.Cancel
			}
		}
	})
}
