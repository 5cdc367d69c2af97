package postproof_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

func TestCodeOfAndDeliveryOf(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	e := func(c postproof.Code, d postproof.Delivery, err error) error { return postproof.NewError(c, d, err) }
	tests := []struct {
		name     string
		err      error
		code     postproof.Code
		delivery postproof.Delivery
	}{
		{"nil", nil, 0, 0},
		{"plain", plain, postproof.CodeUnknown, postproof.Unknown},
		{"canceled", fmt.Errorf("x: %w", context.Canceled), postproof.CodeCanceled, postproof.Unknown},
		{"deadline", context.DeadlineExceeded, postproof.CodeDeadlineExceeded, postproof.Unknown},
		{"deadline of a connection", os.ErrDeadlineExceeded, postproof.CodeDeadlineExceeded, postproof.Unknown},
		{"unsupported", errors.ErrUnsupported, postproof.CodeUnsupported, postproof.Unknown},
		{"both", e(postproof.CodeConflict, postproof.Refused, plain), postproof.CodeConflict, postproof.Refused},
		{"wrapped", fmt.Errorf("x: %w", e(postproof.CodeConflict, postproof.Refused, nil)), postproof.CodeConflict, postproof.Refused},
		{
			"the outer one decides", e(postproof.CodeInternal, postproof.Unknown, e(postproof.CodeConflict, postproof.Refused, nil)),
			postproof.CodeInternal, postproof.Unknown,
		},
		{
			"the outer one decides downwards, too", e(postproof.CodeConflict, postproof.Refused, e(postproof.CodeInternal, postproof.Unknown, nil)),
			postproof.CodeConflict, postproof.Refused,
		},
		{
			"the outer one says nothing", e(0, 0, fmt.Errorf("x: %w", e(postproof.CodeRateLimited, postproof.Refused, nil))),
			postproof.CodeRateLimited, postproof.Refused,
		},
		{"code of the context below", e(0, postproof.NotSent, context.Canceled), postproof.CodeCanceled, postproof.NotSent},
		{
			"joined: the milder first", errors.Join(e(postproof.CodeUnavailable, postproof.NotSent, nil), e(postproof.CodeInternal, postproof.Unknown, nil)),
			postproof.CodeUnavailable, postproof.Unknown,
		},
		{
			"joined with a context error", errors.Join(context.Canceled, e(postproof.CodeUnavailable, postproof.NotSent, nil)),
			postproof.CodeUnavailable, postproof.NotSent,
		},
		{
			"two causes", fmt.Errorf("%w, %w", e(0, postproof.Refused, nil), e(postproof.CodeConflict, postproof.Accepted, nil)),
			postproof.CodeConflict, postproof.Accepted,
		},
		{"a delivery of a newer version", e(postproof.CodeInternal, 9, nil), postproof.CodeInternal, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := postproof.CodeOf(tt.err); got != tt.code {
				t.Errorf("code %v, want %v", got, tt.code)
			}
			if got := postproof.DeliveryOf(tt.err); got != tt.delivery {
				t.Errorf("delivery %v, want %v", got, tt.delivery)
			}
		})
	}
}

