package signature

import (
	"bytes"
	"encoding/base64"
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

// maxJOSE is the longest first part of a token that is read before it has been
// verified.
const maxJOSE = 1 << 10

// strictURL refuses bits that no encoder sets. Line breaks, which it ignores,
// are refused by decode.
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
	return newVerifier("JWT HS256 as the body", len(secrets),
		func(_ http.Header, body []byte, receivedAt time.Time) error {
			token, err := splitToken(body)
			if err != nil {
				return err
			}
			if err := token.checkJOSE(); err != nil {
				return err
			}
			var signatures list
			signatures.add(string(token.signature))
			if !ring.match(&message{body: token.signed}, &signatures) {
				return refuse(ErrSignature, "the token")
			}
			return token.checkTimes(receivedAt, limit)
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
	return token.decodeClaims()
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
	if err := eachMember(claims, func(string, []byte) bool { return true }); err != nil {
		return nil, invalid("the claims are no JSON object")
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

func decode(part []byte, name string) ([]byte, error) {
	decoded, err := strictURL.AppendDecode(nil, part)
	if err != nil || bytes.ContainsAny(part, "\r\n") {
		return nil, refuse(ErrMalformed, "the token's %s is no base64url", name)
	}
	return decoded, nil
}

// checkJOSE pins the algorithm. It is the only part that is read before the
// signature, and nothing is taken from it.
func (t token) checkJOSE() error {
	if len(t.jose) > maxJOSE {
		return refuse(ErrMalformed, "the token's header is longer than %d bytes", maxJOSE)
	}
	header, err := decode(t.jose, "header")
	if err != nil {
		return err
	}
	pinned, extended := false, false
	err = eachMember(header, func(name string, value []byte) bool {
		switch name {
		case "alg":
			pinned = string(value) == `"HS256"`
		case "crit", "b64": // b64 changes what is signed
			extended = true
		}
		return true
	})
	switch {
	case err != nil:
		return refuse(ErrMalformed, "the token's header: %v", err)
	case extended:
		return refuse(ErrMalformed, "the token's header asks for an extension")
	case !pinned:
		return refuse(ErrSignature, "the token's algorithm is not HS256")
	}
	return nil
}

func (t token) decodeClaims() ([]byte, error) { return decode(t.claims, "claims") }

// checkTimes reads the claims, which are verified.
func (t token) checkTimes(receivedAt time.Time, tolerance time.Duration) error {
	claims, err := t.decodeClaims()
	if err != nil {
		return err
	}
	times, bad := map[string]time.Time{}, ""
	err = eachMember(claims, func(name string, value []byte) bool {
		if name != "iat" && name != "exp" && name != "nbf" {
			return true
		}
		at, ok := numericDate(value)
		if !ok {
			bad = name
		}
		times[name] = at
		return ok
	})
	switch {
	case bad != "":
		return refuse(ErrMalformed, "the claim %s is no time", bad)
	case err != nil:
		return refuse(ErrMalformed, "the token's claims: %v", err)
	}
	if iat, ok := times["iat"]; ok {
		if err := near(iat, receivedAt, tolerance, "the claim iat"); err != nil {
			return err
		}
	}
	if exp, ok := times["exp"]; ok && receivedAt.Sub(exp) > tolerance {
		return refuse(ErrStale, "the claim exp is more than %v before the time of receipt", tolerance)
	}
	if nbf, ok := times["nbf"]; ok && nbf.Sub(receivedAt) > tolerance {
		return refuse(ErrFuture, "the claim nbf is more than %v after the time of receipt", tolerance)
	}
	return nil
}

// numericDate reads seconds since 1970, which may have a fraction. A number
// beyond the year 9999 is milliseconds by mistake, and no time.
func numericDate(value []byte) (time.Time, bool) {
	const year9999 = 253402300799
	seconds, err := strconv.ParseFloat(string(value), 64)
	if err != nil || seconds < 0 || seconds > year9999 {
		return time.Time{}, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)), true
}
