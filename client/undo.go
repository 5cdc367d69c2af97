package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// ErrNotUndoable means that a change cannot be taken back, or not any more. The
// error that wraps it says why, and what to do instead.
var ErrNotUndoable = errors.New("the change cannot be taken back")

// Undo takes a change back, by the number of its entry in the change log, and
// writes that to the change log in turn (see [ChangeEntry.Undoes]):
//
//   - pause: what was paused goes on; resume: it is paused again.
//   - release, decide: the job is held again as it was, as long as nothing came of
//     it since: nothing was sent, no vendor told anything new, nobody else changed
//     it ([idempotency.Reopen]), and the ledger was not recovered ([Client.Recover]).
//   - approve: the campaign waits for approval again, as if it had never been
//     given; pieces that were sent meanwhile stay sent.
//
// What cannot be taken back is [ErrNotUndoable] with [postproof.CodeConflict]: it
// was taken back already, things have moved on, or the action is none that can be
// undone, as an amendment or a cancellation. A number that the log does not have
// is [postproof.CodeNotFound]. The reason is required.
func (c *Client) Undo(ctx context.Context, n uint64, who Actor) (_ ChangeEntry, err error) {
	ctx, span := c.tel.call(ctx, "postproof.undo", &err)
	defer endCall(span, &err)
	if who, err = who.reasoned("undo"); err != nil {
		return ChangeEntry{}, err
	}
	e, err := c.changeEntry(ctx, "undo", n)
	if err != nil {
		return ChangeEntry{}, err
	}
	aboutTarget(trace.SpanFromContext(ctx), e.Target)
	plan, then, err := c.takingBack(&e, who)
	if err != nil {
		return ChangeEntry{}, err
	}
	e, err = c.logged(ctx, "undo", plan)
	if err != nil {
		return e, err
	}
	return e, then(ctx)
}

// Undoable says beforehand what [Client.Undo] would: nil when the entry can be
// taken back now, else the error that Undo would return.
func (c *Client) Undoable(ctx context.Context, n uint64) error {
	e, err := c.changeEntry(ctx, "undo", n)
	if err != nil {
		return err
	}
	plan, _, err := c.takingBack(&e, Actor{By: "somebody"})
	if err != nil {
		return err
	}
	_, _, err = plan(ctx)
	return err
}

// takingBack returns how to take an entry back, and what to do afterwards.
func (c *Client) takingBack(e *ChangeEntry, who Actor) (planned, func(context.Context) error, error) {
	n := e.N
	plan, then, err := c.undoing(e, who)
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		// Each time anew: somebody else may be quicker.
		for later, err := range c.Changes(ctx, ChangeQuery{After: n}) {
			if err != nil {
				return idempotency.Change{}, ChangeEntry{}, err
			}
			if later.Undoes == n {
				return idempotency.Change{}, ChangeEntry{}, notUndoable(n, fmt.Sprintf("entry %d has taken it back already", later.N))
			}
		}
		return plan(ctx)
	}, then, nil
}

// undoing is undo of an entry that nobody has taken back.
func (c *Client) undoing(undone *ChangeEntry, who Actor) (planned, func(context.Context) error, error) {
	e, n := *undone, undone.N
	back := ChangeEntry{By: who.By, Why: who.Why, Undoes: n, Target: e.Target}
	switch e.Action {
	case ActionPause:
		return c.unpausing(e, back, who), func(ctx context.Context) error { return c.resumed(ctx, e.Target) }, nil
	case ActionResume:
		return c.pausing(e.Target, who, n), func(ctx context.Context) error { c.paused(ctx); return nil }, nil
	case ActionApprove:
		return c.withdrawing(e, back), func(context.Context) error { c.approvals.forget(e.Target.Name); return nil }, nil
	case ActionRelease, ActionDecide:
		var made jobChange
		return c.reopening(e, back, &made), func(ctx context.Context) error {
			c.tel.linkTo(ctx, made.was)
			c.changed(ctx, &made)
			return nil
		}, nil
	default:
		return nil, nil, notUndoable(n, instead(&e))
	}
}

