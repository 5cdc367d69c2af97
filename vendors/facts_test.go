package vendors_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func postcard() postproof.Job {
	return postproof.Job{
		Key:   "k",
		To:    postproof.Address{Name: "Ada Example", Line1: "1 Main St", City: "Springfield", Region: "IL", PostalCode: "62701-1234"},
		From:  postproof.Address{Company: "Sender Inc", Line1: "2 Side St", City: "Dover", Region: "DE", PostalCode: "19901"},
		Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{Front: "<p>f</p>", Back: "<p>b</p>"}},
		Class: postproof.Marketing,
	}
}

func TestFactsOf(t *testing.T) {
	t.Parallel()
	job := postcard()
	got := vendors.FactsOf(&job, &vendors.Body{Content: "c"})
	want := vendors.Facts{Kind: "postcard", Size: postproof.Size{Short: 152400, Long: 228600}, Class: "marketing", PostalCode: "62701", Content: "c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if f := vendors.FactsOf(&job, nil); f.Content != "" {
		t.Errorf("facts without a body have the content %q", f.Content)
	}
}

func TestFactsEqual(t *testing.T) {
	t.Parallel()
	digest := func(version string) string { return version + strings.Repeat("a", 23) }
	base := vendors.Facts{Kind: "postcard", Size: postproof.Size{Short: 1, Long: 2}, Class: "marketing", PostalCode: "62701", Content: digest("1")}
	for _, test := range []struct {
		name   string
		change func(*vendors.Facts)
		want   bool
	}{
		{"nothing", func(*vendors.Facts) {}, true},
		{"kind", func(f *vendors.Facts) { f.Kind = "letter" }, false},
		{"size", func(f *vendors.Facts) { f.Size.Long = 3 }, false},
		{"class", func(f *vendors.Facts) { f.Class = "first_class" }, false},
		{"postal code", func(f *vendors.Facts) { f.PostalCode = "62702" }, false},
		{"content", func(f *vendors.Facts) { f.Content = "1" + strings.Repeat("b", 23) }, false},
		{"content by another version", func(f *vendors.Facts) { f.Content = digest("2") }, true},
		{"content that is no digest", func(f *vendors.Facts) { f.Content = "row 7" }, false},
		{"everything missing", func(f *vendors.Facts) { *f = vendors.Facts{} }, true},
	} {
		other := base
		test.change(&other)
		if got := base.Equal(other); got != test.want {
			t.Errorf("%s: Equal = %v, want %v", test.name, got, test.want)
		}
		if got := other.Equal(base); got != test.want {
			t.Errorf("%s: the other way Equal = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestPostalFact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"62701-1234": "62701", "62701": "62701", "c1n 1c4": "C1N1C", "12": "12", "": ""} {
		if got := vendors.PostalFact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestContentDigest changes one thing at a time. What stands in metadata at
// vendors must not change by an upgrade, so one value is pinned.
func TestContentDigest(t *testing.T) {
	t.Parallel()
	base := postcard()
	want := vendors.ContentDigest("lob", &base)
	if len(want) != 24 || want[0] != '1' {
		t.Fatalf("digest %q: want 24 characters with version 1", want)
	}
	const pinned = "14670c6d0d50891d26163bcc"
	if want != pinned {
		t.Errorf("digest %q, pinned is %q: raise the version when the form changes", want, pinned)
	}
	seen := map[string]string{want: "base"}
	for name, change := range map[string]func(*postproof.Job){
		"name":       func(j *postproof.Job) { j.To.Name = "Ada Sample" },
		"name moved": func(j *postproof.Job) { j.To.Name, j.To.Company = "", "Ada Example" },
		"line":       func(j *postproof.Job) { j.To.Line2 = "Apt 1" },
		"ZIP":        func(j *postproof.Job) { j.To.PostalCode = "62701" },
		"country":    func(j *postproof.Job) { j.To.Country = "CA" },
		"sender":     func(j *postproof.Job) { j.From.Line1 = "3 Side St" },
		"no sender":  func(j *postproof.Job) { j.From = postproof.Address{} },
		"class":      func(j *postproof.Job) { j.Class = postproof.FirstClass },
		"size": func(j *postproof.Job) {
			j.Piece = postproof.Postcard{Size: postproof.Size6x11(), Artwork: j.Piece.Art()}
		},
		"kind": func(j *postproof.Job) {
			j.Piece = postproof.SelfMailer{Size: postproof.Size6x9(), Artwork: j.Piece.Art()}
		},
		"front":    func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.HTML{Front: "<p>F</p>", Back: "<p>b</p>"}) },
		"sides":    func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.HTML{Front: "<p>b</p>", Back: "<p>f</p>"}) },
		"one side": func(j *postproof.Job) { j.Piece = j.Piece.WithArt(postproof.HTML{Front: "<p>f</p><p>b</p>"}) },
		"URL": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.PDF{Front: postproof.File{URL: "https://a/1"}})
		},
		"image": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.Images{Front: postproof.File{URL: "https://a/1"}})
		},
		"file": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.PDF{Front: postproof.File{Blob: blobOf("x")}})
		},
		"template":    func(j *postproof.Job) { j.Piece = j.Piece.WithArt(template("tmpl_1", "Ada")) },
		"template id": func(j *postproof.Job) { j.Piece = j.Piece.WithArt(template("tmpl_2", "Ada")) },
		"variable":    func(j *postproof.Job) { j.Piece = j.Piece.WithArt(template("tmpl_1", "Bea")) },
		"letter":      func(j *postproof.Job) { j.Piece = postproof.Letter{Size: postproof.Size6x9(), Artwork: j.Piece.Art()} },
		"color letter": func(j *postproof.Job) {
			j.Piece = postproof.Letter{Size: postproof.Size6x9(), Artwork: j.Piece.Art(), Color: true}
		},
		"no piece": func(j *postproof.Job) { j.Piece = nil },
	} {
		job := postcard()
		change(&job)
		got := vendors.ContentDigest("lob", &job)
		if other, dup := seen[got]; dup {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[got] = name
	}
}

