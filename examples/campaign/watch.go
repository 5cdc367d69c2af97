package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// errInterrupted is what a run ends with that was told to stop.
var errInterrupted = errors.New("interrupted: start it again with the same -dir to go on")

// send works the jobs off, while the first vendor is down for a fifth of them.
func (d *day) send(ctx context.Context, faults string) error {
	// A run that was killed may have left its outage to simulators that go on.
	for _, kind := range vendorsim.Outages() {
		if err := d.plant.setOutage(ctx, d.caps[0].Vendor, string(kind), false); err != nil {
			return err
		}
	}
	w := &watch{day: d, faults: faults}
	defer w.end(ctx)
	return w.drain(ctx, "sending")
}

// track follows the accepted pieces until each is past the point at which its
// vendor could still find that it cannot be printed; those that fail so late
// are sent anew. Vendors print in daily batches, so the clock is moved along:
// each time to when the last of these pieces is to be asked about again.
func (d *day) track(ctx context.Context) error {
	w := &watch{day: d, faults: "none"}
	for range 100 {
		left, last, err := d.unprinted(ctx)
		if err != nil {
			return err
		}
		d.bar.show("printing", d.jobs-left, d.jobs, d.plant.clock().Now().Format("on January 2"))
		if left == 0 {
			d.bar.done()
			return nil
		}
		if wait := last.Sub(d.plant.clock().Now()); wait > 0 {
			if err := d.plant.advance(ctx, wait); err != nil {
				return err
			}
		}
		if err := w.drain(ctx, ""); err != nil {
			return err
		}
	}
	return errors.New("some pieces are not printed after many days")
}

// deliver follows the printed pieces to where they end: delivered, or returned.
// The mail takes days, so the clock is moved along by some at a time, until the
// vendors have no more news: the last word of one of them is that a piece is out
// for delivery.
func (d *day) deliver(ctx context.Context) error {
	const stride = 4 * 24 * time.Hour
	w := &watch{day: d, faults: "none"}
	for before := -1; ; {
		under, way := 0, 0
		q := idempotency.Query{Campaign: campaign, States: []idempotency.State{idempotency.Accepted}}
		for rec, err := range d.store.Find(ctx, q) {
			if err != nil {
				return err
			}
			if !rec.Status.Stage.Terminal() {
				under++
				way += postproof.StageReturned.Rank() - rec.Status.Stage.Rank()
			}
		}
		d.bar.show("delivering", d.jobs-under, d.jobs, d.plant.clock().Now().Format("on January 2"))
		if way == 0 || way == before {
			break
		}
		before = way
		if err := d.plant.advance(ctx, stride); err != nil {
			return err
		}
		if err := w.drain(ctx, ""); err != nil {
			return err
		}
	}
	d.bar.done()
	return nil
}

// unprinted counts the pieces that their vendor could still give back, and
// returns when the last of them is due.
func (d *day) unprinted(ctx context.Context) (left int, last time.Time, err error) {
	q := idempotency.Query{Campaign: campaign, States: []idempotency.State{idempotency.Accepted, idempotency.Done}}
	for rec, err := range d.store.Find(ctx, q) {
		if err != nil {
			return 0, last, err
		}
		if rec.Status.Stage.Rank() >= postproof.StageRendered.Rank() {
			continue
		}
		left++
		if rec.Due.After(last) {
			last = rec.Due
		}
	}
	return left, last, nil
}

// watch is what goes on beside the work: the progress bar, the outage, the
// clock.
type watch struct {
	*day
	faults string
	out    string // the kind of outage that is on
	before client.Depth
	still  int // ticks without a change
}

// drain works until no job waits to be sent or settled.
func (w *watch) drain(ctx context.Context, what string) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			w.tick(watching, what)
			select {
			case <-watching.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	_, err := w.client.Drain(ctx)
	stop()
	<-ended
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (w *watch) tick(ctx context.Context, what string) {
	_ = w.plant.follow(ctx) // a simulator that is away comes back, or the work waits
	depth, err := w.client.Depth(ctx, campaign)
	if err != nil {
		return // the work itself will say so
	}
	if what != "" {
		w.bar.show(what, w.jobs-int(depth.Open()), w.jobs, fmt.Sprintf("%d unknown", depth[idempotency.Unknown]))
	}
	if w.faults != "none" {
		w.outage(ctx, outageAt(float64(int64(w.jobs)-depth[idempotency.Planned])/float64(max(w.jobs, 1)), w.faults))
	}
	if w.still++; !maps.Equal(depth, w.before) {
		w.still, w.before = 0, depth
	}
	if w.still >= 3 && depth.Open() > 0 {
		w.skip(ctx)
	}
}

// outage switches the outage of the first vendor.
func (w *watch) outage(ctx context.Context, want string) {
	if want == w.out {
		return
	}
	for kind, on := range map[string]bool{w.out: false, want: true} {
		if kind == "" {
			continue
		}
		if err := w.plant.setOutage(ctx, w.caps[0].Vendor, kind, on); err != nil {
			return // the simulator is away: the next tick tries again
		}
	}
	w.out = want
}

func (w *watch) end(ctx context.Context) { w.outage(context.WithoutCancel(ctx), "") }

// skip moves the clock to when something is due, if nothing is before: half an
// hour must pass before a look-up proves that a vendor does not have a piece,
// and nobody watching wants to wait for it.
func (w *watch) skip(ctx context.Context) {
	now := w.plant.clock().Now()
	var first time.Time
	q := idempotency.Query{States: []idempotency.State{idempotency.Planned, idempotency.Sending, idempotency.Unknown, idempotency.Accepted}}
	for rec, err := range w.store.Find(ctx, q) {
		if err != nil || !rec.Due.After(now) || rec.State == idempotency.Sending {
			return // at work
		}
		if first.IsZero() || rec.Due.Before(first) {
			first = rec.Due
		}
	}
	if wait := first.Sub(now); !first.IsZero() && wait > time.Minute {
		if err := w.plant.advance(ctx, wait); err != nil {
			return // the time passes by itself, too
		}
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
