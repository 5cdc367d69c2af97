package callback_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/damaged"
)

// logBuffer keeps what is logged.
type logBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logBuffer) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// One damaged message keeps no other from being applied, nor a Drain from its end;
// whoever lists or replays goes on behind it; it is told of once.
func TestDrainBesideADamagedMessage(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		t.Run(map[bool]string{false: "its header", true: "all of it"}[whole], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, log := damaged.New(), &logBuffer{}
				w := &world{store: s, p: newPrinter(t)}
				w.mail = newClient(t, s, w.p, logTo(log))
				w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "bad", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				bad := w.messages(t)[0].ID
				s.Message(bad, whole)
				send(t, w.rx, 200, note{ID: "good", Piece: o.ID, Ref: o.Ref, Status: "delivered"})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if did, err := w.rx.Drain(ctx); err != nil || did.Applied != 1 {
					t.Fatalf("Drain = %+v, %v, want it to end with one applied", did, err)
				}
				run(t, w.rx, 3*time.Hour) // its lease runs out again and again
				if n := strings.Count(log.text(), "something in the ledger is damaged"); n != 1 || strings.Contains(log.text(), "cannot be read: waiting") {
					t.Errorf("it is told of %d times, want once: %s", n, log.text())
				}
				var seen []uint64
				for m, err := range w.rx.List(t.Context(), callback.Query{States: []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageApplied}}) {
					switch one := idempotency.AsDamaged(err); {
					case one != nil:
						seen = append(seen, one.Message+1000)
					case err != nil:
						t.Fatal(err)
					default:
						seen = append(seen, m.ID)
					}
				}
				if len(seen) != 2 || seen[0] != bad+1000 {
					t.Errorf("List = %v, want the damaged one and what is behind it", seen)
				}
				done, err := w.rx.Replay(t.Context(), callback.Query{States: []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageApplied}})
				if err != nil || done.Queued != 1 || done.Damaged != 1 {
					t.Errorf("Replay = %+v, %v, want one queued and one damaged", done, err)
				}
				if done, err := w.rx.Replay(t.Context(), callback.Query{IDs: []uint64{bad}}); err != nil || done != (callback.Replayed{Damaged: 1}) {
					t.Errorf("Replay of the damaged one = %+v, %v", done, err)
				}
				s.Mend()
				w.drain(t)
				if n := len(w.messages(t, idempotency.MessageApplied)); n != 2 {
					t.Errorf("after it was mended %d are applied, want 2", n)
				}
			})
		})
	}
}

// What waits is counted, damaged or not: the gauge does not stand still.
func TestDepthBesideADamagedMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := &recorder{sums: map[string]int64{}}, damaged.New()
		w := &world{store: s, p: newPrinter(t)}
		w.mail = newClient(t, s, w.p, client.WithMeterProvider(r))
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
		o := w.mailed(t, "a")
		for _, name := range []string{"1", "2", "3"} {
			send(t, w.rx, 200, note{ID: name, Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		}
		for i, m := range w.messages(t) {
			s.Message(m.ID, i > 0)
		}
		run(t, w.rx, time.Second)
		depth := &observer{}
		for _, f := range r.callbacks {
			if err := f(t.Context(), depth); err != nil {
				t.Fatal(err)
			}
		}
		if depth.last != 3 {
			t.Errorf("inbox depth %d, want 3", depth.last)
		}
	})
}

// A callback about a piece whose record is damaged fails and is parked, as one that
// cannot be applied; a Drain does not wait for the disk to heal.
func TestCallbackAboutADamagedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := damaged.New()
		w := newWorld(t, s, newPrinter(t))
		bad, good := w.mailed(t, "a"), w.mailed(t, "b")
		s.Record("a")
		send(t, w.rx, 200, note{ID: "1", Piece: bad.ID, Ref: bad.Ref, Status: "mailed"})
		send(t, w.rx, 200, note{ID: "2", Piece: good.ID, Ref: good.Ref, Status: "mailed"})
		ctx, cancel := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer cancel()
		did, err := w.rx.Drain(ctx)
		if err != nil || did.Applied != 1 || did.Parked != 1 {
			t.Errorf("Drain = %+v, %v, want one applied and one parked", did, err)
		}
		var parked *idempotency.Message
		for _, m := range w.messages(t, idempotency.MessageParked) {
			parked = m
		}
		if parked == nil || parked.Body == nil {
			t.Fatalf("parked: %+v, want it with its payload", parked)
		}
		s.Mend()
		if _, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil {
			t.Fatal(err)
		}
		if did := w.drain(t); did.Applied != 1 {
			t.Errorf("after it was mended: %+v, want it applied", did)
		}
	})
}
