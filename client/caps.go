package client

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// capCounter is a counter of the ledger that says how much was sent, for a cap that
// somebody has, or had: see [Cap].
type capCounter struct {
	name             string
	campaign, vendor string // "" for all
	cents            bool   // what was sent is counted in money, not in pieces
	// most is what this client's own cap lets through; 0 where it has none, and only
	// counts for the others, or for whoever sets that cap again.
	most int64
}

// countedPrefix stands before a counter's name in the setting that says that it counts.
const countedPrefix = "counted/"

const (
	capPrefix = "cap/"
	capPieces = "pieces"
	capCents  = "cents"
)

func capCounterOf(unit, vendor, campaign string) capCounter {
	return capCounter{name: capPrefix + unit + "/" + vendor + "/" + campaign, campaign: campaign, vendor: vendor, cents: unit == capCents}
}

// parseCapCounter is the counterpart of capCounterOf; !ok for what another version counts.
func parseCapCounter(counter string) (k capCounter, ok bool) {
	rest, isCap := strings.CutPrefix(counter, capPrefix)
	unit, rest, _ := strings.Cut(rest, "/")
	vendor, campaign, ok := strings.Cut(rest, "/")
	return capCounterOf(unit, vendor, campaign), isCap && ok && (unit == capPieces || unit == capCents)
}

// ownCapCounters are the counters of caps.
func ownCapCounters(caps []Cap) []capCounter {
	var out []capCounter
	add := func(unit string, k Cap, most int64) {
		if most > 0 {
			t := capCounterOf(unit, k.Vendor, k.Campaign)
			t.most = most
			out = append(out, t)
		}
	}
	for _, k := range caps {
		add(capPieces, k, k.Pieces)
		add(capCents, k, k.Cents)
	}
	return out
}

// capCounters are the counters of a ledger's caps, by their campaign.
type capCounters map[string][]capCounter

// readCapCounters returns what this client counts: for each cap that was ever set on the
// ledger. One that is taken away and set again then knows what went between, what was
// pruned since included, and what is canceled or decided without the cap is given back.
func (c *Client) readCapCounters(ctx context.Context) (capCounters, error) {
	own, all := map[string]bool{}, capCounters{}
	add := func(k capCounter) { all[k.campaign] = append(all[k.campaign], k) }
	for _, k := range ownCapCounters(c.caps) {
		own[k.name] = true
		add(k)
	}
	for set, err := range c.store.Settings(ctx, countedPrefix) {
		if err != nil {
			return nil, c.storeError("count for a cap", err)
		}
		if k, ok := parseCapCounter(strings.TrimPrefix(set.Name, countedPrefix)); ok && !own[k.name] {
			add(k)
		}
	}
	return all, nil
}

// counted are the counters as this client knows them by now. A new one is known before the
// next intent; what else happens meanwhile is at worst not given back.
func (c *Client) counted() capCounters { return c.pauses.Load().counters }

// of yields what a piece counts for.
func (c capCounters) of(campaign, vendor string) iter.Seq[*capCounter] {
	return func(yield func(*capCounter) bool) {
		all := c[""]
		if campaign != "" {
			all = slices.Concat(all, c[campaign])
		}
		for i := range all {
			if k := &all[i]; (k.vendor == "" || k.vendor == vendor) && !yield(k) {
				return
			}
		}
	}
}

// counters adds to a change what it does to caps and canaries: a submission
// counts from its intent until it is proven dead. The sums are kept by the
// store in the same transaction, so that replicas share them exactly.
func (c *Client) counters(out []idempotency.CounterAdd, before, after *idempotency.Record, cents func(string) int64) []idempotency.CounterAdd {
	if len(c.counted()) == 0 && c.canaryOf(after) == 0 {
		return out
	}
	for i := range after.Submissions {
		s := &after.Submissions[i]
		was, is := false, counts(after, s)
		if before != nil {
			for j := range before.Submissions {
				if b := &before.Submissions[j]; b.Ref == s.Ref && b.Vendor == s.Vendor {
					was = counts(before, b)
				}
			}
		}
		if was == is {
			continue
		}
		// Only an intent can be forbidden: what has happened is counted, whatever
		// the limit.
		add, limited := int64(1), after.State == idempotency.Sending && after.Current() == s
		if was {
			add, limited = -1, false
		}
		out = c.count(out, after, s.Vendor, add, limited, func(vendor string) int64 {
			if s.Cents != 0 { // the price may be another one by now
				return max(0, s.Cents)
			}
			return cents(vendor)
		})
	}
	return out
}

// counts reports whether a submission may be, or become, paper. One that a
// recovery only suspects counts when it is found.
func counts(r *idempotency.Record, s *idempotency.Submission) bool {
	if r.State == idempotency.Sending && r.Current() == s {
		return true
	}
	return !s.Dead() && (!s.FirstAt.IsZero() || s.Join == postproof.Accepted)
}

func (c *Client) count(out []idempotency.CounterAdd, rec *idempotency.Record, vendor string, add int64, limited bool, cents func(string) int64) []idempotency.CounterAdd {
	campaign := rec.Campaign
	limit := func(most int64) int64 {
		if !limited {
			return 0
		}
		return most
	}
	for k := range c.counted().of(campaign, vendor) {
		worth := int64(1)
		if k.cents {
			worth = cents(vendor)
		}
		if worth != 0 {
			out = append(out, idempotency.CounterAdd{Name: k.name, Add: add * worth, Limit: limit(k.most)})
		}
	}
	if most := c.canaryOf(rec); most > 0 {
		if c.approvals.approved(campaign) {
			most = 0
		}
		out = append(out, idempotency.CounterAdd{Name: canaryName(campaign), Add: add, Limit: limit(most)})
	}
	return out
}

// countedWith returns the price that a send counts with, in the form of
// [idempotency.Submission.Cents].
func (w *work) countedWith(v *vendor) int64 {
	if len(w.c.counted()) == 0 {
		return 0
	}
	if cents := w.cents(v.name); cents > 0 {
		return cents
	}
	return -1
}
