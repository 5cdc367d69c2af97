package retry

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/postproof/postproof"
)

// Sender sends requests to one vendor. Make one for each vendor, with [New].
// It is safe for concurrent use.
type Sender struct {
	config Config
	client *retryablehttp.Client
	// typical holds the running medians of attempts that got an answer, in
	// nanoseconds, by repeat class: reads are faster than submissions.
	typical [3]atomic.Int64
	// noHeader is what the loop sees of the header: it would copy all of it, for
	// redirects, and each attempt makes its own. It stays empty.
	noHeader http.Header
	// closed stands in for attempts that are over, so that an idle connection
	// does not keep a request in memory.
	closed *attempt
	// watched: a request goes nowhere but through connections that are seen.
	watched bool
}

// New returns a sender. The error names the field that is wrong, and has
// [postproof.CodeInvalidArgument].
func New(config Config) (*Sender, error) {
	s := &Sender{config: config.withDefaults(), noHeader: http.Header{}, closed: &attempt{closed: true}}
	if err := s.config.validate(); err != nil {
		return nil, err
	}
	if s.config.Budget == nil {
		budget, err := NewBudget(BudgetConfig{Clock: s.config.Clock})
		if err != nil {
			return nil, err
		}
		s.config.Budget = budget
	}
	if s.config.Transport == nil {
		transport, err := NewTransport(TransportConfig{})
		if err != nil {
			return nil, err
		}
		s.config.Transport = transport
	}
	s.watched = watched(s.config.Transport)
	s.client = retryablehttp.NewClient()
	// Its logger prints URLs, and everything else it would do by itself (which
	// failures to repeat, how long to wait, what to keep of an answer, when to
	// close connections) is wrong for mail.
	s.client.Logger = nil
	s.client.RetryMax = math.MaxInt
	s.client.CheckRetry = checkRetry
	s.client.Backoff = noBackoff
	s.client.PrepareRetry = prepareRetry
	s.client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	s.client.HTTPClient = &http.Client{
		// It does not forward CloseIdleConnections, which the loop calls after
		// each failure.
		Transport:     attempts{},
		CheckRedirect: useLastResponse,
	}
	return s, nil
}

// Budget returns the sender's budget, for telemetry.
func (s *Sender) Budget() *Budget { return s.config.Budget }

// Do sends the request until it succeeds, or until a repeat is forbidden,
// pointless or too late. It never waits beyond the deadline of ctx or the
// request's not-after: it returns as soon as it knows that the wait would not
// be worth it.
//
// The error is a [*postproof.Error] with an [*AttemptsError] as its cause.
// Its Delivery is the join over all sends of this call, for reads as for
// writes. Its RetryAfter, if not 0, is the time after which a new call makes
// sense. A call inside an attempt of another call, recognized by ctx, makes
// one attempt only.
func (s *Sender) Do(ctx context.Context, r *Request) (*Response, error) {
	c := &call{Context: ctx, sender: s, req: r, result: new(result)}
	if r.Sends != nil {
		defer func() { *r.Sends = int(c.sends.Load()) }()
	}
	target, err := r.validate()
	if err != nil {
		c.stop, c.cause, c.invalid = StopInvalid, err, true
		return nil, c.fail()
	}
	c.class = r.effectiveClass()
	if outer := attemptOf(ctx); outer != nil {
		c.parent = outer
		outer.muddy()
	}
	now := s.config.Clock.Now()
	s.config.Budget.request(now)
	if !c.mayStart(now) {
		return nil, c.fail()
	}
	request := http.Request{Method: r.Method, URL: target, Host: target.Host, Header: s.noHeader}
	c.loop.Request = request.WithContext(c) //nolint:contextcheck // c is the caller's context, extended
	resp, err := s.client.Do(&c.loop)
	if resp != nil && resp.Body != nil {
		// The body was read and closed inside the attempt; this is a no-op
		// that spares the reader the proof.
		_ = resp.Body.Close()
	}
	if c.success {
		return c.succeed(), nil
	}
	if c.stop == "" {
		c.stopEarly(err)
	}
	return nil, c.fail()
}

// attempts is the transport of the loop's HTTP client: it carries out one
// attempt of the call that it finds in the context.
type attempts struct{}

// RoundTrip implements [http.RoundTripper].
func (attempts) RoundTrip(req *http.Request) (*http.Response, error) {
	return callOf(req.Context()).attempt(req) //nolint:contextcheck // the call is that context
}

func checkRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	return callOf(ctx).decide(), nil
}

// noBackoff: the wait is done on the injected clock, in prepareRetry.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

func prepareRetry(req *http.Request) error { return callOf(req.Context()).pause() }

// useLastResponse: a followed 307 would send the recipient's address, and
// custom header fields, to another host.
func useLastResponse(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// observe moves the running median of the class a step towards d. Updates
// that race lose a step, which does not matter.
func (s *Sender) observe(class postproof.Repeat, d time.Duration) {
	cell := &s.typical[class]
	old := cell.Load()
	step := old/16 + int64(time.Millisecond)/16
	switch {
	case old == 0:
		cell.Store(int64(d))
	case int64(d) > old:
		cell.Store(min(old+step, int64(d)))
	case int64(d) < old:
		cell.Store(max(old-step, int64(d)))
	}
}

func (s *Sender) typicalOf(class postproof.Repeat) time.Duration {
	return time.Duration(s.typical[class].Load())
}
