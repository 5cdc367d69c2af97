package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestRule13CancelIsADurableWish(t *testing.T) {
	t.Parallel()
	t.Run("at once where nothing was sent", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.do(idempotency.WishCancel{By: "ann"})
		l.state(idempotency.Canceled)
	})
	t.Run("it forbids sends and survives doubt", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.lose("key")
		l.do(idempotency.WishCancel{By: "ann"})
		l.state(idempotency.Unknown)
		l.wait(1)
		l.next(idempotency.DoLookUp) // not a resend
		l.lease()
		l.refused(13, l.intent("key"))
		s := see("id", postproof.StageAccepted)
		s.Receipt.AcceptedAt = l.now
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: s})
		l.next(idempotency.DoCancel)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1)}) // nothing read back
		l.state(idempotency.Accepted)
		l.wait(1)
		l.next(idempotency.DoCancel)
		dead := see("id", postproof.StageCanceled)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), ReadBack: &dead})
		l.state(idempotency.Canceled)
	})
	t.Run("not past the window less its margin", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.wait(cancelFor - cancelClose)
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoTooLate)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), TooLate: true})
		if l.r.Cancel.Outcome != idempotency.CancelTooLate || !l.told("cancel_too_late") {
			t.Errorf("outcome %q", l.r.Cancel.Outcome)
		}
	})
	t.Run("nobody can ask", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoCancel)
		none := idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), Unasked: "no credentials"}
		l.do(none)
		s := l.r.Submissions[0]
		if l.r.Cancel.Outcome != "" || l.r.Cancel.Tries != 0 || s.Unasked != "no credentials" || !s.AskAt.After(l.now) || !l.told("cancel_waits") {
			t.Fatalf("%+v, %q, again at %v", l.r.Cancel, s.Unasked, s.AskAt)
		}
		if a := l.next(idempotency.DoWait); !a.At.Equal(s.AskAt) {
			t.Errorf("it waits until %v, want %v", a.At, s.AskAt)
		}
		l.now = s.AskAt
		l.next(idempotency.DoCancel)
		caps := l.m.Caps
		l.m.Caps = func(string) *postproof.Capabilities { return nil }
		l.wait(cancelFor) // where the vendor is not known nobody knows that it is too late
		l.next(idempotency.DoCancel)
		l.do(none)
		delivered := see("id", postproof.StageDelivered)
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: delivered})
		l.next(idempotency.DoTooLate) // but for what was delivered
		l.m.Caps = caps
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), TooLate: true})
		if s := l.r.Submissions[0]; l.r.Cancel.Outcome != idempotency.CancelTooLate || s.Unasked != "" || !s.AskAt.IsZero() {
			t.Errorf("%+v, %q, %v", l.r.Cancel, s.Unasked, s.AskAt)
		}
	})
	t.Run("from held, while the window is open", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoCancel)
	})
	t.Run("it outlives the piece", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.WishCancel{By: "ann"})
		l.absent("list")
		l.state(idempotency.Canceled)
		s := see("id", postproof.StageAccepted) // it turns up after all
		s.Receipt.AcceptedAt = l.now
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: s})
		l.next(idempotency.DoCancel)
	})
}

func TestRule14AnAnswerMeansTheSameLater(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key", "ref")
	l.send("key")
	answer, s := l.answered("key", postproof.Accepted, 0), see("id", postproof.StageAccepted)
	s.Status.Source = postproof.SourceResponse
	answer.Order = &s
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
	l.do(answer) // from the spool, days later
	l.state(idempotency.Accepted)
	if l.r.Receipt.VendorID != "id" {
		t.Fatalf("receipt %+v", l.r.Receipt)
	}
	before := l.r.PollAt
	l.do(answer) // twice
	l.state(idempotency.Accepted)
	if l.r.Generation != 1 || !l.r.PollAt.Equal(before) || len(l.r.Submissions) != 1 || l.told("twice_at_vendor") {
		t.Error("the same answer, applied twice, does something")
	}
}
