package callback_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// pruned makes a job that is delivered, and pruned after its retention. The handler
// fails for the event of its delivery if it fails for all of them.
func (w *world) pruned(t *testing.T, key string) *order {
	t.Helper()
	o := w.mailed(t, key)
	send(t, w.rx, http.StatusOK, note{ID: key + " delivered", Piece: o.ID, Ref: o.Ref, Status: "delivered"})
	run(t, w.rx, 24*time.Hour)
	if _, err := w.mail.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(client.MinRetention + time.Hour)
	if n, err := w.mail.Prune(t.Context(), time.Now().Add(-client.MinRetention)); err != nil || n != 1 {
		t.Fatalf("pruned %d, %v", n, err)
	}
	return o
}

// What was acknowledged reaches the handler, also when its job was pruned by then:
// it was parked until somebody mended the handler, or the vendor told it months
// later. The payload is kept for as long as the handler needs it.
func TestCallbackOfAPrunedJobReachesTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		got := &calls{fail: func(callback.Update) error { return broken }}
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle), callback.WithPollInterval(time.Hour))
		o := w.pruned(t, "a")
		parked := w.messages(t, idempotency.MessageParked)
		if len(parked) != 1 || parked[0].Body == nil {
			t.Fatalf("%d parked", len(parked))
		}
		replay := func() {
			t.Helper()
			if done, err := w.rx.Replay(t.Context(), callback.Query{}); err != nil || done.Queued != int64(len(w.messages(t, idempotency.MessageWaiting))) || done.Queued == 0 {
				t.Fatalf("replayed %+v, %v", done, err)
			}
			run(t, w.rx, 24*time.Hour)
		}
		replay() // and it fails again
		send(t, w.rx, http.StatusOK, note{ID: "a returned", Piece: o.ID, Ref: o.Ref, Status: "returned"})
		run(t, w.rx, 24*time.Hour)
		if n := len(w.messages(t, idempotency.MessageParked)); n != 2 {
			t.Fatalf("%d are parked, want both", n)
		}
		got.mu.Lock()
		got.fail, got.all = nil, nil
		got.mu.Unlock()
		replay()
		if diff := cmp.Diff([]string{"delivered", "returned"}, got.stages()); diff != "" {
			t.Errorf("the handler was told (-want +got):\n%s", diff)
		}
		for _, u := range got.all {
			if u.Fresh || !u.Record.Tombstone {
				t.Errorf("%v, fresh %v", u.Record, u.Fresh)
			}
		}
		for _, m := range w.messages(t) {
			if m.State != idempotency.MessageApplied || m.Body != nil {
				t.Errorf("message %d is %s with %d bytes", m.ID, m.State, len(m.Body))
			}
		}
	})
}

// Who asks that the person of a pruned job be forgotten is not told of it any more, and
// no payload is kept.
func TestCallbackOfAPrunedJobThatIsErased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &calls{}
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle), callback.WithPollInterval(time.Hour))
		o := w.pruned(t, "a")
		told := got.count()
		for range 2 {
			rep, err := w.mail.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"a"}}, client.Actor{By: "officer", Why: "request 17"})
			if err != nil || len(rep.Jobs) != 1 || rep.Jobs[0].Outcome != client.ErasureBefore {
				t.Fatalf("%+v, %v", rep.Jobs, err)
			}
		}
		fence := w.status(t, "a").Fence
		send(t, w.rx, http.StatusOK, note{ID: "a returned", Piece: o.ID, Ref: o.Ref, Status: "returned"})
		run(t, w.rx, 24*time.Hour)
		for _, m := range w.messages(t) {
			if m.Body != nil {
				t.Errorf("message %d is %s with its payload", m.ID, m.State)
			}
		}
		if rec := w.status(t, "a"); got.count() != told || !rec.Tombstone || rec.Fence != fence {
			t.Errorf("%d calls after the erasure; %v", got.count()-told, rec)
		}
	})
}
