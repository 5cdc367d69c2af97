package signature_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/signature"
)

// TestRoundTrip: what Sign signs verifies, and neither header nor body is
// changed.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		v := s.mustVerifier(t, 1)
		for _, body := range [][]byte{nil, small(), large(1 << 10), large(1 << 16)} {
			h, signed := s.mustSign(t, body, signedAt(), 1)
			before, beforeBody := h.Clone(), slices.Clone(signed)
			for range 3 { // from the pool, too
				want(t, fmt.Sprintf("%d bytes", len(body)), v.Verify(h, signed, signedAt()), nil)
			}
			if diff := cmp.Diff(before, h); diff != "" {
				t.Errorf("the header was changed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(beforeBody, signed); diff != "" {
				t.Errorf("the body was changed (-want +got):\n%s", diff)
			}
		}
	})
}

// TestEveryBitCounts: a callback that differs in a single bit, of its headers
// (the time among them), its body or our secret, is refused; so is one that is
// a byte shorter or longer.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		v := s.mustVerifier(t, 1)
		h, body := s.mustSign(t, small(), signedAt(), 1)
		want(t, "untouched", v.Verify(h, body, signedAt()), nil)
		check := func(what string, h http.Header, body []byte) {
			t.Helper()
			if err := v.Verify(h, body, signedAt()); !refused(err) {
				t.Errorf("%s: %v, want a refusal", what, err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(h)) {
			value := h[name][0]
			bitFlips(value, func(bit int, flipped string) {
				check(fmt.Sprintf("%s with bit %d flipped", name, bit), with(h, name, flipped), body)
			})
			for cut := range len(value) {
				check(fmt.Sprintf("the first %d bytes of %s", cut, name), with(h, name, value[:cut]), body)
				check(fmt.Sprintf("%s from byte %d", name, cut+1), with(h, name, value[cut+1:]), body)
			}
			for _, extra := range []string{" ", "\n", "\x00", "0", "a", "=", ",", "."} {
				check(fmt.Sprintf("%s and %q", name, extra), with(h, name, value+extra), body)
				check(fmt.Sprintf("%q and %s", extra, name), with(h, name, extra+value), body)
			}
		}
		if !s.bodyless {
			bitFlips(string(body), func(bit int, flipped string) {
				check(fmt.Sprintf("body with bit %d flipped", bit), h, []byte(flipped))
			})
			for cut := range len(body) {
				check(fmt.Sprintf("the first %d bytes of the body", cut), h, body[:cut])
			}
			for _, extra := range []string{" ", "\n", "\r\n", "\x00", "="} {
				check(fmt.Sprintf("body and %q", extra), h, []byte(string(body)+extra))
				check(fmt.Sprintf("%q and body", extra), h, []byte(extra+string(body)))
			}
		}
		secret, _ := s.keys(1)
		bitFlips(secret, func(bit int, flipped string) {
			v, err := s.verifier(0, flipped)
			if err != nil {
				return // refused earlier
			}
			if err := v.Verify(h, body, signedAt()); !refused(err) {
				t.Errorf("secret with bit %d flipped: %v, want a refusal", bit, err)
			}
		})
	})
}

// TestRotation: of several active secrets each verifies, wherever it stands in
// the list, and one that was retired does not.
func TestRotation(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		for _, active := range [][]int{{1}, {1, 2}, {2, 1}, {1, 2, 3}, {1, 1}} {
			v := s.mustVerifier(t, active...)
			for number := range 5 {
				h, body := s.mustSign(t, small(), signedAt(), number)
				var reason error
				if !slices.Contains(active, number) {
					reason = signature.ErrSignature
				}
				want(t, fmt.Sprintf("active %v, signed with %d", active, number), v.Verify(h, body, signedAt()), reason)
			}
		}
	})
}

// TestToleranceBothWays: the signed time may be the tolerance away from the
// time of receipt on either side, and no more.
func TestToleranceBothWays(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		secret, _ := s.keys(1)
		for _, tt := range []struct {
			set, tolerance time.Duration
		}{{0, 5 * time.Minute}, {time.Minute, time.Minute}, {96 * time.Hour, 96 * time.Hour}} {
			v, err := s.verifier(tt.set, secret)
			if err != nil {
				t.Fatal(err)
			}
			stale, future := signature.ErrStale, signature.ErrFuture
			if !s.timed {
				stale, future = nil, nil
			}
			h, body := s.mustSign(t, small(), signedAt(), 1)
			for _, at := range []struct {
				receivedAt time.Time
				reason     error
			}{
				{signedAt(), nil},
				{signedAt().Add(tt.tolerance), nil},
				{signedAt().Add(tt.tolerance + time.Nanosecond), stale},
				{signedAt().AddDate(10, 0, 0), stale},
				{signedAt().Add(-tt.tolerance), nil},
				{signedAt().Add(-tt.tolerance - time.Nanosecond), future},
				{time.Time{}, future},
			} {
				what := fmt.Sprintf("tolerance %v, received %v after it was signed", tt.tolerance, at.receivedAt.Sub(signedAt()))
				want(t, what, v.Verify(h, body, at.receivedAt), at.reason)
				want(t, "nobody signed it; "+what, s.mustVerifier(t, 2).Verify(h, body, at.receivedAt), signature.ErrSignature)
			}
		}
		if _, err := s.verifier(-1, secret); (err == nil) != (!s.timed) {
			t.Errorf("a negative tolerance: %v", err)
		}
	})
}

