package idempotency

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
	var scratch scratch
	sum := n.mac(scratch.mac("ref", string(mode), string(key)).number(generation))
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
	var scratch scratch
	sum := n.mac(scratch.mac("vendor key", string(mode), vendor, account, string(key)).number(generation))
	var out [32]byte
	hex.Encode(out[:], sum[:16])
	return string(out[:])
}

// scratch is where the input of a MAC is put together. References are made for
// every send and look-up, so they must not cost memory; a key that is longer
// than it leaves room for costs one allocation.
type scratch [512]byte

// macInput is the inner block of an HMAC, and behind it the text.
type macInput []byte

// mac begins the input with the parts and their lengths, so that no two lists
// of parts are the same input.
func (s *scratch) mac(parts ...string) macInput {
	in := macInput(s[:sha256.BlockSize])
	for _, p := range parts {
		in = in.part(len(p))
		in = append(in, p...)
	}
	return in
}

func (in macInput) part(length int) macInput {
	return append(strconv.AppendInt(in, int64(length), 10), ':')
}

// number appends a number as a last part.
func (in macInput) number(n int) macInput {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	return append(in.part(len(text)), text...)
}

// mac is HMAC-SHA256 (RFC 2104) of the input under the namespace. The hashes
// of crypto/hmac live on the heap; a namespace is shorter than a block, so the
// whole of it is two calls of SHA-256.
func (n Namespace) mac(in macInput) [sha256.Size]byte {
	key := []byte(n)
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range sha256.BlockSize {
		in[i], outer[i] = 0x36, 0x5c
	}
	for i, b := range key {
		in[i] ^= b
		outer[i] ^= b
	}
	sum := sha256.Sum256(in)
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
