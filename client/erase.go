package client

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Erasure says whose data is erased, and how far.
type Erasure struct { //nolint:recvcheck // it is printed by value as well
	// Keys are jobs, found without a search.
	Keys []postproof.Key
	// Contacts are as in [postproof.Job] Contact. For them the ledger is read
	// through, once. Of jobs that were pruned those are found whose artwork is left.
	Contacts []string
	// Related takes the other jobs of the contacts that the jobs of Keys name as
	// well, re-mails for example. The ledger is read through for them.
	Related bool
	// Snapshots are searched for the rows of the contacts, those that the jobs of
	// Keys name included, and of Addresses. Nil for none.
	Snapshots snapshot.Store
	// Addresses select rows of snapshots by where they go; everybody's who lives
	// there.
	Addresses []snapshot.AddressKey

	// Blobs is artwork that was made for the person and that no record knows of: of a
	// job whose transaction was rolled back, whose first commit failed, or that was in
	// one list with another of its key, and of what was amended or pruned by a version
	// that did not write it down. Markup has the SHA-256 of its text as digest, and the
	// text's length in bytes as size. What a job refers to is left, as by Artwork.
	Blobs []postproof.Blob

	// Now erases at once what belongs to pieces that a vendor has, or may have.
	// They are followed by reference to their end and never made anew. Without it
	// they keep what another generation would need, and are erased by themselves
	// when they come to rest.
	Now bool
	// Stop has vendors cancel such pieces, where there is still time. It implies
	// Now: what is to be canceled is never made anew.
	Stop bool
	// Artwork deletes the artwork that no other job refers to, also what a job had
	// before it was amended or pruned, or before an erasure without Artwork. The ledger is read
	// through for that, twice. Jobs may be handed in meanwhile, with the very same
	// artwork, too: Enqueue stores their markup again where it was deleted. Of a blob
	// that they only name, and that no job referred to before, it cannot, and returns
	// an error; they are held unless it is put back within ten minutes, as are jobs of
	// a transaction ([Client.EnqueueTx]) that is committed after the deletion, and what
	// another process was handed by Submit meanwhile or in the second after it. Put the artwork
	// back and release them: nothing of them is lost. Without Artwork the report lists
	// the digests that are left.
	Artwork bool
	// Compact has the store rewrite its files, so that nothing is left even of
	// what an older version had deleted without overwriting it. It takes long, and
	// room for a second copy.
	Compact bool
	// ProofKey makes the digests of what was erased keyed ones (HMAC-SHA256), so
	// that only who has it can prove by them what was erased. Without it they are
	// plain, and who can guess all that they are of can confirm the guess.
	ProofKey []byte
	// DryRun changes nothing, and reports what would be done.
	DryRun bool
}

// String returns a form without the person, and without the key of the proofs.
func (e Erasure) String() string {
	return fmt.Sprintf("erasure(%d keys, %d contacts, %d addresses)", len(e.Keys), len(e.Contacts), len(e.Addresses))
}

// GoString keeps %#v from printing them.
func (e Erasure) GoString() string { return "client.Erasure{" + e.String() + "}" }

// LogValue implements [slog.LogValuer] without them.
func (e Erasure) LogValue() slog.Value { return slog.StringValue(e.String()) }

// ErasureOutcome is what became of a job's data.
type ErasureOutcome string

// The outcomes.
const (
	// ErasureBuried: the job is at rest, and a tombstone is all that is left.
	ErasureBuried ErasureOutcome = "buried"
	// ErasureFollowed: nothing personal is left, but a vendor has the piece, or
	// may have it: it is followed by reference, and buried at its end.
	ErasureFollowed ErasureOutcome = "followed"
	// ErasureOpen: a vendor has the piece, or may have it, and the job keeps its
	// data until it comes to rest, when it is buried by itself. Come again after
	// [ErasedJob] After for what belongs to it elsewhere, or ask with Now;
	// [Client.Erasing] lists them.
	ErasureOpen ErasureOutcome = "open"
	// ErasureBefore: it was a tombstone already.
	ErasureBefore ErasureOutcome = "before"
	// ErasureNewer: a newer version wrote the record; nothing was changed.
	ErasureNewer ErasureOutcome = "newer"
)

// ErasedPiece is one submission of an erased job. It stays, so that the piece
// can be told from others.
type ErasedPiece struct {
	Vendor   string        `json:"vendor"`
	Ref      postproof.Ref `json:"ref,omitempty"`
	VendorID string        `json:"vendor_id,omitempty"`
}

