package signature

import (
	"net/http"
	"strings"
	"time"
)

// PackedHMAC is an HMAC-SHA256 over time, full stop and body, with time and
// signatures in one header: "t=1718932335515,v1=e888f5…". The time is Unix time
// in seconds (10 digits) or milliseconds (13), and is verified as it was
// received, digit by digit. There may be several v1, of which one must fit;
// what has another name is no business of this scheme and is skipped.
type PackedHMAC struct {
	// Header holds time and signatures, as in "PostGrid-Signature".
	Header string
	// Tolerance is how far the signed time may be from the time of receipt, on
	// either side; 0 means DefaultTolerance.
	Tolerance time.Duration
	// Unit is that of the time that Sign writes: time.Second, the default, or
	// time.Millisecond. Verifiers accept both.
	Unit time.Duration
}

// NewVerifier returns a verifier with the secrets given, at least one, each
// of at least 16 bytes.
func (s PackedHMAC) NewVerifier(secrets ...string) (*Verifier, error) {
	s, ring, err := s.prepare(secrets)
	if err != nil {
		return nil, err
	}
	where := "the time in header " + s.Header
	return newVerifier("HMAC-SHA256 of time and body, packed in "+s.Header, len(secrets),
		func(h http.Header, body []byte, receivedAt time.Time) error {
			value, err := single(h, s.Header)
			if err != nil {
				return err
			}
			var signatures list
			timestamp, problem := unpack(value, &signatures)
			if problem != "" {
				return refuse(ErrMalformed, "header %s %s", s.Header, problem)
			}
			at, ok := parseTimestamp(timestamp)
			if !ok {
				return refuse(ErrMalformed, "header %s: t is no Unix time of 10 or 13 digits", s.Header)
			}
			if !ring.match(&message{timestamp: timestamp, body: body}, &signatures) {
				return refuse(ErrSignature, "header %s", s.Header)
			}
			return near(at, receivedAt, s.Tolerance, where)
		}), nil
}

// unpack reads the header. It says what is wrong with it, if anything is.
func unpack(value string, signatures *list) (timestamp, problem string) {
	for elements, more := 0, true; more; elements++ {
		if elements == 1+maxSignatures {
			return "", "holds too many signatures"
		}
		var element string
		element, value, more = strings.Cut(value, ",")
		name, text, ok := strings.Cut(element, "=")
		switch {
		case !ok:
			return "", "is no list of names and values"
		case name == "t" && timestamp != "":
			return "", "holds t twice"
		case name == "t" && text == "":
			return "", "holds an empty t"
		case name == "t":
			timestamp = text
		case name == "v1" && !signatures.add(text):
			return "", "holds too many signatures"
		}
	}
	switch {
	case timestamp == "":
		return "", "holds no t"
	case signatures.n == 0:
		return "", "holds no v1"
	}
	return timestamp, ""
}

// Sign returns the header that a vendor sends with the body, with a signature
// by each of the secrets, at least one. It is for tests and senders.
func (s PackedHMAC) Sign(body []byte, at time.Time, secrets ...string) (http.Header, error) {
	s, ring, err := s.prepare(secrets)
	if err != nil {
		return nil, err
	}
	timestamp, err := writeTimestamp(at, s.Unit)
	if err != nil {
		return nil, err
	}
	value := "t=" + timestamp
	for _, signature := range ring.sign(&message{timestamp: timestamp, body: body}) {
		value += ",v1=" + signature
	}
	return http.Header{s.Header: {value}}, nil
}

// prepare checks the settings, returns them with defaults and the canonical
// name, and makes keys of the secrets.
func (s PackedHMAC) prepare(secrets []string) (_ PackedHMAC, ring *keyring, err error) {
	if s.Header, err = canonical("Header", s.Header); err != nil {
		return s, nil, err
	}
	if s.Tolerance, err = tolerance(s.Tolerance); err != nil {
		return s, nil, err
	}
	keys, err := texts(secrets)
	if err != nil {
		return s, nil, err
	}
	ring, err = newKeyring(SHA256, Hex, keys)
	return s, ring, err
}
