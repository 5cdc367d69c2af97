package postproof

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// checkRead: what the reader takes, encoding/json takes for the same. It
// reports whether the reader took it.
func checkRead(t *testing.T, text string) bool {
	t.Helper()
	got, ok := readJob(text)
	if !ok {
		return false
	}
	var want jobJSON
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatalf("the reader takes %q, encoding/json says %v", text, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-want +got)\n%s", text, diff)
	}
	return true
}

// TestJobIsReadAsEncodingJSONDoes takes texts apart that were written by us:
// with a byte more, less, or another one they are something else, or nothing.
func TestJobIsReadAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	for i, s := range []string{"", "plain", "Zoë 日本", `"quoted\`, "\u2028<", "\xff\xc0"} {
		for n, j := range jobsOf(s, int64(i-2)<<33, uint8(i), time.Unix(int64(i)*1e9, 0).UTC()) {
			raw, err := j.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			text := string(raw)
			checkRead(t, text)
			if n%5 != i%5 { // all of them would take long
				continue
			}
			for at := range text {
				checkRead(t, text[:at])
				checkRead(t, text[:at]+text[at+1:])
				for _, other := range `",:{}[]\ -+0917etn` + "\n\x00\x80" {
					checkRead(t, text[:at]+string(other)+text[at+1:])
					checkRead(t, text[:at]+string(other)+text[at:])
				}
			}
		}
	}
}

// TestUsualJobIsReadDirectly, or a campaign pays for encoding/json.
func TestUsualJobIsReadDirectly(t *testing.T) {
	t.Parallel()
	blob := Blob{Digest: "0123456789abcdef", Size: 512}
	for _, art := range []Artwork{
		HTML{FrontBlob: blob, BackBlob: blob}, HTML{FrontBlob: blob}, PDF{Front: File{Blob: blob}}, Images{Front: File{URL: "https://example.com/a.png"}, Back: File{Blob: blob}},
	} {
		for _, piece := range []Piece{
			Postcard{Size4x6(), art}, SelfMailer{Size6x18Bifold(), art}, Letter{Size: SizeUSLetter(), Artwork: art, Color: true, AddressPage: true},
		} {
			j := Job{
				Key: "spring/1/card", Class: FirstClass, Campaign: "spring", Contact: "1", Priority: -3, Metadata: map[string]string{"source": "web", "batch": "7"},
				To:    Address{Name: "Zoë Ñandú", Line1: "1 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
				From:  Address{Company: "Example", Line1: "210 King Street", Line2: "Floor 2", City: "San Francisco", Region: "CA", PostalCode: "94107", Country: "US"},
				Piece: piece, SendDate: time.Date(2026, 3, 1, 9, 0, 0, 0, time.FixedZone("", -5*3600)),
			}
			raw, err := j.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if !checkRead(t, string(raw)) {
				t.Errorf("left to encoding/json: %s", raw)
			}
		}
	}
}

func FuzzReadJob(f *testing.F) {
	for _, j := range jobsOf("Zoë", 101600, 7, time.Unix(1_772_000_000, 0)) {
		if raw, err := j.MarshalJSON(); err == nil {
			f.Add(string(raw))
		}
	}
	f.Fuzz(func(t *testing.T, text string) { checkRead(t, text) })
}