// ErasedJob is what became of one job.
type ErasedJob struct {
	// ID is the record's: the SHA-256 of its key.
	ID      idempotency.ID `json:"id"`
	Outcome ErasureOutcome `json:"outcome"`
	// State is that of the record afterwards.
	State  idempotency.State `json:"state"`
	Pieces []ErasedPiece     `json:"pieces,omitempty"`
	// Digest is that of the job's content, empty when there was none; see
	// [Erasure] ProofKey.
	Digest string `json:"digest,omitempty"`
	// After is when an open job comes to rest, or is held, at the latest; zero for
	// one that is held.
	After time.Time `json:"after,omitzero"`
}

// ErasedMessage is a callback whose body and headers were erased.
type ErasedMessage struct {
	ID     uint64 `json:"id"`
	Vendor string `json:"vendor"`
	// Digest is that of the body; see [Erasure] ProofKey. Empty for an open one.
	Digest string `json:"digest,omitempty"`
	// Open: it waits to be applied, and is erased then.
	Open bool `json:"open,omitempty"`
}

// ArtworkOutcome is what became of a job's artwork.
type ArtworkOutcome string

// The outcomes.
const (
	// ArtworkErased: no other job referred to it.
	ArtworkErased ArtworkOutcome = "erased"
	// ArtworkShared: other jobs refer to it, or this one, which is open: come again.
	ArtworkShared ArtworkOutcome = "shared"
	// ArtworkLeft: it was not asked for, or the store cannot delete artwork. If it
	// was made for this person alone, it is still there.
	ArtworkLeft ArtworkOutcome = "left"
)

// ErasedArtwork is artwork that an erased job referred to.
type ErasedArtwork struct {
	// Digest is its SHA-256, which is its name.
	Digest  string         `json:"digest"`
	Size    int64          `json:"size"`
	Outcome ArtworkOutcome `json:"outcome"`
}

// StorageOutcome says what is left on the medium of what was deleted.
type StorageOutcome string

// The outcomes.
const (
	// StorageOverwritten: the store has overwritten what it deleted.
	StorageOverwritten StorageOutcome = "overwritten"
	// StorageCompacted: the store has rewritten all of its files.
	StorageCompacted StorageOutcome = "compacted"
	// StorageLeft: it is up to the database, see the store's documentation.
	StorageLeft StorageOutcome = "left"
)

// ErasureUnread is something damaged that an erasure could not look into. A record or
// an entry is whole again after the whole database was restored and recovered; a
// message when its row is put back or deleted; a snapshot when its folder is. Erase
// again then.
type ErasureUnread struct {
	// Kind is record, entry, message or snapshot.
	Kind string `json:"kind"`
	// ID is a record's or snapshot's id, an entry's number or a message's.
	ID string `json:"id"`
}

// ErasureReport says what was erased, store by store. It holds no personal data:
// the ids and digests in it are pseudonyms.
type ErasureReport struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Why    string    `json:"why,omitempty"`
	DryRun bool      `json:"dry_run,omitempty"`

	Jobs []ErasedJob `json:"jobs,omitempty"`
	// Unknown are the ids of keys that the ledger never had.
	Unknown  []idempotency.ID `json:"unknown,omitempty"`
	Messages []ErasedMessage  `json:"messages,omitempty"`
	// Answers is the number of vendors' answers in this process's spool that lost
	// what they said of the person.
	Answers   int               `json:"answers,omitempty"`
	Artwork   []ErasedArtwork   `json:"artwork,omitempty"`
	Snapshots []snapshot.Erased `json:"snapshots,omitempty"`
	Storage   StorageOutcome    `json:"storage,omitempty"`

	// Unread is what could not be looked into, because it is damaged: it may hold
	// something of the person. Everything else was erased and read back all the same.
	Unread []ErasureUnread `json:"unread,omitempty"`
	// Problems are what was found when everything was read back: not erased
	// although it should be. None if all is well.
	Problems []string `json:"problems,omitempty"`

	// Entry is the report's entry in the change log, Digest what it says there:
	// the SHA-256 of the report without Entry and Digest, as JSON.
	Entry  uint64 `json:"entry,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// Complete reports whether nothing is left to come again for, and nothing was left
// because it could not be looked into.
func (r *ErasureReport) Complete() bool {
	for i := range r.Jobs {
		if o := r.Jobs[i].Outcome; o == ErasureOpen || o == ErasureNewer {
			return false
		}
	}
	for i := range r.Messages {
		if r.Messages[i].Open {
			return false
		}
	}
	return !r.DryRun && len(r.Problems)+len(r.Unread) == 0
}
