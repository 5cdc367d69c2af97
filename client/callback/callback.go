package callback

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// Receiver takes vendors' callbacks in and applies them. Make one with [New].
// It is an [http.Handler], and safe for concurrent use.
type Receiver struct {
	settings

	in  *client.Intake
	box *Inbox
	// name is the receiver's own in holds: a client's may come again with the next process.
	name   string
	routes map[string]*route
	// accounts are those of all routes.
	accounts map[accountKey]*account
	bodies   *bodies
	// large are the places of the bodies that are longer than usual.
	large   *bodies
	tel     *telemetry
	alarms  *alarms
	started time.Time
	// wake has a token when there may be something new in the inbox.
	wake chan struct{}
	// depth is how many messages waited at the last look.
	depth atomic.Int64
	// busy holds the messages that this process works on.
	busy sync.Map
	// left is when an event was last left to another process, in nanoseconds.
	left atomic.Int64
	// reminded is how far the parked messages were looked through for untold ones.
	reminded atomic.Uint64
	// refused throttles what is logged of refused requests.
	refused throttle
	opened  parsed
	watch   metric.Registration
	closing sync.Once
	// rotating is held while secrets are replaced.
	rotating sync.Mutex
}

type accountKey struct{ vendor, account string }

// New returns a receiver for callbacks about the pieces in the client's ledger.
// The error names the endpoint and says what to change: an adapter whose vendor
// sends no callbacks, no secrets, an empty or short one, two endpoints that
// cannot be told apart, a store without an inbox.
func New(c *client.Client, endpoints []Endpoint, opts ...Option) (*Receiver, error) {
	var s settings
	for i, o := range opts {
		if o == nil {
			return nil, invalid(fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	if err := s.defaults(); err != nil {
		return nil, invalid(err)
	}
	if c == nil {
		return nil, invalid(errors.New("there is no client: make it first, and look at the error of client.New"))
	}
	in, err := c.Intake()
	if err != nil {
		return nil, err
	}
	r := &Receiver{
		settings: s, in: in, box: &Inbox{store: in.Store, inbox: in.Inbox, now: in.Now, damaged: in.MeetDamaged},
		name: in.Owner + "/" + rand.Text(), routes: map[string]*route{}, accounts: map[accountKey]*account{}, bodies: newBodies(s.bodies), large: newBodies(max(1, s.bodies/8)),
		started: in.Clock.Now(), wake: make(chan struct{}, 1),
	}
	if len(endpoints) == 0 {
		return nil, invalid(errors.New("no endpoints: give one for each account whose vendor sends callbacks"))
	}
	for i := range endpoints {
		if err := r.add(&endpoints[i]); err != nil {
			return nil, invalid(fmt.Errorf("endpoint %d: %w", i, err))
		}
	}
	r.tellPolled(endpoints)
	if r.notifier == nil {
		r.notifier = slogNotifier{in.Logger}
	}
	r.alarms = newAlarms(r)
	if r.tel, err = newTelemetry(r); err != nil {
		return nil, invalid(err)
	}
	return r, nil
}

// tellPolled says of which vendors the pieces are polled all the same: each of them costs
// requests that its callbacks make needless.
func (r *Receiver) tellPolled(endpoints []Endpoint) {
	told := map[string]bool{}
	for i := range endpoints {
		if name := endpoints[i].Adapter.Capabilities().Vendor; r.in.Polls(name) && !told[name] {
			told[name] = true
			r.in.Logger.Warn("callbacks are received, and every piece is polled all the same: set Callbacks in the client's VendorConfig, in each process", slog.String("vendor", name))
		}
	}
}

func invalid(err error) error {
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: "new callback receiver", Err: err}
}

// Close ends the gauges. Stop Run and Drain first, by their contexts.
func (r *Receiver) Close() error {
	var err error
	r.closing.Do(func() { err = r.watch.Unregister() })
	return err
}

// ServeHTTP takes a callback for the route that the last element of the path
// names; where the route's vendor signs nothing, the one before the last, the
// last being the token. So a receiver mounted at /callbacks/ serves
// /callbacks/lob and /callbacks/thanksio/<token>.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	name, token := parts[len(parts)-1], req.URL.Query().Get("token")
	rt := r.routes[name]
	if rt == nil && len(parts) > 1 {
		if rt = r.routes[parts[len(parts)-2]]; rt != nil && !rt.unsigned {
			rt = nil
		}
		token = name
	}
	if rt == nil {
		r.answer(w, req, nil, r.in.Clock.Now(), refuse(reasonRoute))
		return
	}
	r.serve(w, req, rt, token)
}

// Handler returns the handler of one route, to be mounted anywhere. The token of
// a vendor that signs nothing is the last element of the path, or the query's
// token. It returns nil for a name that no endpoint has.
func (r *Receiver) Handler(name string) http.Handler {
	rt := r.routes[name]
	if rt == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		token := req.URL.Query().Get("token")
		if token == "" {
			token = req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
		}
		r.serve(w, req, rt, token)
	})
}

// Names returns the names of the routes, sorted.
func (r *Receiver) Names() []string {
	var names []string
	for name := range r.routes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *Receiver) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// message reads one message of the inbox.
func (r *Receiver) message(ctx context.Context, id uint64) (*idempotency.Message, error) {
	return r.box.message(ctx, id)
}

func storeError(op string, err error) error {
	code := postproof.CodeOf(err)
	switch {
	case idempotency.AsDamaged(err) != nil: // no waiting mends it
		code = postproof.CodeInternal
	case code == postproof.CodeUnknown:
		code = postproof.CodeUnavailable
	}
	return &postproof.Error{Code: code, Delivery: postproof.Unknown, Op: op, Err: fmt.Errorf("inbox: %w", err)}
}
