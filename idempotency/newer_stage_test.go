package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// newerStage is a job whose status a newer replica wrote, in a rolling upgrade.
func newerStage(t *testing.T) *life {
	t.Helper()
	l := newLife(t, "key")
	l.accept("key", "id")
	r := *l.r
	r.Status.Stage = "teleported"
	l.r = &r
	return l
}

// What this version does not understand it does not turn back.
func TestNewerStageIsNotTurnedBack(t *testing.T) {
	t.Parallel()
	l := newerStage(t)
	l.now = l.r.Due
	l.next(idempotency.DoPoll) // it is followed as before
	l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageInProduction)})
	if l.r.Status.Stage != "teleported" {
		t.Fatalf("status %s", l.r.Status.Stage)
	}
	l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageDelivered)})
	l.next(idempotency.DoFinish)
}

// A failure after it may be one of a piece that is in the mail: nothing is
// printed in its place.
func TestFailureAfterANewerStageIsHeld(t *testing.T) {
	t.Parallel()
	l := newerStage(t)
	l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
	l.state(idempotency.Held)
	if l.r.Hold.Reason != idempotency.HoldContradiction || l.r.Generation != 1 {
		t.Errorf("hold %s, generation %d", l.r.Hold.Reason, l.r.Generation)
	}
}
