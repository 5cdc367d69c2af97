package vendortest

import (
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Undeliverables is implemented by a [Simulator] whose vendor lists what it
// could not deliver, as [vendors.UndeliverableLister] has it.
type Undeliverables interface {
	// Undeliverable has the vendor find out that the order with the reference
	// cannot be delivered, for the reason given.
	Undeliverable(ref, reason string)
}

func checkUndeliverable(b *bench) {
	r := b.setup()
	if _, ok := r.Adapter.(vendors.UndeliverableLister); !ok {
		return
	}
	sim, ok := r.Simulator.(Undeliverables)
	if !ok {
		b.fatalf("the adapter lists what could not be delivered: its Simulator has to implement Undeliverables")
	}
	if none, err := listUndeliverable(b, r, time.Time{}); err != nil || len(none) != 0 {
		b.fatalf("with nothing undeliverable: %d orders, %v", len(none), err)
	}
	want := map[string]bool{}
	for i := range 12 {
		s, order := r.accepted()
		if i%4 != 0 {
			sim.Undeliverable(string(s.Ref), "no such address: "+personalWords()[0])
			want[order.Receipt.VendorID] = true
		}
	}
	before := len(r.doer.Sent)
	got, err := listUndeliverable(b, r, time.Time{})
	if err != nil {
		b.fatalf("ListUndeliverable without faults: %v", err)
	}
	requests := len(r.doer.Sent) - before
	found := map[string]bool{}
	for _, o := range got {
		found[o.Receipt.VendorID] = true
		switch {
		case !want[o.Receipt.VendorID]:
			b.problemf("the order %q is listed, which is delivered", o.Receipt.VendorID)
		case !o.Dead || o.Status.Stage != postproof.StageFailed:
			b.problemf("an order is listed that is not dead: stage %q", o.Status.Stage)
		case !slices.Contains(r.caps().NoPaper, o.Status.Raw):
			b.problemf("the status %q is not one that the capabilities list as no paper", o.Status.Raw)
		case b.leak(o.Status.Reason) != "":
			b.problemf("the reason holds %s", b.leak(o.Status.Reason))
		}
	}
	if len(found) < len(want) {
		b.problemf("%d of %d undeliverable orders are listed", len(found), len(want))
	}
	r.strikeEach(requests, func(n int, f *Fault) {
		if string(f.Body) == "[]" {
			return // some vendors' true answer
		}
		if _, err := listUndeliverable(b, r, time.Time{}); err == nil {
			b.problemf("request %d, %s: the list ends without an error", n, f.Name)
		}
	})
	r.Simulator.Advance(longAfter)
	since := time.Now().Add(100 * 365 * 24 * time.Hour)
	if none, err := listUndeliverable(b, r, since); err != nil || len(none) != 0 {
		b.problemf("since a day to come: %d orders, %v", len(none), err)
	}
	for _, err := range vendors.ListUndeliverable(b.ctx, r.Adapter, r.doer, time.Time{}) {
		b.note(err)
		break // must not panic or go on
	}
}

// listUndeliverable reads the list to its end, with the error that ended it.
func listUndeliverable(b *bench, r *rig, since time.Time) (all []*vendors.Order, failed error) {
	for order, err := range vendors.ListUndeliverable(b.ctx, r.Adapter, r.doer, since) {
		switch {
		case failed != nil:
			b.problemf("the list goes on after an error")
		case b.see(err) != nil:
			failed = err
		case order == nil || order.Receipt.VendorID == "":
			b.problemf("an order without an id is listed")
		default:
			all = append(all, order)
		}
	}
	return all, failed
}
