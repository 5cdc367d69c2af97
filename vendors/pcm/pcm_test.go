package pcm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendortest"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, key, secret string
		mode              postproof.Mode
		opts              []pcm.Option
		teaches           string
	}{
		{"no key", "", "hush-s", postproof.ModeTest, nil, "API Keys"},
		{"no secret", "hush-k", "", postproof.ModeTest, nil, "shown once"},
		{"a line break", "hush-k\n", "hush-s", postproof.ModeTest, nil, "line break"},
		{"no mode", "hush-k", "hush-s", "", nil, "Sandbox"},
		{"an unknown mode", "hush-k", "hush-s", "sandbox", nil, "Sandbox"},
		{"a long child reference", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{pcm.WithChildRef(strings.Repeat("c", 51))}, "at most 50"},
		{"an unknown envelope", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{pcm.WithEnvelope("pink")}, "doubleWindow"},
		{"an unknown stock", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{pcm.WithLetterStock("papyrus")}, "Cougar80"},
		{"a nil option", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{nil}, "option 0 is nil"},
		{"no clock", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{pcm.WithClock(nil)}, "clock"},
		{"a base without a scheme", "hush-k", "hush-s", postproof.ModeTest, []pcm.Option{pcm.WithBaseURL("v3.pcmintegrations.com")}, "https"},
		{"live credentials in the clear", "hush-k", "hush-s", postproof.ModeLive, []pcm.Option{pcm.WithBaseURL("http://v3.pcmintegrations.com")}, "plain http"},
	} {
		_, err := pcm.New(test.key, test.secret, test.mode, test.opts...)
		vendortest.CheckConfigError(t, test.name, err, test.teaches, "hush")
	}
	a, err := pcm.New("hush-k", "hush-s", postproof.ModeLive)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(text, "hush") {
		t.Error("the printed adapter holds a credential")
	}
}

func TestFingerprintOutlivesTheSecret(t *testing.T) {
	t.Parallel()
	fingerprint := func(key, secret string, mode postproof.Mode, opts ...pcm.Option) string {
		a, err := pcm.New(key, secret, mode, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return a.Account().Fingerprint
	}
	base := fingerprint("k", "s", postproof.ModeTest)
	if fingerprint("k", "s2", postproof.ModeTest) != base {
		t.Error("a rotated secret changes the fingerprint")
	}
	for _, other := range []string{
		fingerprint("k2", "s", postproof.ModeTest), fingerprint("k", "s", postproof.ModeLive),
		fingerprint("k", "s", postproof.ModeTest, pcm.WithChildRef("child")),
	} {
		if other == base {
			t.Error("two accounts have one fingerprint")
		}
	}
}

func TestAccountOutlivesItsKey(t *testing.T) {
	t.Parallel()
	fingerprint := func(key string, mode postproof.Mode, opts ...pcm.Option) string {
		a, err := pcm.New(key, "s", mode, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return a.Account().Fingerprint
	}
	named := pcm.WithAccount("main")
	base := fingerprint("k", postproof.ModeTest, named)
	if fingerprint("k2", postproof.ModeTest, named) != base {
		t.Error("a new pair changes the fingerprint of a named account")
	}
	for what, other := range map[string]string{
		"another mode": fingerprint("k", postproof.ModeLive, named),
		"a child app":  fingerprint("k", postproof.ModeTest, named, pcm.WithChildRef("child")),
		"another name": fingerprint("k", postproof.ModeTest, pcm.WithAccount("other")),
		"no name":      fingerprint("k", postproof.ModeTest),
		"a key":        fingerprint("main", postproof.ModeTest),
	} {
		if other == base {
			t.Errorf("%s has the fingerprint of the account", what)
		}
	}
}
