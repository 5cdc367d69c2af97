package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// SendControl sends a piece of your own, to yourself, to one vendor, at the
// usual price. It is the control piece that jobs in doubt after [Client.Recover]
// wait for: beside it an empty answer to a look-up proves something. The job is
// yours to choose; its key is made here and is new, so that no lost history can
// have sent it, and the doubt about new keys does not hold it up. Send one to
// each vendor that was in use.
//
// By its key the next recovery knows of this one, if the backup is restored once
// more: what is in doubt goes on beside it. That holds for the first sixteen that are
// sent to a vendor after a recovery; a further one is logged. So the vendor is asked
// first for the control pieces of recoveries that the ledger does not know; if it shows
// any, what is in doubt is doubted further. Where it cannot be asked, nothing is sent, and the
// error is [postproof.CodeUnavailable]: beside a vendor that cannot be asked nothing is
// proven either. Should the vendor answer with a piece that it took before the
// recovery, none was printed and this is no control piece: the error is
// [postproof.CodeConflict], with Delivery Accepted or Unknown, and another one is to be
// sent.
//
// It costs money, so who sends it stands in the change log, with the reason if there is
// one, in one commit with the job, before anything is sent. It cannot be undone, only
// canceled ([Client.Cancel]).
//
// It returns as [Client.Submit] does. An unknown vendor is
// [postproof.CodeNotFound], and a piece that it cannot make
// [postproof.CodeUnsupported]. When the vendor does not take it now the job waits for
// it; to another one it does not go, as does no job whose key begins with "control/",
// the name of a configured vendor and a slash.
func (c *Client) SendControl(ctx context.Context, vendor string, job postproof.Job, who Actor) (rec *idempotency.Record, err error) {
	if err := c.knowsVendors("control"); err != nil {
		return nil, err
	}
	ctx, span := c.tel.call(ctx, "postproof.send_control", &err)
	defer endCallOf(span, &rec, &err)
	if who, err = who.named("control"); err != nil {
		return nil, err
	}
	if c.byName[vendor] == nil {
		return nil, c.noVendor("control", vendor)
	}
	job.Key = "control" // until it is made
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if err := c.byName[vendor].caps.Supports(&job); err != nil {
		// It would only stand in the ledger as refused.
		return nil, &postproof.Error{Code: postproof.CodeUnsupported, Delivery: postproof.NotSent, Op: "control", Vendor: vendor, Err: err}
	}
	at, err := c.readyForControl(ctx, c.byName[vendor])
	if err != nil {
		return nil, err
	}
	id, rec, err := c.logControl(ctx, vendor, &job, ChangeEntry{By: who.By, Why: who.Why, Action: ActionControl})
	if err != nil {
		return nil, err
	}
	w := c.workIn(id, rec, &job)
	rec, err = c.outcome(ctx, w, w.send(ctx))
	if isOlder(rec, at) {
		return rec, olderControl(vendor, rec)
	}
	return rec, err
}

// readyForControl asks the vendor for control pieces of recoveries that the ledger
// does not know, and returns when its own recovery was, by the vendor's clock where that
// is known; the zero time without one.
func (c *Client) readyForControl(ctx context.Context, v *vendor) (time.Time, error) {
	if err := c.checkLedger(ctx); err != nil {
		return time.Time{}, err
	}
	if c.id().EpochChanged() {
		return time.Time{}, c.epochError("control")
	}
	n, _, err := c.readNumbered(ctx, c.id())
	if err != nil || n.Number == 0 || v.finder() == nil {
		return time.Time{}, err
	}
	err = c.askBefore(ctx, v, &n, false)
	if _, ours := errors.AsType[*postproof.Error](err); err != nil && (!ours || postproof.CodeOf(err) != postproof.CodeConflict) {
		err = &postproof.Error{
			Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Op: "control", Vendor: v.name, RetryAfter: postproof.RetryAfterOf(err),
			Err: fmt.Errorf("the vendor cannot be asked for control pieces of earlier recoveries: nothing is proven beside one before it can, so send it then: %w", err),
		}
	}
	return n.began(v.name), err
}

