package callback_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

func batches(c *postproof.Capabilities) { c.Callbacks.Batch = 50 }

// A callback with many events is stored as a whole before it is answered; each
// event is applied and parked by itself.
func TestBatchEventsAreAppliedEachByItself(t *testing.T) {
	t.Parallel()
	stores(t, func(t *testing.T, store client.Store) {
		t.Helper()
		var got calls
		w := newWorld(t, store, newPrinter(t, batches), callback.WithHandler(got.handle))
		var notes []note
		for i := range 20 {
			o := w.mailed(t, fmt.Sprint("job-", i))
			notes = append(notes, note{ID: fmt.Sprint("evt_", i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		send(t, w.rx, 200, notes...)
		if all := w.messages(t); len(all) != 1 || len(all[0].Body) == 0 {
			t.Fatalf("stored before the answer: %v", all)
		}
		send(t, w.rx, 200, notes...)      // the vendor repeats
		send(t, w.rx, 200, notes[3:8]...) // or sends some of them once more
		send(t, w.rx, 200, notes[2])
		if did := w.drain(t); did.Applied != 20 || did.Kept != 0 || got.count() != 20 {
			t.Errorf("drained %+v, %d calls, want 20 events applied once", did, got.count())
		}
		for i := range 20 {
			if s := w.status(t, fmt.Sprint("job-", i)).Status.Stage; s != postproof.StageMailed {
				t.Errorf("piece %d is %s", i, s)
			}
		}
	})
}

// One bad event of a batch does not hold the others up, and keeps the bytes that
// it came in, past the retention, until it is settled.
func TestBadEventOfABatchParksAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{fail: func(u callback.Update) error {
			if u.Event.ID == "bad" {
				return errors.New("no")
			}
			return nil
		}}
		w := newWorld(t, memory(), newPrinter(t, batches), callback.WithHandler(got.handle),
			callback.WithPollInterval(time.Hour), callback.WithRetention(48*time.Hour))
		a, b, c := w.mailed(t, "a"), w.mailed(t, "b"), w.mailed(t, "c")
		send(t, w.rx, 200,
			note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, note{ID: "bad", Piece: b.ID, Ref: b.Ref, Status: "mailed"},
			note{ID: "other", Piece: c.ID, Ref: c.Ref, Status: "mailed", Mode: "live"}, note{ID: "ping", Status: "test_url"},
			note{ID: "3", Piece: c.ID, Ref: c.Ref, Status: "in_transit"})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		time.Sleep(5 * time.Second)
		if diff := cmp.Diff([]string{"mailed", "in_transit"}, good(got)); diff != "" {
			t.Errorf("handled beside the bad one (-want +got):\n%s", diff)
		}
		time.Sleep(5 * 24 * time.Hour)
		parked := list(t, w.rx, callback.Query{})
		if len(parked) != 1 {
			t.Fatalf("parked: %v", parked)
		}
		another := receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}) // which has not read the batch
		if err := another.Verify(t.Context(), parked[0].ID); err != nil {
			t.Errorf("an event of a batch cannot be verified any more: %v", err)
		}
		got.mu.Lock()
		got.fail, got.all = nil, nil
		got.mu.Unlock()
		if done, err := w.rx.Replay(t.Context(), callback.Query{IDs: []uint64{parked[0].ID}}); err != nil || done.Queued != 1 {
			t.Fatalf("replayed %+v, %v", done, err)
		}
		time.Sleep(24 * time.Hour)
		if n := len(w.messages(t, idempotency.MessageWaiting, idempotency.MessageParked)); got.count() != 1 || n != 0 {
			t.Errorf("after the replay: %d calls, %d messages left", got.count(), n)
		}
		if body := w.messages(t)[0].Body; body != nil {
			t.Error("the batch keeps its payload although all its events are settled and old")
		}
		stop()
		synctest.Wait()
	})
}

// good are the stages of the calls that did not fail, once each.
func good(c *calls) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var a, other []string
	for _, u := range c.all {
		switch u.Event.ID {
		case "bad":
		case "1":
			a = append(a, string(u.Event.Status.Stage))
		default:
			other = append(other, string(u.Event.Status.Stage))
		}
	}
	return append(a, other...)
}

// A vendor that gives one id to all events of a callback loses none of them.
func TestBatchWithOneIDLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t, batches))
	a, b := w.mailed(t, "a"), w.mailed(t, "b")
	notes := []note{{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, {ID: "1", Piece: b.ID, Ref: b.Ref, Status: "mailed"}}
	for range 2 {
		send(t, w.rx, 200, notes...)
		w.drain(t)
	}
	if a, b := w.status(t, "a").Status.Stage, w.status(t, "b").Status.Stage; a != "mailed" || b != "mailed" || len(w.messages(t)) != 3 {
		t.Errorf("stages %s and %s, %d messages", a, b, len(w.messages(t)))
	}
}

// A process that dies in the middle of splitting a batch loses nothing.
func TestSplitIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t, batches))
		var notes []note
		for i := range 5 {
			o := w.mailed(t, fmt.Sprint("job-", i))
			notes = append(notes, note{ID: fmt.Sprint("evt_", i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		send(t, w.rx, 200, notes...)
		n := 0
		store.put = func(context.Context) error {
			if n++; n == 3 {
				return errKilled
			}
			return nil
		}
		if did := w.drain(t); did.Applied != 5 {
			t.Errorf("drained %+v", did)
		}
	})
}

// An event of a batch that is handled once more, after all of them were settled, waits
// for its handler like any: the batch keeps the bytes that it came in, past the
// retention, until it is settled again.
func TestReplayedEventOfABatchKeepsItsPayload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got calls
		w := newWorld(t, memory(), newPrinter(t, batches), callback.WithHandler(got.handle),
			callback.WithPollInterval(time.Hour), callback.WithRetention(48*time.Hour))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		send(t, w.rx, 200, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, note{ID: "2", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
		w.drain(t)
		all := w.messages(t)
		got.mu.Lock()
		got.all, got.fail = nil, func(callback.Update) error { return errors.New("down") }
		got.mu.Unlock()
		again := callback.Query{IDs: []uint64{all[1].ID, all[2].ID}}
		if done, err := w.rx.Replay(t.Context(), again); err != nil || done.Queued != 2 {
			t.Fatalf("replayed %+v, %v", done, err)
		}
		run(t, w.rx, 4*24*time.Hour)
		if n := len(w.messages(t, idempotency.MessageParked)); n != 2 {
			t.Fatalf("%d parked, want 2", n)
		}
		got.mu.Lock()
		got.all, got.fail = nil, nil
		got.mu.Unlock()
		if done, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil || done.Queued != 2 {
			t.Errorf("replayed %+v, %v; want both that are parked", done, err)
		}
		run(t, w.rx, 24*time.Hour)
		if got.count() != 2 {
			t.Errorf("%d calls after the handler was mended, want 2", got.count())
		}
		if left := payloads(w.messages(t)); left != 0 {
			t.Errorf("%d payloads are left of what is settled and old", left)
		}
	})
}
