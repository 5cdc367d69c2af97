package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// send brings a planned job to a vendor: route, intent, send, answer; and to
// the next vendor, for as long as the job is proven to be nowhere.
func (w *work) send(ctx context.Context) error {
	for range len(w.c.vendors) + 1 {
		now := w.c.now()
		if w.c.waitsForApproval(w.rec.Campaign) {
			return w.putOff(ctx, now, "the campaign's canary waits for approval")
		}
		r, err := w.route(now)
		if err != nil {
			return err
		}
		if r.vendor == nil {
			return w.noVendor(ctx, now, r)
		}
		again, err := w.sendTo(ctx, r)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

// noVendor settles a job that no vendor takes right now.
func (w *work) noVendor(ctx context.Context, now time.Time, r routing) error {
	switch {
	case !r.until.IsZero():
		if w.rec.State == idempotency.Planned && w.rec.Due.After(r.until) && w.rec.Lease == (idempotency.Lease{}) {
			return nil // it waits for longer than that already
		}
		return w.applyWith(ctx, r.skipped, idempotency.Postpone{Until: r.until, Note: "no vendor can take it now"})
	case r.tried:
		return w.rest(ctx, w.rec.Due)
	case r.capped:
		return w.applyWith(ctx, r.skipped, idempotency.PutOnHold{Reason: idempotency.HoldCap})
	default:
		note := "no configured vendor takes the job"
		if n := len(r.skipped); n > 0 {
			note = r.skipped[n-1].Vendor + ": " + r.skipped[n-1].Note
		}
		return w.applyWith(ctx, r.skipped, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: note})
	}
}

func (w *work) putOff(ctx context.Context, now time.Time, note string) error {
	return w.apply(ctx, idempotency.Postpone{Until: now.Add(w.c.poll), Note: note})
}

// sendTo sends to one vendor. It reports whether another one may be tried.
func (w *work) sendTo(ctx context.Context, r routing) (again bool, err error) {
	v := r.vendor
	s, body, err := w.submission(ctx, v, w.rec.Generation)
	if err != nil {
		if postproof.CodeOf(err) == postproof.CodeUnavailable { // the blob store, not the job
			return false, errors.Join(err, w.putOff(ctx, w.c.now(), "its artwork cannot be read"))
		}
		w.mark(&w.tried, v)
		r.skipped = append(r.skipped, idempotency.Entry{
			ID: w.rec.ID, At: w.c.now(), Kind: "skipped", Generation: w.rec.Generation, Vendor: v.name, Note: "cannot express the job: " + postproof.CodeOf(err).String(),
		})
		return w.refusedLocally(ctx, v, r, err)
	}
	if err := w.lease(ctx); err != nil {
		return false, err
	}
	if err := w.applyWith(ctx, r.skipped, w.intent(v, s, body)); err != nil {
		if errors.Is(err, idempotency.ErrLimit) {
			w.mark(&w.capped, v)
			return true, nil
		}
		return false, err
	}
	if len(r.skipped) > 0 {
		w.c.logger.LogAttrs(ctx, slog.LevelInfo, "vendor passed over", slog.String("vendor", r.skipped[0].Vendor),
			slog.String("reason", r.skipped[0].Note), slog.String("to", v.name), slog.String("ref", string(s.Ref)))
	}
	if err := w.transmit(ctx, v, s, body); err != nil {
		return false, err
	}
	w.mark(&w.tried, v)
	switch w.rec.State {
	case idempotency.Refused:
		return w.replan(ctx)
	case idempotency.Planned:
		return w.rec.Generation == generationOf(w.rec, s.Ref) && w.another(), nil
	default:
		return false, nil
	}
}

func generationOf(rec *idempotency.Record, ref postproof.Ref) int {
	for i := range rec.Submissions {
		if rec.Submissions[i].Ref == ref {
			return rec.Submissions[i].Generation
		}
	}
	return 0
}

// refusedLocally goes on after an adapter could not express the job.
func (w *work) refusedLocally(ctx context.Context, v *vendor, r routing, cause error) (bool, error) {
	if w.another() {
		return true, nil
	}
	return false, w.applyWith(ctx, r.skipped, idempotency.NoRoute{
		Code: postproof.CodeOf(cause), Note: v.name + " cannot express the job: " + cause.Error(),
	})
}

// another reports whether a vendor is left that could take the job now. Going
// on to it needs a lease, which the way back to planned gave up.
func (w *work) another() bool {
	r, err := w.route(w.c.now())
	return err == nil && r.vendor != nil
}

// replan moves a refused job on to another vendor, if there is one.
func (w *work) replan(ctx context.Context) (bool, error) {
	r, err := w.route(w.c.now())
	if err != nil || (r.vendor == nil && r.until.IsZero()) {
		return false, err
	}
	if err := w.apply(context.WithoutCancel(ctx), idempotency.Replan{}); err != nil {
		return false, err
	}
	if r.vendor == nil {
		return false, w.apply(context.WithoutCancel(ctx), idempotency.Postpone{Until: r.until})
	}
	return true, nil
}

// lease makes sure that this work holds the record long enough to send.
func (w *work) lease(ctx context.Context) error {
	now := w.c.now()
	if w.rec.Lease.Owner == w.c.owner && w.rec.Lease.Until.Sub(now) > w.c.lease/2 {
		return nil
	}
	if w.fresh {
		w.rec.Lease = idempotency.Lease{Owner: w.c.owner, Until: now.Add(w.c.lease)}
		return nil
	}
	leased, err := w.c.takeLease(ctx, w.rec, now)
	if err != nil {
		return w.c.storeError("lease", err)
	}
	w.rec = leased
	return nil
}

func (w *work) intent(v *vendor, s *vendors.Submission, body *vendors.Body) idempotency.Intend {
	return idempotency.Intend{
		Owner: w.c.owner, Vendor: v.name, Account: v.account.Fingerprint, Mode: v.account.Mode, Ref: s.Ref,
		VendorKey: s.VendorKey, Encoder: body.Encoder, Digest: body.Digest(), EpochChanged: w.c.id().EpochChanged(),
	}
}

func (w *work) mark(set *map[string]bool, v *vendor) {
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[v.name] = true
}

// resend sends an unknown submission again: same vendor, same key, same bytes.
func (w *work) resend(ctx context.Context, sub *idempotency.Submission) error {
	v := w.c.byName[sub.Vendor]
	if v.account.Fingerprint != sub.Account {
		return w.apply(ctx, idempotency.PutOnHold{Reason: idempotency.HoldVendorGone, Note: "the credentials are of another account"})
	}
	now := w.c.now()
	if stopped, _ := v.stoppedUntil(now); !stopped.IsZero() {
		return w.apply(ctx, idempotency.Postpone{Until: stopped})
	}
	if wait := v.limits.wait(postproof.OpSubmit.Group(), now); wait > 5*time.Second {
		return w.apply(ctx, idempotency.Postpone{Until: now.Add(wait)})
	}
	s, body, err := w.submission(ctx, v, sub.Generation)
	if err != nil && postproof.CodeOf(err) == postproof.CodeUnavailable {
		return errors.Join(err, w.putOff(ctx, now, "its artwork cannot be read"))
	}
	if err != nil || s.Ref != sub.Ref || body.Digest() != sub.Digest || body.Encoder != sub.Encoder || s.VendorKey != sub.VendorKey {
		return w.apply(ctx, idempotency.CannotBuild{})
	}
	if err := w.lease(ctx); err != nil {
		return err
	}
	if err := w.apply(ctx, w.intent(v, s, body)); err != nil {
		if _, ok := errors.AsType[*idempotency.RuleError](err); ok {
			// The window closed between the decision and now.
			return w.apply(ctx, idempotency.Postpone{Until: now.Add(time.Second)})
		}
		return err
	}
	return w.transmit(ctx, v, s, body)
}

// transmit sends what the durable intent says, and makes the answer durable.
func (w *work) transmit(ctx context.Context, v *vendor, s *vendors.Submission, body *vendors.Body) error {
	began := w.c.clock.Now()
	cur := w.rec.Current()
	k := &call{c: w.c, v: v, notAfter: cur.NotAfter}
	var order *vendors.Order
	err := k.guard(postproof.OpSubmit, func() (err error) {
		order, err = v.adapter.Submit(ctx, k, s, body)
		return err
	})
	ans := k.answer(s, body, order, err, w.rec.Mode)
	ans.Intent = cur.Intent
	w.c.see(k.date) // rule 11: the vendor's clock counts, too
	w.c.afterSend(ctx, k, ans, w.c.clock.Now().Sub(began))
	return w.settle(ctx, ans)
}

// answer says what a send did. Only bytes count: where no submit request wrote
// one, nothing was sent, whatever else failed.
func (k *call) answer(s *vendors.Submission, body *vendors.Body, order *vendors.Order, err error, mode postproof.Mode) idempotency.Answer {
	ans := idempotency.Answer{Vendor: k.v.name, Ref: s.Ref, Sends: k.sends, RetryAfter: max(k.after, postproof.RetryAfterOf(err))}
	if err == nil && order != nil && (order.Receipt.VendorID != "" || order.Dead) {
		ans.Delivery = postproof.Accepted
		sighting := see(order, vendors.FactsOf(&s.Job, body), s.Ref, mode)
		ans.Order = &sighting
		return ans
	}
	if err == nil {
		err = &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Err: errors.New("the adapter returned no order with an id")}
	}
	ans.Code = postproof.CodeOf(err)
	if e, ok := errors.AsType[*postproof.Error](err); ok {
		ans.VendorCode = e.VendorCode
		if e.Code == ans.Code && ans.VendorCode == "" {
			if inner, ok := errors.AsType[*postproof.Error](e.Err); ok {
				ans.VendorCode = inner.VendorCode
			}
		}
	}
	switch {
	case k.join == 0, k.join == postproof.NotSent:
		ans.Delivery = postproof.NotSent
	default:
		ans.Delivery = min(k.join.Join(postproof.DeliveryOf(err)), postproof.Unknown)
	}
	if _, ok := errors.AsType[*vendors.DuplicateError](err); ok {
		ans.Duplicate = true
	}
	return ans
}