func TestRetryAfterOf(t *testing.T) {
	t.Parallel()
	wait := func(d time.Duration, err error) error { return &postproof.Error{RetryAfter: d, Err: err} }
	for _, tt := range []struct {
		err  error
		want time.Duration
	}{
		{nil, 0},
		{errors.New("plain"), 0},
		{wait(time.Second, nil), time.Second},
		{wait(time.Second, fmt.Errorf("x: %w", wait(time.Minute, nil))), time.Minute},
		{wait(time.Minute, wait(time.Second, nil)), time.Minute},
		{errors.Join(wait(time.Second, nil), wait(time.Hour, nil)), time.Hour},
	} {
		if got := postproof.RetryAfterOf(tt.err); got != tt.want {
			t.Errorf("RetryAfterOf(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestErrorUnwrap(t *testing.T) {
	t.Parallel()
	if err := postproof.NewError(postproof.CodeCanceled, postproof.NotSent, context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error("the cause is not in the chain")
	}
}

// deliveries are all values, the neutral one and one of a newer version.
func deliveries() []postproof.Delivery {
	return []postproof.Delivery{0, postproof.NotSent, postproof.Refused, postproof.Unknown, postproof.Accepted, 5}
}

func TestDeliveryJoinIsAJoin(t *testing.T) {
	t.Parallel()
	rank := map[postproof.Delivery]int{postproof.NotSent: 1, postproof.Refused: 2, postproof.Unknown: 3, postproof.Accepted: 4, 5: 5}
	for _, a := range deliveries() {
		if a.Join(a) != a || a.Join(0) != a {
			t.Errorf("%v: not idempotent, or zero is not neutral", a)
		}
		for _, b := range deliveries() {
			ab := a.Join(b)
			if ab != b.Join(a) {
				t.Errorf("%v, %v: not commutative", a, b)
			}
			if rank[ab] != max(rank[a], rank[b]) {
				t.Errorf("%v join %v = %v: not the upper of the two", a, b, ab)
			}
			if (a.MayBeInTheMail() && a != 0 || b.MayBeInTheMail() && b != 0) && !ab.MayBeInTheMail() {
				t.Errorf("%v join %v = %v: hides that paper may exist", a, b, ab)
			}
			for _, c := range deliveries() {
				if ab.Join(c) != a.Join(b.Join(c)) {
					t.Errorf("%v, %v, %v: not associative", a, b, c)
				}
				if rank[b] <= rank[c] && rank[a.Join(b)] > rank[a.Join(c)] {
					t.Errorf("%v, %v, %v: not monotone", a, b, c)
				}
			}
		}
	}
}

func TestDeliveryMayBeInTheMail(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries() {
		if got, want := d.MayBeInTheMail(), d != postproof.NotSent && d != postproof.Refused; got != want {
			t.Errorf("%v: %t, want %t", d, got, want)
		}
	}
}

// TestNumbersNeverChange holds the numbers and names that stand in metrics and
// ledgers.
func TestNumbersNeverChange(t *testing.T) {
	t.Parallel()
	for n, name := range map[postproof.Delivery]string{1: "not_sent", 2: "refused", 3: "unknown", 4: "accepted", 0: "delivery(0)", 9: "delivery(9)", -1: "delivery(-1)"} {
		if n.String() != name {
			t.Errorf("%d is %q, want %q", int(n), n, name)
		}
		var back postproof.Delivery
		text, err := n.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != n {
			t.Errorf("%v comes back as %v from %q", n, back, text)
		}
	}
	for n, name := range map[postproof.Code]string{
		1: "invalid_argument", 2: "unauthenticated", 3: "permission_denied", 4: "not_found", 5: "conflict", 6: "rate_limited",
		7: "unavailable", 8: "deadline_exceeded", 9: "canceled", 10: "unsupported", 11: "internal", 12: "unknown", 0: "code(0)", 13: "code(13)",
	} {
		if n.String() != name {
			t.Errorf("%d is %q, want %q", int(n), n, name)
		}
		var back postproof.Code
		text, err := n.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != n {
			t.Errorf("%v comes back as %v from %q", n, back, text)
		}
	}
	for _, bad := range []string{"", "sent", "Accepted", "delivery()", "delivery(7", "delivery(7)x", "delivery(07)", "code(7)x", "delivery(2)"} {
		d, c := postproof.Accepted, postproof.CodeInternal
		if err := d.UnmarshalText([]byte(bad)); err == nil || d != postproof.Accepted {
			t.Errorf("delivery %q is read as %v, %v", bad, d, err)
		}
		if err := c.UnmarshalText([]byte(bad)); err == nil || c != postproof.CodeInternal {
			t.Errorf("code %q is read as %v, %v", bad, c, err)
		}
	}
}

// What a login came to says nothing about paper, and its text does not either: beside
// the "(not_sent)" of the submission an "(unknown)" would send somebody to the vendor.
func TestTheTextOfALoginHasNoDelivery(t *testing.T) {
	t.Parallel()
	login := &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Vendor: "pcm", Op: string(postproof.OpLogin), HTTPStatus: 503}
	err := &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Vendor: "pcm", Op: string(postproof.OpSubmit), Err: login}
	if got, want := err.Error(), "pcm: submit: unavailable (not_sent): pcm: login: unavailable: status 503"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if postproof.DeliveryOf(login) != postproof.Unknown || postproof.DeliveryOf(err) != postproof.NotSent {
		t.Errorf("the classes are %v and %v: only the text is another", postproof.DeliveryOf(login), postproof.DeliveryOf(err))
	}
}
