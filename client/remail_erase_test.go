package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// besides is a ledger in which something happens before the commit of that number, or,
// for 0, after the first look at ada's record.
type besides struct {
	*idempotency.Memory
	commits, at int
	do          func()
}

func (b *besides) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rec, err := b.Memory.Get(ctx, id)
	if do := b.do; b.at == 0 && do != nil && id == idempotency.IDOf(adaKey) {
		b.do = nil
		do()
	}
	return rec, err
}

func (b *besides) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if b.commits++; b.commits == b.at {
		b.do()
	}
	return b.Memory.Commit(ctx, changes)
}

// remailed is a piece of ada's that was accepted, with two clients on its ledger: the
// one under test does the number of commits before the other one acts.
func remailed(t *testing.T, at int, other func(*client.Client)) (c *client.Client, store *idempotency.Memory, p *press) {
	t.Helper()
	p, store = newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
	one := newClient(t, store, []*press{p})
	if _, err := one.Submit(t.Context(), ada()); err != nil {
		t.Fatal(err)
	}
	between := &besides{Memory: store, at: at}
	if other != nil {
		between.do = func() { other(one) }
	}
	return newClient(t, between, []*press{p}), store, p
}

func torn() client.Remail { return client.Remail{Name: "torn"} }

// Who is forgotten while somebody has a second piece of hers made gets none: there is
// no record of it, and nothing in the ledger says who she was.
func TestErasureBesideARemail(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int{"before it is committed": 1, "after her record was read": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			erasureBesideARemail(t, at)
		})
	}
}

func erasureBesideARemail(t *testing.T, at int) {
	t.Helper()
	c, store, p := remailed(t, at, func(c *client.Client) {
		e := eraseAda()
		e.Now = true
		erase(t, c, e)
	})
	rec, err := c.Remail(t.Context(), adaKey, torn(), tornSaysAnn)
	if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent || rec != nil {
		t.Errorf("Remail = %v, %v, want a conflict", rec, err)
	}
	drain(t, c)
	n := 0
	for rec, err := range store.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		silent(t, "a record", rec)
	}
	if n != 1 || p.alive() != 1 {
		t.Errorf("%d records and %d pieces, want 1", n, p.alive())
	}
	for e, err := range store.Entries(t.Context(), idempotency.EntryQuery{ID: idempotency.IDOf(adaKey)}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.By != "" || e.Note != "" {
			t.Errorf("the history of what was erased says %+v", e)
		}
	}
}

// A second piece that is made while its contact is being erased is erased with the
// first one, or not made.
func TestRemailBesideAnErasure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at      int // commit of the erasure: its note, the record
		erasure func(*client.Erasure)
		made    bool
		want    int // jobs in its report
	}{
		"before its note, by contact":  {1, func(e *client.Erasure) { e.Keys, e.Contacts = nil, []string{adaContact} }, true, 2},
		"before its note, and related": {1, func(e *client.Erasure) { e.Related = true }, true, 2},
		"before its note, by key":      {1, func(*client.Erasure) {}, true, 1},
		"after its note":               {2, func(e *client.Erasure) { e.Related = true }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var made error
			c, store, p := remailed(t, tc.at, func(c *client.Client) { _, made = c.Remail(t.Context(), adaKey, torn(), tornSaysAnn) })
			e := eraseAda()
			e.Now = true
			tc.erasure(&e)
			rep := erase(t, c, e)
			if (made == nil) != tc.made || len(rep.Jobs) != tc.want {
				t.Fatalf("Remail = %v, and %d jobs erased, want %d", made, len(rep.Jobs), tc.want)
			}
			if !tc.made && postproof.CodeOf(made) != postproof.CodeConflict {
				t.Errorf("Remail = %v, want a conflict", made)
			}
			for rec, err := range store.Find(t.Context(), idempotency.Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				if rec.ID == idempotency.IDOf(adaKey) || tc.want == 2 {
					silent(t, "a record", rec)
				}
			}
			drain(t, c)
			pieces := 1
			if tc.made && tc.want == 1 { // its key was not named
				pieces = 2
			}
			if diff := cmp.Diff(pieces, p.alive()); diff != "" {
				t.Errorf("pieces (-want +got):\n%s", diff)
			}
		})
	}
}

// The name of a second piece is taken for good: what it was is not made again.
func TestRemailOfAnErasedRemail(t *testing.T) {
	t.Parallel()
	c, store, p := remailed(t, 0, nil)
	second, err := c.Remail(t.Context(), adaKey, torn(), tornSaysAnn)
	if err != nil {
		t.Fatal(err)
	}
	e := eraseAda()
	e.Related, e.Now = true, true
	erase(t, c, e)
	again, err := c.Remail(t.Context(), adaKey, torn(), tornSaysAnn)
	if err != nil || again.ID != second.ID || !again.Tombstone {
		t.Errorf("again: %v, %v, want the tombstone", again, err)
	}
	if _, err := store.Get(t.Context(), second.ID); errors.Is(err, idempotency.ErrNotFound) || p.alive() != 1 {
		t.Errorf("%v, %d pieces, want the tombstone and one", err, p.alive())
	}
}

// Who asked to be forgotten is mailed nothing again: a second piece would need what
// is kept of the person for the first one only, and would stay when that has gone.
func TestNoSecondPieceForWhoIsErased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithPollInterval(10*time.Second))
		if _, err := c.Submit(t.Context(), ada()); err != nil {
			t.Fatal(err)
		}
		erase(t, c, eraseAda())
		key := ada().Key
		if rec := status(t, c, string(key)); len(rec.Job) == 0 {
			t.Fatal("nothing is kept for another generation: the test looks at nothing")
		}
		_, err := c.Remail(t.Context(), key, client.Remail{Name: "torn"}, client.Actor{By: "ann", Why: "it came torn"})
		if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Errorf("Remail = %v, want a conflict", err)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageDelivered)
		p.mu.Unlock()
		runFor(t, c, 48*time.Hour)
		silent(t, "the ledger", ledgerText(t, store))
		if p.alive() != 1 {
			t.Errorf("printed %d, want 1", p.alive())
		}
	})
}
