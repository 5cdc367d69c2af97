package snapshot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postproof/postproof"
)

// Erasure says whose rows are erased.
type Erasure struct {
	// IDs are the snapshots; empty for all of the store. One that was replaced
	// before stands for its successor.
	IDs []ID
	// Contacts select rows by their ContactID, Addresses by where they go, accepted
	// and rejected ones.
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
	// Snapshot is gone, and Successor has what is left of it; empty in a dry run.
	Snapshot  ID `json:"snapshot"`
	Successor ID `json:"successor,omitempty"`
	// Accepted and Rejected are the numbers of rows that were erased.
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// Digests are those of the rows ([RowDigest]), the accepted ones first. The
	// successor's manifest has them as well.
	Digests []string `json:"digests"`
}

// Erase erases the rows of a person from snapshots, and returns those that had
// any. A snapshot never changes: another one is written without the rows, which
// says in its manifest what it replaces and by which digests the rows that are
// missing are known, and then the old one is removed. The other rows stay as
// they are, byte for byte, and so do the keys of their jobs.
//
// An error leaves each snapshot as it was, or replaced; it is about those that
// could not be read or written, the others are done. After one, or an
// interruption, call it again: it goes on where it stopped. Opening the old id
// afterwards says which one has taken its place ([ErrErased]), and the same list
// is not taken again as long as the rows are in it, whatever lists it is asked of.
//
// What is removed is deleted, not overwritten; exports ([Export]) and copies are
// the caller's.
func Erase(ctx context.Context, store Store, e Erasure) ([]Erased, error) {
	x := &eraser{Erasure: e, store: store, words: abbreviationTable(), contacts: map[string]bool{}, addresses: map[AddressKey]bool{}}
	for _, c := range e.Contacts {
		c = identity(strings.TrimSpace(c))
		if c == "" {
			return nil, badErasure("contacts", "one is empty")
		}
		x.contacts[c] = true
	}
	for _, a := range e.Addresses {
		x.addresses[a] = true
	}
	if store == nil || len(x.contacts)+len(x.addresses) == 0 {
		return nil, badErasure("erasure", "says neither where nor whom to erase")
	}
	ids, err := x.ids(ctx)
	if err != nil {
		return nil, wrap(opErase, err)
	}
	var all []Erased
	var errs []error
	for _, id := range ids { // one that cannot be read does not save the person in the others
		one, err := x.erase(ctx, id)
		if err == nil && one.Accepted+one.Rejected > 0 {
			all = append(all, one)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("snapshot %.12s: %w", id, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		return all, wrap(opErase, err)
	}
	return all, nil
}

func badErasure(path, reason string) error {
	cause := postproof.FieldError{Path: path, Reason: reason}
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Op: opErase, Err: cause}
}

// eraser is an erasure under way.
type eraser struct {
	Erasure

	store     Store
	words     *abbreviations
	contacts  map[string]bool
	addresses map[AddressKey]bool
}

// ids lists the snapshots before any is written.
func (x *eraser) ids(ctx context.Context) ([]ID, error) {
	if len(x.IDs) > 0 {
		return x.IDs, nil
	}
	var all []ID
	for id, err := range x.store.List(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, nil
}

func (x *eraser) meant(r *Row) bool {
	return x.contacts[identity(r.ContactID)] || (len(x.addresses) > 0 && x.addresses[keyOf(x.words.appendKey(nil, &r.Address))])
}

func (x *eraser) erase(ctx context.Context, id ID) (Erased, error) {
	old, err := Open(ctx, x.store, id)
	if gone, ok := errors.AsType[*ErasedError](err); ok {
		old, err = Open(ctx, x.store, gone.Successor)
	}
	if err != nil {
		return Erased{}, err
	}
	out := Erased{Snapshot: old.ID()}
	m := old.Manifest()
	for file := range m.Files {
		for r, err := range old.read(ctx, file, m.rowsOf(file)) {
			if err != nil {
				return out, err
			}
			if x.meant(&r.Row) {
				x.count(&m, &out, file, &r)
			}
		}
	}
	if x.DryRun {
		return out, nil
	}
	for _, id := range old.manifest.Replaces { // one whose removal was interrupted
		if err := x.store.Remove(ctx, id); err != nil {
			return out, err
		}
	}
	if out.Accepted+out.Rejected == 0 {
		return out, nil
	}
	next, err := x.replace(ctx, old, &m, out.Digests)
	if err != nil {
		return Erased{}, err
	}
	// Where an erasure was interrupted the successor was there, with the digests
	// under the key of that time.
	digests := next.manifest.Erased
	out.Successor, out.Digests = next.ID(), slices.Clone(digests[len(digests)-len(out.Digests):])
	return out, x.store.Remove(ctx, old.ID())
}

// count takes a row out of the manifest's numbers.
func (x *eraser) count(m *Manifest, out *Erased, file int, r *Reject) {
	out.Digests = append(out.Digests, RowDigest(x.ProofKey, out.Snapshot, r.Row))
	m.Counts.Erased++
	if file == 0 {
		out.Accepted++
		m.Counts.Accepted--
		if len(r.Findings) > 0 {
			m.Counts.Warned--
		}
	} else {
		out.Rejected++
		m.Counts.Rejected--
	}
	for _, f := range r.Findings {
		m.Findings[f.Code]--
	}
}

// replace writes the successor and verifies it.
func (x *eraser) replace(ctx context.Context, old *Snapshot, m *Manifest, digests []string) (_ *Snapshot, err error) {
	draft, err := x.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if derr := draft.Discard(); derr != nil && err != nil {
			err = errors.Join(err, derr)
		}
	}()
	files := old.manifest.Files
	for i := range files {
		if m.Files[i], err = x.rewrite(ctx, old, i, draft); err != nil {
			return nil, err
		}
	}
	m.Format = erasedFormat
	m.Replaces = append(slices.Clone(m.Replaces), old.ID())
	m.Erased = append(slices.Clone(m.Erased), digests...)
	if maps.DeleteFunc(m.Findings, func(_ Code, n int) bool { return n == 0 }); len(m.Findings) == 0 {
		m.Findings = nil
	}
	m.ID = m.contentID()
	if err := writeManifest(draft, m); err != nil {
		return nil, err
	}
	if _, err := draft.Commit(ctx, m.ID); err != nil {
		return nil, err
	}
	return Open(ctx, x.store, m.ID) // whatever is there has to prove what it is
}

// rewrite copies a file without the rows, line by line as they are.
func (x *eraser) rewrite(ctx context.Context, old *Snapshot, file int, draft Draft) (_ File, err error) {
	f := &old.manifest.Files[file]
	src, err := x.store.Open(ctx, old.ID(), f.stored())
	if err != nil {
		return File{}, err
	}
	defer src.Close() // only read from, and verified to the end
	w, err := createFrozen(draft, f.Name, "", f.Gzip != nil)
	if err != nil {
		return File{}, err
	}
	r := frozenReader{file: f, columns: old.columns, extra: len(old.manifest.Columns), rejects: file == 1}
	err = r.lines(ctx, src, old.manifest.rowsOf(file), func(line string, row *Reject) (bool, error) {
		if row != nil && x.meant(&row.Row) {
			return true, nil
		}
		return true, w.write([]byte(line))
	})
	out, cerr := w.close()
	return out, errors.Join(err, cerr)
}

// rowsOf is the number of rows in a file.
func (m *Manifest) rowsOf(file int) int {
	if file == 0 {
		return m.Counts.Accepted
	}
	return m.Counts.Rejected
}

// RowDigest returns the digest by which a row of a snapshot is known to have
// been erased: whoever has the row can prove by it that it was there, and is not
// any more. It is over the row's values, those of the further columns of the
// snapshot included, and not over its number.
func RowDigest(proofKey []byte, of ID, row Row) string {
	sum := sha256.New()
	if len(proofKey) > 0 {
		sum = hmac.New(sha256.New, proofKey)
	}
	values := make([]string, 0, len(row.values))
	for i := range row.columns.Names() {
		values = append(values, valueOf(&row, i))
	}
	row.Number = 0
	fmt.Fprintf(sum, "postproof erased row\nsnapshot %s\n", of)
	sum.Write(appendRow(nil, &row, values, nil, false))
	return hex.EncodeToString(sum.Sum(nil))
}
