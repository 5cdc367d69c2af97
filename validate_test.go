package postproof_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

func TestJobValidate(t *testing.T) {
	t.Parallel()
	card := func(a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: a} }
	}
	letter := func(a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = postproof.Letter{Size: postproof.SizeUSLetter(), Artwork: a} }
	}
	blob := postproof.Blob{Digest: digest, Size: 1}
	file := func(url string) postproof.File { return postproof.File{URL: url} }
	good := file("https://example.com/a.pdf")
	tests := []struct {
		name   string
		change func(*postproof.Job)
		want   []string
	}{
		{"valid", func(*postproof.Job) {}, nil},
		{"company instead of name", func(j *postproof.Job) { j.To.Name, j.To.Company = "", "Acme" }, nil},
		{"no return address", func(j *postproof.Job) { j.From = postproof.Address{} }, nil},
		{"abroad", func(j *postproof.Job) { j.To.Country, j.To.Region, j.To.PostalCode = "de", "", "" }, nil},
		{"letter with one side", letter(postproof.PDF{Front: good}), nil},
		{"letter in blobs", letter(postproof.HTML{FrontBlob: blob}), nil},
		{"images in blobs", card(postproof.Images{Front: postproof.File{Blob: blob}, Back: postproof.File{Blob: blob}}), nil},
		{"template", card(postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Front: "t"}}}), nil},
		{"the longest texts", func(j *postproof.Job) {
			j.Campaign = strings.Repeat("é", 200)
			j.Metadata = map[string]string{strings.Repeat("k", 40): strings.Repeat("é", 200)}
			j.Key = postproof.Key(strings.Repeat("k", 256))
		}, nil},

		{"no key", func(j *postproof.Job) { j.Key = "" }, []string{"key"}},
		{"long key", func(j *postproof.Job) { j.Key = postproof.Key(strings.Repeat("k", 257)) }, []string{"key"}},
		{"control character in key", func(j *postproof.Job) { j.Key = "a\nb" }, []string{"key"}},
		{"key not UTF-8", func(j *postproof.Job) { j.Key = "a\xff" }, []string{"key"}},
		{"no class", func(j *postproof.Job) { j.Class = "" }, []string{"class"}},
		{"unknown class", func(j *postproof.Job) { j.Class = "pigeon" }, []string{"class"}},
		{"no name", func(j *postproof.Job) { j.To.Name = " " }, []string{"to.name"}},
		{"no line", func(j *postproof.Job) { j.To.Line1 = "" }, []string{"to.line1"}},
		{"no city", func(j *postproof.Job) { j.From.City = "" }, []string{"from.city"}},
		{"line break", func(j *postproof.Job) { j.To.Line2 = "a\nb" }, []string{"to.line2"}},
		{"not UTF-8", func(j *postproof.Job) { j.To.Company = "\xff" }, []string{"to.company"}},
		{"too long", func(j *postproof.Job) { j.To.Name = strings.Repeat("a", 201) }, []string{"to.name"}},
		{"C1 control", func(j *postproof.Job) { j.To.City = "a\u0085" }, []string{"to.city"}},
		{"country", func(j *postproof.Job) { j.To.Country = "USA" }, []string{"to.country"}},
		{"country not letters", func(j *postproof.Job) { j.To.Country = "1!" }, []string{"to.country"}},
		{"region", func(j *postproof.Job) { j.To.Region = "oh" }, []string{"to.region"}},
		{"ZIP", func(j *postproof.Job) { j.To.PostalCode = "4300" }, []string{"to.postal_code"}},
		{"ZIP+3", func(j *postproof.Job) { j.To.PostalCode = "43004-123" }, []string{"to.postal_code"}},
		{"ZIP with letters", func(j *postproof.Job) { j.To.PostalCode = "4300O" }, []string{"to.postal_code"}},
		{"send date", func(j *postproof.Job) { j.SendDate = time.Unix(1, 0) }, []string{"send_date"}},
		{"campaign", func(j *postproof.Job) { j.Campaign = strings.Repeat("a", 201) }, []string{"campaign"}},
		{"contact", func(j *postproof.Job) { j.Contact = "a\tb" }, []string{"contact"}},
		{"metadata pairs", func(j *postproof.Job) {
			j.Metadata = map[string]string{}
			for i := range 11 {
				j.Metadata[fmt.Sprint("k", i)] = ""
			}
		}, []string{"metadata"}},
		{"metadata key", func(j *postproof.Job) { j.Metadata = map[string]string{"a b": ""} }, []string{"metadata"}},
		{"empty metadata key", func(j *postproof.Job) { j.Metadata = map[string]string{"": ""} }, []string{"metadata"}},
		{"our metadata key", func(j *postproof.Job) { j.Metadata = map[string]string{"postproof_ref": ""} }, []string{"metadata"}},
		{"metadata value", func(j *postproof.Job) { j.Metadata = map[string]string{"a": `"`} }, []string{"metadata"}},
		{"metadata key and value", func(j *postproof.Job) { j.Metadata = map[string]string{" ": "", "a": "\n"} }, []string{"metadata", "metadata"}},

		{"no piece", func(j *postproof.Job) { j.Piece = nil }, []string{"piece"}},
		{"pointer to a piece", func(j *postproof.Job) { j.Piece = &postproof.Letter{} }, []string{"piece"}},
		{"nil pointer to a piece", func(j *postproof.Job) { j.Piece = (*postproof.Letter)(nil) }, []string{"piece"}},
		{"no size", func(j *postproof.Job) { j.Piece = postproof.Letter{Artwork: postproof.HTML{Front: "x"}} }, []string{"piece.size"}},
		{"size the wrong way round", func(j *postproof.Job) {
			j.Piece = postproof.Letter{Size: postproof.Size{Short: 2, Long: 1}, Artwork: postproof.HTML{Front: "x"}}
		}, []string{"piece.size"}},
		{"no artwork", card(nil), []string{"piece.artwork"}},
		{"pointer to artwork", card(&postproof.HTML{Front: "a", Back: "b"}), []string{"piece.artwork"}},
		{"card with one side", card(postproof.HTML{Front: "a"}), []string{"piece.artwork.back"}},
		{"HTML not UTF-8", letter(postproof.HTML{Front: "\xff"}), []string{"piece.artwork"}},
		{"side given twice", letter(postproof.HTML{Front: "a", FrontBlob: blob}), []string{"piece.artwork.front"}},
		{"file given twice", letter(postproof.PDF{Front: postproof.File{URL: good.URL, Blob: blob}}), []string{"piece.artwork.front"}},
		{"digest in capitals", letter(postproof.HTML{FrontBlob: postproof.Blob{Digest: strings.ToUpper(digest), Size: 1}}), []string{"piece.artwork.front"}},
		{"digest of another alphabet", letter(postproof.HTML{FrontBlob: postproof.Blob{Digest: strings.Repeat("0g", 32), Size: 1}}), []string{"piece.artwork.front"}},
		{"short digest", letter(postproof.HTML{FrontBlob: postproof.Blob{Digest: "0a", Size: 1}}), []string{"piece.artwork.front"}},
		{"empty blob", letter(postproof.HTML{FrontBlob: postproof.Blob{Digest: digest}}), []string{"piece.artwork.front"}},
		{"no file", letter(postproof.PDF{}), []string{"piece.artwork.front"}},
		{"URL scheme", letter(postproof.PDF{Front: file("file:///etc/passwd")}), []string{"piece.artwork.front"}},
		{"URL with credentials", letter(postproof.PDF{Front: file("https://u:p@example.com/")}), []string{"piece.artwork.front"}},
		{"URL without host", letter(postproof.PDF{Front: file("https:///a")}), []string{"piece.artwork.front"}},
		{"no template", card(postproof.Template{}), []string{"piece.artwork.ids"}},
		{"empty template", card(postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {Back: "b"}}}), []string{"piece.artwork.ids"}},

		{"everything at once", func(j *postproof.Job) {
			*j = postproof.Job{
				To: postproof.Address{Name: "a\n"}, From: postproof.Address{Country: "X"}, Class: "x",
				SendDate: time.Unix(1, 0), Campaign: "\n", Contact: "\n", Metadata: map[string]string{" ": "\n"},
			}
		}, []string{
			"campaign", "class", "contact", "from.city", "from.country", "from.line1", "from.name", "key", "metadata", "metadata",
			"piece", "send_date", "to.city", "to.line1", "to.name", "to.postal_code", "to.region",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job := validJob()
			tt.change(&job)
			err := job.Validate()
			if diff := cmp.Diff(tt.want, paths(t, err)); diff != "" {
				t.Errorf("paths of %v (-want +got):\n%s", err, diff)
			}
			for range 20 { // the order of a map must not show
				if again := job.Validate(); fmt.Sprint(again) != fmt.Sprint(err) {
					t.Errorf("validated again, the job gives %q, before %q", again, err)
				}
			}
		})
	}
}

