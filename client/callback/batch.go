package callback

import (
	"context"
	"errors"
	"slices"
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
	states, err := r.parts(ctx, j.m, j.o)
	if err != nil {
		r.later(ctx, j, err)
		return
	}
	settled := !slices.ContainsFunc(states, func(s idempotency.MessageState) bool {
		return s != idempotency.MessageApplied && s != idempotency.MessageIgnored
	})
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

// parts gives each event of a batch its message, unless it has it, and returns their
// states.
func (r *Receiver) parts(ctx context.Context, m *idempotency.Message, o *opened) ([]idempotency.MessageState, error) {
	states := make([]idempotency.MessageState, len(o.notices))
	for i, identity := range o.a.route.identities(o.notices) {
		part := &idempotency.Message{
			Vendor: m.Vendor, Account: m.Account, Mode: o.a.mode, Dedupe: identity, Header: partOf(m.ID, i), ReceivedAt: m.ReceivedAt,
		}
		r.about(part, o.notices[i])
		fresh, err := r.in.Inbox.Put(ctx, part)
		if err != nil {
			return nil, storeError("split", err)
		}
		if !fresh {
			if part, err = r.message(ctx, part.ID); err != nil {
				return nil, err
			}
		}
		states[i] = part.State
	}
	return states, nil
}

// rests reports whether a message that waits is a batch of which some events are
// parked: it waits for the person that they wait for.
func (r *Receiver) rests(ctx context.Context, m *idempotency.Message) (bool, error) {
	if m.Fence <= 2 { // stored and claimed, never split
		return false, nil
	}
	o, err := r.open(ctx, m)
	if err != nil || len(o.notices) < 2 {
		return false, nil //nolint:nilerr // whoever works on it finds out what is wrong with it
	}
	states, err := r.parts(ctx, m, o)
	return slices.Contains(states, idempotency.MessageParked), err
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
