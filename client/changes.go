package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// ErrChangeLog means that the change log is not what was written: an entry was
// changed, taken out or put in.
var ErrChangeLog = errors.New("the change log is broken")

// Action is what was done to the ledger by a person, or by a program in a
// person's place.
type Action string

// The actions.
const (
	ActionPause   Action = "pause"
	ActionResume  Action = "resume"
	ActionApprove Action = "approve"
	ActionRelease Action = "release"
	ActionDecide  Action = "decide"
	ActionAmend   Action = "amend"
	ActionCancel  Action = "cancel"
	ActionRemail  Action = "remail"
	ActionReplay  Action = "replay"
	ActionRecover Action = "recover"
	ActionErase   Action = "erase"
	ActionDrop    Action = "drop"
	ActionControl Action = "control"

	// What [Client.Undo] writes where it is no action of its own: a release or a
	// decision was taken back, an approval was.
	ActionReopen   Action = "reopen"
	ActionWithdraw Action = "withdraw"
)

// TargetKind says what an action was done to.
type TargetKind string

// The kinds of targets.
const (
	TargetLedger   TargetKind = "ledger"
	TargetCampaign TargetKind = "campaign"
	TargetVendor   TargetKind = "vendor"
	TargetPriority TargetKind = "priority"
	TargetJob      TargetKind = "job"
	TargetReplay   TargetKind = "replay"
	TargetSnapshot TargetKind = "snapshot"
)

// Target is what an action was done to. Name is a campaign, a vendor, a
// priority, the [idempotency.ID] of a job, a replay or the id of a snapshot;
// empty for the ledger. [CampaignTarget], [VendorTarget] and [BelowPriorityTarget]
// make the ones that can be paused.
type Target struct {
	Kind TargetKind `json:"kind"`
	Name string     `json:"name,omitempty"`
}