func TestAddressValidate(t *testing.T) {
	t.Parallel()
	if err := validJob().To.Validate(); err != nil {
		t.Error(err)
	}
	want := []string{"address.city", "address.line1", "address.name", "address.postal_code", "address.region"}
	if diff := cmp.Diff(want, paths(t, postproof.Address{}.Validate())); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestModeValidate(t *testing.T) {
	t.Parallel()
	for mode, want := range map[postproof.Mode]postproof.Code{
		postproof.ModeTest: 0, postproof.ModeLive: 0,
		"": postproof.CodeInvalidArgument, "LIVE": postproof.CodeInvalidArgument,
	} {
		if got := postproof.CodeOf(mode.Validate()); got != want {
			t.Errorf("Mode(%q).Validate() has code %v, want %v", string(mode), got, want)
		}
	}
}

func TestUSRegion(t *testing.T) {
	t.Parallel()
	n := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if postproof.USRegion(string([]rune{a, b})) {
				n++
			}
		}
	}
	if n != 62 {
		t.Errorf("%d regions, Publication 28 has 62", n)
	}
	for s, want := range map[string]bool{"DC": true, "PR": true, "AE": true, "WY": true, "AL": true, "L ": false, " A": false, "": false, "oh": false, "XX": false, "OHA": false} {
		if got := postproof.USRegion(s); got != want {
			t.Errorf("USRegion(%q) = %t, want %t", s, got, want)
		}
	}
}
