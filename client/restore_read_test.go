package client_test

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// readOnce is a store that does something after a record was read for the first
// time.
type readOnce struct {
	*shaky

	after func(*idempotency.Record)
}

func (s *readOnce) did(rec *idempotency.Record) {
	if after := s.after; after != nil && rec != nil {
		s.after = nil
		after(rec)
	}
}

// Get implements [idempotency.Store].
func (s *readOnce) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rec, err := s.shaky.Get(ctx, id)
	s.did(rec)
	return rec, err
}

// Find implements [idempotency.Store].
func (s *readOnce) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		for rec, err := range s.shaky.Find(ctx, q) {
			s.did(rec)
			if !yield(rec, err) {
				return
			}
		}
	}
}

// A backup is restored and recovered after a record was read, and the client has
// heard of that before it writes. The restored ledger has come to the same fence:
// what was read must not be put over the doubts of the recovery.
func TestARecordReadBeforeARestoreIsReadAgain(t *testing.T) {
	t.Parallel()
	key := job("contact-0").Key
	delivered := func(rec *idempotency.Record) postproof.Event {
		return postproof.Event{
			Vendor: "alpha", Account: vendors.Fingerprint("alpha", "k"), Mode: postproof.ModeTest, VendorID: rec.Receipt.VendorID, Ref: rec.Receipt.Ref,
			Status: postproof.Status{Stage: postproof.StageMailed, Source: postproof.SourceCallback},
		}
	}
	tell := func(t *testing.T, c *client.Client, seen *idempotency.Record, news client.News) error {
		t.Helper()
		in, err := c.Intake()
		if err != nil {
			return err
		}
		if news.Epoch != "" {
			news.Epoch = in.Epoch()
		}
		e := delivered(seen)
		rec, err := in.Find(t.Context(), &e)
		if err != nil {
			return err
		}
		news.Notice = &vendors.Notice{Event: e}
		_, err = in.Tell(t.Context(), rec, news)
		return err
	}
	for name, tc := range map[string]struct {
		planned bool
		do      func(*testing.T, *client.Client, *idempotency.Record) error
	}{
		"refresh": {false, func(t *testing.T, c *client.Client, _ *idempotency.Record) error {
			t.Helper()
			_, err := c.Refresh(t.Context(), key)
			return err
		}},
		"observe": {false, func(t *testing.T, c *client.Client, seen *idempotency.Record) error {
			t.Helper()
			_, err := c.Observe(t.Context(), delivered(seen))
			return err
		}},
		"tell": {false, func(t *testing.T, c *client.Client, seen *idempotency.Record) error {
			t.Helper()
			return tell(t, c, seen, client.News{})
		}},
		"tell, of a history": {false, func(t *testing.T, c *client.Client, seen *idempotency.Record) error {
			t.Helper()
			return tell(t, c, seen, client.News{Epoch: "the present one"})
		}},
		"submit again": {true, func(t *testing.T, c *client.Client, _ *idempotency.Record) error {
			t.Helper()
			_, _ = c.Submit(t.Context(), job("contact-0")) // it is in doubt
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				alpha, beta := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
				s := &readOnce{shaky: newShaky()}
				c := newClient(t, s, []*press{alpha, beta})
				if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
					t.Fatal(err)
				}
				old := backup(t, s.Memory)
				if !tc.planned {
					drain(t, c) // lost
				}
				sameFence(t, s.Memory, &idempotency.Record{ID: idempotency.IDOf(key), Fence: 9})
				seen, err := s.Memory.Get(t.Context(), idempotency.IDOf(key))
				if err != nil {
					t.Fatal(err)
				}
				before := alpha.alive() + beta.alive()
				s.after = func(read *idempotency.Record) {
					restore(old)
					if _, err := newClient(t, old, []*press{alpha, beta}).Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
						t.Error(err)
					}
					sameFence(t, old, read)
					s.Memory = old.Memory
					time.Sleep(10 * time.Second)
					_, _ = c.Submit(t.Context(), job("another")) // the client hears of it
				}
				if err := tc.do(t, c, seen); err != nil || s.after != nil {
					t.Errorf("%v, read: %t", err, s.after == nil)
				}
				rec, err := old.Get(t.Context(), idempotency.IDOf(key))
				if err != nil || !slices.ContainsFunc(rec.Submissions, func(sub idempotency.Submission) bool { return sub.Vendor == "beta" }) {
					t.Errorf("%v, %v: the doubts of the recovery are gone: %+v", rec, err, rec.Submissions)
				}
				if n := alpha.alive() + beta.alive(); n != before {
					t.Errorf("%d pieces, want %d as before the restore", n, before)
				}
			})
		})
	}
}

// sameFence has others work on a record until it has the fence of the one given,
// at least.
func sameFence(t *testing.T, store client.Store, as *idempotency.Record) {
	t.Helper()
	for {
		rec, err := store.Get(t.Context(), as.ID)
		if err != nil {
			t.Error(err)
			return
		}
		if rec.Fence >= as.Fence {
			return
		}
		next := *rec
		next.Fence++
		if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Record: &next, Expect: rec.Fence}); err != nil {
			t.Error(err)
			return
		}
	}
}
