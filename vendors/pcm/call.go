package pcm

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// call sends a request with a token. A 401 buys one new token and the same
// request again. The error's Delivery is the join over both: the refusal of
// the second says nothing about an unknown outcome of the first.
func (a *Adapter) call(ctx context.Context, do vendors.Doer, req *vendors.Request) (*vendors.Response, error) {
	token, err := a.token(ctx, do, req.Op, "")
	if err != nil {
		return nil, err
	}
	req.Header = bearer(token)
	resp, err := do.Do(ctx, req)
	if !isExpired(err) {
		return resp, err
	}
	before := postproof.DeliveryOf(err)
	token, err = a.token(ctx, do, req.Op, token)
	if err != nil {
		return nil, joined(req.Op, err, before)
	}
	again := *req
	again.Header = bearer(token)
	resp, err = do.Do(ctx, &again)
	if err != nil {
		return resp, joined(req.Op, err, before)
	}
	return resp, nil
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}}
}

func isExpired(err error) bool {
	e, ok := errors.AsType[*postproof.Error](err)
	return ok && e.HTTPStatus == http.StatusUnauthorized
}

// joined returns err with a Delivery that is not lower than before.
func joined(op postproof.Op, err error, before postproof.Delivery) error {
	d := postproof.DeliveryOf(err).Join(before)
	if d == postproof.DeliveryOf(err) {
		return err
	}
	return &postproof.Error{
		Code: postproof.CodeOf(err), Delivery: d, Vendor: Name, Op: string(op),
		RetryAfter: postproof.RetryAfterOf(err), Err: err,
	}
}

// read returns a request without a body.
func (a *Adapter) read(op postproof.Op, path, route string, check func([]byte) error) *vendors.Request {
	return &vendors.Request{
		Op: op, Class: postproof.RepeatSafe,
		Method: http.MethodGet, URL: a.base + path, Route: route,
		Judge: judge(op, check),
	}
}

// errAnswer is the cause of every 2xx that is not what was asked for.
var errAnswer = errors.New("the answer is not what pcm documents")

func judge(op postproof.Op, check func(body []byte) error) func(*vendors.Response) error {
	return func(r *vendors.Response) error {
		if r.Status < 200 || r.Status > 299 {
			return refusal(op, r)
		}
		if check(r.Body) != nil {
			return unreadable(op, r)
		}
		return nil
	}
}

func unreadable(op postproof.Op, r *vendors.Response) error {
	return &postproof.Error{
		Code: postproof.CodeUnknown, Delivery: postproof.Unknown, Vendor: Name, Op: string(op),
		HTTPStatus: r.Status, Err: errAnswer,
	}
}

// lookAt is what to see to where an answer is not in PCM's own words.
const lookAt = "see that the base URL is as DefaultBaseURL, and what stands in front of it"

// isOwn reports whether a refusal is PCM's, whose error body repeats the status, and
// not that of what stands in front. Its message can quote an address, and is not read.
func isOwn(r *vendors.Response) bool {
	o, _ := vendors.ParseObject(r.Body) // what is none has no code
	said := o.Object("error")
	return vendors.Field[int](said, "code") == r.Status || said.Text("code") == strconv.Itoa(r.Status)
}

// hasError reports whether an answer is in the form of PCM's errors, whatever it says.
func hasError(r *vendors.Response) bool {
	o, err := vendors.ParseObject(r.Body)
	return err == nil && o.Object("error") != nil
}

// refusal sorts an answer by its status: PCM's error body says no more that may be
// quoted. What is not PCM's own says nothing of the job or the order: the address is
// wrong, or something else has answered in front. The job waits, with the whole campaign
// behind it.
func refusal(op postproof.Op, r *vendors.Response) *postproof.Error {
	e := &postproof.Error{
		Code: postproof.CodeOfHTTPStatus(r.Status), Delivery: postproof.DeliveryOfHTTPStatus(r.Status),
		Vendor: Name, Op: string(op), HTTPStatus: r.Status,
	}
	if r.Status == http.StatusTooManyRequests {
		e.RetryAfter = vendors.RetryAfter(r)
	}
	if r.Status/100 == 4 && !isOwn(r) {
		not := vendors.Foreign(r, lookAt)
		e.Code, e.Delivery, e.Err = not.Code, not.Delivery, not.Err
	}
	return e
}

// orderPath keeps what is no id of PCM from becoming part of a URL.
func orderPath(op postproof.Op, id string) (string, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
		return "", &postproof.Error{
			Code: postproof.CodeNotFound, Delivery: postproof.NotSent, Vendor: Name, Op: string(op),
			Err: errors.New("this is no id of pcm: want a number"),
		}
	}
	return "/order/" + id, nil
}
