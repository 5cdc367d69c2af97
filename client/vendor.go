package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// vendor is one configured adapter with everything that stands before it.
type vendor struct {
	name    string
	adapter vendors.Adapter
	account vendors.Account
	caps    *postproof.Capabilities
	// machineCaps are the capabilities that the ledger decides by: callbacks that
	// nobody receives are none.
	machineCaps *postproof.Capabilities
	config      VendorConfig
	transport   *retry.Transport
	sender      *retry.Sender
	limits      limiter
	controls    controls
	marks       vendorMarks
	polls       pollQueue
	imports     seldomDone
	owed        seldomDone
	asking      chan struct{}
	others      otherAccounts
	// formers are the account's former names.
	formers map[string]*former

	// skewed: it was said that the vendor's clock is wrong.
	skewed atomic.Bool
	// heed is another replica's hint.
	heed atomic.Pointer[heed]

	mu sync.Mutex
	// stop is why the vendor is left alone.
	stop accountStop
	// queue staggers the jobs that wait for the vendor.
	queue stagger
	// scanned is when the ledger was last searched for a control piece in vain.
	scanned time.Time
}

// accountStop is a vendor's refusal of the account.
type accountStop struct {
	// since is the first refusal that no better answer followed; zero for none.
	since time.Time
	// until is when the vendor is tried again.
	until  time.Time
	reason string
}

func (c *Client) addVendor(a vendors.Adapter, mode postproof.Mode) error {
	caps, account := a.Capabilities(), a.Account()
	switch {
	case caps.Vendor == "":
		return errors.New("an adapter has no name in its capabilities")
	case c.byName[caps.Vendor] != nil:
		return fmt.Errorf("two adapters are called %s: a client has one account of a vendor; leave out one, or give the other account a client and a ledger of its own", caps.Vendor)
	case account.Mode != mode:
		return fmt.Errorf("%s has %s credentials, the ledger is %s: use a ledger of its own for each mode", caps.Vendor, account.Mode, mode)
	}
	v := &vendor{name: caps.Vendor, adapter: a, account: account, caps: caps, config: c.settings.vendors[caps.Vendor], asking: make(chan struct{}, 1)}
	if v.machineCaps = caps; !v.config.Callbacks {
		deaf := *caps
		deaf.Callbacks = postproof.Callbacks{}
		v.machineCaps = &deaf
	} else if caps.Callbacks.Auth == postproof.CallbackNone {
		return fmt.Errorf("WithVendor(%q): Callbacks is set, and this vendor sends none: it is polled", v.name)
	}
	if _, err := caps.Cancel.Location(); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	if err := v.checkAccounts(); err != nil {
		return err
	}
	v.initFormers()
	if r := v.config.Rate; r != (postproof.Rate{}) && (r.Requests <= 0 || r.Per <= 0) {
		return fmt.Errorf("WithVendor(%q): Rate is %d requests in %s: both must be above zero", v.name, r.Requests, r.Per)
	}
	v.limits.init(cmp.Or(v.config.Rate, caps.Rate))
	v.marks = c.tel.vendorMarks(v.name)
	var err error
	if v.transport, err = retry.NewTransport(v.config.Transport); err != nil {
		return fmt.Errorf("%s: %w", v.name, said(err))
	}
	if v.sender, err = c.newSender(v); err != nil {
		return err
	}
	c.vendors = append(c.vendors, v)
	c.byName[v.name] = v
	return nil
}

// newSender makes the retries of a vendor, with the breaker and the telemetry around them.
func (c *Client) newSender(v *vendor) (*retry.Sender, error) {
	rc := v.config.Retry
	if rc.Transport != nil || rc.Clock != nil || rc.OnAttempt != nil || rc.OnSend != nil || rc.OnResult != nil {
		return nil, fmt.Errorf("WithVendor(%q): Retry has a Transport, Clock, OnAttempt, OnSend or OnResult: these are the client's; use VendorConfig.Transport, WithClock and the telemetry", v.name)
	}
	rc.Clock = c.clock
	rc.Transport = c.breakers.Transport(v.name, breakerGroup, v.transport, breaker.WithJudge(judgeHTTP), breaker.WithLater(judgedLater))
	rc.OnAttempt, rc.OnSend = c.tel.onAttempt, c.tel.onSend
	rc.OnResult = func(ctx context.Context, a retry.Attempt, err error) {
		if k, ok := ctx.Value(heldKey{}).(*call); ok {
			k.tellEnd(ctx, err)
		}
		c.tel.onResult(ctx, &v.marks, a, err)
	}
	asked := rc.OnGiveUp
	rc.OnGiveUp = func(ctx context.Context, err *postproof.Error, stop retry.Stop) {
		c.tel.giveUps.Add(ctx, 1, c.tel.with(attribute.String("mail.vendor", v.name), attribute.String("mail.stop", string(stop)))...)
		if asked != nil {
			asked(ctx, err, stop)
		}
	}
	sender, err := retry.New(rc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.name, said(err))
	}
	return sender, nil
}

func breakerGroup(r *http.Request) string {
	info, _ := retry.SendInfo(r.Context())
	return info.Op.Group()
}

// refused leaves the vendor alone for a while: it refused the account, and
// would refuse every other piece in the same way. It reports whether that is
// news.
func (v *vendor) refused(now, until time.Time, reason string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.stop.since.IsZero()
	if fresh {
		v.stop.since = now
	}
	v.stop.until, v.stop.reason = until, reason
	return fresh
}

