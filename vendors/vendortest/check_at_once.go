package vendortest

import (
	"sync"

	"github.com/postproof/postproof/vendors"
)

// atOnce is how many submissions are under way at the same time.
const atOnce = 8

// checkAtOnce has one adapter submit and look for several pieces at the same time,
// as the client does. Under the race detector it also says where they meet.
func checkAtOnce(b *bench) {
	r := b.setup()
	var subs [atOnce]*vendors.Submission
	var bodies [atOnce]*vendors.Body
	for i := range subs {
		subs[i] = r.next()
		subs[i].Job.To.PostalCode = codes(subs[i].Job.To.CountryCode())[i%2]
		bodies[i] = r.encode(subs[i])
	}
	var orders [atOnce]*vendors.Order
	var errs [2 * atOnce]error
	var wg sync.WaitGroup
	for i := range subs {
		wg.Go(func() {
			orders[i], errs[i] = r.Adapter.Submit(b.ctx, r.doer, subs[i], bodies[i])
			if errs[i] == nil && orders[i] != nil {
				_, errs[atOnce+i] = r.look(subs[i], orders[i].Receipt.VendorID)
			}
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for i, o := range orders {
		b.note(errs[i])
		b.note(errs[atOnce+i])
		if errs[i] != nil || errs[atOnce+i] != nil || o == nil {
			b.problemf("of %d submissions at once one fails: %v, %v", atOnce, errs[i], errs[atOnce+i])
			continue
		}
		b.checkOrder(r, subs[i], bodies[i], o)
		if ids[o.Receipt.VendorID] {
			b.problemf("two submissions at once are given one id")
		}
		ids[o.Receipt.VendorID] = true
		if n := r.Simulator.Orders(string(subs[i].Ref)); n != 1 {
			b.problemf("of submissions made at once the vendor has %d orders under one reference, want 1", n)
		}
		if again, err := r.look(subs[i], o.Receipt.VendorID); err == nil && again != nil && again.Receipt.VendorID != o.Receipt.VendorID {
			b.problemf("a submission made at the same time as others is answered with the id of another")
		}
	}
}

// look reads an order by its id or our reference; nil where the adapter cannot.
func (r *rig) look(s *vendors.Submission, id string) (*vendors.Order, error) {
	if _, ok := r.Adapter.(vendors.Getter); ok {
		return vendors.Get(r.b.ctx, r.Adapter, r.doer, id)
	}
	if _, ok := r.Adapter.(vendors.Finder); !ok {
		return nil, nil //nolint:nilnil // nobody to ask is neither
	}
	found, err := vendors.Find(r.b.ctx, r.Adapter, r.doer, s.Ref)
	if err != nil || len(found.Orders) == 0 {
		return nil, err
	}
	return found.Orders[0], nil
}

// checkRestart has another adapter with the same settings go on, as another process
// does: what the first one knew is gone.
func checkRestart(b *bench) {
	r := b.setup()
	s, order := r.accepted()
	id := order.Receipt.VendorID
	r.Adapter = b.setup().Adapter
	if again, err := r.look(s, id); b.see(err) != nil || (again != nil && again.Receipt.VendorID != id) {
		b.problemf("another process does not find the order by its id: %v", err)
	} else if again != nil {
		b.checkOrder(r, s, r.encode(s), again)
	}
	if r.caps().Lookup.ByRef {
		if found := b.find(r, s.Ref); len(found.Orders) != 1 {
			b.problemf("another process finds %d orders by our reference, want 1", len(found.Orders))
		}
	}
	if r.caps().Cancel.Supported {
		if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id); b.see(err) != nil || r.Simulator.Alive(string(s.Ref)) != 0 {
			b.problemf("another process cannot cancel the order: %v", err)
		}
	}
}

// checkJourney looks at a piece again after days: polls live by that.
func checkJourney(b *bench) {
	r := b.setup()
	if !reads(r.Adapter) {
		return
	}
	s, order := r.accepted()
	before, err := r.look(s, order.Receipt.VendorID)
	if b.see(err) != nil || before == nil {
		b.fatalf("a look at a piece that was accepted: %v", err)
	}
	const steps = 10
	for range steps - 1 { // what it is called on the way counts as well
		r.Simulator.Advance(longAfter / steps)
		if on, err := r.look(s, order.Receipt.VendorID); b.see(err) == nil && on != nil && b.noPaper(r, on) {
			return
		}
	}
	r.Simulator.Advance(longAfter / steps)
	after, err := r.look(s, order.Receipt.VendorID)
	if b.see(err) != nil || after == nil {
		b.fatalf("a look at a piece after %v: %v", longAfter, err)
	}
	switch {
	case before.Status.Raw == "" || after.Status.Raw == "":
		b.problemf("a look at a piece lacks the vendor's own status (Status.Raw)")
	case after.Status.Raw == before.Status.Raw:
		b.problemf("%v after it was accepted a piece has the status %q as before: the simulator does not move it with Advance, or the adapter does not read it", longAfter, after.Status.Raw)
	case after.Status.Stage == before.Status.Stage:
		b.problemf("the vendor's status went from %q to %q in %v, and both are the stage %q", before.Status.Raw, after.Status.Raw, longAfter, after.Status.Stage)
	case after.Dead:
		b.problemf("a piece that nobody canceled is dead after %v: %q", longAfter, after.Status.Raw)
	default:
		b.noPaper(r, after)
	}
}
