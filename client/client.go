package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// Client sends jobs through vendors and keeps the ledger of it. Make one with
// [New]. It is safe for concurrent use.
type Client struct {
	settings

	machine  idempotency.Machine
	store    Store
	open     func(context.Context, postproof.Blob) (io.ReadCloser, error) // the store's
	identity atomic.Pointer[idempotency.Identity]
	time     ledgerTime
	// checkedAt is when the ledger's identity was last read, in nanoseconds.
	checkedAt atomic.Int64
	// prunes is when what is old is next pruned.
	prunes seldomDone
	// doubtUntil is when new jobs need no look-up any more, in nanoseconds.
	doubtUntil atomic.Int64
	// doubted is what they are suspected of.
	doubted atomic.Pointer[doubted]
	// reach is how far any worker of the ledger may take a job.
	reach atomic.Pointer[reach]
	// artErased is the version of the setting that says when artwork was deleted.
	artErased atomic.Uint64

	vendors   []*vendor
	byName    map[string]*vendor
	breakers  *breaker.Set
	onBreaker func(breaker.Change) // the caller's, or nil
	tel       *telemetry
	art       *artworks
	spooled   *spool
	spooling  chan struct{} // full while spooled answers are applied
	noting    seldomDone    // of the spool folder
	noted     atomic.Pointer[idempotency.Identity]
	logging   chan struct{}
	wake      chan struct{}
	// congested counts jobs that were put off because their vendor takes none
	// for now, since the last pause.
	congested   atomic.Int64
	checked     settingsCache
	capCounters map[string][]capCounter // by their campaign
	pauses      atomic.Pointer[pauses]
	hints       hints
	strangers   unconfigured
	// damage is what was met of it in the ledger.
	damage damage
	// leases tells the leases of new records apart, see [Client.firstLease].
	leases   atomic.Uint64
	closing  sync.Once
	closed   atomic.Bool
	watching metric.Registration
}

// New returns a client that works on the store's ledger and sends through the
// adapters, in their order: the first that can take a job gets it. It reads the
// ledger's identity, and returns an error when the credentials of an adapter
// are of another mode than the ledger, when two adapters have one name, or when
// an option is wrong. It does not close the store.
//
// On a ledger whose history was broken, by a restored backup or a copied file,
// New works but nothing is submitted until [Client.Recover].
func New(ctx context.Context, store Store, adapters []vendors.Adapter, opts ...Option) (*Client, error) {
	s := settings{vendors: map[string]VendorConfig{}, canaries: map[string]int{}, policies: map[string]idempotency.Policy{}}
	for i, o := range opts {
		if o == nil {
			return nil, invalid("new client", fmt.Errorf("option %d is nil: leave it out", i))
		}
		o.apply(&s)
	}
	if store == nil {
		return nil, invalid("new client", errors.New("there is no store: open the ledger first, with sqlite.Open or postgres.New, or idempotency.NewMemory for a test"))
	}
	for i, a := range adapters {
		// A constructor whose error was not looked at returns a nil pointer.
		if v := reflect.ValueOf(a); a == nil || v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, invalid("new client", fmt.Errorf("adapter %d is nil: look at the error of its constructor", i))
		}
	}
	if err := s.defaults(); err != nil {
		return nil, invalid("new client", err)
	}
	switch {
	case s.onlooker && len(adapters) > 0:
		return nil, invalid("new client", errors.New("WithoutVendors, and there are adapters: leave out one of both"))
	case !s.onlooker && len(adapters) == 0:
		return nil, invalid("new client", errors.New("no vendors: give at least one adapter, such as lob.New, or, to look and decide only, WithoutVendors"))
	}
	id, err := store.Identity(ctx)
	if err != nil {
		return nil, notSent(codeOfStore(err), "new client", fmt.Errorf("read the ledger's identity: %w", err))
	}
	c := &Client{settings: s, store: store, open: store.OpenBlob, byName: map[string]*vendor{}, wake: make(chan struct{}, 1), logging: make(chan struct{}, 1), spooling: make(chan struct{}, 1)}
	c.time.clock = c.clock
	c.identity.Store(&id)
	c.checkedAt.Store(c.clock.Now().UnixNano())
	c.see(id.Newest)
	if c.tel, err = newTelemetry(c); err != nil {
		return nil, invalid("new client", err)
	}
	c.breaker.Clock = c.clock
	c.onBreaker, c.breaker.OnChange = c.breaker.OnChange, c.breakerChanged
	if c.breakers, err = breaker.New(c.breaker); err != nil {
		return nil, err
	}
	for _, a := range adapters {
		if err := c.addVendor(a, id.Mode); err != nil {
			return nil, invalid("new client", err)
		}
	}
	for name := range s.vendors {
		if c.byName[name] == nil && !s.onlooker {
			return nil, invalid("new client", fmt.Errorf("WithVendor(%q): %s", name, c.noAdapter(name)))
		}
	}
	c.hints.init(ctx, c)
	c.machine = idempotency.Machine{Caps: c.machineCaps, Deadlines: s.deadlines.WithDefaults()}
	c.art = newArtworks(store)
	if err := c.openSpool(ctx, &id); err != nil {
		return nil, err
	}
	if err := c.keepReach(ctx); err != nil {
		return nil, err
	}
	c.tellUnnamed(ctx)
	c.tellUnpriced(ctx)
	c.tellForeign(ctx)
	c.tellDamaged(ctx)
	if err := c.readDoubt(ctx, &id); err != nil {
		return nil, err
	}
	if _, err := c.readPauses(ctx, id.Epoch); err != nil {
		return nil, err
	}
	if err := c.countBefore(ctx); err != nil {
		return nil, err
	}
	if err := c.readCapCounters(ctx); err != nil {
		return nil, err
	}
	if c.watching, err = c.watch(); err != nil {
		return nil, invalid("new client", err)
	}
	c.tellBroken(ctx, &id)
	_ = c.exchangeOnce(ctx, false) // advice: it is told of
	return c, nil
}