// isOlder reports whether what a vendor accepted under the key of a control piece is
// one that it took before the recovery: that of another recovery of this backup.
func isOlder(rec *idempotency.Record, recovered time.Time) bool {
	if rec == nil || recovered.IsZero() {
		return false
	}
	for i := range rec.Submissions {
		if sentByOthersFirst(&rec.Submissions[i]) {
			return true
		}
	}
	return wasBefore(rec.Receipt.AcceptedAt, recovered)
}

// olderControl says that there was a recovery before, which no look-up had shown. The
// record tells of it, to the next one who asks ([Client.showsControl]).
func olderControl(vendor string, rec *idempotency.Record) error {
	delivery := postproof.Accepted
	if rec.Receipt.IsZero() {
		delivery = postproof.Unknown // the vendor called it a duplicate, and does not show it yet
	}
	return &postproof.Error{
		Code: postproof.CodeConflict, Delivery: delivery, Op: "control", Vendor: vendor,
		Err: errors.New("the vendor answered with a piece of an earlier recovery, which no look-up had shown: nothing was printed, and it is no control piece. What is in doubt is looked up further; send another"),
	}
}

// nextControlKey returns the key of the next control piece, and the number of the
// recovery that it was made for, as it was read.
func (c *Client) nextControlKey(ctx context.Context, v *vendor) (postproof.Key, idempotency.SettingRead, error) {
	n, version, err := c.readNumbered(ctx, c.id())
	read := idempotency.SettingRead{Name: recoverySetting, Version: version}
	if err != nil {
		return "", read, err
	}
	if n.Number == 0 || v.finder() == nil { // no recovery, or none that goes on by a control piece: nobody looks for it
		return postproof.Key("control/" + v.name + "/" + rand.Text()), read, nil
	}
	for k := 1; ; k++ {
		key := controlKey(v.name, n.Number, k)
		switch _, err := c.store.Get(ctx, idempotency.IDOf(key)); {
		case errors.Is(err, idempotency.ErrNotFound):
			if k > controlKeys {
				c.logger.LogAttrs(ctx, slog.LevelWarn, "so many control pieces of this recovery were sent that another recovery of the same backup does not look for the next one: where the vendor took none of them, state this one then (Recoveries)",
					slog.String("vendor", v.name), slog.Int("pieces", k-1))
			}
			return key, read, nil
		case err != nil:
			return "", read, c.storeError("control", err)
		}
	}
}

// controlSent is what the change log keeps of a control piece.
type controlSent struct {
	Vendor string `json:"vendor"`
	// Cents is its price in the vendor's currency, where that is known.
	Cents int64 `json:"cents,omitempty"`
}

// logControl makes the job of a control piece, in this client's hands, together
// with its entry in the change log. It returns the identity of the ledger that was
// read before.
func (c *Client) logControl(ctx context.Context, vendor string, job *postproof.Job, e ChangeEntry) (*idempotency.Identity, *idempotency.Record, error) {
	const op = "control"
	var id *idempotency.Identity
	var made *idempotency.Record
	_, err := c.logged(ctx, op, func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		id = c.id() // before the plan, which looks whether the ledger may be worked on
		var read idempotency.SettingRead
		if job.Key, read, err = c.nextControlKey(ctx, c.byName[vendor]); err != nil {
			return ch, ChangeEntry{}, err
		}
		rec, err := c.plan(ctx, job, c.now())
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		rec.Lease = idempotency.Lease{Owner: c.owner, Until: rec.CreatedAt.Add(c.lease)}
		if ch, err = c.machine.Create(rec, rec.CreatedAt); err != nil {
			return ch, ChangeEntry{}, c.storeError(op, err)
		}
		ch.Reads = append(ch.Reads, read)
		w := c.workIn(id, rec, job)
		w.count(&ch, nil)
		made = ch.Record
		cents, _ := c.Price(vendor, job)
		e := e
		e.Target, e.After = Target{Kind: TargetJob, Name: string(made.ID)}, asJSON(controlSent{vendor, cents})
		return ch, e, nil
	})
	if err != nil {
		return nil, nil, err
	}
	c.see(made.UpdatedAt)
	c.tel.submissions.Add(ctx, 1, c.tel.submitted...)
	return id, made, nil
}
