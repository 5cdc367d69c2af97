package codec

import (
	"encoding/json"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// decodeRecord reads what encodeRecord has written, or the record as JSON, which
// has its id in it.
func decodeRecord(data, id []byte) (*idempotency.Record, error) {
	r := new(idempotency.Record)
	if len(data) > 0 && data[0] == textForm {
		if json.Unmarshal(data, r) != nil || r.ID == "" { // its error may quote a value
			return r, errDamaged
		}
		return r, nil
	}
	in, ok := open(data, id)
	if !ok {
		return r, errDamaged
	}
	for f, ok := in.next(); ok; f, ok = in.next() {
		in.record(r, f)
	}
	if in.bad {
		return r, errDamaged
	}
	return r, nil
}

func (r *reader) record(to *idempotency.Record, f field) {
	switch f.number {
	case 1:
		r.base = unzigzag(f.n)
	case 2:
		to.Version = f.int()
	case 3:
		to.Key = postproof.Key(f.text)
	case 4:
		to.Fingerprint = idempotency.Fingerprint(f.text)
	case 5:
		to.Mode = postproof.Mode(f.text)
	case 6:
		to.Campaign = f.text
	case 7:
		to.Contact = f.text
	case 8:
		to.Priority = f.int()
	case 9:
		to.Policy = idempotency.Policy(f.text)
	case 10:
		to.State = idempotency.State(f.text)
	case 11:
		to.Generation = f.int()
	case 12:
		to.Due = r.time(f)
	case 13:
		to.Tries = f.int()
	case 14:
		to.PlannedAt = r.time(f)
	case 15:
		to.Deadline = r.time(f)
	case 16:
		to.PollAt = r.time(f)
	case 17:
		to.Submissions = append(to.Submissions, idempotency.Submission{})
		s := &to.Submissions[len(to.Submissions)-1]
		r.inner(f, func(r *reader, f field) { r.submission(s, f) })
	case 18:
		r.inner(f, func(r *reader, f field) { r.receipt(&to.Receipt, f) })
	case 19:
		r.inner(f, func(r *reader, f field) { r.status(&to.Status, f) })
	case 20, 21, 22:
		r.inner(f, func(r *reader, in field) { r.reasons(to, f.number, in) })
	case 23:
		to.Trace = f.text
	case 24:
		to.CreatedAt = r.time(f)
	case 25:
		to.UpdatedAt = r.time(f)
	case 26:
		to.Tombstone = f.n != 0
	case 27:
		to.Run = f.text
	case 28:
		to.Awaits = f.text
	case 29:
		to.Prior = r.prior(f)
	case 30:
		to.EraseAt = r.time(f)
	case 31:
		to.Recovery = f.int()
	case 32:
		to.SendDate = r.time(f)
	case 33:
		to.Artwork = append(to.Artwork, postproof.Blob{})
		b := &to.Artwork[len(to.Artwork)-1]
		r.inner(f, func(_ *reader, f field) { blob(b, f) })
	case 34:
		to.ContactSum = string(IDOf([]byte(f.text)))
	case 35:
		to.ContactSum = f.text
	case 36:
		to.Canary = f.int()
	}
}

func blob(to *postproof.Blob, f field) {
	switch f.number {
	case 1:
		to.Digest = string(IDOf([]byte(f.text)))
	case 2:
		to.Size = unzigzag(f.n)
	case 3:
		to.Digest = f.text
	}
}

// prior reads what a record was.
func (r *reader) prior(f field) *idempotency.Prior {
	p, was := new(idempotency.Prior), new(idempotency.Record)
	r.inner(f, func(r *reader, f field) {
		if f.number == 1 { // counts as the base of times in a record
			p.Fence = f.n
			return
		}
		r.record(was, f)
	})
	p.Generation, p.Submissions, p.Receipt, p.Status, p.Cancel = was.Generation, was.Submissions, was.Receipt, was.Status, was.Cancel
	p.Hold, p.Refusal, p.PlannedAt, p.PollAt = was.Hold, was.Refusal, was.PlannedAt, was.PollAt
	return p
}

// reasons reads the groups of a wish to cancel, a hold, and a refusal.
func (r *reader) reasons(to *idempotency.Record, group uint64, f field) {
	switch group<<8 | f.number {
	case 20<<8 | 1:
		to.Cancel.At = r.time(f)
	case 20<<8 | 2:
		to.Cancel.By = f.text
	case 20<<8 | 3:
		to.Cancel.Outcome = idempotency.CancelOutcome(f.text)
	case 20<<8 | 4:
		to.Cancel.Tries = f.int()
	case 21<<8 | 1:
		to.Hold.Reason = idempotency.HoldReason(f.text)
	case 21<<8 | 2:
		to.Hold.At = r.time(f)
	case 21<<8 | 3:
		to.Hold.From = idempotency.State(f.text)
	case 21<<8 | 4:
		to.Hold.Note = f.text
	case 22<<8 | 1:
		to.Refusal.Vendor = f.text
	case 22<<8 | 2:
		to.Refusal.Code = postproof.Code(f.int())
	case 22<<8 | 3:
		to.Refusal.VendorCode = f.text
	case 22<<8 | 4:
		to.Refusal.Note = f.text
	}
}

func (r *reader) submission(to *idempotency.Submission, f field) {
	switch f.number {
	case 1:
		to.Generation = f.int()
	case 2:
		to.Ref = postproof.Ref(f.text)
	case 3:
		to.Vendor = f.text
	case 4:
		to.Account = f.text
	case 5:
		to.VendorKey = f.text
	case 6:
		to.Encoder = f.text
	case 7:
		to.Digest = f.text
	case 8:
		to.FirstAt = r.time(f)
	case 9:
		to.LastAt = r.time(f)
	case 10:
		to.NotAfter = r.time(f)
	case 11:
		to.Intent = f.n
	case 12:
		to.Unanswered = r.numbers(f)
	case 13:
		to.Strays = r.numbers(f)
	case 14:
		to.Sends = f.int()
	case 15:
		to.Join = postproof.Delivery(f.int())
	case 16:
		to.Fate = idempotency.Fate(f.text)
	case 17:
		to.AcceptedAt = r.time(f)
	case 18:
		to.VendorID = f.text
	case 19:
		to.Twin = f.text
	case 20:
		to.Differs = f.n != 0
	case 21:
		to.Code = postproof.Code(f.int())
	case 22:
		to.Veto = f.n != 0
	case 23:
		to.NoResend = f.n != 0
	case 24:
		to.Misses = f.int()
	case 25:
		to.LastMiss = r.time(f)
	case 26:
		to.LookUps = f.int()
	case 27:
		to.WatchUntil = r.time(f)
	case 28:
		to.NextWatch = r.time(f)
	case 29:
		to.Late = idempotency.Late(f.text)
	case 30:
		to.Heir = f.n != 0
	case 31:
		to.Also = f.text
	case 32:
		to.Unasked = f.text
	case 33:
		to.AskAt = r.time(f)
	case 34:
		to.Amended = f.n != 0
	case 35:
		to.Cents = int64(f.int())
	case 36:
		to.SendDate = r.time(f)
	case 37:
		to.Unguarded = f.n != 0
	case 38:
		to.Unlisted = f.n != 0
	}
}

func (r *reader) receipt(to *postproof.Receipt, f field) {
	switch f.number {
	case 1:
		to.Vendor = f.text
	case 2:
		to.VendorID = f.text
	case 3:
		to.Ref = postproof.Ref(f.text)
	case 4:
		to.TrackingID = f.text
	case 5:
		to.ExpectedDelivery = r.time(f)
	case 6:
		to.ProofURL = f.text
	case 7:
		to.AcceptedAt = r.time(f)
	}
}

func (r *reader) status(to *postproof.Status, f field) {
	switch f.number {
	case 1:
		to.Stage = postproof.Stage(f.text)
	case 2:
		to.Raw = f.text
	case 3:
		to.Source = postproof.Source(f.text)
	case 4:
		to.Confidence = postproof.Confidence(f.text)
	case 5:
		to.VendorTime = r.time(f)
	case 6:
		to.SeenAt = r.time(f)
	case 7:
		to.Reason = f.text
	}
}
