package client

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// send brings a planned job to a vendor: route, intent, send, answer; and to
// the next vendor, for as long as the job is proven to be nowhere.
func (w *work) send(ctx context.Context) error {
	for range 2*len(w.c.vendors) + 4 {
		if err := w.lookAgain(ctx); err != nil {
			return err
		}
		if p := w.look().stops(w.rec); p != nil {
			return w.stopped(ctx, p)
		}
		if w.waitsForApproval(ctx) {
			return w.putOff(ctx, w.c.poll)
		}
		r, err := w.route(w.c.now())
		if err != nil {
			return w.unreadable(ctx, err)
		}
		if r.vendor == nil {
			return w.noVendor(ctx, r)
		}
		again, err := w.sendTo(ctx, r)
		if err != nil || !again {
			return err
		}
	}
	return w.putOff(ctx, w.c.poll)
}

// unreadable holds a job that the ledger gives back broken.
func (w *work) unreadable(ctx context.Context, cause error) error {
	return errors.Join(cause, w.apply(ctx, idempotency.PutOnHold{Reason: idempotency.HoldCannotBuild, Note: noteJob}))
}

// noVendor settles a job that no vendor takes right now.
func (w *work) noVendor(ctx context.Context, r routing) error {
	switch {
	case r.tried && w.rec.Due.After(w.c.now()):
		return w.rest(ctx, w.rec.Due) // as long as the answer said
	case !r.until.IsZero():
		return w.waitFor(ctx, r)
	case r.capped:
		return w.applyWith(ctx, r.skipped, idempotency.PutOnHold{Reason: idempotency.HoldCap})
	case r.tried:
		return w.putOff(ctx, 0)
	case w.isForOthers():
		return w.leave(ctx, r)
	default:
		note := "no configured vendor takes the job"
		if n := len(r.skipped); n > 0 {
			note = r.skipped[n-1].Vendor + ": " + r.skipped[n-1].Note
		}
		return w.applyWith(ctx, r.skipped, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: note})
	}
}

// waitFor puts a job off until a vendor may be tried. The history tells why
// only once: an outage of a day must not fill the ledger.
func (w *work) waitFor(ctx context.Context, r routing) error {
	w.c.congested.Add(1)
	until, awaits := r.waitsFor.staggered(r.until), ""
	if p := w.look().vendor(r.waitsFor.name); p != nil {
		awaits, w.cause = p.Target.String(), &PausedError{*p}
	} else if w.cause == nil { // nobody was asked: then why that is
		w.cause = r.waiting()
	}
	if w.rec.State == idempotency.Planned && w.rec.Due.After(until) && w.rec.Lease == (idempotency.Lease{}) {
		return nil // it waits for longer than that already
	}
	if !w.rec.Due.Equal(w.rec.PlannedAt) {
		return w.apply(ctx, idempotency.Postpone{Until: until, Awaits: awaits})
	}
	return w.applyWith(ctx, r.skipped, idempotency.Postpone{Until: until, Note: "no vendor can take it now", Awaits: awaits})
}

// waiting is why the vendor that is waited for may not be tried now.
func (r routing) waiting() error {
	for i := range r.skipped {
		if e := &r.skipped[i]; e.Vendor == r.waitsFor.name {
			return &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Op: "route", Vendor: e.Vendor, Err: errors.New(e.Note)}
		}
	}
	return nil
}

// putOff tries again later: after half the time that the job has been waiting,
// between the backoff's bounds, at least after the time given.
func (w *work) putOff(ctx context.Context, least time.Duration) error {
	now := w.c.now()
	pause := max(30*time.Second, min(now.Sub(w.rec.PlannedAt)/2, 30*time.Minute))
	if least > 0 {
		pause = least
	}
	return w.apply(ctx, idempotency.Postpone{Until: now.Add(pause)})
}

// sendTo sends to one vendor. It reports whether another one may be tried.
func (w *work) sendTo(ctx context.Context, r routing) (again bool, err error) {
	v := r.vendor
	s, body, err := w.submission(ctx, v, w.rec.Generation, w.c.now())
	if err == nil {
		err = w.c.art.present(ctx, &s.Job)
	}
	if err != nil {
		return w.notEncoded(ctx, v, err)
	}
	if err := w.lease(ctx); err != nil {
		return false, err
	}
	if w.encodedAnew(s, v, body) {
		err := w.apply(ctx, idempotency.CannotBuild{})
		if _, ok := errors.AsType[*idempotency.RuleError](err); ok { // others can send what was refused
			return false, w.putOff(ctx, 0)
		}
		return true, err
	}
	if err := w.applyWith(ctx, r.skipped, w.intent(v, s, body)); err != nil {
		if errors.Is(err, idempotency.ErrLimit) {
			return true, w.limited(ctx, v)
		}
		return w.overtaken(ctx, err)
	}
	if len(r.skipped) > 0 {
		w.c.logger.LogAttrs(ctx, slog.LevelInfo, "vendor passed over", slog.String("vendor", r.skipped[0].Vendor),
			slog.String("reason", r.skipped[0].Note), slog.String("to", v.name), slog.String("ref", string(s.Ref)))
	}
	generation := w.rec.Generation
	if err := w.transmit(ctx, v, s, body); err != nil {
		return false, err
	}
	if ctx.Err() != nil || w.rec.State != idempotency.Planned || w.rec.Generation != generation {
		return false, nil //nolint:nilerr // what became of the job is in its record
	}
	mark(&w.tried, v, "tried just now")
	return w.another(), nil
}

