package signature

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // HMAC-SHA1 is not broken as SHA-1 is, and a vendor signs with it
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sync"
)

// Algorithm is the hash inside an HMAC.
type Algorithm int

// The algorithms.
const (
	SHA256 Algorithm = iota // the default
	SHA1                    // as an HMAC still sound, and Poplar's only one
)

// String returns the name of the HMAC.
func (a Algorithm) String() string {
	switch a {
	case SHA256:
		return "HMAC-SHA256"
	case SHA1:
		return "HMAC-SHA1"
	}
	return "unknown algorithm"
}

func (a Algorithm) check() error {
	if a != SHA256 && a != SHA1 {
		return invalid("algorithm %d is none of those there are", int(a))
	}
	return nil
}

func (a Algorithm) newHash() hash.Hash {
	if a == SHA1 {
		return sha1.New() //nolint:gosec // see the import
	}
	return sha256.New()
}

func (a Algorithm) size() int {
	if a == SHA1 {
		return sha1.Size
	}
	return sha256.Size
}

// Encoding is how a signature is written.
type Encoding int

// The encodings. Each accepts one spelling of a signature only.
const (
	Hex    Encoding = iota // lower-case hexadecimal digits; the default
	Base64                 // the standard alphabet, padded

	rawURL // base64url without padding: JSON Web Tokens
)

func (e Encoding) check() error {
	if e != Hex && e != Base64 && e != rawURL {
		return invalid("encoding %d is none of those there are", int(e))
	}
	return nil
}

func (e Encoding) name() string {
	if e == Hex {
		return "lower-case hexadecimal digits"
	}
	return "base64"
}

func (e Encoding) length(n int) int {
	switch e {
	case Hex:
		return hex.EncodedLen(n)
	case Base64:
		return base64.StdEncoding.EncodedLen(n)
	default:
		return base64.RawURLEncoding.EncodedLen(n)
	}
}

func (e Encoding) appendTo(dst, src []byte) []byte {
	switch e {
	case Hex:
		return hex.AppendEncode(dst, src)
	case Base64:
		return base64.StdEncoding.AppendEncode(dst, src)
	default:
		return base64.RawURLEncoding.AppendEncode(dst, src)
	}
}

// message is what is signed: id, timestamp and body, those that there are,
// with full stops between them.
type message struct {
	id, timestamp string
	body          []byte
}

// head appends what comes before the body.
func (m *message) head(b []byte) []byte {
	if m.id != "" {
		b = append(append(b, m.id...), '.')
	}
	if m.timestamp != "" {
		b = append(append(b, m.timestamp...), '.')
	}
	return b
}

// keyring is the active secrets of a scheme with MACs.
type keyring struct {
	encoding Encoding
	keys     []*key
}

// key is one secret: a pool of MACs that have absorbed it. An HMAC that is
// reset returns to the state after its key, which a new one must compute.
type key struct{ macs sync.Pool }

// mac is one MAC at work and the buffers that it needs.
type mac struct {
	hash        hash.Hash
	head, text  []byte
	sum         [sha256.Size]byte
}

// maxPooledHead keeps a long header from staying in memory for ever.
const maxPooledHead = 1 << 10

func newKeyring(a Algorithm, e Encoding, secrets [][]byte) (*keyring, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	r := &keyring{encoding: e, keys: make([]*key, len(secrets))}
	for i, secret := range secrets {
		r.keys[i] = &key{}
		r.keys[i].macs.New = func() any { return &mac{hash: hmac.New(a.newHash, secret)} }
	}
	return r, nil
}

// sign returns the signature of the message, which is valid until the mac is
// used again.
func (c *mac) sign(m *message, e Encoding) []byte {
	c.hash.Reset()
	if c.head = m.head(c.head[:0]); len(c.head) > 0 {
		c.hash.Write(c.head)
	}
	c.hash.Write(m.body)
	c.text = e.appendTo(c.text[:0], c.hash.Sum(c.sum[:0]))
	return c.text
}

// match reports whether one of the secrets made one of the signatures. All
// are compared with all, so that the time does not tell which one it was. What
// is compared is text, so that there is one text for a signature.
func (r *keyring) match(m *message, signatures *list) bool {
	matches := 0
	for _, k := range r.keys {
		c, ok := k.macs.Get().(*mac)
		if !ok {
			continue // New makes nothing else
		}
		want := c.sign(m, r.encoding)
		for _, got := range signatures.all() {
			matches |= subtle.ConstantTimeCompare(want, []byte(got))
		}
		if cap(c.head) <= maxPooledHead {
			k.macs.Put(c)
		}
	}
	return matches == 1
}

// sign returns the signature by each of the secrets.
func (r *keyring) sign(m *message) []string {
	all := make([]string, len(r.keys))
	for i, k := range r.keys {
		if c, ok := k.macs.Get().(*mac); ok {
			all[i] = string(c.sign(m, r.encoding))
		}
	}
	return all
}

// one checks the only signature of a header, which must have the length given.
func (r *keyring) one(header, signature string, length int, m *message) error {
	if len(signature) != length {
		return refuse(ErrMalformed, "header %s holds no signature of %d characters, %s", header, length, r.encoding.name())
	}
	var signatures list
	signatures.add(signature)
	if !r.match(m, &signatures) {
		return refuse(ErrSignature, "header %s", header)
	}
	return nil
}
