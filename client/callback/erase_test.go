package callback_test

import (
	"errors"
	"fmt"
	"net/http"
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

func (w *world) erase(t *testing.T, key string, now bool) client.ErasureReport {
	t.Helper()
	rep, err := w.mail.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{postproof.Key(key)}, Now: now}, client.Actor{By: "officer", Why: "request 17"})
	if err != nil || len(rep.Problems) > 0 {
		t.Fatalf("Erase: %v, %q", err, rep.Problems)
	}
	return rep
}

// payloads says of each message how far it is, and whether anything of what came
// is left.
func (w *world) payloads(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, m := range w.messages(t) {
		left := ""
		if m.Body != nil || (m.Header != nil && m.Header["Postproof-Part"] == "") {
			left = " with its payload"
		}
		all = append(all, string(m.State)+left)
	}
	return all
}

// What comes later about an erased piece is applied while it is followed, and
// leaves no payload behind; after its end it is not even looked at.
func TestCallbackOfAnErasedPieceLeavesNoPayload(t *testing.T) {
	t.Parallel()
	for _, handled := range []bool{false, true} {
		t.Run(fmt.Sprint("handler ", handled), func(t *testing.T) {
			t.Parallel()
			stores(t, func(t *testing.T, store client.Store) {
				t.Helper()
				var got calls
				var opts []callback.Option
				if handled {
					opts = append(opts, callback.WithHandler(got.handle))
				}
				w := newWorld(t, store, newPrinter(t), opts...)
				a, b := w.mailed(t, "a"), w.mailed(t, "b")
				w.erase(t, "a", true)
				send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
				send(t, w.rx, http.StatusOK, note{ID: "2", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
				if did := w.drain(t); did.Applied != 2 {
					t.Errorf("drained %+v", did)
				}
				if rec := w.status(t, "a"); rec.Status.Stage != postproof.StageMailed || !rec.Erased() {
					t.Errorf("the piece is not followed: %v, %+v", rec, rec.Status)
				}
				want := []string{"applied", "applied with its payload"}
				if diff := cmp.Diff(want, w.payloads(t)); diff != "" {
					t.Errorf("while it is followed (-want +got):\n%s", diff)
				}
				// The vendor repeats it.
				send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
				// It comes to its end, and something comes after that.
				rec := w.status(t, "a")
				if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Record: rec.Bury(), Expect: rec.Fence}); err != nil {
					t.Fatal(err)
				}
				send(t, w.rx, http.StatusOK, note{ID: "3", Piece: a.ID, Ref: a.Ref, Status: "delivered"})
				if did := w.drain(t); did.Ignored != 1 {
					t.Errorf("drained %+v", did)
				}
				if diff := cmp.Diff(append(want, "ignored"), w.payloads(t)); diff != "" {
					t.Errorf("after its end (-want +got):\n%s", diff)
				}
				if handled && got.count() != 2 {
					t.Errorf("%d calls of the handler", got.count())
				}
			})
		})
	}
}

// A callback that waits when its person is erased is blanked when it is settled.
func TestCallbackThatWaitsIsBlankedWhenSettled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	a := w.mailed(t, "a")
	send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
	rep := w.erase(t, "a", true)
	if len(rep.Messages) != 1 || !rep.Messages[0].Open || rep.Complete() {
		t.Errorf("the report says %+v", rep.Messages)
	}
	w.drain(t)
	if diff := cmp.Diff([]string{"applied"}, w.payloads(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rep := w.erase(t, "a", true); !rep.Complete() {
		t.Errorf("again: %+v", rep.Messages)
	}
}

// The person is erased while the handler runs.
func TestErasedWhileTheHandlerRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *world
		got := &calls{fail: func(callback.Update) error {
			_, err := w.mail.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"a"}, Now: true}, client.Actor{By: "officer", Why: "request 17"})
			return err
		}}
		w = newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle), callback.WithPollInterval(time.Hour))
		a := w.mailed(t, "a")
		send(t, w.rx, http.StatusOK, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"})
		w.drain(t)
		if diff := cmp.Diff([]string{"applied"}, w.payloads(t)); diff != "" || got.count() != 1 {
			t.Errorf("%d calls (-want +got):\n%s", got.count(), diff)
		}
		// And one for whom it always fails is parked without its payload.
		got.fail = func(callback.Update) error { return errors.New("no") }
		send(t, w.rx, http.StatusOK, note{ID: "2", Piece: a.ID, Ref: a.Ref, Status: "in_transit"})
		run(t, w.rx, 10*24*time.Hour)
		if diff := cmp.Diff([]string{"applied", "parked"}, w.payloads(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if done, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil || done.Purged != 1 {
			t.Errorf("replayed %+v, %v", done, err)
		}
	})
}

