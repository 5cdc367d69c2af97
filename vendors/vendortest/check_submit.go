package vendortest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkEncodeDeterministic(b *bench) {
	first, second := b.setup(), b.setup()
	for i := range first.jobs {
		s := first.of(first.jobs[i])
		if _, err := first.Adapter.Encode(b.ctx, s); postproof.CodeOf(err) == postproof.CodeUnsupported {
			continue // the check of Submit looks at these
		}
		again := *s
		again.Job, again.Open = second.jobs[i], second.store.open
		body, restarted := first.encode(s), second.encode(&again)
		raw := contentOf(b, body)
		switch {
		case body.Digest() != restarted.Digest():
			b.problemf("%s: another adapter with the same settings gives another digest", s.Job.Piece.Kind())
		case !bytes.Equal(raw, contentOf(b, restarted)):
			b.problemf("%s: equal digests, other bytes", s.Job.Piece.Kind())
		case !bytes.Equal(raw, contentOf(b, body)):
			b.problemf("%s: the second Open of a body gives other bytes", s.Job.Piece.Kind())
		case int64(len(raw)) != body.Len():
			b.problemf("%s: Len is %d, the body has %d bytes", s.Job.Piece.Kind(), body.Len(), len(raw))
		case body.Encoder == "" || body.ContentType == "":
			b.problemf("%s: the body names no encoder or no content type", s.Job.Piece.Kind())
		}
		for range 5 { // a map that is ranged over shows itself in a few tries
			if first.encode(s).Digest() != body.Digest() {
				b.problemf("%s: encoding again gives other bytes", s.Job.Piece.Kind())
				break
			}
		}
		other := *s
		other.Job.To.Line1 = "1 Elsewhere Ave"
		if first.encode(&other).Digest() == body.Digest() {
			b.problemf("%s: another recipient gives the same digest", s.Job.Piece.Kind())
		}
	}
	if n := len(first.doer.Sent) + len(second.doer.Sent); n != 0 {
		b.problemf("Encode sent %d requests", n)
	}
}

func contentOf(b *bench, body *vendors.Body) []byte {
	rc, err := body.Open(b.ctx)
	if err != nil {
		b.fatalf("open a body: %v", err)
	}
	defer rc.Close()
	raw, err := io.ReadAll(rc)
	if err != nil {
		b.fatalf("read a body: %v", err)
	}
	return raw
}

func checkEncodeRefuses(b *bench) {
	r := b.setup()
	nowhere, tiny, classless := r.next(), r.next(), r.next()
	nowhere.Job.To.Country = "ZZ"
	size := postproof.Size{Name: "stamp", Short: postproof.Millimeters(20), Long: postproof.Millimeters(25)}
	tiny.Job.Piece = postproof.Postcard{Size: size, Artwork: tiny.Job.Piece.Art()}
	classless.Job.Class = "pigeon"
	for name, s := range map[string]*vendors.Submission{"an unknown country": nowhere, "an unknown size": tiny, "an unknown class": classless} {
		_, err := r.Adapter.Encode(b.ctx, s)
		if b.see(err) == nil {
			b.problemf("Encode takes a job with %s", name)
		} else if d := postproof.DeliveryOf(err); d != postproof.NotSent {
			b.problemf("Encode of a job with %s: %v, want not_sent", name, d)
		}
	}
	if len(r.doer.Sent) != 0 {
		b.problemf("Encode sent a request")
	}
}

func checkSubmit(b *bench) {
	r := b.setup()
	printed := map[postproof.PieceKind]int{}
	for _, j := range r.jobs {
		s := r.of(j)
		kind := j.Piece.Kind()
		body, err := r.Adapter.Encode(b.ctx, s)
		if b.see(err) != nil {
			// Some classes go with some countries only, which the data cannot say.
			if postproof.CodeOf(err) != postproof.CodeUnsupported {
				b.problemf("%s, %s, %s: Encode: %v", kind, j.Piece.Sheet(), j.Class, err)
			}
			continue
		}
		order, err := r.Adapter.Submit(b.ctx, r.doer, s, body)
		if b.see(err) != nil {
			b.problemf("%s, %s, %s, %s: Submit: %v", kind, j.Piece.Sheet(), j.Class, j.Piece.Art().ContentKind(), err)
			continue
		}
		printed[kind]++
		b.checkOrder(r, s, body, order)
		if n := r.Simulator.Orders(string(s.Ref)); n != 1 {
			b.problemf("%s: the vendor has %d orders, want 1", kind, n)
		}
		if order.Replayed {
			b.problemf("%s: a first answer is taken for a replay", kind)
		}
	}
	for _, p := range r.caps().Pieces {
		if printed[p.Kind] == 0 {
			b.problemf("no %s could be ordered", p.Kind)
		}
	}
}

