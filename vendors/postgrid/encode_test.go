package postgrid_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendortest"
)

// TestGoldenRequests compares whole requests with files: a byte that changes
// under one encoder name would break resends across an upgrade. When a file
// changes, raise the encoder's version.
func TestGoldenRequests(t *testing.T) {
	t.Parallel()
	const created = `{"id":"postcard_1","object":"postcard"}`
	letter := job()
	letter.Piece = postproof.Letter{Size: postgrid.SizeA4(), Artwork: postproof.HTML{FrontBlob: adaptertest.File("b", 18).Blob}, DoubleSided: true, AddressPage: true}
	letter.To = postproof.Address{Company: "Firm & Sons", Line1: "1 High St", City: "Leeds", PostalCode: "LS1 1AA", Country: "gb"}
	letter.SendDate = time.Date(2026, 4, 1, 21, 30, 0, 0, time.FixedZone("", -5*3600))
	certified := job()
	certified.Class = postproof.CertifiedReturnReceipt
	certified.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.PDF{Front: postproof.File{URL: "https://art.example/letter.pdf"}}, Color: true}
	uploaded := job()
	uploaded.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: postproof.PDF{Front: adaptertest.File("a", 14)}, Color: true}
	templated := job()
	templated.Class = postproof.Marketing
	templated.To.Name = "Cher"
	templated.Piece = postproof.SelfMailer{Size: postgrid.Size9x16Trifold(), Artwork: postproof.Template{
		IDs:       map[string]postproof.TemplateIDs{"postgrid": {Front: "template_a1", Back: "template_b2"}},
		Variables: map[string]string{"name": "Harry \"H\" <Zhang>", "code": "X-1"},
	}}
	alone := job()
	alone.From, alone.Metadata = postproof.Address{}, nil
	alone.Piece = postproof.Postcard{Size: postproof.Size6x11(), Artwork: alone.Piece.Art()}
	for name, test := range map[string]struct {
		job  postproof.Job
		opts []postgrid.Option
	}{
		"postcard_html.txt":    {job(), nil},
		"postcard_keyed.txt":   {job(), []postgrid.Option{postgrid.WithIdempotencyKeys()}},
		"postcard_no_from.txt": {alone, nil},
		"letter_a4_blob.txt":   {letter, nil},
		"letter_certified.txt": {certified, nil},
		"letter_upload.txt":    {uploaded, nil},
		"self_mailer_tmpl.txt": {templated, nil},
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
	british := postproof.Address{Name: "Jane", Line1: "1 High St", City: "Leeds", PostalCode: "LS1 1AA", Country: "GB"}
	html := postproof.HTML{Front: "<p>", Back: "<p>"}
	art := func(a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = j.Piece.WithArt(a) }
	}
	letter := func(a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: a} }
	}
	tmpl := func(front, back string) postproof.Template {
		return postproof.Template{IDs: map[string]postproof.TemplateIDs{"postgrid": {Front: front, Back: back}}}
	}
	for _, test := range []struct {
		name   string
		change func(*postproof.Job)
		code   postproof.Code
		path   string
	}{
		{"a letter without a sender", func(j *postproof.Job) {
			j.Piece, j.From = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: html}, postproof.Address{}
		}, postproof.CodeInvalidArgument, "from"},
		{"a self-mailer without a sender", func(j *postproof.Job) {
			j.Piece, j.From = postproof.SelfMailer{Size: postgrid.Size8x11Bifold(), Artwork: html}, postproof.Address{}
		}, postproof.CodeInvalidArgument, "from"},
		{"marketing mail abroad", func(j *postproof.Job) { j.To, j.Class = british, postproof.Marketing }, postproof.CodeUnsupported, "class"},
		{"a certified postcard", func(j *postproof.Job) { j.Class = postproof.Certified }, postproof.CodeUnsupported, "class"},
		{"a country that is not named", func(j *postproof.Job) { j.To.Country = "FR" }, postproof.CodeUnsupported, "to.country"},
		{"a legal letter", func(j *postproof.Job) {
			j.Piece = postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: html}
		}, postproof.CodeUnsupported, "piece.size"},
		{"a US letter to Britain", func(j *postproof.Job) {
			j.To, j.Piece = british, postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: html}
		}, postproof.CodeUnsupported, "piece.size"},
		{"an A4 letter to the US", func(j *postproof.Job) {
			j.Piece = postproof.Letter{Size: postgrid.SizeA4(), Artwork: html}
		}, postproof.CodeUnsupported, "piece.size"},
		{"a PDF for each side", art(postproof.PDF{Front: adaptertest.File("a", 14), Back: adaptertest.File("a", 14)}), postproof.CodeUnsupported, "artwork"},
		{"images", art(postproof.Images{Front: adaptertest.File("a", 14), Back: adaptertest.File("a", 14)}), postproof.CodeUnsupported, "artwork"},
		{"no back", art(postproof.HTML{Front: "<p>"}), postproof.CodeInvalidArgument, "back"},
		{"no front", art(postproof.HTML{Back: "<p>"}), postproof.CodeInvalidArgument, "front"},
		{"no PDF", letter(postproof.PDF{}), postproof.CodeInvalidArgument, "front"},
		{"a blob that is cut", letter(postproof.HTML{FrontBlob: adaptertest.File("b", 500).Blob}), postproof.CodeInternal, "shorter"},
		{"another vendor's template", art(postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: "tmpl_1"}}}), postproof.CodeUnsupported, "no template for postgrid"},
		{"a template id that is none", art(tmpl("tmpl_1", "template_2")), postproof.CodeInvalidArgument, "front is not a template"},
		{"a template without its back", art(tmpl("template_1", "")), postproof.CodeInvalidArgument, "back is not a template"},
		{"a metadata key that breaks out", func(j *postproof.Job) { j.Metadata = map[string]string{"a\"]\r\nX: y": "1"} }, postproof.CodeInvalidArgument, "metadata"},
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
	j := job()
	j.To, j.Piece = british, postproof.Letter{Size: postgrid.SizeA4(), Artwork: html}
	if _, err := newAdapter(t).Encode(t.Context(), submission(j)); err != nil {
		t.Errorf("an A4 letter to Britain: %v", err)
	}
}

// TestSendDateIsNeverEarly: PostGrid prints on the day after. Noon is the same
// day in UTC and in New York, whichever it reads the date in.
func TestSendDateIsNeverEarly(t *testing.T) {
	t.Parallel()
	for wish, want := range map[time.Time]string{
		time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC):                            `"sendDate":"2026-04-01T12:00:00.000Z"`,
		time.Date(2026, 4, 1, 21, 0, 0, 0, time.FixedZone("", -5*3600)):        `"sendDate":"2026-04-02T12:00:00.000Z"`,
		time.Date(2026, 4, 1, 23, 59, 59, 999, time.UTC):                       `"sendDate":"2026-04-01T12:00:00.000Z"`,
		time.Date(2026, 12, 31, 23, 30, 0, 0, time.FixedZone("west", -1*3600)): `"sendDate":"2027-01-01T12:00:00.000Z"`,
	} {
		j := job()
		j.SendDate = wish
		body, err := newAdapter(t).Encode(t.Context(), submission(j))
		if err != nil {
			t.Fatal(err)
		}
		rc, err := body.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(rc)
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%v: %v, want %s in %s", wish, err, want, raw)
		}
	}
}
