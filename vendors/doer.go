package vendors

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// Doer sends requests for an adapter. Behind it the client retries, breaks,
// limits, traces and counts. It is valid for the one call that it was handed
// to.
type Doer interface {
	// Do sends the request, and repeats it when class, failure and time
	// allow. Without an error the answer was judged good. With one, the
	// response is the last that was read, or nil, and the error's Delivery is
	// the join over all sends of this request.
	Do(ctx context.Context, req *Request) (*Response, error)
}

// Request is one HTTP request of an adapter.
type Request struct { //nolint:recvcheck // it is printed by value as well
	// Op names the operation in errors, spans and metrics, and puts the request
	// under a breaker ([postproof.Op.Group]). What is done under OpSubmit decides
	// whether paper may be in the mail, so that one request of a submission has it.
	Op postproof.Op
	// Class says whether the request may be repeated when its outcome is
	// unknown. RepeatKeyed is for a write that this vendor deduplicates, RepeatSafe
	// for reads, and for an upload or a draft that orders nothing.
	Class postproof.Repeat
	// NotAfter is the last moment at which a byte may be sent; zero means that
	// the client's own bound holds.
	NotAfter time.Time
	// Method is the HTTP method.
	Method string
	// URL is absolute. It holds no credentials.
	URL string
	// Route is the path's template, for span names: "/v1/postcards/{id}".
	Route string
	// Header is not modified by the Doer and may be shared. To who accepts
	// application/json alone an answer of text/html is none of the vendor's, as far as its
	// health goes: its breaker counts it as a failure, but for a read that it refuses.
	Header http.Header
	// ContentType is set when there is a body; Open returns the body's bytes
	// from the start, Length says how many.
	ContentType string
	Length      int64
	Open        func(ctx context.Context) (io.ReadCloser, error)
	// Judge turns an answer into nil (good) or an error with Code and
	// Delivery. It must be quick and do nothing but read the answer and
	// remember what it read: it is called once for each answer, by one
	// goroutine at a time, and a later answer of the same request replaces an
	// earlier one. A 2xx to a submission that it leaves Unknown, as one that it cannot
	// read, is a failure of the vendor to the breaker. A nil Judge is [JudgeStatus].
	Judge func(r *Response) error
}

// SetBody makes the request carry the body.
func (r *Request) SetBody(b *Body) {
	r.ContentType, r.Length, r.Open = b.ContentType, b.Len(), b.Open
}

// Response is an answer, read to its end.
type Response struct { //nolint:recvcheck // it is printed by value as well
	// Status is the HTTP status, Header the answer's; both are read only.
	Status int
	Header http.Header
	// Body is the whole body; an answer that is too large or broken is an
	// error instead.
	Body []byte
	// Sends counts the times that bytes of the request went out.
	Sends int
}

// Time returns the vendor's clock by the Date header, less the Age of what a cache kept,
// which may have dated it anew; zero when there is none. What an answer proves is no
// younger than this.
func (r *Response) Time() time.Time {
	t, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	kept := r.Header.Get("Age")
	if kept == "" {
		return t
	}
	age, err := strconv.ParseUint(strings.TrimSpace(kept), 10, 31)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return t
	}
	return t.Add(-time.Duration(age) * time.Second)
}

// JudgeStatus is the cautious judgement by status alone: nil for a 2xx, else an
// error with [postproof.CodeOfHTTPStatus] and [postproof.DeliveryOfHTTPStatus]. A 4xx
// takes more: one that is not in the vendor's own words is [Foreign].
func JudgeStatus(r *Response) error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	return &postproof.Error{
		Code: postproof.CodeOfHTTPStatus(r.Status), Delivery: postproof.DeliveryOfHTTPStatus(r.Status), HTTPStatus: r.Status,
	}
}
