package client

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

const opErase = "erase"

// Erase erases what the ledger, its inbox, the spool and snapshots hold of a
// person, reads it back, and writes to the change log that it was done. What
// stays are tombstones: the keys are never used again, and submitting them again
// sends nothing. It may be called again, after an error or an interruption as
// well: it goes on where it stopped, and does nothing twice.
//
// What is left of a record are pseudonyms: the SHA-256 of its key, its
// fingerprint, our references and the vendors' ids; without the first two a key
// could be used again, without the others a piece could not be told. Where its
// artwork was not deleted there are that artwork's digests, and one of the record's
// id with the contact, by which the next erasure finds it. Who can guess a key, a
// contact, or everything that is on the paper, can confirm the guess.
//
// The names of a campaign and of a replay stay, unless they name the person or the
// contact: then the record and its history lose them, but not the replay's own
// progress, nor the change log. The inbox is read through, for our references and
// the vendors' ids; what a vendor sent about a piece that the ledger does not know
// is not found. A second piece that somebody has made meanwhile ([Client.Remail]) is
// erased as well, if it is selected by its contact, or not made. The other processes
// may hold artwork in memory until they end, and in spools of their own answers with
// what a vendor said of the piece, until they can write the ledger: then these go,
// or stay as ids only. What vendors have, backups, and what the program wrote
// elsewhere, are not the ledger's.
//
// What is damaged keeps nothing else from being erased: [ErasureReport] Unread names
// it. The reason is required, but for a dry run.
//
// It must not run while the ledger's history is broken ([ErrEpochChanged]); a
// backup that is restored brings the person back: erase again after
// [Client.Recover].
func (c *Client) Erase(ctx context.Context, e Erasure, who Actor) (_ ErasureReport, err error) {
	if err := c.knowsVendors("erase"); err != nil {
		return ErasureReport{}, err
	}
	ctx, span := c.tel.call(ctx, "postproof.erase", &err)
	defer endCall(span, &err)
	who = who.tidy()
	x := &erasing{c: c, e: e, who: who, heard: map[idempotency.ID][]uint64{}, rep: ErasureReport{At: c.now().UTC(), By: who.By, Why: who.Why, DryRun: e.DryRun}}
	err = x.run(ctx)
	return x.rep, err
}

// erasing is an erasure under way.
type erasing struct {
	c   *Client
	e   Erasure
	who Actor
	rep ErasureReport
	// id is who the ledger was before anything was read: the fences that were are
	// those of its history then.
	id *idempotency.Identity
	// found are the records to be erased, each once.
	found []*idempotency.Record
	// done are the jobs nothing of whom is left, with what is known of their
	// pieces; what an erasure that was interrupted left to be done included.
	done []*idempotency.Record
	// names are what must not be found any more: names, addresses, keys.
	names    []string
	contacts []string
	search   []string // the contacts whose jobs are all erased
	artwork  []postproof.Blob
	// later is artwork that another erasure takes.
	later []postproof.Blob
	// heard are the messages that the history says were applied to a job, also as an
	// erasure that was interrupted has noted them: the history goes with the record.
	heard map[idempotency.ID][]uint64
	// cleaned are the messages whose payload was erased.
	cleaned []uint64
}

func (e *Erasure) validate() error {
	if len(e.Keys)+len(e.Contacts)+len(e.Addresses)+len(e.Blobs) == 0 {
		return invalid(opErase, errors.New("say whom to erase: Keys, Contacts, Addresses with Snapshots, or Blobs"))
	}
	if len(e.Addresses) > 0 && e.Snapshots == nil {
		return invalid(opErase, errors.New("addresses select rows of snapshots: give Snapshots as well"))
	}
	for _, k := range e.Keys {
		if err := k.Validate(); err != nil {
			return err
		}
	}
	if slices.Contains(e.Contacts, "") {
		return invalid(opErase, errors.New("a contact is empty: it would be everybody without one"))
	}
	return nil
}

