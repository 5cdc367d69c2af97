package postproof_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

// artworks returns one of each kind with every field set, and the empty one.
func artworks() map[string]postproof.Artwork {
	blob := postproof.Blob{Digest: digest, Size: 7}
	return map[string]postproof.Artwork{
		"none":       nil,
		"html":       postproof.HTML{Front: "<p>a & b</p>\u2028", Back: "é"},
		"html blobs": postproof.HTML{FrontBlob: blob, BackBlob: blob},
		"empty html": postproof.HTML{},
		"pdf":        postproof.PDF{Front: postproof.File{URL: "https://example.com/?a=1&b=2"}, Back: postproof.File{Blob: blob}},
		"images":     postproof.Images{Front: postproof.File{Blob: blob}, Back: postproof.File{URL: "https://example.com/b.png"}},
		"template": postproof.Template{
			IDs:       map[string]postproof.TemplateIDs{"lob": {Front: "f", Back: "b"}, "pcm": {Front: "p"}},
			Variables: map[string]string{"first_name": "Ada"},
		},
	}
}

func TestJobJSONRoundTrip(t *testing.T) {
	t.Parallel()
	for name, art := range artworks() {
		for _, piece := range []postproof.Piece{
			postproof.Postcard{Size: postproof.Size6x9(), Artwork: art},
			postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: art},
			postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: art, Color: true},
			postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: art, DoubleSided: true},
			postproof.Letter{Size: postproof.SizeUSLegal(), Artwork: art, AddressPage: true},
			postproof.SelfMailer{Size: postproof.Size11x9Bifold(), Artwork: art},
			nil,
		} {
			kind := "none"
			if piece != nil {
				kind = string(piece.Kind())
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				want := validJob()
				want.Piece = piece
				want.Priority = -3
				want.To.Company, want.To.Line2, want.To.Country = "C", "L2", "US"
				want.SendDate = time.Date(2026, 5, 4, 9, 30, 1, 2, time.FixedZone("", 3600))
				checkRoundTrip(t, want)
			})
		}
	}
	checkRoundTrip(t, postproof.Job{})
}

func checkRoundTrip(t *testing.T, want postproof.Job) {
	t.Helper()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := validJob() // what was there before must go
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("written again: %s, %v; want %s", again, err, data)
	}
}

func TestJobJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]postproof.Piece{
		"pointer":            &postproof.Letter{},
		"nil pointer":        (*postproof.Letter)(nil),
		"pointer to artwork": postproof.Letter{Artwork: &postproof.HTML{}},
	} {
		if data, err := json.Marshal(postproof.Job{Piece: piece}); err == nil {
			t.Errorf("%s: written as %s, which loses it", name, data)
		}
	}
	for _, data := range []string{`{"piece":{"kind":"balloon"}}`, `[]`, `{"priority":"x"}`} {
		var job postproof.Job
		if err := json.Unmarshal([]byte(data), &job); err == nil {
			t.Errorf("%s is read as %v", data, job)
		}
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	art := postproof.HTML{Front: "x"}
	for kind, piece := range map[postproof.PieceKind]postproof.Piece{
		postproof.KindPostcard:   postproof.Postcard{Size: postproof.Size4x6()},
		postproof.KindLetter:     postproof.Letter{Size: postproof.Size4x6(), Color: true},
		postproof.KindSelfMailer: postproof.SelfMailer{Size: postproof.Size4x6()},
	} {
		with := piece.WithArt(art)
		if piece.Art() != nil || with.Art() != art || with.Kind() != kind || with.Sheet() != piece.Sheet() {
			t.Errorf("%s: WithArt gives %v with %v, and leaves %v", kind, with, with.Art(), piece.Art())
		}
		if l, ok := with.(postproof.Letter); ok && !l.Color {
			t.Error("WithArt loses an option")
		}
	}
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	a, b := postproof.Blob{Digest: "a", Size: 1}, postproof.Blob{Digest: "b", Size: 2}
	for _, tt := range []struct {
		art  postproof.Artwork
		want []postproof.Blob
	}{
		{postproof.HTML{FrontBlob: a, BackBlob: b}, []postproof.Blob{a, b}},
		{postproof.HTML{BackBlob: b}, []postproof.Blob{b}},
		{postproof.PDF{Front: postproof.File{Blob: a}, Back: postproof.File{Blob: b}}, []postproof.Blob{a, b}},
		{postproof.Images{Front: postproof.File{Blob: a}, Back: postproof.File{Blob: b}}, []postproof.Blob{a, b}},
		{postproof.Template{}, nil},
		{nil, nil},
	} {
		if diff := cmp.Diff(tt.want, postproof.Blobs(tt.art)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.art, diff)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range []postproof.Size{
		postproof.Size4x6(), postproof.Size6x9(), postproof.Size6x11(), postproof.SizeUSLetter(), postproof.SizeUSLegal(),
		postproof.Size6x18Bifold(), postproof.Size11x9Bifold(), postproof.Size12x9Bifold(),
	} {
		if s.Short <= 0 || s.Short > s.Long || seen[s.Name] {
			t.Errorf("%v: short edge longer than the long one, or a name used twice", s)
		}
		seen[s.Name] = true
		if other := (postproof.Size{Name: "other", Short: s.Short, Long: s.Long}); !s.Same(other) {
			t.Errorf("%v and %v have the same edges", s, other)
		}
	}
	if postproof.Size4x6().Same(postproof.Size6x9()) {
		t.Error("4x6 and 6x9 are the same")
	}
	if postproof.Inches(8.5) != 215900 || postproof.Millimeters(215.9) != postproof.Inches(8.5) || postproof.Inches(8.5).Inches() != 8.5 {
		t.Error("8.5 in are 215.9 mm")
	}
}

func TestRefValid(t *testing.T) {
	t.Parallel()
	for ref, want := range map[postproof.Ref]bool{
		"0123456789ABCDEF": true, "ZZZZZZZZZZZZZZZZ": true, "": false, "0123456789ABCDE": false, "0123456789ABCDEF0": false,
		"0123456789abcdef": false, "0123456789ABCDE-": false, "0123456789ABCDÉ": false, "0123456789ABCDE/": false, "0123456789ABCDE[": false,
	} {
		if got := ref.Valid(); got != want {
			t.Errorf("Ref(%q).Valid() = %t, want %t", string(ref), got, want)
		}
	}
}

func TestOpGroup(t *testing.T) {
	t.Parallel()
	for op, want := range map[postproof.Op]string{
		postproof.OpSubmit: "submit", postproof.OpLogin: "submit", postproof.OpPrepare: "submit", postproof.OpCancel: "cancel",
		postproof.OpGet: "read", postproof.OpLookUp: "read", postproof.OpList: "read", "verify_address": "read",
	} {
		if got := op.Group(); got != want {
			t.Errorf("%s is in group %s, want %s", op, got, want)
		}
	}
	if postproof.RepeatNever != 0 {
		t.Error("the zero class must be the cautious one")
	}
	for r, want := range map[postproof.Repeat]string{0: "never", 1: "keyed", 2: "safe", 3: "repeat(?)"} {
		if r.String() != want {
			t.Errorf("%d is %q, want %q", int(r), r, want)
		}
	}
}

// FuzzDeriveKey looks for two different contacts with one key: the second of
// them would get no mail.
func FuzzDeriveKey(f *testing.F) {
	f.Add("a", "b", "c", "a/b", "", "c")
	f.Add("a/", "b", "c", "a", "/b", "c")
	f.Add("a%2F", "b", "c", "a/", "b", "c")
	f.Add("a%", "2F", "", "a%2", "F", "")
	f.Add("", "", "", "/", "", "")
	f.Fuzz(func(t *testing.T, a1, a2, a3, b1, b2, b3 string) {
		same := a1 == b1 && a2 == b2 && a3 == b3
		a, b := postproof.DeriveKey(a1, a2, a3), postproof.DeriveKey(b1, b2, b3)
		if (a == b) != same {
			t.Fatalf("%q %q %q gives %q; %q %q %q gives %q", a1, a2, a3, string(a), b1, b2, b3, string(b))
		}
		if strings.Count(string(a), "/") != 2 {
			t.Fatalf("%q does not have three parts", string(a))
		}
	})
}
