package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// ErrEpochChanged means that the ledger's history was broken: call
// [Client.Recover] before anything is sent.
// What people ask for is refused with it, too: the record may know less than
// the lost history did.
var ErrEpochChanged = errors.New("the ledger was restored from a backup, copied or promoted: run Recover before anything is sent")

// id is who the ledger is, as of the last look.
func (c *Client) id() *idempotency.Identity { return c.identity.Load() }

// checkLedger reads who the ledger is, what is paused, and what artwork was deleted, again
// when the last look is older than a poll interval: the database behind the connection may
// have been restored, or another process may have recovered it, or paused something. Nothing
// is sent before the spool folder is noted.
func (c *Client) checkLedger(ctx context.Context) error {
	if err := c.tendSpools(ctx, c.id()); err != nil {
		return err
	}
	now, last := c.clock.Now().UnixNano(), c.checkedAt.Load()
	if age := now - last; (age >= 0 && age < int64(c.poll)) || !c.checkedAt.CompareAndSwap(last, now) {
		return nil
	}
	err := c.readLedger(ctx)
	if err != nil {
		c.checkedAt.Store(0)
	}
	return err
}

// recheckLedger is checkLedger whenever the last look was.
func (c *Client) recheckLedger(ctx context.Context) error {
	c.checkedAt.Store(0)
	return c.checkLedger(ctx)
}

func (c *Client) readLedger(ctx context.Context) error {
	id, err := c.store.Identity(ctx)
	if err != nil {
		return notSent(codeOfStore(err), "identity", fmt.Errorf("ledger: %w", err))
	}
	c.see(id.Newest)
	c.exchange()
	if _, err := c.readPauses(ctx, id.Epoch); err != nil {
		return err
	}
	if _, _, err := c.readArtErased(ctx, "identity"); err != nil {
		return err
	}
	old := c.id()
	if id.EpochChanged() == old.EpochChanged() && id.Epoch == old.Epoch {
		c.identity.Store(&id)
		return nil
	}
	c.tellBroken(ctx, &id)
	return c.adopt(ctx, &id)
}

// adopt makes an identity that was just read the one that this client goes by. Its history
// may be another one, which knows less than this client did.
func (c *Client) adopt(ctx context.Context, id *idempotency.Identity) error {
	// Whoever recovers it is to know how far this client may have taken a job.
	if err := c.keepReach(ctx); err != nil {
		return err
	}
	if !id.EpochChanged() {
		if err := c.countBefore(ctx); err != nil {
			return err
		}
	}
	// One that was mended elsewhere counts only with its doubts.
	if err := c.readDoubt(ctx, id); err != nil {
		return err
	}
	c.identity.Store(id)
	return nil
}

// tellBroken says that nothing is sent, if that is so.
func (c *Client) tellBroken(ctx context.Context, id *idempotency.Identity) {
	if id.EpochChanged() {
		c.logger.LogAttrs(ctx, slog.LevelError, "the ledger's history was broken (restored backup, copied file, promoted replica): nothing is submitted until Recover")
	}
}

// ready checks that the ledger may be worked on.
func (c *Client) ready(ctx context.Context) error {
	id, err := c.store.Identity(ctx)
	if err != nil {
		return c.storeError("identity", err)
	}
	c.see(id.Newest)
	if _, err := c.readPauses(ctx, id.Epoch); err != nil {
		return err
	}
	if err := c.adopt(ctx, &id); err != nil {
		return err
	}
	if id.EpochChanged() {
		return c.epochError("work")
	}
	return nil
}

func (c *Client) epochError(op string) error {
	return notSent(postproof.CodeUnavailable, op, ErrEpochChanged)
}

// otherEpoch is epochError for what the store refused because its history is another one
// by now: who asks next looks at it again.
func (c *Client) otherEpoch(op string) error {
	c.checkedAt.Store(0)
	return c.epochError(op)
}
