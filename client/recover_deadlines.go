package client

import (
	"context"
	"errors"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// How many references a lost history can have come to depends on the deadlines of the
// workers that were lost, not on those of whoever recovers ([idempotency.Machine.Reachable]).
// So the ledger keeps the largest that a client on it was made with. Nobody is believed
// to have had less than the defaults: a backup may be from before they were written.

const deadlinesSetting = "recover/deadlines"

// reach is as much of the deadlines as matters there.
type reach struct {
	MaxGenerations int           `json:"generations"`
	PlannedFor     time.Duration `json:"planned"`
}

func reachOf(d idempotency.Deadlines) reach {
	full := d.WithDefaults()
	return reach{full.MaxGenerations, full.PlannedFor}
}

func (r reach) or(o reach) reach {
	return reach{max(r.MaxGenerations, o.MaxGenerations), max(r.PlannedFor, o.PlannedFor)}
}

// readReach reads the largest deadlines, with the version of the setting.
func (c *Client) readReach(ctx context.Context) (reach, uint64, error) {
	least := reachOf(idempotency.Deadlines{})
	kept, version, err := readSetting[reach](ctx, c, "deadlines", deadlinesSetting)
	if err != nil {
		return least, 0, err
	}
	kept = kept.or(least)
	all := kept.or(reachOf(c.deadlines))
	if known := c.reach.Load(); known != nil {
		all = all.or(*known) // a restored ledger may have forgotten it
	}
	c.reach.Store(&all)
	return kept, version, nil
}

// keepReach has the ledger keep this client's deadlines, if they are larger: before it
// sends anything.
func (c *Client) keepReach(ctx context.Context) error {
	for range 16 {
		kept, version, err := c.readReach(ctx)
		if err != nil || *c.reach.Load() == kept || c.onlooker {
			return err
		}
		all := c.reach.Load()
		w, err := writing(deadlinesSetting, all, version)
		if err != nil {
			return err
		}
		switch err := idempotency.CommitOne(ctx, c.store, idempotency.Change{Settings: []idempotency.SettingWrite{w}}); {
		case errors.Is(err, idempotency.ErrStale): // another client has larger ones
		case err != nil:
			return c.storeError("deadlines", err)
		default:
			return nil
		}
	}
	return c.storeError("deadlines", idempotency.ErrStale)
}

// reachable is how far a lost history can have come with a record, whatever worker of
// the ledger had it.
func (c *Client) reachable(rec *idempotency.Record, lost time.Duration) int {
	m := c.machine
	all := c.reach.Load()
	m.MaxGenerations, m.PlannedFor = all.MaxGenerations, all.PlannedFor
	return m.Reachable(rec, lost, c.vendorNames()...)
}