// encodedAnew reports whether the vendor refused other bytes under this very
// reference, as happens when another version of the library takes over: what
// goes out now needs a reference and a key of its own.
func (w *work) encodedAnew(s *vendors.Submission, v *vendor, body *vendors.Body) bool {
	for i := range w.rec.Submissions {
		old := &w.rec.Submissions[i]
		if old.Vendor == v.name && old.Ref == s.Ref && old.Join == postproof.Refused && sameAccount(v, old.Account) {
			return old.Digest != body.Digest() || old.Encoder != body.Encoder ||
				(old.Account == w.accountOf(v, w.rec.Generation) && old.VendorKey != v.keyOf(s))
		}
	}
	return false
}

// notEncoded goes on after the body could not be made.
func (w *work) notEncoded(ctx context.Context, v *vendor, cause error) (again bool, err error) {
	switch {
	case errors.Is(cause, idempotency.ErrNotFound), errors.Is(cause, idempotency.ErrCorrupt):
		w.cause = cause
		if e, _, err := w.c.readArtErased(ctx, "send"); err == nil && w.c.now().Before(e.At.Add(artErasedFor)) {
			return false, w.putOff(context.WithoutCancel(ctx), 30*time.Second) // whoever handed it in stores it again
		}
		return false, w.apply(ctx, idempotency.PutOnHold{
			Reason: idempotency.HoldCannotBuild,
			Note:   noteArtwork,
		})
	case postproof.CodeOf(cause) == postproof.CodeUnavailable: // the blob store, not the job
		return false, errors.Join(cause, w.putOff(context.WithoutCancel(ctx), 0))
	case ctx.Err() != nil:
		return false, errors.Join(cause, w.putOff(context.WithoutCancel(ctx), w.c.poll))
	default:
		w.cause = cause
		mark(&w.unfit, v, "cannot express the job: "+cause.Error())
		return true, nil
	}
}

// limited goes on after a counter's limit forbade the intent: a cap's, or that
// of the campaign's canary, for which the job only waits.
func (w *work) limited(ctx context.Context, v *vendor) error {
	campaign, size := w.rec.Campaign, w.c.canaryOf(w.rec)
	if size == 0 || w.c.approvals.approved(campaign) {
		mark(&w.capped, v, "its cap is reached")
		return nil
	}
	k, err := w.c.canary(ctx, campaign, size)
	if err != nil {
		return err
	}
	switch {
	case k.Waits(), k.Approved, len(w.c.caps) == 0: // the loop looks again
		w.c.approvals.wait(campaign, time.Time{})
	default:
		mark(&w.capped, v, "its cap is reached")
	}
	return nil
}

// another reports whether a vendor is left that could take the job now. Going
// on to it needs a lease, which the way back to planned gave up.
func (w *work) another() bool {
	r, err := w.route(w.c.now())
	return err == nil && r.vendor != nil
}

// lease makes sure that this work holds the record long enough to send.
func (w *work) lease(ctx context.Context) error {
	now := w.c.now()
	if w.rec.Lease.Owner == w.c.owner && w.rec.Lease.Until.Sub(now) > w.c.lease/2 {
		return nil
	}
	if w.fresh {
		w.rec.Lease = w.c.firstLease(now)
		return nil
	}
	leased, err := w.c.takeLease(ctx, w.rec, now, w.epoch)
	if err != nil {
		return w.c.storeError("lease", err)
	}
	w.rec = leased
	return nil
}

func (w *work) intent(v *vendor, s *vendors.Submission, body *vendors.Body) idempotency.Intend {
	w.intended = time.Now()
	return idempotency.Intend{
		Owner: w.c.owner, Vendor: v.name, Account: w.accountOf(v, w.rec.Generation), Credentials: v.account.Fingerprint, Mode: v.account.Mode, Ref: s.Ref,
		VendorKey: v.keyOf(s), Encoder: body.Encoder, Digest: body.Digest(), EpochChanged: w.c.id().EpochChanged(), Cents: w.countedWith(v),
		SendDate: s.Job.SendDate.UTC(),
	}
}

