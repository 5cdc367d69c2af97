package vendortest

import (
	"slices"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// A vendor need not give its events ids: what was told is told by their bytes.
func TestEventsWithoutIDs(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(checks(), func(c check) bool { return c.name == "CallbackParse" })
	for _, tt := range []struct {
		name   string
		change func(n *vendors.Notice)
		passes bool
	}{
		{"each told once", func(n *vendors.Notice) { n.Event.ID = "" }, true},
		{"always the same", func(n *vendors.Notice) { n.Event.ID, n.Event.Raw = "", []byte("{}") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := checks()[i].problems(t.Context(), func() Harness {
				h := harness(t, "lob")
				adapter, ok := h.Adapter.(full)
				if !ok {
					t.Fatal("the good adapter lacks an operation")
				}
				b := &broken{full: adapter, caps: func(c *postproof.Capabilities) { c.Callbacks.EventIDs = false }}
				b.notice = tt.change
				h.Adapter = b.adapter()
				return h
			})
			if passes := len(found) == 0; passes != tt.passes {
				t.Errorf("passes = %t, want %t: %v", passes, tt.passes, found)
			}
		})
	}
}
