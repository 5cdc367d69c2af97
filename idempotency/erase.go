package idempotency

import (
	"context"

	"github.com/postproof/postproof"
)

// What erasure needs of a store beside its interfaces is asked of it by type
// assertion: a store without it is whole, and the report of an erasure says what
// is left.

// BlobRemover is a store that can delete artwork. The stores of this module are.
type BlobRemover interface {
	// RemoveBlob deletes the content, durably; content that is not there is no
	// error. Whoever calls it knows that no record needs it any more. Readers that
	// have it open may fail.
	RemoveBlob(ctx context.Context, b postproof.Blob) error
}

// Scrubber is a store that can see to it that its medium holds nothing of what
// was deleted.
type Scrubber interface {
	// Scrub overwrites what was deleted and moves what is left into place, as far
	// as the store's files go; with whole it rewrites all of them, and so also
	// drops what was deleted without being overwritten: by an older version, or
	// when records were moved about. It may take long, and room for a copy, and
	// holds up those who write. An error means that something may be left: call it
	// again. Copies, backups, and what a file system or a disk keeps of old blocks
	// are out of its reach.
	Scrub(ctx context.Context, whole bool) error
}
