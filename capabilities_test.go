package postproof_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // cut-offs in zones, wherever the tests run

	"github.com/postproof/postproof"
)

// capabilities returns a vendor that takes validJob, and little else.
func capabilities() postproof.Capabilities {
	return postproof.Capabilities{
		Vendor:    "acme",
		Countries: []string{"US", "CA"},
		Pieces: []postproof.PieceSupport{{
			Kind:       postproof.KindPostcard,
			Sizes:      []postproof.Size{{Name: "6x4", Short: postproof.Inches(4), Long: postproof.Inches(6)}, postproof.Size6x9()},
			Classes:    []postproof.MailClass{postproof.FirstClass, postproof.Marketing},
			Content:    []postproof.ContentKind{postproof.ContentHTML, postproof.ContentTemplate, postproof.ContentPDF},
			ClassSizes: map[postproof.MailClass][]string{postproof.Marketing: {"6x9"}},
		}},
	}
}

func TestCapabilitiesSupports(t *testing.T) {
	t.Parallel()
	card := func(s postproof.Size, a postproof.Artwork) func(*postproof.Job) {
		return func(j *postproof.Job) { j.Piece = postproof.Postcard{Size: s, Artwork: a} }
	}
	blob := postproof.File{Blob: postproof.Blob{Digest: digest, Size: 11}}
	html := postproof.HTML{Front: "ééé", Back: "x"}
	filled := postproof.Template{IDs: map[string]postproof.TemplateIDs{"acme": {}}, Variables: map[string]string{"c": "1", "a": "<b>"}}
	tests := []struct {
		name   string
		job    func(*postproof.Job)
		limits postproof.Limits
		want   string // the path and a word of the reason; empty when it fits
	}{
		{"fits", func(*postproof.Job) {}, postproof.Limits{}, ""},
		{"country in small letters", func(j *postproof.Job) { j.To.Country = "ca" }, postproof.Limits{}, ""},
		{"another name of the size", card(postproof.Size{Name: "A", Short: postproof.Inches(4), Long: postproof.Inches(6)}, html), postproof.Limits{}, ""},
		{"class with its size", func(j *postproof.Job) { card(postproof.Size6x9(), html)(j); j.Class = postproof.Marketing }, postproof.Limits{}, ""},
		{"template", card(postproof.Size4x6(), postproof.Template{IDs: map[string]postproof.TemplateIDs{"acme": {}}}), postproof.Limits{}, ""},
		{"exactly the limits", card(postproof.Size4x6(), html), postproof.Limits{
			Name: 9, Company: 14, Line1: 12, Lines: 12, City: 8, HTML: 3, MetadataPairs: 1,
		}, ""},

		{"no piece", func(j *postproof.Job) { j.Piece = nil }, postproof.Limits{}, "piece: missing"},
		{"nil pointer", func(j *postproof.Job) { j.Piece = (*postproof.Postcard)(nil) }, postproof.Limits{}, "piece: missing"},
		{"country", func(j *postproof.Job) { j.To.Country = "DE" }, postproof.Limits{}, "to.country: acme does not mail to DE"},
		{"kind", func(j *postproof.Job) { j.Piece = postproof.Letter{} }, postproof.Limits{}, "piece: acme prints no letter"},
		{"size", card(postproof.Size6x11(), html), postproof.Limits{}, "piece.size: acme has no postcard of size 6 × 11 in; it has 6x4, 6x9"},
		{"class", func(j *postproof.Job) { j.Class = postproof.Certified }, postproof.Limits{}, "class: acme does not send a postcard as certified"},
		{"class of a size", func(j *postproof.Job) { j.Class = postproof.Marketing }, postproof.Limits{}, "class: acme does not send size 6x4 as marketing"},
		{"content", card(postproof.Size4x6(), postproof.Images{}), postproof.Limits{}, "piece.artwork: acme takes no images for a postcard"},
		{"template of another vendor", card(postproof.Size4x6(), postproof.Template{IDs: map[string]postproof.TemplateIDs{"lob": {}}}), postproof.Limits{}, "piece.artwork.ids: no template for acme"},
		{"HTML front", card(postproof.Size4x6(), html), postproof.Limits{HTML: 2}, "piece.artwork.front: 3 characters"},
		{"HTML back", card(postproof.Size4x6(), postproof.HTML{BackBlob: blob.Blob}), postproof.Limits{HTML: 10}, "piece.artwork.back: 11 characters"},
		{"file", card(postproof.Size4x6(), postproof.PDF{Back: blob}), postproof.Limits{FileBytes: 10}, "piece.artwork: a file of 11 bytes"},
		{"name", func(*postproof.Job) {}, postproof.Limits{Name: 8}, "to.name: 9 characters, acme takes 8"},
		{"company of the sender", func(*postproof.Job) {}, postproof.Limits{Company: 13}, "from.company: 14"},
		{"line 1", func(*postproof.Job) {}, postproof.Limits{Line1: 11}, "to.line1: 12"},
		{"line 2", func(j *postproof.Job) { j.To.Line2 = "ab" }, postproof.Limits{Line2: 1}, "to.line2: 2"},
		{"both lines", func(j *postproof.Job) { j.To.Line2 = "ab" }, postproof.Limits{Lines: 13}, "to.line1: 14"},
		{"city", func(*postproof.Job) {}, postproof.Limits{City: 7}, "to.city: 8"},
		{"metadata", func(j *postproof.Job) { j.Metadata = map[string]string{"a": "", "b": ""} }, postproof.Limits{MetadataPairs: 1}, "metadata: 2 pairs, acme takes 1"},
		{"metadata of the limits' length", func(j *postproof.Job) { j.Metadata = map[string]string{"key": "éé"} }, postproof.Limits{MetadataKey: 3, MetadataValue: 2}, ""},
		{"a metadata key", func(j *postproof.Job) { j.Metadata = map[string]string{"key": "1", "k": "1"} }, postproof.Limits{MetadataKey: 2}, "metadata: a key of 3 characters, acme takes 2"},
		{"a metadata value", func(j *postproof.Job) { j.Metadata = map[string]string{"k": "ééé"} }, postproof.Limits{MetadataValue: 2}, "metadata: a value of 3 characters, acme takes 2"},
		{"variables that fit", card(postproof.Size4x6(), filled), postproof.Limits{VariablesBytes: len(`{"a":"<b>","c":"1"}`)}, ""},
		{"variables", card(postproof.Size4x6(), filled), postproof.Limits{VariablesBytes: len(`{"a":"<b>","c":"1"}`) - 1}, "piece.artwork.variables: 19 bytes as JSON, acme takes 18"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job, caps := validJob(), capabilities()
			tt.job(&job)
			caps.Limits = tt.limits
			err := caps.Supports(&job)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatalf("supported, want %q", tt.want)
			}
			if postproof.CodeOf(err) != postproof.CodeUnsupported || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want unsupported (not_sent) with %q", err, tt.want)
			}
		})
	}
}

