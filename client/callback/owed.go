package callback

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// That the owner must be told of something is in the ledger until they were: a process
// may die, or its notifier be away, before it has told them, and another one makes up for
// it. So they may hear of a thing twice, and do not miss it.

// tellWithin is how long a process has to tell what it noticed: longer than alerts are
// gathered and tried.
const tellWithin = 30 * time.Minute

const (
	// remindLook bounds what is read of the parked messages in one round, remindMost of
	// how many of them the owner is told then.
	remindLook = 1000
	remindMost = 100
	// owedMost bounds what one alert stands for; the rest is told of later.
	owedMost = 10_000
	owedBite = 100
)

// debt is what stands in the ledger until an alert was sent.
type debt struct {
	// A parked message is due until then, in a history of the ledger.
	message, fence uint64
	epoch          string
	// Of a silence it is the setting of what was heard, and until when it is told.
	setting string
	telling time.Time
}

// letter is an alert on its way, with all that it stands for.
type letter struct {
	Alert
	owed []debt
}

// told writes down that the owner knows. What cannot be written they are told again.
func (r *Receiver) told(ctx context.Context, owed []debt) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), alertTimeout)
	defer cancel()
	var failed error
	var changes []idempotency.Change
	for i := range owed {
		d := &owed[i]
		if d.setting != "" {
			failed = errors.Join(failed, r.toldSilence(ctx, d))
			continue
		}
		changes = append(changes, idempotency.Change{Epoch: d.epoch, Marks: []idempotency.Mark{
			{ID: d.message, Expect: d.fence, State: idempotency.MessageParked}, // due no more
		}})
	}
	for bite := range slices.Chunk(changes, owedBite) {
		if _, err := r.in.Store.Commit(ctx, bite); err != nil { // one that has moved on is of no interest
			failed = errors.Join(failed, err)
			break
		}
	}
	if failed != nil {
		r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "that the owner was told could not be written: they are told again", slog.String("code", postproof.CodeOf(failed).String()))
	}
}

func (r *Receiver) toldSilence(ctx context.Context, d *debt) error {
	for range 8 {
		s, err := r.in.Store.Setting(ctx, d.setting)
		if err != nil {
			return storeError("setting", err)
		}
		var h heard
		if err := json.Unmarshal(s.Value, &h); err != nil {
			return err
		}
		if !h.Telling.Equal(d.telling) {
			return nil // it spoke meanwhile
		}
		h.Alarmed, h.Telling = d.telling.Add(-tellWithin).UTC(), time.Time{}
		value, err := json.Marshal(h)
		if err != nil {
			return err
		}
		err = idempotency.CommitOne(ctx, r.in.Store, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: d.setting, Value: value, Expect: s.Version}}})
		if !errors.Is(err, idempotency.ErrStale) {
			return err
		}
	}
	return idempotency.ErrStale
}

// remind tells of what was parked and not told in time. It goes through what is parked
// some at a time.
func (r *Receiver) remind(ctx context.Context) error {
	epoch, now := r.in.Epoch(), r.in.Now()
	q := idempotency.MessageQuery{States: []idempotency.MessageState{idempotency.MessageParked}, After: r.reminded.Load(), Limit: remindLook, Bare: true}
	var late []*idempotency.Message
	read, end := 0, uint64(0)
	for m, err := range r.in.Inbox.List(ctx, q) {
		if damaged := idempotency.AsDamaged(err); damaged != nil && r.in.MeetDamaged(ctx, err) {
			read, end = read+1, damaged.Message
			continue
		}
		if err != nil {
			return storeError("list", err)
		}
		read, end = read+1, m.ID
		if !m.Due.IsZero() && !m.Due.After(now) {
			late = append(late, m)
		}
		if len(late) == remindMost {
			break
		}
	}
	if read < remindLook && len(late) < remindMost { // from the first one again
		end = 0
	}
	r.reminded.Store(end)
	for _, m := range late {
		mark := idempotency.Mark{ID: m.ID, Expect: m.Fence, State: idempotency.MessageParked, Due: now.Add(tellWithin)}
		err := r.in.Commit(ctx, epoch, idempotency.Change{Marks: []idempotency.Mark{mark}})
		if errors.Is(err, idempotency.ErrStale) {
			continue // another process tells it, or a person was quicker
		}
		if err != nil {
			return storeError("mark", err)
		}
		alert := Alert{Kind: AlertParked, Vendor: m.Vendor, Message: m.ID, Tries: m.Tries, Reason: m.LastError}
		if strings.HasPrefix(m.LastError, string(failUnmatched)+":") {
			alert.Kind = AlertUnmatched
		} else if whole, err := r.message(ctx, m.ID); err == nil {
			if j := r.prepare(ctx, whole, epoch); j.rec != nil {
				alert.Record = j.rec.ID
			}
		}
		r.alarms.raise(ctx, alert, debt{message: m.ID, fence: m.Fence + 1, epoch: epoch})
	}
	return nil
}
