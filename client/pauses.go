package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const (
	pausesSetting = "pauses"
	pausesVersion = 1
)

// pauses is what is paused, as of a version of the setting: the whole of it is
// one setting, so that one version stands for all that an intent depends on. It
// is never changed in place.
type pauses struct {
	version uint64
	// epoch is the history of the ledger in which the version counts.
	epoch string
	value []byte
	list  []Paused
	// strange: what the setting says cannot be read, as that of a newer version.
	// Then everything is paused: it may say so.
	strange bool
	// counters are those that something may count for by then: whoever has one more makes
	// a version of the setting, on which every intent depends ([Client.countOnce]).
	counters capCounters
}

// pausesValue is the value of the setting.
type pausesValue struct {
	V    int      `json:"v"`
	List []Paused `json:"pauses"`
}

func readPausesValue(set idempotency.Setting, epoch string) *pauses {
	p := &pauses{version: set.Version, epoch: epoch, value: set.Value}
	if set.Version == 0 {
		return p
	}
	var v pausesValue
	if json.Unmarshal(set.Value, &v) != nil || v.V != pausesVersion {
		p.strange = true
		return p
	}
	p.list = v.List
	for _, x := range p.list {
		p.strange = p.strange || checkTarget("", x.Target) != nil
	}
	return p
}

var errStrangePauses = errors.New("the ledger's pauses cannot be read, as when a newer version wrote them: nothing is sent")

// err tells of pauses that cannot be read.
func (p *pauses) err() error {
	if !p.strange {
		return nil
	}
	return notSent(postproof.CodeUnavailable, "pauses", errStrangePauses)
}

// stops returns the pause that keeps a job from being sent to whomever; nil for
// none.
func (p *pauses) stops(rec *idempotency.Record) *Paused {
	if p.strange {
		return &Paused{Target: Target{Kind: TargetLedger}, By: "somebody", Why: errStrangePauses.Error()}
	}
	for i := range p.list {
		switch x := &p.list[i]; {
		case x.Target.Kind == TargetCampaign && x.Target.Name == rec.Campaign,
			x.Target.Kind == TargetPriority && rec.Priority < x.Target.below():
			return x
		}
	}
	return nil
}

// vendor returns the pause of a vendor; nil for none.
func (p *pauses) vendor(name string) *Paused { return p.of(VendorTarget(name)) }

func (p *pauses) of(t Target) *Paused {
	for i := range p.list {
		if p.list[i].Target == t {
			return &p.list[i]
		}
	}
	return nil
}

// below is the priority that a target of that kind names.
func (t Target) below() int {
	n, _ := strconv.Atoi(t.Name) // it was checked when it was read
	return n
}

// campaigns lists the campaigns whose planned jobs are not claimed.
func (p *pauses) campaigns() []string {
	var all []string
	for i := range p.list {
		if t := p.list[i].Target; t.Kind == TargetCampaign {
			all = append(all, t.Name)
		}
	}
	return all
}

// least is the priority from which on planned jobs are claimed; nil for any. None
// is claimed while nobody could take one.
func (c *Client) least(p *pauses) *int {
	var least *int
	for i := range p.list {
		if t := p.list[i].Target; t.Kind == TargetPriority && (least == nil || t.below() > *least) {
			n := t.below()
			least = &n
		}
	}
	if p.strange || c.allPaused(p) {
		n := math.MaxInt
		least = &n
	}
	return least
}

// allPaused reports whether every vendor is paused. Who has none does not claim.
func (c *Client) allPaused(p *pauses) bool {
	return len(c.vendors) > 0 && !slices.ContainsFunc(c.vendors, func(v *vendor) bool { return p.vendor(v.name) == nil })
}

// readPauses reads what is paused and makes it what this client goes by. The
// epoch is one that was read before.
func (c *Client) readPauses(ctx context.Context, epoch string) (*pauses, error) {
	for {
		old := c.pauses.Load()
		set, err := c.store.Setting(ctx, pausesSetting)
		if err != nil {
			return nil, c.storeError("pauses", err)
		}
		if old != nil && old.version == set.Version && old.epoch == epoch && bytes.Equal(old.value, set.Value) {
			return old, nil
		}
		p := readPausesValue(set, epoch)
		if p.counters, err = c.readCapCounters(ctx); err != nil { // behind the version
			return nil, err
		}
		if c.pauses.CompareAndSwap(old, p) { // else another goroutine has read it, perhaps later
			c.tellPauses(ctx, old, p)
			return p, nil
		}
	}
}

// tellPauses logs what is new, and wakes the workers when a pause has ended.
func (c *Client) tellPauses(ctx context.Context, old, now *pauses) {
	if now.strange && (old == nil || !old.strange) {
		c.logger.LogAttrs(ctx, slog.LevelError, "the ledger's pauses cannot be read, as when a newer version wrote them: nothing is sent")
	}
	for i := range now.list {
		x := &now.list[i]
		if old == nil || old.of(x.Target) == nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "paused: nothing new is sent", slog.String("target", x.Target.String()), slog.String("by", x.By),
				slog.Time("since", x.Since), slog.String("why", x.Why))
		}
	}
	if old == nil {
		return
	}
	for i := range old.list {
		if x := &old.list[i]; now.of(x.Target) == nil && !now.strange {
			c.logger.LogAttrs(ctx, slog.LevelInfo, "a pause has ended", slog.String("target", x.Target.String()))
		}
	}
	if old.version != now.version {
		c.wakeUp()
	}
}

