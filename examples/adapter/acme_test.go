package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendortest"
)

// What the suite cannot ask, because no simulator says it.

const pressKey = "acme-key-1f0c7d52"

func newAcme(t *testing.T) *Acme {
	t.Helper()
	a, err := NewAcme("https://acme.test/v1", "main", pressKey, postproof.ModeTest)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func submission() *vendors.Submission {
	return &vendors.Submission{
		Ref: "0123456789ABCDEF", VendorKey: "00112233445566778899aabbccddeeff",
		Job: postproof.Job{
			Key: "invoice-1042", Class: postproof.Marketing,
			To:       postproof.Address{Name: "Alex Doe", Line1: "210 King St", City: "San Francisco", Region: "CA", PostalCode: "94107", Country: "us"},
			Piece:    postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "front", Back: "back"}},
			Metadata: map[string]string{"b": "2", "a": "1"},
		},
	}
}

func submit(t *testing.T, a *Acme, do vendors.Doer) (*vendors.Order, error) {
	t.Helper()
	s := submission()
	body, err := a.Encode(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return a.Submit(t.Context(), do, s, body)
}

// TestRequest shows the bytes, which are Acme's and not the ledger's. Who has to
// change them gives them another name than acme/1.
func TestRequest(t *testing.T) {
	t.Parallel()
	body, err := newAcme(t).Encode(t.Context(), submission())
	if err != nil {
		t.Fatal(err)
	}
	rc, err := body.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"to":{"name":"Alex Doe","street":"210 King St","city":"San Francisco","state":"CA","zip":"94107","country":"US"},` +
		`"size":"4x6","class":"standard","front":"front","back":"back",` +
		`"reference":"0123456789ABCDEF","digest":"` + body.Content + `","tags":{"a":"1","b":"2"}}`
	if diff := cmp.Diff(want, string(got)); diff != "" || body.Encoder != "acme/1" {
		t.Errorf("encoder %s (-want +got)\n%s", body.Encoder, diff)
	}
}

// TestSideFields: what nobody needs may look as it likes.
func TestSideFields(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		`{"id":"pc_1","status":"received","status_at":{},"created_at":1772463600,"test":"yes","size":{"w":4},"class":null,"reference":7,"digest":[]}`,
		`{"id":"pc_1","status":{"name":"received"}}`,
		`{"id":"pc_1"}`,
	} {
		o, err := submit(t, newAcme(t), vendortest.Answers(answer))
		if err != nil {
			t.Errorf("%s: %v, want an acceptance", answer, err)
			continue
		}
		want := &vendors.Order{
			Receipt: postproof.Receipt{Vendor: "acme", VendorID: "pc_1"}, Facts: vendors.Facts{Kind: postproof.KindPostcard},
			Status: postproof.Status{Stage: postproof.StageAccepted, Raw: o.Status.Raw, Source: postproof.SourceResponse, Confidence: postproof.Reported},
			Raw:    []byte(answer),
		}
		if diff := cmp.Diff(want, o); diff != "" {
			t.Errorf("%s (-want +got)\n%s", answer, diff)
		}
	}
	// An id that fits into no path is none.
	for _, answer := range []string{`{"id":"../x","status":"received"}`, `{"id":["pc_1"]}`} {
		if _, err := submit(t, newAcme(t), vendortest.Answers(answer)); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Errorf("%s: %v, want a doubt", answer, err)
		}
	}
	// Where the status is what was asked for, none is no answer.
	if _, err := newAcme(t).Get(t.Context(), vendortest.Answers(`{"id":"pc_1","status":{}}`), "pc_1"); postproof.DeliveryOf(err) != postproof.Unknown {
		t.Errorf("a look at a piece without a status: %v", err)
	}
}

// TestAccount: the account outlives its key.
func TestAccount(t *testing.T) {
	t.Parallel()
	fingerprint := func(account, key string) string {
		a, err := NewAcme("https://acme.test/v1", account, key, postproof.ModeTest)
		if err != nil {
			t.Fatal(err)
		}
		return a.Account().Fingerprint
	}
	if fingerprint("main", "old") != fingerprint("main", "new") {
		t.Error("a rotated key is another account")
	}
	for name, same := range map[string]bool{
		"two names of one key":      fingerprint("main", "k") == fingerprint("other", "k"),
		"two keys without a name":   fingerprint("", "old") == fingerprint("", "new"),
		"a name that is also a key": fingerprint("k", "other") == fingerprint("", "k"),
	} {
		if same {
			t.Errorf("%s are one account", name)
		}
	}
}

// TestFindEnds: a list whose cursors are all new ends all the same, and proves
// nothing; the time is that of the first page.
func TestFindEnds(t *testing.T) {
	t.Parallel()
	n := 0
	at := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	do := &vendortest.Doer{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", at.Add(time.Duration(n)*time.Second).Format(http.TimeFormat))
		if n++; n > 1000 {
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, map[string]any{"pieces": []any{}, "next": strconv.Itoa(n)})
	})}
	found, err := newAcme(t).Find(t.Context(), do, "0123456789ABCDEF")
	if err != nil {
		t.Fatal(err)
	}
	if found.Complete || len(do.Sent) != maxPages || !found.VendorTime.Equal(at) {
		t.Errorf("complete %v after %d pages, at %v; want false, %d, %v", found.Complete, len(do.Sent), found.VendorTime, maxPages, at)
	}
	// A circle is left where it closes.
	const a, b = `{"pieces":[],"next":"a"}`, `{"pieces":[],"next":"b"}`
	do = vendortest.Answers(a, b, a, b, a, b)
	found, err = newAcme(t).Find(t.Context(), do, "0123456789ABCDEF")
	if err != nil {
		t.Fatal(err)
	}
	if found.Complete || len(do.Sent) != 3 {
		t.Errorf("a circle of two pages: complete %v after %d, want false after 3", found.Complete, len(do.Sent))
	}
}

// TestRefusals is what Acme documents beyond its statuses.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		op           postproof.Op
		status       int
		vendorCode   string
		wantCode     postproof.Code
		wantDelivery postproof.Delivery
	}{
		{postproof.OpSubmit, 403, "not_in_plan", postproof.CodeUnsupported, postproof.Refused},
		{postproof.OpSubmit, 403, "suspended", postproof.CodePermissionDenied, postproof.Refused},
		{postproof.OpSubmit, 422, "idempotency_mismatch", postproof.CodeConflict, postproof.Unknown},
		{postproof.OpSubmit, 422, "invalid", postproof.CodeInvalidArgument, postproof.Refused},
		{postproof.OpSubmit, 409, "too_late", postproof.CodeConflict, postproof.Unknown},
		{postproof.OpCancel, 409, "too_late", postproof.CodeConflict, postproof.Accepted},
		{postproof.OpSubmit, 500, "not_in_plan", postproof.CodeUnavailable, postproof.Unknown},
		{postproof.OpSubmit, 418, "teapot", postproof.CodeInvalidArgument, postproof.Unknown},
	} {
		body, err := json.Marshal(code(test.vendorCode))
		if err != nil {
			t.Fatal(err)
		}
		for sent, want := range map[string]string{"req_1a-2B": "req_1a-2B", "for Alex Doe": ""} {
			got := judge(test.op, nil)(&vendors.Response{Status: test.status, Body: body, Header: http.Header{"X-Request-Id": {sent}}})
			wanted := &postproof.Error{
				Vendor: "acme", Op: string(test.op), HTTPStatus: test.status, VendorCode: test.vendorCode, RequestID: want,
				Code: test.wantCode, Delivery: test.wantDelivery,
			}
			if diff := cmp.Diff(error(wanted), got); diff != "" {
				t.Errorf("%s: %d %s (-want +got)\n%s", test.op, test.status, test.vendorCode, diff)
			}
		}
	}
}

// TestPress holds the simulator to the documentation where the suite does not:
// what is canceled is answered alike ever after, and times are those of what
// happened.
func TestPress(t *testing.T) {
	t.Parallel()
	a, press := newAcme(t), NewPress(pressKey)
	do := &vendortest.Doer{Handler: press}
	begin := press.now
	o, err := submit(t, a, do)
	if err != nil {
		t.Fatal(err)
	}
	press.Advance(30 * time.Hour)
	told, err := a.ParseCallback(press.Callback("0123456789ABCDEF", webhook, press.now))
	if err != nil {
		t.Fatal(err)
	}
	now, err := a.Get(t.Context(), do, o.Receipt.VendorID)
	if err != nil {
		t.Fatal(err)
	}
	mailed := begin.Add(24 * time.Hour)
	if e := told[0].Event.Status; e.Stage != postproof.StageMailed || !e.VendorTime.Equal(mailed) || !now.Status.VendorTime.Equal(mailed) {
		t.Errorf("the event says %s at %v, the piece %v; want mailed at %v", e.Stage, e.VendorTime, now.Status.VendorTime, mailed)
	}
	press = NewPress(pressKey)
	do = &vendortest.Doer{Handler: press}
	if o, err = submit(t, a, do); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Cancel(t.Context(), do, o.Receipt.VendorID); err != nil {
			t.Errorf("a cancellation: %v", err)
		}
		press.Advance(30 * time.Hour)
	}
}
