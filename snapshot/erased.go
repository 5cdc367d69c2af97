package snapshot

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// ErrErased says that rows of the snapshot were erased, and that another one
// has taken its place. The error is an [*ErasedError], and [ErrNotFound] as well.
var ErrErased = errors.New("rows of the snapshot were erased, and another one has taken its place")

// ErasedError names the successor of a snapshot of which rows were erased. It is
// [ErrErased].
type ErasedError struct {
	// ID is the snapshot that is gone, Successor the one that has what is left.
	ID, Successor ID
}

// Error names both.
func (e *ErasedError) Error() string {
	return "rows of snapshot " + string(e.ID) + " were erased: use " + string(e.Successor) + ", which has taken its place"
}

// Unwrap returns [ErrErased] and [ErrNotFound].
func (*ErasedError) Unwrap() []error { return []error{ErrErased, ErrNotFound} }

// gone says more about a snapshot that is not there: whether another one has
// taken its place.
func gone(ctx context.Context, store Store, id ID, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, next, ferr := successor(ctx, store, id); ferr == nil && next != "" {
		return &ErasedError{ID: id, Successor: next}
	}
	return err
}

// successor looks for the snapshot that has taken the place of one of these, and
// returns which; the latest, should there be several because an erasure was
// interrupted.
func successor(ctx context.Context, store Store, ids ...ID) (was, found ID, _ error) {
	most := 0
	for other, err := range store.List(ctx) {
		if err != nil {
			return "", "", err
		}
		data, err := readManifest(ctx, store, other)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
			continue // removed meanwhile, or no successor of anything
		}
		if err != nil {
			return "", "", err
		}
		if !slices.ContainsFunc(ids, func(id ID) bool { return bytes.Contains(data, []byte(id)) }) {
			continue // as nearly all
		}
		m, err := decodeManifest(data, other)
		if err != nil || len(m.Replaces) <= most {
			continue
		}
		if at := slices.IndexFunc(ids, func(id ID) bool { return slices.Contains(m.Replaces, id) }); at >= 0 {
			was, found, most = ids[at], other, len(m.Replaces)
		}
	}
	return was, found, nil
}
