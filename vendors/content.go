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
	c := canonical{make([]byte, 0, canonicalSize(job))}
	c.address(job.To)
	c.address(job.From)
	c.text(string(job.Class))
	if job.Piece != nil {
		c.text(string(job.Piece.Kind()))
		c.sheet(job.Piece.Sheet())
		if l, ok := job.Piece.(postproof.Letter); ok {
			c.flags(l.Color, l.DoubleSided, l.AddressPage)
		}
		c.artwork(vendor, job.Piece.Art())
	}
	sum := sha256.Sum256(c.bytes)
	var out [len(contentVersion) + 2*sha256.Size]byte
	copy(out[:], contentVersion)
	hex.Encode(out[len(contentVersion):], sum[:])
	return string(out[:contentLength])
}

// canonicalSize is room for everything but an unusual number of variables.
func canonicalSize(job *postproof.Job) int {
	n := 768
	if job.Piece != nil {
		if html, ok := job.Piece.Art().(postproof.HTML); ok {
			n += max(len(html.Front), len(html.Back))
		}
	}
	return n
}

// canonical collects values so that no two sequences of them give the same
// bytes: each is preceded by its length. All of them are hashed at once, which
// costs one allocation where a hash that is written to costs two a value.
type canonical struct{ bytes []byte }

func (c *canonical) text(s string) {
	c.bytes = strconv.AppendInt(c.bytes, int64(len(s)), 10)
	c.bytes = append(append(c.bytes, ':'), s...)
}

// sheet is both edges in micrometers, as in 101600x152400.
func (c *canonical) sheet(size postproof.Size) {
	var text [24]byte
	edges := append(strconv.AppendInt(text[:0], int64(size.Short), 10), 'x')
	edges = strconv.AppendInt(edges, int64(size.Long), 10)
	c.bytes = append(strconv.AppendInt(c.bytes, int64(len(edges)), 10), ':')
	c.bytes = append(c.bytes, edges...)
}

func (c *canonical) flags(flags ...bool) {
	for _, f := range flags {
		c.text(strconv.FormatBool(f))
	}
}

func (c *canonical) address(a postproof.Address) {
	c.flags(!a.IsZero())
	if a.IsZero() {
		return
	}
	for _, s := range [...]string{a.Name, a.Company, a.Line1, a.Line2, a.City, a.Region, a.PostalCode, a.CountryCode()} {
		c.text(s)
	}
}

func (c *canonical) artwork(vendor string, art postproof.Artwork) {
	if art == nil {
		c.text("")
		return
	}
	c.text(string(art.ContentKind()))
	switch a := art.(type) {
	case postproof.HTML:
		c.markup(a.Front, a.FrontBlob)
		c.markup(a.Back, a.BackBlob)
	case postproof.PDF:
		c.file(a.Front)
		c.file(a.Back)
	case postproof.Images:
		c.file(a.Front)
		c.file(a.Back)
	case postproof.Template:
		c.text(a.IDs[vendor].Front)
		c.text(a.IDs[vendor].Back)
		for _, k := range slices.Sorted(maps.Keys(a.Variables)) {
			c.text(k)
			c.text(a.Variables[k])
		}
	}
}

func (c *canonical) markup(inline string, blob postproof.Blob) {
	if inline == "" {
		c.text(blob.Digest)
		return
	}
	// Hashed in place: a conversion to bytes would be one more copy.
	n := len(c.bytes)
	sum := sha256.Sum256(append(c.bytes, inline...)[n:])
	c.bytes = append(strconv.AppendInt(c.bytes, 2*sha256.Size, 10), ':')
	c.bytes = hex.AppendEncode(c.bytes, sum[:])
}

func (c *canonical) file(f postproof.File) {
	c.text(f.URL)
	c.text(f.Blob.Digest)
}
