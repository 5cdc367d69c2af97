package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// ErrNotOurs means that news is about a piece of another account or mode than
// the one that the ledger knows under its name: it says nothing about ours.
var ErrNotOurs = errors.New("the piece is of another account or mode")

// Intake applies news that vendors send by themselves to the ledger. Package
// client/callback stands on it; whoever gets such news by another way, as from
// a queue, may use it likewise. It is safe for concurrent use.
type Intake struct {
	// Store is the ledger, Inbox what belongs to it.
	Store Store
	Inbox idempotency.Inbox
	// Clock, Logger, Tracers and Meters are the client's.
	Clock   postproof.Clock
	Logger  *slog.Logger
	Tracers trace.TracerProvider
	Meters  metric.MeterProvider
	// Owner is the client's name in leases.
	Owner string

	c *Client
}

// Intake returns where news comes in. The error has
// [postproof.CodeUnsupported] when the store has no inbox.
func (c *Client) Intake() (*Intake, error) {
	if err := c.knowsVendors("intake"); err != nil {
		return nil, err
	}
	engine, ok := c.store.(interface{ Inbox() idempotency.Inbox })
	if !ok {
		return nil, notSent(postproof.CodeUnsupported, "intake", errors.New("the client's store has no inbox: give it a store with the method Inbox, as those of this module have"))
	}
	return &Intake{
		Store: c.store, Inbox: engine.Inbox(), Clock: c.clock, Logger: c.logger, Tracers: c.tracers, Meters: c.meters, Owner: c.owner, c: c,
	}, nil
}

// Now returns the ledger's time, which never runs back.
func (i *Intake) Now() time.Time { return i.c.now() }

// Mode returns the ledger's mode.
func (i *Intake) Mode() postproof.Mode { return i.c.id().Mode }

// Account returns the present name of an account of a vendor: of a former one
// ([VendorConfig].FormerAccounts) that of the client's credentials, of any other
// what it was given.
func (i *Intake) Account(vendor, fingerprint string) string {
	if v := i.c.byName[vendor]; sameAccount(v, fingerprint) {
		return v.account.Fingerprint
	}
	return fingerprint
}

// Epoch names the history of the ledger that the client works on. What is claimed
// from the inbox belongs to the history at that time.
func (i *Intake) Epoch() string { return i.c.id().Epoch }

// Commit commits a change of messages and settings that was made for a history of
// the ledger, which [Intake.Epoch] returned before anything of it was read: a
// restored ledger comes to the same numbers of messages, fences and versions again.
// The error wraps [ErrEpochChanged] when it has another history by now, which the
// client then works on, and [idempotency.ErrStale] when somebody else was quicker.
func (i *Intake) Commit(ctx context.Context, epoch string, ch idempotency.Change) error {
	ch.Epoch = epoch
	err := idempotency.CommitOne(ctx, i.Store, ch)
	if err == nil {
		for n := range ch.Entries {
			i.c.countIncident(ctx, &ch.Entries[n])
		}
	}
	if !errors.Is(err, idempotency.ErrEpoch) {
		return err
	}
	return errors.Join(i.c.epochError("commit"), i.c.recheckLedger(ctx))
}

// Capabilities returns what a vendor of the client can do; nil for one that it
// does not have.
func (i *Intake) Capabilities(vendor string) *postproof.Capabilities { return i.c.capabilities(vendor) }

// Polls reports whether the client polls a vendor's pieces at the vendor's pace although
// it sends callbacks, because nobody said that they are received
// ([VendorConfig].Callbacks).
func (i *Intake) Polls(vendor string) bool {
	v := i.c.byName[vendor]
	return v != nil && !v.config.Callbacks && v.caps.Callbacks.Auth != postproof.CallbackNone
}

// Trace begins a span that is linked to the call that brought the job; without a record
// that of a call. The function ends it.
func (i *Intake) Trace(ctx context.Context, name string, rec *idempotency.Record) (context.Context, func(error)) {
	var span trace.Span
	if rec == nil {
		ctx, span = i.c.tel.tracer.Start(ctx, name)
	} else {
		ctx, span = i.c.tel.startOn(ctx, name, trace.SpanKindConsumer, rec)
	}
	return ctx, func(err error) { end(span, err) }
}

// News is what a vendor said about a piece.
type News struct {
	// Notice is what it said. The Event names vendor, account and mode, and the
	// piece by our reference, by the vendor's id, or by both.
	Notice *vendors.Notice
	// Hint: nobody knows whether it was the vendor. It is asked soon, and
	// nothing of what the notice says is believed. [Client.Refresh] is for those
	// whom we know: it asks after the end, too, and says when nobody can be asked.
	Hint bool
	// Epoch names the history of the ledger in which the record was read: what
	// [Intake.Epoch] returned before that. Empty, or when it has another one by
	// now, the record is read again.
	Epoch string
	// Beside returns what is committed in one step with the record: entries,
	// settings and marks. It may be nil. When the record, or anything of what
	// it returned, was changed by somebody else meanwhile it is called again, and
	// must read again what it depends on; its error ends the attempt.
	Beside func(ctx context.Context, told Told) (idempotency.Change, error)
}

// Told is the result of [Intake.Tell].
type Told struct {
	// Record is the piece's record after the news, Before the one that it was
	// applied to.
	Record, Before *idempotency.Record
	// Fresh is true when the news changed what is known; false when it was
	// known, or older than what is known.
	Fresh bool
}

// LogValue implements [slog.LogValuer] without personal data.
func (t Told) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Bool("fresh", t.Fresh)}
	if t.Record != nil {
		attrs = append(attrs, slog.Any("record", t.Record))
	}
	return slog.GroupValue(attrs...)
}

