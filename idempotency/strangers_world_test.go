package idempotency_test

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Not everybody who claims the job can do what is to be done next. A worker may lack
// the adapter of the vendor that has the piece, or the credentials of its account. Or
// it has other credentials of the same account, because its key is being exchanged:
// then each worker knows the other name, too, as if both were told of both.

// lack is what a worker lacks that claims the job.
type lack uint8

const (
	// noAdapter: of one vendor. It does not know what that one can do, either.
	noAdapter lack = iota
	// noCredentials: of the account that the piece was submitted under.
	noCredentials
)

// accounts are the names of the account that credentials are of.
func accounts(cred uint8) string { return [...]string{"acct", "acct2"}[cred] }

// accountOf is the name under which whoever moves sends to a vendor: that of what
// was sent already, but its own where a key counts for the credentials that it came
// with and nothing came of the former send.
func (x *explorer) accountOf(w *world, v, g uint8) string {
	for i := range w.rec.Submissions {
		s := &w.rec.Submissions[i]
		if s.Vendor != x.vendors[v] || s.Ref != exampleRef(int(g)) {
			continue
		}
		if s.Fate == "" && s.Dead() && x.caps[v].Idempotency.Kind == postproof.IdempotencyKey {
			break
		}
		return s.Account
	}
	return accounts(w.cred)
}

// mayRepeat reports whether whoever moves may send a submission again: nobody knows
// whether a vendor knows a repeat that comes with other credentials.
func (x *explorer) mayRepeat(w *world, s *idempotency.Submission) bool {
	if x.flaw == flawOtherKey {
		return true
	}
	byOthers := s.Also != "" && x.caps[x.index(s.Vendor)].Idempotency.Kind != postproof.IdempotencyKey
	return s.Account == accounts(w.cred) && !byOthers
}

// stepStrangers lets somebody claim the job who lacks something that matters now.
func (x *explorer) stepStrangers(w *world, emit func(move, world)) {
	x.stepRotated(w, emit)
	for v, name := range x.vendors {
		for _, lacks := range []lack{noAdapter, noCredentials} {
			held := *w
			if held.left.strangers == 0 {
				return
			}
			held.left.strangers--
			if !held.claim() {
				return
			}
			y := *x
			who := "a worker without its credentials: "
			if lacks == noAdapter {
				y.m.Machine, who = x.unequipped(name), "a worker without its adapter: "
			}
			a := y.m.Next(held.rec, held.time())
			if a.Submission.Vendor != name && a.Reason != idempotency.HoldVendorGone {
				continue
			}
			y.actsAsStranger(&held, a, lacks)
			emit(move{who + string(a.Do), uint8(v), genOf(a.Submission.Ref)}, held)
		}
	}
}

// stepRotated lets somebody claim the job who has the new credentials.
func (x *explorer) stepRotated(w *world, emit func(move, world)) {
	if held := *w; held.left.rotated > 0 && held.claim() {
		held.left.rotated--
		held.cred = 1
		x.stepWorkerOn(held, func(mv move, next world) {
			next.cred = 0
			mv.do = "with the new key: " + mv.do
			emit(mv, next)
		})
	}
}

// unequipped is the machine of who does not have the adapter of a vendor.
func (x *explorer) unequipped(vendor string) *idempotency.Machine {
	m := *x.m.Machine
	known := m.Caps
	m.Caps = func(v string) *postproof.Capabilities {
		if v == vendor {
			return nil
		}
		return known(v)
	}
	return &m
}

// actsAsStranger does as much of an action as needs nobody's answer.
func (x *explorer) actsAsStranger(w *world, a idempotency.Step, lacks lack) {
	vendor, ref := a.Submission.Vendor, a.Submission.Ref
	// What only others can settle is left to them once, and held the next time.
	var gone idempotency.Event = idempotency.PutOnHold{Reason: idempotency.HoldVendorGone, Note: "not here"}
	if w.rec.Awaits == "" {
		gone = idempotency.Postpone{Until: w.time().Add(tick), Awaits: "others"}
	}
	switch a.Do {
	case idempotency.DoHold:
		if a.Reason == idempotency.HoldVendorGone {
			x.must(w, gone)
			return
		}
		x.plain(w, a)
	case idempotency.DoCancel:
		x.must(w, idempotency.CancelAnswer{Vendor: vendor, Ref: ref, Unasked: "not here"})
		said := slices.ContainsFunc(w.rec.Submissions, func(s idempotency.Submission) bool { return s.Ref == ref && s.Vendor == vendor && s.Unasked != "" })
		switch {
		case w.broken != "":
		case w.rec.Cancel.Outcome != "":
			w.broken = "given up: nobody has said no: " + describe(w)
		case !said:
			w.broken = "unsaid: nobody could ask, and the record does not say so: " + describe(w)
		}
	case idempotency.DoLookUp:
		if lacks == noCredentials && w.rec.State == idempotency.Unknown && !a.Submission.Dead() {
			x.must(w, gone)
			return
		}
		x.must(w, idempotency.LookedUp{Vendor: vendor, Ref: ref, Failed: true})
	case idempotency.DoResend:
		x.must(w, gone)
	case idempotency.DoPoll:
		x.must(w, idempotency.Observe{Vendor: vendor, Ref: ref, VendorID: a.Submission.VendorID, Failed: true})
	case idempotency.DoTooLate:
		if lacks == noAdapter && x.inTime(w, &a.Submission, w.now) {
			w.broken = "given up: whoever does not know the vendor says that it is too late: " + describe(w)
			return
		}
		x.plain(w, a)
	default:
		x.plain(w, a)
	}
}

