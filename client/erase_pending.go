package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// erasePending is the setting that remembers what is still to be done for jobs
// whose content is gone: nothing else would find them after an interruption.
const erasePending = "erase/pending"

type pendingErasure struct {
	IDs     []idempotency.ID            `json:"ids,omitempty"`
	Artwork []postproof.Blob            `json:"artwork,omitempty"`
	Heard   map[idempotency.ID][]uint64 `json:"heard,omitempty"`
}

// begun notes what will have to be done, and takes over what an erasure before
// has left. From then on none of the jobs is mailed once more ([Client.Remail] reads
// the note); what was until then is found by the history.
func (x *erasing) begun(ctx context.Context) error {
	for {
		if err := x.noted(ctx); err != nil {
			return err
		}
		before := len(x.found)
		if err := x.remails(ctx); err != nil || len(x.found) == before {
			return err
		}
	}
}

// remails finds the second pieces that were made since the contacts were looked for.
func (x *erasing) remails(ctx context.Context) error {
	for _, first := range slices.Clone(x.found) {
		for e, err := range x.c.store.Entries(ctx, idempotency.EntryQuery{ID: first.ID, Kinds: []idempotency.EntryKind{kindRemailed}}) {
			if x.unread(ctx, err) {
				continue
			}
			if err != nil {
				return x.c.storeError(opErase, err)
			}
			second, err := x.c.store.Get(ctx, idempotency.IDOf(remailKey(first.ID, e.Note)))
			switch {
			case errors.Is(err, idempotency.ErrNotFound), x.unread(ctx, err):
				continue // of another history, or told of
			case err != nil:
				return x.c.storeError(opErase, err)
			case second.Contact == "" || !slices.Contains(x.search, second.Contact):
				continue // its key was not named
			}
			if err := x.add(ctx, second); err != nil {
				return err
			}
		}
	}
	return nil
}

// noted writes the note.
func (x *erasing) noted(ctx context.Context) error {
	return x.pending(ctx, func(p *pendingErasure) error {
		for _, id := range p.IDs {
			if isAmong(x.found, id) {
				continue
			}
			rec, err := x.c.store.Get(ctx, id)
			if errors.Is(err, idempotency.ErrNotFound) {
				continue // of another history
			}
			if x.unread(ctx, err) {
				continue // it stays among what is to be done
			}
			if err != nil {
				return err
			}
			if rec.Erased() && !isAmong(x.done, id) {
				x.done = append(x.done, rec)
			}
		}
		for _, rec := range x.found {
			if !slices.Contains(p.IDs, rec.ID) {
				p.IDs = append(p.IDs, rec.ID)
			}
		}
		if p.Heard == nil {
			p.Heard = map[idempotency.ID][]uint64{}
		}
		for id, all := range p.Heard {
			x.heard[id] = union(x.heard[id], all)
		}
		for _, rec := range x.found {
			if all := x.heard[rec.ID]; len(all) > 0 {
				p.Heard[rec.ID] = all
			}
		}
		x.artwork = union(x.artwork, p.Artwork)
		p.Artwork = slices.Clone(x.artwork)
		return nil
	})
}

// settled takes out of it what was done.
func (x *erasing) settled(ctx context.Context) error {
	return x.pending(ctx, func(p *pendingErasure) error {
		p.IDs = slices.DeleteFunc(p.IDs, func(id idempotency.ID) bool { return isAmong(x.found, id) || isAmong(x.done, id) })
		maps.DeleteFunc(p.Heard, func(id idempotency.ID, _ []uint64) bool { return !slices.Contains(p.IDs, id) })
		p.Artwork = slices.DeleteFunc(p.Artwork, func(b postproof.Blob) bool { return slices.Contains(x.artwork, b) && !slices.Contains(x.later, b) })
		return nil
	})
}

func isAmong(all []*idempotency.Record, id idempotency.ID) bool {
	return slices.ContainsFunc(all, func(r *idempotency.Record) bool { return r.ID == id })
}

func union[T comparable](a, b []T) []T {
	for _, n := range b {
		if !slices.Contains(a, n) {
			a = append(a, n)
		}
	}
	return a
}

// pending changes the note.
func (x *erasing) pending(ctx context.Context, change func(*pendingErasure) error) error {
	return x.edit(ctx, erasePending, func(set *idempotency.Setting) (any, error) {
		p, err := parseSetting[pendingErasure](set)
		if err == nil {
			err = change(&p)
		}
		if err != nil {
			return nil, x.c.storeError(opErase, err)
		}
		text, err := json.Marshal(&p)
		if err != nil {
			return nil, invalid(opErase, err)
		}
		if bytes.Equal(text, set.Value) || (set.Version == 0 && string(text) == "{}") {
			return nil, nil
		}
		return json.RawMessage(text), nil
	})
}

// edit changes a setting, again when somebody else was quicker. The change may be none:
// then it returns nil.
func (x *erasing) edit(ctx context.Context, name string, change func(*idempotency.Setting) (any, error)) error {
	c := x.c
	for range 32 {
		epoch := c.id().Epoch
		set, err := c.store.Setting(ctx, name)
		if err != nil {
			return c.storeError(opErase, err)
		}
		value, err := change(&set)
		if err != nil || value == nil {
			return err
		}
		w, err := writing(name, value, set.Version)
		if err != nil {
			return invalid(opErase, err)
		}
		err = idempotency.CommitOne(ctx, c.store, idempotency.Change{Epoch: epoch, Settings: []idempotency.SettingWrite{w}})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, idempotency.ErrEpoch):
			if err := c.recheckLedger(ctx); err != nil {
				return err
			}
		case !errors.Is(err, idempotency.ErrStale):
			return c.storeError(opErase, err)
		}
	}
	return c.storeError(opErase, idempotency.ErrStale)
}

// eraseSpooled takes what this process's spool says of the person: answers that
// the ledger has no place for stay as evidence of a piece.
func (x *erasing) eraseSpooled(ctx context.Context) error {
	if err := x.c.startSpooling(ctx, opErase); err != nil {
		return err
	}
	defer func() { <-x.c.spooling }()
	n, err := x.c.spooled.Redact(func(id idempotency.ID) bool { return isAmong(x.done, id) })
	x.rep.Answers = n
	if err != nil {
		return notSent(postproof.CodeUnavailable, opErase, err)
	}
	return nil
}
