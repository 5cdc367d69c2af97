package lob

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Submit implements [vendors.Adapter].
func (a *Adapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	if s.Job.Piece == nil {
		return nil, wrongField("piece", "missing")
	}
	p, ok := productFor(s.Job.Piece.Kind())
	if !ok {
		return nil, unsupportedField("piece", "lob prints no such piece")
	}
	if s.VendorKey == "" {
		return nil, encodeError(postproof.CodeInternal, errors.New("the submission has no idempotency key"))
	}
	answer := &orderReader{op: postproof.OpSubmit, product: p, caps: a.caps}
	answer.req = vendors.Request{
		Op: postproof.OpSubmit, Class: postproof.RepeatKeyed,
		Method: http.MethodPost, URL: a.base + "/" + p.path, Route: p.route, Header: a.header(p.kind, s.VendorKey),
		Judge: answer.judge,
	}
	answer.req.SetBody(body)
	resp, err := do.Do(ctx, &answer.req)
	if err != nil {
		return nil, err
	}
	order, err := answer.of(resp)
	if err != nil {
		return nil, unreadable(postproof.OpSubmit, resp, err)
	}
	order.Status.Source = postproof.SourceResponse
	order.Replayed = replayed(order, resp)
	return order, nil
}

// orderReader reads the answers to one request for a piece. It keeps what it
// read when an answer was judged, so that the answer that counts is not parsed
// again.
type orderReader struct {
	op      postproof.Op
	req     vendors.Request // of a submission
	product product
	caps    *postproof.Capabilities
	id      string // that the piece must have; empty for any
	read    *vendors.Order
}

func (r *orderReader) judge(resp *vendors.Response) error { return judgeWith(r.op, resp, r.check) }

// check reads an answer. It forgets the one before: an order must never
// outlive the attempt that it came from.
func (r *orderReader) check(raw []byte) error {
	r.read = nil
	order, err := parseOrder(r.product, raw, r.caps)
	if err != nil {
		return err
	}
	if r.id != "" && order.Receipt.VendorID != r.id {
		return errAnswer
	}
	r.read = order
	return nil
}

// of returns the order in the answer that the call ended with. An answer other
// than the one judged last is read afresh.
func (r *orderReader) of(resp *vendors.Response) (*vendors.Order, error) {
	if r.read == nil || !bytes.Equal(r.read.Raw, resp.Body) {
		if err := r.check(resp.Body); err != nil {
			return nil, err
		}
	}
	return r.read, nil
}

// replayAge is longer than a submission takes, the fetching of artwork
// (at most 40 seconds a file) included.
const replayAge = 2 * time.Minute

// replayed reports whether the piece is older than this answer can explain, by
// the vendor's own clock. Lob does not mark replays; a young one looks like a
// first answer.
func replayed(order *vendors.Order, resp *vendors.Response) bool {
	now, created := resp.Time(), order.Receipt.AcceptedAt
	return !now.IsZero() && !created.IsZero() && now.Sub(created) > replayAge
}

// Get implements [vendors.Getter].
func (a *Adapter) Get(ctx context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	p, err := productByID(postproof.OpGet, id)
	if err != nil {
		return nil, err
	}
	answer := orderReader{op: postproof.OpGet, product: p, caps: a.caps, id: id}
	resp, err := do.Do(ctx, a.read(postproof.OpGet, p, "/"+id, "/{id}", answer.check))
	if err != nil {
		return nil, err
	}
	order, err := answer.of(resp)
	if err != nil {
		return nil, unreadable(postproof.OpGet, resp, err)
	}
	order.Status.Source = postproof.SourcePoll
	return order, nil
}

// Cancel implements [vendors.Canceler]. Lob stops a piece until its send
// date, five minutes after acceptance unless the job or the account says
// otherwise.
func (a *Adapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	p, err := productByID(postproof.OpCancel, id)
	if err != nil {
		return err
	}
	req := a.read(postproof.OpCancel, p, "/"+id, "/{id}", func(raw []byte) error { return parseDeletion(id, raw) })
	// docs: "all GET and DELETE requests are idempotent by nature".
	req.Method, req.Class = http.MethodDelete, postproof.RepeatKeyed
	_, err = do.Do(ctx, req)
	return err
}

// read returns a request without a body.
func (a *Adapter) read(op postproof.Op, p product, suffix, route string, check func([]byte) error) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe,
		Method: http.MethodGet, URL: a.base + "/" + p.path + suffix, Route: p.route + route,
		Header: a.header(p.kind, ""), Judge: judge(op, check),
	}
}

// productByID keeps what is no id of Lob from becoming part of a URL.
func productByID(op postproof.Op, id string) (product, error) {
	p, ok := productOf(id)
	if !ok {
		return p, &postproof.Error{
			Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Vendor: Name, Op: string(op),
			Err: errors.New("this is no id of lob: want psc_…, ltr_… or sfm_…"),
		}
	}
	return p, nil
}