func (s *settings) defaults() error {
	if s.clock == nil {
		s.clock = postproof.SystemClock()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	if s.owner == "" {
		host, _ := os.Hostname() // a name for people; an empty one will do
		s.owner = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), randomName())
	}
	s.concurrency = cmp.Or(s.concurrency, 16)
	s.lease = cmp.Or(s.lease, 2*time.Minute)
	s.poll = cmp.Or(s.poll, time.Second)
	s.reroute = cmp.Or(s.reroute, 15*time.Minute)
	s.stopFor = cmp.Or(s.stopFor, 15*time.Minute)
	s.grace = cmp.Or(s.grace, 30*time.Second)
	switch {
	case s.concurrency < 1:
		return fmt.Errorf("WithConcurrency(%d): want at least 1", s.concurrency)
	case s.lease < time.Second:
		return fmt.Errorf("WithLease(%s): want at least 1s", s.lease)
	case s.poll < 0:
		return fmt.Errorf("WithPollInterval(%s): negative", s.poll)
	case s.reroute < 0:
		return fmt.Errorf("WithRerouteAfter(%s): negative; a millisecond is as good as at once", s.reroute)
	case s.stopFor < 0:
		return fmt.Errorf("WithVendorStop(%s): negative", s.stopFor)
	case s.grace < 0:
		return fmt.Errorf("WithGrace(%s): negative; a millisecond is as good as not at all", s.grace)
	case s.retention != 0 && s.retention < MinRetention:
		return fmt.Errorf("WithRetention(%s): want at least %s (%d days), or 0 to keep everything", s.retention, MinRetention, MinRetention/(24*time.Hour))
	}
	if err := s.deadlines.Validate(); err != nil {
		return fmt.Errorf("WithDeadlines: %w", err)
	}
	given := map[string]bool{}
	for _, c := range s.caps {
		if c.Pieces < 0 || c.Cents < 0 || (c.Pieces == 0 && c.Cents == 0) {
			return fmt.Errorf("WithCap for campaign %q and vendor %q: bounds nothing: set Pieces or Cents", c.Campaign, c.Vendor)
		}
		for _, k := range ownCapCounters([]Cap{c}) {
			if given[k.name] {
				return fmt.Errorf("WithCap for campaign %q and vendor %q: the same bound is given twice: leave one out", c.Campaign, c.Vendor)
			}
			given[k.name] = true
		}
	}
	for campaign, p := range s.policies {
		if p != idempotency.PreferLate && p != idempotency.PreferDuplicate {
			return fmt.Errorf("WithPolicy(%q, %q): no such policy", campaign, p)
		}
	}
	for campaign, n := range s.canaries {
		if campaign == "" || n < 1 {
			return fmt.Errorf("WithCanary(%q, %d): want a campaign and at least one piece", campaign, n)
		}
	}
	return nil
}

// randomName tells clients apart.
func randomName() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Close releases what the client itself holds: idle connections, the spool's
// file, its share of vendors' rates, and the gauges, which report nothing more.
// Stop Run and Drain first, by their contexts. The store stays open; close it
// afterwards. What would send or work after that returns an error with
// [postproof.CodeUnavailable] and [postproof.NotSent], and so does whatever else needs
// the vendors or the spool; what the ledger alone is enough for goes on.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.closed.Store(true)
		c.hints.close(c)
		for _, v := range c.vendors {
			v.transport.CloseIdleConnections()
		}
		err = errors.Join(c.watching.Unregister(), c.spooled.Close())
		c.leaveSpool(c.hints.base)
	})
	return err
}

func (c *Client) capabilities(name string) *postproof.Capabilities {
	if v := c.byName[name]; v != nil {
		return v.caps
	}
	return nil
}

// machineCaps is capabilities as the ledger's machine is to know them.
func (c *Client) machineCaps(name string) *postproof.Capabilities {
	if v := c.byName[name]; v != nil {
		return v.machineCaps
	}
	return nil
}
