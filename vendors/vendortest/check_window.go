package vendortest

import (
	"net/http"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkWindow holds the times that are declared to those that the vendor keeps: how
// long a key protects, and until when an order can be canceled.
func checkWindow(b *bench) {
	c := b.setup().caps()
	b.checkKeyWindow(c.Idempotency)
	if c.Cancel.Supported {
		b.checkCancelWindow(c.Cancel, time.Time{})
		if c.Cancel.Scheduled {
			b.checkCancelWindow(c.Cancel, signedAt().Add(20*24*time.Hour))
		}
	}
}

// checkKeyWindow repeats a submission at the end of the declared window.
func (b *bench) checkKeyWindow(id postproof.Idempotency) {
	if id.Kind == postproof.IdempotencyNone {
		return
	}
	r := b.setup()
	s, first := r.accepted()
	wait := longAfter
	if id.Window > 0 {
		wait = id.Window - id.Margin - time.Minute
	}
	r.Simulator.Advance(wait)
	again, err := r.submit(s)
	switch n := r.Simulator.Orders(string(s.Ref)); {
	case n != 1:
		b.problemf("a repeat %v after the first send, inside the declared Idempotency.Window, is a second piece: the vendor has %d orders", wait, n)
	case err != nil:
		b.problemf("a repeat %v after the first send, inside the declared Idempotency.Window: %v", wait, err)
	case again.Receipt.VendorID != first.Receipt.VendorID:
		b.problemf("a repeat %v after the first send, inside the declared Idempotency.Window, is another order", wait)
	}
}

// checkCancelWindow cancels an order at the end of the declared window, one with a send
// date when that is given.
func (b *bench) checkCancelWindow(c postproof.CancelWindow, date time.Time) {
	r := b.setup()
	s := r.next()
	what := "Cancel"
	if !date.IsZero() {
		what, s.Job.SendDate = "Cancel.Scheduled", date
		if _, err := r.Adapter.Encode(b.ctx, s); b.see(err) != nil {
			b.problemf("Cancel.Scheduled is declared, and a job with a send date: %v", err)
			return
		}
	}
	order, err := r.submit(s)
	if err != nil {
		b.fatalf("not checked, as a submission without faults fails (see the check Submit): %v", err)
	}
	now := r.vendorTime()
	accepted := order.Receipt.AcceptedAt
	if now.IsZero() {
		now = accepted // nobody else says what time it is
	}
	if accepted.IsZero() {
		accepted = now
	}
	until := c.Until(accepted)
	if !date.IsZero() {
		until = c.UntilSent(date)
	}
	wait := until.Sub(now) - time.Second
	if now.IsZero() || wait <= 0 {
		return
	}
	r.Simulator.Advance(wait)
	if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID); b.see(err) != nil || r.Simulator.Alive(string(s.Ref)) != 0 {
		b.problemf("canceled %v after the acceptance, a second before %s says that it is too late: %v. The window is too long, its margin too short, its zone or that of Receipt.AcceptedAt another one than the vendor's; or the simulator closes it too early", wait, what, err)
	}
}

// vendorTime is the vendor's clock by its last answer; zero when it does not say.
func (r *rig) vendorTime() time.Time {
	for _, sent := range slices.Backward(r.doer.Sent) {
		if sent.Answer != nil {
			if t, err := http.ParseTime(sent.Answer.Header.Get("Date")); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// checkAccepted holds the time of an acceptance that was just now to the vendor's own
// clock: the cancel window counts from it. A time of day that is midnight is a date.
func (b *bench) checkAccepted(now time.Time, order *vendors.Order, what string) {
	at := order.Receipt.AcceptedAt
	if now.IsZero() || at.IsZero() {
		return
	}
	room := 10 * time.Minute
	if at.UTC().Truncate(24 * time.Hour).Equal(at) {
		room = 38 * time.Hour // a day, and whatever zone it is in
	}
	if off := at.Sub(now); off.Abs() > room {
		b.problemf("%s: an order that is accepted at %v by the vendor's Date has AcceptedAt %v, %v off: is the vendor's time read in its zone?", what, now.UTC(), at.UTC(), off)
	}
}
