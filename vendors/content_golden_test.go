package vendors_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// TestContentDigestGolden pins a digest of every form of a job: what stands in
// metadata at vendors must not change by an upgrade. When the form has to
// change, raise its version.
func TestContentDigestGolden(t *testing.T) {
	t.Parallel()
	file := postproof.File{Blob: blobOf("file")}
	remote := postproof.File{URL: "https://art.example/1.pdf"}
	letter := func(art postproof.Artwork, color, doubleSided, addressPage bool) postproof.Piece {
		return postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: art, Color: color, DoubleSided: doubleSided, AddressPage: addressPage}
	}
	got := map[string]string{}
	for name, change := range map[string]func(*postproof.Job){
		"html": func(*postproof.Job) {},
		"long html": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.HTML{Front: strings.Repeat("<p>é</p>", 1000)})
		},
		"html of 1024": func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.HTML{Back: strings.Repeat("<", 1024)}) },
		"html blob":    func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.HTML{FrontBlob: blobOf("x")}) },
		"pdf":          func(j *postproof.Job) { j.Piece = letter(postproof.PDF{Front: file}, true, false, false) },
		"remote pdf":   func(j *postproof.Job) { j.Piece = letter(postproof.PDF{Front: remote}, false, true, false) },
		"images": func(j *postproof.Job) {
			j.Piece = letter(postproof.Images{Front: remote, Back: file}, false, false, true)
		},
		"template": func(j *postproof.Job) { j.Piece = j.Piece.WithArt(template("tmpl_1", "Zoë")) },
		"many variables": func(j *postproof.Job) {
			art := postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: "tmpl_1"}}, Variables: map[string]string{}}
			for k := range strings.FieldsSeq("m z a q w e r t y u i o p") {
				art.Variables[k] = strings.Repeat(k, 200)
			}
			j.Piece = postproof.SelfMailer{Size: postproof.Size12x9Bifold(), Artwork: art}
		},
		"no art":    func(j *postproof.Job) { j.Piece = postproof.Postcard{} },
		"no piece":  func(j *postproof.Job) { j.Piece = nil },
		"no sender": func(j *postproof.Job) { j.From = postproof.Address{} },
		"abroad":    func(j *postproof.Job) { j.To.Country, j.To.Region, j.To.Company = "de", "", "Bäcker GmbH" },
		"long name": func(j *postproof.Job) { j.To.Name = strings.Repeat("x", 3000) },
		"zero":      func(j *postproof.Job) { *j = postproof.Job{} },
	} {
		job := postcard()
		change(&job)
		got[name] = vendors.ContentDigest("lob", &job)
	}
	want := map[string]string{
		"abroad":         "1618ee58d8ad119c2a302387",
		"html":           "14670c6d0d50891d26163bcc",
		"html blob":      "16e9b9e71fe869b64b70300c",
		"html of 1024":   "19ce6ea16c93e4cf1b482e05",
		"images":         "1bc32c17244d12cde0b9bbf4",
		"long html":      "11e73a3e615ae69209a8b440",
		"long name":      "1032230e0d0690e2c7cb9374",
		"many variables": "1474e1b01376ca3a7a8b0be1",
		"no art":         "1225ab224e8efc19b54ec081",
		"no piece":       "15928d9d8583c4539601d20c",
		"no sender":      "13a7e5b1fe7cbd786dbf2cda",
		"pdf":            "1ab7d90cb0d34aa6f603e0a7",
		"remote pdf":     "1a24088bfaea536adc784541",
		"template":       "13ba2c05828243e10122efeb",
		"zero":           "1e6fbe5d199e38ad4ca952fc",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
