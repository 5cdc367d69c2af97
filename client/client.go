package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client/internal/spool"
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
	spooled   *spool.Spool
	spooling  chan struct{} // full while spooled answers are applied
	noting    seldomDone    // of the spool folder
	tending   chan struct{} // full while it is noted
	noted     atomic.Pointer[idempotency.Identity]
	logging   chan struct{}
	wake      chan struct{}
	// congested counts jobs that were put off because their vendor takes none
	// for now, since the last pause.
	congested atomic.Int64
	approvals approvals
	pauses    atomic.Pointer[pauses]
	hints     hints
	strangers unconfigured
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
	s, err := configure(store, adapters, opts)
	if err != nil {
		return nil, invalid("new client", err)
	}
	id, err := store.Identity(ctx)
	if err != nil {
		return nil, notSent(codeOfStore(err), "new client", fmt.Errorf("read the ledger's identity: %w", err))
	}
	c := &Client{settings: s, store: store, open: store.OpenBlob, byName: map[string]*vendor{}, wake: make(chan struct{}, 1), logging: make(chan struct{}, 1), spooling: make(chan struct{}, 1), tending: make(chan struct{}, 1)}
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
	if err := c.begin(ctx, &id); err != nil {
		return nil, err
	}
	if c.watching, err = c.watch(); err != nil {
		return nil, invalid("new client", err)
	}
	c.tellBroken(ctx, &id)
	_ = c.exchangeOnce(ctx, false) // advice: it is told of
	return c, nil
}

// configure takes the options, and finds what is wrong with what New was given.
func configure(store Store, adapters []vendors.Adapter, opts []Option) (s settings, err error) {
	s = settings{vendors: map[string]VendorConfig{}, canaries: map[string]int{}, policies: map[string]idempotency.Policy{}}
	for i, o := range opts {
		if o == nil {
			return s, fmt.Errorf("option %d is nil: leave it out", i)
		}
		o.apply(&s)
	}
	if store == nil {
		return s, errors.New("there is no store: open the ledger first, with sqlite.Open or postgres.New, or idempotency.NewMemory for a test")
	}
	for i, a := range adapters {
		// A constructor whose error was not looked at returns a nil pointer.
		if v := reflect.ValueOf(a); a == nil || v.Kind() == reflect.Pointer && v.IsNil() {
			return s, fmt.Errorf("adapter %d is nil: look at the error of its constructor", i)
		}
	}
	s.defaults()
	if err := s.validate(); err != nil {
		return s, err
	}
	switch {
	case s.onlooker && len(adapters) > 0:
		return s, errors.New("WithoutVendors, and there are adapters: leave out one of both")
	case !s.onlooker && len(adapters) == 0:
		return s, errors.New("no vendors: give at least one adapter, such as lob.New, or, to look and decide only, WithoutVendors")
	}
	return s, nil
}

// begin reads what the ledger and the spool say, before anything is sent.
func (c *Client) begin(ctx context.Context, id *idempotency.Identity) error {
	if err := c.openSpool(ctx, id); err != nil {
		return err
	}
	if err := c.keepReach(ctx); err != nil {
		return err
	}
	c.tellUnnamed(ctx)
	c.tellUnpriced(ctx)
	c.tellForeign(ctx)
	c.tellDamaged(ctx)
	if err := c.readDoubt(ctx, id); err != nil {
		return err
	}
	if err := c.countBefore(ctx); err != nil {
		return err
	}
	_, err := c.readPauses(ctx, id.Epoch)
	return err
}

// Close releases what the client itself holds: idle connections, the spool's
// file, its share of vendors' rates, and the gauges, which report nothing more.
// Stop Run and Drain first, by their contexts; one that still runs then claims nothing
// more, and ends with an error. The store stays open; close it afterwards. What would send or work after that returns an error with
// [postproof.CodeUnavailable] and [postproof.NotSent], and so does whatever else needs
// the vendors or the spool; what the ledger alone is enough for goes on.
func (c *Client) Close() error {
	var err error
	c.closing.Do(func() {
		c.closed.Store(true)
		c.wakeUp() // a Run that was not stopped ends
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
