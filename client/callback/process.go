package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// errLost means that another worker has the message now.
var errLost = errors.New("callback: the message has moved on")

// job is one claimed message.
type job struct {
	m *idempotency.Message
	// epoch is the ledger's history that the message was claimed in.
	epoch string
	// o is what it says; err why it cannot be read, or has no record.
	o   *opened
	rec *idempotency.Record
	// tried: a commit was begun; the message may have moved since.
	tried bool
	err   error
	claim *claim
	// stops counts the stops in a row that interrupted its handler.
	stops int
}

// claim is how this process holds a message that it is at.
type claim struct {
	epoch string
	// fence is that of the last claim, should the lease have run out meanwhile and this
	// process have been the one who got the message again: it is still at it then, and
	// what comes of it counts. Else it would do it once more, for ever.
	fence atomic.Uint64
}

func (c *claim) again(epoch string, fence uint64) {
	if epoch == c.epoch { // else it is another message with the number
		c.fence.Store(fence)
	}
}

// The entries of the history that an event leaves, whatever it came to.
const (
	entryFresh     = idempotency.EntryCallback
	entryKept      = idempotency.EntryCallbackKept
	entryUnmatched = idempotency.EntryCallbackUnmatched
)

// byMessage names the message in an entry: it is how a worker finds out that the
// ledger had the event before a crash.
func byMessage(id uint64) string { return "inbox/" + strconv.FormatUint(id, 10) }

// prepare reads a claimed message and finds its piece.
func (r *Receiver) prepare(ctx context.Context, m *idempotency.Message, epoch string) *job {
	j := &job{m: m, epoch: epoch}
	if a := r.account(m.Vendor, m.Account); a != nil {
		a.hears(m.ReceivedAt)
	}
	if j.o, j.err = r.open(ctx, m); j.err != nil || len(j.o.notices) != 1 {
		return j
	}
	if e := &j.o.notices[0].Event; e.VendorID != "" || e.Ref != "" {
		j.rec, j.err = r.in.Find(ctx, e)
	}
	return j
}

// process carries a message on: to applied, ignored or parked, or to its next
// try.
func (r *Receiver) process(ctx context.Context, j *job, did *Drained) {
	rt := r.routeOf(j)
	switch {
	case j.o != nil && j.err == nil && len(j.o.notices) > 1:
		r.split(ctx, j)
	case j.err == nil && (len(j.o.notices) == 0 || j.rec == nil):
		_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageApplied}) // about no piece
	case j.err == nil && j.o.a.route.unsigned:
		r.hint(ctx, j, did)
	case j.err == nil:
		r.tell(ctx, j, did)
	case errors.Is(j.err, client.ErrNotOurs):
		count(&did.Ignored)
		r.tel.processed(ctx, rt, "ignored")
		_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageIgnored}) // it logs
	case j.rec == nil && postproof.CodeOf(j.err) == postproof.CodeNotFound && j.o != nil && j.o.notices != nil:
		r.fail(ctx, j, failUnmatched, j.err, did)
	case transient(j.err):
		r.later(ctx, j, j.err)
	case errors.Is(j.err, errNoEndpoint) && r.in.Now().Sub(j.m.ReceivedAt) < strangeFor:
		r.leave(ctx, j)
	default:
		r.fail(ctx, j, failUnreadable, j.err, did)
	}
}

// transient reports whether the ledger, not the message, is at fault.
func transient(err error) bool {
	switch postproof.CodeOf(err) {
	case postproof.CodeUnavailable, postproof.CodeDeadlineExceeded, postproof.CodeCanceled, postproof.CodeUnknown:
		return true
	default:
		return errors.Is(err, client.ErrEpochChanged)
	}
}

// later leaves a message to its lease: the ledger is away, which is no failure of
// the message.
func (r *Receiver) later(ctx context.Context, j *job, err error) {
	r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "a callback could not be applied; it comes up again",
		slog.Uint64("message", j.m.ID), slog.String("vendor", j.m.Vendor), slog.String("code", postproof.CodeOf(err).String()))
}

// hintPause is how long after the last change of a piece a hint makes its vendor
// be asked, at the earliest: who can send hints must not make us ask as often as
// they like.
const hintPause = time.Minute

var (
	errTooSoon = errors.New("callback: the vendor was asked just now")
	errAsked   = errors.New("callback: the vendor is being asked")
)

