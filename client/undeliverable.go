package client

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

const (
	// importEvery is how often the list is read of a vendor that states no pace
	// for polls, importAgain how soon after it could not be read.
	importEvery = 6 * time.Hour
	importAgain = 30 * time.Minute
	// importLooks is how often the ledger is asked when the next import is due.
	importLooks = 15 * time.Minute
	// importOverlap is how far an import looks back behind the one before: a
	// vendor may add to a day that is over. importFirst is how far the first one
	// does.
	importOverlap = 3 * 24 * time.Hour
	importFirst   = 30 * 24 * time.Hour
)

// Imported is what an import of undeliverable pieces came to.
type Imported struct {
	// Listed is how many pieces the vendor listed, New how many of them the
	// ledger learned of by it. Foreign ones are not in the ledger: the account
	// has other senders.
	Listed, New, Foreign int64
	// Damaged are pieces whose record cannot be read, which the log names: they stay
	// what they were, and the list goes on behind them.
	Damaged int64
}

// ImportUndeliverable reads a vendor's list of the pieces that it took and did
// not mail, for dates since the one given, and applies it: such a piece has
// failed, with the consequences that a poll would have that said so. [Client.Run]
// and [Client.Drain] do it by themselves, at the pace of the vendor's polls and
// once for all processes of a ledger; call it to look further back. To repeat it
// changes nothing. The error is [errors.ErrUnsupported] for a vendor that has no
// such list; what was applied before an error stays.
func (c *Client) ImportUndeliverable(ctx context.Context, vendor string, since time.Time) (out Imported, err error) {
	if err := c.knowsVendors("import undeliverable"); err != nil {
		return Imported{}, err
	}
	v := c.byName[vendor]
	if v == nil {
		return Imported{}, c.noVendor("import undeliverable", vendor)
	}
	ctx, span := c.tel.call(ctx, "postproof.import_undeliverable", &err)
	defer endCall(span, &err)
	out, err = c.importSince(ctx, v, since)
	c.tel.undeliverable.Add(ctx, out.New, v.marks.vendor...)
	result := "read"
	if err != nil {
		result = "failed"
	}
	c.tel.imports.Add(ctx, 1, c.tel.with(attribute.String("mail.vendor", v.name), attribute.String("mail.import", result))...)
	if out.New > 0 {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "a vendor did not mail what it could not deliver", slog.String("vendor", v.name), slog.Int64("pieces", out.New))
		c.wakeUp()
	}
	return out, err
}

func (c *Client) importSince(ctx context.Context, v *vendor, since time.Time) (out Imported, err error) {
	k := &call{c: c, v: v}
	guarded := k.guard(postproof.OpListUndeliverable, func() error {
		for order, e := range vendors.ListUndeliverable(ctx, v.adapter, k, since) {
			if e == nil && order != nil {
				out.Listed++
				if e = c.undelivered(ctx, v, order, &out); c.meetDamaged(ctx, e) {
					out.Damaged++
					e = nil
				}
			}
			if e != nil {
				err = e
				return nil
			}
		}
		return nil
	})
	return out, cmp.Or(err, guarded)
}