func (x *erasing) run(ctx context.Context) error {
	c := x.c
	if err := x.e.validate(); err != nil {
		return err
	}
	if _, err := x.who.reasoned(opErase); err != nil && !x.e.DryRun {
		return err
	}
	if err := c.checkLedger(ctx); err != nil {
		return err
	}
	if x.id = c.id(); x.id.EpochChanged() {
		return c.epochError(opErase)
	}
	if !x.e.DryRun {
		c.applySpool(ctx) // an answer about the person may lie there
	}
	x.artwork = union(x.artwork, x.e.Blobs)
	steps := []func(context.Context) error{x.find, x.eraseSnapshots, x.eraseRecords, x.eraseMessages, x.eraseArtwork}
	if !x.e.DryRun {
		steps = append(steps, x.eraseNames, x.eraseSpooled, x.settled, x.scrub, x.verify, x.enter)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// find finds the records.
func (x *erasing) find(ctx context.Context) error {
	x.contacts = slices.Clone(x.e.Contacts)
	for _, contact := range x.e.Contacts {
		x.search = append(x.search, snapshot.ContactForms(contact)...)
	}
	for _, key := range x.e.Keys {
		id := idempotency.IDOf(key)
		rec, err := x.c.store.Get(ctx, id)
		switch {
		case errors.Is(err, idempotency.ErrNotFound):
			x.rep.Unknown = append(x.rep.Unknown, id)
			continue
		case x.unread(ctx, err):
			continue
		case err != nil:
			return x.c.storeError(opErase, err)
		}
		if err := x.add(ctx, rec); err != nil {
			return err
		}
		if rec.Contact != "" {
			x.contacts = append(x.contacts, rec.Contact)
			if x.e.Related {
				x.search = append(x.search, snapshot.ContactForms(rec.Contact)...)
			}
		}
	}
	if len(x.search) == 0 {
		return nil
	}
	for rec, err := range x.c.store.Find(ctx, idempotency.Query{Bare: true}) {
		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if (rec.Contact == "" || !slices.Contains(x.search, rec.Contact)) && !slices.ContainsFunc(x.search, rec.HadContact) {
			continue
		}
		whole, err := x.c.store.Get(ctx, rec.ID) // with its job
		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if err := x.add(ctx, whole); err != nil {
			return err
		}
	}
	return nil
}

// add takes a record, and what it says of the person.
func (x *erasing) add(ctx context.Context, rec *idempotency.Record) error {
	if isAmong(x.found, rec.ID) {
		return nil
	}
	x.found = append(x.found, rec)
	for e, err := range x.c.store.Entries(ctx, idempotency.EntryQuery{ID: rec.ID}) {
		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if id, ok := strings.CutPrefix(e.By, "inbox/"); ok {
			if n, err := strconv.ParseUint(id, 10, 64); err == nil && n > 0 {
				x.heard[rec.ID] = append(x.heard[rec.ID], n)
			}
		}
	}
	x.names = append(x.names, string(rec.Key), rec.Contact)
	if err := x.addLeft(ctx, rec); err != nil {
		return err
	}
	var job postproof.Job
	if len(rec.Job) == 0 || job.UnmarshalJSON(rec.Job) != nil {
		return nil
	}
	x.names = append(x.names, job.To.Name, job.To.Line1, job.To.Line2)
	if job.Piece == nil {
		return nil
	}
	x.artwork = union(x.artwork, postproof.Blobs(job.Piece.Art()))
	return nil
}

// digest is the digest of what was erased.
func (x *erasing) digest(content []byte) string {
	if len(content) == 0 {
		return ""
	}
	sum := sha256.New()
	if len(x.e.ProofKey) > 0 {
		sum = hmac.New(sha256.New, x.e.ProofKey)
	}
	sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

// eraseSnapshots comes first: it needs the contacts, which the records lose.
func (x *erasing) eraseSnapshots(ctx context.Context) (err error) {
	if x.e.Snapshots == nil || len(x.contacts)+len(x.e.Addresses) == 0 {
		return nil
	}
	x.rep.Snapshots, err = x.rowsErased(ctx, x.rows())
	return err
}

func (x *erasing) rows() snapshot.Erasure {
	return snapshot.Erasure{Contacts: x.contacts, Addresses: x.e.Addresses, ProofKey: x.e.ProofKey, DryRun: x.e.DryRun}
}

// eraseRecords erases the jobs, one commit each.
func (x *erasing) eraseRecords(ctx context.Context) error {
	if !x.e.DryRun {
		if err := x.begun(ctx); err != nil {
			return err
		}
	}
	for i, rec := range x.found {
		job := ErasedJob{ID: rec.ID, Digest: x.digest(rec.Job), Outcome: ErasureBefore}
		after, err := x.eraseRecord(ctx, rec)
		switch {
		case errors.Is(err, idempotency.ErrNewer):
			job.Outcome, after = ErasureNewer, rec
		case x.unread(ctx, err):
			continue
		case err != nil:
			return err
		case rec.Tombstone:
		case after.Tombstone:
			job.Outcome = ErasureBuried
		case after.Erased():
			job.Outcome = ErasureFollowed
		default:
			job.Outcome, job.After = ErasureOpen, after.Deadline
			job.Digest = ""
		}
		job.State, job.Pieces = after.State, piecesOf(after)
		x.rep.Jobs = append(x.rep.Jobs, job)
		if x.found[i] = after; after.Erased() {
			x.done = append(x.done, after)
		}
	}
	return nil
}

// piecesOf are the submissions of a record, with the other piece under one
// reference.
func piecesOf(rec *idempotency.Record) []ErasedPiece {
	var all []ErasedPiece
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		all = append(all, ErasedPiece{Vendor: s.Vendor, Ref: s.Ref, VendorID: s.VendorID})
		if s.Twin != "" {
			all = append(all, ErasedPiece{Vendor: s.Vendor, Ref: s.Ref, VendorID: s.Twin})
		}
	}
	return all
}

// eraseRecord erases one job and returns what is left of it.
func (x *erasing) eraseRecord(ctx context.Context, rec *idempotency.Record) (*idempotency.Record, error) {
	c, id := x.c, x.id
	for range 32 {
		if rec.Tombstone && (x.e.DryRun || !rec.EraseAt.IsZero()) {
			return rec, nil
		}
		w := c.workIn(id, rec, nil)
		if !w.recovered {
			return rec, c.epochError(opErase)
		}
		ch, err := c.machine.Apply(rec, c.now(), idempotency.Erase{Now: x.e.Now, Stop: x.e.Stop})
		if rec.Tombstone { // it was pruned: what its vendor says from now on is kept from everybody, too
			asked := *rec
			asked.EraseAt, asked.Fence = c.now(), rec.Fence+1
			ch, err = idempotency.Change{Record: &asked, Expect: rec.Fence}, nil
		}
		if err != nil || x.e.DryRun {
			if err == nil {
				rec = ch.Record
			}
			return rec, err
		}
		if ch.Record.Erased() && x.says(ch.Record.Campaign) {
			ch.Record.Campaign = ""
		}
		if ch.Record.Erased() && x.says(ch.Record.Run) {
			ch.Record.Run = "" // and is not counted there any more
		}
		err = w.commit(ctx, ch)
		switch {
		case err == nil:
			c.wakeUp()
			return w.rec, nil
		case errors.Is(err, ErrEpochChanged):
			if err := c.checkLedger(ctx); err != nil {
				return rec, err
			}
		case !errors.Is(err, idempotency.ErrStale):
			return rec, err
		}
		id = c.id()
		if rec, err = c.store.Get(ctx, rec.ID); err != nil {
			return nil, c.storeError(opErase, err)
		}
	}
	return rec, c.storeError(opErase, fmt.Errorf("the job does not keep still: %w", idempotency.ErrStale))
}

// scrub has the store overwrite what was deleted.
func (x *erasing) scrub(ctx context.Context) error {
	x.rep.Storage = StorageLeft
	s, ok := x.c.store.(idempotency.Scrubber)
	if !ok {
		return nil
	}
	if err := s.Scrub(ctx, x.e.Compact); err != nil {
		if ctx.Err() != nil {
			return x.c.storeError(opErase, err)
		}
		x.rep.Problems = append(x.rep.Problems, "storage: "+err.Error())
		return nil
	}
	x.rep.Storage = StorageOverwritten
	if x.e.Compact {
		x.rep.Storage = StorageCompacted
	}
	return nil
}
