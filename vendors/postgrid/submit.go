package postgrid

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Submit implements [vendors.Adapter]. Without [WithIdempotencyKeys] the request
// is of the class that is never repeated when its outcome is unknown.
func (a *Adapter) Submit(ctx context.Context, do vendors.Doer, s *vendors.Submission, body *vendors.Body) (*vendors.Order, error) {
	if s.Job.Piece == nil {
		return nil, wrongField("piece", "missing")
	}
	p, ok := productFor(s.Job.Piece.Kind())
	if !ok {
		return nil, unsupportedField("piece", "postgrid prints no such piece")
	}
	req := a.read(postproof.OpSubmit, p.path, p.path, a.checkProduct(p))
	req.Method, req.Class = http.MethodPost, postproof.RepeatNever
	if a.keyed {
		if s.VendorKey == "" {
			return nil, encodeError(postproof.CodeInternal, errors.New("the submission has no idempotency key"))
		}
		req.Class, req.Header = postproof.RepeatKeyed, a.header(s.VendorKey)
	}
	req.SetBody(body)
	resp, err := do.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	order, err := parseProduct(p, resp.Body, a.caps)
	if err != nil {
		return nil, unreadable(postproof.OpSubmit, resp, err)
	}
	order.Status.Source = postproof.SourceResponse
	order.Replayed = a.keyed && replayed(order, resp)
	return order, nil
}

func (a *Adapter) checkProduct(p product) func([]byte) error {
	return func(raw []byte) error {
		_, err := parseProduct(p, raw, a.caps)
		return err
	}
}

// replayAge is longer than a submission takes, the fetching of artwork
// included.
const replayAge = 2 * time.Minute

// replayed reports whether the order is older than this answer can explain, by
// the vendor's own clock. A young replay looks like a first answer.
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
	resp, err := do.Do(ctx, a.read(postproof.OpGet, p.path+"/"+id, p.path+"/{id}", a.checkID(id)))
	if err != nil {
		return nil, err
	}
	order, err := a.orderWithID(id, resp.Body)
	if err != nil {
		return nil, unreadable(postproof.OpGet, resp, err)
	}
	order.Status.Source = postproof.SourcePoll
	return order, nil
}

// Cancel implements [vendors.Canceler]. PostGrid stops an order until the
// midnight, Eastern time, that ends its send date.
func (a *Adapter) Cancel(ctx context.Context, do vendors.Doer, id string) error {
	p, err := productByID(postproof.OpCancel, id)
	if err != nil {
		return err
	}
	req := a.read(postproof.OpCancel, p.path+"/"+id, p.path+"/{id}", func(raw []byte) error {
		order, err := a.orderWithID(id, raw)
		if err == nil && !order.Dead {
			return errAnswer // SDK: the answer is the order, with the status cancelled
		}
		return err
	})
	// An order that is canceled already is refused, and nothing else happens.
	req.Method, req.Class = http.MethodDelete, postproof.RepeatKeyed
	_, err = do.Do(ctx, req)
	return err
}

func (a *Adapter) checkID(id string) func([]byte) error {
	return func(raw []byte) error {
		_, err := a.orderWithID(id, raw)
		return err
	}
}

func (a *Adapter) orderWithID(id string, raw []byte) (*vendors.Order, error) {
	order, err := parseOrder(raw, a.caps)
	if err != nil {
		return nil, err
	}
	if order.Receipt.VendorID != id {
		return nil, errAnswer
	}
	return order, nil
}
