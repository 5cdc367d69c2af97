package client

import (
	"context"
	"iter"
	"log/slog"
	"sync"

	"github.com/postproof/postproof/idempotency"
)

// mostTold bounds what a client remembers to have told of what is damaged.
const mostTold = 1000

// damage remembers what a client has met that is damaged, so that people are told of
// each once.
type damage struct {
	mu   sync.Mutex
	told map[string]bool
	// records: a record is among it.
	records bool
}

// first reports whether this was not met before.
func (d *damage) first(one *idempotency.DamagedError) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records = d.records || (one.Message == 0 && one.Entry == 0)
	what := one.What()
	if d.told[what] || len(d.told) == mostTold {
		return false
	}
	if d.told == nil {
		d.told = map[string]bool{}
	}
	d.told[what] = true
	return true
}

func (d *damage) anyRecords() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.records
}

// meetDamaged reports whether an error is about one damaged record, entry or message,
// beside which everything else goes on, and has people told of it once.
func (c *Client) meetDamaged(ctx context.Context, err error) bool {
	one := idempotency.AsDamaged(err)
	if one == nil {
		return false
	}
	if c.damage.first(one) {
		c.logger.LogAttrs(ctx, slog.LevelError, "something in the ledger is damaged; everything else goes on without it",
			slog.String("what", one.What()), slog.String("error", err.Error()))
	}
	return true
}

// legible yields what can be read of a list, and has people told of what cannot. It
// is for those who look at everything: who looks for one thing must not take it to be
// absent because it is damaged.
func legible[T any](ctx context.Context, c *Client, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if c.meetDamaged(ctx, err) {
				continue
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// entryAfter returns the first entry behind a place that can be read.
func (c *Client) entryAfter(ctx context.Context, place uint64) (_ idempotency.Entry, there bool, _ error) {
	for more := true; more; {
		more = false
		for e, err := range c.store.Entries(ctx, idempotency.EntryQuery{After: place, Limit: 1}) {
			if !c.meetDamaged(ctx, err) {
				return e, err == nil, err
			}
			place, more = idempotency.AsDamaged(err).Entry, true
		}
	}
	return idempotency.Entry{}, false, nil
}

// MeetDamaged reports whether an error is about one damaged thing of the ledger (see
// [idempotency.DamagedError]), beside which the receiving side goes on, and has it
// told in the log once for each client.
func (i *Intake) MeetDamaged(ctx context.Context, err error) bool { return i.c.meetDamaged(ctx, err) }
