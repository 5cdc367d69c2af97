package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// errTooManyRecoveries means that the vendors show more recoveries than a doubt
// reaches behind.
var errTooManyRecoveries = fmt.Errorf("the vendor has control pieces of more than %d recoveries since this backup was taken: put a later backup in its place, which knows of some of them", maxRecoveries)

// askAll asks every vendor that can look a reference up for control pieces of
// recoveries that the ledger does not know of. A vendor that cannot be asked now is not
// waited for: nothing is believed to be absent there before it was asked.
func (c *Client) askAll(ctx context.Context, b *before) error {
	found, dates, errs := make([]int, len(c.vendors)), make([]time.Time, len(c.vendors)), make([]error, len(c.vendors))
	var all sync.WaitGroup
	for i, v := range c.vendors {
		if v.finder() != nil {
			all.Go(func() { found[i], dates[i], errs[i] = c.recoveriesAt(ctx, v, b.base, time.Time{}) })
		}
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return notSent(postproof.CodeOf(err), "recover", context.Cause(ctx))
	}
	b.unasked, b.owed, b.dates = nil, nil, map[string]time.Time{}
	for i, v := range c.vendors {
		switch err := errs[i]; {
		case errors.Is(err, errTooManyRecoveries):
			return err
		case err != nil:
			b.unasked = append(b.unasked, v.name)
			c.tellUnasked(ctx, v, err)
		}
		if v.finder() != nil {
			b.owed = append(b.owed, v.name)
		}
		if errs[i] == nil && !dates[i].IsZero() {
			b.dates[v.name] = dates[i]
		}
		b.found = max(b.found, found[i])
	}
	return nil
}

// tellUnasked says that a vendor could not be asked for other recoveries.
func (c *Client) tellUnasked(ctx context.Context, v *vendor, cause error) {
	level, text := slog.LevelWarn, "a vendor cannot be asked for other recoveries of this backup: nothing is believed to be absent there before it was"
	if errors.Is(cause, errTooManyRecoveries) {
		level, text = slog.LevelError, "a vendor shows too many recoveries of this backup: nothing is believed to be absent there"
	}
	c.logger.LogAttrs(ctx, level, text, slog.String("vendor", v.name), slog.String("error", cause.Error())) //nolint:sloglint // one of two
}

// askBefore asks one vendor after the recovery, and notes what it says.
func (c *Client) askBefore(ctx context.Context, v *vendor, n *numbered, proven bool) error {
	found, _, err := c.recoveriesAt(ctx, v, n.Base, n.began(v.name))
	if err != nil {
		return err
	}
	return c.learn(ctx, v.name, n.Base, found, proven)
}

// recoveriesAt returns how many recoveries behind the number base the vendor shows
// control pieces of which the ledger does not know. One in between may show none,
// because nothing was sent to this vendor then: it is counted all the same. at is when
// the ledger's own recovery was, if it is over; date is what the vendor's clock says
// now, if it says so.
func (c *Client) recoveriesAt(ctx context.Context, v *vendor, base int, at time.Time) (found int, date time.Time, err error) {
	shows := func(n, k int) (bool, error) {
		there, now, err := c.showsControl(ctx, v, controlKey(v.name, n, k), at)
		if now.After(date) {
			date = now
		}
		return there, err
	}
	for n := 1; n <= maxRecoveries+1; n++ {
		there, err := shows(base+n, 1)
		if err != nil {
			return 0, date, err
		}
		if there {
			found = n
		}
	}
	// The first control piece of a recovery may have been lost on its way, and the
	// next one taken.
	for more := true; more && found <= maxRecoveries; {
		more = false
		for k := 2; k <= controlKeys && !more; k++ {
			if more, err = shows(base+found+1, k); err != nil {
				return 0, date, err
			}
		}
		if more {
			found++
		}
	}
	if found > maxRecoveries {
		return 0, date, &postproof.Error{Code: postproof.CodeConflict, Delivery: postproof.NotSent, Op: "recover", Vendor: v.name, Err: errTooManyRecoveries}
	}
	return found, date, nil
}

// showsControl reports whether the vendor shows a control piece, dead or alive, that is
// not this ledger's, and what the vendor's clock says, where it was asked.
func (c *Client) showsControl(ctx context.Context, v *vendor, key postproof.Key, at time.Time) (there bool, date time.Time, err error) {
	id := c.id()
	rec, err := c.store.Get(ctx, idempotency.IDOf(key))
	ours := err == nil
	switch {
	case ours && isOlder(rec, at):
		return true, date, nil
	case !ours && !errors.Is(err, idempotency.ErrNotFound):
		return false, date, c.storeError("recover", err)
	}
	ref := id.Namespace.Ref(id.Mode, key, 1)
	k := &call{c: c, v: v}
	found, err := k.find(ctx, v.finder(), ref)
	if found != nil {
		date = found.VendorTime
	}
	switch {
	case err != nil:
		return false, date, err
	case found != nil && slices.ContainsFunc(found.Orders, func(o *vendors.Order) bool {
		return bearsRef(o, ref, id.Mode) && (!ours || wasBefore(o.Receipt.AcceptedAt, at))
	}):
		return true, date, nil
	case found == nil || !found.Complete:
		return false, date, &postproof.Error{
			Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Op: string(postproof.OpLookUp), Vendor: v.name,
			Err: errors.New("the vendor gave no whole answer"),
		}
	}
	return false, date, nil
}

// wasBefore reports whether a vendor took a piece before the recovery. Both are by the
// vendor's clock, where that is known ([numbered.began]).
func wasBefore(accepted, recovered time.Time) bool {
	return !accepted.IsZero() && accepted.Before(recovered.Add(-dateSlack))
}

// bearsRef reports whether an order that a look-up by the reference showed is under it:
// some vendors do not repeat it.
func bearsRef(o *vendors.Order, ref postproof.Ref, mode postproof.Mode) bool {
	return (o.Mode == "" || o.Mode == mode) && (o.Receipt.Ref == "" || o.Receipt.Ref == ref)
}

// finder returns how to look up a reference; nil where the vendor cannot be asked.
// Nothing in doubt there goes on by itself then, whatever was sent behind it.
func (v *vendor) finder() vendors.Finder {
	if f, ok := v.adapter.(vendors.Finder); ok && v.caps.Lookup.ByRef {
		return f
	}
	return nil
}
