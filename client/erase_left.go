package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// erasePending is the setting that remembers what is still to be done for jobs
// whose content is gone: nothing else would find them after an interruption.
const erasePending = "erase/pending"

type pendingErasure struct {
	IDs     []idempotency.ID `json:"ids,omitempty"`
	Artwork []postproof.Blob `json:"artwork,omitempty"`
}

// begun notes what will have to be done, and takes over what an erasure before
// has left.
func (x *erasing) begun(ctx context.Context) error {
	return x.pending(ctx, func(p *pendingErasure) error {
		for _, id := range p.IDs {
			if slices.ContainsFunc(x.found, func(r *idempotency.Record) bool { return r.ID == id }) {
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
			if rec.Erased() && !slices.ContainsFunc(x.done, func(r *idempotency.Record) bool { return r.ID == id }) {
				x.done = append(x.done, rec)
			}
		}
		for _, rec := range x.found {
			if !slices.Contains(p.IDs, rec.ID) {
				p.IDs = append(p.IDs, rec.ID)
			}
		}
		for _, b := range p.Artwork {
			if !slices.Contains(x.artwork, b) {
				x.artwork = append(x.artwork, b)
			}
		}
		p.Artwork = slices.Clone(x.artwork)
		return nil
	})
}

// settled takes out of it what was done.
func (x *erasing) settled(ctx context.Context) error {
	return x.pending(ctx, func(p *pendingErasure) error {
		p.IDs = slices.DeleteFunc(p.IDs, func(id idempotency.ID) bool {
			is := func(r *idempotency.Record) bool { return r.ID == id }
			return slices.ContainsFunc(x.found, is) || slices.ContainsFunc(x.done, is)
		})
		p.Artwork = slices.DeleteFunc(p.Artwork, func(b postproof.Blob) bool { return slices.Contains(x.artwork, b) && !slices.Contains(x.later, b) })
		return nil
	})
}

// pending changes the setting, again when somebody else was quicker.
func (x *erasing) pending(ctx context.Context, change func(*pendingErasure) error) error {
	for range 32 {
		epoch := x.c.id().Epoch
		set, err := x.c.store.Setting(ctx, erasePending)
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		var p pendingErasure
		if len(set.Value) > 0 {
			if err := json.Unmarshal(set.Value, &p); err != nil {
				return x.c.storeError(opErase, errors.Join(idempotency.ErrCorrupt, err))
			}
		}
		if err := change(&p); err != nil {
			return x.c.storeError(opErase, err)
		}
		text, err := json.Marshal(&p)
		if err != nil {
			return invalid(opErase, err)
		}
		if bytes.Equal(text, set.Value) || (set.Version == 0 && string(text) == "{}") {
			return nil
		}
		err = idempotency.CommitOne(ctx, x.c.store, idempotency.Change{
			Epoch: epoch, Settings: []idempotency.SettingWrite{{Name: erasePending, Value: text, Expect: set.Version}},
		})
		switch {
		case err == nil:
			return nil
		case errors.Is(err, idempotency.ErrEpoch):
			x.c.checkedAt.Store(0)
			if err := x.c.refresh(ctx); err != nil {
				return err
			}
		case !errors.Is(err, idempotency.ErrStale):
			return x.c.storeError(opErase, err)
		}
	}
	return x.c.storeError(opErase, idempotency.ErrStale)
}

// eraseArtwork deletes the artwork that no job refers to any more, or says what
// is left.
func (x *erasing) eraseArtwork(ctx context.Context) error {
	if len(x.artwork) == 0 {
		return nil
	}
	for _, b := range x.artwork {
		x.c.art.forget(b.Digest)
		x.rep.Artwork = append(x.rep.Artwork, ErasedArtwork{Digest: b.Digest, Size: b.Size, Outcome: ArtworkLeft})
	}
	remover, ok := x.c.store.(idempotency.BlobRemover)
	if !ok || !x.e.Artwork {
		return nil
	}
	if !x.e.DryRun {
		if err := x.announceArt(ctx); err != nil { // before the look at who refers to it
			return err
		}
	}
	if err := x.shared(ctx); err != nil {
		return err
	}
	if !x.e.DryRun {
		return x.deleteArt(ctx, remover)
	}
	for i := range x.artwork {
		if a := &x.rep.Artwork[i]; a.Outcome != ArtworkShared {
			a.Outcome = ArtworkErased
		}
	}
	return nil
}

// shared finds what other jobs refer to.
func (x *erasing) shared(ctx context.Context) error {
	for rec, err := range x.c.store.Find(ctx, idempotency.Query{}) {
		if x.unread(ctx, err) {
			continue // it is not sent; should it be restored, it is held until the artwork is put back
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if x.e.DryRun && slices.ContainsFunc(x.done, func(r *idempotency.Record) bool { return r.ID == rec.ID }) {
			continue // it would be erased
		}
		for i := range x.rep.Artwork {
			if a := &x.rep.Artwork[i]; bytes.Contains(rec.Job, []byte(a.Digest)) {
				a.Outcome = ArtworkShared
			}
		}
	}
	return nil
}

// eraseSpooled takes what this process's spool says of the person: answers that
// the ledger has no place for stay as evidence of a piece.
func (x *erasing) eraseSpooled(context.Context) error {
	n, err := x.c.spooled.redact(func(id idempotency.ID) bool {
		return slices.ContainsFunc(x.done, func(r *idempotency.Record) bool { return r.ID == id })
	})
	x.rep.Answers = n
	if err != nil {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Op: opErase, Err: err}
	}
	return nil
}
