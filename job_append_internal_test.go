package postproof

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// reflected is the job as encoding/json writes its form: what was in ledgers
// before the form was written by hand, and what must stay in them.
func reflected(j *Job) ([]byte, error) {
	out := jobJSON{
		Key: string(j.Key), To: j.To, From: j.From, Class: j.Class, SendDate: j.SendDate,
		Campaign: j.Campaign, Contact: j.Contact, Priority: j.Priority, Metadata: j.Metadata,
	}
	if j.Piece != nil {
		out.Piece = pieceJSON{Kind: j.Piece.Kind(), Size: j.Piece.Sheet()}
		switch a := j.Piece.Art().(type) {
		case HTML:
			out.Piece.HTML = &a
		case PDF:
			out.Piece.PDF = &a
		case Images:
			out.Piece.Images = &a
		case Template:
			out.Piece.Template = &a
		}
		if l, ok := j.Piece.(Letter); ok {
			out.Piece.Color, out.Piece.DoubleSided, out.Piece.AddressPage = l.Color, l.DoubleSided, l.AddressPage
		}
	}
	return json.Marshal(out)
}

func checkWritten(t *testing.T, j Job) {
	t.Helper()
	got, err := j.MarshalJSON()
	want, wantErr := reflected(&j)
	if (err == nil) != (wantErr == nil) || string(got) != string(want) {
		t.Fatalf("written as\n%s, %v; encoding/json writes\n%s, %v", got, err, want, wantErr)
	}
	if again, err := json.Marshal(j); err == nil && string(again) != string(want) {
		t.Fatalf("through encoding/json:\n%s; want\n%s", again, want)
	}
}

func arts(s string, n int64) []Artwork {
	blob := Blob{Digest: s, Size: n}
	file := File{URL: s, Blob: blob}
	return []Artwork{
		nil,
		HTML{},
		HTML{Front: s},
		HTML{Back: s, FrontBlob: blob},
		HTML{BackBlob: blob},
		HTML{BackBlob: Blob{Size: n}},
		PDF{},
		PDF{Front: file},
		PDF{Back: file},
		PDF{Front: File{URL: s}, Back: File{Blob: blob}},
		Images{},
		Images{Front: file, Back: file},
		Images{Back: File{URL: s}},
		Template{},
		Template{IDs: map[string]TemplateIDs{}},
		Template{Variables: map[string]string{}},
		Template{
			IDs:       map[string]TemplateIDs{"lob": {Front: s}, s: {Front: "f", Back: s}, "": {}},
			Variables: map[string]string{s: s, "b": "", "a": s, "": "x", "<": ">"},
		},
	}
}

// jobsOf returns jobs with the text in each of their fields, and with most of
// what may be there or not.
func jobsOf(s string, n int64, flags uint8, at time.Time) []Job {
	set := func(bit int) bool { return flags>>bit&1 == 1 }
	size := Size{Name: s, Short: Length(n), Long: Length(n >> 32)}
	jobs := []Job{
		{},
		{Key: Key(s)},
		{Priority: int(n), Campaign: s, Metadata: map[string]string{}},
		{Contact: s, SendDate: at, Metadata: map[string]string{s: s, "b": s, "a": "", "": s}},
		{To: Address{Name: s}, From: Address{Country: s}, Class: MailClass(s)},
		{
			To:   Address{Company: s, Line1: s, Line2: s, City: s, Region: s, PostalCode: s, Country: s},
			From: Address{Name: s, Line1: s, Line2: s, City: s, Region: s, PostalCode: s},
		},
	}
	for _, art := range arts(s, n) {
		for _, p := range []Piece{
			Postcard{size, art},
			SelfMailer{Size{}, art},
			Letter{Size: size, Artwork: art, Color: set(0), DoubleSided: set(1), AddressPage: set(2)},
		} {
			jobs = append(jobs, Job{Piece: p, Key: Key(s), SendDate: at})
		}
	}
	return jobs
}

// TestJobIsWrittenAsEncodingJSONDoes: a record is compared by its bytes, across
// versions of this module, too.
func TestJobIsWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	values := []string{
		"", "plain", `"quoted\`, "<b>&amp;</b>", "Zoë\u2028\u2029", "\xff\xc0x", "\b\f\n\r\t\x00\x1f\x7f~ ", "�", strings.Repeat("0a", 32),
		strings.Repeat("long ", 1000),
	}
	for b := range 256 {
		values = append(values, "x"+string([]byte{byte(b)})+"y")
	}
	times := []time.Time{{}, time.Unix(1, 1e6), time.Date(2026, 3, 1, 2, 3, 4, 0, time.FixedZone("", -5*3600))}
	for i, s := range values {
		for _, j := range jobsOf(s, int64(i-5)<<29, uint8(i), times[i%len(times)]) {
			checkWritten(t, j)
		}
	}
	for _, at := range []time.Time{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 25*3600))} {
		checkWritten(t, Job{SendDate: at})
	}
}

func FuzzMarshalJob(f *testing.F) {
	f.Add("Ada & <Bob>", int64(101600), uint8(5), int64(1_772_000_000))
	f.Add("\xff\u2028\x00\"", int64(-1), uint8(0), int64(-62135596800))
	f.Fuzz(func(t *testing.T, s string, n int64, flags uint8, at int64) {
		for _, j := range jobsOf(s, n, flags, time.Unix(at, n)) {
			checkWritten(t, j)
		}
	})
}
