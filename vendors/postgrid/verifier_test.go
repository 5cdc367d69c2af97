package postgrid_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/signature"
)

const (
	secret = "wh_sec_0123456789abcdef"
	before = "wh_sec_of_the_last_year"
)

// signed returns a callback in one of the two forms.
func signed(t *testing.T, form, secret, event string, at time.Time) (http.Header, []byte) {
	t.Helper()
	if form == "json" {
		h, err := signature.PackedHMAC{Header: "PostGrid-Signature", Unit: time.Millisecond}.Sign([]byte(event), at, secret)
		if err != nil {
			t.Fatal(err)
		}
		return h, []byte(event)
	}
	claims := strings.Replace(event, "{", fmt.Sprintf(`{"iat":%d,`, at.Unix()), 1)
	token, err := signature.JWT{}.Sign([]byte(claims), secret)
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{}, token
}

// TestVerifyBothForms with one verifier, as the owner of a webhook may change
// its format at any time.
func TestVerifyBothForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	v, err := newAdapter(t).NewVerifier(secret, before)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"json", "jwt"} {
		for _, test := range []struct {
			name   string
			secret string
			at     time.Time
			change func(h http.Header, body []byte) []byte
			want   error
		}{
			{"fresh", secret, now, nil, nil},
			{"by the secret before", before, now, nil, nil},
			{"repeated for the last time", secret, now.Add(-7 * time.Hour), nil, nil},
			{"by a stranger", "wh_sec_of_a_stranger_00", now, nil, signature.ErrSignature},
			{"too old", secret, now.Add(-8 * time.Hour), nil, signature.ErrStale},
			{"from the future", secret, now.Add(8 * time.Hour), nil, signature.ErrFuture},
			{"changed", secret, now, func(_ http.Header, b []byte) []byte {
				b[len(b)/2] ^= 1
				return b
			}, signature.ErrSignature},
			{"as the other form", secret, now, func(h http.Header, b []byte) []byte {
				h.Del("PostGrid-Signature")
				return append([]byte(" "), b...)
			}, signature.ErrMalformed},
		} {
			h, body := signed(t, form, test.secret, updated, test.at)
			if test.change != nil {
				body = test.change(h, body)
			}
			if err := v.Verify(h, body, now); !errors.Is(err, test.want) {
				t.Errorf("%s, %s: %v, want %v", form, test.name, err, test.want)
			}
		}
	}
}

// TestSignedOfOneFormIsNothingInTheOther: both are signed with one secret.
func TestSignedOfOneFormIsNothingInTheOther(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	v, err := newAdapter(t).NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	// An attacker who has seen a JSON callback: its signed text as a token.
	h, body := signed(t, "json", secret, updated, now)
	value := h.Get("PostGrid-Signature")
	stamp, mac, _ := strings.Cut(strings.TrimPrefix(value, "t="), ",v1=")
	forged := append([]byte(stamp+"."), body...)
	if err := v.Verify(http.Header{}, append(append(forged, '.'), mac...), now); err == nil {
		t.Error("a signed JSON callback passes as a token")
	}
	// One who has seen a token: its signed text under a header.
	_, token := signed(t, "jwt", secret, updated, now)
	text := string(token)
	last := strings.LastIndexByte(text, '.')
	first := strings.IndexByte(text, '.')
	h = http.Header{"Postgrid-Signature": {"t=" + text[:first] + ",v1=" + text[last+1:]}}
	if err := v.Verify(h, []byte(text[first+1:last]), now); err == nil {
		t.Error("a signed token passes as JSON")
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{
		"no secret": nil, "an empty one": {secret, ""}, "a short one": {"hunter2hunter2"}, "one with its line feed": {secret + "\n"},
	} {
		_, err := newAdapter(t).NewVerifier(secrets...)
		if postproof.CodeOf(err) != postproof.CodeInvalidArgument || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("%s: %v, want invalid_argument", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "0123456789abcdef")) {
			t.Errorf("%s: the error quotes the secret", name)
		}
	}
	v, err := newAdapter(t).NewVerifier(secret)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", v, v, v, v); strings.Contains(text, "0123456789abcdef") {
		t.Errorf("the printed verifier holds its secret")
	}
}