// hint has the vendor asked because of a word that nobody has signed.
func (r *Receiver) hint(ctx context.Context, j *job, did *Drained) {
	var soon time.Time
	ctx, end := r.in.Trace(ctx, "postproof.callback", j.rec)
	_, err := r.in.Tell(ctx, j.rec, client.News{Notice: j.o.notices[0], Hint: true, Epoch: j.epoch, Beside: func(ctx context.Context, told client.Told) (idempotency.Change, error) {
		if err := r.stillOurs(ctx, j); err != nil {
			return idempotency.Change{}, err
		}
		before, now := told.Before, r.in.Now()
		if before.State == idempotency.Accepted && !before.PollAt.IsZero() && !before.PollAt.After(now) {
			return idempotency.Change{}, errAsked // to change the record would make the worker ask twice
		}
		if soon = before.UpdatedAt.Add(hintPause); now.Before(soon) {
			return idempotency.Change{}, errTooSoon
		}
		return idempotency.Change{Marks: []idempotency.Mark{{
			ID: j.m.ID, Expect: j.m.Fence, State: idempotency.MessageApplied, Purge: purges(told.Record, idempotency.MessageApplied),
		}}}, nil
	}})
	hinted := err == nil
	if errors.Is(err, errAsked) || errors.Is(err, errTooSoon) {
		end(nil)
	} else {
		end(err)
	}
	switch {
	case errors.Is(err, errAsked):
		hinted = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageApplied}) == nil
	case err == nil, errors.Is(err, errLost):
	case errors.Is(err, errTooSoon):
		_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageWaiting, Due: soon}) // it logs
	case ruled(err): // there is nothing to ask about
		_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageApplied, Purge: buried(err)}) // it logs
	default:
		r.untold(ctx, j, err, did)
	}
	if hinted {
		count(&did.Hints)
		r.tel.processed(ctx, j.o.a.route, "hint")
	}
}

// buried reports whether the piece's job was pruned or erased.
func buried(err error) bool {
	rule, ok := errors.AsType[*idempotency.RuleError](err)
	return ok && rule.Rule == 10
}

func ruled(err error) bool {
	_, ok := errors.AsType[*idempotency.RuleError](err)
	return ok
}

// tell applies an event to the ledger, in one commit with its mark, and then
// calls the handler. The entry in that commit says that it was done: a message
// that comes up again, after a crash or a failure of the handler, is not applied
// twice.
func (r *Receiver) tell(ctx context.Context, j *job, did *Drained) {
	ctx, end := r.in.Trace(ctx, "postproof.callback", j.rec)
	err := r.telling(ctx, j, did)
	end(err)
}

func (r *Receiver) telling(ctx context.Context, j *job, did *Drained) error {
	before, there, err := r.toldBefore(ctx, j)
	if err != nil {
		r.later(ctx, j, err)
		return err
	}
	if there {
		if r.handler == nil {
			return r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageApplied})
		}
		ok, err := r.turn(ctx, j, did)
		if err != nil || !ok {
			return err
		}
		return r.deliver(ctx, j, before, did)
	}
	n := j.o.notices[0]
	mine := true
	told, err := r.in.Tell(ctx, j.rec, client.News{Notice: n, Epoch: j.epoch, Beside: func(ctx context.Context, told client.Told) (idempotency.Change, error) {
		var ch idempotency.Change
		if err := r.stillOurs(ctx, j); err != nil {
			return ch, err
		}
		ch.Entries = []idempotency.Entry{entryOf(j.m, n, told.Fresh)}
		mark := idempotency.Mark{ID: j.m.ID, Expect: j.m.Fence, State: idempotency.MessageApplied}
		if r.handler != nil {
			h, err := r.hold(ctx, j)
			if err != nil {
				return ch, err
			}
			if mine = h.mine; mine {
				ch.Settings = []idempotency.SettingWrite{h.write}
			}
			mark.State, mark.Due = idempotency.MessageWaiting, h.until
		}
		mark.Purge = purges(told.Record, mark.State)
		ch.Marks = []idempotency.Mark{mark}
		return ch, nil
	}})
	switch {
	case errors.Is(err, errLost):
		return nil
	case r.handler != nil && buried(err) && pruned(told.Record):
		j.rec = told.Record
		return r.tellOnly(ctx, j, did)
	case err != nil:
		r.untold(ctx, j, err, did)
		return err
	}
	r.counted(ctx, j, told.Fresh, did)
	j.rec = told.Record
	if r.handler == nil || !mine {
		return nil
	}
	j.m.Fence++ // by the mark
	return r.deliver(ctx, j, told.Fresh, did)
}

// tellOnly calls the handler for what the ledger has no place for any more: the
// job was pruned, which is no reason to keep from anybody what the vendor says.
func (r *Receiver) tellOnly(ctx context.Context, j *job, did *Drained) error {
	ok, err := r.turn(ctx, j, did)
	if err != nil || !ok {
		return err
	}
	r.counted(ctx, j, false, did)
	return r.deliver(ctx, j, false, did)
}

func (r *Receiver) counted(ctx context.Context, j *job, fresh bool, did *Drained) {
	if fresh {
		count(&did.Applied)
		r.tel.processed(ctx, j.o.a.route, "applied")
		return
	}
	count(&did.Kept)
	r.tel.processed(ctx, j.o.a.route, "kept")
}

func entryOf(m *idempotency.Message, n *vendors.Notice, fresh bool) idempotency.Entry {
	e := idempotency.Entry{
		Kind: entryKept, Vendor: n.Event.Vendor, Ref: n.Event.Ref, VendorID: n.Event.VendorID, By: byMessage(m.ID), Note: string(n.Event.Status.Stage),
	}
	if fresh {
		e.Kind = entryFresh
	}
	return e
}