// TestMissingAndRepeatedHeaders: a header that is missing, empty or stands
// there twice is malformed, and the error names it and not its value.
func TestMissingAndRepeatedHeaders(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		v := s.mustVerifier(t, 1)
		h, body := s.mustSign(t, small(), signedAt(), 1)
		for _, name := range slices.Sorted(maps.Keys(h)) {
			value := h[name][0]
			for what, broken := range map[string]http.Header{
				"missing": with(h, name), "empty": with(h, name, ""),
				"twice": with(h, name, value, value), "twice, once empty": with(h, name, "", value),
			} {
				err := v.Verify(broken, body, signedAt())
				want(t, name+" "+what, err, signature.ErrMalformed)
				if !contains(err, name) || contains(err, value) {
					t.Errorf("%s %s: the error must name the header and not its value: %v", name, what, err)
				}
			}
		}
		if len(h) > 0 {
			want(t, "no header at all", v.Verify(nil, body, signedAt()), signature.ErrMalformed)
		}
	})
}

// TestTokenSaysNothingOfTheBody: a fixed token cannot.
func TestTokenSaysNothingOfTheBody(t *testing.T) {
	t.Parallel()
	v, err := signature.Token{Header: "X-Token"}.NewVerifier("a-token-of-some-length")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"X-Token": {"a-token-of-some-length"}}
	for _, body := range []string{"", "one", "another"} {
		want(t, body, v.Verify(h, []byte(body), time.Time{}), nil)
	}
}

// TestTokens: tokens that came in a URL.
func TestTokens(t *testing.T) {
	t.Parallel()
	tokens, err := signature.NewTokens("a-token-of-some-length", "another-token-of-some-length")
	if err != nil {
		t.Fatal(err)
	}
	want(t, "first", tokens.Verify("a-token-of-some-length"), nil)
	want(t, "second", tokens.Verify("another-token-of-some-length"), nil)
	want(t, "none", tokens.Verify(""), signature.ErrMalformed)
	bitFlips("a-token-of-some-length", func(bit int, flipped string) {
		want(t, fmt.Sprintf("bit %d", bit), tokens.Verify(flipped), signature.ErrSignature)
	})
	var zero signature.Tokens
	want(t, "zero", zero.Verify("a-token-of-some-length"), signature.ErrSignature)
	want(t, "nil", (*signature.Tokens)(nil).Verify("a-token-of-some-length"), signature.ErrSignature)
}

// TestZeroVerifierRefuses: whoever forgot to look at a constructor's error
// does not let everybody in.
func TestZeroVerifierRefuses(t *testing.T) {
	t.Parallel()
	for _, v := range []*signature.Verifier{nil, {}} {
		want(t, fmt.Sprint(v), v.Verify(http.Header{}, nil, signedAt()), signature.ErrSignature)
	}
	v, err := signature.HMAC{Header: "X"}.NewVerifier("short")
	if err == nil {
		t.Fatal("a short secret was taken")
	}
	want(t, "after an error", v.Verify(http.Header{"X": {""}}, nil, signedAt()), signature.ErrSignature)
}

// TestVerifyConcurrentSafe: one verifier serves all callers, whose messages
// and signatures never mix.
func TestVerifyConcurrentSafe(t *testing.T) {
	t.Parallel()
	eachScheme(t, func(t *testing.T, s scheme) {
		v := s.mustVerifier(t, 1, 2)
		var wg sync.WaitGroup
		for i := range 8 {
			h, body := s.mustSign(t, large(100*(i+1)), signedAt(), i%4)
			wg.Go(func() {
				for range 50 {
					if err := v.Verify(h, body, signedAt()); (err == nil) != (i%4 == 1 || i%4 == 2) {
						t.Errorf("caller %d: %v", i, err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestReasonsAreDistinct: one refusal has one reason.
func TestReasonsAreDistinct(t *testing.T) {
	t.Parallel()
	all := []error{signature.ErrMalformed, signature.ErrSignature, signature.ErrStale, signature.ErrFuture}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%v is %v: %t", a, b, i != j)
			}
		}
	}
}
