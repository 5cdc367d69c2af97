package vendortest

import (
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// wantBefore is the Delivery of a submission of which a request before the order
// failed: nothing was sent, unless the vendor refused what the order needs.
func wantBefore(op postproof.Op, f *Fault) postproof.Delivery {
	if op == postproof.OpPrepare && f.Want == postproof.Refused {
		return postproof.Refused
	}
	return postproof.NotSent
}

// checkPrepare stops a submission of several requests before the one that orders,
// as a crash does, and looks for what is there by then.
func checkPrepare(b *bench) {
	r := b.setup()
	r.accepted()
	prepares := false
	for _, sent := range r.doer.Sent {
		prepares = prepares || sent.Request.Op == postproof.OpPrepare
	}
	if !prepares {
		return
	}
	r = b.setup()
	s := r.next()
	r.doer.Strike = strikeOp(postproof.OpSubmit, 1, &Fault{NotSent: true})
	_, err := r.submit(s)
	r.doer.Strike = nil
	if d := postproof.DeliveryOf(err); d != postproof.NotSent {
		b.problemf("prepared, and the order not sent: %v, want not_sent", d)
	}
	if n := r.Simulator.Orders(string(s.Ref)); n != 0 {
		b.problemf("what precedes the submission ordered %d pieces", n)
	}
	if r.caps().Lookup.ByRef {
		found := b.find(r, s.Ref)
		if n := len(found.Orders); n > 0 {
			b.problemf("a look-up takes what was prepared and never ordered for %d orders: the piece would count as accepted, and never be printed", n)
		} else if !found.Complete {
			b.problemf("a look-up that finds nothing but what was prepared is not complete: its absence could never be concluded")
		}
	}
	if _, lists := r.Adapter.(vendors.Lister); lists {
		listed := map[string]bool{}
		if err := listAll(b, r, time.Time{}, listed); err != nil || len(listed) > 0 {
			b.problemf("the list has %d orders of what was prepared and never ordered (%v)", len(listed), err)
		}
	}
	// The next try is one order, beside what the first has left behind.
	order, err := r.submit(s)
	if err != nil {
		b.fatalf("a submission after one that was prepared only: %v", err)
	}
	b.checkOrder(r, s, r.encode(s), order)
	if n := r.Simulator.Orders(string(s.Ref)); n != 1 {
		b.problemf("a submission after one that was prepared only: the vendor has %d orders, want 1", n)
	}
	if r.caps().Lookup.ByRef {
		if found := b.find(r, s.Ref); len(found.Orders) != 1 || found.Orders[0].Receipt.VendorID != order.Receipt.VendorID {
			b.problemf("beside what was prepared and never ordered %d orders are found, want the one", len(found.Orders))
		}
	}
}