// write returns the change that makes the list what is paused.
func (p *pauses) write(list []Paused) (idempotency.Change, error) {
	if err := p.err(); err != nil {
		return idempotency.Change{}, err // a newer version's are not ours to write
	}
	w, err := writing(pausesSetting, pausesValue{V: pausesVersion, List: list}, p.version)
	if err != nil {
		return idempotency.Change{}, invalid("pause", err)
	}
	return idempotency.Change{Settings: []idempotency.SettingWrite{w}}, nil
}

// planned is what [Client.logged] is given: a change and its entry, as of now.
type planned = func(context.Context) (idempotency.Change, ChangeEntry, error)

// pausing pauses a target, unless it is paused; undoes is the entry that this
// takes back, if any.
func (c *Client) pausing(t Target, who Actor, undoes uint64) planned {
	return func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		p, err := c.readPauses(ctx, c.id().Epoch)
		switch {
		case err != nil:
			return ch, ChangeEntry{}, err
		case p.of(t) != nil && undoes != 0:
			return ch, ChangeEntry{}, notUndoable(undoes, t.String()+" is paused again already: there is nothing to do")
		case p.of(t) != nil:
			return ch, ChangeEntry{}, nil
		}
		x := Paused{Target: t, By: who.By, Why: who.Why, Since: c.now().UTC()}
		ch, err = p.write(append(slices.Clip(p.list), x))
		return ch, ChangeEntry{By: who.By, Why: who.Why, Action: ActionPause, Target: t, After: asJSON(x), Undoes: undoes}, err
	}
}

// resuming ends the pause of a target, if it is paused.
func (c *Client) resuming(t Target, who Actor) planned {
	return func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		p, err := c.readPauses(ctx, c.id().Epoch)
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		x := p.of(t)
		if x == nil {
			return ch, ChangeEntry{}, nil
		}
		ch, err = p.write(slices.DeleteFunc(slices.Clone(p.list), func(x Paused) bool { return x.Target == t }))
		return ch, ChangeEntry{By: who.By, Why: who.Why, Action: ActionResume, Target: t, Before: asJSON(*x)}, err
	}
}

// paused has this client know at once what was paused, or goes on.
// Where that cannot be read, every intent is checked against it in the ledger.
func (c *Client) paused(ctx context.Context) {
	_, _ = c.readPauses(context.WithoutCancel(ctx), c.id().Epoch)
}

// resumed wakes what waited for the end of a pause.
func (c *Client) resumed(ctx context.Context, t Target) error {
	c.paused(ctx)
	return c.wakeWaiting(ctx, t)
}

func asJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return nil // no type of ours can fail
	}
	return text
}

// wakeWaiting makes the jobs due that wait for a pause of the target to end. They
// are few but for those of a vendor: the planned ones of a campaign or a priority
// are not claimed while it is paused, and so wait for nothing.
func (c *Client) wakeWaiting(ctx context.Context, t Target) error {
	q := idempotency.Query{States: []idempotency.State{idempotency.Unknown}}
	if t.Kind == TargetCampaign {
		q.Campaign = t.Name
	}
	if t.Kind == TargetVendor {
		q.States = append(q.States, idempotency.Planned)
	}
	var batch []idempotency.Change
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		// One that somebody has changed meanwhile is looked at anyway.
		_, err := c.store.Commit(ctx, batch)
		batch = batch[:0:0]
		c.wakeUp()
		if err != nil {
			return c.storeError("resume", err)
		}
		return nil
	}
	epoch := c.id().Epoch
	for rec, err := range legible(ctx, c, c.store.Find(ctx, q)) {
		if err != nil {
			return c.storeError("resume", err)
		}
		if rec.Awaits != t.String() {
			continue
		}
		ch, err := c.machine.Apply(rec, c.now(), idempotency.Wake{})
		if err != nil {
			continue // a newer version's: its worker comes back to it
		}
		ch.Epoch = epoch
		if batch = append(batch, ch); len(batch) == enqueueBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// keeps returns the pause that keeps a job from being sent to a vendor; nil for
// none.
func (p *pauses) keeps(rec *idempotency.Record, vendor string) *Paused {
	if x := p.stops(rec); x != nil {
		return x
	}
	return p.vendor(vendor)
}

// pauseWait is how long a job waits for a pause to end before it is looked at
// again: whoever ends it wakes the job, so this is only for one that died on the
// way.
func pauseWait(waited time.Duration) time.Duration {
	return max(time.Minute, min(waited/2, 30*time.Minute))
}

// keepsPlanned returns the pause that a job waits for, by what its record says;
// nil for none.
func (p *pauses) keepsPlanned(rec *idempotency.Record) *Paused {
	if rec.State == idempotency.Planned {
		if x := p.stops(rec); x != nil {
			return x
		}
	}
	for i := range p.list {
		if rec.Awaits == p.list[i].Target.String() {
			return &p.list[i]
		}
	}
	return nil
}
