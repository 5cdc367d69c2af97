package vendors

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"

	"github.com/postproof/postproof"
)

// A content digest begins with a version. Digests of different versions say
// nothing about each other.
const (
	contentVersion = "1"
	contentLength  = 24
)

// ContentDigest returns a short digest of everything that the paper shows:
// recipient, return address, product, class and artwork. It is 24 characters
// long, fits every vendor's metadata, and tells nothing about the recipient
// to one who does not know the piece already.
//
// Markup counts by its own digest, so that a job with inline HTML and the same
// job with its markup in the blob store agree. Of a template, only the ids of
// the vendor named count. What changes when the piece is mailed (send date,
// priority) or how it is filed (campaign, metadata) does not count.
func ContentDigest(vendor string, job *postproof.Job) string {
	var room [1024]byte // for everything but an unusual number of variables
	c := canonical(room[:0]).address(&job.To).address(&job.From).text(string(job.Class))
	if job.Piece != nil {
		c = c.text(string(job.Piece.Kind())).sheet(job.Piece.Sheet())
		if l, ok := job.Piece.(postproof.Letter); ok {
			c = c.flag(l.Color).flag(l.DoubleSided).flag(l.AddressPage)
		}
		c = c.artwork(vendor, job.Piece.Art())
	}
	sum := sha256.Sum256(c)
	var out [len(contentVersion) + 2*sha256.Size]byte
	copy(out[:], contentVersion)
	hex.Encode(out[len(contentVersion):], sum[:])
	return string(out[:contentLength])
}

// canonical collects values so that no two sequences of them give the same
// bytes: each is preceded by its length. All of them are hashed at once: a hash
// that is written to costs more than most of the values. The methods append
// and return, so that the bytes need no memory but their caller's stack.
type canonical []byte

func (c canonical) text(s string) canonical {
	return append(c.length(len(s)), s...)
}

func (c canonical) length(n int) canonical {
	return append(strconv.AppendInt(c, int64(n), 10), ':')
}

// sheet is both edges in micrometers, as in 101600x152400.
func (c canonical) sheet(size postproof.Size) canonical {
	var text [24]byte
	edges := append(strconv.AppendInt(text[:0], int64(size.Short), 10), 'x')
	edges = strconv.AppendInt(edges, int64(size.Long), 10)
	return append(c.length(len(edges)), edges...)
}

func (c canonical) flag(f bool) canonical { return c.text(strconv.FormatBool(f)) }

func (c canonical) address(a *postproof.Address) canonical {
	if a.IsZero() {
		return c.flag(false)
	}
	return c.flag(true).text(a.Name).text(a.Company).text(a.Line1).text(a.Line2).
		text(a.City).text(a.Region).text(a.PostalCode).text(a.CountryCode())
}

func (c canonical) artwork(vendor string, art postproof.Artwork) canonical {
	if art == nil {
		return c.text("")
	}
	c = c.text(string(art.ContentKind()))
	switch a := art.(type) {
	case postproof.HTML:
		c = c.markup(a.Front, a.FrontBlob).markup(a.Back, a.BackBlob)
	case postproof.PDF:
		c = c.file(a.Front).file(a.Back)
	case postproof.Images:
		c = c.file(a.Front).file(a.Back)
	case postproof.Template:
		c = c.text(a.IDs[vendor].Front).text(a.IDs[vendor].Back)
		for _, k := range slices.Sorted(maps.Keys(a.Variables)) {
			c = c.text(k).text(a.Variables[k])
		}
	}
	return c
}

func (c canonical) markup(inline string, blob postproof.Blob) canonical {
	if inline == "" {
		return c.text(blob.Digest)
	}
	sum := sumOf(inline)
	return hex.AppendEncode(c.length(2*sha256.Size), sum[:])
}

func (c canonical) file(f postproof.File) canonical {
	return c.text(f.URL).text(f.Blob.Digest)
}

// sumOf hashes a text of any length without a copy of it on the heap.
func sumOf(text string) (sum [sha256.Size]byte) {
	h := sha256.New()
	var chunk [1024]byte
	for len(text) > 0 {
		n := copy(chunk[:], text)
		h.Write(chunk[:n])
		text = text[n:]
	}
	h.Sum(sum[:0])
	return sum
}
