package callback_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// process is a worker in a process of its own: a handler that is given an event of the
// kind deadly takes it down, which is to say that nothing is heard of it until release.
type process struct {
	w       *world
	got     *calls
	deadly  func(callback.Update) bool
	release chan struct{}
	told    alerts
}

// start begins one, and returns a channel that is closed when it dies, and what stops it.
func (p *process) start(t *testing.T, opts ...callback.Option) (dead chan struct{}, stop context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	dead = make(chan struct{})
	rx := receiver(t, newClient(t, p.w.store, p.w.p), []callback.Endpoint{{Adapter: p.w.p, Secrets: []string{secret}}}, append([]callback.Option{
		callback.WithNotifier(callback.NotifierFunc(func(ctx context.Context, a callback.Alert) error {
			select {
			case <-dead: // it tells nothing
				return nil
			default:
				return p.told.Notify(ctx, a)
			}
		})),
		callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			if err := p.got.handle(ctx, u); err != nil || !p.deadly(u) {
				return err
			}
			close(dead)
			cancel()
			<-p.release
			return nil
		}),
	}, opts...)...)
	go func() { _ = rx.Run(ctx) }()
	return dead, cancel
}

// An event whose handler ends the process fails by that, as by an error: it is tried
// again with backoff, told, and parked in the end. Else it would take down one worker
// after the other, for ever. Later events of its piece wait for it, those of others go on.
func TestHandlerThatEndsItsProcess(t *testing.T) {
	t.Parallel()
	for name, prune := range map[string]bool{"of a piece": false, "of a job that was pruned": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, memory(), newPrinter(t))
				var a *order
				if prune {
					a = w.pruned(t, "a")
				} else {
					a = w.mailed(t, "a")
				}
				b := w.mailed(t, "b")
				send(t, w.rx, http.StatusOK, note{ID: "poison", Piece: a.ID, Ref: a.Ref, Status: "returned"})
				send(t, w.rx, http.StatusOK, note{ID: "behind it", Piece: a.ID, Ref: a.Ref, Status: "in_transit"})
				p := process{w: w, got: &calls{}, release: make(chan struct{}), deadly: func(u callback.Update) bool { return u.Event.ID == "poison" }}
				opts := []callback.Option{callback.WithTries(4, callback.Backoff{Base: time.Minute})}
				deaths := 0
				for alive := false; !alive && deaths < 9; {
					dead, stop := p.start(t, opts...)
					select {
					case <-dead:
						deaths++
						time.Sleep(5 * time.Minute) // until it is started again
					case <-time.After(time.Hour):
						alive = true
						send(t, w.rx, http.StatusOK, note{ID: "another's", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
						time.Sleep(time.Minute)
						stop()
					}
				}
				synctest.Wait()
				var order []string
				for _, u := range p.got.all {
					order = append(order, u.Event.ID)
				}
				if diff := cmp.Diff([]string{"poison", "poison", "poison", "poison", "behind it", "another's"}, order); diff != "" {
					t.Errorf("handled (-want +got):\n%s", diff)
				}
				if n := len(p.got.all); n > 3 && (p.got.all[0].Attempt != 1 || p.got.all[3].Attempt != 4) {
					t.Errorf("attempts %d to %d, want 1 to 4", p.got.all[0].Attempt, p.got.all[3].Attempt)
				}
				if diff := cmp.Diff([]callback.AlertKind{callback.AlertFailing, callback.AlertParked}, p.told.kinds()); diff != "" {
					t.Errorf("alerts (-want +got):\n%s", diff)
				}
				parked := w.messages(t, idempotency.MessageParked)
				if len(parked) != 1 || parked[0].Tries != 4 || !strings.Contains(parked[0].LastError, "its process ended") {
					t.Errorf("parked after %d deaths: %+v", deaths, parked)
				}
				close(p.release)
				synctest.Wait()
			})
		})
	}
}

// A process stands still while its handler runs, and others find that out. It is one
// failure, however many they are, and no more comes of it when it goes on.
func TestFrozenHandlerIsOneFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t))
		a := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		p := process{w: w, got: &calls{}, release: make(chan struct{}), deadly: func(u callback.Update) bool { return u.Attempt == 1 }}
		dead, _ := p.start(t)
		<-dead
		for range 3 {
			_, stop := p.start(t)
			defer stop()
		}
		time.Sleep(time.Hour)
		close(p.release)
		time.Sleep(time.Hour)
		all := w.messages(t)
		if len(all) != 1 || all[0].State != idempotency.MessageApplied || all[0].Tries != 1 || p.got.count() != 2 {
			t.Errorf("after %d calls: %+v", p.got.count(), all[0])
		}
	})
}

