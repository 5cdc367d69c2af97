package callback_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// Whatever the order of events, and however often each comes, the piece ends
// where the last of them leaves it.
func TestAnyOrderEndsInTheSameStatus(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	stages := []string{"rendered", "in_production", "mailed", "in_transit", "in_local_area", "out_for_delivery", "delivered", "returned"}
	stores(t, func(t *testing.T, store client.Store) {
		t.Helper()
		w := newWorld(t, store, newPrinter(t))
		for seed := range uint64(6) {
			random := rand.New(rand.NewPCG(seed, 1))
			key := fmt.Sprint("job-", seed)
			o := w.mailed(t, key)
			var sent []note
			for i, s := range stages {
				n := note{ID: fmt.Sprint("evt_", seed, "_", i), Piece: o.ID, Ref: o.Ref, Status: s, Time: at.Add(time.Duration(i) * time.Hour)}
				sent = append(sent, slices.Repeat([]note{n}, 1+random.IntN(3))...)
			}
			random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
			for i, n := range sent {
				send(t, w.rx, 200, n)
				if i%5 == 0 {
					w.drain(t)
				}
			}
			w.drain(t)
			if s := w.status(t, key).Status.Stage; s != postproof.StageReturned {
				t.Errorf("seed %d: the piece is %s, want returned", seed, s)
			}
			k := w.kinds(t, key)
			if n := k["callback"] + k["callback_kept"]; n != len(stages) {
				t.Errorf("seed %d: %d events in the history, want %d: %v", seed, n, len(stages), k)
			}
		}
	})
}

// An older event that comes late is kept in the history and told to the handler
// as what it is; the status stays.
func TestLateOlderEventIsKeptNotApplied(t *testing.T) {
	t.Parallel()
	var got calls
	w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle))
	o := w.mailed(t, "a")
	for i, s := range []string{"delivered", "mailed"} {
		send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: s})
		w.drain(t)
	}
	if s := w.status(t, "a").Status.Stage; s != postproof.StageDelivered {
		t.Errorf("the piece is %s", s)
	}
	if k := w.kinds(t, "a"); k["callback"] != 1 || k["callback_kept"] != 1 {
		t.Errorf("history %v", k)
	}
	if diff := cmp.Diff([]bool{true, false}, []bool{got.all[0].Fresh, got.all[1].Fresh}); diff != "" || got.all[1].Record.Status.Stage != postproof.StageDelivered {
		t.Errorf("fresh (-want +got):\n%s\nrecord %+v", diff, got.all[1].Record.Status)
	}
}

// The change of the piece and the mark are one commit: whatever commit is lost,
// no event is applied twice, and none is lost.
func TestMarkIsInTheCommitOfTheChange(t *testing.T) {
	t.Parallel()
	for _, handled := range []bool{false, true} {
		t.Run(fmt.Sprint("handler ", handled), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				var opts []callback.Option
				if handled {
					opts = append(opts, callback.WithHandler(func(context.Context, callback.Update) error { return nil }))
				}
				w := newWorld(t, store, newPrinter(t), opts...)
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				store.commit = func(changes []idempotency.Change) error {
					for _, c := range changes {
						if (c.Record != nil) != (len(c.Marks) == 1) && len(c.Entries) > 0 {
							t.Errorf("a change of the record with %d marks, and %d entries", len(c.Marks), len(c.Entries))
						}
					}
					return nil
				}
				w.drain(t)
				if s := w.status(t, "a").Status.Stage; s != postproof.StageMailed {
					t.Errorf("the piece is %s", s)
				}
			})
		})
	}
}

var errKilled = errors.New("killed")

// A process that dies between the ledger's commit and the handler, or between the
// handler and its mark, has applied the event once; the next one runs the
// handler.
func TestKillBetweenApplyAndHandler(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before the handler", "in the handler", "after the handler"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				var dead atomic.Bool // whoever looks after the inbox commits, too
				var before, after atomic.Int64
				first := func(context.Context, callback.Update) error {
					if before.Add(1); at == "in the handler" {
						dead.Store(true)
					}
					return nil
				}
				w := newWorld(t, store, newPrinter(t), callback.WithHandler(first))
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				store.commit = func([]idempotency.Change) error {
					if dead.Load() || (at == "after the handler" && before.Load() > 0) {
						dead.Store(true)
						return errKilled
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if at == "before the handler" {
					// A lost answer to a commit is as good as a crash behind it.
					store.committed = func(changes []idempotency.Change) error {
						if changes[0].Record == nil {
							return nil
						}
						dead.Store(true)
						cancel()
						return errKilled
					}
				}
				_ = w.rx.Run(ctx)
				store.commit, store.committed = nil, nil
				applied := w.kinds(t, "a")["status"]

				time.Sleep(5 * time.Minute)
				second := receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}},
					callback.WithHandler(func(_ context.Context, u callback.Update) error {
						if after.Add(1); !u.Fresh || u.Record.Status.Stage != postproof.StageMailed {
							t.Errorf("the handler got %+v", u)
						}
						return nil
					}))
				if _, err := second.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				k := w.kinds(t, "a")
				if applied == 0 || k["status"] != applied || k["callback"] != 1 || k["callback_kept"] != 0 {
					t.Errorf("applied %d, then %v: want once", applied, k)
				}
				if before, after := before.Load(), after.Load(); before+after < 1 || (after == 0 && at != "before the handler") {
					t.Errorf("the handler ran %d times before and %d times after", before, after)
				}
				if all := w.messages(t, idempotency.MessageApplied); len(all) != 1 {
					t.Errorf("messages %v", w.messages(t))
				}
			})
		})
	}
}

// A worker of the client changes the record all the while: the callback tries
// again, and neither loses its change.
func TestStaleRecordIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		raced := 0
		store.commit = func(changes []idempotency.Change) error {
			if len(changes[0].Marks) == 1 && changes[0].Record != nil && raced < 3 {
				raced++
				cur, err := store.Get(context.Background(), changes[0].Record.ID) //nolint:usetesting // from another goroutine
				if err != nil {
					return err
				}
				moved := *cur
				moved.Fence++
				return idempotency.CommitOne(context.Background(), store.Memory, idempotency.Change{Record: &moved, Expect: cur.Fence}) //nolint:usetesting // as above
			}
			return nil
		}
		run(t, w.rx, 10*time.Second)
		if k := w.kinds(t, "a"); raced != 3 || k["callback"] != 1 || w.status(t, "a").Status.Stage != postproof.StageMailed {
			t.Errorf("%d races, history %v, status %+v", raced, k, w.status(t, "a").Status)
		}
	})
}

// A callback with our reference settles a submission that is still being sent.
func TestCallbackWhileSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		p.hang = make(chan struct{})
		w := newWorld(t, memory(), p)
		answered := make(chan error, 1)
		go func() { _, err := w.mail.Submit(t.Context(), job("a")); answered <- err }()
		synctest.Wait()
		o := p.order(0)
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		w.drain(t)
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != o.ID {
			t.Errorf("record %v", rec)
		}
		close(p.hang)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Status.Stage != postproof.StageMailed || len(p.orders) != 1 {
			t.Errorf("record %v, status %+v, %d orders", rec, rec.Status, len(p.orders))
		}
	})
}
