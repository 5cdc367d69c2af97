package signature

import (
	"crypto/sha256"
	"net/http"
	"time"
)

// TimestampedHMAC is an HMAC-SHA256 over time, full stop and body, with the
// time in a header of its own. The time is Unix time in seconds (10 digits) or
// milliseconds (13), and is verified as it was received, digit by digit.
type TimestampedHMAC struct {
	// Header holds the signature, as in "Lob-Signature".
	Header string
	// TimestampHeader holds the time, as in "Lob-Signature-Timestamp".
	TimestampHeader string
	// Encoding is Hex unless set.
	Encoding Encoding
	// Tolerance is how far the signed time may be from the time of receipt, on
	// either side; 0 means DefaultTolerance.
	Tolerance time.Duration
	// Unit is that of the time that Sign writes: time.Second, the default, or
	// time.Millisecond. Verifiers accept both.
	Unit time.Duration
}

// NewVerifier returns a verifier with the secrets given, at least one, each
// of at least 16 bytes.
func (s TimestampedHMAC) NewVerifier(secrets ...string) (*Verifier, error) {
	s, ring, err := s.prepare(secrets)
	if err != nil {
		return nil, err
	}
	length, where := s.Encoding.length(sha256.Size), "header "+s.TimestampHeader
	return newVerifier("HMAC-SHA256 of time and body in "+s.Header, len(secrets),
		func(h http.Header, body []byte, receivedAt time.Time) error {
			signature, err := single(h, s.Header)
			if err != nil {
				return err
			}
			timestamp, err := single(h, s.TimestampHeader)
			if err != nil {
				return err
			}
			at, ok := parseTimestamp(timestamp)
			if !ok {
				return refuse(ErrMalformed, "header %s is no Unix time of 10 or 13 digits", s.TimestampHeader)
			}
			// The signature comes first: a time that nobody signed says nothing.
			if err := ring.one(s.Header, signature, length, &message{timestamp: timestamp, body: body}); err != nil {
				return err
			}
			return near(at, receivedAt, s.Tolerance, where)
		}), nil
}

// Sign returns the headers that a vendor sends with the body. It is for tests
// and senders.
func (s TimestampedHMAC) Sign(body []byte, at time.Time, secret string) (http.Header, error) {
	s, ring, err := s.prepare([]string{secret})
	if err != nil {
		return nil, err
	}
	timestamp, err := writeTimestamp(at, s.Unit)
	if err != nil {
		return nil, err
	}
	return http.Header{
		s.Header:          ring.sign(&message{timestamp: timestamp, body: body}),
		s.TimestampHeader: {timestamp},
	}, nil
}

// prepare checks the settings, returns them with defaults and canonical names,
// and makes keys of the secrets.
func (s TimestampedHMAC) prepare(secrets []string) (_ TimestampedHMAC, ring *keyring, err error) {
	if s.Header, err = canonical("Header", s.Header); err != nil {
		return s, nil, err
	}
	if s.TimestampHeader, err = canonical("TimestampHeader", s.TimestampHeader); err != nil {
		return s, nil, err
	}
	if s.Header == s.TimestampHeader {
		return s, nil, invalid("Header and TimestampHeader are the same: see PackedHMAC for both in one")
	}
	if s.Tolerance, err = tolerance(s.Tolerance); err != nil {
		return s, nil, err
	}
	keys, err := texts(secrets)
	if err != nil {
		return s, nil, err
	}
	ring, err = newKeyring(SHA256, s.Encoding, keys)
	return s, ring, err
}
