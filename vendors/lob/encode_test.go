package lob_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestGoldenRequests compares whole requests with files: a byte that changes
// under one encoder name would break resends across an upgrade. When a file
// changes, raise the encoder's version.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
	const created = `{"id":"psc_1","object":"postcard"}`
	letter := job()
	letter.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.HTML{Front: "<html>Dear</html>"}, DoubleSided: true, AddressPage: true}
	letter.Class = postproof.CertifiedReturnReceipt
	letter.SendDate = time.Date(2026, 4, 1, 9, 30, 0, 0, time.FixedZone("", -5*3600))
	templated := job()
	templated.Piece = postproof.SelfMailer{Size: postproof.Size12x9Bifold(), Artwork: postproof.Template{
		IDs:       map[string]postproof.TemplateIDs{"lob": {Front: "tmpl_a1", Back: "tmpl_b2"}},
		Variables: map[string]string{"name": "Harry \"H\" <Zhang>", "code": "X-1"},
	}}
	templated.From = postproof.Address{}
	uploaded := job()
	uploaded.Class = postproof.Marketing
	uploaded.Piece = postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.Images{Front: adaptertest.File("b", 13), Back: adaptertest.File("c", 8)}}
	document := job()
	document.Piece = postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: postproof.PDF{Front: adaptertest.File("a", 14)}, Color: true}
	remote := job()
	remote.Piece = postproof.Postcard{Size: postproof.Size6x11(), Artwork: postproof.PDF{
		Front: postproof.File{URL: "https://art.example/front.pdf"}, Back: postproof.File{URL: "https://art.example/back.pdf"},
	}}
	for name, test := range map[string]struct {
		job  postproof.Job
		opts []lob.Option
	}{
		"postcard_html.txt":        {job(), []lob.Option{lob.WithUseType(lob.Marketing)}},
		"postcard_no_use.txt":      {job(), nil},
		"postcard_url.txt":         {remote, []lob.Option{lob.WithUseType(lob.Marketing)}},
		"postcard_upload.txt":      {uploaded, []lob.Option{lob.WithUseType(lob.Marketing)}},
		"letter_certified.txt":     {letter, []lob.Option{lob.WithUseType(lob.Operational)}},
		"letter_upload.txt":        {document, nil},
		"self_mailer_tmpl.txt":     {templated, []lob.Option{lob.WithUseType(lob.Marketing)}},
		"postcard_old_version.txt": {job(), []lob.Option{lob.WithVersion("2020-02-11")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAdapter(t, test.opts...)
			s := submission(test.job)
			body, err := a.Encode(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			do := vendortest.Answers(created)
			_, _ = a.Submit(t.Context(), do, s, body) // the answer is that of a postcard, whatever was ordered
			if len(do.Sent) != 1 {
				t.Fatalf("%d requests", len(do.Sent))
			}
			adaptertest.Golden(t, name, "encoder "+body.Encoder+"\n"+do.Sent[0].Dump())
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	old := lob.WithVersion("2020-02-11")
	abroad := postproof.Address{Name: "Jane", Line1: "1 Rue", City: "Paris", PostalCode: "75001", Country: "FR"}
	letter := postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.HTML{Front: "<p>"}}
	selfMailer := postproof.SelfMailer{Size: postproof.Size6x18Bifold(), Artwork: postproof.HTML{Front: "<p>", Back: "<p>"}}
	art := func(a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = j.Piece.WithArt(a) }
	}
	tmpl := func(front, back string, variables map[string]string) postproof.Template {
		return postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: front, Back: back}}, Variables: variables}
	}
	for _, test := range []struct {
		name   string
		change func(*postproof.Job)
		opts   []lob.Option
		code   postproof.Code
		path   string
	}{
		{"a letter without a sender", func(j *postproof.Job) { j.Piece, j.From = letter, postproof.Address{} }, nil, postproof.CodeInvalidArgument, "from"},
		{"abroad without a sender", func(j *postproof.Job) { j.To, j.From = abroad, postproof.Address{} }, nil, postproof.CodeInvalidArgument, "from"},
		{"a sender abroad", func(j *postproof.Job) { j.From = abroad }, nil, postproof.CodeUnsupported, "from.country"},
		{"a large card abroad", func(j *postproof.Job) {
			j.To = abroad
			j.Piece = postproof.Postcard{Size: postproof.Size6x9(), Artwork: j.Piece.Art()}
		}, nil, postproof.CodeUnsupported, "piece.size"},
		{"abroad without a region or a postal code", func(j *postproof.Job) {
			j.To, j.Piece = abroad, letter
			j.To.PostalCode = ""
		}, nil, postproof.CodeInvalidArgument, "to.postal_code"},
		{"a self-mailer abroad", func(j *postproof.Job) { j.To, j.Piece = abroad, selfMailer }, nil, postproof.CodeUnsupported, "to.country"},
		{"marketing mail abroad", func(j *postproof.Job) { j.To, j.Piece, j.Class = abroad, letter, postproof.Marketing }, nil, postproof.CodeUnsupported, "class"},
		{"certified abroad", func(j *postproof.Job) { j.To, j.Piece, j.Class = abroad, letter, postproof.Certified }, nil, postproof.CodeUnsupported, "class"},
		{"registered at home", func(j *postproof.Job) { j.Piece, j.Class = letter, postproof.Registered }, nil, postproof.CodeUnsupported, "class"},
		{"marketing 4x6", func(j *postproof.Job) { j.Class = postproof.Marketing }, nil, postproof.CodeUnsupported, "class"},
		{"legal letter before its version", func(j *postproof.Job) {
			j.Piece = postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: letter.Artwork}
		}, []lob.Option{old}, postproof.CodeUnsupported, "piece.size"},
		{"markup without a tag", art(postproof.HTML{Front: "tmpl_123", Back: "<p>"}), nil, postproof.CodeInvalidArgument, "front"},
		{"markup too long", art(postproof.HTML{Front: "<p>" + strings.Repeat("é", 9997), Back: "<p>"}), nil, postproof.CodeUnsupported, "front"},
		{"no back", art(postproof.HTML{Front: "<p>"}), nil, postproof.CodeInvalidArgument, "back"},
		{"a plain URL", art(postproof.PDF{Front: postproof.File{URL: "http://a/f.pdf"}}), nil, postproof.CodeUnsupported, "front"},
		{"an image of another kind", art(postproof.Images{Front: adaptertest.File("d", 6), Back: adaptertest.File("b", 13)}), nil, postproof.CodeInvalidArgument, "front"},
		{"a file too large", art(postproof.PDF{Front: adaptertest.File("a", 5e6+1), Back: adaptertest.File("a", 14)}), nil, postproof.CodeUnsupported, "artwork"},
		{"another vendor's template", art(postproof.Template{IDs: map[string]postproof.TemplateIDs{"pcm": {Front: "1"}}}), nil, postproof.CodeUnsupported, "no template for lob"},
		{"a template id that is none", art(tmpl("123", "tmpl_b", nil)), nil, postproof.CodeInvalidArgument, "ids"},
		{"a template without its back", art(tmpl("tmpl_a", "", nil)), nil, postproof.CodeInvalidArgument, "ids"},
		{"a variable with a space", art(tmpl("tmpl_a", "tmpl_b", map[string]string{"first name": "x"})), nil, postproof.CodeInvalidArgument, "variables"},
		{"a variable with a space of another kind", art(tmpl("tmpl_a", "tmpl_b", map[string]string{"first\u00a0name": "x"})), nil, postproof.CodeInvalidArgument, "variables"},
		{"variables too long", art(tmpl("tmpl_a", "tmpl_b", map[string]string{"x": strings.Repeat("x", 25000)})), nil, postproof.CodeUnsupported, "variables"},
		{"long address lines", func(j *postproof.Job) { j.To.Line1, j.To.Line2 = strings.Repeat("1", 40), strings.Repeat("2", 11) }, nil, postproof.CodeUnsupported, "line1"},
		{"a metadata key of 40 characters", func(j *postproof.Job) { j.Metadata = map[string]string{strings.Repeat("k", 40): "1"} }, nil, postproof.CodeUnsupported, "metadata"},
		{"a metadata key that breaks out", func(j *postproof.Job) { j.Metadata = map[string]string{"a\"]\r\nX: y": "1"} }, nil, postproof.CodeInvalidArgument, "metadata"},
	} {
		j := job()
		test.change(&j)
		_, err := newAdapter(t, test.opts...).Encode(t.Context(), submission(j))
		switch {
		case err == nil:
			t.Errorf("%s: accepted", test.name)
		case postproof.CodeOf(err) != test.code || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), test.path):
			t.Errorf("%s: %v, want %v at %s", test.name, err, test.code, test.path)
		}
	}
	j := job()
	j.To, j.Piece, j.Class = abroad, letter, postproof.Registered
	if _, err := newAdapter(t).Encode(t.Context(), submission(j)); err != nil {
		t.Errorf("a registered letter abroad: %v", err)
	}
	j.To.PostalCode, j.To.Region, j.Class = "", "Kowloon", postproof.FirstClass
	if _, err := newAdapter(t).Encode(t.Context(), submission(j)); err != nil {
		t.Errorf("a letter abroad with a region for a postal code: %v", err)
	}
}

// TestEncoderNamesItsSettings guards resends after a change of settings: other
// bytes need another encoder name.
func TestEncoderNamesItsSettings(t *testing.T) {
	t.Parallel()
	j := job()
	j.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.HTML{Front: "<p>"}}
	encoders := map[string]string{}
	for _, opts := range [][]lob.Option{
		nil, {lob.WithUseType(lob.Marketing)}, {lob.WithUseType(lob.Operational)}, {lob.WithVersion("2020-02-11")}, {lob.WithVersion("2024-06-01")},
	} {
		body, err := newAdapter(t, opts...).Encode(t.Context(), submission(j))
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
		if before, ok := encoders[body.Encoder]; ok && before != string(raw) {
			t.Errorf("encoder %s gives two bodies", body.Encoder)
		}
		encoders[body.Encoder] = string(raw)
	}
	if len(encoders) != 4 {
		t.Errorf("%d encoders, want 4", len(encoders))
	}
}
