package client_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
)

// One damaged record keeps no other from being sent, nor a Drain from its end, and
// people are told of it once.
func TestDrainBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	for _, claimedBy := range []string{"this client", "another one"} {
		t.Run(claimedBy, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, l := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New(), &logs{}
				c := newClient(t, s, []*press{p}, client.WithLogger(l.logger()), client.WithConcurrency(1))
				if _, err := c.Enqueue(t.Context(), jobs(5)); err != nil {
					t.Fatal(err)
				}
				id := s.Record("contact-2")
				if claimedBy == "another one" {
					if _, err := s.Claim(t.Context(), idempotency.ClaimRequest{Owner: "other", Limit: 5, Lease: time.Hour, Now: time.Now()}); err != nil {
						t.Fatal(err)
					}
				}
				drainFor(t, c, 3*time.Hour)
				if n := p.alive(); n != 4 {
					t.Errorf("%d printed, want all but the damaged one", n)
				}
				runFor(t, c, time.Hour) // its lease runs out again and again
				if n := l.count("something in the ledger is damaged"); n != 1 || !strings.Contains(l.text(), string(id)) {
					t.Errorf("it is told of %d times, want once with its id", n)
				}
			})
		})
	}
}

// A cap that is new counts all that can be read, and keeps no client from beginning.
func TestACapCountsBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	p, store := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
	c := newClient(t, store, []*press{p})
	for _, key := range []string{"a", "b", "c"} {
		if _, err := c.Submit(t.Context(), job(key)); err != nil {
			t.Fatal(err)
		}
	}
	store.Record("b")
	newClient(t, store, []*press{p}, client.WithCap(client.Cap{Pieces: 5}))
	if n, err := store.Counter(t.Context(), "cap/pieces//"); err != nil || n != 2 {
		t.Errorf("%d counted, %v; want what can be read", n, err)
	}
}

// Who looks through everything finds all but what is damaged, and says what that is.
func TestListsBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
		c := newClient(t, s, []*press{p})
		for _, key := range []string{"a", "b", "c"} {
			j := job(key)
			j.Campaign = "spring"
			if _, err := c.Submit(t.Context(), j); err != nil {
				t.Fatal(err)
			}
		}
		id := s.Record("b")
		for _, keys := range [][]string{{"a", "c"}} {
			var got []string
			var bad []idempotency.ID
			for one, err := range c.Track(t.Context(), "spring") {
				if d := idempotency.AsDamaged(err); d != nil {
					bad = append(bad, d.Record)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(one.Key))
			}
			slices.Sort(got)
			if diff := cmp.Diff(keys, got); diff != "" || !slices.Equal(bad, []idempotency.ID{id}) {
				t.Errorf("Track (-want +got):\n%s\ndamaged: %v", diff, bad)
			}
		}
		if tally, err := c.Tally(t.Context(), "spring"); err != nil || tally.Jobs != 3 || tally.Damaged != 1 || tally.States[idempotency.Accepted] != 2 {
			t.Errorf("Tally = %+v, %v", tally, err)
		}
		if all, err := c.Silence(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Silence = %v, %v", all, err)
		}
		if _, err := c.Status(t.Context(), "b"); postproof.CodeOf(err) != postproof.CodeInternal || !errors.Is(err, idempotency.ErrCorrupt) || !strings.Contains(err.Error(), string(id)) {
			t.Errorf("Status = %v, want Internal with the id", err)
		}
		if rec, err := c.Submit(t.Context(), job("b")); err == nil {
			t.Errorf("a damaged job was submitted again: %v", rec)
		}
		if n := p.alive(); n != 3 {
			t.Errorf("%d printed, want 3", n)
		}
		audit, err := c.Audit(t.Context(), "alpha", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if audit.Matched != 2 || len(audit.Discrepancies) != 1 || audit.Discrepancies[0].Kind != client.DiscrepancyDamaged || audit.Discrepancies[0].ID != id {
			t.Errorf("Audit = %+v", audit)
		}
	})
}

// A history is told on behind an entry that is damaged.
func TestListsBesideADamagedEntry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
		c := newClient(t, s, []*press{p})
		if _, err := c.Submit(t.Context(), job("a")); err != nil {
			t.Fatal(err)
		}
		count := func() (n int, bad []uint64) {
			for _, err := range c.History(t.Context(), "a") {
				if d := idempotency.AsDamaged(err); d != nil {
					bad = append(bad, d.Entry)
				} else if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n, bad
		}
		all, _ := count()
		s.Entry(1)
		if n, bad := count(); n != all || !slices.Equal(bad, []uint64{1}) {
			t.Errorf("%d of %d, damaged %v", n, all, bad)
		}
		entry := idempotency.Entry{At: time.Now(), Kind: "late_arrival"}
		if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
			t.Fatal(err)
		}
		found := 0
		for e, err := range c.IncidentsSince(t.Context(), time.Now().Add(-time.Minute)) {
			if err == nil && e.Kind == "late_arrival" {
				found++
			} else if err != nil && idempotency.AsDamaged(err) == nil {
				t.Fatal(err)
			}
		}
		if found != 1 {
			t.Errorf("%d incidents, want the one behind the damaged entry", found)
		}
	})
}

// A recovery puts everything in doubt that can be read, and nothing is sent before a
// person has answered for what cannot.
func TestRecoverBesideADamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), damaged.New()
		c := newClient(t, s, []*press{p})
		if _, err := c.Enqueue(t.Context(), jobs(3)); err != nil {
			t.Fatal(err)
		}
		id := s.Record("contact-1")
		s.BreakHistory()
		c = newClient(t, s, []*press{p})
		done, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{})
		if !errors.Is(err, idempotency.ErrCorrupt) || !strings.Contains(err.Error(), string(id)) || done.Doubted != 2 || !slices.Equal(done.Damaged, []idempotency.ID{id}) {
			t.Errorf("Recover = %+v, %v; want two in doubt, and the id of the third", done, err)
		}
		if _, err := c.Submit(t.Context(), job("new")); !errors.Is(err, client.ErrEpochChanged) {
			t.Errorf("Submit = %v, want ErrEpochChanged", err)
		}
		done, err = c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{LeaveDamaged: true})
		if err != nil || !slices.Equal(done.Damaged, []idempotency.ID{id}) {
			t.Errorf("Recover = %+v, %v", done, err)
		}
		if id, err := s.Identity(t.Context()); err != nil || id.EpochChanged() {
			t.Errorf("it is not recovered: %v", err)
		}
	})
}

// The note of a held job is for those who look at it: whoever typed it may have named
// somebody.
func TestHeldNoteIsInNoError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		l := &logs{}
		c := newClient(t, s, []*press{p}, client.WithLogger(l.logger()))
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		key := job("contact-0").Key
		rec := status(t, c, string(key))
		m := idempotency.Machine{}
		ch, err := m.Apply(rec, time.Now(), idempotency.PutOnHold{Reason: idempotency.HoldOperator, Note: "Ada Quill has moved"})
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ch.Epoch = id.Epoch
		if err := idempotency.CommitOne(t.Context(), s, ch); err != nil {
			t.Fatal(err)
		}
		_, err = c.Submit(t.Context(), job("contact-0"))
		if err == nil || strings.Contains(err.Error(), "Quill") || !strings.Contains(err.Error(), string(idempotency.HoldOperator)) || !strings.Contains(err.Error(), "Status") {
			t.Errorf("Submit = %v, want why it is held and where its note is, and not the note", err)
		}
		if strings.Contains(l.text(), "Quill") {
			t.Errorf("the log says it: %s", l.text())
		}
	})
}
