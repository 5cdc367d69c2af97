package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// atRest are the ways in which a job comes to rest after its first generation
// was proven not to be at its vendor.
func atRest() map[idempotency.State]func(*life) {
	return map[idempotency.State]func(*life){
		idempotency.Planned:  func(l *life) { l.do(idempotency.Postpone{Until: l.now.Add(20 * tick)}) },
		idempotency.Refused:  func(l *life) { l.do(idempotency.NoRoute{Code: postproof.CodeUnsupported}) },
		idempotency.Held:     func(l *life) { l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator}) },
		idempotency.Canceled: func(l *life) { l.do(idempotency.WishCancel{By: "ann"}) },
	}
}

// thoughtAbsent is a job at rest whose vendor is watched.
func thoughtAbsent(t *testing.T, state idempotency.State) *life {
	t.Helper()
	l := newLife(t, "list")
	l.lose("list")
	l.absent("list")
	atRest()[state](l)
	l.state(state)
	return l
}

// claimed waits until the record can be claimed, and claims it.
func (l *life) claimed(want time.Time) {
	l.t.Helper()
	at, ever := l.r.VisibleAt()
	if !ever || !at.Equal(want) {
		l.t.Fatalf("visible at %s, %v, want %s", at, ever, want)
	}
	l.now = at
	l.lease()
}

// Absence was taken as proven, and the job came to rest. The vendor is looked
// at all the same: what arrives late is found without a callback.
func TestWatchFindsALateArrivalInEveryState(t *testing.T) {
	t.Parallel()
	for state := range atRest() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			l := thoughtAbsent(t, state)
			l.next(idempotency.DoWait)
			l.claimed(l.r.Submissions[0].NextWatch)
			if a := l.next(idempotency.DoLookUp); a.Submission.Ref != exampleRef(1) {
				t.Fatalf("looks up %s", a.Submission.Ref)
			}
			ghost := see("ghost", postproof.StageAccepted)
			ghost.Receipt.AcceptedAt = l.now
			l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{ghost}})
			l.state(idempotency.Accepted)
			if !l.told("late_arrival") || l.r.Receipt.VendorID != "ghost" || l.r.Lease != (idempotency.Lease{}) {
				t.Fatalf("told %v, receipt %+v, lease %+v", l.kinds, l.r.Receipt, l.r.Lease)
			}
			if state != idempotency.Canceled {
				l.next(idempotency.DoWait) // it is the piece that counts now
				return
			}
			l.next(idempotency.DoCancel)
			dead := see("ghost", postproof.StageCanceled)
			l.do(idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), ReadBack: &dead})
			l.state(idempotency.Canceled)
		})
	}
	t.Run("canceled, and too late to stop", func(t *testing.T) {
		t.Parallel()
		l := thoughtAbsent(t, idempotency.Canceled)
		l.claimed(l.r.Submissions[0].NextWatch)
		ghost := see("ghost", postproof.StageMailed)
		ghost.Receipt.AcceptedAt = l.now.Add(-cancelFor * tick)
		l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{ghost}})
		l.next(idempotency.DoTooLate)
		l.do(idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), TooLate: true})
		l.state(idempotency.Accepted)
		if !l.told("late_arrival") || !l.told("cancel_too_late") {
			t.Errorf("told %v", l.kinds)
		}
	})
}

// Looks that find nothing give the record back at once, and come to an end.
// What the job waits for by itself is not moved by them.
func TestWatchLeavesTheJobAsItIsAndEnds(t *testing.T) {
	t.Parallel()
	for state := range atRest() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			l := thoughtAbsent(t, state)
			due, until := l.r.Due, l.r.Submissions[0].WatchUntil
			for looks := 0; ; looks++ {
				s := l.r.Submissions[0]
				if s.NextWatch.IsZero() {
					if looks != 3 {
						t.Errorf("%d looks, want one each two ticks of six", looks)
					}
					break
				}
				if prunable := l.r.Prunable(l.now.Add(1000 * time.Hour)); prunable {
					t.Error("the record is pruned while its vendor is watched")
				}
				l.claimed(s.NextWatch)
				if l.now.After(until) {
					t.Fatalf("looked at %s, the watch ends at %s", l.now, until)
				}
				l.next(idempotency.DoLookUp)
				l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Failed: looks == 1})
				if l.r.State != state || !l.r.Due.Equal(due) || l.r.Lease != (idempotency.Lease{}) {
					t.Fatalf("after a look: %s, due %s, lease %+v", l.r.State, l.r.Due, l.r.Lease)
				}
			}
			at, ever := l.r.VisibleAt()
			if planned := state == idempotency.Planned; ever != planned || (planned && !at.Equal(due)) {
				t.Errorf("after the watch it is visible at %s: %v", at, ever)
			}
			if l.r.State.Final() != l.r.Prunable(l.now.Add(1000*time.Hour)) {
				t.Errorf("after the watch: prunable %v", l.r.Prunable(l.now.Add(1000*time.Hour)))
			}
		})
	}
}

// Whoever has to wait for the watch does not send before its time.
func TestPostponeNeverShortensAWait(t *testing.T) {
	t.Parallel()
	l := thoughtAbsent(t, idempotency.Planned)
	due := l.r.Due
	a := l.next(idempotency.DoWait)
	if !a.At.Before(due) {
		t.Fatalf("waits until %s, the watch is before %s", a.At, due)
	}
	l.do(idempotency.Postpone{Until: a.At})
	if !l.r.Due.Equal(due) {
		t.Errorf("due %s, want %s", l.r.Due, due)
	}
}