// A later event of a piece does not pass the one whose process died, also when that
// one comes up last: somebody claimed it and died, too.
func TestOrderOfAPieceBehindADeadHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t))
		a := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		p := process{w: w, got: &calls{}, release: make(chan struct{}), deadly: func(u callback.Update) bool { return u.Attempt == 1 && u.Event.ID == "1" }}
		dead, _ := p.start(t)
		<-dead
		send(t, w.rx, http.StatusOK, note{ID: "2", Piece: a.ID, Ref: a.Ref, Status: "in_transit"})
		time.Sleep(2 * time.Minute)
		if claimed, err := w.inbox().Claim(t.Context(), idempotency.ClaimRequest{Owner: "dead", Limit: 1, Lease: 20 * time.Second, Now: time.Now()}); err != nil || len(claimed) != 1 || claimed[0].ID != 1 {
			t.Fatalf("claimed %+v, %v", claimed, err)
		}
		_, stop := p.start(t)
		time.Sleep(10 * time.Minute)
		stop()
		if diff := cmp.Diff([]string{"mailed", "mailed", "in_transit"}, p.got.stages()); diff != "" {
			t.Errorf("handled (-want +got):\n%s", diff)
		}
		close(p.release)
		synctest.Wait()
	})
}

// What a living process could not write down is no failure of the event: the store was
// away.
func TestOutcomeThatCouldNotBeWrittenIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, got := newFaulty(), &calls{}
		w := newWorld(t, store, newPrinter(t), callback.WithHandler(got.handle))
		a := w.mailed(t, "a")
		away := false
		store.commit = func(changes []idempotency.Change) error {
			if m := changes[0].Marks; len(m) == 1 && m[0].State == idempotency.MessageApplied && got.count() == 1 && !away {
				away = true
				return errKilled
			}
			return nil
		}
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		did := w.drain(t)
		if all := w.messages(t); did.Failures != 0 || all[0].Tries != 0 || all[0].State != idempotency.MessageApplied || got.count() != 2 {
			t.Errorf("%+v after %d calls, message %+v", did, got.count(), all[0])
		}
	})
}

// Who is told to stop while its handler runs gives the event back: it is no failure,
// and the next process goes on with it at once.
func TestStopIsNoFailureOfTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{}
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			if err := got.handle(ctx, u); err != nil || got.count() > 1 {
				return err
			}
			<-ctx.Done()
			return errors.New("canceled")
		}))
		a := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		send(t, w.rx, http.StatusOK, note{ID: "2", Piece: a.ID, Ref: a.Ref, Status: "in_transit"})
		run(t, w.rx, 5*time.Second)
		next := process{w: w, got: got, deadly: func(callback.Update) bool { return false }}
		_, stop := next.start(t)
		time.Sleep(5 * time.Second)
		if got.count() != 2 {
			t.Errorf("%d calls some seconds after the next process began", got.count())
		}
		time.Sleep(5 * time.Minute) // the other one was claimed, and never begun
		stop()
		if diff := cmp.Diff([]string{"mailed", "mailed", "in_transit"}, got.stages()); diff != "" {
			t.Errorf("handled (-want +got):\n%s", diff)
		}
		for _, m := range w.messages(t) {
			if m.State != idempotency.MessageApplied || m.Tries != 0 {
				t.Errorf("message %+v", m)
			}
		}
		synctest.Wait()
	})
}

// What a stop interrupts time after time may be what the process is stopped for, by
// whoever watches over it: each third one in a row is a failure, so that it ends.
func TestStopsInARowAreFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		got := &calls{}
		handler := callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			_ = got.handle(ctx, u)
			<-ctx.Done()
			time.Sleep(time.Second) // what is told of it is told behind all else
			return ctx.Err()
		})
		w := newWorld(t, memory(), newPrinter(t), handler)
		a := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		tries := func() int { return w.messages(t)[0].Tries }
		for round := range 6 {
			next := w.beside(t, handler, callback.WithNotifier(&told), callback.WithTries(4, callback.Backoff{Base: time.Second, Cap: time.Second}))
			run(t, next, 5*time.Second)
			if want := (round + 1) / 3; tries() != want {
				t.Errorf("%d failures after %d stops, want %d", tries(), round+1, want)
			}
			time.Sleep([]time.Duration{0, time.Hour}[round%2]) // an outage does not make it a new one
		}
		for range 6 {
			next := w.beside(t, handler, callback.WithNotifier(&told), callback.WithTries(4, callback.Backoff{Base: time.Second, Cap: time.Second}))
			run(t, next, 5*time.Second)
		}
		if m := w.messages(t)[0]; m.State != idempotency.MessageParked || got.count() != 12 {
			t.Errorf("%s after %d calls, want it parked after twelve", m, got.count())
		}
		if diff := cmp.Diff([]callback.AlertKind{callback.AlertFailing, callback.AlertParked}, told.kinds()); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
	})
}