// works notes that the vendor takes the account. It reports whether that is
// news.
func (v *vendor) works() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	news := !v.stop.since.IsZero()
	v.stop = accountStop{}
	return news
}

// stopped returns why the vendor is left alone, the zero value when it may be
// tried.
func (v *vendor) stopped(now time.Time) accountStop {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !now.Before(v.stop.until) {
		return accountStop{}
	}
	return v.stop
}

// refusing returns since when the vendor has refused the account, also while it
// is tried again.
func (v *vendor) refusing() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stop.since
}

// stagger spreads jobs that wait for the same moment, so that they do not all
// come back in it, only to be put off again.
type stagger struct {
	until time.Time
	n     int
}

func (s *stagger) at(until time.Time) time.Time {
	if d := until.Sub(s.until); d > time.Second || d < -time.Second {
		*s = stagger{until: until}
	}
	s.n++
	return until.Add(min(time.Duration(s.n-1)*5*time.Millisecond, 5*time.Minute))
}

// staggered returns the time at which one more job should come back that waits
// for the vendor until the time given.
func (v *vendor) staggered(until time.Time) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.queue.at(until)
}

// VendorState is the present state of one vendor, as this client sees it.
type VendorState struct {
	Name    string
	Account vendors.Account
	// StoppedUntil is set while the vendor is left alone because it refused
	// the account; Reason says why.
	StoppedUntil time.Time
	Reason       string
	// HintedUntil is set while submissions wait because another replica met
	// trouble with the vendor; Hint says which, and who told.
	HintedUntil time.Time
	Hint        string
	// Paused is set while the vendor is paused, see [Client.Pause].
	Paused *Paused
	// OtherAccounts are the accounts of pieces that this client was to ask about
	// and cannot, see [VendorConfig].FormerAccounts. What was met stays in it for as
	// long as the client lives.
	OtherAccounts []OtherAccount
	// Replicas is by how many clients the vendor's rate is shared, this one
	// included; 1 where none is stated.
	Replicas int
	// Breakers are its circuit breakers, one an operation group in use.
	Breakers []breaker.State
}

// Vendors returns how each vendor fares, in the order of failover.
func (c *Client) Vendors() []VendorState {
	now := c.now()
	all := c.breakers.States()
	out := make([]VendorState, len(c.vendors))
	for i, v := range c.vendors {
		out[i] = VendorState{Name: v.name, Account: v.account, Replicas: v.limits.replicas(), OtherAccounts: v.others.list()}
		out[i].HintedUntil, out[i].Hint = v.hint(c.clock.Now())
		if p := c.pauses.Load().vendor(v.name); p != nil {
			paused := *p
			out[i].Paused = &paused
		}
		stop := v.stopped(now)
		out[i].StoppedUntil, out[i].Reason = stop.until, stop.reason
		for _, b := range all {
			if b.Vendor == v.name {
				out[i].Breakers = append(out[i].Breakers, b)
			}
		}
	}
	return out
}

// Price returns what a job would cost at a vendor, as Price of its [VendorConfig]
// has it; false for a vendor that has none, or is not known. It is what caps count.
func (c *Client) Price(vendor string, job *postproof.Job) (cents int64, known bool) {
	v := c.byName[vendor]
	if v == nil || v.config.Price == nil {
		return 0, false
	}
	return max(0, v.config.Price(job)), true
}

// Breakers returns the client's circuit breakers. What is opened or closed by hand
// holds in this process alone, and stands in no log: to stop a vendor everywhere use
// [Client.Pause] with [VendorTarget].
func (c *Client) Breakers() *breaker.Set { return c.breakers }

// EndVendorStop lets a vendor that refused the account be tried again at once
// ([WithVendorStop], [VendorState.StoppedUntil]), for example after the bill was paid:
// here and, as a hint, at the other replicas. It ends no
// pause, which is a person's word ([Client.Resume]), and closes no breaker
// ([Client.Breakers]). It returns an error with [postproof.CodeNotFound] for a
// vendor that is not configured.
func (c *Client) EndVendorStop(name string) error {
	v := c.byName[name]
	if v == nil {
		return c.noVendor("end vendor stop", name)
	}
	v.works()
	v.heed.Store(nil)
	v.limits.hinted(submitGroup, span{})
	c.tellOver(v, submitGroup, TroubleAccount)
	c.wakeUp()
	return nil
}

// breakerOf returns what a vendor's breaker says about calls of a kind. One that
// only looks on refuses nothing, so that it keeps nobody away either.
func (c *Client) breakerOf(v *vendor, op postproof.Op) breaker.State {
	if c.breaker.DryRun {
		return breaker.State{}
	}
	return c.breakers.State(v.name, op.Group())
}

func (c *Client) breakerChanged(ch breaker.Change) {
	level := slog.LevelInfo
	if ch.To == breaker.Open {
		level = slog.LevelWarn
	}
	c.logger.LogAttrs(context.Background(), level, "circuit breaker changed", slog.String("vendor", ch.Vendor),
		slog.String("group", ch.Group), slog.String("from", ch.From.String()), slog.String("to", ch.To.String()),
		slog.String("reason", string(ch.Reason)), slog.Time("until", ch.Until))
	c.hintBreaker(ch)
	if ch.To != breaker.Open {
		c.wakeUp()
	}
	if c.onBreaker != nil {
		c.onBreaker(ch)
	}
}
