package snapshot

import (
	"context"
	"errors"
)

// ErrErased says that rows of the snapshot were erased, and that another one
// replaces it. The error is an [*ErasedError] and wraps [ErrNotFound], too.
var ErrErased = errors.New("snapshot was replaced: rows of it were erased")

// ErasedError names the successor of a snapshot whose rows were erased.
type ErasedError struct {
	// ID is the snapshot that is gone, Successor the one that has what is left.
	ID, Successor ID
}

// Error names both.
func (e *ErasedError) Error() string {
	return "snapshot " + string(e.ID) + " was replaced by " + string(e.Successor) + ": rows of it were erased"
}

// Unwrap returns [ErrErased] and [ErrNotFound].
func (*ErasedError) Unwrap() []error { return []error{ErrErased, ErrNotFound} }

// Erasure says whose rows are erased.
type Erasure struct {
	// IDs are the snapshots; empty for all of the store.
	IDs []ID
	// Contacts select rows by their ContactID, Addresses by where they go.
	Contacts  []string
	Addresses []AddressKey
	// ProofKey makes the digests of the rows keyed ones (HMAC-SHA256). Without it
	// who can guess a whole row can confirm the guess.
	ProofKey []byte
	// DryRun changes nothing, and returns what would be done.
	DryRun bool
}

// Erased is what became of one snapshot.
type Erased struct {
	// Snapshot is gone, and Successor has what is left of it.
	Snapshot  ID `json:"snapshot"`
	Successor ID `json:"successor"`
	// Accepted and Rejected are the numbers of rows that were erased.
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Digests are those of the rows ([RowDigest]), in the order of the list. The
	// successor's manifest has them as well.
	Digests []string `json:"digests"`
}

// Erase erases rows from snapshots.
func Erase(ctx context.Context, store Store, e Erasure) ([]Erased, error) {
	_, _, _ = ctx, store, e
	return nil, wrap(opErase, errors.ErrUnsupported)
}

// RowDigest returns the digest by which a row of a snapshot is known to have
// been erased.
func RowDigest(proofKey []byte, of ID, row Row) string { _, _, _ = proofKey, of, row; return "" }