func TestCancelWindowUntilSent(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 3, 9, 14, 0, 0, 0, time.UTC) // the day after New York's change to summer time
	in := func(w postproof.CancelWindow) postproof.CancelWindow {
		w.Supported, w.Scheduled, w.Margin = true, true, time.Hour
		return w
	}
	daily := in(postproof.CancelWindow{Cutoff: 23*time.Hour + 30*time.Minute, CutoffZone: "EST"})
	unkept := daily
	unkept.Scheduled = false
	for name, tc := range map[string]struct {
		window     postproof.CancelWindow
		date, want time.Time
	}{
		"until the date":              {in(postproof.CancelWindow{For: 5 * time.Minute}), date, date.Add(-time.Hour)},
		"the last cut-off before it":  {daily, date, time.Date(2026, 3, 9, 3, 30, 0, 0, time.UTC)},
		"at a cut-off":                {daily, time.Date(2026, 3, 9, 4, 30, 0, 0, time.UTC), time.Date(2026, 3, 9, 3, 30, 0, 0, time.UTC)},
		"just before a cut-off":       {daily, time.Date(2026, 3, 9, 4, 29, 0, 0, time.UTC), time.Date(2026, 3, 8, 3, 30, 0, 0, time.UTC)},
		"across the change of clocks": {in(postproof.CancelWindow{Cutoff: 24 * time.Hour, CutoffZone: "America/New_York"}), time.Date(2026, 3, 9, 4, 30, 0, 0, time.UTC), time.Date(2026, 3, 9, 3, 0, 0, 0, time.UTC)},
		"no date":                     {daily, time.Time{}, time.Time{}},
		"not kept until its date":     {unkept, date, time.Time{}},
		"no cancellation":             {postproof.CancelWindow{Scheduled: true, For: time.Hour}, date, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.window.UntilSent(tc.date); !got.Equal(tc.want) {
				t.Errorf("UntilSent(%v) = %v, want %v", tc.date, got, tc.want)
			}
		})
	}
}

