package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// Whoever puts off the poll of an accepted piece puts off nothing else: it is canceled,
// and watched for, when that was to be.
func TestPostponedPollDelaysNoCancellation(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "id")
	l.now = l.r.PollAt
	l.do(idempotency.WishCancel{By: "ann"})
	l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), Unasked: "no credentials"})
	l.next(idempotency.DoPoll)
	l.do(idempotency.Postpone{Until: l.now.Add(3 * time.Hour)})
	ask := l.r.Submissions[0].AskAt
	if !l.r.Due.Equal(ask) || !ask.After(l.now) {
		t.Fatalf("due at %s, want when it is to be canceled, %s", l.r.Due, ask)
	}
	l.now = ask
	l.next(idempotency.DoCancel)
	l.do(idempotency.Postpone{Until: l.now.Add(time.Second)}) // it could not be tried just now
	if want := l.now.Add(time.Second); !l.r.Due.Equal(want) {
		t.Errorf("due at %s, want %s", l.r.Due, want)
	}
}
