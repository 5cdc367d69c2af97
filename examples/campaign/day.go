package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
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
	logger := slog.New(slog.DiscardHandler)
	if f.verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	opts := []client.Option{
		client.WithClock(p.clock()), client.WithLogger(logger), client.WithConcurrency(24), client.WithLease(10 * time.Minute),
		client.WithDeadlines(idempotency.Machine{RetryBase: 20 * time.Second, RetryCap: 5 * time.Minute, MaxGenerations: 10}),
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

func (d *day) close() error { return errors.Join(d.client.Close(), d.store.Close()) }

// prepare freezes the list and enqueues its jobs. Both may have been done by a
// run that was killed: doing them again changes nothing.
func (d *day) prepare(ctx context.Context, list string) error {
	var err error
	d.snap, err = snapshot.Take(ctx, snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{
		Campaign: campaign, Source: "addresses-us.csv", DefaultName: "Current Resident", Vendors: d.caps, Store: d.snaps, Clock: d.plant.clock(),
	})
	if err != nil {
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
	d.jobs = out.New + out.Known
	d.bar.line("enqueued %d jobs, %d were there already", out.New, out.Known)
	return nil
}

// send works the jobs off, while the first vendor is down for a fifth of them.
func (d *day) send(ctx context.Context, faults string) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.watch(watching, faults)
	}()
	_, err := d.client.Drain(ctx)
	stop()
	<-ended
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted: start it again with the same -dir to go on")
	}
	return err
}

// watch moves the progress bar, and the outage with it.
func (d *day) watch(ctx context.Context, faults string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var out string
	for {
		depth, err := d.client.Depth(ctx, campaign)
		if err == nil {
			done := d.jobs - int(depth.Open())
			d.bar.show("sending", done, d.jobs, fmt.Sprintf("%d unknown", depth[idempotency.Unknown]))
			want := ""
			if faults != "none" {
				want = outageAt(float64(int64(d.jobs)-depth[idempotency.Planned])/float64(max(d.jobs, 1)), faults)
			}
			if want != out {
				d.outage(ctx, out, false)
				d.outage(ctx, want, true)
				out = want
			}
		}
		select {
		case <-ctx.Done():
			d.outage(context.WithoutCancel(ctx), out, false)
			return
		case <-tick.C:
		}
	}
}

func (d *day) outage(ctx context.Context, kind string, on bool) {
	if kind == "" {
		return
	}
	if err := d.plant.setOutage(ctx, d.caps[0].Vendor, kind, on); err != nil {
		d.bar.line("outage: %v", err)
	}
}

// outageAt says how the first vendor is down at a point of the campaign: for
// the fifth of it from 40 % to 60 %, in one way or in several.
func outageAt(share float64, faults string) string {
	kinds := []string{"error"}
	if faults == "chaos" {
		kinds = []string{"partial", "hang", "empty", "refuse", "error"}
	}
	if share < 0.4 || share >= 0.6 {
		return ""
	}
	return kinds[min(int((share-0.4)/0.2*float64(len(kinds))), len(kinds)-1)]
}

// track follows the accepted pieces until each is past the point at which its
// vendor could still find that it cannot be printed; those that fail so late
// are sent anew. Vendors print in daily batches, so the clock is moved along:
// each time to when the status of half of the pieces is due.
func (d *day) track(ctx context.Context) error {
	for range 500 {
		var due []time.Time
		q := idempotency.Query{Campaign: campaign, States: []idempotency.State{idempotency.Accepted, idempotency.Done}}
		for rec, err := range d.store.Find(ctx, q) {
			if err != nil {
				return err
			}
			if rec.Status.Stage.Rank() < postproof.StageRendered.Rank() {
				due = append(due, rec.Due)
			}
		}
		d.bar.show("printing", d.jobs-len(due), d.jobs, "")
		if len(due) == 0 {
			d.bar.done()
			return nil
		}
		slices.SortFunc(due, time.Time.Compare)
		if wait := due[len(due)/2].Sub(d.plant.clock().Now()); wait > 0 {
			if err := d.plant.advance(ctx, wait); err != nil {
				return err
			}
		}
		if _, err := d.client.Drain(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errors.New("interrupted: start it again with the same -dir to go on")
		}
	}
	return errors.New("some pieces are not printed after many days")
}
