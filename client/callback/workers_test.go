package callback_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// exclusive is a handler that notes who runs at a time.
type exclusive struct {
	t       *testing.T
	takes   time.Duration
	mu      sync.Mutex
	running map[idempotency.ID]int
	ran     map[uint64]int
	// most is how many ran at a time, for different pieces.
	most int
}

func newExclusive(t *testing.T, takes time.Duration) *exclusive {
	t.Helper()
	return &exclusive{t: t, takes: takes, running: map[idempotency.ID]int{}, ran: map[uint64]int{}}
}

func (x *exclusive) handle(ctx context.Context, u callback.Update) error {
	x.mu.Lock()
	x.running[u.Record.ID]++
	x.ran[u.Message]++
	if x.running[u.Record.ID] > 1 {
		x.t.Error("two handlers for one piece")
	}
	all := 0
	for _, n := range x.running {
		all += n
	}
	x.most = max(x.most, all)
	x.mu.Unlock()
	err := postproof.Sleep(ctx, postproof.SystemClock(), x.takes)
	x.mu.Lock()
	x.running[u.Record.ID]--
	x.mu.Unlock()
	return err
}

const pieces, events = 4, 8

func (x *exclusive) check(w *world) {
	x.t.Helper()
	for id, n := range x.ran {
		if n != 1 {
			x.t.Errorf("message %d was handled %d times", id, n)
		}
	}
	if len(x.ran) != pieces*events {
		x.t.Errorf("%d of %d events were handled", len(x.ran), pieces*events)
	}
	for p := range pieces {
		if k := w.kinds(x.t, fmt.Sprint("job-", p)); k["callback"]+k["callback_kept"] != events {
			x.t.Errorf("piece %d: history %v", p, k)
		}
	}
}

// Two processes work on one inbox: no two handlers run for one piece at a time,
// each event is applied once, and other pieces go on meanwhile.
func TestTwoWorkersOnePiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newExclusive(t, time.Second)
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(x.handle))
		rx2 := receiver(t, newClient(t, w.store, w.p), []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithHandler(x.handle))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		both := []*callback.Receiver{w.rx, rx2}
		for _, rx := range both {
			go func() { _ = rx.Run(ctx) }()
		}
		var orders []*order
		for p := range pieces {
			orders = append(orders, w.mailed(t, fmt.Sprint("job-", p)))
		}
		for e := range events {
			for p, o := range orders { // who takes it in works on it first
				send(t, both[(e+p)%2], 200, note{ID: fmt.Sprint(p, "_", e), Piece: o.ID, Ref: o.Ref, Status: "in_transit"})
			}
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(5 * time.Minute)
		stop()
		synctest.Wait()
		x.check(w)
		if x.most < 2 {
			t.Errorf("%d handlers at a time", x.most)
		}
	})
}

// The same with two stores on one file, as two processes have it.
func TestTwoWorkersOneFile(t *testing.T) {
	t.Parallel()
	x := newExclusive(t, 0)
	path := filepath.Join(t.TempDir(), "mail.db")
	w := newWorld(t, onDisk(t, path), newPrinter(t), callback.WithHandler(x.handle))
	mail2 := newClient(t, onDisk(t, path), w.p)
	both := []*callback.Receiver{w.rx, receiver(t, mail2, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithHandler(x.handle))}
	for p := range pieces {
		o := w.mailed(t, fmt.Sprint("job-", p))
		for e := range events {
			send(t, both[(e+p)%2], 200, note{ID: fmt.Sprint(p, "_", e), Piece: o.ID, Ref: o.Ref, Status: "in_transit"})
		}
	}
	var work sync.WaitGroup
	for _, rx := range both {
		work.Go(func() {
			if _, err := rx.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	x.check(w)
}

// Many events of one piece whose handler is slow do not keep other pieces out.
func TestBusyPieceDoesNotTakeAllSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var got calls
		w := newWorld(t, memory(), newPrinter(t), callback.WithConcurrency(2), callback.WithHandler(func(ctx context.Context, u callback.Update) error {
			if u.Record.Contact == "a" {
				<-hold
			}
			return got.handle(ctx, u)
		}))
		a, b := w.mailed(t, "a"), w.mailed(t, "b")
		for i := range 10 {
			send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: a.ID, Ref: a.Ref, Status: "mailed", Time: time.Now().Add(time.Duration(i))})
		}
		send(t, w.rx, 200, note{ID: "b", Piece: b.ID, Ref: b.Ref, Status: "mailed"})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		time.Sleep(5 * time.Second)
		if got.count() != 1 {
			t.Errorf("%d events were handled beside the slow piece, want one", got.count())
		}
		close(hold)
		time.Sleep(10 * time.Minute)
		if got.count() != 11 {
			t.Errorf("%d events were handled", got.count())
		}
		stop()
		synctest.Wait()
	})
}
