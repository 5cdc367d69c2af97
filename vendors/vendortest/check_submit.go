package vendortest

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkSubmit(b *bench) {
	r := b.setup()
	printed := map[postproof.PieceKind]int{}
	for _, j := range r.jobs {
		s := r.of(j)
		kind := j.Piece.Kind()
		before := *s
		before.Job = copyOf(j)
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
		if s.Ref != before.Ref || s.VendorKey != before.VendorKey || !reflect.DeepEqual(s.Job, before.Job) {
			b.problemf("%s: the submission is another one than before: the next vendor, or the next try, would send what nobody ordered", kind)
		}
		b.checkOrder(r, s, body, order)
		b.checkAccepted(r.vendorTime(), order, "Submit")
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
	if _, order := r.accepted(); order != nil {
		next := r.next()
		b.checkNewStatus(r, next, order, func() (*vendors.Order, error) { return r.submit(next) }, "Submit")
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
	case b.noPaper(r, order):
	case order.Status.Stage == "" || order.Status.Source == "" || order.Status.Confidence == "":
		b.problemf("a status lacks stage, source or confidence: %+v", order.Status)
	case len(order.Raw) == 0:
		b.problemf("an order lacks the vendor's answer")
	}
}

// noPaper reports an order that lives with a status that is declared to mean death:
// by that alone a later submission would be made anew.
func (b *bench) noPaper(r *rig, order *vendors.Order) bool {
	listed := !order.Dead && order.Status.Raw != "" && slices.Contains(r.caps().NoPaper, order.Status.Raw)
	if listed {
		b.problemf("an order that is printed has the status %q, which the capabilities list as no paper", order.Status.Raw)
	}
	return listed
}

// copyOf is a job that shares nothing with j that an adapter could change.
func copyOf(j postproof.Job) postproof.Job {
	j.Metadata = maps.Clone(j.Metadata)
	if t, ok := j.Piece.Art().(postproof.Template); ok {
		t.IDs, t.Variables = maps.Clone(t.IDs), maps.Clone(t.Variables)
		j.Piece = j.Piece.WithArt(t)
	}
	return j
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
	b.checkOtherContent(r, first, &other)
}

// checkOtherContent sends another content under the key or reference of an order. That
// never happens to a vendor; what its adapter makes of the answer says whether it would
// see somebody else's piece for ours.
func (b *bench) checkOtherContent(r *rig, first *vendors.Order, other *vendors.Submission) {
	id := r.caps().Idempotency
	changed, err := r.submit(other)
	n := r.Simulator.Orders(string(other.Ref))
	if err == nil && id.BodyCompared {
		b.problemf("Idempotency.BodyCompared is declared, and another content under a used key or reference is no error")
	}
	if err == nil && n == 2 && id.Kind == postproof.IdempotencyKey && changed.Receipt.VendorID != first.Receipt.VendorID && !changed.Replayed {
		return // the vendor's key is one for its bytes: these are another order, and that is what it says
	}
	if err == nil && id.Kind == postproof.IdempotencyKey && changed.Facts.Equal(vendors.FactsOf(&other.Job, r.encode(other))) {
		b.problemf("another content under a used key comes back as if it were the first")
	}
	if err == nil && id.Kind == postproof.IdempotencyRef && changed.Facts.Equal(vendors.FactsOf(&other.Job, r.encode(other))) {
		b.problemf("another content under a used reference comes back as if it were the first")
	}
	if d := postproof.DeliveryOf(err); err != nil && !d.MayBeInTheMail() {
		b.problemf("another content under a used key or reference: %v, but the vendor has the first piece", d)
	}
	if n != 1 {
		b.problemf("the vendor has %d orders after another content under the same key, want 1", n)
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
	submits, referred := 0, false
	for _, sent := range r.doer.Sent {
		req := sent.Request
		if leak := b.leak(req.URL + " " + req.Route + " " + req.Method); leak != "" {
			b.problemf("%s: the URL or route holds %s", req.Op, leak)
		}
		if req.Op == "" || req.Route == "" || strings.Contains(req.Route, id) || strings.Contains(req.Route, string(s.Ref)) {
			b.problemf("%s: the route %q is not a template", req.Op, req.Route)
		}
		if body := r.encode(s); req.Op == postproof.OpSubmit && len(body.Parts()) == 1 && !bytes.Equal(sent.Body, contentOf(b, body)) {
			b.problemf("submit: what is sent is not the body that Encode made: after a crash nobody could tell what went out")
		}
		if again, err := readBody(b.ctx, req); err != nil || !bytes.Equal(again, sent.Body) {
			b.problemf("%s: Request.Open gives other bytes the second time (%v): a retry would send these", req.Op, err)
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
			referred = referred || bytes.Contains(sent.Body, []byte(s.Ref))
		case postproof.OpPrepare:
			referred = referred || bytes.Contains(sent.Body, []byte(s.Ref))
		case postproof.OpLogin:
		case postproof.OpCancel:
			if req.Class == postproof.RepeatSafe {
				b.problemf("cancel: class safe is for reads")
			}
		default:
			if write || req.Class != postproof.RepeatSafe {
				b.problemf("%s: %s of class %s: what is no submit, prepare, login or cancel is a read, GET or HEAD of RepeatSafe", req.Op, req.Method, req.Class)
			}
		}
	}
	if kind == postproof.IdempotencyRef && !referred {
		b.problemf("submit: the reference is not sent")
	}
	if submits != 1 {
		b.problemf("one submission made %d submit requests, want 1: what goes before the order is OpPrepare or OpLogin", submits)
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
