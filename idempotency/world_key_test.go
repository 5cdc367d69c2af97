package idempotency_test

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// key writes everything that matters for the future: times relative to now,
// and no farther back than anything looks.
func (w *world) key(b []byte) []byte {
	r := w.rec
	b = w.recordKey(b, r)
	matters := byte(0) // that a dead order was given or told matters no more
	for i, o := range w.orders[:w.nOrder] {
		matters |= flag(o.fate == uint8(alive)) << i
		b = append(b, o.vendor, o.gen|o.cred<<7, o.fate|flag(o.differs)<<6|flag(o.watched)<<7, byte(max(o.made-w.now, -keyWindow)), byte(max(o.shown-w.now, 0)))
	}
	b = append(b, 0xfe)
	for _, p := range w.limbo[:w.nLimbo] {
		b = append(b, p.vendor, p.gen|p.cred<<7, byte(min(p.until-w.now, 32)))
	}
	b = append(b, 0xfd)
	for _, a := range w.late[:w.nLate] {
		b = append(b, a.vendor, a.gen, byte(a.delivery), byte(a.order), flag(a.duplicate)|flag(a.dead)<<1, byte(a.code), w.openIntent(a.vendor, a.gen, a.intent, a.epoch))
	}
	b = w.workersKey(append(b, 0xfc))
	switch {
	case w.recovering: // how much was lost says what may have been sent
		b = append(b, 0xfa, byte(w.now-w.backupAt))
	case w.left.restores > 0 && w.backup == nil: // or of the first backup
		b = append(b, 0xf9, byte(min(w.now, 48)))
	}
	if w.backup != nil && w.now <= w.backupAt+lostAtMost {
		b = w.recordKey(append(b, 0xfb, byte(max(w.backupAt-w.now, -64)), byte(w.rec.Fence-w.backup.Fence)), w.backup)
	}
	b = binary.LittleEndian.AppendUint64(append(b, 0xf8), w.risked)
	b = w.othersKey(b)
	l := w.left
	return append(b, w.told&matters, w.given&matters, w.epoch, flag(w.recovering)|flag(w.wished)<<1, l.faults, l.calls, l.wishes, l.amends, l.people, l.restores, l.prunes, l.erasures, l.garbled, l.replays, l.slow, l.fast, l.risks, l.others, l.strangers, l.rotated)
}

// openIntent is what the machine will make of the number of an intent.
func (w *world) openIntent(_, gen uint8, intent uint64, epoch uint8) byte {
	if epoch != w.epoch || intent == 0 {
		return 4
	}
	for i := range w.rec.Submissions {
		if s := &w.rec.Submissions[i]; slices.Contains(s.Unanswered, intent) {
			return flag(s.Intent == intent) | 2
		}
	}
	return 0
}

func (w *world) recordKey(b []byte, r *idempotency.Record) []byte {
	base, behind := w.time(), int16(0)
	if w.left.slow > 0 || w.slowly() {
		behind = skewBy
	}
	rel := func(t time.Time, back int16) {
		if t.IsZero() {
			b = append(b, 0x7f, 0xff)
			return
		}
		// Things happen at ticks: what lies between two of them is the later.
		ticks := int16((t.Sub(base) + 1000*tick + tick - 1) / tick)
		b = append(b, 0, byte(max(ticks-1000, -back)))
	}
	tries := byte(min(r.Tries, 1))
	if r.State == idempotency.Accepted {
		tries = byte(r.Tries)
	}
	b = append(b, string(r.State)...)
	b = append(b, 0, byte(r.Generation), tries, byte(len(r.Submissions)))
	b = append(append(append(b, string(r.Cancel.Outcome)...), 0), string(r.Hold.Reason)...)
	b = append(append(append(b, 0), r.Receipt.VendorID...), string(r.Receipt.Ref)...)
	b = append(append(b, r.Receipt.Vendor...), string(r.Status.Stage)...)
	b = append(b, byte(r.Refusal.Code), flag(r.Cancel.Stands())|flag(r.Tombstone)<<1|flag(r.Erased())<<2|flag(!r.EraseAt.IsZero())<<3|flag(r.Awaits != "")<<4, r.Fingerprint[len(r.Fingerprint)-1])
	rel(r.Due, behind)
	rel(r.Deadline, behind)
	rel(r.PollAt, behind)
	if r.State == idempotency.Accepted && !r.Status.Stage.Terminal() {
		rel(r.Status.SeenAt, patientFor+behind)
	}
	rel(r.Lease.Until, behind)
	s := r.Current()
	switch {
	case r.State == idempotency.Planned, r.State == idempotency.Refused, r.State == idempotency.Sending && s.Join != postproof.Unknown:
		rel(r.PlannedAt, 48) // else a job that is planned again is planned anew
	}
	rel(r.UpdatedAt, behind) // ahead of the time it counts for everybody
	for i := range r.Submissions {
		s := &r.Submissions[i]
		b = append(append(b, s.Vendor...), string(s.Ref[10:])...)
		b = append(append(b, string(s.Fate)...), string(s.Late)...)
		b = append(append(append(b, 0), s.VendorID...), s.Twin...)
		code, sends := byte(0), byte(0)
		if s.Join == postproof.Refused {
			code = byte(s.Code)
		}
		if !deduplicates(s.Vendor) {
			sends = byte(min(s.Sends, 2))
		}
		b = append(b, byte(s.Join), byte(s.Misses), byte(min(s.LookUps, 3)), sends, code, flag(s.Veto)|flag(s.NoResend)<<1|flag(s.Differs)<<2|flag(s.Unasked != "")<<3|flag(s.Account == accounts(1))<<4|flag(s.Also != "")<<5)
		rel(s.WatchUntil, behind)
		rel(s.NextWatch, behind)
		rel(s.FirstAt, keyWindow+behind)
		rel(s.NotAfter, behind)
		rel(s.AcceptedAt, cancelFor+behind)
		rel(s.AskAt, behind)
		if s.Join != postproof.Accepted {
			rel(s.LastAt, settlesIn(s.Vendor)+behind)
			rel(s.LastMiss, settlesIn(s.Vendor)+behind)
		}
	}
	if p := r.Prior; p != nil { // what it may become again
		was := *r
		was.State, was.Generation, was.Submissions, was.Receipt, was.Status, was.Cancel = idempotency.Held, p.Generation, p.Submissions, p.Receipt, p.Status, p.Cancel
		was.Hold, was.Refusal, was.PlannedAt, was.PollAt, was.Prior = p.Hold, p.Refusal, p.PlannedAt, p.PollAt, nil
		was.Due, was.Deadline, was.Lease = time.Time{}, time.Time{}, idempotency.Lease{}
		b = w.recordKey(append(b, 0xfa), &was)
	}
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
