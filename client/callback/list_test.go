package callback_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// A stored callback verifies against the time at which it came, however long ago
// that is, and not when a byte of it was changed.
func TestStoredCallbackVerifiesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		w := newWorld(t, store, newPrinter(t))
		send(t, w.rx, 200, note{ID: "1", Piece: "x", Status: "mailed"})
		m := w.messages(t)[0]
		time.Sleep(20 * 24 * time.Hour)
		if err := w.rx.Verify(t.Context(), m.ID); err != nil {
			t.Errorf("twenty days later: %v", err)
		}
		forged := *m
		forged.Dedupe, forged.Body = "forged", bytes.Replace(m.Body, []byte("mailed"), []byte("failed"), 1)
		if fresh, err := store.Inbox().Put(t.Context(), &forged); err != nil || !fresh {
			t.Fatal(err)
		}
		late := *m
		late.Dedupe, late.ReceivedAt = "late", time.Now()
		if fresh, err := store.Inbox().Put(t.Context(), &late); err != nil || !fresh {
			t.Fatal(err)
		}
		for name, id := range map[string]uint64{"another body": forged.ID, "another time": late.ID} {
			if err := w.rx.Verify(t.Context(), id); postproof.CodeOf(err) != postproof.CodeUnauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.rx.Verify(t.Context(), 99); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("no such message: %v", err)
		}
		if err := w.rx.SetSecrets("printer", "", secret2); err != nil {
			t.Fatal(err)
		}
		if err := w.rx.Verify(t.Context(), m.ID); postproof.CodeOf(err) != postproof.CodeUnauthenticated {
			t.Errorf("with another secret: %v", err)
		}
	})
}

