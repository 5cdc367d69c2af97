package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// That an account's former name is its own is somebody's word (FormerAccounts), and
// may be wrong: the present account then shows none of the other one's pieces, and
// every control piece of its own. So a piece that was submitted under a former name is
// believed to be absent only when another one that was is found with the present
// credentials. Which one does not matter, nor when it was accepted: an account stays
// itself. How fresh the vendor's list is the control piece tells.

// former is what is known of a former name of a vendor's account.
type former struct {
	mu sync.Mutex
	// proven: a piece of that name is found with the present credentials.
	proven bool
	// left are pieces of that name that are still to be looked up; gone are those
	// that the vendor does not find.
	left []formerPiece
	gone lostRefs
	// scanned is when the ledger was last searched for such pieces; whole: to its
	// end, so that it has none but those in left.
	scanned  time.Time
	whole    bool
	scanning bool
}

type formerPiece struct {
	ref      postproof.Ref
	vendorID string
	at       time.Time // of the acceptance
}

func (v *vendor) initFormers() {
	v.formers = map[string]*former{}
	for _, name := range v.config.FormerAccounts {
		if name != v.account.Fingerprint {
			v.formers[name] = &former{}
		}
	}
}

// isProven reports whether it is known that the name is the present account's.
func (f *former) isProven() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.proven
}

func (f *former) prove() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.proven, f.left, f.gone = true, nil, nil
}

// next returns a piece that is still to be looked up.
func (f *former) next() (formerPiece, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.left) == 0 {
		return formerPiece{}, false
	}
	return f.left[0], true
}

// drop gives a piece up that the vendor does not find.
func (f *former) drop(ref postproof.Ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = slices.DeleteFunc(f.left, func(p formerPiece) bool { return p.ref == ref })
	f.gone.add(ref)
}

func (f *former) isGone(ref postproof.Ref) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gone.has(ref)
}

// nothing reports whether every piece that the ledger has was looked up in vain, or
// so many that the others are taken to be no better.
func (f *former) nothing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.proven && ((f.whole && len(f.left) == 0) || len(f.gone) >= enoughFormers)
}

// enoughFormers is how many pieces of a name are looked up before it is given up.
const enoughFormers = 32

// sighted notes that a piece was found with the present credentials which only those
// of a former name have sent.
func (v *vendor) sighted(sub *idempotency.Submission, mode postproof.Mode, orders []*vendors.Order) {
	f := v.formers[sub.Account]
	if f == nil || !sentUnder(sub) || f.isProven() {
		return
	}
	p := formerPiece{ref: sub.Ref, vendorID: sub.VendorID}
	if slices.ContainsFunc(orders, func(o *vendors.Order) bool { return p.is(o, mode) }) {
		f.prove()
	}
}

// sentUnder reports whether a submission was sent under its account's name, and
// under no other one.
func sentUnder(s *idempotency.Submission) bool {
	return s.Account != "" && s.Also == "" && !s.FirstAt.IsZero()
}

func (p *formerPiece) is(o *vendors.Order, mode postproof.Mode) bool {
	return (o.Mode == "" || o.Mode == mode) && o.Receipt.Ref == p.ref &&
		(p.vendorID == "" || o.Receipt.VendorID == p.vendorID)
}

// otherNames are the names that a submission was made under, besides the present one:
// those of all credentials that have sent it.
func otherNames(v *vendor, sub *idempotency.Submission) []string {
	var names []string
	for _, name := range [...]string{sub.Account, sub.Also} {
		_, former := v.formers[name]
		if former || (name != "" && name != v.account.Fingerprint && sentByOthers(v, sub)) {
			names = append(names, name)
		}
	}
	return names
}

// unprovenName returns a name that a submission was made under, and that nothing
// shows to be the present account's; empty when there is none.
func unprovenName(v *vendor, sub *idempotency.Submission) string {
	for _, name := range otherNames(v, sub) {
		if f := v.formers[name]; f == nil || !f.isProven() {
			return name
		}
	}
	return ""
}