func TestCancelWindowUntil(t *testing.T) {
	t.Parallel()
	const noon = 12 * time.Hour
	est := postproof.CancelWindow{Supported: true, Cutoff: noon, CutoffZone: "EST", Margin: 10 * time.Minute}
	ny := postproof.CancelWindow{Supported: true, Cutoff: noon, CutoffZone: "America/New_York", Margin: 10 * time.Minute}
	tests := []struct {
		name     string
		window   postproof.CancelWindow
		accepted string
		want     string // empty for never
	}{
		{"cannot cancel", postproof.CancelWindow{For: time.Hour}, "2026-05-04T09:00:00Z", ""},
		{"for a time", postproof.CancelWindow{Supported: true, For: time.Hour, Margin: 5 * time.Minute}, "2026-05-04T09:00:00Z", "2026-05-04T09:55:00Z"},
		{"before the cut-off", est, "2026-05-04T16:59:59Z", "2026-05-04T16:50:00Z"},
		{"at the cut-off", est, "2026-05-04T17:00:00Z", "2026-05-05T16:50:00Z"},
		{"after the cut-off", est, "2026-05-04T17:00:01Z", "2026-05-05T16:50:00Z"},
		{"another day there", est, "2026-05-04T03:00:00Z", "2026-05-04T16:50:00Z"},
		{"end of the month", est, "2026-05-31T18:00:00Z", "2026-06-01T16:50:00Z"},
		{"the accepting zone does not matter", est, "2026-05-05T01:30:00+09:00", "2026-05-04T16:50:00Z"},
		{"EST when none is named", postproof.CancelWindow{Supported: true, Cutoff: noon}, "2026-05-04T10:00:00Z", "2026-05-04T17:00:00Z"},
		{"summer time", ny, "2026-05-04T10:00:00Z", "2026-05-04T15:50:00Z"},
		{"the day of 23 hours", ny, "2026-03-08T06:30:00Z", "2026-03-08T15:50:00Z"},
		{"the day of 25 hours", ny, "2026-11-01T05:30:00Z", "2026-11-01T16:50:00Z"},
		{"a zone that nobody knows", postproof.CancelWindow{Supported: true, Cutoff: noon, CutoffZone: "America/Atlantis"}, "2026-05-04T09:00:00Z", ""},
		{"the evening before the day of 23 hours", ny, "2026-03-08T02:00:00Z", "2026-03-08T15:50:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			accepted, err := time.Parse(time.RFC3339, tt.accepted)
			if err != nil {
				t.Fatal(err)
			}
			var want time.Time
			if tt.want != "" {
				if want, err = time.Parse(time.RFC3339, tt.want); err != nil {
					t.Fatal(err)
				}
			}
			if got := tt.window.Until(accepted); !got.Equal(want) {
				t.Errorf("until %v, want %v", got.UTC(), want)
			}
		})
	}
}

