package pcm

import (
	"context"
	"errors"
	"net/http"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Submit implements [vendors.Adapter]. PCM deduplicates by the reference in
// the body. Its 409 is an answer like any other: somebody, and references are
// unique, so an earlier send of ours, placed the order, which is then read. A 409
// in no form of PCM's is that of what stands in front, and says nothing of an order
// that is not found.
func (a *Adapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	route, err := orderRoute(&s.Job)
	if err != nil {
		return nil, err
	}
	req := &vendors.Request{
		Op: postproof.OpSubmit, Class: postproof.RepeatKeyed,
		Method: http.MethodPost, URL: a.base + route, Route: route,
		Judge: func(r *vendors.Response) error {
			if r.Status == http.StatusConflict && hasError(r) {
				return nil
			}
			return judge(postproof.OpSubmit, func(raw []byte) error { _, err := parsePlaced(raw); return err })(r)
		},
	}
	req.SetBody(body)
	resp, err := a.call(ctx, do, req)
	switch {
	case resp != nil && resp.Status == http.StatusConflict && (err == nil || errors.Is(err, vendors.ErrForeign)):
		return a.existing(ctx, do, s.Ref, err)
	case err != nil:
		return nil, err
	}
	placed, err := parsePlaced(resp.Body)
	if err != nil {
		return nil, unreadable(postproof.OpSubmit, resp)
	}
	placed.Receipt.AcceptedAt = resp.Time()
	placed.Status.VendorTime = placed.Receipt.AcceptedAt
	return placed, nil
}

func orderRoute(job *postproof.Job) (string, error) {
	if job.Piece == nil {
		return "", wrongField("piece", "missing")
	}
	switch job.Piece.Kind() {
	case postproof.KindPostcard:
		return "/order/postcard", nil
	case postproof.KindLetter:
		return "/order/letter", nil
	case postproof.KindSelfMailer:
	}
	return "", unsupportedField("piece", "pcm prints no such piece of a known size")
}

// existing returns the order that has the reference: PCM itself said that there is one,
// unless the error is that of what stands in front. A live one goes first: a dead one
// beside it must not hide it.
func (a *Adapter) existing(ctx context.Context, do vendors.Doer, ref postproof.Ref, foreign error) (*vendors.Order, error) {
	found, err := a.Find(ctx, do, ref)
	var first *vendors.Order
	if err == nil {
		for _, o := range found.Orders {
			if first == nil || (first.Dead && !o.Dead) {
				first = o
			}
		}
	}
	switch {
	case first == nil || (first.Dead && (foreign != nil || !found.Complete)):
		// None is proof of nothing, and neither is a dead one in half a list.
		if foreign != nil { // not a word that vetoes an absence for ever
			return nil, foreign
		}
		return nil, &postproof.Error{
			Code: postproof.CodeConflict, Delivery: postproof.Unknown, Vendor: Name, Op: string(postproof.OpSubmit),
			HTTPStatus: http.StatusConflict, RetryAfter: postproof.RetryAfterOf(err), Err: &vendors.DuplicateError{Ref: ref, Err: err},
		}
	}
	first.Replayed = true
	first.Status.Source = postproof.SourceResponse
	return first, nil
}

// Get implements [vendors.Getter]. It reads the order's batch as well; when
// that cannot be read, the order's own status stands.
func (a *Adapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	path, err := orderPath(postproof.OpGet, id)
	if err != nil {
		return nil, err
	}
	check := func(raw []byte) error {
		o, err := parseOrder(raw)
		if err == nil && o.Receipt.VendorID != id {
			return errAnswer
		}
		return err
	}
	resp, err := a.call(ctx, do, a.read(postproof.OpGet, path, "/order/{id}", check))
	if err != nil {
		return nil, err
	}
	o, err := parseOrder(resp.Body)
	if err != nil {
		return nil, unreadable(postproof.OpGet, resp)
	}
	a.refine(ctx, do, postproof.OpGet, o)
	return o.Order, nil
}

// refine adds what the order's batch knows.
func (a *Adapter) refine(ctx context.Context, do vendors.Doer, op postproof.Op, o *seen) {
	o.Status.Source = postproof.SourcePoll
	if o.Dead || o.batch == "" {
		return
	}
	resp, err := a.call(ctx, do, a.read(op, "/batch/"+o.batch, "/batch/{id}", func(raw []byte) error {
		_, err := parseBatch(o.batch, raw)
		return err
	}))
	if err != nil {
		return
	}
	b, err := parseBatch(o.batch, resp.Body)
	if err != nil {
		return
	}
	placed := o.Status.VendorTime
	o.Status, o.Dead = statusOf(o.status, b.status)
	o.Status.Source, o.Status.VendorTime = postproof.SourcePoll, b.changed
	if b.changed.IsZero() {
		o.Status.VendorTime = placed
	}
}

// Cancel implements [vendors.Canceler]. PCM stops an order until the batch of
// its day goes to press, at 11:30 PM EST.
func (a *Adapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	path, err := orderPath(postproof.OpCancel, id)
	if err != nil {
		return err
	}
	req := a.read(postproof.OpCancel, path, "/order/{id}", func([]byte) error { return nil })
	req.Method, req.Class = http.MethodDelete, postproof.RepeatKeyed
	req.Judge = func(r *vendors.Response) error {
		if r.Status >= 200 && r.Status <= 299 {
			return nil
		}
		e := refusal(postproof.OpCancel, r)
		if (r.Status == http.StatusBadRequest || r.Status == http.StatusConflict) && isOwn(r) {
			// docs: 400 "Order cannot be canceled"; the bulk call has 409 as well. What
			// stands in front does not know: its 400 would end the wish.
			e.Code, e.Delivery = postproof.CodeConflict, postproof.Accepted
		}
		return e
	}
	_, err = a.call(ctx, do, req)
	return err
}
