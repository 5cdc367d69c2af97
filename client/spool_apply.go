package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
)

// errOtherLedger: an answer is for another ledger than this one.
var errOtherLedger = errors.New("it is of another ledger, or of this one before it was made a copy of its own")

// applySpool puts kept answers into the ledger, in order. It stops at the first
// that the ledger cannot take now; one that it has no place for is parked, and
// told of.
func (c *Client) applySpool(ctx context.Context) {
	select {
	case c.spooling <- struct{}{}:
		defer func() { <-c.spooling }()
	default:
		return // somebody is at it
	}
	now := c.now()
	waiting, parked := c.spooled.Take(now)
	var park []spool.Answer
	n := 0
	for ; n < len(waiting); n++ {
		e := waiting[n]
		err := c.applySpooled(ctx, e)
		if err == nil {
			continue
		}
		if !noPlace(err) {
			parked = nil // the ledger is away
			break
		}
		park = append(park, c.park(ctx, e, err))
	}
	var placed []spool.Answer
	for _, e := range parked {
		err := c.applySpooled(ctx, e)
		if err == nil {
			placed = append(placed, e)
		} else if !noPlace(err) {
			break
		}
	}
	var err error
	if n > 0 {
		err = c.spooled.Done(n, park, now)
	}
	if len(placed) > 0 {
		err = errors.Join(err, c.spooled.Placed(placed))
	}
	if err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "spool files could not be brought up to date: they are read again, which is harmless", slog.String("error", err.Error()))
	}
}

// startSpooling waits until nobody applies answers, who has copies of them.
func (c *Client) startSpooling(ctx context.Context, op string) error {
	select {
	case c.spooling <- struct{}{}:
		return nil
	case <-ctx.Done():
		return notSent(postproof.CodeOf(ctx.Err()), op, context.Cause(ctx))
	}
}

func (c *Client) applySpooled(ctx context.Context, e spool.Answer) error {
	id := c.id()
	if e.Ledger != "" && e.Ledger != id.Namespace {
		return errOtherLedger
	}
	if e.Epoch != "" && e.Epoch != id.Recovered {
		// The number of its intent may be that of another send, after a backup
		// was restored: it must not end that one.
		e.Answer.Intent = 0
	}
	for range 8 {
		rec, err := c.store.Get(ctx, e.ID)
		if err != nil {
			return err
		}
		w := c.workIn(id, rec, nil)
		if err = w.apply(ctx, w.answered(e.Answer)...); !errors.Is(err, idempotency.ErrStale) {
			return err
		}
	}
	return idempotency.ErrStale
}

// park tells of an answer that has no place in the ledger, once: in the log
// for each process, and in the ledger's history.
func (c *Client) park(ctx context.Context, e spool.Answer, why error) spool.Answer {
	c.logger.LogAttrs(ctx, slog.LevelError, "a vendor's answer has no place in the ledger: it is kept in the spool and tried again", slog.String("vendor", e.Answer.Vendor),
		slog.String("ref", string(e.Answer.Ref)), slog.String("delivery", e.Answer.Delivery.String()), slog.String("error", why.Error()))
	if !errors.Is(why, idempotency.ErrNewer) {
		// Should the job be handed in again, the number of its intent may be
		// that of another send.
		e.Answer.Intent = 0
	}
	if rec, err := c.store.Get(ctx, e.ID); err == nil && rec.Erased() {
		e.Redact() // an erasure may be over that knew nothing of this process
	}
	if e.Parked == "" && !errors.Is(why, errOtherLedger) {
		entry := c.aboutSpooled(e, idempotency.EntryAnswerParked)
		entry.Note = why.Error()
		if err := idempotency.CommitOne(ctx, c.store, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "the history could not be told of a parked answer", slog.String("error", err.Error()))
		} else {
			c.countIncident(ctx, &entry)
		}
	}
	e.Parked = why.Error()
	return e
}

func (c *Client) aboutSpooled(e spool.Answer, kind idempotency.EntryKind) idempotency.Entry {
	entry := idempotency.Entry{
		ID: e.ID, At: c.now(), Kind: kind, Vendor: e.Answer.Vendor, Ref: e.Answer.Ref, Delivery: e.Answer.Delivery, Code: e.Answer.Code,
	}
	if e.Answer.Order != nil {
		entry.VendorID = e.Answer.Order.Receipt.VendorID
	}
	return entry
}

// SpooledAnswer is a vendor's answer that is not in the ledger.
type SpooledAnswer struct {
	// ID is the record that it is about; Vendor, Ref and VendorID say which
	// piece. VendorID is empty when the vendor did not accept it.
	ID       idempotency.ID
	Vendor   string
	Ref      postproof.Ref
	VendorID string
	// Delivery is what became of the submission.
	Delivery postproof.Delivery
	// At is when the vendor answered.
	At time.Time
	// Parked says why the ledger has no place for it, though it can be written:
	// the record is of a newer version, or not known since a backup was
	// restored. It is tried again every 5 minutes. Empty while the answer only
	// waits for the ledger.
	Parked string
	// OtherLedger: it lies in the spool folder, and was given by a ledger with
	// another namespace. It is left alone: give each ledger a folder of its own.
	OtherLedger bool
}

