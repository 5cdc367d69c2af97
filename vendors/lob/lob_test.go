package lob_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]postproof.Mode{
		"test_0dc8d51e0acffcb1880e0f19c79b2f5b0cc": postproof.ModeTest,
		"live_0dc8d51e0acffcb1880e0f19c79b2f5b0cc": postproof.ModeLive,
	} {
		a, err := lob.New(key)
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
	const good = "live_0dc8d51e0acffcb1880e"
	for _, test := range []struct {
		name, key string
		opts      []lob.Option
		teaches   string
	}{
		{"empty key", "", nil, "begins with test_ or live_"},
		{"another service's key", "sk_live_abcdef", nil, "another service"},
		{"no prefix", "0dc8d51e0acffcb1880e", nil, "neither test_ nor live_"},
		{"publishable key", "live_pub_0dc8d51e0acffcb1880e", nil, "use the secret key"},
		{"only a prefix", "live_", nil, "malformed"},
		{"line break", good + "\n", nil, "line breaks"},
		{"quoted", `"` + good + `"`, nil, "neither"},
		{"two keys", good + ":" + good, nil, "malformed"},
		{"base URL without a host", good, []lob.Option{lob.WithBaseURL("api.lob.com/v1")}, "https"},
		{"base URL with credentials", good, []lob.Option{lob.WithBaseURL("https://a:b@api.lob.com/v1")}, "https"},
		{"live key in the clear", good, []lob.Option{lob.WithBaseURL("http://api.lob.com/v1")}, "plain http"},
		{"use type", good, []lob.Option{lob.WithUseType("spam")}, "marketing"},
		{"a nil option", good, []lob.Option{nil}, "option 0 is nil"},
		{"version", good, []lob.Option{lob.WithVersion("v1")}, "2024-01-01"},
	} {
		_, err := lob.New(test.key, test.opts...)
		vendortest.CheckConfigError(t, test.name, err, test.teaches, "0dc8d5", "abcdef")
	}
	for _, base := range []string{"http://127.0.0.1:8080/v1", "http://[::1]/v1", "http://localhost/v1"} {
		if _, err := lob.New(good, lob.WithBaseURL(base)); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
}

func TestAccountOutlivesItsKey(t *testing.T) {
	t.Parallel()
	fingerprint := func(key string, opts ...lob.Option) string {
		a, err := lob.New(key, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return a.Account().Fingerprint
	}
	named := lob.WithAccount("main")
	if fingerprint("test_one", named) != fingerprint("test_two", named) {
		t.Error("a rotated key changes the fingerprint of a named account")
	}
	if fingerprint("test_one", named) == fingerprint("live_one", named) {
		t.Error("both modes have one fingerprint")
	}
	if fingerprint("test_one") == fingerprint("test_two") {
		t.Error("two keys have one fingerprint")
	}
}
