package idempotency_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// TestFingerprintGolden pins a fingerprint of every form of a job: a key that
// was used with it must be known again after an upgrade.
func TestFingerprintGolden(t *testing.T) {
	t.Parallel()
	file := postproof.File{Blob: postproof.Blob{Digest: strings.Repeat("a", 64), Size: 9}}
	remote := postproof.File{URL: "https://art.example/1.pdf"}
	letter := func(art postproof.Artwork, color, doubleSided, addressPage bool) postproof.Piece {
		return postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: art, Color: color, DoubleSided: doubleSided, AddressPage: addressPage}
	}
	got := map[string]idempotency.Fingerprint{}
	for name, change := range map[string]func(*postproof.Job){
		"html": func(*postproof.Job) {},
		"long html": func(j *postproof.Job) {
			j.Piece = card(postproof.HTML{Front: strings.Repeat("<p>é</p>", 1000), Back: "<"})
		},
		"html blob":  func(j *postproof.Job) { j.Piece = card(postproof.HTML{FrontBlob: file.Blob}) },
		"pdf":        func(j *postproof.Job) { j.Piece = letter(postproof.PDF{Front: file}, true, false, false) },
		"remote pdf": func(j *postproof.Job) { j.Piece = letter(postproof.PDF{Front: remote}, false, true, false) },
		"images": func(j *postproof.Job) {
			j.Piece = letter(postproof.Images{Front: remote, Back: file}, false, false, true)
		},
		"template": func(j *postproof.Job) {
			j.Piece = card(postproof.Template{
				IDs:       map[string]postproof.TemplateIDs{"lob": {Front: "1", Back: "2"}, "pcm": {Front: "3"}, "": {}},
				Variables: map[string]string{"b": " outer ", "a": strings.Repeat("long", 500), "c": ""},
			})
		},
		"no art":   func(j *postproof.Job) { j.Piece = postproof.Postcard{} },
		"no piece": func(j *postproof.Job) { j.Piece = nil },
		"sender":   func(j *postproof.Job) { j.From = postproof.Address{Name: " Example ", Country: "us"} },
		"abroad":   func(j *postproof.Job) { j.To.Country, j.To.Name, j.To.Company = "de", "\u00a0Zoë\t", "Bäcker" },
		"zero":     func(j *postproof.Job) { *j = postproof.Job{} },
	} {
		job := exampleJob()
		change(job)
		got[name] = idempotency.FingerprintOf(job)
	}
	want := map[string]idempotency.Fingerprint{
		"abroad":     "v1:7b1f91b982c9f816be95e14fe350eb9d",
		"html":       "v1:98c65992a0f5b06894e782086265fa16",
		"html blob":  "v1:e7b853704c90d3329b892db5a39d9fea",
		"images":     "v1:e180a9ecf4e201c3f93253dfddbca165",
		"long html":  "v1:3384bd58b80f6fb8baa97306cb6ba61e",
		"no art":     "v1:db136e2309b3fc8f1177ad49b53151ab",
		"no piece":   "v1:d3597fdd3de83a27f9959aced3ff634e",
		"sender":     "v1:06629d955005c5402d4efcda5fcdedc2",
		"pdf":        "v1:7256e0dba0d4566b9268e0376a3ac6a0",
		"remote pdf": "v1:6f95be59c773880a28f742a211ca728c",
		"template":   "v1:518114e4d454978e8176c8fad22a564a",
		"zero":       "v1:b88ed4d23fe519169f7bf995af55eea7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
