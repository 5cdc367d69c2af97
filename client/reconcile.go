package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// lookUp asks a vendor for our reference, and, when the answer is empty, for a
// control piece in the same way.
func (w *work) lookUp(ctx context.Context, sub *idempotency.Submission) error {
	v := w.c.byName[sub.Vendor]
	ev := idempotency.LookedUp{Vendor: sub.Vendor, Ref: sub.Ref, At: w.c.now()}
	finder, ok := w.finder(v, sub)
	if !ok {
		ev.Failed = true
		if v == nil || (sub.Account != "" && !sameAccount(v, sub.Account)) {
			w.c.meetUnasked(ctx, v, sub)
			ev.Unasked, ev.RetryAfter = cannotAsk(v, sub), w.c.forAnother(v, sub, w.c.watched(sub))
		}
		return w.apply(ctx, ev)
	}
	ctx, span := w.c.tel.startOn(ctx, "postproof.look_up", trace.SpanKindInternal, w.rec)
	var asked error
	defer func() { end(span, asked) }() // behind the control piece, which is looked up likewise
	k := &call{c: w.c, v: v}
	found, err := k.find(ctx, finder, sub.Ref)
	asked = err
	if err != nil || found == nil {
		if ctx.Err() != nil {
			return w.rest(ctx, w.rec.Due)
		}
		ev.Failed, ev.RetryAfter = true, max(k.after, postproof.RetryAfterOf(err))
		return w.apply(ctx, ev)
	}
	w.c.seeVendor(ctx, v, found.VendorTime)
	if t := found.VendorTime.Add(dateSlack); !found.VendorTime.IsZero() && t.Before(ev.At) {
		// The settle time is the vendor's, so it has to pass on the vendor's clock,
		// too: replicas whose clocks jump ahead take the ledger's time along.
		ev.At = t
	}
	want := w.facts(ctx, v, sub)
	for _, o := range found.Orders {
		ev.Orders = append(ev.Orders, see(o, want, sub.Ref, w.rec.Mode))
	}
	ev.Complete = found.Complete
	v.sighted(sub, w.rec.Mode, found.Orders)
	if len(ev.Orders) > 0 || !ev.Complete || sub.Dead() || w.rec.State == idempotency.Accepted {
		return w.apply(ctx, ev)
	}
	return w.absent(ctx, v, finder, sub, ev)
}

// absent goes on after a look-up that was whole and empty: whether that proves anything
// depends on what else the vendor shows.
func (w *work) absent(ctx context.Context, v *vendor, finder vendors.Finder, sub *idempotency.Submission, ev idempotency.LookedUp) (err error) {
	names := otherNames(v, sub)
	if len(names) > 0 && w.c.now().Before(sub.LastAt.Add(v.caps.Lookup.SettleTime())) {
		return w.apply(ctx, ev) // too early to count
	}
	for _, name := range names {
		proven, open := w.sameAsFormer(ctx, v, finder, name)
		switch {
		case proven:
		case ctx.Err() != nil:
			return w.rest(ctx, w.rec.Due)
		case !open && w.rec.State == idempotency.Unknown && len(w.rec.Live()) == 1:
			return w.apply(ctx, ev, idempotency.PutOnHold{Reason: idempotency.HoldVendorGone, Note: unproven(v, name)})
		default:
			return w.apply(ctx, ev)
		}
	}
	if ev.Control = w.control(ctx, v, finder, sub); ev.Control {
		ev.Control, err = w.believes(ctx, v)
	}
	switch {
	case ctx.Err() != nil: // whoever is next asks once more
		return w.rest(ctx, w.rec.Due)
	case err != nil:
		return err
	}
	return w.apply(ctx, ev)
}

// dateSlack is how far a vendor's clock may seem to be behind: a Date counts whole
// seconds, and clocks that are kept right differ by some.
const dateSlack = 5 * time.Second

// finder returns how to look a submission up; false when the vendor is not
// configured, cannot be asked, or not for this account.
func (w *work) finder(v *vendor, sub *idempotency.Submission) (vendors.Finder, bool) {
	if v == nil || (sub.Account != "" && !sameAccount(v, sub.Account)) {
		return nil, false
	}
	f, ok := v.adapter.(vendors.Finder)
	return f, ok
}

// find looks a reference up.
func (k *call) find(ctx context.Context, finder vendors.Finder, ref postproof.Ref) (found *vendors.Found, err error) {
	err = k.guard(postproof.OpLookUp, func() (err error) {
		found, err = findBy(ctx, finder, k, ref)
		return err
	})
	return found, err
}

// findBy is a look-up by reference. An order that is none is a defect of the adapter,
// and the answer not whole.
func findBy(ctx context.Context, finder vendors.Finder, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	found, err := finder.Find(ctx, do, ref)
	if err != nil || found == nil || !slices.Contains(found.Orders, nil) {
		return found, err
	}
	whole := *found
	whole.Orders, whole.Complete = slices.DeleteFunc(slices.Clone(found.Orders), func(o *vendors.Order) bool { return o == nil }), false
	return &whole, nil
}

// facts is what the vendor should say of the piece; what cannot be built again
// is not compared.
func (w *work) facts(ctx context.Context, v *vendor, sub *idempotency.Submission) vendors.Facts {
	s, body, err := w.submission(ctx, v, sub.Generation, sub.FirstAt)
	if err != nil || (sub.Digest != "" && body.Digest() != sub.Digest) {
		return vendors.Facts{}
	}
	return vendors.FactsOf(&s.Job, body)
}

