package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// What is done to a run beside [ActionReplay], [ActionPause] and [ActionResume].
const (
	ActionStop     Action = "stop"
	ActionThrottle Action = "throttle"
)

// replayState is what the ledger keeps of a run, in the setting "replay/<name>".
type replayState struct {
	V int `json:"v"`
	// Scope is the digest of what is replayed: the name stands for it alone.
	Scope string `json:"scope"`
	// Campaign is the only one that the run can touch; empty when there may be
	// others.
	Campaign string `json:"campaign,omitempty"`
	Snapshot string `json:"snapshot,omitempty"`
	// Since and Until are the query's, so that who asked for the last hours can go on
	// with the run later.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`

	By  string    `json:"by"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
	// Planned is how many jobs were to be recovered, Budget how many the run may
	// send.
	Planned int64 `json:"planned"`
	Budget  int64 `json:"budget"`

	Cursor replayCursor `json:"cursor"`
	// Runner is the process that goes on with the run: the latest one.
	Runner string `json:"runner"`
	// Rate is in jobs a second.
	Rate float64 `json:"rate,omitempty"`
	// PausedAt is set while the run is paused, Paused what pauses it had took.
	PausedAt time.Time     `json:"paused_at,omitzero"`
	Paused   time.Duration `json:"paused,omitempty"`
	Stopped  time.Time     `json:"stopped,omitzero"`
	// Handed is set when everything is handed over, Finished when somebody first
	// saw that nothing was left open.
	Handed   time.Time `json:"handed,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
}

const replayStateVersion = 1

func replaySetting(name string) string { return replayPrefix + name }

// replayState returns a run's state and its version; 0 when there is none.
func (c *Client) replayState(ctx context.Context, op, name string) (replayState, uint64, error) {
	set, err := c.store.Setting(ctx, replaySetting(name))
	if err != nil {
		return replayState{}, 0, c.storeError(op, err)
	}
	st, err := readReplayState(op, set)
	return st, set.Version, err
}

func readReplayState(op string, set idempotency.Setting) (st replayState, err error) {
	if set.Version == 0 {
		return st, nil
	}
	if err := json.Unmarshal(set.Value, &st); err != nil || st.V != replayStateVersion {
		return st, notSent(postproof.CodeInternal, op, fmt.Errorf("%w: the state of the replay %s cannot be read", idempotency.ErrNewer, strings.TrimPrefix(set.Name, replayPrefix)))
	}
	return st, nil
}

func (st *replayState) write(name string, version uint64) (idempotency.SettingWrite, error) {
	st.V = replayStateVersion
	w, err := writing(replaySetting(name), st, version)
	if err != nil {
		return w, invalid("replay", err)
	}
	return w, nil
}

// changeReplay changes a run's state in the epoch given, again when somebody else
// was quicker. The change may be none: then it returns false.
func (c *Client) changeReplay(ctx context.Context, name, epoch string, change func(*replayState) (bool, error)) (replayState, error) {
	for range 32 {
		st, version, err := c.replayState(ctx, "replay", name)
		if err != nil {
			return st, err
		}
		ok, err := change(&st)
		if err != nil || !ok {
			return st, err
		}
		w, err := st.write(name, version)
		if err != nil {
			return st, err
		}
		err = idempotency.CommitOne(ctx, c.store, idempotency.Change{Epoch: epoch, Settings: []idempotency.SettingWrite{w}})
		switch {
		case err == nil:
			return st, nil
		case errors.Is(err, idempotency.ErrEpoch):
			return st, c.otherEpoch("replay")
		case !errors.Is(err, idempotency.ErrStale):
			return st, c.storeError("replay", err)
		}
	}
	return replayState{}, c.storeError("replay", idempotency.ErrStale)
}

// logReplay changes a run's state and writes that to the change log. The change
// may be none: then it returns no action.
func (c *Client) logReplay(ctx context.Context, op, name string, e ChangeEntry, change func(st *replayState, known bool) (Action, error)) (replayState, error) {
	var st replayState
	_, err := c.logged(ctx, op, func(ctx context.Context) (idempotency.Change, ChangeEntry, error) {
		var version uint64
		var err error
		if st, version, err = c.replayState(ctx, op, name); err != nil {
			return idempotency.Change{}, ChangeEntry{}, err
		}
		before := st.told()
		e := e
		e.Target = Target{Kind: TargetReplay, Name: name}
		if e.Action, err = change(&st, version > 0); err != nil || e.Action == "" {
			return idempotency.Change{}, ChangeEntry{}, err
		}
		w, err := st.write(name, version)
		if err != nil {
			return idempotency.Change{}, e, err
		}
		if version > 0 {
			e.Before = before
		}
		e.After = st.told()
		return idempotency.Change{Settings: []idempotency.SettingWrite{w}}, e, nil
	})
	return st, err
}

// resume ends a pause, if there is one.
func (st *replayState) resume(now time.Time) {
	if st.PausedAt.IsZero() {
		return
	}
	st.Paused += max(0, now.Sub(st.PausedAt))
	st.PausedAt = time.Time{}
}

// told is what the change log keeps of a state.
func (st *replayState) told() json.RawMessage {
	text, err := json.Marshal(struct {
		Snapshot string  `json:"snapshot,omitempty"`
		Scope    string  `json:"scope"`
		Planned  int64   `json:"planned"`
		Budget   int64   `json:"sends_at_most"`
		Rate     float64 `json:"rate,omitempty"`
		Paused   bool    `json:"paused,omitempty"`
		Stopped  bool    `json:"stopped,omitempty"`
	}{st.Snapshot, st.Scope, st.Planned, st.Budget, st.Rate, !st.PausedAt.IsZero(), !st.Stopped.IsZero()})
	if err != nil {
		return nil // plain values: it cannot be
	}
	return text
}

