package vendortest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkFindForeign has the vendor answer a look-up with the order of somebody
// else, as one does that does not know the filter, and with one that shows no
// reference.
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
	// A vendor that searches for a part of a word.
	whole := slices.Clone(told)
	for _, near := range []string{string(ours.Ref[:len(ours.Ref)-1]) + other(ours.Ref[len(ours.Ref)-1]), other(ours.Ref[0]) + string(ours.Ref[1:])} {
		n = 0
		for i, answer := range whole {
			changed := *answer
			changed.Body = bytes.ReplaceAll(answer.Body, []byte(foreign.Ref), []byte(near))
			told[i] = &changed
		}
		found, err := vendors.Find(b.ctx, r.Adapter, r.doer, ours.Ref)
		if b.see(err) == nil && len(found.Orders) > 0 {
			b.problemf("an order whose reference differs from ours in one character is taken for ours")
		}
	}
	n = 0
	for i, answer := range whole {
		bare := *answer
		bare.Body = bytes.ReplaceAll(answer.Body, []byte(foreign.Ref), nil)
		told[i] = &bare
	}
	found, err = vendors.Find(b.ctx, r.Adapter, r.doer, ours.Ref)
	if b.see(err) == nil && (len(found.Orders) > 0 || found.Complete) {
		b.problemf("an order without any reference: %d orders found, complete %v, want 0 and false: it may be ours", len(found.Orders), found.Complete)
	}
}

// other is another character that a reference can have.
func other(c byte) string {
	if c == 'X' {
		return "Y"
	}
	return "X"
}

// checkSubmitForeign has the vendor answer a submission with the order of another
// one, as one does whose keys are mixed up: that it is another one is seen by its
// reference.
func checkSubmitForeign(b *bench) {
	r := b.setup()
	foreign, first := r.accepted()
	var told *vendors.Response
	for _, sent := range r.doer.Sent {
		if sent.Request.Op == postproof.OpSubmit {
			told = sent.Answer
		}
	}
	r.doer.Strike = strikeOp(postproof.OpSubmit, 1, &Fault{Rewrite: func(a *vendors.Response) { a.Status, a.Body = told.Status, told.Body }})
	ours := r.next()
	ours.Job.To.Line1 = "5 Elsewhere Ave"
	order, err := r.submit(ours)
	if err == nil && order.Receipt.VendorID == first.Receipt.VendorID && order.Facts.Content != "" && order.Facts.Content == r.encode(ours).Content {
		b.problemf("a submission answered with another order: that order is shown with the content of the submission")
	}
	if err == nil && order.Receipt.VendorID == first.Receipt.VendorID && order.Receipt.Ref != "" && order.Receipt.Ref != foreign.Ref {
		b.problemf("a submission answered with another order: that order is shown with the reference of the submission")
	}
}

// checkFindAged looks orders up at each hour of a day, and all of them more than a year
// later: a look-up that wants days is asked for a reference of any age.
func checkFindAged(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	ids := map[postproof.Ref]string{}
	for hour := range 24 {
		s, order := r.accepted()
		ids[s.Ref] = order.Receipt.VendorID
		if found := b.find(r, s.Ref); len(found.Orders) != 1 {
			b.problemf("an order that is accepted %d hours after the first is not found at once, complete %v: which zone are the days of the look-up in?", hour, found.Complete)
		}
		r.Simulator.Advance(time.Hour)
	}
	r.Simulator.Advance(400 * 24 * time.Hour)
	for ref, id := range ids {
		found := b.find(r, ref)
		if !slices.ContainsFunc(found.Orders, func(o *vendors.Order) bool { return o.Receipt.VendorID == id }) && found.Complete {
			b.problemf("after a year an order is not found, and the answer is complete: a look-up that reaches back so far only is never Complete")
			return
		}
	}
}

// pages is more orders than the shortest page of any vendor's holds.
const pages = 12

// checkFindPages looks up a reference with many orders, and then from a vendor
// that goes round in a circle.
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
	asked := r.asked(before)
	b.checkPageFaults(r, first.Ref, len(r.doer.Sent)-before)
	b.checkVendorTime(r, first.Ref)
	find := func() (complete bool) {
		found, err := vendors.Find(b.ctx, r.Adapter, r.doer, first.Ref)
		return b.see(err) == nil && found.Complete
	}
	b.circles(r, find, asked)
}

// checkPageFaults has one page after the other fail: what stands on it was not read.
func (b *bench) checkPageFaults(r *rig, ref postproof.Ref, requests int) {
	total := r.Simulator.Orders(string(ref))
	r.strikeEach(requests, func(n int, f *Fault) {
		found, err := vendors.Find(b.ctx, r.Adapter, r.doer, ref)
		if b.see(err) == nil && found.Complete && len(found.Orders) < total {
			b.problemf("request %d of a look-up, %s: %d of %d orders are found, and the answer is complete", n, f.Name, len(found.Orders), total)
		}
	})
}

// checkVendorTime reads a list of which each page comes a minute later: what it
// proves is as old as its first page.
func (b *bench) checkVendorTime(r *rig, ref postproof.Ref) {
	begin := signedAt()
	n := 0
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		if req.Op == postproof.OpLogin {
			return nil
		}
		at := begin.Add(time.Duration(n) * time.Minute)
		n++
		return &Fault{Rewrite: func(a *vendors.Response) { a.Header.Set("Date", at.Format(http.TimeFormat)) }}
	}
	found := b.find(r, ref)
	r.doer.Strike = nil
	if !found.VendorTime.Equal(begin) {
		b.problemf("of %d answers a minute apart VendorTime is %v after the first: it is the earliest", n, found.VendorTime.Sub(begin))
	}
}

// asked counts the requests since the one given by their paths.
func (r *rig) asked(before int) map[string]int {
	all := map[string]int{}
	for _, sent := range r.doer.Sent[before:] {
		if u, err := url.Parse(sent.Request.URL); err == nil {
			all[u.Path]++
		}
	}
	return all
}

func (b *bench) circles(r *rig, read func() (complete bool), asked map[string]int) {
	b.circle(r, read, asked, 1, "whose first page comes again and again")
	b.circle(r, read, asked, 2, "whose first two pages come in turn, again and again")
}

// circle has what is read where every list that has more than so many pages begins
// again after them. Asked are the requests that each path took.
func (b *bench) circle(r *rig, read func() (complete bool), asked map[string]int, length int, which string) {
	told := map[string][][]byte{}
	requests, turned := map[string]int{}, false
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		u, err := url.Parse(req.URL)
		if err != nil || asked[u.Path] <= length {
			return nil // no list that has so many pages
		}
		n := requests[u.Path]
		requests[u.Path]++
		if n > endless {
			return &Fault{Err: postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, errBroken)}
		}
		return &Fault{Rewrite: func(a *vendors.Response) {
			if n < length {
				told[u.Path] = append(told[u.Path], a.Body)
				return
			}
			a.Status, a.Body, turned = 200, told[u.Path][n%length], true
		}}
	}
	complete := read()
	r.doer.Strike = nil
	for _, n := range requests {
		if n > endless {
			b.problemf("a list %s is read for ever", which)
			return
		}
	}
	if turned && complete {
		b.problemf("a list %s is complete", which)
	}
}

// endless is more pages than any look-up by reference has.
const endless = 1000
