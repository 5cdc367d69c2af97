package signature

import (
	"net/http"
	"time"
)

// HMAC is an HMAC over the body, in a header of its own. It signs no time:
// against replay stands only that events are deduplicated.
type HMAC struct {
	// Header holds the signature, as in "X-Stannp-Signature".
	Header string
	// Algorithm is SHA256 unless set.
	Algorithm Algorithm
	// Encoding is Hex unless set.
	Encoding Encoding
}

// NewVerifier returns a verifier with the secrets given, at least one, each
// of at least 16 bytes.
func (s HMAC) NewVerifier(secrets ...string) (*Verifier, error) {
	s, ring, err := s.prepare(secrets)
	if err != nil {
		return nil, err
	}
	length := s.Encoding.length(s.Algorithm.size())
	return newVerifier(s.Algorithm.String()+" of the body in "+s.Header, len(secrets),
		func(h http.Header, body []byte, _ time.Time) error {
			signature, err := single(h, s.Header)
			if err != nil {
				return err
			}
			return ring.one(s.Header, signature, length, &message{body: body})
		}), nil
}

// Sign returns the header that a vendor sends with the body. It is for tests
// and senders.
func (s HMAC) Sign(body []byte, secret string) (http.Header, error) {
	s, ring, err := s.prepare([]string{secret})
	if err != nil {
		return nil, err
	}
	return http.Header{s.Header: ring.sign(&message{body: body})}, nil
}

// prepare checks the settings, returns them with the canonical name, and makes
// keys of the secrets.
func (s HMAC) prepare(secrets []string) (_ HMAC, ring *keyring, err error) {
	if s.Header, err = canonical("Header", s.Header); err != nil {
		return s, nil, err
	}
	keys, err := texts(secrets)
	if err != nil {
		return s, nil, err
	}
	ring, err = newKeyring(s.Algorithm, s.Encoding, keys)
	return s, ring, err
}