// see turns a vendor's order into what the machine understands.
func see(o *vendors.Order, want vendors.Facts, ref postproof.Ref, mode postproof.Mode) idempotency.Sighting {
	return idempotency.Sighting{
		Receipt: o.Receipt, Status: o.Status, Alive: !o.Dead,
		Equal: want.Equal(o.Facts) && (o.Mode == "" || o.Mode == mode) && (o.Receipt.Ref == "" || o.Receipt.Ref == ref),
	}
}

// afterSend keeps what an answer says about the vendor as a whole.
func (c *Client) afterSend(ctx context.Context, k *call, ans idempotency.Answer, took time.Duration) {
	m := &k.v.marks
	c.tel.attempts.Add(ctx, 1, m.vendor...)
	if k.sends > 0 {
		c.tel.sends.Add(ctx, int64(k.sends), m.vendor...)
	}
	c.tel.outcomes.Add(ctx, 1, m.outcome[ans.Delivery]...)
	c.tel.duration.Record(ctx, took.Seconds(), m.duration...)
	switch {
	case ans.Delivery == postproof.Accepted && ans.Order.Alive:
		at := ans.Order.Receipt.AcceptedAt
		if at.IsZero() {
			at = c.now()
		}
		k.v.controls.add(ans.Ref, at)
	case ans.Delivery == postproof.Refused && (ans.Code == postproof.CodeUnauthenticated || ans.Code == postproof.CodePermissionDenied):
		if k.v.stop(c.clock.Now().Add(c.stopFor), ans.Code.String()) {
			c.logger.LogAttrs(ctx, slog.LevelError, "vendor refuses the account: it is left alone; mend the account, then ResumeVendor",
				slog.String("vendor", k.v.name), slog.String("code", ans.Code.String()), slog.String("vendor_code", ans.VendorCode))
		}
	}
}

