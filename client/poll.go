package client

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// What a poll came to, as the metric postproof.polls has it.
const (
	pollNews    = "news"
	pollNothing = "nothing_new"
	pollMissing = "missing"
	pollFailed  = "failed"
)

// Why a piece could not be asked about, as the metric postproof.unasked has it.
const (
	// unaskedOtherAccount: it is of an account that there are no credentials of.
	unaskedOtherAccount = "other_account"
	// unaskedNoAdapter: there is no adapter of its vendor.
	unaskedNoAdapter = "no_adapter"
)

// PollCounts counts a vendor's polls since the process started.
type PollCounts struct {
	// Polls were made, Failed of them in vain; News of them brought news.
	Polls, Failed, News int64
	// Silent is how many pieces turned silent: no callback came within the
	// vendor's own time. Missed is how many polls of silent pieces found news: a
	// callback should have told it. Few are lost callbacks, many are an endpoint
	// that does not hear.
	Silent, Missed int64
	// PutOff is how often a poll had to wait for others.
	PutOff int64
	// OtherAccount is how often a piece could be neither polled nor looked up, because it
	// is of an account that the client has no credentials of, see
	// [VendorState].OtherAccounts.
	OtherAccount int64
}

// poll asks for the status of an accepted piece.
func (w *work) poll(ctx context.Context, sub *idempotency.Submission) error {
	ev := idempotency.Observe{Vendor: sub.Vendor, Ref: sub.Ref, VendorID: sub.VendorID}
	v := w.c.byName[sub.Vendor]
	if !sameAccount(v, sub.Account) {
		w.c.meetUnasked(ctx, v, sub)
		return w.apply(ctx, w.c.unpolled(v, sub, w.rec))
	}
	until, expected := w.c.machine.Expects(w.rec)
	silent := expected && !w.c.now().Before(until)
	if silent && w.rec.Tries == 0 { // the first poll of this silence
		w.c.countSilent(ctx, v)
	}
	ctx, span := w.c.tel.startOn(ctx, "postproof.poll", trace.SpanKindInternal, w.rec)
	order, k, err := w.read(ctx, v, sub)
	end(span, err)
	outcome := pollNothing
	switch {
	case err != nil && ctx.Err() != nil:
		return w.rest(ctx, w.rec.Due)
	case notAsked(err):
		w.c.countPutOff(ctx, v)
		now := w.c.now()
		wait := max(k.after, postproof.RetryAfterOf(err), time.Minute)
		return w.rest(ctx, v.polls.putOff(now.Add(wait), w.c.pollPlaces(), w.rec))
	case postproof.CodeOf(err) == postproof.CodeNotFound:
		ev.Missing, outcome = true, pollMissing
	case err != nil:
		ev.Failed, ev.RetryAfter, outcome = true, max(k.after, postproof.RetryAfterOf(err)), pollFailed
	default:
		w.c.seeVendor(ctx, v, k.date)
		ev.Sighting = see(order, vendors.Facts{}, sub.Ref, w.rec.Mode)
		ev.Sighting.Status.Source = postproof.SourcePoll
	}
	before := w.rec
	if err := w.apply(ctx, ev); err != nil {
		return err
	}
	if w.rec.Status.Stage != before.Status.Stage || w.rec.State != before.State {
		outcome = pollNews
		if silent {
			v.polls.count(func(n *PollCounts) { n.Missed++ })
		}
	}
	w.c.countPoll(ctx, v, outcome)
	return nil
}

// countPoll counts a poll that was made, and what it came to.
func (c *Client) countPoll(ctx context.Context, v *vendor, outcome string) {
	v.polls.count(func(n *PollCounts) {
		n.Polls++
		switch outcome {
		case pollNews:
			n.News++
		case pollFailed, pollMissing:
			n.Failed++
		}
	})
	c.tel.polls.Add(ctx, 1, c.tel.with(attribute.String("mail.vendor", v.name), attribute.String("mail.poll", outcome))...)
}

// countPutOff counts a poll that was not made, since it has to wait.
func (c *Client) countPutOff(ctx context.Context, v *vendor) {
	v.polls.count(func(n *PollCounts) { n.PutOff++ })
	c.tel.putOff.Add(ctx, 1, v.marks.vendor...)
}

// countUnasked counts a piece that could be neither polled nor looked up.
func (c *Client) countUnasked(ctx context.Context, vendor, why string) {
	c.tel.unasked.Add(ctx, 1, c.tel.with(attribute.String("mail.vendor", vendor), attribute.String("mail.unasked", why))...)
}

func (c *Client) countSilent(ctx context.Context, v *vendor) {
	v.polls.count(func(n *PollCounts) { n.Silent++ })
	c.tel.silent.Add(ctx, 1, v.marks.vendor...)
}

func (q *pollQueue) count(add func(*PollCounts)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	add(&q.counts)
}

// Polls returns what a vendor's polls came to in this process; zero for a vendor
// that is not configured.
func (c *Client) Polls(vendor string) PollCounts {
	v := c.byName[vendor]
	if v == nil {
		return PollCounts{}
	}
	v.polls.mu.Lock()
	defer v.polls.mu.Unlock()
	return v.polls.counts
}
