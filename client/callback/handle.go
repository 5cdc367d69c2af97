package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Update is what a vendor told about a piece, as the handler gets it: one event.
type Update struct {
	// Message is the event's id in the inbox: the same at each attempt.
	Message uint64
	// Event is what the vendor said. Its Raw may hold personal data.
	Event postproof.Event
	// Record is the piece as the ledger knows it now, this event included. It is
	// shared: do not change it.
	Record *idempotency.Record
	// Fresh is false when the event said nothing new: the ledger knew as much,
	// or more, since vendors send their events in any order. Record.Status is
	// where the piece is in any case.
	Fresh bool
	// Attempt counts the calls for this event that are known of, from 1.
	Attempt int
}

// LogValue implements [slog.LogValuer] without personal data.
func (u Update) LogValue() slog.Value {
	return slog.GroupValue(slog.Uint64("message", u.Message), slog.Any("event", u.Event), slog.Any("record", u.Record),
		slog.Bool("fresh", u.Fresh), slog.Int("attempt", u.Attempt))
}

// failure is why a message was not settled.
type failure string

const (
	failHandler    failure = "handler"
	failUnreadable failure = "unreadable"
	failRefused    failure = "ledger"
	failUnmatched  failure = "no record"
)

// deliver calls the handler, and settles the message by what it returned. The
// piece is ours.
func (r *Receiver) deliver(ctx context.Context, j *job, fresh bool, did *Drained) error {
	err := r.handle(ctx, j, Update{
		Message: j.m.ID, Event: j.o.notices[0].Event, Record: j.rec, Fresh: fresh, Attempt: j.m.Tries + 1,
	})
	if err != nil && ctx.Err() != nil { // it was told to stop, which is no failure of the event
		if j.stops++; j.stops < stopsCounted {
			return errors.Join(err, r.let(ctx, j, idempotency.Mark{State: idempotency.MessageWaiting, Due: r.in.Now()}))
		}
		err = errStopped
	}
	j.stops = 0
	if err != nil {
		r.tel.handlerFailed(ctx, j.o.a.route)
		r.fail(ctx, j, failHandler, err, did)
		return err
	}
	return r.let(ctx, j, idempotency.Mark{State: idempotency.MessageApplied})
}

// panicError is a panic of the handler. Its value may hold personal data, and
// is not kept.
type panicError struct{ value string }

func (p *panicError) Error() string { return "panic with a value of type " + p.value }

// errStopped is the failure of a handler that did not come to its end, time after time.
var errStopped = &postproof.Error{Code: postproof.CodeCanceled, Err: errors.New(
	"its process was told to stop each time before it returned: is it too slow, or what the process is stopped for?")}

var errGoexit = errors.New("its goroutine was ended")

// handle calls the handler in a goroutine of its own, which it may even end.
func (r *Receiver) handle(ctx context.Context, j *job, u Update) error {
	ctx, cancel := context.WithTimeout(ctx, r.handlerTimeout)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if p := recover(); p != nil {
				r.in.Logger.LogAttrs(ctx, slog.LevelError, "the callback handler panicked", slog.Uint64("message", u.Message),
					slog.String("stack", string(debug.Stack())))
				err = &panicError{fmt.Sprintf("%T", p)}
			}
			answered <- err
		}()
		err = r.handler(ctx, u)
	}()
	return r.await(ctx, j, answered)
}

// await waits for a handler, which cannot be ended. With one that does not return the
// process has a slot less, and where all hang no event is handled any more: so the owner
// is told. What it returns counts, however late, unless another process has taken the
// event over by then.
func (r *Receiver) await(ctx context.Context, j *job, answered <-chan error) error {
	late := time.NewTimer(r.lease)
	defer late.Stop()
	select {
	case err := <-answered:
		return err
	case <-late.C:
		r.alarms.raise(ctx, Alert{
			Kind: AlertHanging, Vendor: j.m.Vendor, Message: j.m.ID, Record: j.rec.ID, Tries: j.m.Tries,
			Reason: "the handler has not returned in " + r.lease.String() + ", long after its context ended: it must heed it",
		})
		return <-answered
	}
}

// fail counts a failure of a message: it is tried again later, its owner told
// after the third, and parked after the last.
func (r *Receiver) fail(ctx context.Context, j *job, why failure, cause error, did *Drained) {
	count(&did.Failures)
	round := (j.m.Tries + 1) % r.tries // a replayed message has as many tries again
	if round == 0 {
		round = r.tries
	}
	mark := idempotency.Mark{State: idempotency.MessageWaiting, Due: r.in.Now().Add(r.wait(j.m.ID, round)), Error: textOf(string(why), cause)}
	var entries []idempotency.Entry
	parked := round == r.tries
	if parked {
		mark.State, mark.Due = idempotency.MessageParked, r.in.Now().Add(tellWithin) // until the owner knows
	}
	if parked && why == failUnmatched {
		if j.o.notices[0].Event.Ref == "" {
			// Nothing says that it was ever ours: another program may send with
			// this account. It is kept like what is of another account.
			mark.State, mark.Due, parked = idempotency.MessageIgnored, time.Time{}, false
			count(&did.Ignored)
			r.tel.processed(ctx, r.routeOf(j), "foreign")
		} else {
			entries = append(entries, r.evidence(j))
		}
	}
	var err error
	if why == failHandler {
		err = r.let(ctx, j, mark, entries...)
	} else {
		err = r.settle(ctx, j, mark, entries...)
	}
	if err != nil {
		return
	}
	alert := Alert{Kind: AlertFailing, Vendor: j.m.Vendor, Message: j.m.ID, Tries: j.m.Tries + 1, Reason: mark.Error}
	if j.rec != nil {
		alert.Record = j.rec.ID
	}
	switch {
	case parked:
		count(&did.Parked)
		outcome := "parked"
		alert.Kind = AlertParked
		if why == failUnmatched {
			outcome, alert.Kind = "unmatched", AlertUnmatched
		}
		r.tel.processed(ctx, r.routeOf(j), outcome)
		r.alarms.raise(ctx, alert, debt{message: j.m.ID, fence: j.m.Fence, epoch: j.epoch})
	case round == alertAfter && why != failUnmatched && mark.State == idempotency.MessageWaiting:
		r.alarms.raise(ctx, alert)
	}
}

// evidence is the line of the history about a callback whose piece the ledger
// does not know: a lost history may have sent it.
func (r *Receiver) evidence(j *job) idempotency.Entry {
	e := &j.o.notices[0].Event
	return idempotency.Entry{
		At: r.in.Now(), Kind: entryUnmatched, Vendor: e.Vendor, Ref: e.Ref, VendorID: e.VendorID, By: byMessage(j.m.ID), Note: string(e.Status.Stage),
	}
}