// The bytes of a callback with many events go when all of them are settled and
// one is about an erased piece, and not before: the others need them.
func TestBatchWithAnErasedPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{fail: func(u callback.Update) error {
			if u.Event.ID == "bad" {
				return errors.New("no")
			}
			return nil
		}}
		w := newWorld(t, memory(), newPrinter(t, batches), callback.WithHandler(got.handle), callback.WithPollInterval(time.Hour))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		w.erase(t, "a", true)
		send(t, w.rx, 200, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}, note{ID: "bad", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
		run(t, w.rx, 5*24*time.Hour)
		if diff := cmp.Diff([]string{"waiting with its payload", "applied", "parked"}, w.payloads(t)); diff != "" {
			t.Errorf("with a bad event (-want +got):\n%s", diff)
		}
		if rep := w.erase(t, "a", true); len(rep.Messages) != 1 || !rep.Messages[0].Open {
			t.Errorf("the report says %+v", rep.Messages)
		}
		got.mu.Lock()
		got.fail = nil
		got.mu.Unlock()
		if _, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil {
			t.Fatal(err)
		}
		run(t, w.rx, 24*time.Hour)
		if diff := cmp.Diff([]string{"applied", "applied", "applied"}, w.payloads(t)); diff != "" {
			t.Errorf("settled (-want +got):\n%s", diff)
		}
		// Nothing is left to work on: to queue one would park it, and call somebody.
		if done, err := w.rx.Replay(t.Context(), callback.Query{IDs: []uint64{3}}); err != nil || done.Purged != 1 || done.Queued != 0 {
			t.Errorf("replayed %+v, %v, want its payload purged", done, err)
		}
		// Another batch, of others only, keeps its own for the retention.
		send(t, w.rx, 200, note{ID: "3", Piece: b.ID, Ref: b.Ref, Status: "in_transit"}, note{ID: "4", Piece: b.ID, Ref: b.Ref, Status: "in_local_area"})
		run(t, w.rx, 24*time.Hour)
		if p := w.payloads(t); p[3] != "applied with its payload" {
			t.Errorf("another's batch: %q", p)
		}
	})
}

// The person is erased between the look for the piece and the commit: the
// worker finds a tombstone where a record was, and keeps nothing of what came.
func TestErasedUnderTheWorkersHands(t *testing.T) {
	t.Parallel()
	for _, unsigned := range []bool{false, true} {
		t.Run(fmt.Sprint("unsigned ", unsigned), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				p := newPrinter(t, func(c *postproof.Capabilities) {
					if unsigned {
						c.Callbacks.Auth, c.Callbacks.EventIDs = postproof.CallbackUnsigned, false
					}
				})
				w := &world{store: store, p: p, mail: newClient(t, store, p)}
				w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}})
				a := w.mailed(t, "a")
				time.Sleep(time.Hour)
				path := "/callbacks/printer"
				if unsigned {
					path += "/" + secret
				}
				sendTo(t, w.rx, http.StatusOK, request(t, path, secret, note{ID: "1", Piece: a.ID, Ref: a.Ref, Status: "mailed"}))
				var buried atomic.Bool
				store.commit = func(changes []idempotency.Change) error {
					if changes[0].Record == nil || buried.Swap(true) {
						return nil
					}
					rec := w.status(t, "a")
					return idempotency.CommitOne(t.Context(), store.Memory, idempotency.Change{Record: rec.Bury(), Expect: rec.Fence})
				}
				w.drain(t)
				want := map[bool]string{false: "ignored", true: "applied"}[unsigned]
				if diff := cmp.Diff([]string{want}, w.payloads(t)); diff != "" || !buried.Load() {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
