package idempotency

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/postproof/postproof"
)

// erase asks that the person be forgotten. Nobody has the job: it is never
// sent. A vendor has it, or may have it: what the person asks for must not lose
// track of paper, so its references stay until it has come to its end.
func (t *transition) erase(ev Erase) {
	r := t.r
	if r.EraseAt.IsZero() {
		r.EraseAt = t.now
		t.note(EntryErasing, "")
	}
	switch {
	case r.State == Done || r.State == Canceled:
	case len(r.Live()) == 0:
		t.forbid("")
	case ev.Stop:
		t.stop("", "")
	case ev.Now:
		t.forbid(CancelLeft)
	}
	if r.Cancel.Stands() || r.State == Done {
		r.Key = "" // nothing is ever made of the job again; forgotten does the rest
	}
}

// forbid forbids every send, and ends a job that nobody has. Without an outcome
// the piece is also to be stopped, should it turn up.
func (t *transition) forbid(outcome CancelOutcome) {
	if !t.r.Cancel.Stands() {
		t.r.Cancel = CancelWish{At: t.now, Outcome: outcome}
	}
	t.canceledIfWished()
}

// forgotten is the end of each change to a job that is to be erased: it keeps
// out what the change has brought of the person, and buries what is at rest. It
// reports whether the history has to go.
func (t *transition) forgotten() bool {
	r := t.r
	if r.EraseAt.IsZero() {
		return false
	}
	if r.State == Refused { // for good: whoever could take it, the client asks in the same change
		t.forbid("")
	}
	_, watched := r.Watched()
	rests := r.State == Done || r.State == Canceled
	if !rests && !r.Erased() {
		return false
	}
	first := len(r.Job) > 0
	r.strip()
	if rests && !watched {
		r.Tombstone = true
		t.note(EntryErased, "")
	}
	for i := range t.entries {
		e := &t.entries[i]
		if e.By = ""; e.Kind != EntryHeld { // whose note is one of our reasons
			e.Note = ""
		}
	}
	return first || r.Tombstone
}

// Erased reports whether nothing personal is left of the record: it is a
// tombstone, or a vendor has its piece, or may have it, and it is only followed.
func (r *Record) Erased() bool { return r.Key == "" }

// strip drops what is, or may be, of the person. The submissions must not be
// shared. What is left of them is what it takes to find the pieces at their
// vendors; the digest of a body is of name and address.
func (r *Record) strip() {
	switch r.keepNames(); {
	case len(r.Artwork) == 0:
		r.ContactSum = ""
	case r.Contact != "":
		r.ContactSum = contactSum(r.ID, r.Contact)
	}
	r.Key, r.Job, r.Contact, r.Trace, r.Awaits = "", nil, "", "", ""
	r.Prior = nil // a word about a job that is forgotten is not taken back
	r.Receipt.ProofURL, r.Receipt.TrackingID = "", ""
	r.Status.Raw, r.Status.Reason = "", ""
	r.Hold.Note, r.Refusal.Note, r.Refusal.VendorCode, r.Cancel.By = "", "", "", ""
	for i := range r.Submissions {
		s := &r.Submissions[i]
		s.VendorKey, s.Digest, s.NoResend = "", "", true
	}
}

// keepNames keeps the names of the artwork that the record is about to lose: it stays
// in the store, and may have been made for the person.
func (r *Record) keepNames() {
	var job postproof.Job
	if len(r.Job) == 0 || job.UnmarshalJSON(r.Job) != nil || job.Piece == nil {
		return
	}
	names := slices.Clone(r.Artwork) // readers share it
	for _, b := range postproof.Blobs(job.Piece.Art()) {
		if !slices.Contains(names, b) {
			names = append(names, b)
		}
	}
	r.Artwork = names
}

// HadContact reports whether the record is what is left of a job of the contact. It
// says so only while there is artwork of it to be looked for, and nobody can tell by
// it whose jobs two records are of who cannot name the contact.
func (r *Record) HadContact(contact string) bool {
	return r.ContactSum != "" && r.ContactSum == contactSum(r.ID, contact)
}

func contactSum(id ID, contact string) string {
	sum := sha256.Sum256([]byte(string(id) + contact))
	return hex.EncodeToString(sum[:])
}

// WithoutArtwork returns the tombstone without the names of artwork that is gone, and
// without what is left of the contact when none is left.
func (r *Record) WithoutArtwork(gone func(postproof.Blob) bool) *Record {
	t := *r
	t.Artwork = slices.DeleteFunc(slices.Clone(r.Artwork), gone)
	if len(t.Artwork) == 0 {
		t.Artwork, t.ContactSum = nil, ""
	}
	t.Fence++
	return &t
}

// Bury returns the tombstone of a record: what must never be forgotten, and
// nothing of the person.
func (r *Record) Bury() *Record {
	t := *r
	t.Submissions = slices.Clone(r.Submissions)
	t.strip()
	t.Tombstone = true
	t.Fence++
	return &t
}
