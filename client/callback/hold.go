package callback

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The events of one piece are handed to the handler one at a time, in the order
// of receipt, whatever the number of processes. Who is at it, and which event a
// piece waits for after a failure, stands in settings of the ledger, some pieces
// in each; they are written in the commits that there are anyway.

// held is an event that a piece's other events wait for.
type held struct {
	// Message is the event, Until when it is waited for no longer.
	Message uint64    `json:"m"`
	Until   time.Time `json:"u"`
	// Owner runs the handler for it; empty while it waits for its next try. With an
	// owner and its time over it says that the handler was begun, and that nobody wrote
	// down what came of it: most likely it took its process with it.
	Owner string `json:"o,omitempty"`
	// Stops counts the stops in a row that interrupted the handler for it.
	Stops int `json:"s,omitempty"`
}

func (h held) over(now time.Time) bool { return !h.Until.After(now) }

func (h held) open(now time.Time) bool { return h.Owner != "" && h.over(now) }

// maxHeld bounds how many failed events are waited for in one setting: when the
// handler fails for everything, order is not kept for all pieces. It also bounds how
// many calls without an outcome, and interrupted ones, are remembered there.
const maxHeld = 64

// stopsCounted is how many stops in a row that interrupt one event are a failure of it:
// it may be what its process is stopped for.
const stopsCounted = 3

// lookAgain is how soon an event looks again whether the handler is done with the
// one before it, in another process.
const lookAgain = 2 * time.Second

// holdAnswer is what came of asking for a piece.
type holdAnswer struct {
	mine  bool
	write idempotency.SettingWrite
	// until is when the hold ends: ours, or that of what is waited for.
	until time.Time
}

// holdPrefix begins the name of a setting of holds; behind it are the first two digits
// of the pieces' ids.
const holdPrefix = "callback/hold/"

func holdName(id idempotency.ID) string { return holdPrefix + string(id[:min(2, len(id))]) }

func (r *Receiver) holds(ctx context.Context, id idempotency.ID) (map[string]held, idempotency.SettingWrite, error) {
	name := holdName(id)
	s, err := r.in.Store.Setting(ctx, name)
	if err != nil {
		return nil, idempotency.SettingWrite{}, storeError("setting", err)
	}
	all := map[string]held{}
	if len(s.Value) > 0 {
		if err := json.Unmarshal(s.Value, &all); err != nil {
			all = map[string]held{} // of a newer version: the order is not kept this once
		}
	}
	now := r.in.Now()
	var past []string
	for piece, h := range all {
		switch {
		case h.over(now) && (h.Owner != "" || h.Stops > 0): // its event comes up again some time, maybe after days
			past = append(past, piece)
		case h.over(now):
			delete(all, piece)
		}
	}
	if n := len(past) - maxHeld; n > 0 {
		slices.SortFunc(past, func(a, b string) int { return all[a].Until.Compare(all[b].Until) })
		for _, piece := range past[:n] {
			delete(all, piece)
		}
	}
	return all, idempotency.SettingWrite{Name: name, Expect: s.Version}, nil
}

// errNoOutcome is the failure of a handler that did not live to tell it.
var errNoOutcome = &postproof.Error{Code: postproof.CodeUnknown, Err: errors.New(
	"its process ended, or stood still, before it returned: does it call os.Exit or log.Fatal, or need more memory than there is?")}

// unanswered reports whether another process began the handler for this very event,
// and did not write down in time what came of it. Whoever is alive knows that it was not
// the handler that kept it from that.
func (r *Receiver) unanswered(ctx context.Context, j *job) (bool, error) {
	all, _, err := r.holds(ctx, j.rec.ID)
	h := all[string(j.rec.ID)]
	return h.Message == j.m.ID && h.open(r.in.Now()) && h.Owner != r.name, err
}

// running returns the messages that handlers are at, in whichever process: such a
// message has no lease, but holds its piece.
func (b *Inbox) running(ctx context.Context) (map[uint64]bool, error) {
	now, found := b.now(), map[uint64]bool{}
	for s, err := range b.store.Settings(ctx, holdPrefix) {
		if err != nil {
			return nil, storeError("settings", err)
		}
		var all map[string]held
		if len(s.Value) == 0 || json.Unmarshal(s.Value, &all) != nil { // of a newer version: see holds
			continue
		}
		for _, h := range all {
			if h.Owner != "" && !h.open(now) {
				found[h.Message] = true
			}
		}
	}
	return found, nil
}