// Find returns the record of the piece that an event is about, by our
// reference, else by the vendor's id. The error has [postproof.CodeNotFound]
// when the ledger knows no such piece: keep the event as evidence then. It is
// [ErrNotOurs] when the piece is known and the event is of another account or
// mode.
func (i *Intake) Find(ctx context.Context, e *postproof.Event) (*idempotency.Record, error) {
	rec, err := i.c.recordOf(ctx, e)
	if err != nil {
		return nil, err
	}
	if !i.c.ours(rec, e) {
		return rec, ErrNotOurs
	}
	return rec, nil
}

// Tell applies news about the piece of a record that Find returned, in one
// commit with what stands beside it. It begins again when somebody else was
// quicker, so that nothing is lost and nothing counted twice. The error has
// [postproof.CodeConflict] and wraps a [*idempotency.RuleError] when the ledger
// has no place for the news.
func (i *Intake) Tell(ctx context.Context, rec *idempotency.Record, n News) (Told, error) {
	c := i.c
	id := c.id()
	if n.Epoch != id.Epoch {
		// A restored ledger comes to the same fences again: what was read in another
		// history says nothing in this one.
		now, err := c.store.Get(ctx, rec.ID)
		if err != nil {
			return Told{Record: rec}, c.storeError("observe", err)
		}
		rec = now
	}
	for range 16 {
		w := c.workIn(id, rec, nil)
		before := rec
		ch, err := c.machine.Apply(rec, c.now(), w.heard(ctx, n))
		if err != nil {
			if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
				err = notSent(postproof.CodeConflict, "observe", rule)
			}
			return Told{Record: rec}, err
		}
		told := Told{Record: ch.Record, Before: rec, Fresh: slices.ContainsFunc(ch.Entries, func(e idempotency.Entry) bool { return e.Kind != idempotency.EntryOutdated })}
		if err := beside(ctx, &ch, n, told); err != nil {
			return Told{Record: rec}, err
		}
		err = w.commit(ctx, ch)
		switch {
		case err == nil:
			if woken(before, ch.Record) {
				c.wakeUp()
			}
			return told, nil
		case errors.Is(err, ErrEpochChanged):
			if err := c.checkLedger(ctx); err != nil {
				return Told{Record: rec}, err
			}
		case !errors.Is(err, idempotency.ErrStale):
			return Told{Record: rec}, err
		}
		id = c.id() // before the record
		if rec, err = c.store.Get(ctx, before.ID); err != nil {
			return Told{Record: before}, c.storeError("observe", err)
		}
	}
	return Told{Record: rec}, c.storeError("observe", fmt.Errorf("the job does not keep still: %w", idempotency.ErrStale))
}

func beside(ctx context.Context, ch *idempotency.Change, n News, told Told) error {
	if n.Beside == nil {
		return nil
	}
	more, err := n.Beside(ctx, told)
	if err != nil {
		return err
	}
	for _, e := range more.Entries {
		e.ID, e.Fence, e.Generation = told.Record.ID, told.Record.Fence, told.Record.Generation
		if e.At.IsZero() {
			e.At = told.Record.UpdatedAt
		}
		ch.Entries = append(ch.Entries, e)
	}
	ch.Settings, ch.Marks = append(ch.Settings, more.Settings...), append(ch.Marks, more.Marks...)
	return nil
}

// woken reports whether the news gave a worker something to do earlier than it
// had.
func woken(before, after *idempotency.Record) bool {
	was, had := before.WorkAt()
	is, has := after.WorkAt()
	return has && (!had || is.Before(was))
}

// heard is the machine's event for news.
func (w *work) heard(ctx context.Context, n News) idempotency.Observe {
	e := &n.Notice.Event
	sub := submissionOf(w.rec, e)
	ev := idempotency.Observe{Vendor: e.Vendor, Ref: e.Ref, VendorID: e.VendorID, Hint: n.Hint}
	if sub == nil {
		return ev // the machine says that there is none
	}
	ev.Ref = sub.Ref
	ev.Sighting = idempotency.Sighting{
		Receipt: postproof.Receipt{Vendor: e.Vendor, VendorID: e.VendorID, Ref: e.Ref}, Status: e.Status, Equal: true,
		Alive: !w.c.saysDead(e),
	}
	if o := n.Notice.Order; o != nil {
		var want vendors.Facts
		if v := w.c.byName[e.Vendor]; v != nil && sub.Join != postproof.Accepted {
			want = w.facts(ctx, v, sub) // it may be what settles the submission
		}
		seen := see(o, want, sub.Ref, w.rec.Mode)
		if seen.Receipt.VendorID == "" {
			seen.Receipt.VendorID = e.VendorID
		}
		if e.Status.Stage != "" {
			seen.Status = e.Status
		}
		ev.Sighting = seen
	}
	ev.Sighting.Status.VendorTime = writable(ev.Sighting.Status.VendorTime)
	ev.Sighting.Status.Source = postproof.SourceCallback
	if !e.ReceivedAt.IsZero() {
		ev.Sighting.Status.SeenAt = e.ReceivedAt
	}
	return ev
}

// saysDead reports whether an event that shows no order says that there will be
// no paper: the piece was canceled, or failed in a way that the vendor lists.
func (c *Client) saysDead(e *postproof.Event) bool {
	caps := c.capabilities(e.Vendor)
	return e.Status.Stage == postproof.StageCanceled ||
		(e.Status.Stage == postproof.StageFailed && caps != nil && slices.Contains(caps.NoPaper, e.Status.Raw))
}
