package client

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

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
		if x.e.DryRun && isAmong(x.done, rec.ID) {
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

// addLeft takes the artwork that the record only names any more
// ([idempotency.Record] Artwork), as far as it is still there.
func (x *erasing) addLeft(ctx context.Context, rec *idempotency.Record) error {
	for _, b := range rec.Artwork {
		rc, err := x.c.store.OpenBlob(ctx, b)
		if errors.Is(err, idempotency.ErrNotFound) {
			continue
		}
		if err == nil {
			err = rc.Close()
		}
		if err != nil && !errors.Is(err, idempotency.ErrCorrupt) {
			return artworkError(opErase, err)
		}
		x.artwork = union(x.artwork, []postproof.Blob{b})
	}
	return nil
}

// eraseNames takes from the tombstones the names of artwork that is gone: nothing
// needs to be looked for by them any more. Where that fails they only stay.
func (x *erasing) eraseNames(ctx context.Context) error {
	left := func(b postproof.Blob) bool {
		return slices.ContainsFunc(x.rep.Artwork, func(a ErasedArtwork) bool { return a.Digest == b.Digest && a.Outcome != ArtworkErased })
	}
	for i, rec := range x.found {
		if !rec.Tombstone || !slices.ContainsFunc(rec.Artwork, func(b postproof.Blob) bool { return !left(b) }) {
			continue
		}
		w := x.c.workIn(x.id, rec, nil)
		bare := rec.WithoutArtwork(func(b postproof.Blob) bool { return !left(b) })
		switch err := w.commit(ctx, idempotency.Change{Record: bare, Expect: rec.Fence}); {
		case err == nil:
			x.found[i] = w.rec
		case !errors.Is(err, idempotency.ErrStale) && !errors.Is(err, ErrEpochChanged):
			return err
		}
	}
	return nil
}
