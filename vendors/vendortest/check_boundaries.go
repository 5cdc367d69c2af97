package vendortest

import (
	"context"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkSubmitBoundaries(b *bench) {
	probe := b.setup()
	probe.accepted()
	var before []postproof.Op // logins, uploads, a draft
	for _, sent := range probe.doer.Sent {
		if sent.Request.Op == postproof.OpSubmit {
			break
		}
		before = append(before, sent.Request.Op)
	}
	for _, f := range probe.boundaries() {
		r := b.setup()
		r.doer.Strike = strikeOp(postproof.OpSubmit, 1, &f)
		s := r.next()
		order, err := r.submit(s)
		b.verdict(r, s, order, err, "submission: "+f.Name, f.Want)
		if f.Status == http.StatusTooManyRequests && postproof.CodeOf(err) != postproof.CodeRateLimited {
			b.problemf("status 429 has code %v, want %v: the job waits for this vendor", postproof.CodeOf(err), postproof.CodeRateLimited)
		}
		for i, op := range before {
			r := b.setup()
			r.doer.Strike = strikeAt(i+1, &f)
			s := r.next()
			order, err := r.submit(s)
			if err == nil || r.Simulator.Orders(string(s.Ref)) != 0 {
				b.problemf("request %d (%s) before a submission fails (%s), and the piece is sent all the same: %v", i+1, op, f.Name, order)
			} else if d, want := postproof.DeliveryOf(err), wantBefore(op, &f); d != want {
				b.problemf("request %d (%s) before a submission fails (%s): %v, want %v: return vendors.NotOrdered of the error", i+1, op, f.Name, d, want)
			}
		}
	}
	// Credentials that are refused for good, and for once.
	for _, once := range []bool{false, true} {
		r := b.setup()
		refuse := &Fault{Status: http.StatusUnauthorized, Body: probe.own(http.StatusUnauthorized)}
		r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
			if req.Op != postproof.OpSubmit || refuse == nil {
				return nil
			}
			f := refuse
			if once {
				refuse = nil
			}
			return f
		}
		s := r.next()
		order, err := r.submit(s)
		switch {
		case err == nil && once:
			b.checkOrder(r, s, r.encode(s), order)
		case err == nil:
			b.problemf("accepted with status 401")
		case postproof.CodeOf(err) != postproof.CodeUnauthenticated || postproof.DeliveryOf(err) != postproof.Refused:
			b.problemf("status 401: %v, want unauthenticated (refused)%s", err, ownAdvice(err))
		}
	}
}

// verdict compares the outcome of a submission with what is wanted, and with
// the truth.
func (b *bench) verdict(r *rig, s *vendors.Submission, order *vendors.Order, err error, name string, want postproof.Delivery) {
	truth := r.Simulator.Orders(string(s.Ref))
	if truth > 1 {
		b.problemf("%s: the vendor has %d orders", name, truth)
	}
	if err == nil {
		if truth != 1 || order.Receipt.VendorID == "" {
			b.problemf("%s: accepted, but the vendor has %d orders", name, truth)
		}
		if r.caps().Idempotency.Kind != postproof.IdempotencyRef && want != postproof.Accepted {
			b.problemf("%s: accepted, want %v", name, want)
		}
		return
	}
	got := postproof.DeliveryOf(err)
	if truth > 0 && !got.MayBeInTheMail() {
		b.problemf("%s: %v, but the vendor has the piece", name, got)
	}
	if got != want {
		b.problemf("%s: %v, want %v%s", name, got, want, ownAdvice(err))
	}
}

// ownAdvice is said where an adapter takes for somebody else's what stands for its
// vendor's.
func ownAdvice(err error) string {
	if !errors.Is(err, vendors.ErrForeign) {
		return ""
	}
	return ": the suite does not know how the vendor refuses: set Harness.Refusal"
}

