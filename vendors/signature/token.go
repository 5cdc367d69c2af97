package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Token is a fixed text that the vendor sends with each callback. It proves
// that the sender knows the text, not that the body is the vendor's, and
// whoever has seen one callback can send any other. Treat what it brings as a
// hint to ask the vendor, over https only.
//
// A callback that is stored with this header holds the secret.
type Token struct {
	// Header holds the token, as in "Authorization".
	Header string
	// Prefix stands before the token in the header, as in "Bearer "; it is no
	// part of the secret.
	Prefix string
}

// NewVerifier returns a verifier with the tokens given, at least one, each of
// at least 16 bytes. It needs neither body nor time.
func (s Token) NewVerifier(tokens ...string) (*Verifier, error) {
	header, err := canonical("Header", s.Header)
	if err != nil {
		return nil, err
	}
	known, err := NewTokens(tokens...)
	if err != nil {
		return nil, err
	}
	return newVerifier("token in "+header, len(tokens), func(h http.Header, _ []byte, _ time.Time) error {
		value, err := single(h, header)
		if err != nil {
			return err
		}
		token, ok := strings.CutPrefix(value, s.Prefix)
		if !ok {
			return refuse(ErrMalformed, "header %s does not begin with the scheme's prefix", header)
		}
		if !known.match(token) {
			return refuse(ErrSignature, "header %s", header)
		}
		return nil
	}), nil
}

// Sign returns the header that a vendor sends. It is for tests and senders.
func (s Token) Sign(token string) (http.Header, error) {
	header, err := canonical("Header", s.Header)
	if err != nil {
		return nil, err
	}
	if _, err := texts([]string{token}); err != nil {
		return nil, err
	}
	return http.Header{header: {s.Prefix + token}}, nil
}

// Tokens checks a token that came by another way than a header: in the path or
// the query of the callback's URL. Such URLs end up in the logs of proxies;
// prefer a header where the vendor offers one. It is immutable, safe for
// concurrent use, and keeps digests only.
type Tokens struct {
	digests *[][sha256.Size]byte // behind a pointer, which fmt does not follow
}

// NewTokens returns the tokens given, at least one, each of at least 16 bytes.
func NewTokens(tokens ...string) (*Tokens, error) {
	keys, err := texts(tokens)
	if err != nil {
		return nil, err
	}
	digests := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		digests[i] = sha256.Sum256(key)
	}
	return &Tokens{&digests}, nil
}

// Verify returns nil when value is one of the tokens, else an error that wraps
// [ErrMalformed] when it is empty and [ErrSignature] otherwise.
func (t *Tokens) Verify(value string) error {
	switch {
	case value == "":
		return refuse(ErrMalformed, "the token is missing")
	case !t.match(value):
		return refuse(ErrSignature, "the token is not one of the active ones")
	}
	return nil
}

// String counts the tokens.
func (t *Tokens) String() string {
	if t == nil || t.digests == nil {
		return "signature.Tokens(none)"
	}
	return "signature.Tokens(" + strconv.Itoa(len(*t.digests)) + ")"
}

// GoString is String, for %#v.
func (t *Tokens) GoString() string { return t.String() }

// LogValue implements [slog.LogValuer] with String.
func (t *Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// match compares digests, so that not even the length of a token shows in the
// time, with every token.
func (t *Tokens) match(value string) bool {
	if t == nil || t.digests == nil {
		return false
	}
	got, matches := sha256.Sum256([]byte(value)), 0
	for i := range *t.digests {
		matches |= subtle.ConstantTimeCompare(got[:], (*t.digests)[i][:])
	}
	return matches == 1
}