// undelivered applies one line of the list.
func (c *Client) undelivered(ctx context.Context, v *vendor, o *vendors.Order, out *Imported) error {
	id := c.id() // before the record
	rec, err := c.recordOf(ctx, &postproof.Event{Vendor: v.name, Account: v.account.Fingerprint, VendorID: o.Receipt.VendorID, Ref: o.Receipt.Ref})
	if postproof.CodeOf(err) == postproof.CodeNotFound {
		out.Foreign++
		return nil
	}
	if err != nil {
		return err
	}
	known := false
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if s.Vendor != v.name || (s.VendorID != o.Receipt.VendorID && s.Twin != o.Receipt.VendorID && (o.Receipt.Ref == "" || s.Ref != o.Receipt.Ref)) {
			continue
		}
		if s.Account != "" && !sameAccount(v, s.Account) {
			continue // an id of another account's
		}
		known = true
		if s.Fate != "" { // it was known to be dead
			return nil
		}
	}
	switch {
	case !known || rec.Tombstone || rec.Newer():
		out.Foreign++
		return nil
	case rec.State == idempotency.Done && !o.Status.Supersedes(rec.Status): // told once is enough
		return nil
	}
	sighting := see(o, vendors.Facts{}, o.Receipt.Ref, rec.Mode)
	sighting.Status.Source = postproof.SourcePoll
	_, err = c.changeRecord(ctx, "import undeliverable", id, rec, idempotency.Observe{
		Vendor: v.name, Ref: o.Receipt.Ref, VendorID: o.Receipt.VendorID, Sighting: sighting,
	})
	if err == nil {
		out.New++
	}
	return err
}

// importState is what the ledger remembers of a vendor's imports.
type importState struct {
	// Tried is when the last one was begun, Done when the last one was begun that
	// read the whole list.
	Tried time.Time `json:"tried"`
	Done  time.Time `json:"done,omitzero"`
}

func (s importState) next(every time.Duration) time.Time {
	if s.Done.Equal(s.Tried) {
		return s.Tried.Add(every)
	}
	return s.Tried.Add(min(importAgain, every))
}

// imports starts the imports that are due, beside the work.
func (p *pool) imports() {
	now := p.c.now()
	for _, v := range p.c.vendors {
		if _, lists := v.adapter.(vendors.UndeliverableLister); lists && v.imports.due(now, importLooks) {
			p.busy.Go(func() { p.c.importDue(p.ctx, v, now) })
		}
	}
}

// importDue imports a vendor's list if its time has come and no other process
// is at it. The mark in the ledger is moved first, so that only one of them is.
func (c *Client) importDue(ctx context.Context, v *vendor, now time.Time) {
	name := "undeliverable/" + v.name + "/" + v.account.Fingerprint
	epoch := c.id().Epoch // a restored ledger does not know what was imported into the lost one
	mark, err := c.store.Setting(ctx, name)
	var state importState
	if err == nil && mark.Value != nil {
		err = json.Unmarshal(mark.Value, &state)
	}
	if err == nil && mark.Value == nil {
		state.Done = c.importedBefore(ctx, v)
	}
	if err != nil || now.Before(state.next(cmp.Or(v.caps.Poll, importEvery))) {
		return
	}
	state.Tried = now
	if !c.markImport(ctx, epoch, name, state, mark.Version) {
		return
	}
	since := now.Add(-importFirst)
	if !state.Done.IsZero() {
		since = state.Done.Add(-importOverlap)
	}
	if _, err := c.ImportUndeliverable(ctx, v.name, since); err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "the list of undeliverable pieces could not be imported; it is tried again",
			slog.String("vendor", v.name), slog.String("error", err.Error()))
		return
	}
	state.Done = state.Tried
	c.markImport(ctx, epoch, name, state, mark.Version+1)
}

// importedBefore returns when the list was last read under a former name of the
// account, zero if it never was: the first import of the new name goes on from there.
func (c *Client) importedBefore(ctx context.Context, v *vendor) (done time.Time) {
	for _, former := range v.config.FormerAccounts {
		var state importState
		mark, err := c.store.Setting(ctx, "undeliverable/"+v.name+"/"+former)
		if err == nil && mark.Value != nil && json.Unmarshal(mark.Value, &state) == nil && state.Done.After(done) {
			done = state.Done
		}
	}
	return done
}

func (c *Client) markImport(ctx context.Context, epoch, name string, state importState, expect uint64) bool {
	w, err := writing(name, state, expect)
	if err == nil {
		err = idempotency.CommitOne(ctx, c.store, idempotency.Change{Epoch: epoch, Settings: []idempotency.SettingWrite{w}})
	}
	return err == nil // else another was quicker, or the ledger is away: the next look finds out
}
