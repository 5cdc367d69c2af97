package vendortest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The recipient and sender of the suite. Their parts are words that occur
// nowhere else, so that a leak is found by searching for them.
func recipient() postproof.Address {
	return postproof.Address{
		Name: "Quillon Brakspear", Company: "Vantwhistle Ltd", Line1: "417 Ondovaire Ave", Line2: "Apt 93",
		City: "Merrowick", Region: "OH", PostalCode: "43977-1188",
	}
}

func sender() postproof.Address {
	return postproof.Address{Name: "Ysolde Tamsin", Line1: "88 Farrowgate Rd", City: "Quibbleton", Region: "CA", PostalCode: "94188"}
}

func personalWords() []string {
	return []string{
		"Quillon", "Brakspear", "Vantwhistle", "Ondovaire", "Merrowick", "43977",
		"Ysolde", "Tamsin", "Farrowgate", "Quibbleton", "94188", "secretvariable",
	}
}

// blobs is the artwork store of the suite.
type blobs map[string][]byte

func (b blobs) put(content string) postproof.Blob {
	sum := sha256.Sum256([]byte(content))
	digest := hex.EncodeToString(sum[:])
	b[digest] = []byte(content)
	return postproof.Blob{Digest: digest, Size: int64(len(content))}
}

// open has the form of vendors.Submission.Open.
func (b blobs) open(_ context.Context, blob postproof.Blob) (io.ReadCloser, error) {
	content, ok := b[blob.Digest]
	if !ok {
		return nil, errors.New("no such blob")
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// jobs returns a job for every kind, size, class and content that the
// capabilities declare.
func jobs(h *Harness, store blobs) []postproof.Job {
	var all []postproof.Job
	home := home(h.Adapter.Capabilities())
	job := func(p postproof.PieceSupport, size postproof.Size, class postproof.MailClass, art postproof.Artwork) postproof.Job {
		j := job(p, size, class, art)
		j.To, j.From = place(j.To, home), place(j.From, home)
		return j
	}
	for _, p := range h.Adapter.Capabilities().Pieces {
		for _, size := range p.Sizes {
			all = append(all, job(p, size, classFor(p, size), artwork(h, store, p.Kind, p.Content[0], false)))
		}
		for _, class := range p.Classes {
			for _, size := range p.Sizes {
				if names, ok := p.ClassSizes[class]; !ok || slices.Contains(names, size.Name) {
					all = append(all, job(p, size, class, artwork(h, store, p.Kind, p.Content[0], false)))
					break
				}
			}
		}
		for _, content := range p.Content {
			for _, upload := range []bool{false, true} {
				if a := artwork(h, store, p.Kind, content, upload); a != nil {
					all = append(all, job(p, p.Sizes[0], classFor(p, p.Sizes[0]), a))
				}
			}
		}
	}
	return all
}

func classFor(p postproof.PieceSupport, size postproof.Size) postproof.MailClass {
	for _, class := range p.Classes {
		if names, ok := p.ClassSizes[class]; !ok || slices.Contains(names, size.Name) {
			return class
		}
	}
	return ""
}

func job(p postproof.PieceSupport, size postproof.Size, class postproof.MailClass, art postproof.Artwork) postproof.Job {
	j := postproof.Job{
		Key: "suite", To: recipient(), From: sender(), Class: class,
		Metadata: map[string]string{"b": "2", "a": "1", "c": "3", "d": "4"},
	}
	switch p.Kind {
	case postproof.KindPostcard:
		j.Piece = postproof.Postcard{Size: size, Artwork: art}
	case postproof.KindLetter:
		j.Piece = postproof.Letter{Size: size, Artwork: art, Color: true, DoubleSided: true}
	case postproof.KindSelfMailer:
		j.Piece = postproof.SelfMailer{Size: size, Artwork: art}
	}
	return j
}

// artwork returns nil for what the harness cannot offer.
func artwork(h *Harness, store blobs, kind postproof.PieceKind, content postproof.ContentKind, upload bool) postproof.Artwork {
	twoSided := kind != postproof.KindLetter
	pick := func(s string) string {
		if twoSided {
			return s
		}
		return ""
	}
	file := func(extension, magic string) (front, back postproof.File) {
		if !upload {
			front.URL = "https://art.example/front." + extension
			back.URL = pick("https://art.example/back." + extension)
			return front, back
		}
		front.Blob = store.put(magic + " front")
		if twoSided {
			back.Blob = store.put(magic + " back")
		}
		return front, back
	}
	if upload && (!h.Uploads || content == postproof.ContentHTML || content == postproof.ContentTemplate) {
		return nil
	}
	switch content {
	case postproof.ContentHTML:
		return postproof.HTML{Front: "<html><b>front</b> & more</html>", Back: pick("<html>back</html>")}
	case postproof.ContentPDF:
		front, back := file("pdf", "%PDF-1.7\n")
		return postproof.PDF{Front: front, Back: back}
	case postproof.ContentImages:
		front, back := file("png", "\x89PNG\r\n\x1a\n")
		return postproof.Images{Front: front, Back: back}
	case postproof.ContentTemplate:
		if h.Templates == (postproof.TemplateIDs{}) {
			return nil
		}
		ids := h.Templates
		if !twoSided {
			ids.Back = ""
		}
		return postproof.Template{
			IDs:       map[string]postproof.TemplateIDs{h.Adapter.Capabilities().Vendor: ids},
			Variables: map[string]string{"z": "secretvariable", "y": "2", "x": "1", "w": "0"},
		}
	}
	return nil
}

// submission returns the n-th submission of the suite.
func submission(j postproof.Job, n int, store blobs) *vendors.Submission {
	sum := sha256.Sum256(fmt.Appendf(nil, "submission %d", n))
	return &vendors.Submission{
		Job:       j,
		Ref:       postproof.Ref(strings.ToUpper(hex.EncodeToString(sum[:8]))),
		VendorKey: hex.EncodeToString(sum[16:]),
		Open:      store.open,
	}
}

// Submissions returns a submission for every kind, size, class and content
// that the harness's adapter declares and the harness can offer, each with a
// reference and a key of its own. An adapter may refuse some of them as
// unsupported, where a class goes with some countries only. The simulator is
// not used.
func Submissions(h Harness) []*vendors.Submission {
	store := blobs{}
	var all []*vendors.Submission
	b := &bench{ctx: context.Background()}
	for i, j := range b.fit(h.Adapter, jobs(&h, store), store) {
		all = append(all, submission(j, i, store))
	}
	return all
}
