package callback

import (
	"context"
	"errors"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// split gives each event of a batch a message of its own, so that each is
// applied, tried again and parked by itself. They name the batch and hold no
// body: the batch waits, and so keeps its payload, until all of them are settled.
// What is split again after a crash is known by its identity.
func (r *Receiver) split(ctx context.Context, j *job) {
	a := j.o.a
	settled := true
	for i, identity := range a.route.identities(j.o.notices) {
		part := &idempotency.Message{
			Vendor: j.m.Vendor, Account: j.m.Account, Mode: a.mode, Dedupe: identity, Header: partOf(j.m.ID, i), ReceivedAt: j.m.ReceivedAt,
		}
		r.about(part, j.o.notices[i])
		fresh, err := r.in.Inbox.Put(ctx, part)
		if err != nil {
			r.later(ctx, j, storeError("split", err))
			return
		}
		state := part.State
		if !fresh {
			known, err := r.message(ctx, part.ID)
			if err != nil {
				r.later(ctx, j, err)
				return
			}
			state = known.State
		}
		settled = settled && (state == idempotency.MessageApplied || state == idempotency.MessageIgnored)
	}
	mark := idempotency.Mark{State: idempotency.MessageApplied}
	if !settled {
		mark.State, mark.Due = idempotency.MessageWaiting, r.in.Now().Add(batchWait(j.m.Fence))
	}
	if settled {
		purge, err := r.anyErased(ctx, j.o.notices)
		if err != nil {
			r.later(ctx, j, err)
			return
		}
		mark.Purge = purge
	}
	if r.settle(ctx, j, mark) == nil {
		r.tel.processed(ctx, a.route, "split")
		r.wakeUp()
	}
}

// anyErased reports whether one of the events is about a person that was erased:
// then the bytes that all of them came in go, which are of use no more.
func (r *Receiver) anyErased(ctx context.Context, notices []*vendors.Notice) (bool, error) {
	for _, n := range notices {
		if n.Event.VendorID == "" && n.Event.Ref == "" {
			continue
		}
		rec, err := r.in.Find(ctx, &n.Event)
		switch {
		case rec != nil && rec.Erased():
			return true, nil
		case err != nil && !errors.Is(err, client.ErrNotOurs) && transient(err):
			return false, err
		}
	}
	return false, nil
}

// batchWait is how long a batch waits before it is looked at whether all its
// events are settled: mostly they are at once.
func batchWait(fence uint64) time.Duration {
	d := 50 * time.Millisecond
	for range min(fence/2, 20) {
		d = min(4*d, 6*time.Hour)
	}
	return d
}
