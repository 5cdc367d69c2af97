package callback_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// A person has all worked on again that failed, while the handler is at one of them, in
// one of two processes: that one is busy. Else what it comes to would be lost, and an
// event that went well be told to have ended its process.
func TestReplayWhileTheHandlerIsAtIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		var w *world
		called := 0
		opts := []callback.Option{callback.WithNotifier(&told), callback.WithTries(2, callback.Backoff{Base: time.Minute}), callback.WithHandler(
			func(ctx context.Context, _ callback.Update) error {
				if called++; called == 1 {
					return errDown
				}
				if done, err := w.rx.Replay(ctx, callback.Query{}); err != nil || done != (callback.Replayed{Busy: 1}) {
					t.Errorf("Replay = %+v, %v, want one that is busy", done, err)
				}
				return postproof.Sleep(ctx, postproof.SystemClock(), 10*time.Second)
			})}
		w = newWorld(t, memory(), newPrinter(t), opts...)
		other := w.beside(t, opts...)
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		go func() { _ = other.Run(ctx) }()
		_ = w.rx.Run(ctx)
		synctest.Wait()
		if n := len(w.messages(t, idempotency.MessageApplied)); n != 1 || called != 2 || len(told.all) != 0 {
			t.Errorf("%d events applied after %d calls, alerts %+v", n, called, told.all)
		}
	})
}

// A handler begins while a person has all worked on again that failed, behind the first
// of them: its event is busy like one whose handler was at it before.
func TestReplayWhileAHandlerBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		store := &switching{Memory: memory()}
		var calls atomic.Int32
		began := make(chan struct{}, 9)
		opts := []callback.Option{callback.WithNotifier(&told), callback.WithTries(2, callback.Backoff{Base: time.Minute}), callback.WithHandler(
			func(ctx context.Context, _ callback.Update) error {
				if calls.Add(1) <= 2 {
					return errDown
				}
				began <- struct{}{}
				return postproof.Sleep(ctx, postproof.SystemClock(), 10*time.Second)
			})}
		w := newWorld(t, store, newPrinter(t), opts...)
		for _, id := range []string{"a", "b"} {
			o := w.mailed(t, id)
			send(t, w.rx, 200, note{ID: id, Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		run(t, w.rx, time.Second)   // both have failed once
		time.Sleep(2 * time.Minute) // and nobody works
		other := w.beside(t, opts...)
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		store.behind = func() {
			go func() { _ = other.Run(ctx) }()
			<-began
			<-began
		}
		if done, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil || done.Busy == 0 || done.Busy+done.Queued != 2 {
			t.Errorf("Replay = %+v, %v, want two of which one at least is busy", done, err)
		}
		<-ctx.Done()
		synctest.Wait()
		for _, m := range w.messages(t) {
			if m.State != idempotency.MessageApplied || m.Tries != 1 {
				t.Errorf("message %d is %s after %d failures: %s", m.ID, m.State, m.Tries, m.LastError)
			}
		}
		if n := calls.Load(); n != 4 || len(told.all) != 0 {
			t.Errorf("%d calls, alerts %+v, want two for each event", n, told.all)
		}
	})
}