// Failed events are listed and replayed singly, by query, or all.
func TestListAndReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := true
		got := &calls{}
		w := newWorld(t, memory(), newPrinter(t), callback.WithTries(2, callback.Backoff{Base: time.Minute}), callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			if down && u.Event.ID != "good" {
				return errors.New("down")
			}
			return got.handle(ctx, u)
		}))
		began := time.Now()
		for _, id := range []string{"good", "1", "2", "3", "4"} {
			o := w.mailed(t, id)
			send(t, w.rx, 200, note{ID: id, Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			time.Sleep(time.Hour)
		}
		w.drain(t) // parked
		o := w.mailed(t, "5")
		send(t, w.rx, 200, note{ID: "5", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		run(t, w.rx, 10*time.Second) // failed once, waits
		ids := func(q callback.Query) []uint64 {
			out := []uint64{}
			for _, m := range list(t, w.rx, q) {
				out = append(out, m.ID)
			}
			return out
		}
		applied := []idempotency.MessageState{idempotency.MessageApplied}
		for name, tc := range map[string]struct {
			q    callback.Query
			want []uint64
		}{
			"all that failed":    {callback.Query{}, []uint64{2, 3, 4, 5, 6}},
			"one":                {callback.Query{IDs: []uint64{3}}, []uint64{3}},
			"some, in any state": {callback.Query{IDs: []uint64{1, 3}}, []uint64{1, 3}},
			"a state":            {callback.Query{States: applied}, []uint64{1}},
			"a time":             {callback.Query{Since: began.Add(2 * time.Hour), Until: began.Add(4 * time.Hour)}, []uint64{3, 4}},
			"a page":             {callback.Query{After: 3, Limit: 2}, []uint64{4, 5}},
			"a vendor":           {callback.Query{Vendor: "another"}, []uint64{}},
			"unmatched":          {callback.Query{Unmatched: true}, []uint64{}},
		} {
			if diff := cmp.Diff(tc.want, ids(tc.q)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		down = false
		for _, step := range []struct {
			q    callback.Query
			want []string
		}{
			{callback.Query{IDs: []uint64{3}}, []string{"2"}},
			{callback.Query{Since: began.Add(3 * time.Hour), Limit: 1}, []string{"3"}},
			{callback.Query{}, []string{"1", "4", "5"}},
			{callback.Query{States: applied, Limit: 1}, []string{"good"}},
		} {
			got.mu.Lock()
			got.all = nil
			got.mu.Unlock()
			if _, err := w.rx.Replay(t.Context(), step.q); err != nil {
				t.Fatal(err)
			}
			run(t, w.rx, time.Second)
			seen := map[string]bool{}
			for _, u := range got.all {
				seen[u.Event.ID] = true
			}
			want := map[string]bool{}
			for _, id := range step.want {
				want[id] = true
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("replay of %+v (-want +got):\n%s", step.q, diff)
			}
		}
		for _, id := range []string{"1", "2", "3", "4", "5", "good"} {
			if k := w.kinds(t, id); k["callback"] != 1 || k["callback_kept"] != 0 {
				t.Errorf("job %s was applied more than once: %v", id, k)
			}
		}
	})
}

// What failed is few among all that ever came in, and is listed and replayed without
// reading the others; what no store can tell apart is looked through without payloads.
func TestListReadsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listed := &listing{Memory: memory()}
		w := newWorld(t, listed, newPrinter(t), callback.WithTries(1, callback.Backoff{}), callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
		for i := range 300 { // another program's, and so of no interest
			if i%100 == 50 {
				o := w.mailed(t, fmt.Sprint("job-", i))
				send(t, w.rx, 200, note{ID: fmt.Sprint("failed-", i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			}
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: fmt.Sprint("other-", i), Status: "mailed", Mode: "live"})
		}
		send(t, w.rx, 200, note{ID: "nobody's", Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		w.drain(t)
		parked := []idempotency.MessageState{idempotency.MessageParked}
		for name, tc := range map[string]struct {
			q              callback.Query
			want           int
			read, payloads int // at most
		}{
			"what failed":     {callback.Query{}, 4, 4, 4},
			"what is parked":  {callback.Query{States: parked}, 4, 4, 4},
			"two":             {callback.Query{IDs: []uint64{200, 51}}, 2, 2, 2},
			"two, and a page": {callback.Query{IDs: []uint64{200, 51}, After: 100}, 1, 1, 1},
			"unmatched":       {callback.Query{Unmatched: true}, 1, 400, 1},
		} {
			listed.read, listed.payloads, listed.wide = 0, 0, 0
			if n := len(list(t, w.rx, tc.q)); n != tc.want || listed.read > tc.read || listed.payloads > tc.payloads || listed.wide > 0 {
				t.Errorf("%s: %d, want %d; %d messages and %d payloads were read", name, n, tc.want, listed.read, listed.payloads)
			}
		}
		listed.read, listed.wide = 0, 0
		if done, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil || done.Queued != 4 || listed.read > 8 || listed.wide > 0 {
			t.Errorf("replayed %+v, %v, and read %d messages", done, err, listed.read)
		}
	})
}

// What is worked on while it is listed is listed once, and in its place.
func TestListBesideWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
		for i := range 6 {
			o := w.mailed(t, fmt.Sprint("job-", i))
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		run(t, w.rx, 8*time.Hour) // all are parked
		if _, err := w.rx.Replay(t.Context(), callback.Query{IDs: []uint64{2, 4, 5}}); err != nil {
			t.Fatal(err)
		}
		var ids []uint64
		for m, err := range w.rx.List(t.Context(), callback.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if ids = append(ids, m.ID); m.ID == 1 { // the list is at 2 in either state
				if _, err := w.rx.Replay(t.Context(), callback.Query{IDs: []uint64{3}}); err != nil {
					t.Fatal(err)
				}
				parks := idempotency.Mark{ID: 2, Expect: w.messages(t)[1].Fence, State: idempotency.MessageParked}
				if err := idempotency.CommitOne(t.Context(), w.store, idempotency.Change{Marks: []idempotency.Mark{parks}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff([]uint64{1, 2, 3, 4, 5, 6}, ids); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}
	})
}

// switching is a store in which something happens while a list is read.
type switching struct {
	*idempotency.Memory
	then   func() // behind the first message that was read
	behind func() // before the second
}

func (s *switching) Inbox() idempotency.Inbox { return switchingInbox{s.Memory.Inbox(), s} }

type switchingInbox struct {
	idempotency.Inbox
	s *switching
}

func (i switchingInbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		for m, err := range i.Inbox.List(ctx, q) {
			if then := i.s.then; then != nil {
				i.s.then = nil
				then()
			}
			if !yield(m, err) {
				return
			}
			if behind := i.s.behind; behind != nil {
				i.s.behind = nil
				behind()
			}
		}
	}
}

// What is parked, or replayed, while the list is read is in the list.
func TestListMissesNothingThatMoves(t *testing.T) {
	t.Parallel()
	const parked, waiting = idempotency.MessageParked, idempotency.MessageWaiting
	for _, was := range [][2]idempotency.MessageState{{waiting, parked}, {parked, waiting}} {
		synctest.Test(t, func(t *testing.T) {
			store := &switching{Memory: memory()}
			w := newWorld(t, store, newPrinter(t), callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
			for i := range 2 {
				o := w.mailed(t, fmt.Sprint("job-", i))
				send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			}
			run(t, w.rx, time.Second) // both have failed once
			mark := func(i int, state idempotency.MessageState) {
				m := w.messages(t)[i]
				parks := idempotency.Mark{ID: m.ID, Expect: m.Fence, State: state, Error: "down"}
				if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Marks: []idempotency.Mark{parks}}); err != nil {
					t.Fatal(err)
				}
			}
			mark(0, was[0])
			mark(1, was[1])
			store.then = func() { mark(0, was[1]) }
			var ids []uint64
			for _, m := range list(t, w.rx, callback.Query{}) {
				ids = append(ids, m.ID)
			}
			if diff := cmp.Diff([]uint64{1, 2}, ids); diff != "" {
				t.Errorf("the first was %s and is %s now: listed (-want +got):\n%s", was[0], was[1], diff)
			}
		})
	}
}

// A replayed event has as many tries as a new one.
func TestReplayedEventHasAllItsTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{fail: func(callback.Update) error { return fmt.Errorf("down") }}
		w := newWorld(t, memory(), newPrinter(t), callback.WithTries(4, callback.Backoff{}), callback.WithHandler(got.handle))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		w.drain(t)
		first := got.count()
		if _, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil {
			t.Fatal(err)
		}
		w.drain(t)
		if first != 4 || got.count() != 8 {
			t.Errorf("%d tries, then %d, want 4 and 4", first, got.count()-first)
		}
	})
}

// A store without an inbox is named as such, before anything is asked of it.
func TestOpenInboxOfAStoreWithoutOne(t *testing.T) {
	t.Parallel()
	if _, err := callback.OpenInbox(struct{ client.Store }{memory()}, nil); postproof.CodeOf(err) != postproof.CodeUnsupported || !contains(err.Error(), "Inbox") {
		t.Errorf("OpenInbox = %v, want it to name what is missing", err)
	}
	if box, err := callback.OpenInbox(memory(), nil); err != nil || box == nil {
		t.Errorf("OpenInbox = %v, %v", box, err)
	}
}
