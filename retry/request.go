package retry

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// Request is one request of a vendor's API. It is read only while [Sender.Do]
// runs and may be used again afterwards.
type Request struct { //nolint:recvcheck // it is printed by value as well
	// Op names the operation in errors, hooks and timing statistics.
	Op postproof.Op
	// Vendor names the vendor in errors and hooks.
	Vendor string
	// Class says whether the request may be repeated after an unknown
	// outcome. The zero value is [postproof.RepeatNever].
	Class postproof.Repeat
	// Method is the HTTP method.
	Method string
	// URL is the absolute URL. It never appears in an error. Keep credentials
	// out of it all the same: proxies and servers log it.
	URL string
	// Header holds the header fields. Each attempt sends its own copy.
	Header http.Header
	// ContentType, if set, is sent in place of the header field.
	ContentType string
	// Body opens the body from its start. It is called once for each attempt,
	// and again when net/http repeats a send by itself. It may be nil when
	// ContentLength is 0.
	Body func() (io.ReadCloser, error)
	// ContentLength is the exact length of the body in bytes; bodies are never
	// sent chunked.
	ContentLength int64
	// NotAfter is the time before which the first byte of every send must be
	// written. Zero means no limit for what is known not to be accepted; a
	// keyed request without it is not repeated after an unknown outcome,
	// because nobody knows whether the key's window is open.
	NotAfter time.Time
	// StaleAt is the same bound on the machine's own clock, made by Add from a
	// time.Now with its monotonic reading: while a process stands still its
	// wall clock may be set back, and must not make an old request young again.
	// Zero means no such bound.
	StaleAt time.Time
	// Judge says what an answer means: nil for success, else an error, best a
	// [*postproof.Error] with Code and Delivery. An error that does not name a
	// delivery counts as [postproof.Unknown]. It is not called for a 2xx that
	// could not be read to its end. The body is the beginning of the answer, at
	// most MaxResponseBytes long; of a refusal that broke off the outcome is
	// Unknown whatever the judge says. It must neither keep nor change its
	// arguments while the call runs. Nil judges by the status alone: a 2xx is
	// success, and of the others [postproof.CodeOfHTTPStatus] and
	// [postproof.DeliveryOfHTTPStatus] say what they are.
	Judge func(status int, header http.Header, body []byte) error
	// Sends, if not nil, is set to how many times the request was written to a
	// connection when the call ends, also by a panic, of the judge for example:
	// then there is neither an answer nor an error that says it.
	Sends *int
	// MaxResponseBytes bounds the body of the answer that is kept; 0 means
	// 1 MiB. A longer 2xx is unreadable.
	MaxResponseBytes int64
}

// Response is a successful answer.
type Response struct {
	// Status is the HTTP status.
	Status int
	// Header is the header of the answer.
	Header http.Header
	// Body is the whole body.
	Body []byte
	// Attempts are all attempts, the successful one last.
	Attempts []Attempt
	// Sends is how many times the request was written to a connection, the
	// repeats of net/http included. More than one means that the vendor may
	// have seen it more than once.
	Sends int
	// Delivery is the join over all sends: Accepted.
	Delivery postproof.Delivery
}

// Attempt is the record of one attempt.
type Attempt struct {
	// Start is when it began, after the wait.
	Start time.Time
	// Duration is how long it took.
	Duration time.Duration
	// Wait is the time waited before it.
	Wait time.Duration
	// Delivery is what this attempt alone says about paper.
	Delivery postproof.Delivery
	// Code is what went wrong; 0 for success.
	Code postproof.Code
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// VendorCode is the vendor's own error code, if the judge found one.
	VendorCode string
	// RequestID is the vendor's id of the request: from the judge's error, or
	// from the header X-Request-Id.
	RequestID string
	// Sends is how many times this attempt wrote the request.
	Sends int
}

const defaultMaxResponse = 1 << 20

// validate checks what would otherwise fail somewhere inside net/http.
func (r *Request) validate() (*url.URL, error) {
	if r.ContentLength < 0 || (r.ContentLength > 0) != (r.Body != nil) {
		return nil, fmt.Errorf("retry: Request.ContentLength %d does not fit Body", r.ContentLength)
	}
	if r.MaxResponseBytes < 0 {
		return nil, fmt.Errorf("retry: Request.MaxResponseBytes %d is negative", r.MaxResponseBytes)
	}
	target, err := url.Parse(r.URL)
	if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
		// The parser's error quotes the URL.
		return nil, errURL
	}
	return target, nil
}

// header returns the fields for one attempt. The values are shared: whoever
// adds one gets a slice of its own.
func (r *Request) header() http.Header {
	h := make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		h[name] = slices.Clip(values)
	}
	if r.ContentType != "" {
		h["Content-Type"] = []string{r.ContentType}
	}
	return h
}

// effectiveClass is the class with an unknown key window counted as closed.
func (r *Request) effectiveClass() postproof.Repeat {
	switch {
	case r.Class == postproof.RepeatSafe:
		return postproof.RepeatSafe
	case r.Class == postproof.RepeatKeyed && !r.NotAfter.IsZero():
		return postproof.RepeatKeyed
	default:
		return postproof.RepeatNever
	}
}

// judgeStatus is the judge of a request that has none.
func judgeStatus(status int, _ http.Header, _ []byte) error {
	if status >= 200 && status <= 299 {
		return nil
	}
	return &postproof.Error{
		Code: postproof.CodeOfHTTPStatus(status), Delivery: postproof.DeliveryOfHTTPStatus(status), HTTPStatus: status,
	}
}