// checkOrder holds an order to its submission.
func (b *bench) checkOrder(r *rig, s *vendors.Submission, body *vendors.Body, order *vendors.Order) {
	want := vendors.FactsOf(&s.Job, body)
	switch {
	case order.Receipt.VendorID == "":
		b.problemf("an order has no id")
	case order.Receipt.Vendor != r.caps().Vendor:
		b.problemf("an order's vendor is %q", order.Receipt.Vendor)
	case order.Receipt.Ref != "" && order.Receipt.Ref != s.Ref:
		b.problemf("an order has another reference")
	case !order.Facts.Equal(want):
		b.problemf("%s: facts %+v differ from the job's %+v", s.Job.Piece.Kind(), order.Facts, want)
	case order.Mode != "" && order.Mode != r.Adapter.Account().Mode:
		b.problemf("an order's mode is %q", order.Mode)
	case order.Facts.Content != "" && body.Content == "":
		b.problemf("an order shows a digest of its content, and Encode sets no Content of the body to compare it with")
	case order.Dead:
		b.problemf("a live order is dead")
	case order.Status.Stage == "" || order.Status.Source == "" || order.Status.Confidence == "":
		b.problemf("a status lacks stage, source or confidence: %+v", order.Status)
	case len(order.Raw) == 0:
		b.problemf("an order lacks the vendor's answer")
	}
}

func checkRepeat(b *bench) {
	r := b.setup()
	id := r.caps().Idempotency
	if id.Kind == postproof.IdempotencyNone {
		return // that nothing repeats it is checked in Requests
	}
	s, first := r.accepted()
	sent := len(r.doer.Sent)
	again, err := r.submit(s)
	if err != nil {
		b.fatalf("the repeat: %v", err)
	}
	if again.Receipt.VendorID != first.Receipt.VendorID {
		b.problemf("the repeat is another order")
	}
	if n := r.Simulator.Orders(string(s.Ref)); n != 1 {
		b.problemf("the vendor has %d orders after a repeat, want 1", n)
	}
	want := vendors.FactsOf(&s.Job, r.encode(s))
	if !again.Facts.Equal(want) {
		b.problemf("the repeat's facts %+v differ from the job's %+v", again.Facts, want)
	}
	var repeat *Sent
	for i := sent; i < len(r.doer.Sent); i++ {
		if r.doer.Sent[i].Request.Op == postproof.OpSubmit {
			repeat = &r.doer.Sent[i]
		}
	}
	if repeat == nil || repeat.Answer == nil {
		b.fatalf("the repeat was not sent as a submission")
	}
	status := repeat.Answer.Status
	switch id.Replay {
	case postproof.ReplaySameBody:
		if status < 200 || status > 299 {
			b.problemf("a replay of form %s has status %d", id.Replay, status)
		}
	case postproof.ReplayConflict, postproof.ReplayConflictObject:
		if status != http.StatusConflict {
			b.problemf("a replay of form %s has status %d", id.Replay, status)
		}
		if !again.Replayed {
			b.problemf("a replay of form %s is not marked", id.Replay)
		}
	}
	other := *s
	other.Job.To.Line1 = "2 Otherwhere Ave"
	changed, err := r.submit(&other)
	if err == nil && id.Kind == postproof.IdempotencyKey && changed.Facts.Equal(vendors.FactsOf(&other.Job, r.encode(&other))) {
		b.problemf("another content under a used key comes back as if it were the first")
	}
	if err == nil && id.Kind == postproof.IdempotencyRef && changed.Facts.Equal(vendors.FactsOf(&other.Job, r.encode(&other))) {
		b.problemf("another content under a used reference comes back as if it were the first")
	}
	if d := postproof.DeliveryOf(err); err != nil && !d.MayBeInTheMail() {
		b.problemf("another content under a used key or reference: %v, but the vendor has the first piece", d)
	}
	if n := r.Simulator.Orders(string(s.Ref)); n != 1 {
		b.problemf("the vendor has %d orders after another content under the same key, want 1", n)
	}
}