func checkRepeatBoundaries(b *bench) {
	probe := b.setup()
	if probe.caps().Idempotency.Kind == postproof.IdempotencyNone {
		return
	}
	s, _ := probe.accepted()
	before := len(probe.doer.Sent)
	if _, err := probe.submit(s); err != nil {
		b.fatalf("the repeat: %v", err)
	}
	requests := len(probe.doer.Sent) - before
	for n := 1; n <= requests; n++ {
		for _, f := range probe.boundaries() {
			r := b.setup()
			s, first := r.accepted()
			r.doer.Strike = strikeAt(n, &f)
			order, err := r.submit(s)
			switch d := postproof.DeliveryOf(err); {
			case r.Simulator.Orders(string(s.Ref)) != 1:
				b.problemf("repeat, request %d, %s: the vendor has another order", n, f.Name)
			case err == nil && order.Receipt.VendorID != first.Receipt.VendorID:
				b.problemf("repeat, request %d, %s: it is another order", n, f.Name)
			case err != nil && n > 1 && !d.MayBeInTheMail():
				// The vendor has said by now that it knows the piece.
				b.problemf("repeat, request %d, %s: %v, but the vendor has the piece", n, f.Name, d)
			}
			if _, ok := errors.AsType[*vendors.DuplicateError](err); err != nil && n > 1 && !ok {
				b.problemf("repeat, request %d, %s: a duplicate that cannot be read must be a DuplicateError: %v", n, f.Name, err)
			}
		}
	}
}

// checkSubmitJoin has a Doer whose first answer is the join of an Unknown and
// a 401, as that of the client can be.
func checkSubmitJoin(b *bench) {
	probe := b.setup()
	for _, later := range probe.boundaries() {
		for _, alsoLogin := range []bool{true, false} {
			r := b.setup()
			submits := 0
			r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
				if req.Op == postproof.OpSubmit {
					submits++
				}
				switch {
				case submits == 0, req.Op != postproof.OpSubmit && !alsoLogin:
					return nil
				case submits == 1 && req.Op == postproof.OpSubmit:
					return &Fault{Err: &postproof.Error{
						Code: postproof.CodeUnauthenticated, Delivery: postproof.Unknown, HTTPStatus: http.StatusUnauthorized, Op: string(req.Op),
					}}
				default:
					return &later
				}
			}
			if _, err := r.submit(r.next()); err != nil && postproof.DeliveryOf(err) < postproof.Unknown {
				b.problemf("an Unknown followed by a renewed login and %s: %v", later.Name, postproof.DeliveryOf(err))
			}
		}
	}
}

func checkSubmitDeadline(b *bench) {
	r := b.setup()
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	s := r.next()
	_, err := r.Adapter.Submit(ctx, r.doer, s, r.encode(s))
	switch {
	case b.see(err) == nil:
		b.problemf("accepted with a context that has ended")
	case postproof.DeliveryOf(err) != postproof.NotSent:
		b.problemf("a context that has ended: %v, want not_sent", postproof.DeliveryOf(err))
	}
	if len(r.doer.Sent) != 0 || r.Simulator.Orders(string(s.Ref)) != 0 {
		b.problemf("a request went out with a context that has ended")
	}
	// The context ends while the first request is on its way: what follows in
	// the same call must not be sent.
	r = b.setup()
	ctx, cancel = context.WithCancel(b.ctx)
	defer cancel()
	r.doer.Strike = func(n int, _ *vendors.Request) *Fault {
		if n == 1 {
			return &Fault{Rewrite: func(*vendors.Response) { cancel() }}
		}
		return nil
	}
	s = r.next()
	_, err = r.Adapter.Submit(ctx, r.doer, s, r.encode(s))
	b.note(err)
	if len(r.doer.Sent) > 1 {
		b.problemf("a request went out after the context had ended")
	}
	if err != nil && r.Simulator.Orders(string(s.Ref)) == 0 && postproof.DeliveryOf(err) != postproof.NotSent {
		b.problemf("a context that ended before the submission: %v, want not_sent", postproof.DeliveryOf(err))
	}
}
