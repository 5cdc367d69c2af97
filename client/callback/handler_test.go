package callback_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// The third failure tells the owner, once; tries go on; after the last one the
// event is parked, listed, and can be replayed when the handler was mended.
func TestFailuresAlertAtTheThirdAndParkAtTheTenth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		got := &calls{fail: func(callback.Update) error { return errors.New("no such contact: ann@example.com") }}
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle), callback.WithNotifier(&told))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		var at []int // calls at which the number of alerts grew
		began := time.Now()
		for last := 0; time.Since(began) < 24*time.Hour; time.Sleep(time.Second) {
			if n := len(told.kinds()); n > last {
				last = n
				at = append(at, got.count())
			}
			if got.count() == 1 && w.status(t, "a").Status.Stage != postproof.StageMailed {
				t.Fatal("the ledger does not know what the handler is told of")
			}
		}
		if diff := cmp.Diff([]int{3, 10}, at); diff != "" {
			t.Errorf("alerts at the calls (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]callback.AlertKind{callback.AlertFailing, callback.AlertParked}, told.kinds()); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
		if got.count() != 10 {
			t.Errorf("%d calls, want 10", got.count())
		}
		parked := list(t, w.rx, callback.Query{})
		if len(parked) != 1 || parked[0].State != idempotency.MessageParked || parked[0].Tries != 10 || parked[0].LastError != "handler: *errors.errorString" {
			t.Fatalf("parked: %+v", parked)
		}
		got.mu.Lock()
		first, last := got.all[0], got.all[9]
		got.fail = nil
		got.mu.Unlock()
		if first.Attempt != 1 || last.Attempt != 10 || !last.Fresh {
			t.Errorf("attempts %d to %d", first.Attempt, last.Attempt)
		}
		done, err := w.rx.Replay(t.Context(), callback.Query{})
		if err != nil || done.Queued != 1 {
			t.Fatalf("replayed %+v, %v", done, err)
		}
		time.Sleep(time.Second)
		if n := len(list(t, w.rx, callback.Query{})); n != 0 || got.count() != 11 {
			t.Errorf("%d failed events are left, the handler was called %d times", n, got.count())
		}
		if k := w.kinds(t, "a"); k["callback"] != 1 {
			t.Errorf("applied more than once: %v", k)
		}
		stop()
		synctest.Wait()
	})
}

func list(t *testing.T, rx *callback.Receiver, q callback.Query) []*idempotency.Message {
	t.Helper()
	all := []*idempotency.Message{}
	for m, err := range rx.List(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// A panic, and a handler that ends its goroutine, are failures like others, and
// what they say is not kept.
func TestPanicOfTheHandlerIsAFailure(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(){
		"panic": func() { panic("ann@example.com") }, "panic of the runtime": func() { _ = []int{}[len("ab")] },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(context.Context, callback.Update) error {
					if n++; n < 3 {
						bad()
					}
					return nil
				}))
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				did := w.drain(t)
				m := w.messages(t, idempotency.MessageApplied)
				if n != 3 || did.Failures != 2 || len(m) != 1 || strings.Contains(m[0].LastError, "ann") {
					t.Errorf("%d calls, %+v, messages %+v", n, did, m)
				}
			})
		})
	}
}

// While an event of a piece fails its later ones wait for it; those of other
// pieces go on. The ledger knows all of them at once.
func TestOrderOfAPieceIsKeptAndOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{}
		down := true
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			if down && u.Event.ID == "a1" {
				return errors.New("down")
			}
			return got.handle(ctx, u)
		}))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		send(t, w.rx, 200, note{ID: "a1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		send(t, w.rx, 200, note{ID: "a2", Piece: a.ID, Status: "in_transit"})
		send(t, w.rx, 200, note{ID: "b1", Piece: b.ID, Ref: b.Ref, Status: "rendered"})
		run(t, w.rx, 20*time.Second)
		send(t, w.rx, 200, note{ID: "a3", Piece: a.ID, Ref: a.Ref, Status: "delivered"})
		run(t, w.rx, 20*time.Minute)
		if diff := cmp.Diff([]string{"rendered"}, got.stages()); diff != "" {
			t.Errorf("handled while the first fails (-want +got):\n%s", diff)
		}
		if s := w.status(t, "a").Status.Stage; s != postproof.StageDelivered {
			t.Errorf("the ledger waits for the handler: the piece is %s", s)
		}
		down = false
		w.drain(t)
		if diff := cmp.Diff([]string{"rendered", "mailed", "in_transit", "delivered"}, got.stages()); diff != "" {
			t.Errorf("handled (-want +got):\n%s", diff)
		}
	})
}
