package signature

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// JWT is a JSON Web Token that is the whole body (RFC 7519), signed with
// HMAC-SHA256 ("HS256"). No other algorithm is accepted, whatever the token
// says of itself; a token with extensions that must be understood ("crit") is
// refused, since we understand none.
//
// Its times are checked where they are present: "iat" must be within the
// tolerance of the time of receipt on either side, "exp" may be past and "nbf"
// ahead by the tolerance. A token with none of them signs no time.
//
// RFC 7518 asks for secrets of 32 bytes; vendors make shorter ones, and 16 is
// what is enforced.
type JWT struct {
	// Tolerance is how far the times may be from the time of receipt; 0 means
	// DefaultTolerance.
	Tolerance time.Duration
}

// maxJOSE is the longest first part of a token, which is read before it has
// been verified, in characters.
const maxJOSE = 1 << 10

// strictURL refuses bits that no encoder sets. Line breaks, which it ignores,
// are refused by decodePart.
var strictURL = base64.RawURLEncoding.Strict() //nolint:gochecknoglobals // a constant in all but name

// NewVerifier returns a verifier with the secrets given, at least one, each
// of at least 16 bytes. It reads no header.
func (s JWT) NewVerifier(secrets ...string) (*Verifier, error) {
	limit, err := tolerance(s.Tolerance)
	if err != nil {
		return nil, err
	}
	keys, err := texts(secrets)
	if err != nil {
		return nil, err
	}
	ring, err := newKeyring(SHA256, rawURL, keys)
	if err != nil {
		return nil, err
	}
	length := rawURL.length(sha256.Size)
	return newVerifier("JWT HS256 as the body", len(secrets),
		func(_ http.Header, body []byte, receivedAt time.Time) error {
			token, err := splitToken(body)
			if err != nil {
				return err
			}
			room := token.room()
			if err := token.checkJOSE(room); err != nil {
				return err
			}
			var signatures list
			if len(token.signature) == length {
				signatures.add(string(token.signature))
			}
			if !ring.match(&message{body: token.signed}, &signatures) {
				return refuse(ErrSignature, "the token")
			}
			return token.checkTimes(room, receivedAt, limit)
		}), nil
}

// UnverifiedClaims returns the claims of a token, decoded and otherwise as
// they stand. It verifies nothing: what it returns is the vendor's only if a
// verifier accepted the same body. An error wraps [ErrMalformed].
func UnverifiedClaims(body []byte) ([]byte, error) {
	token, err := splitToken(body)
	if err != nil {
		return nil, err
	}
	return decodePart(token.room(), token.claims, "second part")
}

// Sign returns the token that a vendor sends as the body. The claims are a
// JSON object; times must be in it to be signed. It is for tests and senders.
func (s JWT) Sign(claims []byte, secret string) ([]byte, error) {
	keys, err := texts([]string{secret})
	if err != nil {
		return nil, err
	}
	ring, err := newKeyring(SHA256, rawURL, keys)
	if err != nil {
		return nil, err
	}
	if _, err := parseTimes(claims); err != nil || !json.Valid(claims) {
		return nil, invalid("the claims are no JSON object with at most one iat, exp and nbf, in seconds")
	}
	token := strictURL.AppendEncode(nil, []byte(`{"alg":"HS256","typ":"JWT"}`))
	token = strictURL.AppendEncode(append(token, '.'), claims)
	return append(append(token, '.'), ring.sign(&message{body: token})[0]...), nil
}

// token is a JWT in its compact form, cut at the full stops.
type token struct{ jose, claims, signature, signed []byte }

func splitToken(body []byte) (token, error) {
	first, last := bytes.IndexByte(body, '.'), bytes.LastIndexByte(body, '.')
	if first < 0 || first == last || bytes.IndexByte(body[first+1:last], '.') >= 0 {
		return token{}, refuse(ErrMalformed, "the body is no token of three parts")
	}
	return token{jose: body[:first], claims: body[first+1 : last], signature: body[last+1:], signed: body[:last]}, nil
}

