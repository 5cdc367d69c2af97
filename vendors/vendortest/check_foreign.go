package vendortest

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// foreign returns the refusals of those who are not the vendor: the server that a wrong
// base URL leads to, and what stands in front, a proxy, a CDN, a firewall, a gateway. The
// Want of each is what it says of a submission.
func (r *rig) foreign() []Fault {
	var all []Fault
	for _, status := range []int{400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422} {
		for _, body := range []namedBody{
			{"without a body", nil},
			{"with a page of HTML", []byte("<html><body>Forbidden</body></html>")},
			{"with a gateway's JSON", []byte(`{"message":"no route matches"}`)},
		} {
			if r.Refusal != nil && bytes.Equal(r.Refusal(status), body.bytes) {
				continue // the vendor says no more itself
			}
			all = append(all, Fault{
				Name: statusName(status) + " " + body.name, Status: status, Body: body.bytes,
				Want: vendors.Foreign(&vendors.Response{Status: status}, "").Delivery,
			})
		}
	}
	return all
}

// foreignAdvice is said where an adapter takes somebody else's answer for its vendor's.
const foreignAdvice = "what is not in the vendor's own words is vendors.Foreign"

// strikeRoute strikes every request of a route: a login that is renewed changes nothing.
func (r *rig) strikeRoute(op postproof.Op, route string, f *Fault) {
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		if req.Op == op && req.Route == route {
			return f
		}
		return nil
	}
}

// routes returns the requests of a call by operation and route, each once, logins
// left out.
func (r *rig) routes(call func()) []vendors.Request {
	before := len(r.doer.Sent)
	call()
	var all []vendors.Request
	for _, sent := range r.doer.Sent[before:] {
		one := vendors.Request{Op: sent.Request.Op, Route: sent.Request.Route}
		same := func(o vendors.Request) bool { return o.Op == one.Op && o.Route == one.Route }
		if one.Op != postproof.OpLogin && !slices.ContainsFunc(all, same) {
			all = append(all, one)
		}
	}
	return all
}

// checkForeignSubmit has somebody else answer each request of a submission.
func checkForeignSubmit(b *bench) {
	probe := b.setup()
	probe.accepted()
	ops := map[postproof.Op]bool{}
	for _, sent := range probe.doer.Sent {
		ops[sent.Request.Op] = true
	}
	for op := range ops {
		for _, f := range probe.foreign() {
			r := b.setup()
			r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
				if req.Op == op {
					return &f
				}
				return nil
			}
			s := r.next()
			order, err := r.submit(s)
			want := f.Want
			if op != postproof.OpSubmit {
				want = wantBefore(op, &f)
			}
			_, taken := errors.AsType[*vendors.DuplicateError](err)
			switch code := postproof.CodeOf(err); {
			case err == nil:
				b.problemf("%s: %s: accepted: %v", op, f.Name, order)
			case code != postproof.CodeUnavailable:
				b.problemf("%s: %s: %v, want unavailable: by another code the whole campaign is refused for good, or the account is blamed: %s", op, f.Name, err, foreignAdvice)
			case taken:
				b.problemf("%s: %s: the reference counts as taken, and nothing would ever prove it absent: %s", op, f.Name, foreignAdvice)
			case postproof.DeliveryOf(err) != want:
				b.problemf("%s: %s: %v, want %v: %s", op, f.Name, postproof.DeliveryOf(err), want, foreignAdvice)
			case !errors.Is(err, vendors.ErrForeign):
				b.problemf("%s: %s: the error is no vendors.ErrForeign, by which the client's breaker opens: the campaign would be tried piece by piece: %s", op, f.Name, foreignAdvice)
			case r.Simulator.Orders(string(s.Ref)) != 0:
				b.problemf("%s: %s: the vendor has the piece all the same", op, f.Name)
			}
		}
	}
	if probe.Refusal == nil {
		return
	}
	blamed := []postproof.Code{postproof.CodeUnauthenticated, postproof.CodePermissionDenied, postproof.CodeRateLimited, postproof.CodeUnavailable}
	for _, status := range []int{400, 401, 403, 413, 422} {
		r := b.setup()
		f := &Fault{Status: status, Body: r.Refusal(status)}
		r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
			if req.Op == postproof.OpSubmit {
				return f
			}
			return nil
		}
		_, err := r.submit(r.next())
		if code := postproof.CodeOf(b.see(err)); status != 401 && status != 403 && slices.Contains(blamed, code) {
			b.problemf("%d in the vendor's own words (Harness.Refusal): %v: that code is about the account or the moment, and this no about the job", status, code)
		}
		if errors.Is(err, vendors.ErrForeign) || postproof.DeliveryOf(err) != postproof.Refused {
			b.problemf("%d in the vendor's own words (Harness.Refusal): %v, want it refused: a job that the vendor says no to would be sent again and again", status, err)
		}
	}
}

