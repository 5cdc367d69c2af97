package vendortest

import (
	"net/url"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkFindForeign has the vendor answer a look-up with the order of somebody
// else, as one does that does not know the filter.
func checkFindForeign(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	foreign, _ := r.accepted()
	before := len(r.doer.Sent)
	b.find(r, foreign.Ref)
	var told []*vendors.Response
	for _, sent := range r.doer.Sent[before:] {
		told = append(told, sent.Answer)
	}
	n := 0
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		if req.Op == postproof.OpLogin || n == len(told) {
			return nil
		}
		answer := told[n]
		n++
		return &Fault{Rewrite: func(a *vendors.Response) { a.Status, a.Body = answer.Status, answer.Body }}
	}
	ours := r.next()
	found, err := vendors.Find(b.ctx, r.Adapter, r.doer, ours.Ref)
	if b.see(err) == nil && len(found.Orders) > 0 {
		b.problemf("a vendor that ignores the filter: %d orders of another reference are taken for ours", len(found.Orders))
	}
}

// pages is more orders than the shortest page of any vendor's holds.
const pages = 12

// checkFindPages looks up a reference with many orders, and then from a vendor
// that answers with its first page again and again.
func checkFindPages(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef || r.caps().Idempotency.Kind == postproof.IdempotencyRef {
		return
	}
	first := r.next()
	for range pages {
		again := *first
		again.VendorKey = r.next().VendorKey
		if _, err := r.submit(&again); err != nil {
			return // a vendor may take no reference twice
		}
	}
	before := len(r.doer.Sent)
	found := b.find(r, first.Ref)
	if n := r.Simulator.Orders(string(first.Ref)); len(found.Orders) != n || !found.Complete {
		b.problemf("of %d orders under one reference %d are found, complete %v", n, len(found.Orders), found.Complete)
	}
	asked := map[string]int{}
	for _, sent := range r.doer.Sent[before:] {
		if u, err := url.Parse(sent.Request.URL); err == nil {
			asked[u.Path]++
		}
	}
	pageOne := map[string][]byte{}
	requests, paged := 0, false
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		u, err := url.Parse(req.URL)
		if requests++; err != nil || asked[u.Path] < 2 {
			return nil // no list that has pages
		}
		if requests > 1000 {
			return &Fault{Err: postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, errBroken)}
		}
		return &Fault{Rewrite: func(a *vendors.Response) {
			if body, ok := pageOne[u.Path]; ok {
				a.Body, paged = body, true
			} else {
				pageOne[u.Path] = a.Body
			}
		}}
	}
	found, err := vendors.Find(b.ctx, r.Adapter, r.doer, first.Ref)
	switch {
	case requests > 1000:
		b.problemf("a list whose first page comes again and again is read for ever")
	case b.see(err) == nil && paged && found.Complete:
		b.problemf("a list whose first page comes again and again is complete")
	}
}
