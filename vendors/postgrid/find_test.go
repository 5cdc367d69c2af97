package postgrid_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/vendortest"
)

// piece is a postcard that carries a reference in its metadata; an empty one
// carries none.
func piece(id string, r postproof.Ref) string {
	meta := "{}"
	if r != "" {
		meta = fmt.Sprintf(`{"postproof_ref":%q}`, r)
	}
	return fmt.Sprintf(`{"id":%q,"object":"postcard","metadata":%s,"createdAt":"2026-03-02T15:00:00.000Z"}`, id, meta)
}

func list(total int, items ...string) string {
	return fmt.Sprintf(`{"object":"list","data":[%s],"skip":0,"limit":10,"totalCount":%d}`, strings.Join(items, ","), total)
}

const other = postproof.Ref("OTHER00000000000")

func TestFindReadsToTheLastPage(t *testing.T) {
	t.Parallel()
	described := `{"id":"postcard_4","object":"postcard","description":"0123456789ABCDEF"}`
	do := vendortest.Answers(
		list(4, piece("postcard_1", ref), piece("postcard_2", other)),
		list(4, piece("postcard_3", ref), described),
		list(0), list(0),
	)
	found, err := newAdapter(t).Find(t.Context(), do, ref)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range found.Orders {
		ids = append(ids, o.Receipt.VendorID)
	}
	if diff := cmp.Diff([]string{"postcard_1", "postcard_3", "postcard_4"}, ids); diff != "" || !found.Complete {
		t.Errorf("complete %v (-want +got)\n%s", found.Complete, diff)
	}
	if want := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC); !found.VendorTime.Equal(want) {
		t.Errorf("vendor's time %v", found.VendorTime)
	}
	const base, search = "GET https://api.postgrid.com/print-mail/v1", "search=%220123456789ABCDEF%22&skip="
	want := []string{
		base + "/postcards?" + search + "0", base + "/postcards?" + search + "2",
		base + "/letters?" + search + "0", base + "/self_mailers?" + search + "0",
	}
	if diff := cmp.Diff(want, do.Asked()); diff != "" {
		t.Errorf("requests (-want +got)\n%s", diff)
	}
}

// TestFindIsNotComplete: what could hide our order must not prove its absence.
func TestFindIsNotComplete(t *testing.T) {
	t.Parallel()
	var endless []string
	for range 20 {
		endless = append(endless, list(1000, piece("postcard_1", other)))
	}
	for name, bodies := range map[string][]string{
		"a list without an end":          append(endless, list(0)),
		"a list that ends early":         {list(2, piece("postcard_1", other)), list(2), list(0)},
		"a page that comes again":        {list(2, piece("postcard_1", other)), list(2, piece("postcard_1", other)), list(0)},
		"a list that shrinks":            {list(3, piece("postcard_1", other)), list(2, piece("postcard_2", other)), list(0)},
		"a list that grows":              {list(2, piece("postcard_1", other)), list(3, piece("postcard_2", other)), list(3, piece("postcard_3", other)), list(0)},
		"a piece without a reference":    {list(1, piece("postcard_1", "")), list(0)},
		"a piece of damaged metadata":    {list(1, `{"id":"postcard_1","object":"postcard","metadata":7}`), list(0)},
		"a reference that is a number":   {list(1, `{"id":"postcard_1","object":"postcard","metadata":{"postproof_ref":7}}`), list(0)},
		"a reference of another maker":   {list(1, piece("postcard_1", "row 7")), list(0)},
		"our reference as a part of one": {list(1, piece("postcard_1", "x"+ref)), list(0)},
	} {
		do := vendortest.Answers(bodies...)
		found, err := newAdapter(t).Find(t.Context(), do, ref)
		if err != nil || found.Complete || len(found.Orders) != 0 {
			t.Errorf("%s: %+v, %v; want an answer that is not complete", name, found, err)
		}
	}
	do := vendortest.Answers(list(0))
	if _, err := newAdapter(t).Find(t.Context(), do, `"x" OR 1`); err == nil || len(do.Sent) != 0 {
		t.Errorf("what is no reference is searched for: %v", err)
	}
}

