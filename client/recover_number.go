package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Recoveries of a ledger are numbered. A backup from before one does not know of it,
// and so does not know what it sent behind the references that it doubted. But its
// vendors do: nothing in doubt goes out before a control piece was accepted, and the
// key of one that [Client.SendControl] sends is a function of the vendor and of the
// recovery's number ([controlKey]). So the restored ledger can derive the references
// of the control pieces of recoveries that it does not know, and ask for them.

// recoverySetting keeps the number apart from what an earlier version of the library
// writes at a recovery: a number that turned back would be used again.
const recoverySetting = "recover/number"

// numbered is what the ledger knows of its recoveries.
type numbered struct {
	// Number is that of the last recovery: how many the ledger's history had, those
	// included that a lost part of it had. Base is what it was before.
	Number int `json:"number"`
	Base   int `json:"base"`
	// Epoch is the one that the recovery began: interrupted and begun anew, it is the
	// same recovery.
	Epoch string `json:"epoch"`
	// At is when the lost history can have sent last, Lost how long it may have
	// worked on a job.
	At   time.Time     `json:"at,omitzero"`
	Lost time.Duration `json:"lost,omitempty"`
	// Dates is what the clock of each vendor said when the recovery asked it: what it
	// took before is older than the recovery, however wrong that clock is.
	Dates map[string]time.Time `json:"dates,omitempty"`
	// Owed are vendors that were not asked yet for the control pieces of other
	// recoveries beside one of this one, without which an empty answer proves nothing.
	// So long nothing is believed to be absent there.
	Owed []string `json:"owed,omitempty"`
}

// recoveries is how many the lost part of the history had.
func (n *numbered) recoveries() int { return max(0, n.Number-n.Base-1) }

// began is when the recovery was, by the vendor's clock where it said that.
func (n *numbered) began(vendor string) time.Time {
	if at, ok := n.Dates[vendor]; ok {
		return at
	}
	return n.At
}

// readNumbered reads it as the ledger of the identity has it now, with its version.
func (c *Client) readNumbered(ctx context.Context, id *idempotency.Identity) (n numbered, version uint64, err error) {
	n, version, err = readSetting[numbered](ctx, c, "recover", recoverySetting)
	if err != nil || version > 0 {
		return n.in(id), version, err
	}
	old, err := c.store.Setting(ctx, doubtSetting)
	if err != nil {
		return n, 0, c.storeError("recover", err)
	}
	if len(old.Value) > 0 {
		n.Number = 1 // by a version that numbered none
	}
	return n, version, nil
}

// in is what the ledger knows in the history of the identity. Where that was recovered by
// a version that numbers none, the recovery counts all the same: else nobody could be
// asked about it, and its control pieces would be taken for those of the one before.
func (n *numbered) in(id *idempotency.Identity) numbered {
	if id.EpochChanged() || n.Epoch == "" || n.Epoch == id.Epoch {
		return *n
	}
	return numbered{Number: n.Number + 1, Base: n.Number, Epoch: id.Epoch, Lost: n.Lost, Owed: n.Owed}
}

// before is what is known of other recoveries when one begins.
type before struct {
	// base is the number of the last one that the ledger knows.
	base int
	// found is how many more its vendors show; unasked are those that could not be
	// asked, owed all that can be.
	found         int
	unasked, owed []string
	// dates is what the clocks of those that were asked said.
	dates map[string]time.Time
}

// before is what is known of them before any vendor was asked.
func (n *numbered) before(id *idempotency.Identity) before {
	if n.Epoch == id.Epoch { // it was begun before
		return before{base: n.Base, found: n.recoveries()}
	}
	return before{base: n.Number}
}

// number is what the ledger's recoveries come to with the one that is under way, of
// which recoveries were lost.
func (b *before) number(recoveries int) int { return b.base + recoveries + 1 }

// next is what the ledger will know of its recoveries.
func (b *before) next(have numbered, epoch string, recoveries int, lost time.Duration, now time.Time) numbered {
	n := numbered{Number: b.number(recoveries), Base: b.base, Epoch: epoch, At: now, Lost: lost, Dates: b.dates, Owed: b.owed}
	if have.Epoch == epoch { // interrupted, or somebody else is at it, too
		n.Number, n.Lost = max(n.Number, have.Number), max(n.Lost, have.Lost)
	}
	return n
}