// read returns an order as it is now: by its id, or by our reference.
func (w *work) read(ctx context.Context, v *vendor, sub *idempotency.Submission) (*vendors.Order, *call, error) {
	k := &call{c: w.c, v: v}
	var order *vendors.Order
	byID := false
	err := k.guard(postproof.OpGet, func() error {
		if g, ok := v.adapter.(vendors.Getter); ok && sub.VendorID != "" {
			o, err := g.Get(ctx, k, sub.VendorID)
			order, byID = o, true
			return err
		}
		f, ok := v.adapter.(vendors.Finder)
		if !ok {
			return &postproof.Error{Code: postproof.CodeUnsupported, Delivery: postproof.Unknown, Vendor: v.name, Op: "poll", Err: errors.ErrUnsupported}
		}
		found, err := findBy(ctx, f, k, sub.Ref)
		if err != nil || found == nil {
			return err
		}
		for _, o := range found.Orders {
			ours := sub.VendorID != "" && o.Receipt.VendorID == sub.VendorID
			if order == nil || order.Dead || ours {
				order = o
			}
			if ours {
				break
			}
		}
		if order == nil {
			return notThere(v)
		}
		return nil
	})
	if err == nil && byID && order != nil {
		switch is, open := w.isOf(ctx, v, sub, order); {
		case open:
			return nil, k, &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.Unknown, Vendor: v.name, Op: "poll", Err: errWhose}
		case !is:
			return nil, k, notThere(v)
		}
	}
	if err == nil && order == nil {
		err = &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Vendor: v.name, Op: "poll", Err: errors.New("the adapter returned no order")}
	}
	if err == nil && ((order.Receipt.Ref != "" && order.Receipt.Ref != sub.Ref) || (order.Mode != "" && order.Mode != w.rec.Mode)) {
		err = &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Vendor: v.name, Op: "poll", Err: errOtherPiece}
	}
	return order, k, err
}

func notThere(v *vendor) error {
	return &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Vendor: v.name, Op: "poll", Err: idempotency.ErrNotFound}
}

// errOtherPiece: the id is that of a piece with another reference or of the other mode,
// as when a person was mistaken in it.
var errOtherPiece = errors.New("the vendor's id is that of another piece, by its reference or mode")

// errWhose: whether the order is the present account's may still turn out.
var errWhose = errors.New("whose the vendor's id is has not turned out yet")

// cancel asks the vendor to stop a piece and reads it back: only that counts
// (rule 13). Before that it is read whether it is our piece, where that can be read.
func (w *work) cancel(ctx context.Context, sub *idempotency.Submission) error {
	ev := idempotency.CancelAnswer{Vendor: sub.Vendor, Ref: sub.Ref}
	v := w.c.byName[sub.Vendor]
	if v == nil || !sameAccount(v, sub.Account) {
		// Another worker may have the credentials, or this one tomorrow.
		ev.Unasked = cannotAsk(v, sub)
		return w.apply(ctx, ev)
	}
	canceler, ok := v.adapter.(vendors.Canceler)
	if !ok {
		ev.TooLate = true
		return w.apply(ctx, ev)
	}
	ctx, span := w.c.tel.startOn(ctx, "postproof.cancel", trace.SpanKindInternal, w.rec)
	var answer error
	defer func() { end(span, answer) }() // behind the read-back, which alone counts
	name := unprovenName(v, sub)         // as long as there is one, ids may be another account's, too
	_, asked, err := w.read(ctx, v, sub)
	if errors.Is(err, errOtherPiece) || (name != "" && err != nil) {
		if name != "" && (postproof.CodeOf(err) == postproof.CodeNotFound || errors.Is(err, errWhose)) {
			ev.Unasked = unproven(v, name)
		} else {
			ev.RetryAfter = asked.after
		}
		answer = err
		return w.apply(context.WithoutCancel(ctx), ev)
	}
	k := &call{c: w.c, v: v, notAfter: w.c.clock.Now().Add(w.c.lease)}
	err = k.guard(postproof.OpCancel, func() error { return canceler.Cancel(ctx, k, sub.VendorID) })
	answer = err
	order, rk, readErr := w.read(ctx, v, sub)
	if readErr == nil {
		back := see(order, vendors.Facts{}, sub.Ref, w.rec.Mode)
		ev.ReadBack = &back
		// Refused and still alive: the vendor means it. An unclear answer, or
		// somebody else's, and still alive: ask again inside the window.
		ev.TooLate = back.Alive && postproof.CodeOf(err) == postproof.CodeConflict && postproof.DeliveryOf(err) == postproof.Accepted
	}
	ev.RetryAfter = max(k.after, rk.after)
	return w.apply(context.WithoutCancel(ctx), ev)
}

// waitsForItsDate reports whether a piece of before records had a send date can still
// be canceled although the window from its acceptance is over: the job says until
// when it lies at its vendor. Of all others the machine knows it.
func (w *work) waitsForItsDate(sub *idempotency.Submission) bool {
	v := w.c.byName[sub.Vendor]
	if !w.rec.SendDate.IsZero() || !sub.SendDate.IsZero() || len(w.rec.Job) == 0 || sub.VendorID == "" || !sameAccount(v, sub.Account) {
		return false
	}
	job, err := w.decoded()
	return err == nil && w.c.now().Before(v.caps.Cancel.UntilSent(job.SendDate))
}
