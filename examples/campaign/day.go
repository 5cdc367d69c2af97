package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/snapshot"
)

const (
	campaign = "spring-checkup"
	drop     = "postcard"
)

// day is the campaign at work.
type day struct {
	plant  plant
	client *client.Client
	store  *sqlite.Store
	snaps  *snapshot.Folder
	snap   *snapshot.Snapshot
	caps   []*postproof.Capabilities
	bar    *progress
	jobs   int
}

func open(ctx context.Context, f flags, p plant) (*day, error) {
	d := &day{plant: p, bar: newProgress(os.Stderr)}
	adapters, err := p.adapters()
	if err != nil {
		return nil, err
	}
	for _, a := range adapters {
		d.caps = append(d.caps, a.Capabilities())
	}
	if d.store, err = sqlite.Open(ctx, filepath.Join(f.dir, "ledger.db"), sqlite.WithMode(postproof.ModeLive)); err != nil {
		return nil, err
	}
	if d.snaps, err = snapshot.OpenFolder(filepath.Join(f.dir, "snapshots")); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	if err := d.whole(ctx, f.dir); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	logger := slog.New(slog.DiscardHandler)
	if f.verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	opts := []client.Option{
		client.WithClock(p.clock()), client.WithLogger(logger), client.WithConcurrency(24), client.WithLease(10 * time.Minute),
		client.WithDeadlines(idempotency.Deadlines{RetryBase: 20 * time.Second, RetryCap: 5 * time.Minute, MaxGenerations: 10}),
		client.WithPollInterval(10 * time.Second),
	}
	for _, a := range adapters {
		opts = append(opts, client.WithVendor(a.Capabilities().Vendor, client.VendorConfig{
			// On the campaign's clock: 300 ms of ours.
			Retry: retry.Config{AttemptTimeout: 300 * scale * time.Millisecond, Base: time.Second},
		}))
	}
	if d.client, err = client.New(ctx, d.store, adapters, opts...); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	return d, nil
}

// whole refuses a ledger that is a copy or an older version of itself: what was
// sent since, nobody here knows.
func (d *day) whole(ctx context.Context, dir string) error {
	id, err := d.store.Identity(ctx)
	if err != nil || !id.EpochChanged() {
		return err
	}
	return fmt.Errorf("%s holds a copy or an older version of a ledger, and nothing was sent from it: go on with the original folder, "+
		"or put ledger.db back together with its ledger.db-epoch; a program of your own calls Client.Recover (%w)", dir, client.ErrEpochChanged)
}

func (d *day) close() error { return errors.Join(d.client.Close(), d.store.Close()) }

// prepare freezes the list and enqueues its jobs. Both may have been done by a
// run that was killed: doing them again changes nothing.
func (d *day) prepare(ctx context.Context, list string) error {
	// In memory first: a folder keeps the one list that it was begun with.
	draft, err := d.take(ctx, list, snapshot.NewMemory())
	if err != nil {
		return err
	}
	for id, err := range d.snaps.List(ctx) {
		if err != nil {
			return err
		}
		if id != draft.ID() {
			return fmt.Errorf("the folder belongs to a campaign with another list (snapshot %.12s, not %.12s): "+
				"give the list that it was begun with, or name another -dir", id, draft.ID())
		}
	}
	if d.snap, err = d.take(ctx, list, d.snaps); err != nil {
		return err
	}
	n := d.snap.Counts()
	d.bar.line("snapshot %.12s: %d rows, %d accepted, %d rejected, %d with warnings", d.snap.ID(), n.Read, n.Accepted, n.Rejected, n.Warned)
	art := postproof.HTML{
		Front: "<html><body style='margin:0'><h1>Time for your check-up</h1></body></html>",
		Back:  "<html><body><p>Call us to make an appointment. We look forward to seeing you.</p></body></html>",
	}
	out, err := d.client.Enqueue(ctx, client.Jobs(ctx, d.snap, client.Drop{
		Name: drop, Class: postproof.FirstClass, Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: art},
		From: postproof.Address{Company: "Springfield Clinic", Line1: "100 Main Street", City: "Springfield", Region: "IL", PostalCode: "62701"},
	}))
	if err != nil {
		return err
	}
	if out.Rejected > 0 {
		return fmt.Errorf("%d jobs were rejected, the first because: %w", out.Rejected, out.Rejections[0].Err)
	}
	d.jobs = int(out.New + out.Known)
	d.bar.line("enqueued %d jobs, %d were there already", out.New, out.Known)
	return nil
}

func (d *day) take(ctx context.Context, list string, store snapshot.Store) (*snapshot.Snapshot, error) {
	return snapshot.Take(ctx, snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{
		Campaign: campaign, Source: "addresses-us.csv", DefaultName: "Current Resident", Vendors: d.caps, Store: store, Clock: d.plant.clock(),
	})
}
