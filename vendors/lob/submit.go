package lob

import (
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
	header := a.header(p.kind)
	header.Set("Idempotency-Key", s.VendorKey)
	req := &vendors.Request{
		Op: postproof.OpSubmit, Class: postproof.RepeatKeyed,
		Method: http.MethodPost, URL: a.base + "/" + p.path, Route: "/v1/" + p.path, Header: header,
		Judge: judge(postproof.OpSubmit, func(raw []byte) error {
			_, err := parseOrder(p, raw, a.caps)
			return err
		}),
	}
	req.SetBody(body)
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	order, err := parseOrder(p, resp.Body, a.caps)
	if err != nil {
		return nil, unreadable(postproof.OpSubmit, resp, err)
	}
	order.Status.Source = postproof.SourceResponse
	order.Replayed = replayed(order, resp)
	return order, nil
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
	check := func(raw []byte) error {
		order, err := parseOrder(p, raw, a.caps)
		if err == nil && order.Receipt.VendorID != id {
			return errAnswer
		}
		return err
	}
	resp, err := do.Do(ctx, a.read(postproof.OpGet, p, "/"+id, "/{id}", check))
	if err != nil {
		return nil, err
	}
	order, err := parseOrder(p, resp.Body, a.caps)
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
		Method: http.MethodGet, URL: a.base + "/" + p.path + suffix, Route: "/v1/" + p.path + route,
		Header: a.header(p.kind), Judge: judge(op, check),
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
