package postproof

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Supports returns nil when the vendor can print and mail the job, else an
// error that says the first thing that does not fit: the reason why the
// vendor is skipped. It reads form only (kind, size, class, content,
// country, limits) and holds no personal data.
func (c *Capabilities) Supports(job *Job) error {
	v := violations{}
	c.check(&v, job)
	if len(v.fields) == 0 {
		return nil
	}
	f := v.fields[0]
	return &Error{Code: CodeUnsupported, Delivery: NotSent, Vendor: c.Vendor, Err: f}
}

func (c *Capabilities) check(v *violations, job *Job) {
	if kindOf(job.Piece) == "" {
		v.add("piece", "missing, or not a Postcard, Letter or SelfMailer by value")
		return
	}
	if !slices.Contains(c.Countries, job.To.CountryCode()) {
		v.add("to.country", "%s does not mail to %s", c.Vendor, job.To.safeCountry())
	}
	c.checkPiece(v, job)
	c.checkAddress(v, "to", job.To)
	if !job.From.IsZero() {
		c.checkAddress(v, "from", job.From)
	}
	c.checkMetadata(v, job.Metadata)
}

// checkMetadata names no key: one may be personal.
func (c *Capabilities) checkMetadata(v *violations, metadata map[string]string) {
	if n := c.Limits.MetadataPairs; n > 0 && len(metadata) > n {
		v.add("metadata", "%d pairs, %s takes %d", len(metadata), c.Vendor, n)
	}
	if c.Limits.MetadataKey == 0 && c.Limits.MetadataValue == 0 {
		return
	}
	longestKey, longestValue := 0, 0
	for k, value := range metadata {
		longestKey, longestValue = max(longestKey, runesOver(k, c.Limits.MetadataKey)), max(longestValue, runesOver(value, c.Limits.MetadataValue))
	}
	if n := c.Limits.MetadataKey; n > 0 && longestKey > n {
		v.add("metadata", "a key of %d characters, %s takes %d", longestKey, c.Vendor, n)
	}
	if n := c.Limits.MetadataValue; n > 0 && longestValue > n {
		v.add("metadata", "a value of %d characters, %s takes %d", longestValue, c.Vendor, n)
	}
}

func (c *Capabilities) checkPiece(v *violations, job *Job) {
	i := slices.IndexFunc(c.Pieces, func(p PieceSupport) bool { return p.Kind == job.Piece.Kind() })
	if i < 0 {
		v.add("piece", "%s prints no %s", c.Vendor, job.Piece.Kind())
		return
	}
	p := &c.Pieces[i]
	s := slices.IndexFunc(p.Sizes, job.Piece.Sheet().Same)
	if s < 0 {
		v.add("piece.size", "%s has no %s of size %s; it has %s", c.Vendor, p.Kind, job.Piece.Sheet().edges(), sizeNames(p.Sizes))
	}
	if !slices.Contains(p.Classes, job.Class) {
		v.add("class", "%s does not send a %s as %s", c.Vendor, p.Kind, job.Class.safe())
	} else if names, ok := p.ClassSizes[job.Class]; ok && s >= 0 && !slices.Contains(names, p.Sizes[s].Name) {
		v.add("class", "%s does not send size %s as %s", c.Vendor, p.Sizes[s].Name, job.Class.safe())
	}
	art := job.Piece.Art()
	if contentOf(art) == "" {
		return // validation of the job says so
	}
	if !slices.Contains(p.Content, art.ContentKind()) {
		v.add("piece.artwork", "%s takes no %s for a %s", c.Vendor, art.ContentKind(), p.Kind)
	}
	if _, markup := art.(HTML); p.URLOnly && !markup && len(Blobs(art)) > 0 {
		v.add("piece.artwork", "%s takes files for a %s by URL only", c.Vendor, p.Kind)
	}
	c.checkArtwork(v, art)
}

func (c *Capabilities) checkArtwork(v *violations, art Artwork) {
	switch a := art.(type) {
	case HTML:
		// A blob's size is in bytes, at least as many as its characters.
		for _, side := range [...]struct {
			path   string
			markup string
			blob   int64
		}{
			{"piece.artwork.front", a.Front, a.FrontBlob.Size},
			{"piece.artwork.back", a.Back, a.BackBlob.Size},
		} {
			if n := max(runesOver(side.markup, c.Limits.HTML), int(side.blob)); c.Limits.HTML > 0 && n > c.Limits.HTML {
				v.add(side.path, "%d characters of HTML, %s takes %d", n, c.Vendor, c.Limits.HTML)
			}
		}
	case Template:
		if _, ok := a.IDs[c.Vendor]; !ok {
			v.add("piece.artwork.ids", "no template for %s", c.Vendor)
		}
		if limit := c.Limits.VariablesBytes; limit > 0 {
			if n := jsonLen(a.Variables); n > limit {
				v.add("piece.artwork.variables", "%d bytes as JSON, %s takes %d", n, c.Vendor, limit)
			}
		}
	case PDF, Images:
		for _, b := range Blobs(art) {
			if c.Limits.FileBytes > 0 && b.Size > c.Limits.FileBytes {
				v.add("piece.artwork", "a file of %d bytes, %s takes %d", b.Size, c.Vendor, c.Limits.FileBytes)
			}
		}
	}
}

func (c *Capabilities) checkAddress(v *violations, path string, a Address) {
	l := &c.Limits
	for _, f := range []struct {
		name     string
		n, limit int
	}{
		{"name", runes(a.Name), l.Name},
		{"company", runes(a.Company), l.Company},
		{"line1", runes(a.Line1), l.Line1},
		{"line2", runes(a.Line2), l.Line2},
		{"line1", runes(a.Line1) + runes(a.Line2), l.Lines},
		{"city", runes(a.City), l.City},
	} {
		if f.limit > 0 && f.n > f.limit {
			v.add(path+"."+f.name, "%d characters, %s takes %d", f.n, c.Vendor, f.limit)
		}
	}
}

func runes(s string) int { return utf8.RuneCountInString(s) }

// runesOver counts only when it matters: markup is long, and has no more
// characters than bytes.
func runesOver(s string, limit int) int {
	if len(s) <= limit {
		return 0
	}
	return runes(s)
}

// jsonLen is how long the variables are as JSON, markup written as it is.
func jsonLen(variables map[string]string) int {
	if len(variables) == 0 {
		return 0
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(variables) // texts cannot fail, nor can the buffer
	return b.Len() - 1      // without the line feed
}

func sizeNames(sizes []Size) string {
	names := make([]string, len(sizes))
	for i, s := range sizes {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