// mark remembers why a vendor is out for this work.
func mark(set *map[string]string, v *vendor, why string) {
	if *set == nil {
		*set = map[string]string{}
	}
	(*set)[v.name] = why
}

// resend sends an unknown submission again: same vendor, same key, same bytes. It
// reports whether the settings that its intent depended on have changed, so that
// it is to be begun anew.
func (w *work) resend(ctx context.Context, sub *idempotency.Submission) (again bool, err error) {
	v := w.c.byName[sub.Vendor]
	if w.ageUnknown(v, sub) {
		return false, w.apply(ctx, idempotency.CannotBuild{Why: "the clock was set back since it was sent: how old its key is at the vendor is not known"})
	}
	if p := w.look().keeps(w.rec, v.name); p != nil {
		return false, w.notResent(ctx, sub, p)
	}
	if name := sub.Account; name != v.account.Fingerprint || sentByOthers(v, sub) {
		return false, w.apply(ctx, idempotency.CannotBuild{Why: underFormer(name)})
	}
	if f := w.passable(v, w.c.now()); f.as == later || f.as == wait {
		w.c.congested.Add(1)
		return false, w.apply(ctx, idempotency.Postpone{Until: v.staggered(f.until)})
	}
	s, body, err := w.submission(ctx, v, sub.Generation, sub.FirstAt)
	switch {
	case errors.Is(err, idempotency.ErrNotFound), errors.Is(err, idempotency.ErrCorrupt):
		return false, w.apply(ctx, idempotency.CannotBuild{})
	case err != nil && (postproof.CodeOf(err) == postproof.CodeUnavailable || ctx.Err() != nil):
		return false, errors.Join(err, w.putOff(context.WithoutCancel(ctx), 0))
	case err == nil && v.caps.Lookup.ByRef && !s.Job.SendDate.IsZero() && !s.Job.SendDate.After(w.c.now()):
		return false, w.apply(ctx, idempotency.CannotBuild{Why: "its send date has passed, with which the vendor may refuse it though it has it"})
	case err == nil && sub.VendorKey == "" && v.keyOf(s) != "":
		return false, w.apply(ctx, idempotency.CannotBuild{Why: "it was sent without a key: the vendor would not know it again by one"})
	case err == nil && sub.Unguarded:
		return false, w.apply(ctx, idempotency.CannotBuild{Why: "it was sent when the vendor honored neither keys nor references: it may not know it again"})
	case err != nil, s.Ref != sub.Ref, body.Digest() != sub.Digest, body.Encoder != sub.Encoder, v.keyOf(s) != sub.VendorKey:
		return false, w.apply(ctx, idempotency.CannotBuild{})
	}
	if err := w.lease(ctx); err != nil {
		return false, err
	}
	if err := w.apply(ctx, w.intent(v, s, body)); err != nil {
		if _, ok := errors.AsType[*idempotency.RuleError](err); ok {
			// The window closed between the decision and now.
			return false, w.putOff(ctx, time.Second)
		}
		return w.overtaken(ctx, err)
	}
	return false, w.transmit(ctx, v, s, body)
}

// ageUnknown reports whether a key may be older than it seems by more than the margin
// of its window is for, half of which is for clocks: in doubt the window is closed (rule
// 11). That is asked each time, and what comes of it is durable, so that whoever is next,
// and whose clock was set right long ago, does not believe the key either.
func (w *work) ageUnknown(v *vendor, sub *idempotency.Submission) bool {
	i := &v.caps.Idempotency
	return i.Window > 0 && w.c.time.setBack(sub.FirstAt) > i.Margin/2
}

// transmit sends what the durable intent says, and makes the answer durable.
func (w *work) transmit(ctx context.Context, v *vendor, s *vendors.Submission, body *vendors.Body) error {
	began := w.c.clock.Now()
	cur := w.rec.Current()
	k := &call{
		c: w.c, v: v, notAfter: w.c.time.local(cur.NotAfter),
		staleAt: w.intended.Add(cur.NotAfter.Sub(w.rec.UpdatedAt)), // when the intent was made, it was this long good
	}
	var order *vendors.Order
	err := k.guard(postproof.OpSubmit, func() (err error) {
		order, err = v.adapter.Submit(ctx, k, s, body)
		return err
	})
	ans := k.answer(s, body, order, err, w.rec.Mode)
	ans.Intent = cur.Intent
	if ans.Delivery < postproof.Unknown && len(w.c.vendors) > 1 {
		ans.RetryAfter = min(ans.RetryAfter, w.c.reroute) // the vendor's limit is waited for, but not by a job that another one can take
	}
	w.cause = err
	w.c.seeVendor(ctx, v, k.date) // rule 11: the vendor's clock counts, too
	w.c.afterSend(ctx, k, ans, cur, w.c.clock.Now().Sub(began))
	return w.settle(ctx, ans)
}
