package breaker

import (
	"net/http"
	"time"
)

// Judge decides what the end of a round trip says about the vendor: resp is
// nil exactly when err is not. It must not read or close the body. A Duration
// that it leaves zero is filled in. It must be safe for concurrent use.
type Judge func(req *http.Request, resp *http.Response, err error) Outcome

// TransportOption sets up a transport of [Set.Transport].
type TransportOption interface{ apply(*transport) }

type transportOption func(*transport)

func (f transportOption) apply(t *transport) { f(t) }

// WithJudge replaces [JudgeHTTP], for example at a vendor whose 503 means
// that the account is throttled.
func WithJudge(judge Judge) TransportOption {
	return transportOption(func(t *transport) { t.judge = judge })
}

// WithLater leaves the judgement of some answers to who reads their bodies. Later is
// asked about each answer, before the [Judge], and returns nil where that is to decide. What
// it returns else is called with done, which takes the outcome when the answer was read;
// only the first report counts, and one must come, as of [Set.Allow]. Until then a probe
// keeps its place, so that no other call goes out on an answer that nobody has read yet.
// Later must not read or close the body, and must be safe for concurrent use.
func WithLater(later func(req *http.Request, resp *http.Response) func(done func(Outcome))) TransportOption {
	return transportOption(func(t *transport) { t.later = later })
}

// Transport returns a round tripper that asks the vendor's breaker of the
// request's group before each call of next, and reports how it went. A nil
// group means [MethodGroup]; next must not be nil, or Transport panics.
//
// A refused request returns an [*OpenError]; its body is closed, unread. The
// answer of next is returned as it is, a 5xx included. The duration is the
// time until the response header arrived, on [Config.Clock]: what the
// body does later is not seen.
//
// Put it below the retries, so that each attempt is judged. It does not pass
// CloseIdleConnections on: clients call that when they give up on a request,
// and it would close the connections of everybody else.
func (s *Set) Transport(
	vendor string, group func(*http.Request) string, next http.RoundTripper, opts ...TransportOption,
) http.RoundTripper {
	if next == nil {
		panic("breaker: Transport: next is nil")
	}
	t := &transport{set: s, vendor: vendor, group: group, next: next, judge: JudgeHTTP}
	if t.group == nil {
		t.group = MethodGroup
	}
	for _, opt := range opts {
		opt.apply(t)
	}
	return t
}

// MethodGroup returns "read" for GET, HEAD and OPTIONS, "cancel" for DELETE,
// and "submit" for the rest.
func MethodGroup(req *http.Request) string {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions:
		return "read"
	case http.MethodDelete:
		return "cancel"
	default:
		return "submit"
	}
}

type transport struct {
	set    *Set
	vendor string
	group  func(*http.Request) string
	next   http.RoundTripper
	judge  Judge
	later  func(req *http.Request, resp *http.Response) func(done func(Outcome))
}

// Unwrap returns the round tripper below, to which alone requests are handed:
// package retry asks for it.
func (t *transport) Unwrap() http.RoundTripper { return t.next }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	allowed, err := t.set.circuit(t.vendor, t.group(req)).allow()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper closes it, on errors, too
		}
		return nil, err
	}
	// A panic or Goexit below leaves the zero outcome, which gives the
	// probe's place back and says nothing about the vendor.
	var outcome Outcome
	kept := false
	defer func() {
		if !kept {
			allowed.done(outcome)
		}
	}()
	resp, err := t.next.RoundTrip(req)
	if err == nil && resp != nil && t.later != nil {
		if take := t.later(req, resp); take != nil {
			kept = true
			take(t.held(allowed))
			return resp, nil
		}
	}
	outcome = t.judge(req, resp, err)
	return resp, err
}

// held is the report of a call that is judged later. How long the call took is known now.
func (t *transport) held(allowed call) func(Outcome) {
	one := &heldTicket{ticket{call: allowed}, max(1, t.set.config.Clock.Now().Sub(allowed.started))}
	return one.done
}

type heldTicket struct {
	ticket

	took time.Duration
}

func (t *heldTicket) done(o Outcome) {
	if o.Duration <= 0 {
		o.Duration = t.took
	}
	t.ticket.done(o)
}
