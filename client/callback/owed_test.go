package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

var errDown = errors.New("down")

func down(context.Context, callback.Update) error { return errDown }

// beside is another process on the ledger of a world.
func (w *world) beside(t *testing.T, opts ...callback.Option) *callback.Receiver {
	t.Helper()
	return receiver(t, newClient(t, w.store, w.p), []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, opts...)
}

// A process dies when an event is parked, and before anybody is told; or its notifier
// is away until it is stopped. The next one tells of it, once.
func TestAlertIsNotLostWithItsProcess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		away bool
		ref  string
		want callback.AlertKind
		say  string
	}{
		"killed":                      {want: callback.AlertParked, say: "handler: "},
		"killed, and nobody knows it": {ref: "ABCDEFGHJKLMNPQR", want: callback.AlertUnmatched, say: "no record: "},
		"its notifier is away":        {away: true, want: callback.AlertParked, say: "handler: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store, tries := newFaulty(), callback.WithTries(1, callback.Backoff{})
				w := newWorld(t, store, newPrinter(t), callback.WithHandler(down), tries, callback.WithNotifier(callback.NotifierFunc(
					func(context.Context, callback.Alert) error { return errDown })))
				o := w.mailed(t, "a")
				n := note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"}
				if tc.ref != "" {
					n.Piece, n.Ref = "psc_99", tc.ref
				}
				send(t, w.rx, http.StatusOK, n)
				ctx, kill := context.WithTimeout(t.Context(), time.Minute)
				defer kill()
				store.committed = func(changes []idempotency.Change) error {
					for _, c := range changes {
						if len(c.Marks) == 1 && c.Marks[0].State == idempotency.MessageParked && !tc.away {
							kill()
							return errKilled
						}
					}
					return nil
				}
				_ = w.rx.Run(ctx)
				store.committed = nil
				var told alerts
				next := w.beside(t, callback.WithHandler(down), tries, callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
				run(t, next, time.Hour)
				if len(told.all) != 1 {
					t.Fatalf("alerts after an hour: %+v", told.all)
				}
				a := told.all[0]
				if a.Kind != tc.want || a.Message != 1 || a.Tries != 1 || !strings.HasPrefix(a.Reason, tc.say) || (tc.ref == "" && a.Record != w.status(t, "a").ID) {
					t.Errorf("alert %+v", a)
				}
				run(t, next, 2*24*time.Hour)
				if len(told.all) != 1 || len(w.messages(t, idempotency.MessageParked)) != 1 {
					t.Errorf("alerts after two days: %+v", told.all)
				}
			})
		})
	}
}

// One alert tells of many, and then none of them is told again; what it did not tell of
// is, by another process.
func TestGatheredAlertsAreToldOnce(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]bool{"the notifier is there": false, "it is away for two hours": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told alerts
				back := time.Now()
				if away {
					back = back.Add(2 * time.Hour)
				}
				opts := []callback.Option{callback.WithHandler(down), callback.WithPollInterval(time.Hour), callback.WithTries(1, callback.Backoff{}), callback.WithNotifier(callback.NotifierFunc(
					func(ctx context.Context, a callback.Alert) error {
						if time.Now().Before(back) {
							return errDown
						}
						return told.Notify(ctx, a)
					}))}
				w := newWorld(t, memory(), newPrinter(t), opts...)
				const events = 5
				for i := range events {
					o := w.mailed(t, fmt.Sprint("job-", i))
					send(t, w.rx, http.StatusOK, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				}
				other := w.beside(t, opts...)
				ctx, stop := context.WithTimeout(t.Context(), 2*24*time.Hour)
				defer stop()
				go func() { _ = other.Run(ctx) }()
				_ = w.rx.Run(ctx)
				synctest.Wait()
				n := 0
				for _, a := range told.all {
					n += 1 + a.More
				}
				if n != events || len(told.all) > 4 {
					t.Errorf("%d alerts of %d events, want few of %d: %+v", len(told.all), n, events, told.all)
				}
				for _, m := range w.messages(t, idempotency.MessageParked) {
					if !m.Due.IsZero() {
						t.Errorf("message %d is to be told at %s", m.ID, m.Due)
					}
				}
			})
		})
	}
}