func (w *holdAnswer) encode(all map[string]held) error {
	value, err := json.Marshal(all)
	w.write.Value = value
	return err
}

// hold asks for the piece of a job.
func (r *Receiver) hold(ctx context.Context, j *job) (*holdAnswer, error) {
	all, write, err := r.holds(ctx, j.rec.ID)
	if err != nil {
		return nil, err
	}
	a := &holdAnswer{write: write}
	piece, now := string(j.rec.ID), r.in.Now()
	h, taken := all[piece]
	if j.stops = 0; h.Message == j.m.ID {
		j.stops = h.Stops
	}
	if h.open(now) { // nobody runs it; others leave it the time to come up again
		h.Until = h.Until.Add(r.lease)
		taken = h.Message != j.m.ID
	}
	taken = taken && !h.over(now)
	running := taken && h.Owner != "" && (h.Owner != r.name || h.Message != j.m.ID)
	waits := taken && h.Owner == "" && h.Message < j.m.ID
	switch {
	case running: // most handlers are quick
		if a.until = now.Add(lookAgain); a.until.After(h.Until) {
			a.until = h.Until
		}
		return a, nil
	case waits:
		a.until = h.Until
		return a, nil
	}
	a.mine, a.until = true, now.Add(r.lease)
	all[piece] = held{Message: j.m.ID, Until: a.until, Owner: r.name, Stops: j.stops}
	return a, a.encode(all)
}

// turn takes the piece for an event that the ledger has already. It reports
// false when another one is first. A handler that was begun and never answered has
// failed: one that ends its process would do so to each that comes, for ever.
func (r *Receiver) turn(ctx context.Context, j *job, did *Drained) (bool, error) {
	lost, err := r.unanswered(ctx, j)
	switch {
	case err != nil:
		r.later(ctx, j, err)
		return false, err
	case lost:
		r.tel.handlerFailed(ctx, j.o.a.route)
		r.fail(ctx, j, failHandler, errNoOutcome, did)
		return false, errNoOutcome
	}
	mine := false
	err = r.settleWith(ctx, j, func(ctx context.Context) (idempotency.Change, error) {
		h, err := r.hold(ctx, j)
		if err != nil {
			return idempotency.Change{}, err
		}
		ch := idempotency.Change{Marks: []idempotency.Mark{{ID: j.m.ID, Expect: j.m.Fence, State: idempotency.MessageWaiting, Due: h.until}}}
		if mine = h.mine; mine {
			ch.Settings = []idempotency.SettingWrite{h.write}
		}
		return ch, nil
	})
	if errors.Is(err, errLost) {
		return false, nil
	}
	return mine && err == nil, err
}

// live counts what is waited for, or runs.
func (r *Receiver) live(all map[string]held) (n int) {
	now := r.in.Now()
	for _, h := range all {
		if !h.over(now) {
			n++
		}
	}
	return n
}

// let gives the piece of a job back with the mark; with a failure, to be tried
// again at the time given, its later events wait for it.
func (r *Receiver) let(ctx context.Context, j *job, mark idempotency.Mark, entries ...idempotency.Entry) error {
	return r.settleWith(ctx, j, func(ctx context.Context) (idempotency.Change, error) {
		mark.ID, mark.Expect = j.m.ID, j.m.Fence
		rec, err := r.in.Store.Get(ctx, j.rec.ID) // it may have been erased while the handler ran
		if err != nil {
			return idempotency.Change{}, storeError("get", err)
		}
		mark.Purge = purges(rec, mark.State)
		ch := idempotency.Change{Marks: []idempotency.Mark{mark}, Entries: entries}
		all, write, err := r.holds(ctx, j.rec.ID)
		if err != nil {
			return ch, err
		}
		piece := string(j.rec.ID)
		_, there := all[piece]
		switch {
		case mark.State == idempotency.MessageWaiting && r.live(all) <= maxHeld:
			// A while longer than its due: the worker has to come to it.
			all[piece] = held{Message: j.m.ID, Until: mark.Due.Add(r.lease), Stops: j.stops}
		case there && all[piece].Message == j.m.ID:
			delete(all, piece)
		default:
			return ch, nil
		}
		a := holdAnswer{write: write}
		if err := a.encode(all); err != nil {
			return ch, err
		}
		ch.Settings = []idempotency.SettingWrite{a.write}
		return ch, nil
	})
}
