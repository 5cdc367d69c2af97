package vendors

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// JoinBodies returns the body of a submission that takes several requests, such as
// an upload, an address list and the order: one part a request, in their order. Its
// digest is over the encoder and the digests of the parts, so that every byte that
// decides about the paper counts. What is known only when the vendor has answered,
// the id of an upload for example, is no part of it: Submit adds that, to the URL or
// to what it reads from a part.
//
// It is sent part by part (Request.SetBody with one of [Body.Parts]) and cannot be
// opened as a whole. Its ContentType stays empty.
func JoinBodies(encoder string, parts ...*Body) *Body {
	b := &Body{Encoder: encoder, parts: append(make([]*Body, 0, len(parts)), parts...)}
	head := append(append([]byte("parts "), encoder...), '\n')
	for _, p := range parts {
		b.length += p.length
		head = append(append(strconv.AppendInt(head, p.length, 10), ' '), p.digest...)
		head = append(head, '\n')
	}
	sum := sha256.Sum256(head)
	b.digest = hex.EncodeToString(sum[:])
	return b
}

// Parts returns the bodies that [JoinBodies] put together, in their order; of any
// other body itself alone.
func (b *Body) Parts() []*Body {
	if b.parts == nil {
		return []*Body{b}
	}
	return slices.Clone(b.parts)
}