// checkForeignCancel has somebody else answer a cancellation: who does not know the
// order does not know whether it is too late.
func checkForeignCancel(b *bench) {
	r := b.setup()
	if !r.caps().Cancel.Supported {
		return
	}
	s, order := r.accepted()
	id := order.Receipt.VendorID
	for _, f := range r.foreign() {
		r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
			if req.Op == postproof.OpCancel {
				return &f
			}
			return nil
		}
		err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id)
		switch code, d := postproof.CodeOf(err), postproof.DeliveryOf(err); {
		case b.see(err) == nil:
			b.problemf("%s: the cancellation is no error", f.Name)
		case code != postproof.CodeUnavailable || d == postproof.Accepted:
			b.problemf("%s: %v, want unavailable: the wish to cancel would end, and the piece be printed: %s", f.Name, err, foreignAdvice)
		}
		if r.Simulator.Alive(string(s.Ref)) != 1 {
			b.fatalf("%s: the order was canceled by a request that did not arrive", f.Name)
		}
	}
	r.doer.Strike = nil
	if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id); b.see(err) != nil || r.Simulator.Alive(string(s.Ref)) != 0 {
		b.problemf("afterwards, inside the window: %v", err)
	}
}

// checkForeignGet has somebody else answer each request of a look at an order.
func checkForeignGet(b *bench) {
	r := b.setup()
	if _, ok := r.Adapter.(vendors.Getter); !ok {
		return
	}
	_, order := r.accepted()
	id := order.Receipt.VendorID
	get := func() (*vendors.Order, error) {
		got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
		return got, b.see(err)
	}
	for i, req := range r.routes(func() { _, _ = get() }) {
		for _, f := range r.foreign() {
			r.strikeRoute(req.Op, req.Route, &f)
			switch got, err := get(); {
			case err != nil && postproof.CodeOf(err) != postproof.CodeUnavailable:
				b.problemf("%s, %s: %v, want unavailable: by not_found the vendor would have lost the piece: %s", req.Route, f.Name, err, foreignAdvice)
			case err == nil && (i == 0 || got.Receipt.VendorID != id || got.Dead):
				b.problemf("%s, %s: no error, of the order %q, dead %v", req.Route, f.Name, got.Receipt.VendorID, got.Dead)
			}
		}
		r.doer.Strike = nil
	}
}

// checkForeignFind has somebody else answer each request of a look-up, of what is there
// and of what is not.
func checkForeignFind(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	s, order := r.accepted()
	for ref, there := range map[postproof.Ref]bool{s.Ref: true, r.next().Ref: false} {
		for _, req := range r.routes(func() { b.find(r, ref) }) {
			for _, f := range r.foreign() {
				r.strikeRoute(req.Op, req.Route, &f)
				found, err := vendors.Find(b.ctx, r.Adapter, r.doer, ref)
				ours := func(o *vendors.Order) bool { return o.Receipt.VendorID == order.Receipt.VendorID && !o.Dead }
				switch {
				case b.see(err) != nil && postproof.CodeOf(err) != postproof.CodeUnavailable:
					b.problemf("%s, %s: %v, want unavailable: %s", req.Route, f.Name, err, foreignAdvice)
				case err == nil && (!there || !slices.ContainsFunc(found.Orders, ours)):
					b.problemf("%s, %s: no error, %d orders, complete %v: an absence that nobody has stated would let the piece be printed again", req.Route, f.Name, len(found.Orders), found.Complete)
				}
			}
			r.doer.Strike = nil
		}
	}
}

// checkForeignLists has somebody else answer each request of what the vendor lists.
func checkForeignLists(b *bench) {
	r := b.setup()
	r.accepted()
	for name, list := range map[string]func() error{
		"List":              func() error { return listAll(b, r, time.Time{}, nil) },
		"Events":            func() error { _, err := logAll(b, r, time.Time{}); return err },
		"ListUndeliverable": func() error { _, err := listUndeliverable(b, r, time.Time{}); return err },
	} {
		for _, req := range r.routes(func() { _ = list() }) { // none of what the vendor does not have
			for _, f := range r.foreign() {
				r.strikeRoute(req.Op, req.Route, &f)
				if err := list(); err == nil || postproof.CodeOf(err) != postproof.CodeUnavailable {
					b.problemf("%s: %s, %s: the list ends with %v, want unavailable: %s", name, req.Route, f.Name, err, foreignAdvice)
				}
			}
			r.doer.Strike = nil
		}
	}
}