func checkSubmitBoundaries(b *bench) {
	probe := b.setup()
	probe.accepted()
	login := 0
	for _, sent := range probe.doer.Sent {
		if sent.Request.Op != postproof.OpSubmit {
			login++
		}
	}
	for _, f := range boundaries(probe.echo()) {
		r := b.setup()
		r.doer.Strike = strikeOp(postproof.OpSubmit, 1, &f)
		s := r.next()
		order, err := r.submit(s)
		b.verdict(r, s, order, err, "submission: "+f.Name, f.Want)
		if f.Status == http.StatusTooManyRequests && postproof.CodeOf(err) != postproof.CodeRateLimited {
			b.problemf("status 429 has code %v", postproof.CodeOf(err))
		}
		for n := 1; n <= login; n++ {
			r := b.setup()
			r.doer.Strike = strikeAt(n, &f)
			s := r.next()
			order, err := r.submit(s)
			if err == nil || r.Simulator.Orders(string(s.Ref)) != 0 {
				b.problemf("the request before a submission fails (%s), and the piece is sent all the same: %v", f.Name, order)
			} else if d := postproof.DeliveryOf(err); d != postproof.NotSent {
				b.problemf("the request before a submission fails (%s): %v, want not_sent", f.Name, d)
			}
		}
	}
	// Credentials that are refused for good, and for once.
	for _, once := range []bool{false, true} {
		r := b.setup()
		refuse := &Fault{Status: http.StatusUnauthorized, Body: probe.echo()}
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
			b.problemf("status 401: %v, want unauthenticated (refused)", err)
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
		b.problemf("%s: %v, want %v", name, got, want)
	}
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
		for _, f := range boundaries(probe.echo()) {
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
	for _, later := range boundaries(probe.echo()) {
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

func checkRequests(b *bench) {
	r := b.setup()
	s, order := r.accepted()
	id := order.Receipt.VendorID
	ops := []func() error{
		func() error { _, err := vendors.Get(b.ctx, r.Adapter, r.doer, id); return err },
		func() error { _, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref); return err },
		func() error { return listAll(b, r, time.Time{}, nil) },
		func() error { _, err := logAll(b, r, time.Time{}); return err },
		func() error { return vendors.Cancel(b.ctx, r.Adapter, r.doer, id) },
	}
	for _, op := range ops {
		if err := b.see(op()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			b.problemf("without faults: %v", err)
		}
	}
	kind := r.caps().Idempotency.Kind
	submits := 0
	for _, sent := range r.doer.Sent {
		req := sent.Request
		if leak := b.leak(req.URL + " " + req.Route + " " + req.Method); leak != "" {
			b.problemf("%s: the URL or route holds %s", req.Op, leak)
		}
		if req.Op == "" || req.Route == "" || strings.Contains(req.Route, id) || strings.Contains(req.Route, string(s.Ref)) {
			b.problemf("%s: the route %q is not a template", req.Op, req.Route)
		}
		write := req.Method != http.MethodGet && req.Method != http.MethodHead
		switch req.Op {
		case postproof.OpSubmit:
			submits++
			want := postproof.RepeatNever
			if kind != postproof.IdempotencyNone {
				want = postproof.RepeatKeyed
			}
			if req.Class != want {
				b.problemf("submit: class %s, want %s", req.Class, want)
			}
			if kind == postproof.IdempotencyKey && !headerHolds(req.Header, s.VendorKey) && !bytes.Contains(sent.Body, []byte(s.VendorKey)) {
				b.problemf("submit: the vendor key is not sent")
			}
			if kind == postproof.IdempotencyRef && !bytes.Contains(sent.Body, []byte(s.Ref)) {
				b.problemf("submit: the reference is not sent")
			}
		case postproof.OpLogin:
		case postproof.OpCancel:
			if req.Class == postproof.RepeatSafe {
				b.problemf("cancel: class safe is for reads")
			}
		default:
			if write || req.Class != postproof.RepeatSafe {
				b.problemf("%s: %s of class %s, want a safe read", req.Op, req.Method, req.Class)
			}
		}
	}
	if submits != 1 {
		b.problemf("one submission made %d submit requests", submits)
	}
}

func headerHolds(h http.Header, value string) bool {
	for _, values := range h {
		if slices.Contains(values, value) {
			return true
		}
	}
	return false
}
