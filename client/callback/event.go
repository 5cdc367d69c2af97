package callback

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// errPurged means that the raw payload is gone, so that nothing can be read from
// it any more.
var errPurged = errors.New("the raw payload was purged")

// errNoEndpoint means that this process does not know the account.
var errNoEndpoint = errors.New("no endpoint is configured for this account: add it, then Replay")

// opened is a message that was read.
type opened struct {
	a *account
	// notices are the events of a callback; one, unless it is a batch.
	notices []*vendors.Notice
	header  http.Header
	raw     []byte
}

// parsed keeps the last batch that was read: its events come one after the
// other. Another one has its number in another history of the ledger.
type parsed struct {
	mu    sync.Mutex
	epoch string
	id    uint64
	o     *opened
}

// open reads a stored message.
func (r *Receiver) open(ctx context.Context, m *idempotency.Message) (*opened, error) {
	if _, ok := m.Header[partHeader]; ok {
		return r.openPart(ctx, m)
	}
	a := r.account(m.Vendor, m.Account)
	if a == nil {
		return nil, &postproof.Error{
			Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Op: "read callback", Vendor: m.Vendor,
			Err: errNoEndpoint,
		}
	}
	if m.Body == nil {
		return nil, &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Op: "read callback", Vendor: m.Vendor, Err: errPurged}
	}
	o := &opened{a: a, header: unflat(m.Header), raw: m.Body}
	var err error
	if o.notices, err = a.route.parse(o.header, o.raw); err != nil {
		return o, err
	}
	for _, n := range o.notices {
		n.Event.Account, n.Event.ReceivedAt = a.fingerprint, m.ReceivedAt
		if n.Event.Mode == "" {
			n.Event.Mode = a.mode
		}
	}
	return o, nil
}

// account returns the endpoint of an account, also by a former name of it: what was
// stored before a key was rotated is read after it.
func (r *Receiver) account(vendor, fingerprint string) *account {
	if a := r.accounts[accountKey{vendor, fingerprint}]; a != nil {
		return a
	}
	return r.accounts[accountKey{vendor, r.in.Account(vendor, fingerprint)}]
}

// openPart reads one event of a batch, from the batch.
func (r *Receiver) openPart(ctx context.Context, m *idempotency.Message) (*opened, error) {
	id, place, ok := partIn(m)
	if !ok {
		return nil, &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Op: "read callback", Vendor: m.Vendor, Err: idempotency.ErrCorrupt}
	}
	whole, err := r.openBatch(ctx, id)
	if err != nil {
		return nil, err
	}
	identities := whole.a.route.identities(whole.notices)
	for i, n := range whole.notices {
		// By its identity first: a newer adapter may find more events in it.
		if identities[i] == m.Dedupe {
			return &opened{a: whole.a, notices: []*vendors.Notice{n}, header: whole.header, raw: whole.raw}, nil
		}
	}
	if place < 0 || place >= len(whole.notices) {
		return nil, &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Op: "read callback", Vendor: m.Vendor, Err: errors.New("the batch has no such event")}
	}
	return &opened{a: whole.a, notices: whole.notices[place : place+1], header: whole.header, raw: whole.raw}, nil
}

func (r *Receiver) openBatch(ctx context.Context, id uint64) (*opened, error) {
	r.opened.mu.Lock()
	defer r.opened.mu.Unlock()
	epoch := r.in.Epoch() // before the message is read
	if r.opened.id == id && r.opened.epoch == epoch {
		return r.opened.o, nil
	}
	m, err := r.message(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, ok := m.Header[partHeader]; ok {
		return nil, &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Op: "read callback", Vendor: m.Vendor, Err: idempotency.ErrCorrupt}
	}
	o, err := r.open(ctx, m)
	if err != nil {
		return nil, err
	}
	r.opened.epoch, r.opened.id, r.opened.o = epoch, id, o
	return o, nil
}