func TestIdempotencyOpen(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	key := postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: 24 * time.Hour, Margin: time.Hour}
	forever := postproof.Idempotency{Kind: postproof.IdempotencyRef}
	tests := []struct {
		name  string
		idem  postproof.Idempotency
		first time.Time
		after time.Duration
		want  bool
	}{
		{"none is never open", postproof.Idempotency{Window: time.Hour}, first, 0, false},
		{"at once", key, first, 0, true},
		{"just before the margin", key, first, 23*time.Hour - 1, true},
		{"at the margin", key, first, 23 * time.Hour, false},
		{"after the window", key, first, 25 * time.Hour, false},
		{"never sent", key, time.Time{}, 0, true},
		{"no stated end", forever, first, 1e6 * time.Hour, true},
		{"margin longer than the window", postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: 1, Margin: 2}, first, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.idem.Open(tt.first, first.Add(tt.after)); got != tt.want {
				t.Errorf("open: %t, want %t", got, tt.want)
			}
		})
	}
	if got := key.Until(first); !got.Equal(first.Add(23 * time.Hour)) {
		t.Errorf("until %v", got)
	}
	if got := forever.Until(first); !got.IsZero() {
		t.Errorf("a window without end ends at %v", got)
	}
}

func TestLookupSettleTime(t *testing.T) {
	t.Parallel()
	for settle, want := range map[time.Duration]time.Duration{0: 30 * time.Minute, -1: 30 * time.Minute, time.Hour: time.Hour, time.Minute: time.Minute} {
		if got := (postproof.Lookup{Settle: settle}).SettleTime(); got != want {
			t.Errorf("settle %v gives %v, want %v", settle, got, want)
		}
	}
}

func TestSupportsFilesByURLOnly(t *testing.T) {
	t.Parallel()
	job, caps := validJob(), capabilities()
	for i := range caps.Pieces {
		caps.Pieces[i].URLOnly = true
	}
	blob := postproof.Blob{Digest: strings.Repeat("ab", 32), Size: 11}
	side := postproof.File{URL: "https://example.com/a.pdf"}
	for _, tt := range []struct {
		name string
		art  postproof.Artwork
		ok   bool
	}{
		{"a PDF by URL", postproof.PDF{Front: side, Back: side}, true},
		{"a PDF as a blob", postproof.PDF{Front: side, Back: postproof.File{Blob: blob}}, false},
		{"markup as a blob", postproof.HTML{FrontBlob: blob, BackBlob: blob}, true},
	} {
		job.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: tt.art}
		if err := caps.Supports(&job); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A zone that cannot be loaded is said, never taken for another one: the pieces
// would be believed to be stoppable for hours after they went to press.
func TestCancelWindowLocation(t *testing.T) {
	t.Parallel()
	cutoff := func(zone string) postproof.CancelWindow {
		return postproof.CancelWindow{Supported: true, Cutoff: time.Hour, CutoffZone: zone}
	}
	for zone, want := range map[string]string{"": "EST", "EST": "EST", "UTC": "UTC", "America/New_York": "America/New_York"} {
		if loc, err := cutoff(zone).Location(); err != nil || loc.String() != want {
			t.Errorf("%q: %v, %v, want %s", zone, loc, err, want)
		}
	}
	for zone, want := range map[string]string{"America/Atlantis": `import _ "time/tzdata"`, "Local": "name the vendor's"} {
		loc, err := cutoff(zone).Location()
		if loc != nil || postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), zone) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want an invalid argument with %q", zone, loc, err, want)
		}
	}
	for _, w := range []postproof.CancelWindow{{CutoffZone: "America/Atlantis"}, {Supported: true, For: time.Hour, CutoffZone: "America/Atlantis"}} {
		if loc, err := w.Location(); loc != nil || err != nil {
			t.Errorf("%+v has no cut-off: %v, %v", w, loc, err)
		}
	}
}
