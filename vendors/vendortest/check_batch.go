package vendortest

import (
	"net/http"
	"time"

	"github.com/postproof/postproof/vendors"
)

// Batches is implemented by [Callbacks] whose vendor tells of several pieces in one
// callback, as Callbacks.Batch of the capabilities says.
type Batches interface {
	// Batch returns the callback about the newest event of each of the orders with the
	// references, in their order, signed as one of Callback's.
	Batch(refs []string, secret string, at time.Time) (http.Header, []byte)
}

// checkCallbackBatch has one callback tell of several pieces: of one that is left out
// nobody hears.
func checkCallbackBatch(b *bench) {
	c := b.caller()
	sim, ok := c.Simulator.(Batches)
	parser, parses := c.Adapter.(vendors.CallbackParser)
	if !ok || !parses || c.caps().Callbacks.Batch < 2 { // CallbackData looks at that
		return
	}
	var subs []*vendors.Submission
	var orders []*vendors.Order
	var refs []string
	for range min(3, c.caps().Callbacks.Batch) {
		s, order := c.accepted()
		subs, orders, refs = append(subs, s), append(orders, order), append(refs, string(s.Ref))
	}
	header, body := sim.Batch(refs, c.secret, signedAt())
	notices, err := parser.ParseCallback(header, body)
	if b.see(err) != nil || len(notices) != len(orders) {
		b.fatalf("a callback about %d pieces: %d notices, %v", len(orders), len(notices), err)
	}
	told := map[string]bool{}
	for i, n := range notices {
		c.checkNotice(subs[i], orders[i], n)
		if told[string(n.Event.Raw)] {
			b.problemf("two events of one callback have the same Raw: it is the event's own bytes, not the callback's")
		}
		told[string(n.Event.Raw)] = true
	}
}
