package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// counters adds to a change what it does to caps and canaries: a submission
// counts from its intent until it is proven dead. The sums are kept by the
// store in the same transaction, so that replicas share them exactly.
func (c *Client) counters(out []idempotency.CounterAdd, before, after *idempotency.Record, cents func(string) int64) []idempotency.CounterAdd {
	canary := c.canaries[after.Campaign]
	if len(c.caps) == 0 && canary == 0 {
		return out
	}
	for i := range after.Submissions {
		s := &after.Submissions[i]
		was := false
		if before != nil {
			for j := range before.Submissions {
				if b := &before.Submissions[j]; b.Ref == s.Ref && b.Vendor == s.Vendor {
					was = !b.Dead()
				}
			}
		}
		add := int64(0)
		switch is := !s.Dead(); {
		case is && !was:
			add = 1
		case was && !is:
			add = -1
		default:
			continue
		}
		for _, k := range c.caps {
			if (k.Campaign != "" && k.Campaign != after.Campaign) || (k.Vendor != "" && k.Vendor != s.Vendor) {
				continue
			}
			if k.Pieces > 0 {
				out = append(out, idempotency.CounterAdd{Name: capName("pieces", k), Add: add, Limit: k.Pieces})
			}
			if price := cents(s.Vendor); k.Cents > 0 && price != 0 {
				out = append(out, idempotency.CounterAdd{Name: capName("cents", k), Add: add * price, Limit: k.Cents})
			}
		}
		if canary > 0 {
			limit := int64(canary)
			if c.checked.approved(after.Campaign) {
				limit = 0
			}
			out = append(out, idempotency.CounterAdd{Name: canaryName(after.Campaign), Add: add, Limit: limit})
		}
	}
	for i := range out {
		if out[i].Add < 0 {
			out[i].Limit = 0
		}
	}
	return out
}

func capName(what string, k Cap) string {
	return "cap/" + what + "/" + k.Vendor + "/" + k.Campaign
}

func canaryName(campaign string) string { return "canary/" + campaign }

// settingsCache keeps the approvals that were read from the ledger. An approval
// is never taken back, so a positive answer may be kept for ever.
type settingsCache struct {
	mu   sync.Mutex
	done map[string]bool
	next map[string]time.Time
}

func (s *settingsCache) approved(campaign string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[campaign]
}

func (s *settingsCache) approve(campaign string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = map[string]bool{}
	}
	s.done[campaign] = true
}

// due reports whether the ledger should be asked again, and takes note of it.
func (s *settingsCache) due(campaign string, now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done[campaign] || now.Before(s.next[campaign]) {
		return false
	}
	if s.next == nil {
		s.next = map[string]time.Time{}
	}
	s.next[campaign] = now.Add(every)
	return true
}

// Canary is how far a campaign's canary is.
type Canary struct {
	Campaign string
	// Pieces were let through, of Limit.
	Pieces, Limit int64
	Approved      bool
}

// Waits reports whether the campaign waits for approval.
func (k Canary) Waits() bool { return !k.Approved && k.Pieces >= k.Limit }

// Canary returns how far a campaign's canary is. A campaign without one is
// approved.
func (c *Client) Canary(ctx context.Context, campaign string) (Canary, error) {
	k := Canary{Campaign: campaign, Limit: int64(c.canaries[campaign]), Approved: c.canaries[campaign] == 0}
	set, err := c.store.Setting(ctx, canaryName(campaign))
	if err != nil {
		return k, c.storeError("canary", err)
	}
	if string(set.Value) == "approved" {
		k.Approved = true
		c.checked.approve(campaign)
	}
	if k.Pieces, err = c.store.Counter(ctx, canaryName(campaign)); err != nil {
		return k, c.storeError("canary", err)
	}
	return k, nil
}

// Approve lets the rest of a campaign go after its canary was looked at. The
// approval is durable, holds for every replica, and is written to the history
// with who gave it.
func (c *Client) Approve(ctx context.Context, campaign, by string) error {
	if by == "" {
		return invalid("approve", errors.New("an approval names who gives it"))
	}
	for range 8 {
		set, err := c.store.Setting(ctx, canaryName(campaign))
		if err != nil {
			return c.storeError("approve", err)
		}
		if string(set.Value) == "approved" {
			c.checked.approve(campaign)
			return nil
		}
		err = idempotency.CommitOne(ctx, c.store, idempotency.Change{
			Settings: []idempotency.SettingWrite{{Name: canaryName(campaign), Value: []byte("approved"), Expect: set.Version}},
			Entries:  []idempotency.Entry{{At: c.now(), Kind: "canary_approved", By: by, Note: campaign}},
		})
		if errors.Is(err, idempotency.ErrStale) {
			continue
		}
		if err != nil {
			return c.storeError("approve", err)
		}
		c.checked.approve(campaign)
		c.wakeUp()
		return nil
	}
	return c.storeError("approve", idempotency.ErrStale)
}

// waitsForApproval reports whether a campaign's canary is out and not approved
// yet. It asks the ledger at most once a poll interval.
func (c *Client) waitsForApproval(campaign string) bool {
	limit := c.canaries[campaign]
	if limit == 0 || c.checked.approved(campaign) {
		return false
	}
	k, err := c.Canary(context.Background(), campaign)
	return err == nil && k.Waits()
}

// onHoldCampaigns lists the campaigns whose jobs are not claimed for now.
func (c *Client) onHoldCampaigns() []string {
	var skip []string
	for campaign := range c.canaries {
		if c.waitsForApproval(campaign) {
			skip = append(skip, campaign)
		}
	}
	return skip
}
