package idempotency

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"github.com/postproof/postproof"
)

// Namespace is the random identity of a ledger, 32 characters of [0-9a-f]. It
// is fixed when the ledger is created and goes into every reference and vendor
// key, so that two ledgers never speak of the same piece.
type Namespace string

// NewNamespace returns a random namespace.
func NewNamespace() Namespace {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return Namespace(hex.EncodeToString(b[:]))
}

// Ref returns our reference of one generation of a job: 80 bits of an
// HMAC-SHA256 under the namespace, in 16 characters of Crockford's base 32, a
// subset of [0-9A-Z].
func (n Namespace) Ref(mode postproof.Mode, key postproof.Key, generation int) postproof.Ref {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var sum [sha256.Size]byte
	mac := n.mac("ref", string(mode), string(key), strconv.Itoa(generation))
	mac.Sum(sum[:0])
	var out [postproof.RefLength]byte
	bits, have, next := uint32(0), 0, 0
	for i := range out {
		if have < 5 {
			bits, have, next = bits<<8|uint32(sum[next]), have+8, next+1
		}
		have -= 5
		out[i] = alphabet[bits>>have&31]
	}
	return postproof.Ref(out[:])
}

// VendorKey returns the idempotency key sent to a vendor for one generation of
// a job: 32 characters of [0-9a-f], derived like the reference, never random.
func (n Namespace) VendorKey(mode postproof.Mode, vendor, account string, key postproof.Key, generation int) string {
	var sum [sha256.Size]byte
	n.mac("vendor key", string(mode), vendor, account, string(key), strconv.Itoa(generation)).Sum(sum[:0])
	return hex.EncodeToString(sum[:16])
}

// mac hashes the parts with their lengths, so that no two lists of parts are
// the same input.
func (n Namespace) mac(parts ...string) hash.Hash {
	h := hmac.New(sha256.New, []byte(n))
	for _, p := range parts {
		// A hash takes every write.
		_, _ = io.WriteString(h, strconv.Itoa(len(p)))
		_, _ = io.WriteString(h, ":")
		_, _ = io.WriteString(h, p)
	}
	return h
}
