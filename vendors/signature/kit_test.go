package signature_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/signature"
)

var _ vendors.Verifier = (*signature.Verifier)(nil)

// signedAt is when the callbacks of the tests were signed.
func signedAt() time.Time { return time.Unix(1_700_000_000, 0) }

// scheme is a way to sign and to verify, with the secrets of the tests.
type scheme struct {
	name string
	// timed says that a time is signed; bodyless that the body is not.
	timed, bodyless bool
	verifier        func(tolerance time.Duration, secrets ...string) (*signature.Verifier, error)
	// sign returns a callback: its headers and its body.
	sign func(body []byte, at time.Time, secret string) (http.Header, []byte, error)
	// keys returns what verifies and what signs.
	keys func(i int) (verify, sign string)
}

func keep(body []byte) func(h http.Header, err error) (http.Header, []byte, error) {
	return func(h http.Header, err error) (http.Header, []byte, error) { return h, body, err }
}

func sameText(i int) (verify, sign string) {
	s := fmt.Sprintf("test-secret-%d-0123456789", i)
	return s, s
}

// schemes returns every scheme there is, in each of its forms.
func schemes() []scheme {
	plain := func(name string, s signature.HMAC) scheme {
		return scheme{
			name:     name,
			keys:     sameText,
			verifier: func(_ time.Duration, secrets ...string) (*signature.Verifier, error) { return s.NewVerifier(secrets...) },
			sign: func(body []byte, _ time.Time, secret string) (http.Header, []byte, error) {
				return keep(body)(s.Sign(body, secret))
			},
		}
	}
	timestamped := func(name string, s signature.TimestampedHMAC) scheme {
		return scheme{
			name: name, timed: true,
			keys: sameText,
			verifier: func(d time.Duration, secrets ...string) (*signature.Verifier, error) {
				s := s
				s.Tolerance = d
				return s.NewVerifier(secrets...)
			},
			sign: func(body []byte, at time.Time, secret string) (http.Header, []byte, error) {
				return keep(body)(s.Sign(body, at, secret))
			},
		}
	}
	packed := func(name string, s signature.PackedHMAC) scheme {
		return scheme{
			name: name, timed: true,
			keys: sameText,
			verifier: func(d time.Duration, secrets ...string) (*signature.Verifier, error) {
				s := s
				s.Tolerance = d
				return s.NewVerifier(secrets...)
			},
			sign: func(body []byte, at time.Time, secret string) (http.Header, []byte, error) {
				return keep(body)(s.Sign(body, at, secret))
			},
		}
	}
	standard := func(name, prefix string, keys func(int) (verify, sign string)) scheme {
		return scheme{
			name: name, timed: true,
			keys: keys,
			verifier: func(d time.Duration, secrets ...string) (*signature.Verifier, error) {
				return signature.StandardWebhooks{HeaderPrefix: prefix, Tolerance: d}.NewVerifier(secrets...)
			},
			sign: func(body []byte, at time.Time, secret string) (http.Header, []byte, error) {
				return keep(body)(signature.StandardWebhooks{HeaderPrefix: prefix}.Sign("msg_1", body, at, secret))
			},
		}
	}
	return []scheme{
		plain("HMAC", signature.HMAC{Header: "X-Stannp-Signature"}),
		plain("HMAC, SHA-1", signature.HMAC{Header: "X-SLM-Signature", Algorithm: signature.SHA1}),
		plain("HMAC, base64", signature.HMAC{Header: "Signature", Encoding: signature.Base64}),
		timestamped("TimestampedHMAC", signature.TimestampedHMAC{
			Header: "Lob-Signature", TimestampHeader: "Lob-Signature-Timestamp", Unit: time.Millisecond,
		}),
		timestamped("TimestampedHMAC, base64", signature.TimestampedHMAC{
			Header: "Signature", TimestampHeader: "Timestamp", Encoding: signature.Base64,
		}),
		packed("PackedHMAC", signature.PackedHMAC{Header: "PostGrid-Signature"}),
		packed("PackedHMAC, milliseconds", signature.PackedHMAC{Header: "PostGrid-Signature", Unit: time.Millisecond}),
		{
			name: "JWT", timed: true,
			keys: sameText,
			verifier: func(d time.Duration, secrets ...string) (*signature.Verifier, error) {
				return signature.JWT{Tolerance: d}.NewVerifier(secrets...)
			},
			sign: func(body []byte, at time.Time, secret string) (http.Header, []byte, error) {
				claims, err := json.Marshal(map[string]any{"data": body, "iat": at.Unix()})
				if err != nil {
					return nil, nil, err
				}
				token, err := signature.JWT{}.Sign(claims, secret)
				return http.Header{}, token, err
			},
		},
		standard("StandardWebhooks v1", "", func(i int) (verify, sign string) {
			sum := sha256.Sum256([]byte{byte(i)})
			s := "whsec_" + base64.StdEncoding.EncodeToString(sum[:])
			return s, s
		}),
		standard("StandardWebhooks v1a", "Svix", func(i int) (verify, sign string) {
			sum := sha256.Sum256([]byte{byte(i)})
			public, _ := ed25519.NewKeyFromSeed(sum[:]).Public().(ed25519.PublicKey)
			return "whpk_" + base64.StdEncoding.EncodeToString(public), "whsk_" + base64.StdEncoding.EncodeToString(sum[:])
		}),
		{
			name: "Token", bodyless: true,
			keys: sameText,
			verifier: func(_ time.Duration, secrets ...string) (*signature.Verifier, error) {
				return signature.Token{Header: "Authorization", Prefix: "Bearer "}.NewVerifier(secrets...)
			},
			sign: func(body []byte, _ time.Time, secret string) (http.Header, []byte, error) {
				return keep(body)(signature.Token{Header: "Authorization", Prefix: "Bearer "}.Sign(secret))
			},
		},
	}
}

