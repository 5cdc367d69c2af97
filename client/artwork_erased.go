package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Artwork is deleted by an erasure while jobs are handed in: no record that the
// erasure reads may refer to it, and the next one to be stored does. Nothing is lost
// by that where the content is at hand on one of the two sides:
//
//   - Whoever erases says so in a setting, before it looks for references. After the
//     deletion it says so once more, looks again, and puts back what is referred to by
//     then.
//   - Whoever hands in looks at the setting before the first look for what is stored
//     already, and again after the commit. If it changed the reference may have come
//     too late to be seen, and the artwork is stored once more.
//
// A worker that finds the artwork missing in between waits.

// artErasedSetting says when artwork was last deleted.
const artErasedSetting = "erase/artwork"

type artErased struct {
	At time.Time `json:"at"`
}

// artErasedFor is how long a job without its artwork waits after a deletion for
// whoever handed it in to store it again.
const artErasedFor = 10 * time.Minute

// readArtErased reads what deletions there were.
func (c *Client) readArtErased(ctx context.Context, op string) (artErased, uint64, error) {
	e, version, err := readSetting[artErased](ctx, c, op, artErasedSetting)
	if err == nil {
		c.artErased.Store(version)
	}
	return e, version, err
}

// artHistory names what artwork is known to be stored in: a history of the ledger, as
// long as nothing is deleted.
func (c *Client) artHistory(epoch string) string {
	return epoch + "/" + strconv.FormatUint(c.artErased.Load(), 10)
}

// announceArt says that artwork is about to be deleted.
func (x *erasing) announceArt(ctx context.Context) error {
	err := x.edit(ctx, artErasedSetting, func(*idempotency.Setting) (any, error) { return artErased{At: x.c.now().UTC()}, nil })
	if err == nil {
		_, _, err = x.c.readArtErased(ctx, opErase)
	}
	return err
}

// maxKept is how much artwork an erasure keeps in memory until it has looked again.
const maxKept = 64 << 20

// deleteArt deletes what nothing refers to, and puts back what is referred to after
// all, also when not all of it could be deleted.
func (x *erasing) deleteArt(ctx context.Context, remover idempotency.BlobRemover) error {
	kept := make([][]byte, len(x.artwork))
	failed := x.removeArt(ctx, remover, kept)
	if !slices.ContainsFunc(kept, func(k []byte) bool { return k != nil }) {
		return failed
	}
	// Whoever looks at the setting after a commit that the look now misses finds it
	// changed, also if the job was planned after it was first said.
	unread := x.announceArt(ctx)
	if unread == nil {
		unread = x.shared(ctx)
	}
	var problem error
	for i := range x.artwork {
		// Nobody knows who refers to it: the next erasure deletes it again.
		if kept[i] != nil && (unread != nil || x.rep.Artwork[i].Outcome == ArtworkShared) {
			x.rep.Artwork[i].Outcome = ArtworkShared
			if _, err := x.c.store.PutBlob(context.WithoutCancel(ctx), bytes.NewReader(kept[i])); err != nil {
				problem = artworkError(opErase, err)
			}
		}
		clear(kept[i])
	}
	return errors.Join(failed, unread, problem)
}

// removeArt deletes what nothing refers to, and keeps its content. That of one whose
// deletion failed is kept, too: it may have been deleted all the same.
func (x *erasing) removeArt(ctx context.Context, remover idempotency.BlobRemover, kept [][]byte) error {
	room := int64(maxKept)
	for i, b := range x.artwork {
		a := &x.rep.Artwork[i]
		if a.Outcome == ArtworkShared {
			continue
		}
		if b.Size > room {
			x.tooMuch(b)
			continue
		}
		content, err := x.content(ctx, b)
		if err != nil {
			return artworkError(opErase, err)
		}
		kept[i], room = content, room-int64(len(content))
		if err := remover.RemoveBlob(ctx, b); err != nil {
			return artworkError(opErase, err)
		}
		x.c.art.forget(b.Digest) // somebody may have read it meanwhile
		a.Outcome = ArtworkErased
	}
	return nil
}

// tooMuch says what to do about artwork that is left, because there is no room to keep
// it until it is certain that nothing refers to it.
func (x *erasing) tooMuch(b postproof.Blob) {
	if b.Size <= maxKept {
		x.later = append(x.later, b)
		x.problem("artwork %.16s…: an erasure takes %d MiB of artwork at most, so this one is left: erase again, which takes it", b.Digest, maxKept>>20)
		return
	}
	x.problem("artwork %.16s…: its %d bytes are more than the %d MiB that can be kept to put it back if a job turns up that refers to it, so it is left: "+
		"see that no job uses it, then remove it by its digest (the store's RemoveBlob)", b.Digest, b.Size, maxKept>>20)
}

// content reads artwork; nil where there is none any more.
func (x *erasing) content(ctx context.Context, b postproof.Blob) ([]byte, error) {
	rc, err := x.c.store.OpenBlob(ctx, b)
	if errors.Is(err, idempotency.ErrNotFound) || errors.Is(err, idempotency.ErrCorrupt) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the artwork: %w", err)
	}
	// Room for all of it at once: what grows leaves copies behind, which nobody clears.
	content := bytes.NewBuffer(make([]byte, 0, max(b.Size, 0)+bytes.MinRead))
	_, err = content.ReadFrom(rc)
	switch err = errors.Join(err, rc.Close()); {
	case errors.Is(err, idempotency.ErrCorrupt):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the artwork: %w", err)
	}
	return content.Bytes(), nil
}

// mendArt stores the artwork of jobs again that were planned before artwork was
// deleted and stored after it.
func (b *backlog) mendArt(ctx context.Context) error {
	c := b.c
	_, version, err := c.readArtErased(ctx, "enqueue")
	if err != nil || version == b.artErased {
		return err
	}
	b.artErased = version
	lost, digest := 0, ""
	for _, q := range b.jobs {
		missing, err := b.mendOne(ctx, q)
		if err != nil {
			return err
		}
		if missing != "" {
			lost, digest = lost+1, missing
		}
	}
	if lost > 0 {
		return notSent(postproof.CodeNotFound, "enqueue", fmt.Errorf(
			"artwork %.16s… was erased (Erasure.Artwork) while jobs with it were handed in: %d are stored without; store it again by PutArtwork within %s, or release them afterwards", digest, lost, artErasedFor))
	}
	return nil
}

// mendOne stores the artwork of one job again. It returns the digest of what is
// missing and only its caller has the content of.
func (b *backlog) mendOne(ctx context.Context, q queued) (missing string, err error) {
	c := b.c
	have, err := b.into.Get(ctx, q.rec.ID)
	switch {
	case errors.Is(err, idempotency.ErrNotFound): // it was rejected
		return "", nil
	case err != nil:
		return "", c.storeError("enqueue", err)
	case have.Tombstone, have.Erased(), have.Fingerprint != q.rec.Fingerprint:
		return "", nil // what was made for an erased person is not stored again
	}
	c.art.in(c.artHistory(q.epoch))
	if _, err := c.art.stow(ctx, &postproof.Job{Piece: q.piece}); err != nil {
		return "", artworkError("enqueue", err)
	}
	for _, blob := range postproof.Blobs(q.piece.Art()) {
		rc, err := c.store.OpenBlob(ctx, blob)
		if errors.Is(err, idempotency.ErrNotFound) {
			return blob.Digest, nil
		}
		if err == nil {
			err = rc.Close()
		}
		if err != nil {
			return "", artworkError("enqueue", err)
		}
	}
	return "", nil
}