// learn notes that a vendor was asked after the recovery, and showed so many that the
// ledger did not know of. What is in doubt is doubted further then, by and by
// ([work.widened]). base is that of the recovery which it was asked for; proven says
// that it was asked beside a control piece.
func (c *Client) learn(ctx context.Context, vendor string, base, found int, proven bool) error {
	for range 16 {
		id := c.id() // before what is read: a restored history comes to the same versions again
		n, version, err := c.readNumbered(ctx, id)
		if err != nil {
			return err
		}
		if n.Base != base || (n.Epoch != "" && n.Epoch != id.Epoch) {
			return c.storeError("recover", fmt.Errorf("the ledger was recovered meanwhile: %w", idempotency.ErrStale))
		}
		was := n
		n.Number = max(n.Number, base+found+1)
		if proven {
			n.Owed = slices.DeleteFunc(slices.Clone(n.Owed), func(o string) bool { return o == vendor })
		}
		more := n.Number > was.Number
		if !more && len(n.Owed) == len(was.Owed) {
			return nil
		}
		w, err := writing(recoverySetting, &n, version)
		if err != nil {
			return err
		}
		ch := idempotency.Change{Settings: []idempotency.SettingWrite{w}, Epoch: id.Epoch}
		if more {
			news, err := c.doubtMore(ctx, n.recoveries())
			if err != nil {
				return err
			}
			ch.Settings = append(ch.Settings, news)
			ch.Entries = []idempotency.Entry{{At: c.now(), Kind: idempotency.EntryRecoveredBefore, Vendor: vendor, Note: fmt.Sprintf("%d that the ledger did not know of", n.recoveries())}}
		}
		switch err := idempotency.CommitOne(ctx, c.store, ch); {
		case errors.Is(err, idempotency.ErrStale):
			continue
		case err != nil:
			return c.storeError("recover", err)
		}
		if more {
			c.countIncident(ctx, &ch.Entries[0])
			c.logger.LogAttrs(ctx, slog.LevelWarn, "a vendor shows control pieces of recoveries that the ledger does not know of: what is in doubt is looked up further",
				slog.String("vendor", vendor), slog.Int("recoveries", n.recoveries()))
		}
		return c.readDoubt(ctx, id)
	}
	return c.storeError("recover", idempotency.ErrStale)
}

// doubtMore is the write that has keys which are new to the ledger doubted for that
// many recoveries, at least.
func (c *Client) doubtMore(ctx context.Context, recoveries int) (w idempotency.SettingWrite, err error) {
	d, version, err := readSetting[doubt](ctx, c, "recover", doubtSetting)
	if err != nil {
		return w, err
	}
	d.Recoveries = max(d.Recoveries, recoveries)
	return writing(doubtSetting, d, version)
}

// widened doubts a job further, of which more than one recovery was lost as it turned
// out after the doubt began. It reports whether there was nothing to add. Of an erased
// one nobody knows the further references any more: what is not found of it proves
// nothing.
func (w *work) widened(ctx context.Context, n *numbered) (done bool, err error) {
	more := n.Number - w.rec.Recovery
	if more <= 0 || w.rec.Erased() {
		return more <= 0, nil
	}
	ev := w.c.furtherSuspicion(w.rec, n.Lost, more)
	ev.Recovery, ev.Until = n.Number, n.At
	return false, w.apply(ctx, ev)
}

// believes reports whether an empty answer of the vendor about the job, beside which a
// control piece was found, may count: in the same way it was asked for recoveries that
// nobody here knows of, and the job is doubted for all of them. The first such answer
// has the vendor asked.
func (w *work) believes(ctx context.Context, v *vendor) (bool, error) {
	if w.rec.Recovery == 0 {
		return true, nil // no recovery doubts it
	}
	n, _, err := w.c.readNumbered(ctx, w.c.id())
	if err == nil && slices.Contains(n.Owed, v.name) {
		n, err = w.c.askOnce(ctx, v)
	}
	if err != nil || slices.Contains(n.Owed, v.name) {
		return false, err
	}
	return w.widened(ctx, &n)
}

// askOnce asks a vendor beside a control piece, unless another worker has or it could
// not be asked a moment ago, and returns what is known then.
func (c *Client) askOnce(ctx context.Context, v *vendor) (numbered, error) {
	select {
	case v.asking <- struct{}{}:
		defer func() { <-v.asking }()
	case <-ctx.Done():
		return numbered{}, &postproof.Error{Code: postproof.CodeOf(ctx.Err()), Delivery: postproof.Unknown, Op: "recover", Err: context.Cause(ctx)}
	}
	n, _, err := c.readNumbered(ctx, c.id())
	if err != nil || !slices.Contains(n.Owed, v.name) || !v.owed.due(c.now(), owedEvery) {
		return n, err
	}
	if err := c.askBefore(ctx, v, &n, true); err != nil {
		c.tellUnasked(ctx, v, err)
		return n, nil
	}
	n, _, err = c.readNumbered(ctx, c.id())
	return n, err
}

// owedEvery is the time between two attempts to ask a vendor for control pieces of
// other recoveries, which costs some look-ups.
const owedEvery = time.Minute

// controlKey is the key of the k-th control piece that a recovery sends to a vendor,
// from 1.
func controlKey(vendor string, recovery, k int) postproof.Key {
	return postproof.Key(fmt.Sprintf("control/%s/%d/%d", vendor, recovery, k))
}

// controlFor returns the vendor that the key of a control piece names; empty for any
// other key.
func controlFor(key postproof.Key) string {
	rest, ok := strings.CutPrefix(string(key), "control/")
	if !ok {
		return ""
	}
	vendor, _, _ := strings.Cut(rest, "/")
	return vendor
}

// controlKeys is how many control pieces of a recovery are looked for. One that the vendor
// took is enough; the others are for pieces that it did not. A further one is sent all the
// same: where the vendor took none of these, nothing else would prove an absence. Its key
// can be derived, too, and is durable before it is sent, so that no crash sends it twice;
// but a later recovery of the same backup has to be told of this one ([RecoverOptions]).
const controlKeys = 16
