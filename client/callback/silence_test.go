package callback_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// One process takes callbacks in and another works on them. What the first one heard
// is no silence for the second, which tells of silences.
func TestSilenceOfAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		takes := receiver(t, newClient(t, w.store, w.p), []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
		w.mailed(t, "forgotten by its vendor")
		o := w.mailed(t, "a")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		for day := range 6 {
			time.Sleep(24 * time.Hour)
			if day < 3 {
				send(t, takes, 200, note{ID: fmt.Sprint(day), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			}
			if n := len(told.kinds()); day < 5 && n > 0 {
				t.Fatalf("%d alerts after %d days, with the last callback on the third: %+v", n, day+1, told.all)
			}
		}
		time.Sleep(2 * time.Hour)
		if n := len(told.kinds()); n != 1 {
			t.Errorf("%d alerts three days after the last callback, want 1", n)
		}
		stop()
		synctest.Wait()
	})
}

// stepped is a clock whose wall time can be moved, without a monotonic reading.
type stepped struct{ by atomic.Int64 }

func (s *stepped) Now() time.Time { return time.Now().Round(0).Add(time.Duration(s.by.Load())) }

func (s *stepped) After(d time.Duration) <-chan time.Time { return time.After(d) }

// The clock is a month ahead while a callback comes, and is set right. The silence
// that follows is told as any other, once a day.
func TestSilenceAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	for name, alarmed := range map[string]bool{"a callback came": false, "the owner was told": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told alerts
				clock := &stepped{}
				w := &world{store: memory(), p: newPrinter(t)}
				w.mail = newClient(t, w.store, w.p, client.WithClock(clock))
				endpoints := []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}, Silence: 6 * time.Hour}}
				w.rx = receiver(t, w.mail, endpoints, callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
				w.mailed(t, "a")
				clock.by.Store(int64(month))
				if alarmed {
					run(t, w.rx, 7*time.Hour)
				} else {
					sendTo(t, w.rx, 200, requestAt(t, clock.Now(), note{ID: "1", Status: "ping"}))
					run(t, w.rx, time.Hour)
				}
				before := len(told.kinds())
				clock.by.Store(0)
				run(t, w.rx, 7*time.Hour)
				if n := len(told.kinds()) - before; n == 0 {
					t.Errorf("no alert in seven hours of silence after the clock was set right")
				}
			})
		})
	}
}

// After the clock was set back an alert is sent as any other, and not held back
// until the clock comes to where it was.
func TestAlertAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		clock := &stepped{}
		w := &world{store: memory(), p: newPrinter(t)}
		w.mail = newClient(t, w.store, w.p, client.WithClock(clock))
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}},
			callback.WithNotifier(&told), callback.WithTries(1, callback.Backoff{}),
			callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
		o := w.mailed(t, "a")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		clock.by.Store(int64(24 * time.Hour))
		sendTo(t, w.rx, 200, requestAt(t, clock.Now(), note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"}))
		time.Sleep(5 * time.Minute)
		clock.by.Store(0)
		sendTo(t, w.rx, 200, requestAt(t, clock.Now(), note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "delivered"}))
		time.Sleep(time.Hour)
		if n := len(told.kinds()); n != 2 || len(w.messages(t, idempotency.MessageParked)) != 2 {
			t.Errorf("%d alerts, %d parked; want two of each", n, len(w.messages(t, idempotency.MessageParked)))
		}
		stop()
		synctest.Wait()
	})
}

// An alert that is sent just after the pause counts those that were gathered in it,
// as the one that ends the pause would have.
func TestAlertJustAfterThePauseCountsTheGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithTries(1, callback.Backoff{}),
			callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
		o := w.mailed(t, "a")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }() // looks each minute whether a pause is over
		for i, wait := range []time.Duration{30 * time.Second, 5 * time.Minute, 5*time.Minute + 15*time.Second} {
			time.Sleep(wait)
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		time.Sleep(time.Hour)
		stop()
		synctest.Wait()
		n := 0
		for _, a := range told.all {
			n += 1 + a.More
		}
		if len(told.all) != 2 || n != 3 {
			t.Errorf("%d alerts that stand for %d, want 2 for 3: %+v", len(told.all), n, told.all)
		}
	})
}