func template(id, name string) postproof.Template {
	return postproof.Template{
		IDs:       map[string]postproof.TemplateIDs{"lob": {Front: id, Back: id}, "pcm": {Front: "9"}},
		Variables: map[string]string{"name": name, "a": "1", "b": "2", "c": "3"},
	}
}

func TestContentDigestIgnores(t *testing.T) {
	t.Parallel()
	base := postcard()
	want := vendors.ContentDigest("lob", &base)
	front, back := sha256.Sum256([]byte("<p>f</p>")), sha256.Sum256([]byte("<p>b</p>"))
	for name, change := range map[string]func(*postproof.Job){
		"key, campaign, priority": func(j *postproof.Job) { j.Key, j.Campaign, j.Contact, j.Priority = "other", "c", "d", 3 },
		"metadata":                func(j *postproof.Job) { j.Metadata = map[string]string{"a": "b"} },
		"the country said":        func(j *postproof.Job) { j.To.Country = "us" },
		"the name of the size": func(j *postproof.Job) {
			size := postproof.Size6x9()
			size.Name = "9x6"
			j.Piece = postproof.Postcard{Size: size, Artwork: j.Piece.Art()}
		},
		"markup in the blob store": func(j *postproof.Job) {
			j.Piece = j.Piece.WithArt(postproof.HTML{
				FrontBlob: postproof.Blob{Digest: hex.EncodeToString(front[:]), Size: 8},
				BackBlob:  postproof.Blob{Digest: hex.EncodeToString(back[:]), Size: 8},
			})
		},
	} {
		job := postcard()
		change(&job)
		if got := vendors.ContentDigest("lob", &job); got != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	one, two := postcard(), postcard()
	art := template("tmpl_1", "Ada")
	one.Piece = one.Piece.WithArt(art)
	art.IDs, art.Variables = maps.Clone(art.IDs), maps.Clone(art.Variables)
	art.IDs["pcm"] = postproof.TemplateIDs{Front: "10"}
	two.Piece = two.Piece.WithArt(art)
	if vendors.ContentDigest("lob", &one) != vendors.ContentDigest("lob", &two) {
		t.Error("another vendor's template changes the digest")
	}
	if vendors.ContentDigest("pcm", &one) == vendors.ContentDigest("pcm", &two) {
		t.Error("the vendor's own template does not change the digest")
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := vendors.Fingerprint("lob", "key")
	if len(base) != 16 || strings.Contains(base, "key") {
		t.Errorf("fingerprint %q", base)
	}
	for _, other := range []string{
		vendors.Fingerprint("lob", "key2"), vendors.Fingerprint("pcm", "key"), vendors.Fingerprint("lob", "ke", "y"), vendors.Fingerprint("lobkey"),
	} {
		if other == base {
			t.Error("two accounts have one fingerprint")
		}
	}
}
