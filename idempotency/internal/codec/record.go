package codec

import (
	"crypto/sha256"
	"errors"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// errDamaged: the bytes are not those that were written.
var errDamaged = errors.New("the checksum or the fields are wrong")

// errOther: the bytes are whole, and another record's.
var errOther = errors.New("it is stored under the id of another one")

// encodeRecord writes a record without what has a column of its own: id, fence,
// lease and job.
func encodeRecord(r *idempotency.Record, id []byte) []byte {
	var w writer
	w.begin(288 + 352*len(r.Submissions)) // for the usual record, to its last transition
	if nanos, ok := near(r.CreatedAt); ok && !r.CreatedAt.IsZero() {
		w.base = nanos
		w.int(1, nanos) // comes first: times count from it
	}
	w.int(2, int64(r.Version))
	w.text(3, string(r.Key))
	w.text(4, string(r.Fingerprint))
	w.text(5, string(r.Mode))
	w.text(6, r.Campaign)
	w.text(7, r.Contact)
	w.int(8, int64(r.Priority))
	w.text(9, string(r.Policy))
	w.text(10, string(r.State))
	w.int(11, int64(r.Generation))
	w.time(12, r.Due)
	w.int(13, int64(r.Tries))
	w.time(14, r.PlannedAt)
	w.time(15, r.Deadline)
	w.time(16, r.PollAt)
	w.submissions(r.Submissions)
	w.group(18, func() { w.receipt(&r.Receipt) })
	w.group(19, func() { w.status(&r.Status) })
	w.reasons(&r.Cancel, &r.Hold, &r.Refusal)
	w.text(23, r.Trace)
	w.time(24, r.CreatedAt)
	w.time(25, r.UpdatedAt)
	w.flag(26, r.Tombstone)
	w.text(27, r.Run)
	w.text(28, r.Awaits)
	if r.Prior != nil {
		w.tag(29, wireBytes) // also of one without a field
		start := len(w.b)
		w.prior(r.Prior)
		w.close(start)
	}
	w.time(30, r.EraseAt)
	w.int(31, int64(r.Recovery))
	w.time(32, r.SendDate)
	for i := range r.Artwork {
		b := &r.Artwork[i]
		w.group(33, func() {
			w.digest(1, 3, b.Digest)
			w.int(2, b.Size)
		})
	}
	w.digest(34, 35, r.ContactSum)
	w.int(36, int64(r.Canary))
	return w.seal(id)
}

// prior writes what has a field in the record, too, under the same number.
func (w *writer) prior(p *idempotency.Prior) {
	w.number(1, p.Fence)
	w.int(11, int64(p.Generation))
	w.time(14, p.PlannedAt)
	w.time(16, p.PollAt)
	w.submissions(p.Submissions)
	w.group(18, func() { w.receipt(&p.Receipt) })
	w.group(19, func() { w.status(&p.Status) })
	w.reasons(&p.Cancel, &p.Hold, &p.Refusal)
}

// digest writes one in half its length; another text, which is none, has a field of
// its own.
func (w *writer) digest(field, other uint64, hex string) {
	if raw := IDBytes(idempotency.ID(hex)); len(raw) == sha256.Size {
		w.text(field, string(raw))
		return
	}
	w.text(other, hex)
}

func (w *writer) submissions(all []idempotency.Submission) {
	for i := range all {
		w.tag(17, wireBytes) // also of one without a field
		start := len(w.b)
		w.submission(&all[i])
		w.close(start)
	}
}

// reasons writes the groups of a wish to cancel, a hold, and a refusal.
func (w *writer) reasons(c *idempotency.CancelWish, h *idempotency.Hold, no *idempotency.Refusal) {
	w.group(20, func() {
		w.time(1, c.At)
		w.text(2, c.By)
		w.text(3, string(c.Outcome))
		w.int(4, int64(c.Tries))
	})
	w.group(21, func() {
		w.text(1, string(h.Reason))
		w.time(2, h.At)
		w.text(3, string(h.From))
		w.text(4, h.Note)
	})
	w.group(22, func() {
		w.text(1, no.Vendor)
		w.int(2, int64(no.Code))
		w.text(3, no.VendorCode)
		w.text(4, no.Note)
	})
}

func (w *writer) submission(s *idempotency.Submission) {
	w.int(1, int64(s.Generation))
	w.text(2, string(s.Ref))
	w.text(3, s.Vendor)
	w.text(4, s.Account)
	w.text(5, s.VendorKey)
	w.text(6, s.Encoder)
	w.text(7, s.Digest)
	w.time(8, s.FirstAt)
	w.time(9, s.LastAt)
	w.time(10, s.NotAfter)
	w.number(11, s.Intent)
	w.numbers(12, s.Unanswered)
	w.numbers(13, s.Strays)
	w.int(14, int64(s.Sends))
	w.int(15, int64(s.Join))
	w.text(16, string(s.Fate))
	w.time(17, s.AcceptedAt)
	w.text(18, s.VendorID)
	w.text(19, s.Twin)
	w.flag(20, s.Differs)
	w.int(21, int64(s.Code))
	w.flag(22, s.Veto)
	w.flag(23, s.NoResend)
	w.int(24, int64(s.Misses))
	w.time(25, s.LastMiss)
	w.int(26, int64(s.LookUps))
	w.time(27, s.WatchUntil)
	w.time(28, s.NextWatch)
	w.text(29, string(s.Late))
	w.flag(30, s.Heir)
	w.text(31, s.Also)
	w.text(32, s.Unasked)
	w.time(33, s.AskAt)
	w.flag(34, s.Amended)
	w.int(35, s.Cents)
	w.time(36, s.SendDate)
	w.flag(37, s.Unguarded)
	w.flag(38, s.Unlisted)
}

func (w *writer) receipt(r *postproof.Receipt) {
	w.text(1, r.Vendor)
	w.text(2, r.VendorID)
	w.text(3, string(r.Ref))
	w.text(4, r.TrackingID)
	w.time(5, r.ExpectedDelivery)
	w.text(6, r.ProofURL)
	w.time(7, r.AcceptedAt)
}

func (w *writer) status(s *postproof.Status) {
	w.text(1, string(s.Stage))
	w.text(2, s.Raw)
	w.text(3, string(s.Source))
	w.text(4, string(s.Confidence))
	w.time(5, s.VendorTime)
	w.time(6, s.SeenAt)
	w.text(7, s.Reason)
}
