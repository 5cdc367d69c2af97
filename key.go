package postproof

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Key is the caller's idempotency key of a job: the same key never becomes
// two pieces of paper. At most [MaxKeyLength] bytes. A key may name a person,
// so it prints as a digest; use string(key) for the value.
type Key string

// MaxKeyLength is the longest key, in bytes.
const MaxKeyLength = 256

// DeriveKey returns the key of a contact's piece in a campaign. It depends on
// these names only, never on the order of rows or on the address, so that the
// same list, exported again, gives the same keys. Names are taken byte for byte:
// package snapshot has the contacts of a list in Unicode's composed form (NFC), and
// whoever makes keys of other text brings it into one form first.
func DeriveKey(campaign, contact, piece string) Key {
	escape := strings.NewReplacer("%", "%25", "/", "%2F")
	return Key(escape.Replace(campaign) + "/" + escape.Replace(contact) + "/" + escape.Replace(piece))
}

// Validate returns an error when the key is empty, too long, or holds control
// characters.
func (k Key) Validate() error {
	switch {
	case k == "":
		return NewError(CodeInvalidArgument, NotSent, errors.New("key: missing: give each job a key of its own, for example by DeriveKey"))
	case len(k) > MaxKeyLength:
		return NewError(CodeInvalidArgument, NotSent, fmt.Errorf("key: %d bytes, at most %d are allowed", len(k), MaxKeyLength))
	case strings.ContainsFunc(string(k), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }):
		return NewError(CodeInvalidArgument, NotSent, errors.New("key: holds a control character or is not UTF-8"))
	}
	return nil
}

// Hash returns the first 16 hexadecimal digits of the key's SHA-256: enough to
// find it, too little to read it.
func (k Key) Hash() string {
	sum := sha256.Sum256([]byte(k))
	return hex.EncodeToString(sum[:8])
}

// String returns a digest: a key may hold personal data.
func (k Key) String() string { return "key:" + k.Hash() }

// GoString keeps %#v from printing the key.
func (k Key) GoString() string { return `postproof.Key("` + k.String() + `")` }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Ref is our name of one generation of a job at a vendor: 16 characters of
// [0-9A-Z]. It goes into every vendor's look-up field, says nothing about the
// recipient, and may stand in logs.
type Ref string

// RefLength is the length of a reference.
const RefLength = 16

// Valid reports whether the reference has the form of one of ours.
func (r Ref) Valid() bool {
	if len(r) != RefLength {
		return false
	}
	for i := range len(r) {
		if c := r[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