// untold deals with news that the ledger has no place for.
func (r *Receiver) untold(ctx context.Context, j *job, err error, did *Drained) {
	rule, ok := errors.AsType[*idempotency.RuleError](err)
	switch {
	case ok && rule.Rule == 10: // the job was erased, or pruned and nobody wants to hear of it: what is known of it stays as it is
		count(&did.Ignored)
		r.tel.processed(ctx, j.o.a.route, "ignored")
		_ = r.settle(ctx, j, idempotency.Mark{State: idempotency.MessageIgnored, Error: textOf("ledger", err), Purge: true}) // it logs
	case ok || errors.Is(err, idempotency.ErrNewer):
		r.fail(ctx, j, failRefused, err, did)
	case postproof.CodeOf(err) == postproof.CodeConflict, transient(err):
		r.later(ctx, j, err)
	default:
		r.fail(ctx, j, failRefused, err, did)
	}
}

// toldBefore reports whether the ledger has the event of this very message, and
// whether it was news then.
func (r *Receiver) toldBefore(ctx context.Context, j *job) (fresh, there bool, err error) {
	if j.m.Fence <= 2 { // stored and claimed, never marked
		return false, false, nil
	}
	by := byMessage(j.m.ID)
	for e, err := range r.in.Store.Entries(ctx, idempotency.EntryQuery{ID: j.rec.ID, Kinds: []idempotency.EntryKind{entryFresh, entryKept}}) {
		if r.in.MeetDamaged(ctx, err) {
			continue // at worst the handler hears of it twice
		}
		if err != nil {
			return false, false, storeError("history", err)
		}
		if e.By == by {
			return e.Kind == entryFresh, true, nil
		}
	}
	return false, false, nil
}

// stillOurs returns errLost when the message was taken over.
func (r *Receiver) stillOurs(ctx context.Context, j *job) error {
	if r.in.Epoch() != j.epoch {
		return errLost // another message may have its number now
	}
	if !j.tried {
		j.tried = true // it was just claimed
		return nil
	}
	m, err := r.message(ctx, j.m.ID)
	if err != nil {
		return err
	}
	switch {
	case m.Fence == j.m.Fence:
		return nil
	case j.claim != nil && j.claim.fence.Load() == m.Fence:
		j.m.Fence, j.m.Tries = m.Fence, m.Tries
		return nil
	default:
		return errLost
	}
}

// purges reports whether a mark leaves no payload behind: the person that the
// message is about was erased, or the job pruned, and nobody needs it any more.
func purges(rec *idempotency.Record, to idempotency.MessageState) bool {
	if rec == nil || !rec.Erased() || to == idempotency.MessageWaiting {
		return false
	}
	return to != idempotency.MessageParked || !pruned(rec) // the handler still needs it then
}

// pruned reports whether a job is only remembered because its retention is over,
// and not because somebody asked that a person be forgotten.
func pruned(rec *idempotency.Record) bool {
	return rec != nil && rec.Tombstone && rec.EraseAt.IsZero()
}

// settle marks a message, with what else is to be written.
func (r *Receiver) settle(ctx context.Context, j *job, mark idempotency.Mark, entries ...idempotency.Entry) error {
	mark.Purge = mark.Purge || purges(j.rec, mark.State)
	return r.settleWith(ctx, j, func(context.Context) (idempotency.Change, error) {
		mark.ID, mark.Expect = j.m.ID, j.m.Fence
		return idempotency.Change{Marks: []idempotency.Mark{mark}, Entries: entries}, nil
	})
}

// settleWith commits a change that is made anew when somebody else was quicker
// at a setting in it.
func (r *Receiver) settleWith(ctx context.Context, j *job, change func(context.Context) (idempotency.Change, error)) error {
	ctx = context.WithoutCancel(ctx) // what was done must be known
	err := error(nil)
	for range 32 {
		var ch idempotency.Change
		if ch, err = change(ctx); err != nil {
			break
		}
		err = r.in.Commit(ctx, j.epoch, ch)
		if !errors.Is(err, idempotency.ErrStale) {
			break
		}
		if lost := r.moved(ctx, j); lost != nil {
			err = lost
			break
		}
	}
	switch {
	case err == nil:
		j.m.Fence++
		return nil
	case errors.Is(err, errLost):
		return err
	default:
		err = storeError("mark", err)
		r.later(ctx, j, err)
		return err
	}
}

func (r *Receiver) moved(ctx context.Context, j *job) error {
	j.tried = true
	return r.stillOurs(ctx, j)
}

// routeOf returns the message's route, nil when it is not configured any more.
func (r *Receiver) routeOf(j *job) *route {
	if a := r.account(j.m.Vendor, j.m.Account); a != nil {
		return a.route
	}
	return nil
}

// textOf is what is kept of an error: the text of a [*postproof.Error], which
// holds no personal data, of others the type.
func textOf(what string, err error) string {
	if e, ok := errors.AsType[*postproof.Error](err); ok {
		return what + ": " + e.Error()
	}
	return fmt.Sprintf("%s: %T", what, err)
}
