package client

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// countBefore has the caps count what was sent before they were configured, once in
// the life of a ledger and before this client sends: whoever bounds a campaign that
// has begun means all of it. A restored ledger may be from before that.
func (c *Client) countBefore(ctx context.Context) error {
	if c.onlooker {
		return nil // it sends nothing, and knows no prices
	}
	for _, k := range ownCapCounters(c.caps) {
		worth := c.centsThen
		if !k.cents {
			worth = func(*idempotency.Record, *idempotency.Submission) int64 { return 1 }
		}
		if err := c.countOnce(ctx, k, worth); err != nil {
			return err
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
					slog.String("vendor", v.name), slog.String("cap", capCounterOf(capCents, k.Vendor, k.Campaign).name))
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

// capCounting is what the setting of a counter says from when the others count for it, until
// what was sent before counts, too.
const capCounting = "counting"

// countOnce makes a counter what the ledger says, unless that was done before. First it has
// the other clients count from now on: the counter's setting comes with a new version of
// the pauses, so that no intent is committed by a client that did not read it. So nothing
// that is sent meanwhile goes uncounted; what is sent while the ledger is read through may
// be counted twice. No client that has the cap sends before it is done, but for those of a
// version that only counted on: theirs is never taken away.
func (c *Client) countOnce(ctx context.Context, k capCounter, worth func(*idempotency.Record, *idempotency.Submission) int64) error {
	const op = "count for a cap"
	name, counted := k.name, countedPrefix+k.name
	version, err := c.startCounting(ctx, counted)
	if err != nil || version == 0 {
		return err
	}
	before, err := c.store.Counter(ctx, name)
	if err != nil {
		return c.storeError(op, err)
	}
	var sum int64
	for rec, err := range c.store.Find(ctx, idempotency.Query{Campaign: k.campaign, Vendor: k.vendor}) {
		if c.meetDamaged(ctx, err) {
			continue // nobody knows what it is worth; it must not keep the others from being sent
		}
		if err != nil {
			return c.storeError(op, err)
		}
		for i := range rec.Submissions {
			if s := &rec.Submissions[i]; (k.vendor == "" || s.Vendor == k.vendor) && counts(rec, s) {
				sum += worth(rec, s)
			}
		}
	}
	after, err := c.store.Counter(ctx, name)
	if err != nil {
		return c.storeError(op, err)
	}
	ch := idempotency.Change{Settings: []idempotency.SettingWrite{{Name: counted, Value: []byte(c.now().UTC().Format(time.RFC3339)), Expect: version}}}
	missing := sum - min(before, after)
	if missing > 0 {
		ch.Counters = []idempotency.CounterAdd{{Name: name, Add: missing}}
	}
	switch err := idempotency.CommitOne(ctx, c.store, ch); {
	case errors.Is(err, idempotency.ErrStale):
		return nil // another client has just done it
	case err != nil:
		return c.storeError(op, err)
	}
	if missing > 0 {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "a cap counts what was sent before it was configured", slog.String("cap", name), slog.Int64("counted", missing))
	}
	return nil
}

// startCounting has every client count, and returns the version of the counter's setting; 0
// when there is nothing left to count.
func (c *Client) startCounting(ctx context.Context, counted string) (uint64, error) {
	const op = "count for a cap"
	for range 64 { // who loses, loses to one that is through
		set, err := c.store.Setting(ctx, counted)
		switch {
		case err != nil:
			return 0, c.storeError(op, err)
		case string(set.Value) == capCounting: // by who died of it, or is at it, too
			return set.Version, nil
		case set.Version != 0:
			return 0, nil
		}
		paused, err := c.store.Setting(ctx, pausesSetting)
		if err != nil {
			return 0, c.storeError(op, err)
		}
		if paused.Version == 0 {
			if paused.Value, err = json.Marshal(pausesValue{V: pausesVersion}); err != nil {
				return 0, invalid(op, err)
			}
		}
		err = idempotency.CommitOne(ctx, c.store, idempotency.Change{Settings: []idempotency.SettingWrite{
			{Name: counted, Value: []byte(capCounting)},
			{Name: pausesSetting, Value: paused.Value, Expect: paused.Version}, // as it is
		}})
		if err != nil && !errors.Is(err, idempotency.ErrStale) {
			return 0, c.storeError(op, err)
		}
	}
	return 0, c.storeError(op, idempotency.ErrStale)
}
