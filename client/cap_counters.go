package client

import (
	"context"
	"iter"
	"slices"
	"strings"
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