// Spooled returns the answers of vendors that are not in the ledger, those of
// this process and those that it took over: first what waits until the ledger
// can be written, then what is parked, then what was found of another ledger.
// None of them is lost; a parked one needs a person when it stays, see
// [Client.DropSpooled].
func (c *Client) Spooled() []SpooledAnswer {
	ledger := c.id().Namespace
	all := c.spooled.All()
	out := make([]SpooledAnswer, len(all))
	for i, e := range all {
		about := c.aboutSpooled(e, "")
		out[i] = SpooledAnswer{
			ID: e.ID, Vendor: about.Vendor, Ref: about.Ref, VendorID: about.VendorID, Delivery: about.Delivery, At: e.At, Parked: e.Parked,
			OtherLedger: e.Ledger != "" && e.Ledger != ledger,
		}
	}
	return out
}

// DropSpooled gives up the parked answers with our reference, for good, by a
// person's word: it is written to the history with the name and the reason, which is
// required. The error has [postproof.CodeNotFound] when no answer of this ledger is parked
// under the reference.
//
// Another process that has the answer, too, because it is running since it was
// parked, keeps it until it is started again.
func (c *Client) DropSpooled(ctx context.Context, ref postproof.Ref, who Actor) (err error) {
	if err := c.knowsVendors("drop spooled"); err != nil {
		return err
	}
	ctx, span := c.tel.call(ctx, "postproof.drop_spooled", &err)
	defer endCall(span, &err)
	if who, err = who.reasoned("drop spooled"); err != nil {
		return err
	}
	if err := c.startSpooling(ctx, "drop spooled"); err != nil {
		return err
	}
	defer func() { <-c.spooling }()
	ledger := c.id().Namespace
	gone := slices.DeleteFunc(c.spooled.All(), func(e spool.Answer) bool {
		return e.Parked == "" || e.Answer.Ref != ref || (e.Ledger != "" && e.Ledger != ledger)
	})
	if len(gone) == 0 {
		return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Op: "drop spooled", Err: fmt.Errorf("no answer of this ledger is parked under the reference: Spooled lists those that are: %w", idempotency.ErrNotFound)}
	}
	target := Target{Kind: TargetJob, Name: string(gone[0].ID)}
	aboutTarget(trace.SpanFromContext(ctx), target)
	var entries []idempotency.Entry
	_, err = c.logged(ctx, "drop spooled", func(ctx context.Context) (change idempotency.Change, _ ChangeEntry, _ error) {
		var dropped []droppedAnswer
		why := who.Why
		for _, e := range gone {
			entry := c.aboutSpooled(e, idempotency.EntryAnswerDropped)
			switch rec, err := c.store.Get(ctx, e.ID); {
			case err == nil && rec.Erased():
				why = "" // of an erased person no reason is kept
			case err != nil && !noPlace(err):
				return change, ChangeEntry{}, c.storeError("drop spooled", err)
			default:
				entry.By, entry.Note = who.By, why
			}
			change.Entries = append(change.Entries, entry)
			dropped = append(dropped, droppedAnswer{entry.Vendor, entry.Ref, entry.VendorID, entry.Delivery.String()})
		}
		entries = change.Entries
		return change, ChangeEntry{
			By: who.By, Why: why, Action: ActionDrop, Target: target, Before: asJSON(dropped),
		}, nil
	})
	if err != nil {
		return err
	}
	for i := range entries {
		c.countIncident(ctx, &entries[i])
	}
	if err := c.spooled.Drop(gone); err != nil {
		return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Op: "drop spooled", Err: err}
	}
	return nil
}

// droppedAnswer is what the change log keeps of an answer that was given up.
type droppedAnswer struct {
	Vendor   string        `json:"vendor"`
	Ref      postproof.Ref `json:"ref"`
	VendorID string        `json:"vid,omitempty"`
	Delivery string        `json:"delivery"`
}

// tellForeign says at the start what lies in the spool folder of another ledger.
func (c *Client) tellForeign(ctx context.Context) {
	if _, _, n := c.spooled.Count(); n > 0 {
		c.logger.LogAttrs(ctx, slog.LevelError, "the spool folder holds answers of another ledger: they are left alone; give each ledger a folder of its own",
			slog.Int("answers", n))
	}
}

// tellDamaged says at the start that the spool folder holds what cannot be read.
func (c *Client) tellDamaged(ctx context.Context) {
	if n := c.spooled.Damaged(); n > 0 {
		c.logger.LogAttrs(ctx, slog.LevelError, "the spool folder holds answers of vendors that cannot be read, damaged or of a newer version: their files are kept as "+"damaged-*.jsonl"+
			"; a newer version reads them under their former name, answers-*.jsonl, and what is damaged is in doubt until its vendor is asked", slog.Int("files", n))
	}
}