// ChangeEntry is one line of the change log. It holds no personal data, as long
// as By and Why do not. Each entry carries the digest of the one before, so that
// none can be changed or taken out without a trace.
type ChangeEntry struct {
	// N counts from 1, without a gap.
	N uint64 `json:"n"`
	// At is the ledger's time.
	At time.Time `json:"at"`
	// By is who did it, Why the reason that was given.
	By  string `json:"by"`
	Why string `json:"why,omitempty"`
	// Action was done to Target.
	Action Action `json:"action"`
	Target Target `json:"target"`
	// Before and After are what it changed, as JSON; their form depends on the
	// action.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	// Undoes is the number of the entry that this one took back; 0 for none.
	Undoes uint64 `json:"undoes,omitempty"`
	// Prev is the Digest of the entry before; empty in the first. Digest is the
	// SHA-256 of this entry without Digest, as JSON.
	Prev   string `json:"prev,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// digest returns what Digest must be.
func (e *ChangeEntry) digest() (string, error) {
	bare := *e
	bare.Digest = ""
	text, err := json.Marshal(&bare)
	if err != nil {
		return "", err
	}
	return digestOf(text), nil
}

// digestOf is the SHA-256 of a text, in hexadecimal.
func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ChangeHead is how far the change log has come. Who keeps it elsewhere can tell
// later that nothing before it was changed, and that the log was not cut.
type ChangeHead struct {
	N      uint64 `json:"n"`
	Digest string `json:"digest"`
}

const (
	changePrefix = "log/"
	changeHead   = "log/head"
	// changeWidth is the number of digits in the name of an entry; changeBlock is
	// how many entries share all but the last three.
	changeWidth = 16
	changeBlock = 1000
)

// changeName is the setting that keeps an entry: settings are ordered by name.
func changeName(n uint64) string { return changePrefix + changeDigits(n) }

func changeDigits(n uint64) string { return fmt.Sprintf("%0*d", changeWidth, n) }

// ChangeQuery selects entries of the change log; the zero value selects all.
type ChangeQuery struct {
	Actions []Action
	// Target selects by kind, or by kind and name.
	Target Target
	By     string
	// Since and Until bound the time: from Since on, and before Until.
	Since, Until time.Time
	// After continues behind an entry.
	After uint64
	// Limit bounds the number; 0 means all.
	Limit int
}

// errChanged ends an attempt at a change that somebody else overtook.
var errChanged = errors.New("changed by somebody else meanwhile")

// logged makes a change and writes it to the change log, in one commit. plan
// reads what there is and returns both; it is called again when somebody else
// was quicker. It may return no change and an entry without an action: then
// there is nothing to do. The entry's number, time and digests are set here.
//
// Who writes the log waits for the others of this process, so that only other
// processes are ever quicker.
func (c *Client) logged(ctx context.Context, op string, plan func(context.Context) (idempotency.Change, ChangeEntry, error)) (ChangeEntry, error) {
	if err := c.startLogging(ctx, op); err != nil {
		return ChangeEntry{}, err
	}
	defer func() { <-c.logging }()
	for try := range 64 {
		if try > 2 {
			wait := rand.N(time.Duration(min(try, 10)) * 10 * time.Millisecond) //nolint:gosec // it spreads writers, and keeps no secret
			if err := postproof.Sleep(ctx, c.clock, wait); err != nil {
				return ChangeEntry{}, notSent(postproof.CodeOf(err), op, err)
			}
		}
		// Before anything is read: a restored ledger comes to the same versions again.
		epoch := c.id().Epoch
		ch, e, err := plan(ctx)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil || e.Action == "" {
			return ChangeEntry{}, err
		}
		if err := c.chain(ctx, &ch, &e); err != nil {
			return ChangeEntry{}, err
		}
		ch.Epoch = epoch
		errs, err := c.store.Commit(ctx, []idempotency.Change{ch})
		if err != nil {
			made, err := c.wasLogged(ctx, op, &e, err)
			if made {
				return e, nil
			}
			return ChangeEntry{}, err
		}
		switch {
		case len(errs) == 0 || errs[0] == nil:
			return e, nil
		case errors.Is(errs[0], idempotency.ErrStale), errors.Is(errs[0], idempotency.ErrExists):
		case errors.Is(errs[0], idempotency.ErrEpoch):
			if err := c.recheckLedger(ctx); err != nil {
				return ChangeEntry{}, err
			}
		default:
			return ChangeEntry{}, c.storeError(op, errs[0])
		}
	}
	return ChangeEntry{}, c.storeError(op, fmt.Errorf("the change log does not keep still: %w", idempotency.ErrStale))
}

func (c *Client) startLogging(ctx context.Context, op string) error {
	select {
	case c.logging <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.logging <- struct{}{}:
		return nil
	case <-ctx.Done():
		return notSent(postproof.CodeOf(ctx.Err()), op, context.Cause(ctx))
	}
}

// wasLogged finds out whether a change was made whose commit was not acknowledged:
// the entry is there, or the change is not. The error is that of the commit, or
// says that nobody knows.
func (c *Client) wasLogged(ctx context.Context, op string, e *ChangeEntry, cause error) (bool, error) {
	c.checkedAt.Store(0) // the connection may lead to another database now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	set, err := c.store.Setting(ctx, changeName(e.N))
	if err != nil {
		return false, c.storeError(op, fmt.Errorf("whether it was done is not known: %w", errors.Join(cause, err)))
	}
	var have ChangeEntry
	if set.Version != 0 && json.Unmarshal(set.Value, &have) == nil && have.Digest == e.Digest {
		return true, nil
	}
	if set.Version == 0 && errors.Is(cause, idempotency.ErrInDoubt) { // another entry in its place would keep it from coming true
		return false, c.storeError(op, fmt.Errorf("whether it was done is not known, it may be any time: look at it again: %w", cause))
	}
	return false, c.storeError(op, fmt.Errorf("it was not done: %w", cause))
}

// chain adds the entry to a change, as the next one of the log.
func (c *Client) chain(ctx context.Context, ch *idempotency.Change, e *ChangeEntry) error {
	if e.By == "" {
		return invalid("change log", errors.New("an entry names who made the change (By)"))
	}
	head, version, err := c.changeHead(ctx)
	if err != nil {
		return err
	}
	e.By, e.Why, e.Target.Name = text(e.By), text(e.Why), text(e.Target.Name)
	e.N, e.Prev, e.At = head.N+1, head.Digest, c.now().UTC()
	if e.Digest, err = e.digest(); err != nil {
		return invalid("change log", err)
	}
	entry, err := writing(changeName(e.N), e, 0)
	if err != nil {
		return invalid("change log", err)
	}
	next, err := writing(changeHead, ChangeHead{N: e.N, Digest: e.Digest}, version)
	if err != nil {
		return invalid("change log", err)
	}
	ch.Settings = append(ch.Settings, next, entry)
	return nil
}

func (c *Client) changeHead(ctx context.Context) (head ChangeHead, version uint64, err error) {
	set, err := c.store.Setting(ctx, changeHead)
	if err != nil {
		return head, 0, c.storeError("change log", err)
	}
	if set.Version == 0 {
		return head, 0, nil
	}
	if err := json.Unmarshal(set.Value, &head); err != nil {
		return head, 0, changeLogError(errors.New("its head cannot be read"))
	}
	return head, set.Version, nil
}

// Changes yields the change log, oldest first: who paused, released, decided,
// and what it was before. It does not verify; see [Client.VerifyChanges]. It reads
// from behind After on, a thousand entries at a time, so that a look at the end of
// a long log costs little.
func (c *Client) Changes(ctx context.Context, q ChangeQuery) iter.Seq2[ChangeEntry, error] {
	return func(yield func(ChangeEntry, error) bool) {
		head, _, err := c.changeHead(ctx)
		if err != nil {
			yield(ChangeEntry{}, err)
			return
		}
		n, behind := 0, changeName(q.After)
		for block := (q.After + 1) / changeBlock; block <= head.N/changeBlock; block++ {
			for set, err := range c.store.Settings(ctx, changePrefix+changeDigits(block * changeBlock)[:changeWidth-3]) {
				if err != nil {
					yield(ChangeEntry{}, c.storeError("change log", err))
					return
				}
				if set.Name <= behind {
					continue // in the same block, and not asked for
				}
				var e ChangeEntry
				if err := json.Unmarshal(set.Value, &e); err != nil || changeName(e.N) != set.Name {
					yield(e, changeLogError(fmt.Errorf("%s is not the entry that was written", set.Name)))
					return
				}
				if !q.selects(&e) {
					continue
				}
				if n++; !yield(e, nil) || n == q.Limit {
					return
				}
			}
		}
	}
}

// changeEntry returns an entry by its number.
func (c *Client) changeEntry(ctx context.Context, op string, n uint64) (e ChangeEntry, err error) {
	set, err := c.store.Setting(ctx, changeName(n))
	switch {
	case err != nil:
		return e, c.storeError(op, err)
	case set.Version == 0:
		return e, notSent(postproof.CodeNotFound, op, fmt.Errorf("the change log has no entry %d", n))
	}
	return readChange(set, n)
}

func (q *ChangeQuery) selects(e *ChangeEntry) bool {
	switch {
	case e.N <= q.After, q.By != "" && e.By != q.By:
		return false
	case !q.Since.IsZero() && e.At.Before(q.Since), !q.Until.IsZero() && !e.At.Before(q.Until):
		return false
	case q.Target.Kind != "" && e.Target.Kind != q.Target.Kind, q.Target.Name != "" && e.Target.Name != q.Target.Name:
		return false
	}
	return len(q.Actions) == 0 || slices.Contains(q.Actions, e.Action)
}