// settle makes an answer durable: in the ledger, or, while that cannot be
// written, in the spool (rule 14).
func (w *work) settle(ctx context.Context, ans idempotency.Answer) error {
	ctx = context.WithoutCancel(ctx) // the vendor has answered; the caller's haste is over
	var err error
	for try := range 4 {
		if try > 0 {
			if e := postproof.Sleep(ctx, postproof.SystemClock(), time.Duration(try*try)*20*time.Millisecond); e != nil {
				break
			}
			rec, e := w.c.store.Get(ctx, w.rec.ID)
			if e != nil {
				err = e
				continue
			}
			w.rec = rec
		}
		err = w.apply(ctx, ans)
		if err == nil {
			return nil
		}
		if _, ok := errors.AsType[*idempotency.RuleError](err); ok {
			break
		}
	}
	if _, ok := errors.AsType[*idempotency.RuleError](err); ok {
		return fmt.Errorf("record the vendor's answer: %w", err)
	}
	if e := w.c.spooled.put(w.rec.ID, ans, w.c.now()); e != nil {
		err = errors.Join(err, e)
	}
	w.c.logger.LogAttrs(ctx, slog.LevelError, "the ledger cannot be written: a vendor's answer is spooled and applied later",
		slog.String("vendor", ans.Vendor), slog.String("ref", string(ans.Ref)), slog.String("delivery", ans.Delivery.String()))
	return &postproof.Error{
		Code: postproof.CodeUnavailable, Delivery: ans.Delivery, Op: "submit", Vendor: ans.Vendor,
		Err: fmt.Errorf("the vendor answered, the ledger could not be written: %w", err),
	}
}