// eachScheme runs a test for every scheme.
func eachScheme(t *testing.T, f func(t *testing.T, s scheme)) {
	t.Helper()
	for _, s := range schemes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			f(t, s)
		})
	}
}

// mustVerifier makes a verifier with the secrets of the numbers given.
func (s scheme) mustVerifier(t testing.TB, numbers ...int) *signature.Verifier {
	t.Helper()
	secrets := make([]string, len(numbers))
	for i, n := range numbers {
		secrets[i], _ = s.keys(n)
	}
	v, err := s.verifier(0, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mustSign signs with the secret of the number given.
func (s scheme) mustSign(t testing.TB, body []byte, at time.Time, number int) (http.Header, []byte) {
	t.Helper()
	_, secret := s.keys(number)
	h, signed, err := s.sign(body, at, secret)
	if err != nil {
		t.Fatal(err)
	}
	return h, signed
}

// refused reports whether the error is one of a refusal.
func refused(err error) bool {
	return slices.ContainsFunc([]error{
		signature.ErrMalformed, signature.ErrSignature, signature.ErrStale, signature.ErrFuture,
	}, func(reason error) bool { return errors.Is(err, reason) })
}

// want checks that a verification ended with the reason given; nil means that
// it was accepted.
func want(t *testing.T, what string, err, reason error) {
	t.Helper()
	if !errors.Is(err, reason) {
		t.Errorf("%s: %v, want %v", what, err, reason)
	}
}

// bitFlips calls f with every text that differs from s in one bit.
func bitFlips(s string, f func(bit int, flipped string)) {
	for bit := range 8 * len(s) {
		b := []byte(s)
		b[bit/8] ^= 1 << (bit % 8)
		f(bit, string(b))
	}
}

// with returns a copy of the header with one value replaced.
func with(h http.Header, name string, values ...string) http.Header {
	h = maps.Clone(h)
	h[name] = values
	return h
}

func small() []byte { return []byte(`{"id":"evt_1","status":"mailed"}`) }

func large(size int) []byte { return []byte(strings.Repeat("x", size)) }

func contains(err error, text string) bool {
	return err != nil && text != "" && strings.Contains(err.Error(), text)
}