// inTime reports whether a piece lives that its vendor would still cancel at a tick.
func (x *explorer) inTime(w *world, s *idempotency.Submission, at int16) bool {
	window := x.caps[x.index(s.Vendor)].Cancel
	return slices.ContainsFunc(w.orders[:w.nOrder], func(o order) bool {
		return o.fate == uint8(alive) && x.vendors[o.vendor] == s.Vendor && exampleRef(int(o.gen)) == s.Ref &&
			window.Supported && at < o.made+cancelFor-cancelClose
	})
}

// waitsInVain reports whether a wish waits only for somebody who can ask the vendor,
// with time enough left: whoever comes next has to have the piece canceled.
func (x *explorer) waitsInVain(w *world) bool {
	r := w.rec
	if x.silent || w.broken != "" || r.State != idempotency.Accepted || !r.Cancel.Stands() || r.Cancel.Outcome != "" || r.Status.Stage.Terminal() {
		return false
	}
	return slices.ContainsFunc(r.Submissions, func(s idempotency.Submission) bool {
		return s.Unasked != "" && s.Ref == r.Receipt.Ref && s.Vendor == r.Receipt.Vendor && x.inTime(w, &s, w.now+3)
	})
}

// keepsNames says whose name a new intent lost: credentials that have sent bytes of
// it already, whatever came of them.
func keepsNames(before, after *idempotency.Record, ev idempotency.Intend) string {
	for i := range before.Submissions {
		was := &before.Submissions[i]
		if was.Vendor != ev.Vendor || was.Ref != ev.Ref || was.Join == postproof.NotSent {
			continue
		}
		if s := after.Current(); s.Account != was.Account && s.Also != was.Account {
			return was.Account
		}
	}
	return ""
}

// wronglyNamed says whose name is missing from a submission: with which credentials
// its piece came is what everything depends on that is asked about it.
func (x *explorer) wronglyNamed(w *world) string {
	for _, o := range w.orders[:w.nOrder] {
		for i := range w.rec.Submissions {
			s := &w.rec.Submissions[i]
			if o.fate == uint8(alive) && s.Vendor == x.vendors[o.vendor] && s.Ref == exampleRef(int(o.gen)) && !w.doubted(s) &&
				s.Account != accounts(o.cred) && s.Also != accounts(o.cred) {
				return "whose it is is forgotten: it came as " + accounts(o.cred) + ": " + describe(w)
			}
		}
	}
	return ""
}

// doubted reports whether a recovery made the submission, which knows of no send.
func (w *world) doubted(s *idempotency.Submission) bool { return s.FirstAt.IsZero() }

// hearsOfWish is what the machine hears of a cancellation without a rule.
func (b rulebook) hearsOfWish(ev idempotency.CancelAnswer) idempotency.CancelAnswer {
	if b.without == flawGivenUp && ev.Unasked != "" {
		ev.TooLate = true
	}
	return ev
}

// writesOfStrangers is what is made of the machine's word without a rule.
func (b rulebook) writesOfStrangers(r *idempotency.Record, ev idempotency.Event) {
	for i := range r.Submissions {
		s := &r.Submissions[i]
		switch b.without { //nolint:exhaustive // the others are about something else
		case flawNotAgain:
			if ev, ok := ev.(idempotency.CancelAnswer); ok && ev.Unasked != "" && !s.AskAt.IsZero() {
				s.AskAt = s.AskAt.Add(100 * time.Hour)
				r.Due = s.AskAt
			}
		case flawNoAlso:
			s.Also = ""
		}
	}
}