// scope is a digest of what is replayed. Whom to suppress is not part of it: a
// run is gone on with under the lists of that day.
func (r *Replay) scope() (string, error) {
	id := ""
	drop := r.Drop
	if r.Snapshot != nil {
		id = string(r.Snapshot.ID())
		var err error
		if drop.Piece, err = drawn(drop.Piece); err != nil {
			return "", artworkError("replay", err)
		}
	} else {
		drop = Drop{}
	}
	text, err := json.Marshal(struct {
		Snapshot  string                  `json:"snapshot,omitempty"`
		Name      string                  `json:"name,omitempty"`
		Paper     idempotency.Fingerprint `json:"paper,omitempty"`
		Priority  int                     `json:"priority,omitempty"`
		Variables map[string]string       `json:"variables,omitempty"`
		Query     *ReplayQuery            `json:"query,omitempty"`
		Refused   bool                    `json:"refused,omitempty"`
	}{
		id, drop.Name, idempotency.FingerprintOf(&postproof.Job{From: drop.From, Piece: drop.Piece, Class: drop.Class}),
		drop.Priority, drop.Variables, r.Query, r.Refused,
	})
	if err != nil {
		return "", invalid("replay", err)
	}
	return digestOf(text)[:32], nil
}

// campaign is the only campaign that the replay can touch; empty when there may
// be others.
func (r *Replay) campaign() string {
	switch {
	case r.Snapshot == nil:
		return r.Query.Campaign
	case r.Query == nil || r.Query.Campaign == r.Snapshot.Campaign():
		return r.Snapshot.Campaign()
	default:
		return ""
	}
}

func checkRate(op string, rate float64) error {
	if rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
		return invalid(op, fmt.Errorf("%v jobs a second: want a number above zero, or zero for no bound", rate))
	}
	return nil
}

// controlReplay is what the controls have in common, with what is wrong about the one.
func (c *Client) controlReplay(ctx context.Context, op, name string, who Actor, wrong error, change func(*replayState) Action) (err error) {
	ctx, span := c.tel.call(ctx, "postproof."+strings.ReplaceAll(op, " ", "_"), &err)
	defer endCall(span, &err)
	if err := cmp.Or(wrong, checkName(op, name)); err != nil {
		return err
	}
	who, err = who.reasoned(op)
	if err != nil {
		return err
	}
	_, err = c.logReplay(ctx, op, name, ChangeEntry{By: who.By, Why: who.Why}, func(st *replayState, known bool) (Action, error) {
		if !known {
			return "", c.noReplay(op, name)
		}
		return change(st), nil
	})
	return err
}

func (c *Client) noReplay(op, name string) error {
	return notSent(postproof.CodeNotFound, op, fmt.Errorf("there is no replay of the name %s: Replays lists them", name))
}

// PauseReplay has a run hand over nothing more until [Client.ResumeReplay]. Like
// the other controls it is obeyed by the process that runs it at the next
// batch, is recorded in the change log with who asked and why, which is
// required, and holds across restarts. What was handed over is sent by the workers all the same: bound it
// by [ReplayOptions.Ahead], or pause the campaign. A run that is paused, stopped
// or handed over already is left as it is. The error has
// [postproof.CodeNotFound] when no run has the name.
func (c *Client) PauseReplay(ctx context.Context, name string, who Actor) error {
	return c.controlReplay(ctx, "pause replay", name, who, nil, func(st *replayState) Action {
		if !st.PausedAt.IsZero() || !st.Stopped.IsZero() || !st.Handed.IsZero() {
			return ""
		}
		st.PausedAt = c.now()
		return ActionPause
	})
}

// ResumeReplay has a paused run go on; one that is not paused is left as it is.
// The error has [postproof.CodeNotFound] when no run has the name.
func (c *Client) ResumeReplay(ctx context.Context, name string, who Actor) error {
	return c.controlReplay(ctx, "resume replay", name, who, nil, func(st *replayState) Action {
		if st.PausedAt.IsZero() {
			return ""
		}
		st.resume(c.now())
		return ActionResume
	})
}

// StopReplay ends a run for good: it cannot be gone on with, only planned anew
// under another name. What was handed over is sent all the same. The error has
// [postproof.CodeNotFound] when no run has the name.
func (c *Client) StopReplay(ctx context.Context, name string, who Actor) error {
	return c.controlReplay(ctx, "stop replay", name, who, nil, func(st *replayState) Action {
		if !st.Stopped.IsZero() || !st.Handed.IsZero() {
			return ""
		}
		st.resume(c.now())
		st.Stopped = c.now()
		return ActionStop
	})
}

// ThrottleReplay has a run hand over at most so many jobs a second from now on;
// 0 takes the bound away. The error has [postproof.CodeNotFound] when no run has
// the name.
func (c *Client) ThrottleReplay(ctx context.Context, name string, perSecond float64, who Actor) error {
	const op = "throttle replay"
	return c.controlReplay(ctx, op, name, who, checkRate(op, perSecond), func(st *replayState) Action {
		if st.Rate == perSecond {
			return ""
		}
		st.Rate = perSecond
		return ActionThrottle
	})
}
