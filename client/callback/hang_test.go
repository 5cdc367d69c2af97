package callback_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// An event of a batch that waits for a person keeps the batch in the inbox, and a
// Drain that waited for that would wait for the person.
func TestDrainEndsBesideAParkedEventOfABatch(t *testing.T) {
	t.Parallel()
	for name, another := range map[string]bool{"the same process": false, "another one": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := &calls{fail: func(u callback.Update) error {
					if u.Event.ID == "bad" {
						return errors.New("no")
					}
					return nil
				}}
				w := newWorld(t, memory(), newPrinter(t, batches), callback.WithHandler(got.handle))
				a, b := w.mailed(t, "a"), w.mailed(t, "b")
				send(t, w.rx, 200, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, note{ID: "bad", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
				ctx, stop := context.WithTimeout(t.Context(), 48*time.Hour)
				defer stop()
				if another { // has done all of it, and this one finds the rest
					run(t, receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithHandler(got.handle)), 24*time.Hour)
				}
				did, err := w.rx.Drain(ctx)
				if err != nil || (!another && did.Parked != 1) {
					t.Fatalf("Drain = %+v, %v, want it to end when one is parked", did, err)
				}
				if n := len(w.messages(t, idempotency.MessageWaiting)); n != 1 || w.messages(t)[0].Body == nil {
					t.Errorf("%d messages wait, want the batch, with its payload", n)
				}
				got.mu.Lock()
				got.fail = nil
				got.mu.Unlock()
				if done, err := w.rx.Replay(ctx, callback.Query{}); err != nil || done.Queued != 1 {
					t.Fatalf("Replay = %+v, %v", done, err)
				}
				if _, err := w.rx.Drain(ctx); err != nil {
					t.Errorf("Drain: %v", err)
				}
				if n := len(w.messages(t, idempotency.MessageWaiting, idempotency.MessageParked)); n != 0 {
					t.Errorf("%d messages are left when the person has done their part", n)
				}
			})
		})
	}
}

// A Drain waits for an event of a batch that is tried again.
func TestDrainWaitsForTheEventsOfABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		got := &calls{fail: func(u callback.Update) error {
			if u.Event.ID == "bad" {
				if tries++; tries < 6 {
					return errors.New("not yet")
				}
			}
			return nil
		}}
		w := newWorld(t, memory(), newPrinter(t, batches), callback.WithHandler(got.handle))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		send(t, w.rx, 200, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, note{ID: "bad", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
		if did := w.drain(t); tries != 6 || did.Parked != 0 {
			t.Errorf("%d tries, %+v, want it to have waited for the last", tries, did)
		}
		if n := len(w.messages(t, idempotency.MessageApplied)); n != 3 {
			t.Errorf("%d messages are applied, want the batch and its events", n)
		}
	})
}

// A notifier that does not heed its context, or ends its goroutine, is left behind: a
// program that stops waits some seconds for it, not for ever.
func TestNotifierThatNeverReturns(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(release <-chan struct{}){
		"hangs": func(release <-chan struct{}) { <-release },
		"ends":  func(<-chan struct{}) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release, beside := make(chan struct{}), 0
				time.AfterFunc(24*time.Hour, func() { close(release) })
				defer time.Sleep(48 * time.Hour) // until it lets go
				w := newWorld(t, memory(), newPrinter(t), callback.WithTries(1, callback.Backoff{}),
					callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }),
					callback.WithNotifier(callback.NotifierFunc(func(context.Context, callback.Alert) error {
						if beside++; beside > 1 {
							t.Error("it is called beside itself")
						}
						defer func() { beside-- }()
						hang(release)
						return nil
					})))
				for i := range 4 { // what is gathered is sent at the end
					o := w.mailed(t, fmt.Sprint("job-", i))
					send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				}
				ctx, stop := context.WithTimeout(t.Context(), time.Minute)
				defer stop()
				_ = w.rx.Run(ctx)
				began, _ := ctx.Deadline()
				if took := time.Since(began); took > 11*time.Second {
					t.Errorf("Run ended %s after it was told to", took)
				}
			})
		})
	}
}

// An alert that is on its way when a Run ends comes to its end, and is sent once.
func TestAlertUnderWayComesToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls, sent := 0, 0
		w := newWorld(t, memory(), newPrinter(t), callback.WithTries(1, callback.Backoff{}),
			callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }),
			callback.WithNotifier(callback.NotifierFunc(func(ctx context.Context, _ callback.Alert) error {
				calls++
				if err := postproof.Sleep(ctx, postproof.SystemClock(), 3*time.Second); err != nil {
					return err
				}
				sent++
				return nil
			})))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		run(t, w.rx, 2*time.Second)
		if calls != 1 || sent != 1 {
			t.Errorf("%d calls, %d sent, want one", calls, sent)
		}
	})
}

// A store may keep names as texts, in which NUL and what is not UTF-8 are one
// character, all of them: two events must not be taken for one by that.
func TestOddEventIDsAreTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	a := w.mailed(t, "a")
	for _, id := range []string{"evt\x00", "evt\ufffd"} {
		send(t, w.rx, 200, note{ID: id, Piece: a.ID, Ref: a.Ref, Status: "mailed"})
	}
	all := w.messages(t)
	if len(all) != 2 {
		t.Fatalf("%d messages, want two", len(all))
	}
	for _, m := range all {
		if m.Dedupe == "" || bytes.ContainsRune([]byte(m.Dedupe), 0) {
			t.Errorf("the name of a message is %q", m.Dedupe)
		}
	}
}

// What waits is few among all that ever came in, and is all that is asked for again
// and again: payloads of months would be read each minute else.
func TestOnlyWhatWaitsIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		listed := &listing{Memory: memory()}
		w := newWorld(t, listed, newPrinter(t), callback.WithHandler(func(context.Context, callback.Update) error { return errors.New("down") }))
		first := w.mailed(t, "first")
		send(t, w.rx, 200, note{ID: "first", Piece: first.ID, Ref: first.Ref, Status: "mailed"})
		for i := range 200 { // another program's, and so of no interest
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: fmt.Sprint("other-", i), Status: "mailed", Mode: "live"})
		}
		run(t, w.rx, time.Minute)
		listed.read = 0
		run(t, w.rx, 10*time.Minute) // the handler fails, and the first one waits
		if listed.read == 0 || listed.read > 100 {
			t.Errorf("%d messages were read in ten minutes, of which one waits", listed.read)
		}
	})
}

// listing counts what is read of an inbox.
type listing struct {
	*idempotency.Memory
	read, payloads int
	// wide counts the lists for which a store on disk reads all that ever came in.
	wide int
}

var _ client.Store = (*listing)(nil)

func (l *listing) Inbox() idempotency.Inbox { return listingInbox{l.Memory.Inbox(), l} }

type listingInbox struct {
	idempotency.Inbox
	l *listing
}

// few reports whether a store on disk has indexes of these states.
func few(states []idempotency.MessageState) bool {
	return len(states) > 0 && !slices.ContainsFunc(states, func(s idempotency.MessageState) bool {
		return s != idempotency.MessageParked && s != idempotency.MessageWaiting
	})
}

func (i listingInbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		if !few(q.States) && q.Limit == 0 && !q.Bare {
			i.l.wide++
		}
		for m, err := range i.Inbox.List(ctx, q) {
			if m != nil && m.Body != nil {
				i.l.payloads++
			}
			if i.l.read++; !yield(m, err) {
				return
			}
		}
	}
}
