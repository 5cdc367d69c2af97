package client

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// Canary says how many pieces of a campaign's canary are out.
type Canary struct {
	Campaign string
	// Pieces were let through, of Limit.
	Pieces, Limit int64
	Approved      bool
}

// Waits reports whether the campaign waits for approval.
func (k Canary) Waits() bool { return !k.Approved && k.Pieces >= k.Limit }

// Canary returns how far a campaign's canary is. A campaign without one is
// approved. A client that was not told of a canary, and has met none of its jobs, knows
// it by its pieces, and its Limit is 0.
func (c *Client) Canary(ctx context.Context, campaign string) (Canary, error) {
	return c.canary(ctx, campaign, cmp.Or(int64(c.canaries[campaign]), c.approvals.size(campaign)))
}

// canary is Canary for one of the size given.
func (c *Client) canary(ctx context.Context, campaign string, size int64) (Canary, error) {
	k := Canary{Campaign: campaign, Limit: size, Approved: size == 0}
	set, err := c.store.Setting(ctx, canaryName(campaign))
	if err != nil {
		return k, c.storeError("canary", err)
	}
	if string(set.Value) == canaryApproved {
		k.Approved = true
		c.approvals.approve(campaign, set.Version)
	}
	if k.Pieces, err = c.store.Counter(ctx, canaryName(campaign)); err != nil {
		return k, c.storeError("canary", err)
	}
	if k.Limit == 0 && k.Pieces > 0 && string(set.Value) != canaryApproved {
		k.Approved = false // another client has a canary, how large it is only that one knows
	}
	return k, nil
}

// Approve lets the rest of a campaign go after its canary was looked at. The
// approval is durable, holds for every replica, and is written to the history
// with who gave it. The reason, of which there need be none, stands in the change log.
func (c *Client) Approve(ctx context.Context, campaign string, who Actor) (err error) {
	ctx, span := c.tel.call(ctx, "postproof.approve", &err)
	defer endCall(span, &err)
	if who, err = who.named("approve"); err != nil {
		return err
	}
	if campaign == "" {
		return invalid("approve", errors.New("the campaign has no name: give the one of WithCanary"))
	}
	_, err = c.logged(ctx, "approve", func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		set, err := c.store.Setting(ctx, canaryName(campaign))
		if err != nil {
			return idempotency.Change{}, ChangeEntry{}, c.storeError("approve", err)
		}
		if string(set.Value) == canaryApproved {
			return idempotency.Change{}, ChangeEntry{}, nil
		}
		return idempotency.Change{
			Settings: []idempotency.SettingWrite{{Name: canaryName(campaign), Value: []byte(canaryApproved), Expect: set.Version}},
			Entries:  []idempotency.Entry{{At: c.now(), Kind: idempotency.EntryCanaryApproved, By: who.By, Note: campaign}},
		}, ChangeEntry{By: who.By, Why: who.Why, Action: ActionApprove, Target: CampaignTarget(campaign), Before: asJSON(canaryState{Version: set.Version}), After: asJSON(canaryState{true, set.Version + 1})}, nil
	})
	if err != nil {
		return err
	}
	c.approvals.forget(campaign) // its version is read with the next intent
	c.wakeUp()
	return nil
}

// canaryApproved is the value of a canary's setting once the campaign may go;
// canaryWithdrawn, or none, that it may not.
const (
	canaryApproved  = "approved"
	canaryWithdrawn = "withdrawn"
)

// canaryState is what the change log keeps of an approval, and the version of its
// setting.
type canaryState struct {
	Approved bool   `json:"approved"`
	Version  uint64 `json:"version"`
}

func canaryName(campaign string) string { return "canary/" + campaign }

// canaryOf returns how many pieces of a job's campaign may go before it is approved: by
// this client's canary, or else by that which the job was handed in with; 0 for no bound.
func (c *Client) canaryOf(rec *idempotency.Record) int64 {
	return int64(cmp.Or(c.canaries[rec.Campaign], rec.Canary))
}

// waitsForApproval reports whether a campaign's canary is out and not approved
// yet. While it is out the ledger is asked once a poll interval. When the
// ledger cannot be asked it says no: the counter's limit stands before each
// intent.
func (c *Client) waitsForApproval(ctx context.Context, campaign string, size int64) bool {
	if size == 0 || c.approvals.approved(campaign) {
		return false
	}
	now := c.clock.Now()
	if c.approvals.waits(campaign, now) {
		return true
	}
	k, err := c.canary(ctx, campaign, size)
	if err != nil || !k.Waits() {
		return false
	}
	c.approvals.wait(campaign, now.Add(c.poll))
	return true
}

// waitsForApproval reports whether the job's campaign waits, and remembers a canary
// that only the job tells of.
func (w *work) waitsForApproval(ctx context.Context) bool {
	campaign, size := w.rec.Campaign, w.c.canaryOf(w.rec)
	if w.c.canaries[campaign] == 0 && size > 0 {
		w.c.approvals.meet(campaign, size)
	}
	return w.c.waitsForApproval(ctx, campaign, size)
}

// waitingCampaigns lists the campaigns whose jobs are not claimed for now.
func (c *Client) waitingCampaigns(ctx context.Context) []string {
	var skip []string
	all := c.approvals.strange()
	if all == nil {
		all = make(map[string]int64, len(c.canaries))
	}
	for campaign, size := range c.canaries {
		all[campaign] = int64(size)
	}
	for campaign, size := range all {
		if c.waitsForApproval(ctx, campaign, size) {
			skip = append(skip, campaign)
		}
	}
	return skip
}

// approvals are those that were read from the ledger, by the
// version of the setting. An approval may be taken back: every intent that counts
// on one depends on that version, and it is forgotten when it is another by then.
type approvals struct {
	mu    sync.Mutex
	done  map[string]uint64
	until map[string]time.Time // until when a campaign is taken to wait
	met   map[string]int64     // the canaries that jobs were handed in with and this client was not told of
}

// meet remembers a canary that this client was not told of.
func (s *approvals) meet(campaign string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.met == nil {
		s.met = map[string]int64{}
	}
	s.met[campaign] = size
}

// size returns that of a canary that was met; 0 for none.
func (s *approvals) size(campaign string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.met[campaign]
}

// strange returns the canaries that were met.
func (s *approvals) strange() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.met)
}

func (s *approvals) approved(campaign string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[campaign] != 0
}

// version returns that of the approval; 0 when none is known, which no approval
// has.
func (s *approvals) version(campaign string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[campaign]
}

func (s *approvals) approve(campaign string, version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = map[string]uint64{}
	}
	s.done[campaign] = version
	delete(s.until, campaign)
}

// forget drops an approval: the ledger is asked again.
func (s *approvals) forget(campaign string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.done, campaign)
	delete(s.until, campaign)
}

// waits reports whether the campaign was found waiting a moment ago.
func (s *approvals) waits(campaign string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.until[campaign])
}

// wait keeps for a while that the campaign waits.
func (s *approvals) wait(campaign string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	s.until[campaign] = until
}