// While a notifier is away what is parked is not logged again and again: a line in some
// minutes says how many it stands for. All of it is told when the notifier is back.
func TestLogWhileTheNotifierIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		back := time.Now().Add(100 * time.Minute)
		var log bytes.Buffer
		w := &world{store: memory(), p: newPrinter(t)}
		w.mail = newClient(t, w.store, w.p, logTo(&log))
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithPollInterval(time.Hour), callback.WithNotifier(callback.NotifierFunc(
			func(ctx context.Context, a callback.Alert) error {
				if time.Now().Before(back) {
					return errDown
				}
				return told.Notify(ctx, a)
			})))
		const many = 120
		for i := range many {
			m := &idempotency.Message{Vendor: w.p.name, Account: "an account", Mode: postproof.ModeTest, Dedupe: fmt.Sprint(i), Body: []byte("{}"), ReceivedAt: time.Now()}
			m.State, m.Due = idempotency.MessageParked, time.Now()
			if _, err := w.inbox().Put(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		run(t, w.rx, 90*time.Minute)
		lines, stands := 0, 0
		for line := range strings.Lines(log.String()) {
			var l struct {
				Level string `json:"level"`
				Msg   string `json:"msg"`
				More  int    `json:"more"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			if l.Level == "ERROR" {
				lines++
			}
			if l.Msg == "callbacks need a person" {
				stands += 1 + l.More
			}
		}
		if lines > 2*9+4 || stands < many { // that it needs a person, and that nobody could be told
			t.Errorf("%d lines in ninety minutes, for %d alerts of %d events: want two in ten minutes, for all of them", lines, stands, many)
		}
		run(t, w.rx, 2*time.Hour)
		for _, m := range w.messages(t, idempotency.MessageParked) {
			if !m.Due.IsZero() {
				t.Fatalf("message %d was not told", m.ID)
			}
		}
		n := 0
		for _, a := range told.all {
			n += 1 + a.More
		}
		if n < many {
			t.Errorf("%d were told, want %d", n, many)
		}
	})
}

// However many are parked, and told of: one that is not is found behind them.
func TestUntoldBehindManyParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told))
		const many = 1500
		for i := range many {
			m := &idempotency.Message{Vendor: w.p.name, Account: "an account", Mode: postproof.ModeTest, Dedupe: fmt.Sprint(i), Body: []byte("{}"), ReceivedAt: time.Now()}
			m.State = idempotency.MessageParked
			if i == many-1 {
				m.Due = time.Now().Add(time.Minute)
			}
			if _, err := w.inbox().Put(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range w.messages(t, idempotency.MessageWaiting) {
			t.Fatalf("message %+v", m)
		}
		run(t, w.rx, time.Hour)
		if len(told.all) != 1 || told.all[0].Message != many {
			t.Errorf("alerts %+v, want one of message %d", told.all, many)
		}
	})
}

// A process dies when it has noticed a silence, and before anybody is told. The next one
// tells of it; then it is told once a day as any other.
func TestSilenceIsNotLostWithItsProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t), callback.WithPollInterval(time.Hour))
		w.mailed(t, "a")
		ctx, kill := context.WithTimeout(t.Context(), 80*time.Hour)
		defer kill()
		began, noticed := time.Now(), false
		store.committed = func(changes []idempotency.Change) error {
			for _, c := range changes {
				if len(c.Settings) == 1 && strings.HasPrefix(c.Settings[0].Name, "callback/heard/") && time.Since(began) > 70*time.Hour {
					noticed = true
					kill()
					return errKilled
				}
			}
			return nil
		}
		_ = w.rx.Run(ctx)
		store.committed = nil
		if !noticed {
			t.Fatal("no silence was noticed")
		}
		var told alerts
		next := w.beside(t, callback.WithNotifier(&told), callback.WithPollInterval(time.Hour))
		run(t, next, time.Hour)
		if diff := cmp.Diff([]callback.AlertKind{callback.AlertSilent}, told.kinds()); diff != "" {
			t.Errorf("alerts after an hour (-want +got):\n%s", diff)
		}
		run(t, next, 22*time.Hour)
		if n := len(told.kinds()); n != 1 {
			t.Errorf("%d alerts in a day", n)
		}
		run(t, next, 3*time.Hour)
		if n := len(told.kinds()); n != 2 {
			t.Errorf("%d alerts after a day, want two", n)
		}
	})
}

// A silence that one process is about to tell, and tries again, is not told by others.
func TestSilenceThatIsBeingTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		tries := 0
		opts := []callback.Option{callback.WithPollInterval(time.Hour), callback.WithNotifier(callback.NotifierFunc(
			func(ctx context.Context, a callback.Alert) error {
				if tries++; tries < 4 {
					return errDown
				}
				return told.Notify(ctx, a)
			}))}
		w := newWorld(t, memory(), newPrinter(t), opts...)
		w.mailed(t, "a")
		other := w.beside(t, opts...)
		ctx, stop := context.WithTimeout(t.Context(), 76*time.Hour)
		defer stop()
		go func() { _ = other.Run(ctx) }()
		_ = w.rx.Run(ctx)
		synctest.Wait()
		if len(told.all) != 1 || tries != 4 {
			t.Errorf("alerts %+v at %d tries", told.all, tries)
		}
	})
}

// A program is stopped while the ledger hangs: that takes no time from the alerts that
// are left, of which each is sent.
func TestAlertsAtTheEndBesideALedgerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t), callback.WithHandler(down), callback.WithTries(1, callback.Backoff{}), callback.WithNotifier(&told))
		for i := range 2 { // one is told at once, one is gathered, of each kind
			o := w.mailed(t, fmt.Sprint("job-", i))
			send(t, w.rx, http.StatusOK, note{ID: fmt.Sprint("known ", i), Piece: o.ID, Ref: o.Ref, Status: "mailed"})
			send(t, w.rx, http.StatusOK, note{ID: fmt.Sprint("unknown ", i), Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		}
		ctx, stop := context.WithCancel(t.Context())
		var stopped time.Time
		time.AfterFunc(time.Minute, func() {
			store.commit = func([]idempotency.Change) error {
				time.Sleep(10 * time.Second)
				return errDown
			}
			stopped = time.Now()
			stop()
		})
		_ = w.rx.Run(ctx)
		if took := time.Since(stopped); took > 15*time.Second || len(told.all) != 4 {
			t.Errorf("Run took %s to stop, and sent %d alerts, want four: %+v", took, len(told.all), told.all)
		}
	})
}
