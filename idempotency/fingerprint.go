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
	var room [1024]byte
	paper := paperText(room[:0]).address(&job.To).address(&job.From).text(string(job.Class))
	if p := job.Piece; p != nil {
		size := p.Sheet()
		paper = paper.text(string(p.Kind())).number(int64(size.Short)).number(int64(size.Long))
		if l, ok := p.(postproof.Letter); ok {
			paper = paper.text(fmt.Sprintf("%t %t %t", l.Color, l.DoubleSided, l.AddressPage))
		}
		paper = paper.artwork(p.Art())
	}
	const version = "v1:"
	sum := sha256.Sum256(paper)
	var out [len(version) + 32]byte
	copy(out[:], version)
	hex.Encode(out[len(version):], sum[:16])
	return Fingerprint(out[:])
}

// paperText collects what is hashed at the end: a hash that is written to costs
// more than all of its input. The methods append and return, so that the text
// needs no memory but its caller's stack.
type paperText []byte

// text appends a field with its length. Outer blanks do not change paper.
func (p paperText) text(field string) paperText {
	field = strings.TrimSpace(field)
	return append(p.length(len(field)), field...)
}

func (p paperText) length(n int) paperText {
	return append(strconv.AppendInt(p, int64(n), 10), ':')
}

func (p paperText) number(n int64) paperText {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	return append(p.length(len(text)), text...)
}

func (p paperText) address(a *postproof.Address) paperText {
	p = p.text(a.Name).text(a.Company).text(a.Line1).text(a.Line2).text(a.City).text(a.Region).text(a.PostalCode)
	if a.IsZero() {
		return p.text("")
	}
	return p.text(a.CountryCode())
}

func (p paperText) artwork(art postproof.Artwork) paperText {
	switch a := art.(type) {
	case postproof.HTML:
		p = p.text("html").markup(a.Front, a.FrontBlob).markup(a.Back, a.BackBlob)
	case postproof.PDF:
		p = p.text("pdf").file(a.Front).file(a.Back)
	case postproof.Images:
		p = p.text("images").file(a.Front).file(a.Back)
	case postproof.Template:
		p = p.text("template")
		for _, vendor := range sortedKeys(a.IDs) {
			p = p.text(vendor).text(a.IDs[vendor].Front).text(a.IDs[vendor].Back)
		}
		p = p.text("variables")
		for _, name := range sortedKeys(a.Variables) {
			p = p.text(name).text(a.Variables[name])
		}
	}
	return p
}

func (p paperText) file(f postproof.File) paperText { return p.text(f.URL).text(f.Blob.Digest) }

func (p paperText) markup(inline string, blob postproof.Blob) paperText {
	switch {
	case !blob.IsZero():
		return p.text(blob.Digest)
	case inline != "":
		sum := sha256.Sum256([]byte(inline))
		return hex.AppendEncode(p.length(2*sha256.Size), sum[:])
	default:
		return p.text("")
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
