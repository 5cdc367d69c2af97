package vendortest

import (
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkKinds asks for an order of each kind of piece, and stops it: a vendor may keep
// letters elsewhere than postcards. The other checks look at the first kind only.
func checkKinds(b *bench) {
	r := b.setup()
	done := map[postproof.PieceKind]bool{}
	for _, j := range r.jobs {
		kind := j.Piece.Kind()
		s := r.of(j)
		body, err := r.Adapter.Encode(b.ctx, s)
		if b.see(err) != nil || done[kind] {
			continue
		}
		done[kind] = true
		order, err := r.Adapter.Submit(b.ctx, r.doer, s, body)
		if b.see(err) != nil {
			b.problemf("not checked for a %s, which is not accepted (see the check Submit): %v", kind, err)
			continue
		}
		id := order.Receipt.VendorID
		if _, ok := r.Adapter.(vendors.Getter); ok {
			got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
			if b.see(err) != nil || got.Receipt.VendorID != id {
				b.problemf("Get of a %s by the id %q that Submit returned: %v", kind, id, err)
			} else {
				b.checkOrder(r, s, body, got)
			}
		}
		ours := func(o *vendors.Order) bool { return o.Receipt.VendorID == id }
		if r.caps().Lookup.ByRef && !slices.ContainsFunc(b.find(r, s.Ref).Orders, ours) {
			b.problemf("a %s is not found by its reference under the id %q that Submit returned", kind, id)
		}
		if !r.caps().Cancel.Supported {
			continue
		}
		if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id); b.see(err) != nil || r.Simulator.Alive(string(s.Ref)) != 0 {
			b.problemf("a %s cannot be canceled: %v", kind, err)
			continue
		}
		b.checkDead(r, s, id)
	}
}
