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
	// Hold is why the job waits for a person while State is held, Refusal who said no
	// and why while it is refused; else zero. The key of a refused one was used, and
	// nothing of it is on paper; of a held one a vendor may have it.
	Hold    idempotency.Hold
	Refusal idempotency.Refusal
}

// trackedOf is what a record says of where its piece is.
func trackedOf(rec *idempotency.Record) Tracked {
	t := Tracked{Key: rec.Key, Contact: rec.Contact, State: rec.State, Status: rec.Status, Receipt: rec.Receipt}
	switch rec.State { //nolint:exhaustive // the others have no reason: what a record keeps of an end before is past
	case idempotency.Held:
		t.Hold = rec.Hold
	case idempotency.Refused:
		t.Refusal = rec.Refusal
	}
	return t
}

// String returns a form without personal data.
func (t Tracked) String() string {
	text := fmt.Sprintf("tracked(%s %s %s", t.State, t.Receipt.Vendor, t.Status.Stage)
	if why := t.reason(); why != "" {
		text += ": " + why
	}
	return text + ")"
}

// reason is the class of why nobody gets the piece; empty where none is given.
func (t Tracked) reason() string {
	if t.Refusal.Code != 0 {
		return t.Refusal.Code.String()
	}
	return string(t.Hold.Reason)
}

// GoString keeps %#v from printing personal data.
func (t Tracked) GoString() string { return t.String() }

// LogValue implements [slog.LogValuer] without personal data.
func (t Tracked) LogValue() slog.Value {
	return slog.GroupValue(slog.String("state", string(t.State)), slog.String("vendor", t.Receipt.Vendor),
		slog.String("vendor_id", t.Receipt.VendorID), slog.String("stage", string(t.Status.Stage)), slog.String("reason", t.reason()))
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
		for rec, err := range readOf(c, "track", c.store.Find(ctx, idempotency.Query{Campaign: campaign})) {
			var t Tracked
			if err == nil {
				t = trackedOf(rec)
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// Tally counts the pieces of a campaign.
type Tally struct {
	Campaign string
	// Jobs is how many there are, States how many stand in which state.
	Jobs   int64
	States map[idempotency.State]int64
	// Damaged is how many of Jobs cannot be read: they are in no state here.
	Damaged int64
	// Stages is how many pieces are at which stage; the jobs that have none are
	// with no vendor. A piece counts at its present stage only: one that was
	// re-routed and then delivered is delivered.
	Stages map[postproof.Stage]int64
	// Vendors is how many pieces which vendor has accepted, whatever became of them
	// there: during an outage it shows whether the others have taken over.
	Vendors map[string]int64
	// Proven is how many of those delivered were scanned at it; the others are
	// the vendor's report or estimate.
	Proven int64
}

// Tally counts where the pieces of a campaign are. It reads the whole campaign,
// two seconds or so for each hundred thousand jobs.
func (c *Client) Tally(ctx context.Context, campaign string) (Tally, error) {
	t := Tally{Campaign: campaign, States: map[idempotency.State]int64{}, Stages: map[postproof.Stage]int64{}, Vendors: map[string]int64{}}
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
		if one.Receipt.Vendor != "" {
			t.Vendors[one.Receipt.Vendor]++
		}
		if one.Status.Stage == postproof.StageDelivered && one.Status.Confidence == postproof.Scanned {
			t.Proven++
		}
	}
	return t, nil
}