func TestListReadsEveryPage(t *testing.T) {
	t.Parallel()
	old := strings.ReplaceAll(piece("postcard_3", ref), "2026-03-02", "2026-02-01")
	do := vendortest.Answers(list(3, piece("postcard_1", ""), piece("postcard_2", ref)), list(3, old), list(0), list(0))
	n := 0
	for _, err := range newAdapter(t).List(t.Context(), do, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 || len(do.Sent) != 4 {
		t.Errorf("%d orders by %d requests, want 2 by 4", n, len(do.Sent))
	}
	if got, want := do.Asked()[1], "GET https://api.postgrid.com/print-mail/v1/postcards?limit=100&skip=2"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	for name, do := range map[string]*vendortest.Doer{
		"ends before its total":  vendortest.Answers(list(2, piece("postcard_1", ref)), list(2)),
		"does not turn its page": vendortest.Answers(list(2, piece("postcard_1", ref))),
	} {
		var last error
		for _, err := range newAdapter(t).List(t.Context(), do, time.Time{}) {
			last = err
		}
		if postproof.CodeOf(last) != postproof.CodeUnknown || len(do.Sent) != 2 {
			t.Errorf("a list that %s: %v after %d requests, want an error after 2", name, last, len(do.Sent))
		}
	}
}

func logEntry(id, created string) string {
	return fmt.Sprintf(`{"id":%q,"object":"event","type":"postcard.updated","live":false,"createdAt":%q,"data":%s}`,
		id, created, piece("postcard_1", ref))
}

// TestEventsStopsBehindTheTime: a log grows for ever. Only where it is seen to be
// newest first may the rest be left out.
func TestEventsStopsBehindTheTime(t *testing.T) {
	t.Parallel()
	const newest, newer, old, older = "2026-03-04T10:00:00Z", "2026-03-03T10:00:00Z", "2026-03-01T10:00:00Z", "2026-02-27T10:00:00Z"
	since := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		pages []string
		want  []string
		asked int
	}{
		"newest first": {
			[]string{list(6, logEntry("event_6", newest), logEntry("event_5", newer)), list(6, logEntry("event_4", old), logEntry("event_3", older)), list(6)},
			[]string{"event_6", "event_5"},
			2,
		},
		"newest first, all old": {
			[]string{list(4, logEntry("event_4", old), logEntry("event_3", older)), list(4)}, nil, 1,
		},
		"oldest first": {
			[]string{list(3, logEntry("event_1", older), logEntry("event_2", old)), list(3, logEntry("event_3", newer))},
			[]string{"event_3"},
			2,
		},
		"no order at all": {
			[]string{list(5, logEntry("event_1", newer), logEntry("event_2", newest)), list(5, logEntry("event_3", old), logEntry("event_4", older)), list(5, logEntry("event_5", newest))},
			[]string{"event_1", "event_2", "event_5"},
			3,
		},
		"one time, which says nothing": {
			[]string{list(2, logEntry("event_1", old)), list(2, logEntry("event_2", newer))}, []string{"event_2"}, 2,
		},
	} {
		do := vendortest.Answers(test.pages...)
		var got []string
		for n, err := range newAdapter(t).Events(t.Context(), do, since) {
			if err != nil {
				t.Fatal(name, err)
			}
			got = append(got, n.Event.ID)
			if n.Event.Status.Source != postproof.SourcePoll || n.Event.Ref != ref {
				t.Errorf("%s: %+v", name, n.Event)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || len(do.Sent) != test.asked {
			t.Errorf("%s: %d requests, want %d (-want +got)\n%s", name, len(do.Sent), test.asked, diff)
		}
	}
}

func TestEventsEndsEarly(t *testing.T) {
	t.Parallel()
	for name, pages := range map[string][]string{
		"before its total":  {list(2, logEntry("event_1", "2026-03-04T10:00:00Z")), list(2)},
		"what is no event":  {list(1, piece("postcard_1", ref))},
		"what is no log":    {`{"object":"list","data":null,"totalCount":0}`},
		"without its total": {`{"object":"list","data":[]}`},
	} {
		do := vendortest.Answers(pages...)
		var last error
		for _, err := range newAdapter(t).Events(t.Context(), do, time.Time{}) {
			last = err
		}
		if last == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
