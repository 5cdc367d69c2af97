package idempotency_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// again applies an answer that was applied before, and requires that it changes
// nothing but what every change does.
func (l *life) again(a idempotency.Answer) {
	l.t.Helper()
	before, kinds := l.r, len(l.kinds)
	l.do(a)
	same := cmpopts.IgnoreFields(idempotency.Record{}, "Fence", "UpdatedAt", "Lease")
	if diff := cmp.Diff(before, l.r, same); diff != "" || len(l.kinds) != kinds {
		l.t.Errorf("the same answer, applied twice, tells %v and does (-before +after):\n%s", l.kinds[kinds:], diff)
	}
}

// An answer is applied from the spool, and the process dies before the spool is
// emptied: it is applied again, at once or much later, and changes nothing.
func TestAnswerAppliedTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	order := see("id", postproof.StageAccepted)
	dead := see("id", postproof.StageFailed)
	for name, tc := range map[string]struct {
		delivery postproof.Delivery
		code     postproof.Code
		order    *idempotency.Sighting
	}{
		"accepted":                 {postproof.Accepted, 0, &order},
		"accepted, a dead replay":  {postproof.Accepted, 0, &dead},
		"unknown":                  {postproof.Unknown, postproof.CodeDeadlineExceeded, nil},
		"refused":                  {postproof.Refused, postproof.CodeInvalidArgument, nil},
		"refused for a while":      {postproof.Refused, postproof.CodeRateLimited, nil},
		"not sent":                 {postproof.NotSent, postproof.CodeUnavailable, nil},
		"unknown, and a duplicate": {postproof.Unknown, postproof.CodeConflict, nil},
	} {
		for _, expired := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", after the lease"}[expired], func(t *testing.T) {
				t.Parallel()
				l := newLife(t, "key", "ref")
				l.send("key")
				a := l.answered("key", tc.delivery, tc.code)
				a.Order, a.Sends, a.Duplicate = tc.order, 2, tc.code == postproof.CodeConflict
				if expired {
					l.wait(leaseFor)
					l.do(idempotency.Expire{})
				}
				l.do(a)
				if l.r.Submissions[0].Sends != 2 || l.r.Submissions[0].Unanswered != nil {
					t.Fatalf("after the answer: %+v", l.r.Submissions[0])
				}
				l.again(a)
				l.wait(1)
				l.again(a)
				if l.r.State != idempotency.Planned && l.r.State != idempotency.Unknown {
					return
				}
				// A resend is under way when it comes once more.
				l.now = l.r.Due
				if l.m.Next(l.r, l.now).Do == idempotency.DoLookUp {
					return // called a duplicate: no resend
				}
				l.send("key")
				now := l.answered("key", postproof.Unknown, postproof.CodeDeadlineExceeded)
				l.again(a)
				l.do(now)
				l.again(a)
				l.again(now)
			})
		}
	}
}

// An answer can outlive the history that its intent is of. It counts once.
func TestAnswerOfALostHistoryCountsOnce(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{{Vendor: "list", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1)}}}})
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	stray := idempotency.Answer{Vendor: "list", Ref: exampleRef(1), Intent: 7, Delivery: postproof.Unknown, Sends: 1}
	l.do(stray)
	if s := l.r.Submissions[0]; s.Misses != 0 || s.Sends != 1 {
		t.Fatalf("bytes of the lost history void no look-up: %+v", s)
	}
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	l.again(stray)
	stray.Intent = 9
	l.do(stray)
	if s := l.r.Submissions[0]; s.Misses != 0 || s.Sends != 2 {
		t.Errorf("another answer of the lost history: %+v", s)
	}
}

// What is remembered of intents belongs to one record: a record is never
// changed in place.
func TestAnswersDoNotShareMemory(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.send("key")
	first := l.answered("key", postproof.Unknown, postproof.CodeDeadlineExceeded)
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.now = l.r.Due
	l.send("key")
	before := l.r
	want := []uint64{before.Submissions[0].Unanswered[0], before.Submissions[0].Intent}
	l.do(first)
	l.do(l.answered("key", postproof.Unknown, postproof.CodeDeadlineExceeded))
	if diff := cmp.Diff(want, before.Submissions[0].Unanswered); diff != "" {
		t.Errorf("the record before was changed (-want +got):\n%s", diff)
	}
	if open := l.r.Submissions[0].Unanswered; open != nil {
		t.Errorf("open intents: %v", open)
	}
}
