package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Tracked is where one piece of a campaign is.
type Tracked struct {
	// Key and Contact are the job's; empty once it was erased.
	Key     postproof.Key
	Contact string
	// State is where the job stands, Status where its piece is: without a stage
	// while no vendor has it.
	State  idempotency.State
	Status postproof.Status
	// Receipt is the vendor's acceptance, zero while there is none.
	Receipt postproof.Receipt
}

// String returns a form without personal data.
func (t Tracked) String() string {
	return fmt.Sprintf("tracked(%s %s %s)", t.State, t.Receipt.Vendor, t.Status.Stage)
}

// GoString keeps %#v from printing personal data.
func (t Tracked) GoString() string { return t.String() }

// LogValue implements [slog.LogValuer] without personal data.
func (t Tracked) LogValue() slog.Value {
	return slog.GroupValue(slog.String("state", string(t.State)), slog.String("vendor", t.Receipt.Vendor),
		slog.String("vendor_id", t.Receipt.VendorID), slog.String("stage", string(t.Status.Stage)))
}

// Track yields where each piece of a campaign is: contact by contact, each job
// once, in no order that means anything. It streams, so that its memory does not
// grow with the campaign, and reads the ledger only: a stage is as new as the
// last word of the vendor ([Client.Refresh] asks for another). A job whose record is
// damaged is an [idempotency.DamagedError], behind which the list goes on; after
// another error it yields no more.
func (c *Client) Track(ctx context.Context, campaign string) iter.Seq2[Tracked, error] {
	return func(yield func(Tracked, error) bool) {
		if campaign == "" {
			yield(Tracked{}, invalid("track", errors.New("name a campaign: an empty name is not all of them")))
			return
		}
		for rec, err := range c.store.Find(ctx, idempotency.Query{Campaign: campaign}) {
			if err != nil {
				if !yield(Tracked{}, c.storeError("track", err)) || idempotency.AsDamaged(err) == nil {
					return
				}
				continue
			}
			if !yield(Tracked{Key: rec.Key, Contact: rec.Contact, State: rec.State, Status: rec.Status, Receipt: rec.Receipt}, nil) {
				return
			}
		}
	}
}

// Tally counts the pieces of a campaign.
type Tally struct {
	Campaign string
	// Jobs is how many there are, States how many stand in which state.
	Jobs   int
	States map[idempotency.State]int
	// Damaged is how many of Jobs cannot be read: they are in no state here.
	Damaged int
	// Stages is how many pieces are at which stage; the jobs that have none are
	// with no vendor. A piece counts at its present stage only: one that was
	// re-routed and then delivered is delivered.
	Stages map[postproof.Stage]int
	// Proven is how many of those delivered were scanned at it; the others are
	// the vendor's report or estimate.
	Proven int
}

// Tally counts where the pieces of a campaign are. It reads the whole campaign,
// two seconds or so for each hundred thousand jobs.
func (c *Client) Tally(ctx context.Context, campaign string) (Tally, error) {
	t := Tally{Campaign: campaign, States: map[idempotency.State]int{}, Stages: map[postproof.Stage]int{}}
	for one, err := range c.Track(ctx, campaign) {
		if c.meetDamaged(ctx, err) {
			t.Jobs++
			t.Damaged++
			continue
		}
		if err != nil {
			return t, err
		}
		t.Jobs++
		t.States[one.State]++
		if one.Status.Stage != "" {
			t.Stages[one.Status.Stage]++
		}
		if one.Status.Stage == postproof.StageDelivered && one.Status.Confidence == postproof.Scanned {
			t.Proven++
		}
	}
	return t, nil
}
