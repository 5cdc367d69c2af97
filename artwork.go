package postproof

import (
	"crypto/sha256"
	"log/slog"
)

// ContentKind names the form in which artwork is given.
type ContentKind string

// The kinds of content.
const (
	ContentHTML     ContentKind = "html"
	ContentPDF      ContentKind = "pdf"
	ContentImages   ContentKind = "images"
	ContentTemplate ContentKind = "template"
)

// Artwork is what is printed on a piece: [HTML], [PDF], [Images] or
// [Template], by value. The set is sealed; validation refuses a pointer to one.
type Artwork interface {
	// ContentKind returns the form.
	ContentKind() ContentKind
	artwork()
}

// Blob names artwork in the blob store by its content. The client stores it
// once, however many jobs use it.
type Blob struct {
	// Digest is the SHA-256 of the content in lower-case hexadecimal.
	Digest string `json:"digest"`
	// Size is the length in bytes.
	Size int64 `json:"size"`
}

// IsZero reports whether no blob is named.
func (b Blob) IsZero() bool { return b == Blob{} }

func (b Blob) valid() bool {
	for i := range len(b.Digest) {
		if c := b.Digest[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(b.Digest) == 2*sha256.Size && b.Size > 0
}

// File is artwork that is not markup: a blob, or a URL that the vendor
// fetches. A URL must serve the same bytes until the vendor has fetched them,
// on any later day: the library cannot see what is behind it, so prefer blobs.
type File struct {
	URL  string `json:"url,omitempty"`
	Blob Blob   `json:"blob,omitzero"`
}

// IsZero reports whether no file is given.
func (f File) IsZero() bool { return f == File{} }

// HTML is markup for each side; a letter has only a Front. Markup with
// variables is filled in by the caller, or by the vendor through a
// [Template].
//
// Markup that is filled in for one contact is one blob a contact, which stays when
// its job is amended, canceled, done or pruned: the client's Erase deletes it, with
// Artwork, and nothing else does.
type HTML struct {
	Front string `json:"front,omitempty"`
	Back  string `json:"back,omitempty"`
	// FrontBlob and BackBlob take the place of Front and Back once the client
	// has moved the markup into the blob store.
	FrontBlob Blob `json:"front_blob,omitzero"`
	BackBlob  Blob `json:"back_blob,omitzero"`
}

// PDF is one file for each side; a letter has only a Front, of many pages.
type PDF struct {
	Front File `json:"front"`
	Back  File `json:"back,omitzero"`
}

// Images is one image (PNG or JPEG) for each side.
type Images struct {
	Front File `json:"front"`
	Back  File `json:"back,omitzero"`
}

// Template is artwork that a vendor keeps. An id means nothing elsewhere:
// a job fails over only to vendors that IDs has an entry for.
type Template struct {
	// IDs maps a vendor's name to its ids.
	IDs map[string]TemplateIDs `json:"ids"`
	// Variables are merged into the template.
	Variables map[string]string `json:"variables,omitempty"`
}

// TemplateIDs names a vendor's template for each side. A vendor that keeps
// both sides under one id takes Front only.
type TemplateIDs struct {
	Front string `json:"front"`
	Back  string `json:"back,omitempty"`
}

// ContentKind implements [Artwork].
func (HTML) ContentKind() ContentKind { return ContentHTML }

// ContentKind implements [Artwork].
func (PDF) ContentKind() ContentKind { return ContentPDF }

// ContentKind implements [Artwork].
func (Images) ContentKind() ContentKind { return ContentImages }

// ContentKind implements [Artwork].
func (Template) ContentKind() ContentKind { return ContentTemplate }

// String returns the kind; the content may be personal.
func (HTML) String() string { return "artwork(html)" }

// GoString keeps %#v from printing the content.
func (HTML) GoString() string { return "postproof.HTML{}" }

// LogValue implements [slog.LogValuer] without the content.
func (a HTML) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the kind; the content may be personal.
func (PDF) String() string { return "artwork(pdf)" }

// GoString keeps %#v from printing the content.
func (PDF) GoString() string { return "postproof.PDF{}" }

// LogValue implements [slog.LogValuer] without the content.
func (a PDF) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the kind; the content may be personal.
func (Images) String() string { return "artwork(images)" }

// GoString keeps %#v from printing the content.
func (Images) GoString() string { return "postproof.Images{}" }

// LogValue implements [slog.LogValuer] without the content.
func (a Images) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String returns the kind; the content may be personal.
func (Template) String() string { return "artwork(template)" }

// GoString keeps %#v from printing the content.
func (Template) GoString() string { return "postproof.Template{}" }

// LogValue implements [slog.LogValuer] without the content.
func (a Template) LogValue() slog.Value { return slog.StringValue(a.String()) }

// contentOf returns the kind of one of the four artworks, and nothing for
// what only has the methods; compare kindOf.
func contentOf(a Artwork) ContentKind {
	switch a.(type) {
	case HTML, PDF, Images, Template:
		return a.ContentKind()
	default:
		return ""
	}
}

func (HTML) artwork()     {}
func (PDF) artwork()      {}
func (Images) artwork()   {}
func (Template) artwork() {}

// Blobs returns the blobs that the artwork names, front first.
func Blobs(a Artwork) []Blob {
	var all []Blob
	add := func(b Blob) {
		if !b.IsZero() {
			all = append(all, b)
		}
	}
	switch a := a.(type) {
	case HTML:
		add(a.FrontBlob)
		add(a.BackBlob)
	case PDF:
		add(a.Front.Blob)
		add(a.Back.Blob)
	case Images:
		add(a.Front.Blob)
		add(a.Back.Blob)
	case Template:
	}
	return all
}