// The ledger remembers so many calls without an outcome, the latest; what they are about
// may have gone another way.
func TestCallsWithoutAnOutcomeAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler((&calls{}).handle))
		a := w.mailed(t, "a")
		name := "callback/hold/" + string(w.status(t, "a").ID[:2])
		held := map[string]any{}
		for i := range 1000 {
			held[fmt.Sprint("piece-", i)] = map[string]any{"m": 1000 + i, "u": time.Now().Add(time.Duration(i) * time.Second), "o": "dead"}
		}
		value, err := json.Marshal(held)
		if err != nil {
			t.Fatal(err)
		}
		if err := idempotency.CommitOne(t.Context(), w.store, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: name, Value: value}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		w.drain(t)
		left := map[string]any{}
		if s, err := w.store.Setting(t.Context(), name); err != nil || json.Unmarshal(s.Value, &left) != nil {
			t.Fatalf("%v: %s", err, s.Value)
		}
		if len(left) != 64 || left["piece-999"] == nil {
			t.Errorf("%d are left, want the latest 64", len(left))
		}
	})
}

// The same with processes that really end.
func TestPoisonedProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	job := childJob{Ledger: filepath.Join(dir, "mail.db"), Handled: filepath.Join(dir, "handled"), Addr: "127.0.0.1:0", Poison: "poison"}
	store, err := sqlite.Open(t.Context(), job.Ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	w := newWorld(t, store, newPrinter(t))
	a, b := w.mailed(t, "a"), w.mailed(t, "b")
	send(t, w.rx, http.StatusOK, note{ID: "poison", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
	send(t, w.rx, http.StatusOK, note{ID: "another's", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
	deaths := 0
	for ; deaths < childTries+2; deaths++ {
		c := startChild(t, job)
		died := make(chan error, 1)
		go func() { died <- c.cmd.Wait() }()
		settled := false
		for !settled && len(died) == 0 {
			time.Sleep(20 * time.Millisecond)
			settled = len(w.messages(t, idempotency.MessageWaiting)) == 0
		}
		if settled {
			_ = c.in.Close()
			if err := <-died; err != nil {
				t.Errorf("the child that lives on: %v", err)
			}
			break
		}
		job.Ahead += childLease + time.Second
	}
	parked := w.messages(t, idempotency.MessageParked)
	if deaths != childTries || len(parked) != 1 || parked[0].Tries != childTries || len(w.messages(t, idempotency.MessageApplied)) != 1 {
		t.Errorf("%d processes died, want %d and then none; parked %+v", deaths, childTries, parked)
	}
}

// A handler that never comes back cannot be ended, and takes a slot with it: the owner
// hears of it once, and what it returns in the end counts. That holds where another slot
// is free, by which the process gets the event again when its lease runs out.
func TestHandlerThatHangs(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 2} {
		t.Run(fmt.Sprint(slots, " slots"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told alerts
				called := 0
				w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithConcurrency(slots),
					callback.WithHandler(func(context.Context, callback.Update) error {
						called++
						time.Sleep(2 * time.Hour) // whatever becomes of its context
						return nil
					}))
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				run(t, w.rx, 5*time.Hour)
				if diff := cmp.Diff([]callback.AlertKind{callback.AlertHanging}, told.kinds()); diff != "" {
					t.Fatalf("alerts (-want +got):\n%s", diff)
				}
				if a := told.all[0]; a.Record == "" || a.Message == 0 || a.Vendor != w.p.name || !contains(a.Reason, "1m30s") {
					t.Errorf("alert = %+v, want it to say which event hangs, and for how long", a)
				}
				if n := len(w.messages(t, idempotency.MessageApplied)); n != 1 || called != 1 {
					t.Errorf("%d events applied after %d calls, want one", n, called)
				}
			})
		})
	}
}
