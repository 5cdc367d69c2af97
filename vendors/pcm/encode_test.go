package pcm_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/pcm"
)

// TestGoldenRequests compares whole bodies with files: a byte that changes
// under one encoder name would break resends across an upgrade. When a file
// changes, raise the encoder's version.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
	letter := job()
	letter.Piece = postproof.Letter{
		Size: postproof.SizeUSLetter(), Artwork: postproof.PDF{Front: postproof.File{URL: "https://art.example/l.pdf"}}, Color: true, AddressPage: true,
	}
	letter.Class = postproof.Marketing
	letter.SendDate = time.Date(2026, 4, 1, 23, 30, 0, 0, time.FixedZone("", -5*3600))
	design := job()
	design.Piece = postproof.Postcard{Size: postproof.Size6x11(), Artwork: postproof.Template{
		IDs: map[string]postproof.TemplateIDs{"pcm": {Front: "4711"}, "lob": {Front: "tmpl_a"}}, Variables: map[string]string{"name": "Mary", "code": "<X>"},
	}}
	design.From = postproof.Address{}
	design.To.Name, design.To.Company = "Current Resident", ""
	images := job()
	images.Piece = postproof.Postcard{Size: pcm.Size4x6Bleed(), Artwork: postproof.Images{
		Front: postproof.File{URL: "https://art.example/f.jpg"}, Back: postproof.File{URL: "https://art.example/b.jpg"},
	}}
	images.To.Name = "Prince"
	for name, j := range map[string]postproof.Job{
		"postcard_html.json": job(), "postcard_images.json": images, "postcard_design.json": design, "letter_pdf.json": letter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := newAdapter(t).Encode(t.Context(), submission(j))
			if err != nil {
				t.Fatal(err)
			}
			rc, err := body.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(rc)
			if err != nil {
				t.Fatal(err)
			}
			adaptertest.Golden(t, name, string(raw)+"\n")
			want := "pcm/1"
			if j.Piece.Kind() == postproof.KindLetter {
				want = "pcm/1+doubleWindow+Regular"
			}
			if body.Encoder != want {
				t.Errorf("encoder %s, want %s", body.Encoder, want)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	blob := postproof.File{Blob: postproof.Blob{Digest: strings.Repeat("a", 64), Size: 3}}
	for _, test := range []struct {
		name   string
		change func(*postproof.Job)
		code   postproof.Code
		path   string
	}{
		{"abroad", func(j *postproof.Job) { j.To.Country = "CA" }, postproof.CodeUnsupported, "to.country"},
		{"a sender abroad", func(j *postproof.Job) { j.From.Country = "CA" }, postproof.CodeUnsupported, "from.country"},
		{"certified", func(j *postproof.Job) { j.Class = postproof.Certified }, postproof.CodeUnsupported, "class"},
		{"small marketing card", func(j *postproof.Job) { j.Class = postproof.Marketing }, postproof.CodeUnsupported, "class"},
		{"self-mailer", func(j *postproof.Job) {
			j.Piece = postproof.SelfMailer{Size: postproof.Size6x18Bifold(), Artwork: j.Piece.Art()}
		}, postproof.CodeUnsupported, "piece"},
		{"an upload", func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.PDF{Front: blob, Back: blob}) }, postproof.CodeUnsupported, "by URL only"},
		{"no back", func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.PDF{Front: postproof.File{URL: "https://a/b.pdf"}})
		}, postproof.CodeInvalidArgument, "back"},
		{"markup without a tag", func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.HTML{Front: "https://a/b.html", Back: "<p>"})
		}, postproof.CodeInvalidArgument, "front"},
		{"another vendor's template", func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: "tmpl_1"}}})
		}, postproof.CodeUnsupported, "no template"},
		{"a design that is no number", func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.Template{IDs: map[string]postproof.TemplateIDs{"pcm": {Front: "x"}}})
		}, postproof.CodeInvalidArgument, "ids"},
		{"a design for each side", func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.Template{IDs: map[string]postproof.TemplateIDs{"pcm": {Front: "1", Back: "2"}}})
		}, postproof.CodeInvalidArgument, "ids"},
	} {
		j := job()
		test.change(&j)
		_, err := newAdapter(t).Encode(t.Context(), submission(j))
		switch {
		case err == nil:
			t.Errorf("%s: accepted", test.name)
		case postproof.CodeOf(err) != test.code || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), test.path):
			t.Errorf("%s: %v, want %v at %s", test.name, err, test.code, test.path)
		}
	}
}
