package postgrid_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/internal/adaptertest"
	"github.com/postproof/postproof/vendors/postgrid"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]postproof.Mode{
		"test_sk_0dc8d51e0acffcb1880e": postproof.ModeTest,
		"live_sk_0dc8d51e0acffcb1880e": postproof.ModeLive,
	} {
		a, err := postgrid.New(key)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Account(); got.Mode != want || len(got.Fingerprint) != 16 {
			t.Errorf("account %+v, want mode %s", got, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(text, "0dc8d5") {
			t.Error("the printed adapter holds the key")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	const good = "live_sk_0dc8d51e0acffcb1880e"
	for _, test := range []struct {
		name, key string
		opts      []postgrid.Option
		teaches   string
	}{
		{"empty key", "", nil, "begins with test_sk_ or live_sk_"},
		{"another service's key", "sk_live_abcdef", nil, "another service"},
		{"no prefix", "0dc8d51e0acffcb1880e", nil, "neither test_sk_ nor live_sk_"},
		{"a publishable key", "live_pk_0dc8d51e0acffcb1880e", nil, "neither"},
		{"only a prefix", "live_sk_", nil, "malformed"},
		{"line break", good + "\n", nil, "line breaks"},
		{"quoted", `"` + good + `"`, nil, "neither"},
		{"two keys", good + ":" + good, nil, "malformed"},
		{"a nil option", good, []postgrid.Option{nil}, "option 0 is nil"},
		{"base URL without a host", good, []postgrid.Option{postgrid.WithBaseURL("api.postgrid.com")}, "https"},
		{"base URL with credentials", good, []postgrid.Option{postgrid.WithBaseURL("https://a:b@api.postgrid.com")}, "https"},
		{"live key in the clear", good, []postgrid.Option{postgrid.WithBaseURL("http://api.postgrid.com")}, "plain http"},
	} {
		_, err := postgrid.New(test.key, test.opts...)
		vendortest.CheckConfigError(t, test.name, err, test.teaches, "0dc8d5", "abcdef")
	}
	for _, base := range []string{"http://127.0.0.1:8080/print-mail/v1", "http://[::1]/v1", "http://localhost/v1"} {
		if _, err := postgrid.New(good, postgrid.WithBaseURL(base)); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestAccountOutlivesItsKey(t *testing.T) {
	t.Parallel()
	fingerprint := func(key string, opts ...postgrid.Option) string {
		a, err := postgrid.New(key, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return a.Account().Fingerprint
	}
	named := postgrid.WithAccount("main")
	if fingerprint("test_sk_one", named) != fingerprint("test_sk_two", named) {
		t.Error("a rotated key changes the fingerprint of a named account")
	}
	if fingerprint("test_sk_one", named) == fingerprint("live_sk_one", named) {
		t.Error("both modes have one fingerprint")
	}
	if fingerprint("test_sk_one") == fingerprint("test_sk_two") {
		t.Error("two keys have one fingerprint")
	}
}

// TestUnverifiedKeysAreNotSent: a header that nobody documents would let
// net/http repeat a submission by itself.
func TestUnverifiedKeysAreNotSent(t *testing.T) {
	t.Parallel()
	for _, keyed := range []bool{false, true} {
		var opts []postgrid.Option
		if keyed {
			opts = append(opts, postgrid.WithIdempotencyKeys())
		}
		a, s := newAdapter(t, opts...), submission(job())
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		do := vendortest.Answers(`{"id":"postcard_1","object":"postcard","createdAt":"2026-03-02T14:57:00.000Z"}`)
		order, err := a.Submit(t.Context(), do, s, body)
		if err != nil {
			t.Fatal(err)
		}
		header, class, kind := "", postproof.RepeatNever, postproof.IdempotencyNone
		if keyed {
			header, class, kind = adaptertest.VendorKey, postproof.RepeatKeyed, postproof.IdempotencyKey
		}
		if got := do.Sent[0].Request.Header.Get("Idempotency-Key"); got != header {
			t.Errorf("keyed %v: header %q, want %q", keyed, got, header)
		}
		if got := do.Sent[0].Request.Class; got != class {
			t.Errorf("keyed %v: class %v, want %v", keyed, got, class)
		}
		if got := a.Capabilities().Idempotency.Kind; got != kind {
			t.Errorf("keyed %v: idempotency %q, want %q", keyed, got, kind)
		}
		if order.Replayed != keyed { // it is three minutes old
			t.Errorf("keyed %v: replayed %v", keyed, order.Replayed)
		}
	}
}

func TestSubmitNeedsAKeyWhereOneIsSent(t *testing.T) {
	t.Parallel()
	a, s := newAdapter(t, postgrid.WithIdempotencyKeys()), submission(job())
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

func TestReplayIsMarkedByAge(t *testing.T) {
	t.Parallel()
	for created, want := range map[string]bool{
		"2026-03-02T15:00:00.000Z": false,
		"2026-03-02T14:59:00.000Z": false,
		"2026-03-02T14:57:00.000Z": true,
		"2026-03-02T15:10:00.000Z": false,
		"never":                    false,
	} {
		a, s := newAdapter(t, postgrid.WithIdempotencyKeys()), submission(job())
		body, err := a.Encode(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		do := vendortest.Answers(fmt.Sprintf(`{"id":"postcard_1","object":"postcard","live":true,"createdAt":%q}`, created))
		order, err := a.Submit(t.Context(), do, s, body)
		if err != nil {
			t.Fatal(err)
		}
		if order.Replayed != want || order.Mode != postproof.ModeLive {
			t.Errorf("created %s: replayed %v in mode %q, want %v in the mode that the vendor says", created, order.Replayed, order.Mode, want)
		}
	}
}

// TestAnswersAboutAnotherOrder are not believed, nor is a yes that the order does
// not show.
func TestAnswersAboutAnotherOrder(t *testing.T) {
	t.Parallel()
	const (
		ours   = `{"id":"postcard_1","object":"postcard","status":"cancelled"}`
		theirs = `{"id":"postcard_2","object":"postcard","status":"cancelled"}`
		alive  = `{"id":"postcard_1","object":"postcard","status":"ready"}`
	)
	a := newAdapter(t)
	for body, want := range map[string][2]bool{ours: {true, true}, theirs: {false, false}, alive: {true, false}} {
		do := vendortest.Answers(body)
		_, err := a.Get(t.Context(), do, "postcard_1")
		if (err == nil) != want[0] || (err != nil && postproof.DeliveryOf(err) != postproof.Unknown) {
			t.Errorf("get, %s: %v", body, err)
		}
		do = vendortest.Answers(body)
		if err := a.Cancel(t.Context(), do, "postcard_1"); (err == nil) != want[1] || (err != nil && postproof.DeliveryOf(err) != postproof.Unknown) {
			t.Errorf("cancel, %s: %v", body, err)
		}
		if got, want := do.Asked()[0], "DELETE https://api.postgrid.com/print-mail/v1/postcards/postcard_1"; got != want {
			t.Errorf("cancel is %s, want %s", got, want)
		}
	}
}
