package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/postproof/postproof"
)

// Fingerprint is a versioned digest of everything that changes the paper:
// recipient, return address, piece, size, artwork, options, class. "v1:" and
// 32 hexadecimal digits. It says nothing about the recipient and may stand in
// logs and errors. Send date, priority, campaign, contact and metadata do not
// change the paper and are not part of it.
type Fingerprint string

// FingerprintOf returns the job's fingerprint. Inline markup and a blob of the
// same bytes give the same fingerprint.
func FingerprintOf(job *postproof.Job) Fingerprint {
	var scratch [1024]byte
	w := fieldWriter{buf: scratch[:0]}
	for _, a := range [...]*postproof.Address{&job.To, &job.From} {
		w.text(a.Name, a.Company, a.Line1, a.Line2, a.City, a.Region, a.PostalCode)
		if a.IsZero() {
			w.text("")
		} else {
			w.text(a.CountryCode())
		}
	}
	w.text(string(job.Class))
	if p := job.Piece; p != nil {
		size := p.Sheet()
		w.text(string(p.Kind()))
		w.number(int64(size.Short))
		w.number(int64(size.Long))
		if l, ok := p.(postproof.Letter); ok {
			w.text(fmt.Sprintf("%t %t %t", l.Color, l.DoubleSided, l.AddressPage))
		}
		w.artwork(p.Art())
	}
	const version = "v1:"
	sum := sha256.Sum256(w.buf)
	var out [len(version) + 32]byte
	copy(out[:], version)
	hex.Encode(out[len(version):], sum[:16])
	return Fingerprint(out[:])
}

// fieldWriter collects what is hashed at the end: a hash that is written to
// costs more than all of its input.
type fieldWriter struct{ buf []byte }

// text writes each field with its length. Outer blanks do not change paper.
func (w *fieldWriter) text(fields ...string) {
	for _, f := range fields {
		f = strings.TrimSpace(f)
		w.buf = strconv.AppendInt(w.buf, int64(len(f)), 10)
		w.buf = append(append(w.buf, ':'), f...)
	}
}

func (w *fieldWriter) number(n int64) {
	var digits [20]byte
	w.bytes(strconv.AppendInt(digits[:0], n, 10))
}

func (w *fieldWriter) bytes(field []byte) {
	w.buf = append(strconv.AppendInt(w.buf, int64(len(field)), 10), ':')
	w.buf = append(w.buf, field...)
}

func (w *fieldWriter) artwork(art postproof.Artwork) {
	switch a := art.(type) {
	case postproof.HTML:
		w.text("html")
		w.markup(a.Front, a.FrontBlob)
		w.markup(a.Back, a.BackBlob)
	case postproof.PDF:
		w.text("pdf", a.Front.URL, a.Front.Blob.Digest, a.Back.URL, a.Back.Blob.Digest)
	case postproof.Images:
		w.text("images", a.Front.URL, a.Front.Blob.Digest, a.Back.URL, a.Back.Blob.Digest)
	case postproof.Template:
		w.text("template")
		for _, vendor := range sortedKeys(a.IDs) {
			w.text(vendor, a.IDs[vendor].Front, a.IDs[vendor].Back)
		}
		w.text("variables")
		for _, name := range sortedKeys(a.Variables) {
			w.text(name, a.Variables[name])
		}
	}
}

func (w *fieldWriter) markup(inline string, blob postproof.Blob) {
	switch {
	case !blob.IsZero():
		w.text(blob.Digest)
	case inline != "":
		sum := sha256.Sum256([]byte(inline))
		var digest [2 * sha256.Size]byte
		hex.Encode(digest[:], sum[:])
		w.bytes(digest[:])
	default:
		w.text("")
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
