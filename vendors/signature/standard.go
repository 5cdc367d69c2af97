package signature

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"time"
)

// StandardWebhooks is the scheme of www.standardwebhooks.com, version 1.0.0:
// id, time and body, signed with HMAC-SHA256 (v1, a shared secret "whsec_…")
// or Ed25519 (v1a, a key pair "whsk_…" and "whpk_…"). A sender that rotates
// signs with old and new key and sends both signatures; a receiver that rotates
// has both keys. One signature by one key is enough.
//
// The id is signed: deduplicate by it.
type StandardWebhooks struct {
	// HeaderPrefix stands before -Id, -Timestamp and -Signature; "Webhook"
	// unless set. Older senders have a prefix of their own, as in "Svix".
	HeaderPrefix string
	// Tolerance is how far the signed time may be from the time of receipt, on
	// either side; 0 means DefaultTolerance.
	Tolerance time.Duration
}

// NewVerifier returns a verifier with the secrets given, at least one: shared
// secrets "whsec_" and base64, of at least 24 bytes (the specification's
// minimum, 192 bits of randomness), and public keys "whpk_" and base64, of 32.
func (s StandardWebhooks) NewVerifier(secrets ...string) (*Verifier, error) {
	names, limit, err := s.prepare()
	if err != nil {
		return nil, err
	}
	ring, public, err := standardKeys(secrets)
	if err != nil {
		return nil, err
	}
	where := "header " + names.timestamp
	return newVerifier("Standard Webhooks in "+names.signature, len(secrets),
		func(h http.Header, body []byte, receivedAt time.Time) error {
			m := message{body: body}
			var err error
			if m.id, err = single(h, names.id); err != nil {
				return err
			}
			if m.timestamp, err = single(h, names.timestamp); err != nil {
				return err
			}
			value, err := single(h, names.signature)
			if err != nil {
				return err
			}
			at, ok := parseTimestamp(m.timestamp)
			switch {
			case strings.Contains(m.id, "."):
				// Else the same signature would fit another id, time and body.
				return refuse(ErrMalformed, "header %s holds a full stop", names.id)
			case !ok || len(m.timestamp) != secondsDigits:
				return refuse(ErrMalformed, "header %s is no Unix time of 10 digits", names.timestamp)
			}
			var v1, v1a list
			if problem := splitVersions(value, &v1, &v1a); problem != "" {
				return refuse(ErrMalformed, "header %s %s", names.signature, problem)
			}
			matched := v1.n > 0 && ring.match(&m, &v1)
			if !matched && (v1a.n == 0 || !public.match(&m, &v1a)) {
				return refuse(ErrSignature, "header %s", names.signature)
			}
			return near(at, receivedAt, limit, where)
		}), nil
}

// splitVersions reads the signatures. It says what is wrong, if anything is.
// Versions that we do not know are skipped, and counted.
func splitVersions(value string, v1, v1a *list) (problem string) {
	for elements, more := 0, true; more; elements++ {
		if elements == maxSignatures {
			return "holds too many signatures"
		}
		var element string
		element, value, more = strings.Cut(value, " ")
		version, signature, ok := strings.Cut(element, ",")
		switch {
		case !ok:
			return "is no list of versions and signatures"
		case version == "v1":
			v1.add(signature)
		case version == "v1a":
			v1a.add(signature)
		}
	}
	if v1.n+v1a.n == 0 {
		return "holds no signature of version v1 or v1a"
	}
	return ""
}

// Sign returns the headers that a sender sends with the body: the event's id,
// the time, and a signature by each of the secrets, at least one, "whsec_…" or
// "whsk_…" (the base64 of an Ed25519 seed or private key). The id is not empty,
// the same when a callback is repeated, and holds no full stop or white space.
// It is for tests and senders.
func (s StandardWebhooks) Sign(id string, body []byte, at time.Time, secrets ...string) (http.Header, error) {
	names, _, err := s.prepare()
	if err != nil {
		return nil, err
	}
	if id == "" || strings.ContainsAny(id, ". \t\r\n") {
		return nil, invalid("the id is empty or holds a full stop or white space")
	}
	timestamp, err := writeTimestamp(at, time.Second)
	if err != nil {
		return nil, err
	}
	if len(secrets) == 0 {
		return nil, invalid("no secret: give at least one")
	}
	m := message{id: id, timestamp: timestamp, body: body}
	all := make([]string, len(secrets))
	for i, secret := range secrets {
		kind, key, problem := parseStandard(secret)
		switch {
		case problem != "":
			return nil, badSecret(i, len(secrets), problem)
		case kind == publicPrefix:
			return nil, badSecret(i, len(secrets), "is a public key: it takes the private one, whsk_…, to sign")
		case kind == privatePrefix:
			all[i] = "v1a," + signEd25519(key, &m)
		default:
			ring, err := newKeyring(SHA256, Base64, [][]byte{key})
			if err != nil {
				return nil, err
			}
			all[i] = "v1," + ring.sign(&m)[0]
		}
	}
	return http.Header{
		names.id: {id}, names.timestamp: {timestamp}, names.signature: {strings.Join(all, " ")},
	}, nil
}

// standardNames are the names of the three headers.
type standardNames struct{ id, timestamp, signature string }

func (s StandardWebhooks) prepare() (names standardNames, limit time.Duration, err error) {
	prefix := s.HeaderPrefix
	if prefix == "" {
		prefix = "Webhook"
	}
	limit, err = tolerance(s.Tolerance)
	return standardNames{
		id:        http.CanonicalHeaderKey(prefix + "-Id"),
		timestamp: http.CanonicalHeaderKey(prefix + "-Timestamp"),
		signature: http.CanonicalHeaderKey(prefix + "-Signature"),
	}, limit, err
}

// standardKeys sorts the secrets into those of the two algorithms.
func standardKeys(secrets []string) (ring *keyring, public publicKeys, err error) {
	if len(secrets) == 0 {
		return nil, nil, invalid("no secret: give at least one")
	}
	var shared [][]byte
	for i, secret := range secrets {
		kind, key, problem := parseStandard(secret)
		switch {
		case problem != "":
			return nil, nil, badSecret(i, len(secrets), problem)
		case kind == privatePrefix:
			return nil, nil, badSecret(i, len(secrets), "is the sender's private key, which no receiver should have: want whpk_…")
		case kind == publicPrefix:
			public = append(public, ed25519.PublicKey(key))
		default:
			shared = append(shared, key)
		}
	}
	ring, err = newKeyring(SHA256, Base64, shared)
	return ring, public, err
}
