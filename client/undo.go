package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postproof/postproof"
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
//     it ([idempotency.Reopen]).
//   - approve: the campaign waits for approval again, as if it had never been
//     given; pieces that were sent meanwhile stay sent.
//
// What cannot be taken back is [ErrNotUndoable] with [postproof.CodeConflict]: it
// was taken back already, things have moved on, or the action is none that can be
// undone, as an amendment or a cancellation. A number that the log does not have
// is [postproof.CodeNotFound]. By names who asks, why the reason.
func (c *Client) Undo(ctx context.Context, n uint64, by, why string) (ChangeEntry, error) {
	return ChangeEntry{}, errors.ErrUnsupported
}

// Undoable says beforehand what [Client.Undo] would: nil when the entry can be
// taken back now, else the error that Undo would return.
func (c *Client) Undoable(ctx context.Context, n uint64) error {
	return errors.ErrUnsupported
}

func notUndoable(n uint64, why string) error {
	return &postproof.Error{
		Code: postproof.CodeConflict, Delivery: postproof.NotSent, Op: "undo", Err: fmt.Errorf("%w: entry %d: %s", ErrNotUndoable, n, why),
	}
}
