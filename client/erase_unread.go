package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// rowsErased erases rows of all snapshots. One that is damaged keeps her in no other
// one, nor anywhere else.
func (x *erasing) rowsErased(ctx context.Context, rows snapshot.Erasure) (all []snapshot.Erased, err error) {
	var ids []snapshot.ID
	for id, err := range x.e.Snapshots.List(ctx) { // before any is written
		if err != nil {
			return nil, notSent(codeOfStore(err), opErase, fmt.Errorf("list the snapshots: %w", err))
		}
		ids = append(ids, id)
	}
	var errs []error
	for _, id := range ids {
		rows.IDs = []snapshot.ID{id}
		some, err := snapshot.Erase(ctx, x.e.Snapshots, rows)
		all = append(all, some...)
		switch {
		case errors.Is(err, snapshot.ErrCorrupt):
			x.left("snapshot", string(id))
		case err != nil:
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(errs) == 1 {
		return all, errs[0]
	}
	return all, errors.Join(errs...)
}

// left notes what could not be looked into, once.
func (x *erasing) left(kind, id string) {
	if one := (ErasureUnread{kind, id}); !slices.Contains(x.rep.Unread, one) {
		x.rep.Unread = append(x.rep.Unread, one)
	}
}

// unread reports whether an error is about one damaged thing, and notes that it could
// not be looked into: it keeps nothing else from being erased.
func (x *erasing) unread(ctx context.Context, err error) bool {
	if !x.c.meetDamaged(ctx, err) {
		return false
	}
	switch one := idempotency.AsDamaged(err); {
	case one.Message != 0:
		x.left("message", strconv.FormatUint(one.Message, 10))
	case one.Entry != 0:
		x.left("entry", strconv.FormatUint(one.Entry, 10))
	default:
		x.left("record", string(one.Record))
	}
	return true
}
