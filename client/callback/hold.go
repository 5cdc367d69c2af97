package callback

import (
	"context"
	"encoding/json"
	"errors"
	"time"

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
	// Owner runs the handler for it; empty while it waits for its next try.
	Owner string `json:"o,omitempty"`
}

// maxHeld bounds how many failed events are waited for in one setting: when the
// handler fails for everything, order is not kept for all pieces.
const maxHeld = 64

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

func holdName(id idempotency.ID) string { return "callback/hold/" + string(id[:min(2, len(id))]) }

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
	for piece, h := range all {
		if !h.Until.After(now) {
			delete(all, piece)
		}
	}
	return all, idempotency.SettingWrite{Name: name, Expect: s.Version}, nil
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
	piece := string(j.rec.ID)
	h, taken := all[piece]
	running := taken && h.Owner != "" && (h.Owner != r.in.Owner || h.Message != j.m.ID)
	waits := taken && h.Owner == "" && h.Message < j.m.ID
	switch {
	case running: // most handlers are quick
		if a.until = r.in.Now().Add(lookAgain); a.until.After(h.Until) {
			a.until = h.Until
		}
		return a, nil
	case waits:
		a.until = h.Until
		return a, nil
	}
	a.mine, a.until = true, r.in.Now().Add(r.lease)
	all[piece] = held{Message: j.m.ID, Until: a.until, Owner: r.in.Owner}
	return a, a.encode(all)
}

// turn takes the piece for an event that the ledger has already. It reports
// false when another one is first.
func (r *Receiver) turn(ctx context.Context, j *job) (bool, error) {
	mine := false
	err := r.settleWith(ctx, j, func(ctx context.Context) (idempotency.Change, error) {
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

// let gives the piece of a job back with the mark; with a failure, to be tried
// again at the time given, its later events wait for it.
func (r *Receiver) let(ctx context.Context, j *job, mark idempotency.Mark, entries ...idempotency.Entry) error {
	mark.ID, mark.Expect = j.m.ID, j.m.Fence
	return r.settleWith(ctx, j, func(ctx context.Context) (idempotency.Change, error) {
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
		case mark.State == idempotency.MessageWaiting && len(all) <= maxHeld:
			// A while longer than its due: the worker has to come to it.
			all[piece] = held{Message: j.m.ID, Until: mark.Due.Add(r.lease)}
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