// decodePart decodes into dst, which has the room that it needs.
func decodePart(dst, part []byte, name string) ([]byte, error) {
	n, err := strictURL.Decode(dst, part)
	if err != nil || bytes.IndexByte(part, '\n') >= 0 || bytes.IndexByte(part, '\r') >= 0 {
		return nil, refuse(ErrMalformed, "the token's %s is no base64url", name)
	}
	return dst[:n], nil
}

// room is enough for each of the parts that are decoded, one after the other.
func (t token) room() []byte {
	return make([]byte, strictURL.DecodedLen(max(len(t.jose), len(t.claims))))
}

// checkJOSE pins the algorithm. It is the only part that is read before the
// signature, and nothing is taken from it.
func (t token) checkJOSE(room []byte) error {
	if len(t.jose) > maxJOSE {
		return refuse(ErrMalformed, "the token's header is longer than %d characters", maxJOSE)
	}
	header, err := decodePart(room, t.jose, "header")
	if err != nil {
		return err
	}
	algorithms, pinned, extended := 0, false, false
	m := members{rest: header}
	for name, value, ok := m.next(); ok; name, value, ok = m.next() {
		switch string(name) {
		case "alg":
			algorithms++
			pinned = string(value) == `"HS256"`
		case "crit", "b64": // b64 changes what is signed
			extended = true
		}
	}
	switch {
	case m.bad || algorithms > 1:
		return refuse(ErrMalformed, "the token's header is no JSON object, or names two algorithms")
	case extended:
		return refuse(ErrMalformed, "the token's header asks for an extension")
	case !pinned:
		return refuse(ErrSignature, "the token's algorithm is not HS256")
	}
	return nil
}

// tokenTimes are the times of a token, zero where it has none.
type tokenTimes struct{ iat, exp, nbf time.Time }

func parseTimes(claims []byte) (times tokenTimes, err error) {
	m := members{rest: claims}
	for name, value, ok := m.next(); ok; name, value, ok = m.next() {
		var at *time.Time
		switch string(name) {
		case "iat":
			at = &times.iat
		case "exp":
			at = &times.exp
		case "nbf":
			at = &times.nbf
		default:
			continue
		}
		if !at.IsZero() {
			return times, refuse(ErrMalformed, "a time stands twice in the token's claims")
		}
		if *at, ok = numericDate(value); !ok {
			return times, refuse(ErrMalformed, "a time in the token's claims is none")
		}
	}
	if m.bad {
		return times, refuse(ErrMalformed, "the token's claims are no JSON object")
	}
	return times, nil
}

// checkTimes reads the claims, which are verified.
func (t token) checkTimes(room []byte, receivedAt time.Time, tolerance time.Duration) error {
	claims, err := decodePart(room, t.claims, "second part")
	if err != nil {
		return err
	}
	times, err := parseTimes(claims)
	if err != nil {
		return err
	}
	if !times.iat.IsZero() {
		if err := near(times.iat, receivedAt, tolerance, "the token's iat"); err != nil {
			return err
		}
	}
	if !times.exp.IsZero() && receivedAt.Sub(times.exp) > tolerance {
		return refuse(ErrStale, "the token's exp is more than %v before the time of receipt", tolerance)
	}
	if !times.nbf.IsZero() && times.nbf.Sub(receivedAt) > tolerance {
		return refuse(ErrFuture, "the token's nbf is more than %v after the time of receipt", tolerance)
	}
	return nil
}

// numericDate reads seconds since 1970, which may have a fraction. A number
// beyond the year 9999 is milliseconds by mistake, and no time.
func numericDate(value []byte) (time.Time, bool) {
	const year9999, longest = 253402300799, 32
	if len(value) > longest || value[0] < '0' || value[0] > '9' || !json.Valid(value) {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds > year9999 {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)), true
}
