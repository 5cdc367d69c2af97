package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// sealed puts a callback about the job into the inbox, whose payload names neither our
// reference nor the vendor's id, and that was applied: only the history says to what.
func sealed(t *testing.T, e idempotency.Engine, id idempotency.ID) {
	t.Helper()
	m := callbackOf(t, e, idempotency.MessageApplied, "sealed", `{"sealed":"Ada Quill"}`)
	entry := idempotency.Entry{ID: id, At: m.ReceivedAt, Kind: "callback", By: fmt.Sprint("inbox/", m.ID)}
	if err := idempotency.CommitOne(t.Context(), e, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
		t.Fatal(err)
	}
}

// Only the history tells of some callbacks that they are about a person, and it goes
// with the record: an erasure that is interrupted behind that finds them all the same.
func TestEraseIsFinishedWithWhatTheHistoryKnew(t *testing.T) {
	t.Parallel()
	for step := 1; step < 10; step++ {
		t.Run(fmt.Sprint("write ", step), func(t *testing.T) {
			t.Parallel()
			p, store := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
			c := newClient(t, store, []*press{p})
			rec, err := c.Submit(t.Context(), ada())
			if err != nil {
				t.Fatal(err)
			}
			sealed(t, store, rec.ID)
			n := 0
			store.before = func([]idempotency.Change) error {
				if n++; n >= step {
					return errStore
				}
				return nil
			}
			e := eraseAda()
			e.Now = true
			if _, err := c.Erase(t.Context(), e); (err == nil) != (n < step) {
				t.Fatalf("%d writes, %v", n, err)
			}
			store.before = nil
			next := newClient(t, store, []*press{p}) // another process
			if _, err := next.Erase(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if body := inbox(t, store)["sealed"]; strings.Contains(body, "Ada") {
				t.Errorf("the callback still says %q", body)
			}
			silent(t, "the ledger", ledgerText(t, store.Memory))
		})
	}
}

// The same of a job that keeps its data until it comes to rest: what was applied to it
// before is erased at once, and not when nobody knows of it any more.
func TestEraseInTimeOfWhatOnlyTheHistoryKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, seldom())
		rec, err := c.Submit(t.Context(), ada())
		if err != nil {
			t.Fatal(err)
		}
		sealed(t, store, rec.ID)
		if got := outcomeOf(t, erase(t, c, eraseAda())); got.Outcome != client.ErasureOpen {
			t.Fatalf("%+v: the test looks at nothing", got)
		}
		p.mu.Lock()
		p.orders[0].Status = string(postproof.StageDelivered)
		p.mu.Unlock()
		runFor(t, c, 48*time.Hour)
		if rep := erase(t, c, eraseAda()); !rep.Complete() {
			t.Errorf("%+v", rep)
		}
		silent(t, "the ledger", ledgerText(t, store))
	})
}
