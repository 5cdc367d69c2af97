package lob_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/vendortest"
)

const emptyList = `{"object":"list","data":[],"count":0,"next_url":null}`

// piece is a postcard that carries a reference; an empty one carries none.
func piece(id string, r postproof.Ref) string {
	meta := "{}"
	if r != "" {
		meta = fmt.Sprintf(`{"postproof_ref":%q}`, r)
	}
	return fmt.Sprintf(`{"id":%q,"object":"postcard","metadata":%s,"date_created":"2026-03-02T15:00:00.000Z"}`, id, meta)
}

func list(next string, pieces ...string) string {
	url := "null"
	if next != "" {
		url = fmt.Sprintf("%q", next)
	}
	return fmt.Sprintf(`{"object":"list","data":[%s],"count":%d,"next_url":%s}`, strings.Join(pieces, ","), len(pieces), url)
}

func TestFindReadsToTheLastPage(t *testing.T) {
	t.Parallel()
	do := vendortest.Answers(
		list("https://elsewhere.example/v1/postcards?limit=1&after=c1", piece("psc_1", ref)),
		list("/v1/postcards?after=c2", piece("psc_2", "OTHER00000000000")),
		list("", piece("psc_3", ref)),
		emptyList, emptyList,
	)
	found, err := newAdapter(t).Find(t.Context(), do, ref)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Orders) != 2 || found.Orders[0].Receipt.VendorID != "psc_1" || found.Orders[1].Receipt.VendorID != "psc_3" || !found.Complete {
		t.Errorf("%d orders, complete %v", len(found.Orders), found.Complete)
	}
	if want := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC); !found.VendorTime.Equal(want) {
		t.Errorf("vendor's time %v", found.VendorTime)
	}
	const filter = "limit=100&metadata%5Bpostproof_ref%5D=0123456789ABCDEF"
	want := []string{
		"GET https://api.lob.com/v1/postcards?" + filter,
		"GET https://api.lob.com/v1/postcards?after=c1&" + filter,
		"GET https://api.lob.com/v1/postcards?after=c2&" + filter,
		"GET https://api.lob.com/v1/letters?" + filter,
		"GET https://api.lob.com/v1/self_mailers?" + filter,
	}
	if diff := cmp.Diff(want, do.Asked()); diff != "" {
		t.Errorf("requests (-want +got)\n%s", diff)
	}
}

// TestFindIsNotComplete: what could hide our order must not prove its absence.
func TestFindIsNotComplete(t *testing.T) {
	t.Parallel()
	loop := list("https://api.lob.com/v1/postcards?after=again", piece("psc_1", "OTHER00000000000"))
	var endless []string
	for i := range 30 {
		endless = append(endless, list(fmt.Sprintf("/v1/postcards?after=c%d", i), piece("psc_1", "OTHER00000000000")))
	}
	for name, bodies := range map[string][]string{
		"the cursor loops":             {loop, loop, emptyList},
		"a list without an end":        append(endless[:20:20], emptyList),
		"a piece without a reference":  {list("", piece("psc_1", "")), emptyList},
		"a piece of damaged metadata":  {list("", `{"id":"psc_1","object":"postcard","metadata":null}`), emptyList},
		"a reference of another maker": {list("", piece("psc_1", "row 7")), emptyList},
	} {
		do := vendortest.Answers(bodies...)
		found, err := newAdapter(t).Find(t.Context(), do, ref)
		if err != nil || found.Complete || len(found.Orders) != 0 {
			t.Errorf("%s: %+v, %v; want an answer that is not complete", name, found, err)
		}
	}
}

func TestListAsksSince(t *testing.T) {
	t.Parallel()
	do := vendortest.Answers(list("", piece("psc_1", ""), piece("psc_2", ref)), emptyList)
	n := 0
	for _, err := range newAdapter(t).List(t.Context(), do, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 || len(do.Sent) != 3 {
		t.Errorf("%d orders by %d requests, want 2 by 3", n, len(do.Sent))
	}
	if got, want := do.Asked()[0], "GET https://api.lob.com/v1/postcards?date_created%5Bgte%5D=2026-03-01T00%3A00%3A00Z&limit=100"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

func TestReplayIsMarkedByAge(t *testing.T) {
	t.Parallel()
	for created, want := range map[string]bool{
		"2026-03-02T15:00:00.000Z": false,
		"2026-03-02T14:59:00.000Z": false,
		"2026-03-02T14:57:00.000Z": true,
		"2026-03-02T15:10:00.000Z": false,
		"never":                    false,
	} {
		a := newAdapter(t)
		s := submission(job())
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		do := vendortest.Answers(fmt.Sprintf(`{"id":"psc_1","object":"postcard","date_created":%q,"mode":"live"}`, created))
		order, err := a.Submit(t.Context(), do, s, body)
		if err != nil {
			t.Fatal(err)
		}
		if order.Replayed != want {
			t.Errorf("created %s: replayed %v, want %v", created, order.Replayed, want)
		}
		if order.Mode != postproof.ModeLive {
			t.Errorf("mode %q, want the one that the vendor says", order.Mode)
		}
		if got := do.Sent[0].Request.Header.Get("Idempotency-Key"); got != adaptertest.VendorKey || do.Sent[0].Request.Method != http.MethodPost {
			t.Errorf("key %q", got)
		}
	}
}

func TestSubmitNeedsAKey(t *testing.T) {
	t.Parallel()
	a, s := newAdapter(t), submission(job())
	body, err := a.Encode(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.VendorKey = ""
	do := vendortest.Answers(`{}`)
	if _, err := a.Submit(t.Context(), do, s, body); postproof.DeliveryOf(err) != postproof.NotSent || len(do.Sent) != 0 {
		t.Errorf("without a key: %v after %d requests", err, len(do.Sent))
	}
}