// instead says what to do where an action cannot be taken back.
func instead(e *ChangeEntry) string {
	switch a := e.Action; a {
	case ActionAmend:
		return "amend the job again, to what it was, while no vendor has it"
	case ActionCancel:
		if e.neverSent() {
			return "the job was canceled before any vendor had it, and its key is used up: hand the job in again, under a new key"
		}
		return "the wish may have reached the vendor: look at how it ended, and if the piece is stopped hand the job in again, under a new key"
	case ActionRemail:
		return "cancel the job: that stops the new piece, while there is time"
	case ActionControl:
		return "cancel the job: that stops the piece, while there is time"
	case ActionReplay:
		return "stop the replay, and cancel the jobs that are not wanted"
	case ActionReopen:
		return "release or decide the job again"
	case ActionWithdraw:
		return "approve the campaign again"
	case ActionRecover, ActionErase, ActionDrop:
		return "what was given up is gone"
	default:
		return "this version does not know what " + strconv.Quote(string(a)) + " has done"
	}
}

// neverSent reports whether a cancellation was of a job that waited, and ended it at
// once: then there was no vendor to ask.
func (e *ChangeEntry) neverSent() bool {
	var was, is jobState
	if json.Unmarshal(e.Before, &was) != nil || json.Unmarshal(e.After, &is) != nil {
		return false
	}
	return was.State == idempotency.Planned && is.State == idempotency.Canceled
}

// unpausing ends the very pause that an entry tells of.
func (c *Client) unpausing(e, back ChangeEntry, who Actor) planned {
	resume := c.resuming(e.Target, who)
	return func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		ch, entry, err := resume(ctx)
		if err == nil && !bytes.Equal(entry.Before, e.After) {
			err = notUndoable(e.N, "that pause has ended: see what is paused now")
		}
		entry.Undoes = back.Undoes
		return ch, entry, err
	}
}

// withdrawing takes the very approval back that an entry tells of.
func (c *Client) withdrawing(e, back ChangeEntry) planned {
	return func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		var given canaryState
		name := canaryName(e.Target.Name)
		set, err := c.store.Setting(ctx, name)
		if err != nil {
			return ch, ChangeEntry{}, c.storeError("undo", err)
		}
		if json.Unmarshal(e.After, &given) != nil || set.Version != given.Version || string(set.Value) != canaryApproved {
			return ch, ChangeEntry{}, notUndoable(e.N, "the approval is not the one that holds now")
		}
		back.Action, back.Before, back.After = ActionWithdraw, e.After, asJSON(canaryState{Version: set.Version + 1})
		ch.Settings = []idempotency.SettingWrite{{Name: name, Value: []byte(canaryWithdrawn), Expect: set.Version}}
		ch.Entries = []idempotency.Entry{{At: c.now(), Kind: idempotency.EntryCanaryWithdrawn, By: back.By, Note: e.Target.Name}}
		return ch, back, nil
	}
}

// reopening holds a job again that was released or decided.
func (c *Client) reopening(e, back ChangeEntry, made *jobChange) planned {
	var then jobState
	if err := json.Unmarshal(e.After, &then); err != nil {
		return func(context.Context) (idempotency.Change, ChangeEntry, error) {
			return idempotency.Change{}, ChangeEntry{}, changeLogError(fmt.Errorf("entry %d does not say what was decided", e.N))
		}
	}
	back.Action = ActionReopen
	change := c.changing("undo", idempotency.ID(e.Target.Name), back, idempotency.Reopen{By: back.By, Decision: then.Fence}, made, Version{})
	return func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		// Each time anew: the ledger may be restored, and recovered, in between.
		if err := c.notRecovered(ctx, e.N); err != nil {
			return idempotency.Change{}, ChangeEntry{}, err
		}
		ch, entry, err := change(ctx)
		if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
			err = notUndoable(e.N, fmt.Sprintf("the job has moved on, it is %s (%s): decide, amend or cancel it as it stands now", rule.State, rule.Reason))
		}
		return ch, entry, err
	}
}

// notRecovered returns why a decision that is older than a recovery stands. A job
// that was called canceled had ended, and is not doubted: but the lost history may
// have taken the decision back, and have sent the job.
func (c *Client) notRecovered(ctx context.Context, n uint64) error {
	for later, err := range c.Changes(ctx, ChangeQuery{After: n}) {
		if err != nil {
			return err
		}
		if later.Action == ActionRecover {
			return notUndoable(n, fmt.Sprintf("the ledger was recovered since (entry %d), and what the lost history made of the job is not known: look for it at its vendors, and hand it in under a new key if nobody has it", later.N))
		}
	}
	return nil
}

func notUndoable(n uint64, why string) error {
	return notSent(postproof.CodeConflict, "undo", fmt.Errorf("%w: entry %d: %s", ErrNotUndoable, n, why))
}
