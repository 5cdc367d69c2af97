package vendors_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func TestNotOrdered(t *testing.T) {
	t.Parallel()
	if err := vendors.NotOrdered(nil); err != nil {
		t.Errorf("nil becomes %v", err)
	}
	for _, test := range []struct {
		name string
		err  error
		want postproof.Delivery
		code postproof.Code
	}{
		{"a refusal", postproof.NewError(postproof.CodeInvalidArgument, postproof.Refused, nil), postproof.Refused, postproof.CodeInvalidArgument},
		{"nothing went out", postproof.NewError(postproof.CodeUnavailable, postproof.NotSent, nil), postproof.NotSent, postproof.CodeUnavailable},
		{"a lost answer", postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, nil), postproof.NotSent, postproof.CodeUnavailable},
		{"taken, it says", postproof.NewError(postproof.CodeConflict, postproof.Accepted, nil), postproof.NotSent, postproof.CodeConflict},
		{"no word on paper", errors.New("the answer is none"), postproof.NotSent, postproof.CodeUnknown},
		{"a context", fmt.Errorf("upload: %w", context.DeadlineExceeded), postproof.NotSent, postproof.CodeDeadlineExceeded},
	} {
		got := vendors.NotOrdered(test.err)
		if postproof.DeliveryOf(got) != test.want || postproof.CodeOf(got) != test.code || !errors.Is(got, test.err) {
			t.Errorf("%s: %v, want %v (%v) around the cause", test.name, got, test.code, test.want)
		}
	}
	slow := &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Vendor: "acme", RetryAfter: time.Minute}
	if got := vendors.NotOrdered(slow); postproof.RetryAfterOf(got) != time.Minute {
		t.Errorf("%v does not say how long to wait", got)
	}
	const want = "acme: submit: unavailable (not_sent): before the order: acme: unavailable (unknown)"
	if got := vendors.NotOrdered(slow).Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