// isOf reports whether an order that the vendor has under a submission's id is its
// piece, and else whether that may still turn out. Accounts may count their orders each
// for itself: where the present one is not shown to be that of the submission, the order
// has to bear our reference, which is a proof, too. Of one that bears none the name has
// to be proven as for an empty look-up.
func (w *work) isOf(ctx context.Context, v *vendor, sub *idempotency.Submission, o *vendors.Order) (is, open bool) {
	switch {
	case unprovenName(v, sub) == "":
		return true, false
	case o.Receipt.Ref != "":
		v.sighted(sub, w.rec.Mode, []*vendors.Order{o})
		return o.Receipt.Ref == sub.Ref, false
	}
	finder, ok := v.adapter.(vendors.Finder)
	for _, name := range otherNames(v, sub) {
		if !ok {
			return false, false
		}
		proven, may := w.sameAsFormer(ctx, v, finder, name)
		if !proven && !may {
			return false, false
		}
		open = open || !proven
	}
	return !open, open
}

// sameAsFormer reports whether a name that a submission was made under is proven
// to be the present account's, and else whether it may still turn out to be: the
// vendor gave no whole answer, or pieces are left to look up. Of a name that nobody
// said to be the same account it is neither.
func (w *work) sameAsFormer(ctx context.Context, v *vendor, finder vendors.Finder, name string) (proven, open bool) {
	f := v.formers[name]
	switch {
	case f == nil:
		return false, false
	case f.isProven():
		return true, false
	}
	for range controlTries {
		p, ok := f.next()
		if !ok {
			if !w.findFormers(ctx, v, f, name) {
				return false, true
			}
			if p, ok = f.next(); !ok {
				return f.isProven(), false
			}
		}
		k := &call{c: w.c, v: v}
		found, err := k.find(ctx, finder, p.ref)
		switch {
		case err != nil || found == nil:
			return false, true
		case slices.ContainsFunc(found.Orders, func(o *vendors.Order) bool { return p.is(o, w.rec.Mode) }):
			f.prove()
			return true, false
		case !found.Complete, w.c.now().Before(p.at.Add(v.caps.Lookup.SettleTime())): // it may not be listed yet
			return false, true
		}
		f.drop(p.ref)
	}
	return false, !f.nothing()
}

// findFormers searches the ledger for pieces that the vendor accepted under a
// former name, at most once in a while when it has none. It reports whether it could
// be read.
func (w *work) findFormers(ctx context.Context, v *vendor, f *former, account string) bool {
	now := w.c.now()
	f.mu.Lock()
	wait, other := f.whole && now.Before(f.scanned.Add(scanEvery)), f.scanning
	f.scanning = true
	f.mu.Unlock()
	if other {
		return false // somebody else reads it
	}
	defer f.read()
	if wait {
		return true
	}
	var left []formerPiece
	q := idempotency.Query{Vendor: v.name, States: []idempotency.State{idempotency.Accepted, idempotency.Done}, Bare: true}
	for rec, err := range w.c.store.Find(ctx, q) {
		if err != nil {
			return false
		}
		p, ok := formerPieceOf(rec, v, account)
		if !ok || f.isGone(p.ref) {
			continue
		}
		if left = append(left, p); len(left) == enoughControls {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scanned, f.whole = now, len(left) < enoughControls
	if !f.proven {
		f.left = left
	}
	return true
}

// read ends a search.
func (f *former) read() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scanning = false
}

// formerPieceOf returns the piece of a record that its vendor accepted under the
// name; false when it has none, or when other credentials have sent it, too.
func formerPieceOf(rec *idempotency.Record, v *vendor, account string) (formerPiece, bool) {
	if rec.Receipt.Vendor != v.name || rec.Mode != v.account.Mode {
		return formerPiece{}, false
	}
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if s.Vendor == v.name && s.Ref == rec.Receipt.Ref && s.Account == account && s.Join == postproof.Accepted && sentUnder(s) {
			return formerPiece{ref: s.Ref, vendorID: rec.Receipt.VendorID, at: rec.Receipt.AcceptedAt}, true
		}
	}
	return formerPiece{}, false
}

// unproven says why an empty answer about a submission under a former name proves
// nothing, and what to do.
func unproven(v *vendor, submitted string) string {
	return fmt.Sprintf("submitted under account %s, which FormerAccounts of %s says is account %s: no piece of it is found with the present credentials, so that this one is not found does not prove that it is not there. Run a worker with the former credentials, or look at the vendor's side and decide",
		submitted, v.name, v.account.Fingerprint)
}
