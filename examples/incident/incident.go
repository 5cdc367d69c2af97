package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/pcm"
	"github.com/postproof/postproof/vendors/vendorsim"
)

const (
	campaign = "recall-notice"
	drop     = "postcard"
	day      = 24 * time.Hour
	// takesOrders is how long the vendor that does not answer any more still
	// takes orders.
	takesOrders = time.Minute
	// attempt is when a request has timed out: half a real second at the
	// default scale, which a busy machine may need.
	attempt = time.Minute
)

// incident is the client, its ledger and its vendors.
type incident struct {
	scenario

	out    io.Writer
	dir    string
	clock  *vendorsim.Clock
	began  time.Time
	plant  *vendorsim.Server
	store  *sqlite.Store
	client *client.Client
	// list is the contacts as CSV, jobs what was queued for them.
	list string
	jobs *snapshot.Snapshot
}

// start sets everything up on a clock that stands still: the incident begins
// when it starts to run.
func start(ctx context.Context, s scenario, out io.Writer) (_ *incident, err error) {
	in := &incident{
		scenario: s, out: out, list: contacts(s.jobs),
		// Early enough that a nightly batch is still hours away.
		began: time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC),
	}
	in.clock = vendorsim.NewClock(in.began, 0)
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	if in.dir, err = os.MkdirTemp("", "postproof-incident-"); err != nil {
		return nil, err
	}
	in.plant, err = vendorsim.Start(vendorsim.Config{Clock: in.clock, Faults: vendorsim.Plan{
		Rules: []vendorsim.Rule{{
			Vendor: lob.Name, Boundary: vendorsim.SendLate, Rate: 1, Until: in.began.Add(takesOrders),
		}},
		Windows: []vendorsim.Window{{
			Vendor: lob.Name, Kind: vendorsim.OutageHang, From: in.began.Add(takesOrders), Until: in.began.Add(s.outage),
		}},
	}})
	if err != nil {
		return nil, err
	}
	if in.store, err = sqlite.Open(ctx, filepath.Join(in.dir, "ledger.db"), sqlite.WithMode(postproof.ModeLive)); err != nil {
		return nil, err
	}
	return in, in.connect(ctx)
}

// connect makes the client, with the vendors in the order of failover.
func (in *incident) connect(ctx context.Context) error {
	adapters, err := in.adapters()
	if err != nil {
		return err
	}
	in.jobs, err = snapshot.Take(ctx, snapshot.CSV(strings.NewReader(in.list), snapshot.Mapping{}), snapshot.Options{
		Campaign: campaign, Source: "generated", DefaultName: "Current Resident", Clock: in.clock,
		Vendors: []*postproof.Capabilities{adapters[0].Capabilities(), adapters[1].Capabilities()},
		Store:   snapshot.NewMemory(),
	})
	if err != nil {
		return err
	}
	// The timeouts of a machine that is as many times slower as time is faster.
	calls := client.VendorConfig{Retry: retry.Config{AttemptTimeout: attempt}}
	// PostcardMania publishes no rate: what the contract says is set here, and
	// the client keeps to it.
	contract := calls
	contract.Rate = postproof.Rate{Requests: in.perMinute, Per: time.Minute}
	in.client, err = client.New(
		ctx, in.store, adapters, client.WithClock(in.clock), client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithLease(5*attempt), client.WithPollInterval(10*time.Second),
		client.WithVendor(lob.Name, calls), client.WithVendor(pcm.Name, contract),
		client.WithBreaker(breaker.Config{SlowCall: attempt, HalfOpenFor: 2 * attempt, OpenMax: 5 * time.Minute}),
		client.WithDeadlines(idempotency.Deadlines{RetryCap: 5 * time.Minute}),
	)
	return err
}

func (in *incident) close() error {
	var err error
	if in.client != nil {
		err = in.client.Close()
	}
	if in.store != nil {
		err = errors.Join(err, in.store.Close())
	}
	if in.plant != nil {
		err = errors.Join(err, in.plant.Close())
	}
	if in.dir != "" {
		err = errors.Join(err, os.RemoveAll(in.dir))
	}
	return err
}

// enqueue queues the jobs. The same list gives the same keys, so that doing it
// again changes nothing.
func (in *incident) enqueue(ctx context.Context) (client.Enqueued, error) {
	out, err := in.client.Enqueue(ctx, client.Jobs(ctx, in.jobs, client.Drop{
		Name: drop, Class: postproof.FirstClass,
		Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{
			Front: "<html><body style='margin:0'><h1>Please read this</h1></body></html>",
			Back:  "<html><body><p>A product that you own is being recalled.</p></body></html>",
		}},
		From: postproof.Address{Company: "Springfield Tools", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
	}))
	if err == nil && out.Rejected > 0 {
		err = fmt.Errorf("%d jobs were rejected, the first because: %w", out.Rejected, out.Rejections[0].Err)
	}
	return out, err
}

// recover lets time run until each job is with a vendor. Nobody does anything
// else: the operator only looks.
func (in *incident) recover(ctx context.Context) error {
	in.clock.SetScale(in.scale)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() { watched <- in.watch(watching) }()
	_, err := in.client.Drain(ctx)
	stop()
	return errors.Join(err, <-watched)
}

// replay queues the same jobs again and works them off: a restored queue, or a
// second click on "send".
func (in *incident) replay(ctx context.Context, r *result) error {
	before := in.sends()
	again, err := in.enqueue(ctx)
	if err != nil {
		return err
	}
	if _, err := in.client.Drain(ctx); err != nil {
		return err
	}
	r.replayed, r.replayedNew, r.replaySent = int(again.New+again.Known), int(again.New), in.sends()-before
	return nil
}

// sends is how many submissions the vendors have seen.
func (in *incident) sends() (n int64) {
	for _, v := range in.plant.Stats().Vendors {
		n += v.Sends
	}
	return n
}
