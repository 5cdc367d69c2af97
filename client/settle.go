package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
)

// settle makes an answer durable: in the ledger, or, while that cannot be
// written, in the spool (rule 14).
func (w *work) settle(ctx context.Context, ans idempotency.Answer) error {
	ctx = context.WithoutCancel(ctx) // the vendor has answered; the caller's haste is over
	var err error
	began := w.epoch
	for try := range 4 {
		if try > 0 {
			if e := postproof.Sleep(ctx, w.c.clock, time.Duration(try*try)*20*time.Millisecond); e != nil {
				break
			}
			if err = w.freshen(ctx); err != nil {
				continue
			}
			if w.epoch != began {
				// A number of an intent of the lost history may be that of
				// another send in this one.
				ans.Intent = 0
			}
		}
		if err = w.recordAnswer(ctx, ans); err == nil {
			return nil
		}
		if noPlace(err) {
			break
		}
	}
	id := w.c.id()
	kept := spool.Answer{ID: w.rec.ID, Ledger: id.Namespace, Epoch: began, At: w.c.now(), Answer: ans}
	text := "the vendor answered, the ledger could not be written"
	if noPlace(err) {
		text = "the vendor answered, the answer has no place in the ledger"
	} else {
		w.c.logger.LogAttrs(ctx, slog.LevelError, "the ledger cannot be written: a vendor's answer is spooled and applied later", slog.String("vendor", ans.Vendor),
			slog.String("ref", string(ans.Ref)), slog.String("delivery", ans.Delivery.String()))
	}
	if e := w.c.spooled.Put(kept); e != nil {
		err = errors.Join(err, e)
		w.c.logger.LogAttrs(ctx, slog.LevelError, "the spool cannot be written: a vendor's answer is kept in memory only", slog.String("vendor", ans.Vendor),
			slog.String("ref", string(ans.Ref)), slog.String("delivery", ans.Delivery.String()), slog.String("error", e.Error()))
	}
	if noPlace(err) {
		ctx, cancel := context.WithTimeout(ctx, settleTimeout)
		defer cancel()
		w.c.applySpool(ctx) // it is told of, and parked
	}
	return &postproof.Error{
		Code: postproof.CodeUnavailable, Delivery: ans.Delivery, Op: "submit", Vendor: ans.Vendor, Err: fmt.Errorf("%s: %w", text, err),
	}
}

// settleTimeout bounds each try to write an answer: a ledger that hangs is as
// good as away, and the answer must reach the spool before the process ends.
const settleTimeout = 5 * time.Second

func (w *work) recordAnswer(ctx context.Context, ans idempotency.Answer) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if ans.Delivery >= postproof.Unknown {
		return w.apply(ctx, ans)
	}
	return w.apply(ctx, w.answered(ans)...)
}

// freshen reads the record as it is now, in the ledger as it is now.
func (w *work) freshen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	id, err := w.c.store.Identity(ctx)
	if err != nil {
		return err
	}
	rec, err := w.c.store.Get(ctx, w.rec.ID)
	if err == nil {
		w.rec, w.epoch, w.recovered = rec, id.Epoch, !id.EpochChanged()
	}
	return err
}

// noPlace reports whether the ledger can be written, and yet not take the
// answer: its record is unknown, buried, without the intent, or of a newer
// version.
func noPlace(err error) bool {
	_, rule := errors.AsType[*idempotency.RuleError](err)
	return rule || errors.Is(err, errOtherLedger) ||
		errors.Is(err, idempotency.ErrNewer) || errors.Is(err, idempotency.ErrNotFound) || errors.Is(err, idempotency.ErrCorrupt)
}

// answered is an answer and, where the job is refused but another vendor may
// take it, the way on, as one change: a crash in between would leave a job
// refused that another vendor could print.
func (w *work) answered(ans idempotency.Answer) []idempotency.Event {
	events := []idempotency.Event{ans}
	now := w.c.now()
	asked := *w.rec
	asked.EraseAt = time.Time{} // a refusal would end a job that is to be erased, whoever else could take it
	ch, err := w.c.machine.Apply(&asked, now, ans)
	if err != nil || ch.Record.State != idempotency.Refused || w.rec.State == idempotency.Refused {
		return events // it is not this answer that refuses the job
	}
	then := *w
	then.rec = ch.Record
	switch r, err := then.route(now); {
	case err != nil:
	case r.vendor != nil:
		events = append(events, idempotency.Replan{})
	case !r.until.IsZero():
		events = append(events, idempotency.Replan{}, idempotency.Postpone{Until: r.waitsFor.staggered(r.until)})
	case r.capped:
		events = append(events, idempotency.Replan{}, idempotency.PutOnHold{Reason: idempotency.HoldCap})
	}
	return events
}
