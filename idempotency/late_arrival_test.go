package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestLateArrivalIsCanceledOrAnIncident(t *testing.T) {
	t.Parallel()
	late := func(t *testing.T) *life {
		t.Helper()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.absent("list")
		l.accept("key", "id-b")
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: idempotency.Sighting{
			Receipt: postproof.Receipt{VendorID: "id-a", AcceptedAt: l.now}, Alive: true, Equal: true,
			Status: postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceCallback},
		}})
		if !l.told("late_arrival") || l.r.Receipt.VendorID != "id-b" {
			t.Fatalf("receipt %+v", l.r.Receipt)
		}
		return l
	}
	t.Run("canceled", func(t *testing.T) {
		t.Parallel()
		l := late(t)
		if a := l.next(idempotency.DoCancel); a.Submission.VendorID != "id-a" {
			t.Fatalf("cancels %s", a.Submission.VendorID)
		}
		dead := see("id-a", postproof.StageCanceled)
		l.do(idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), ReadBack: &dead})
		l.state(idempotency.Accepted)
		if l.r.Submissions[0].Late != idempotency.LateCanceled {
			t.Errorf("late %q", l.r.Submissions[0].Late)
		}
	})
	t.Run("printed", func(t *testing.T) {
		t.Parallel()
		l := late(t)
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(2), Sighting: see("id-b", postproof.StageDelivered)})
		l.refused(9, idempotency.Finish{})
		l.wait(cancelFor)
		l.next(idempotency.DoTooLate)
		l.do(idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), TooLate: true})
		if !l.told("late_printed") || l.r.Submissions[0].Late != idempotency.LatePrinted {
			t.Errorf("late %q", l.r.Submissions[0].Late)
		}
	})
	// The job is held because its own piece may be none: what turned up may be the
	// only one, and is not canceled before a person says which one counts.
	held := func(t *testing.T) *life {
		t.Helper()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.absent("list")
		l.accept("key", "id-b")
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(2), Sighting: see("id-b", postproof.StageMailed)})
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(2), Sighting: see("id-b", postproof.StageFailed)})
		l.state(idempotency.Held)
		ghost := see("id-a", postproof.StageAccepted)
		ghost.Receipt.AcceptedAt = l.now
		l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{ghost}})
		l.state(idempotency.Held)
		if !l.told("late_arrival") || l.r.Receipt.VendorID != "id-b" {
			t.Fatalf("receipt %+v", l.r.Receipt)
		}
		l.next(idempotency.DoNothing)
		l.refused(13, idempotency.CancelAnswer{Vendor: "list", Ref: exampleRef(1), TooLate: true})
		return l
	}
	t.Run("while the job is held, and its piece counts", func(t *testing.T) {
		t.Parallel()
		l := held(t)
		l.do(idempotency.Release{By: "ann"})
		if a := l.next(idempotency.DoCancel); a.Submission.VendorID != "id-a" {
			t.Errorf("cancels %s", a.Submission.VendorID)
		}
	})
	t.Run("while the job is held, and it counts", func(t *testing.T) {
		t.Parallel()
		l := held(t)
		l.do(idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "printed there", VendorID: "id-a"})
		l.state(idempotency.Accepted)
		if l.r.Receipt.VendorID != "id-a" || l.r.Receipt.Vendor != "list" {
			t.Fatalf("receipt %+v", l.r.Receipt)
		}
		if a := l.next(idempotency.DoCancel); a.Submission.VendorID != "id-b" {
			t.Errorf("cancels %s", a.Submission.VendorID)
		}
	})
	t.Run("while the newer generation is unknown", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.absent("list")
		l.lose("key")
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id-a", postproof.StageAccepted)})
		l.state(idempotency.Accepted) // one piece is certain; the other is looked for
		if l.r.Receipt.VendorID != "id-a" {
			t.Fatalf("receipt %+v", l.r.Receipt)
		}
		if a := l.next(idempotency.DoLookUp); a.Submission.Vendor != "key" {
			t.Errorf("looks up %s", a.Submission.Vendor)
		}
		l.do(idempotency.LookedUp{Vendor: "key", Ref: exampleRef(2), Complete: true, Orders: []idempotency.Sighting{see("id-b", postproof.StageAccepted)}})
		if !l.told("late_arrival") || l.r.Receipt.VendorID != "id-a" {
			t.Errorf("receipt %+v", l.r.Receipt)
		}
	})
	t.Run("while the newer one is being sent, which is then refused", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list", "key")
		l.lose("list")
		l.absent("list")
		l.send("key")
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id-a", postproof.StageAccepted)})
		l.state(idempotency.Sending)
		l.do(l.answered("key", postproof.Refused, postproof.CodeInvalidArgument))
		l.state(idempotency.Accepted)
		if l.r.Receipt.VendorID != "id-a" {
			t.Errorf("receipt %+v", l.r.Receipt)
		}
	})
}

func TestTwoPiecesUnderOneReferenceAreAnIncident(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{
		see("id-1", postproof.StageAccepted), see("id-2", postproof.StageAccepted),
	}})
	l.state(idempotency.Accepted)
	if !l.told("twice_at_vendor") || l.r.Submissions[0].Twin != "id-2" {
		t.Fatalf("twin %q", l.r.Submissions[0].Twin)
	}
	// One of them dies: the job lives on with the other.
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), VendorID: "id-1", Sighting: see("id-1", postproof.StageCanceled)})
	l.state(idempotency.Accepted)
	if l.r.Receipt.VendorID != "id-2" || l.r.Generation != 1 {
		t.Errorf("receipt %+v, generation %d", l.r.Receipt, l.r.Generation)
	}
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), VendorID: "id-2", Sighting: see("id-2", postproof.StageFailed)})
	l.state(idempotency.Planned)
}

func TestNewsAboutTheDead(t *testing.T) {
	t.Parallel()
	t.Run("an old callback does not raise it", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
		l.state(idempotency.Planned)
		old := see("id", postproof.StageRendered)
		old.Status.Source = postproof.SourceCallback
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: old})
		l.state(idempotency.Planned)
		old.Status.Stage = postproof.StageMailed
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: old})
		l.state(idempotency.Accepted) // it was mailed: nothing more is sent
	})
	t.Run("told twice, it starts one generation", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		dead := idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)}
		l.do(dead)
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
		l.do(dead)
		l.state(idempotency.Held)
		if l.r.Generation != 2 {
			t.Errorf("generation %d, want 2", l.r.Generation)
		}
	})
	t.Run("what was mailed is not printed again", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageMailed)})
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
		l.state(idempotency.Held)
		if l.r.Hold.Reason != idempotency.HoldContradiction || !l.told("contradiction") {
			t.Errorf("hold %+v", l.r.Hold)
		}
	})
	t.Run("an operator's hold outlasts it", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
		l.state(idempotency.Held)
		l.do(idempotency.Release{By: "ann"})
		l.state(idempotency.Planned)
		if l.r.Generation != 2 { // the reference of the first is burnt
			t.Errorf("generation %d, want 2", l.r.Generation)
		}
	})
	t.Run("too many generations", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		for g := 1; g <= 4; g++ {
			l.accept("list", "id")
			l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(g), Sighting: see("id", postproof.StageFailed)})
		}
		l.state(idempotency.Held)
		if l.r.Hold.Reason != idempotency.HoldGenerations {
			t.Errorf("hold %+v", l.r.Hold)
		}
	})
}

// A vendor that refused for the moment may be sent to again much later: under
// a new key, because nobody knows what it does with the old one.
