package client

import (
	"context"
	"errors"
	"iter"
	"time"
)

var errTodo = errors.New("not built yet")

// PlanReplay returns what a replay would do, and does nothing. It streams: its
// memory does not grow with the list or the ledger, but for 16 bytes a row when
// the replay has both a snapshot and a query.
func (c *Client) PlanReplay(ctx context.Context, r Replay) (ReplayPlan, error) {
	return ReplayPlan{}, errTodo
}

// ReplayItems yields each job of a replay with what would be done with it and
// why: the rows of the snapshot in their order, then the jobs of the query by
// their ids. It does nothing. See [Client.PlanReplay] for the sums.
func (c *Client) ReplayItems(ctx context.Context, r Replay) iter.Seq2[ReplayItem, error] {
	return func(yield func(ReplayItem, error) bool) { yield(ReplayItem{}, errTodo) }
}

// RunReplay runs a plan: it hands what is to be sent, settled or brought forward
// to the workers of [Client.Run] and [Client.Drain], in this or any other
// process, and returns when all is handed over. It may be called again with the
// same plan, or a newer one of the same name, after a crash as well: it goes on
// where it was, and nothing is sent twice. While the run is paused it waits.
//
// It never sends more than the plan says: [ErrReplayChanged] asks for a new one.
// [ErrReplayStopped] and [ErrReplayTaken] say that somebody else has ended it or
// goes on with it. When the context ends, its error is returned, and the run is
// there to be gone on with. The progress is what it was at the end.
func (c *Client) RunReplay(ctx context.Context, plan ReplayPlan, opts ReplayOptions) (ReplayProgress, error) {
	return ReplayProgress{}, errTodo
}

// ReplayProgress returns how far a run is, whichever process runs it. The error
// has [postproof.CodeNotFound] when no run has the name.
func (c *Client) ReplayProgress(ctx context.Context, name string) (ReplayProgress, error) {
	return ReplayProgress{}, errTodo
}

// Replays yields how far each run of the ledger is, by name.
func (c *Client) Replays(ctx context.Context) iter.Seq2[ReplayProgress, error] {
	return func(yield func(ReplayProgress, error) bool) { yield(ReplayProgress{}, errTodo) }
}

// FollowReplay yields how far a run is, at once and then each so often, until
// it is finished or stopped, the context ends, or the loop is left.
func (c *Client) FollowReplay(ctx context.Context, name string, every time.Duration) iter.Seq2[ReplayProgress, error] {
	return func(yield func(ReplayProgress, error) bool) { yield(ReplayProgress{}, errTodo) }
}

// PauseReplay has a run hand over nothing more until [Client.ResumeReplay]. Like
// the other controls it is obeyed by the process that runs it at the next
// batch, is recorded in the change log with who asked and why, and holds across
// restarts. What was handed over is sent by the workers all the same: bound it
// by [ReplayOptions.Ahead], or pause the campaign.
func (c *Client) PauseReplay(ctx context.Context, name, by, why string) error { return errTodo }

// ResumeReplay has a paused run go on.
func (c *Client) ResumeReplay(ctx context.Context, name, by, why string) error { return errTodo }

// StopReplay ends a run for good: it cannot be gone on with, only planned anew
// under another name. What was handed over is sent all the same.
func (c *Client) StopReplay(ctx context.Context, name, by, why string) error { return errTodo }

// ThrottleReplay has a run hand over at most so many jobs a second from now on;
// 0 takes the bound away.
func (c *Client) ThrottleReplay(ctx context.Context, name string, perSecond float64, by, why string) error {
	return errTodo
}
