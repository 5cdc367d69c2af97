package client

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Clients count for the caps that they have, in the commits of their jobs. To count for
// those that somebody may set one day would be a counter, and a row that all of them
// write, for each campaign and vendor. So what was sent without a cap is read from the
// ledger when it is set; and who opens a ledger without a cap that it has counts no
// longer, and says so: whoever sets the cap again reads once more.

// countedPrefix stands before a counter's name in the setting that says that it is what
// the ledger says, or, with countedMissing in front of the time, no longer.
const (
	countedPrefix  = "counted/"
	countedMissing = "missing since "
)

// countBefore has the caps count what was sent without them, before this client sends:
// whoever bounds a campaign that has begun means all of it.
func (c *Client) countBefore(ctx context.Context) error {
	if c.onlooker {
		return nil // it sends nothing, and knows no prices
	}
	if err := c.countNoLonger(ctx); err != nil {
		return err
	}
	for _, k := range c.caps {
		if k.Pieces > 0 {
			one := func(*idempotency.Record, *idempotency.Submission) int64 { return 1 }
			if err := c.countOnce(ctx, k, capName("pieces", k), one); err != nil {
				return err
			}
		}
		if k.Cents > 0 {
			if err := c.countOnce(ctx, k, capName("cents", k), c.centsThen); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellUnpriced warns of vendors whose pieces count for nothing in a cap that bounds
// money: a vendor that was added without a price is sent to without end.
func (c *Client) tellUnpriced(ctx context.Context) {
	for _, k := range c.caps {
		for _, v := range c.vendors {
			if k.Cents > 0 && (k.Vendor == "" || k.Vendor == v.name) && v.config.Price == nil {
				c.logger.LogAttrs(ctx, slog.LevelWarn, "a cap in Cents does not bound what goes to a vendor without a price: set Price of its VendorConfig, or a cap in Pieces",
					slog.String("vendor", v.name), slog.String("cap", capName("cents", k)))
			}
		}
	}
}

// centsThen returns the price that a submission counted with or, where no cap was
// configured then, what it costs now; 0 where the job is forgotten.
func (c *Client) centsThen(rec *idempotency.Record, s *idempotency.Submission) int64 {
	v := c.byName[s.Vendor]
	if s.Cents != 0 || v == nil || v.config.Price == nil || len(rec.Job) == 0 {
		return max(0, s.Cents)
	}
	var job postproof.Job
	if job.UnmarshalJSON(rec.Job) != nil {
		return 0
	}
	return max(0, v.config.Price(&job))
}

// countNoLonger notes which counters of the ledger miss what this client will send,
// because it does not have their caps.
func (c *Client) countNoLonger(ctx context.Context) error {
	const op = "count for a cap"
	for again := true; again; {
		again = false
		var notes []idempotency.SettingWrite
		for set, err := range c.store.Settings(ctx, countedPrefix) {
			if err != nil {
				return c.storeError(op, err)
			}
			if !missesSome(&set) && !c.counted(strings.TrimPrefix(set.Name, countedPrefix)) {
				value := countedMissing + c.now().UTC().Format(time.RFC3339)
				notes = append(notes, idempotency.SettingWrite{Name: set.Name, Value: []byte(value), Expect: set.Version})
			}
		}
		for _, note := range notes {
			switch err := idempotency.CommitOne(ctx, c.store, idempotency.Change{Settings: []idempotency.SettingWrite{note}}); {
			case errors.Is(err, idempotency.ErrStale): // somebody has counted, or noted it, just now
				again = true
			case err != nil:
				return c.storeError(op, err)
			}
		}
	}
	return nil
}

func missesSome(set *idempotency.Setting) bool {
	return strings.HasPrefix(string(set.Value), countedMissing)
}

// counted reports whether this client has the cap of a counter.
func (c *Client) counted(name string) bool {
	return slices.ContainsFunc(c.caps, func(k Cap) bool {
		return (k.Pieces > 0 && name == capName("pieces", k)) || (k.Cents > 0 && name == capName("cents", k))
	})
}

// countOnce makes a counter what the ledger says, unless it is that. No client that has
// the cap sends before it is done, but for those that sent beside clients without it,
// or of a version that only counted on: theirs is never taken away, and a piece that
// such a one sends at this very time may be counted twice.
func (c *Client) countOnce(ctx context.Context, k Cap, name string, worth func(*idempotency.Record, *idempotency.Submission) int64) error {
	const op = "count for a cap"
	counted := countedPrefix + name
	set, err := c.store.Setting(ctx, counted)
	if err != nil {
		return c.storeError(op, err)
	}
	if set.Version != 0 && !missesSome(&set) {
		return nil
	}
	before, err := c.store.Counter(ctx, name)
	if err != nil {
		return c.storeError(op, err)
	}
	var sum int64
	for rec, err := range c.store.Find(ctx, idempotency.Query{Campaign: k.Campaign, Vendor: k.Vendor}) {
		if c.meetDamaged(ctx, err) {
			continue // nobody knows what it is worth; it must not keep the others from being sent
		}
		if err != nil {
			return c.storeError(op, err)
		}
		for i := range rec.Submissions {
			if s := &rec.Submissions[i]; (k.Vendor == "" || s.Vendor == k.Vendor) && counts(rec, s) {
				sum += worth(rec, s)
			}
		}
	}
	after, err := c.store.Counter(ctx, name)
	if err != nil {
		return c.storeError(op, err)
	}
	ch := idempotency.Change{Settings: []idempotency.SettingWrite{{Name: counted, Value: []byte(c.now().UTC().Format(time.RFC3339)), Expect: set.Version}}}
	missing := sum - min(before, after)
	if missing < 0 && set.Version == 0 {
		missing = 0
	}
	if missing != 0 { // less than nothing, where what was counted died without the cap
		ch.Counters = []idempotency.CounterAdd{{Name: name, Add: missing}}
	}
	switch err := idempotency.CommitOne(ctx, c.store, ch); {
	case errors.Is(err, idempotency.ErrStale):
		return nil // another client has just done it
	case err != nil:
		return c.storeError(op, err)
	}
	if missing != 0 {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "a cap counts what was sent without it", slog.String("cap", name), slog.Int64("counted", missing))
	}
	return nil
}
