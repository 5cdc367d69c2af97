package vendortest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// plain is an adapter with the four methods that all have, and its own data.
type plain struct {
	vendors.Adapter

	caps *postproof.Capabilities
}

func (p plain) Capabilities() *postproof.Capabilities { return p.caps }

// TestNobodyToAsk: what is only known by asking takes an adapter that can ask,
// and the suite says which declaration is empty, and nothing else.
func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, check string
		change      func(c *postproof.Capabilities)
		want        []string
	}{
		{"a poll", "Capabilities", func(c *postproof.Capabilities) { c.Poll = time.Hour }, []string{
			"there is a poll, and neither a Getter nor a Finder to poll with",
		}},
		{"a cancellation", "Capabilities", func(c *postproof.Capabilities) {
			c.Cancel, c.NoPaper = postproof.CancelWindow{Supported: true, For: time.Hour}, []string{"canceled"}
		}, []string{
			"orders can be canceled, and neither a Getter nor a Finder shows that one was",
		}},
		{"unsigned callbacks", "CallbackData", func(c *postproof.Capabilities) {
			c.Poll = time.Hour
			c.Callbacks = postproof.Callbacks{Auth: postproof.CallbackUnsigned, Patience: map[postproof.Stage]time.Duration{postproof.StageAccepted: time.Hour}}
		}, []string{
			"callbacks that prove nothing, and neither a Getter nor a Finder to ask with",
		}},
	} {
		for _, asks := range []string{"nobody", "getter", "finder"} {
			good := func() Harness {
				h := harness(t, "lob")
				adapter, ok := h.Adapter.(interface {
					full
					talker
				})
				if !ok {
					t.Fatal("the good adapter lacks an operation")
				}
				caps := *adapter.Capabilities()
				caps.Lookup, caps.Cancel, caps.Callbacks = postproof.Lookup{ByRef: asks == "finder"}, postproof.CancelWindow{}, postproof.Callbacks{}
				caps.Poll = 0
				test.change(&caps)
				a := plain{adapter, &caps}
				switch {
				case caps.Cancel.Supported && asks == "getter":
					h.Adapter = struct {
						plain
						vendors.Canceler
						vendors.Getter
					}{a, adapter, adapter}
				case caps.Cancel.Supported && asks == "finder":
					h.Adapter = struct {
						plain
						vendors.Canceler
						vendors.Finder
					}{a, adapter, adapter}
				case caps.Cancel.Supported:
					h.Adapter = struct {
						plain
						vendors.Canceler
					}{a, adapter}
				case asks == "getter":
					h.Adapter = struct {
						plain
						vendors.CallbackParser
						vendors.Getter
					}{a, adapter, adapter}
				case asks == "finder":
					h.Adapter = struct {
						plain
						vendors.CallbackParser
						vendors.Finder
					}{a, adapter, adapter}
				default:
					h.Adapter = struct {
						plain
						vendors.CallbackParser
					}{a, adapter}
				}
				return h
			}
			want := test.want
			if asks != "nobody" {
				want = nil
			}
			for _, c := range checks() {
				if c.name != test.check {
					continue
				}
				if diff := cmp.Diff(want, c.problems(t.Context(), good)); diff != "" {
					t.Errorf("%s, asked by %s (-want +got)\n%s", test.name, asks, diff)
				}
			}
		}
	}
}
