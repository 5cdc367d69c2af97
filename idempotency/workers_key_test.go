package idempotency_test

import (
	"bytes"
	"slices"

	"github.com/postproof/postproof/idempotency"
)

// workersKey writes what the workers are about. They are alike but for that: a
// world is the same when they change places.
func (w *world) workersKey(b []byte) []byte {
	at := len(b)
	b = w.workerKey(b, 0)
	mid := len(b)
	b = w.workerKey(b, 1)
	if bytes.Compare(b[at:mid], b[mid:]) > 0 {
		first := slices.Clone(b[at:mid])
		b = append(append(b[:at], b[mid:]...), first...)
	}
	return b
}

func (w *world) workerKey(b []byte, i int) []byte {
	wk := &w.workers[i]
	mine := w.rec.Lease.Owner == owner(i)
	b = append(b, 0xf0|flag(mine), byte(wk.at))
	if wk.at == idle {
		return b
	}
	fresh := wk.rec.Fence == w.rec.Fence && wk.epoch == w.epoch
	again := mine && w.rec.Lease.Until.Equal(wk.rec.Lease.Until)
	b = append(b, flag(wk.stalled)|flag(fresh)<<1|flag(again)<<2|flag(wk.epoch == w.epoch)<<3|byte(wk.skew+skewBy)<<4, wk.vendor, wk.gen)
	if !fresh && (wk.at == claimed || w.blind) {
		b = w.recordKey(append(b, byte(w.rec.Fence-wk.rec.Fence)), wk.rec)
	}
	switch {
	case wk.at == intended, wk.at == checked:
		b = append(b, byte(max(wk.lastByte()-w.now, -1-settleFor)), w.openIntent(wk.vendor, wk.gen, wk.intent, wk.epoch))
	case wk.at == answered && wk.says == nil:
		a := wk.reply
		b = append(b, byte(a.delivery), byte(a.order), byte(a.code), a.sends, flag(a.duplicate)|flag(a.dead)<<1,
			w.openIntent(a.vendor, a.gen, a.intent, a.epoch))
	case wk.at == answered:
		b = w.eventKey(b, wk.says)
	}
	return b
}

// eventKey writes what a worker was told.
func (w *world) eventKey(b []byte, ev idempotency.Event) []byte {
	sighting := func(s *idempotency.Sighting) {
		b = append(append(append(b, s.Receipt.VendorID...), s.Status.Stage...), flag(s.Alive))
	}
	b = append(b, ev.Name()...)
	switch ev := ev.(type) {
	case idempotency.LookedUp:
		b = append(b, flag(ev.Control)|flag(ev.Failed)<<1, byte(max(ev.At.Sub(w.time())/tick, -64)))
		for i := range ev.Orders {
			sighting(&ev.Orders[i])
		}
	case idempotency.Observe:
		sighting(&ev.Sighting)
	case idempotency.CancelAnswer:
		b = append(b, flag(ev.TooLate))
		if ev.ReadBack != nil {
			sighting(ev.ReadBack)
		}
	}
	return b
}
