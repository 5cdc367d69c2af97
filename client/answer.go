package client

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
)

// answer says what a send did. Only bytes count: where no submit request wrote
// one, nothing was sent, whatever else failed. What the vendor refused before that,
// an upload for example, is its no to the job all the same: as something that was
// not sent it would be tried without end.
func (k *call) answer(s *vendors.Submission, body *vendors.Body, order *vendors.Order, err error, mode postproof.Mode) idempotency.Answer {
	ans := idempotency.Answer{Vendor: k.v.name, Ref: s.Ref, Sends: k.sends, RetryAfter: max(k.after, postproof.RetryAfterOf(err))}
	if err == nil && order != nil && (order.Receipt.VendorID != "" || order.Dead) {
		ans.Delivery = postproof.Accepted
		sighting := see(order, vendors.FactsOf(&s.Job, body), s.Ref, mode)
		ans.Order, ans.Duplicate = &sighting, order.Replayed
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
	ans.Delivery = postproof.NotSent
	if k.join > postproof.NotSent {
		ans.Delivery = min(k.join.Join(postproof.DeliveryOf(err)), postproof.Unknown)
	} else if k.prepared == postproof.Refused && postproof.DeliveryOf(err) == postproof.Refused {
		ans.Delivery = postproof.Refused
	}
	if ans.Delivery == postproof.Refused && (ans.Code == postproof.CodeCanceled || ans.Code == postproof.CodeDeadlineExceeded) {
		ans.Code = refusalCode(err)
	}
	if _, ok := errors.AsType[*vendors.DuplicateError](err); ok {
		ans.Duplicate = true
	}
	return ans
}

// refusalCode is what the vendor complained of, where the call ended for a
// reason of ours while it waited to be repeated: whether the job is refused for
// ever is for the vendor to say.
func refusalCode(err error) postproof.Code {
	if a, ok := errors.AsType[*retry.AttemptsError](err); ok {
		for _, x := range slices.Backward(a.Attempts) {
			if x.Delivery == postproof.Refused {
				return x.Code
			}
		}
	}
	return postproof.CodeUnavailable
}

// see turns a vendor's order into what the machine understands.
func see(o *vendors.Order, want vendors.Facts, ref postproof.Ref, mode postproof.Mode) idempotency.Sighting {
	s := idempotency.Sighting{
		Receipt: o.Receipt, Status: o.Status, Alive: !o.Dead,
		Equal: want.Equal(o.Facts) && (o.Mode == "" || o.Mode == mode) && (o.Receipt.Ref == "" || o.Receipt.Ref == ref),
	}
	for _, at := range []*time.Time{&s.Receipt.AcceptedAt, &s.Receipt.ExpectedDelivery, &s.Status.VendorTime} {
		*at = writable(*at)
	}
	return s
}

// writable is a vendor's time as far as it can be written down: beyond the four
// digits of a year it has no text, and the spool, which is text, would lose the
// whole answer for it.
func writable(at time.Time) time.Time {
	if y := at.Year(); y < 0 || y > 9999 {
		return time.Time{}
	}
	return at
}

// afterSend keeps what an answer says about the vendor as a whole.
func (c *Client) afterSend(ctx context.Context, k *call, ans idempotency.Answer, cur *idempotency.Submission, took time.Duration) {
	m := &k.v.marks
	c.learnFrom(ctx, k.v, &ans)
	if k.sends > 0 {
		c.tel.sends.Add(ctx, int64(k.sends), m.vendor...)
	}
	c.tel.outcomes.Add(ctx, 1, m.outcome[ans.Delivery]...)
	c.tel.duration.Record(ctx, took.Seconds(), m.duration...)
	refused := ans.Code == postproof.CodeUnauthenticated || ans.Code == postproof.CodePermissionDenied
	switch {
	case ans.Delivery == postproof.Accepted && ans.Order.Alive:
		// It was accepted behind the first send: what is replayed may be the answer to that,
		// and the vendor's clock, by which it is dated, may be ahead.
		at := cur.FirstAt
		if t := ans.Order.Receipt.AcceptedAt; !t.IsZero() && t.Before(at) {
			at = t
		}
		if !ans.Duplicate || cur.Sends+ans.Sends > 1 { // else it is another history's
			k.v.controls.add(ans.Ref, at)
		}
	case ans.Delivery <= postproof.Refused && refused: // of the login, too, when nothing was submitted
		now := c.now()
		if k.v.refused(now, now.Add(c.stopFor), ans.Code.String()) {
			c.logger.LogAttrs(ctx, slog.LevelError, "vendor refuses the account: it is left alone; mend the account, then EndVendorStop",
				slog.String("vendor", k.v.name), slog.String("code", ans.Code.String()), slog.String("vendor_code", ans.VendorCode))
		}
		c.tellOthers(k.v, submitGroup, TroubleAccount, c.stopFor, now.Sub(k.v.refusing()))
		return
	}
	if (ans.Delivery == postproof.Accepted || (ans.Delivery == postproof.Refused && !temporary(ans.Code))) && k.v.works() {
		c.logger.LogAttrs(ctx, slog.LevelInfo, "vendor takes the account again", slog.String("vendor", k.v.name))
		c.tellOver(k.v, submitGroup, TroubleAccount)
	}
}
