package callback_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// Whatever the order of events, and however often each comes, the piece ends
// where the last of them leaves it.
func TestAnyOrderEndsInTheSameStatus(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	stages := []string{"rendered", "in_production", "mailed", "in_transit", "in_local_area", "out_for_delivery", "delivered", "returned"}
	stores(t, func(t *testing.T, store client.Store) {
		w := newWorld(t, store, newPrinter(t))
		for seed := range uint64(6) {
			random := rand.New(rand.NewPCG(seed, 1))
			key := fmt.Sprint("job-", seed)
			o := w.mailed(t, key)
			var sent []note
			for i, s := range stages {
				n := note{ID: fmt.Sprint("evt_", seed, "_", i), Piece: o.ID, Ref: o.Ref, Status: s, Time: at.Add(time.Duration(i) * time.Hour)}
				sent = append(sent, slices.Repeat([]note{n}, 1+random.IntN(3))...)
			}
			random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
			for i, n := range sent {
				send(t, w.rx, 200, n)
				if i%5 == 0 {
					w.drain(t)
				}
			}
			w.drain(t)
			if s := w.status(t, key).Status.Stage; s != postproof.StageReturned {
				t.Errorf("seed %d: the piece is %s, want returned", seed, s)
			}
			k := w.kinds(t, key)
			if n := k["callback"] + k["callback_kept"]; n != len(stages) {
				t.Errorf("seed %d: %d events in the history, want %d: %v", seed, n, len(stages), k)
			}
		}
	})
}

// An older event that comes late is kept in the history and told to the handler
// as what it is; the status stays.
func TestLateOlderEventIsKeptNotApplied(t *testing.T) {
	t.Parallel()
	var got calls
	w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(got.handle))
	o := w.mailed(t, "a")
	for i, s := range []string{"delivered", "mailed"} {
		send(t, w.rx, 200, note{ID: fmt.Sprint(i), Piece: o.ID, Ref: o.Ref, Status: s})
		w.drain(t)
	}
	if s := w.status(t, "a").Status.Stage; s != postproof.StageDelivered {
		t.Errorf("the piece is %s", s)
	}
	if k := w.kinds(t, "a"); k["callback"] != 1 || k["callback_kept"] != 1 {
		t.Errorf("history %v", k)
	}
	if diff := cmp.Diff([]bool{true, false}, []bool{got.all[0].Fresh, got.all[1].Fresh}); diff != "" || got.all[1].Record.Status.Stage != postproof.StageDelivered {
		t.Errorf("fresh (-want +got):\n%s\nrecord %+v", diff, got.all[1].Record.Status)
	}
}

// The change of the piece and the mark are one commit: whatever commit is lost,
// no event is applied twice, and none is lost.
func TestMarkIsInTheCommitOfTheChange(t *testing.T) {
	t.Parallel()
	for _, handled := range []bool{false, true} {
		t.Run(fmt.Sprint("handler ", handled), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				var opts []callback.Option
				if handled {
					opts = append(opts, callback.WithHandler(func(context.Context, callback.Delivery) error { return nil }))
				}
				w := newWorld(t, store, newPrinter(t), opts...)
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				store.commit = func(changes []idempotency.Change) error {
					for _, c := range changes {
						if (c.Record != nil) != (len(c.Marks) == 1) && len(c.Entries) > 0 {
							t.Errorf("a change of the record with %d marks, and %d entries", len(c.Marks), len(c.Entries))
						}
					}
					return nil
				}
				w.drain(t)
				if s := w.status(t, "a").Status.Stage; s != postproof.StageMailed {
					t.Errorf("the piece is %s", s)
				}
			})
		})
	}
}

var errKilled = errors.New("killed")

// A process that dies between the ledger's commit and the handler, or between the
// handler and its mark, has applied the event once; the next one runs the
// handler.
func TestKillBetweenApplyAndHandler(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"before the handler", "in the handler", "after the handler"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newFaulty()
				dead, before, after := false, 0, 0
				first := func(context.Context, callback.Delivery) error {
					if before++; at == "in the handler" {
						dead = true
					}
					return nil
				}
				w := newWorld(t, store, newPrinter(t), callback.WithHandler(first))
				o := w.mailed(t, "a")
				send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
				store.commit = func([]idempotency.Change) error {
					if dead || (at == "after the handler" && before > 0) {
						dead = true
						return errKilled
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if at == "before the handler" {
					// A lost answer to a commit is as good as a crash behind it.
					store.committed = func(changes []idempotency.Change) error {
						if changes[0].Record == nil {
							return nil
						}
						dead = true
						cancel()
						return errKilled
					}
				}
				_ = w.rx.Run(ctx)
				dead, store.commit, store.committed = false, nil, nil
				applied := w.kinds(t, "a")["status"]

				time.Sleep(5 * time.Minute)
				second := receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}},
					callback.WithHandler(func(_ context.Context, d callback.Delivery) error {
						if after++; !d.Fresh || d.Record.Status.Stage != postproof.StageMailed {
							t.Errorf("the handler got %+v", d)
						}
						return nil
					}))
				if _, err := second.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				k := w.kinds(t, "a")
				if applied == 0 || k["status"] != applied || k["callback"] != 1 || k["callback_kept"] != 0 {
					t.Errorf("applied %d, then %v: want once", applied, k)
				}
				if before+after < 1 || (after == 0 && at != "before the handler") {
					t.Errorf("the handler ran %d times before and %d times after", before, after)
				}
				if all := w.messages(t, idempotency.MessageApplied); len(all) != 1 {
					t.Errorf("messages %v", w.messages(t))
				}
			})
		})
	}
}

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

func (x *exclusive) handle(ctx context.Context, d callback.Delivery) error {
	x.mu.Lock()
	x.running[d.Record.ID]++
	x.ran[d.Message]++
	if x.running[d.Record.ID] > 1 {
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
	x.running[d.Record.ID]--
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

// A worker of the client changes the record all the while: the callback tries
// again, and neither loses its change.
func TestStaleRecordIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newFaulty()
		w := newWorld(t, store, newPrinter(t))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		raced := 0
		store.commit = func(changes []idempotency.Change) error {
			if len(changes[0].Marks) == 1 && changes[0].Record != nil && raced < 3 {
				raced++
				cur, err := store.Memory.Get(context.Background(), changes[0].Record.ID) //nolint:usetesting // from another goroutine
				if err != nil {
					return err
				}
				moved := *cur
				moved.Fence++
				return idempotency.CommitOne(context.Background(), store.Memory, idempotency.Change{Record: &moved, Expect: cur.Fence}) //nolint:usetesting // as above
			}
			return nil
		}
		run(t, w.rx, 10*time.Second)
		if k := w.kinds(t, "a"); raced != 3 || k["callback"] != 1 || w.status(t, "a").Status.Stage != postproof.StageMailed {
			t.Errorf("%d races, history %v, status %+v", raced, k, w.status(t, "a").Status)
		}
	})
}

// The third failure tells the owner, once; tries go on; after the last one the
// event is parked, listed, and can be replayed when the handler was mended.
func TestFailuresAlertAtTheThirdAndParkAtTheTenth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		got := &calls{fail: func(callback.Delivery) error { return errors.New("no such contact: ann@example.com") }}
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
		"panic": func() { panic("ann@example.com") }, "panic with nil map": func() { var m map[string]int; m["a"]++ },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(context.Context, callback.Delivery) error {
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
		w := newWorld(t, memory(), newPrinter(t), callback.WithHandler(func(ctx context.Context, d callback.Delivery) error {
			if down && d.Event.ID == "a1" {
				return errors.New("down")
			}
			return got.handle(ctx, d)
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

// A callback about a piece that the ledger does not know is kept as evidence: it
// waits for the record for a while, then it is parked, told and listed.
func TestUnmatchedCallbackIsEvidence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		var got calls
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told), callback.WithHandler(got.handle))
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		did := w.drain(t)
		evidence := list(t, w.rx, callback.Query{Unmatched: true})
		if did.Parked != 1 || len(evidence) != 1 || evidence[0].State != idempotency.MessageParked || len(evidence[0].Body) == 0 || got.count() != 0 {
			t.Errorf("drained %+v, evidence %v, %d calls", did, evidence, got.count())
		}
		if diff := cmp.Diff([]callback.AlertKind{callback.AlertUnmatched}, told.kinds()); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
		var incidents []string
		for e, err := range w.mail.Incidents(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			incidents = append(incidents, e.Kind+" "+e.VendorID)
		}
		if diff := cmp.Diff([]string{"callback_unmatched psc_99"}, incidents); diff != "" {
			t.Errorf("incidents (-want +got):\n%s", diff)
		}
	})
}

// An event that carries the vendor's id alone may come before we know that id:
// it is applied as soon as the answer is there.
func TestCallbackByVendorIDWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		p.hang = make(chan struct{})
		w := newWorld(t, memory(), p)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.rx.Run(ctx) }()
		go func() { _, _ = w.mail.Submit(ctx, job("a")) }()
		synctest.Wait()
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_1", Status: "mailed"})
		time.Sleep(5 * time.Second)
		close(p.hang)
		time.Sleep(time.Minute)
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Status.Stage != postproof.StageMailed {
			t.Errorf("record %v, status %+v", rec, rec.Status)
		}
		stop()
		synctest.Wait()
	})
}

// A callback with our reference settles a submission that is still being sent.
func TestCallbackWhileSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		p.hang = make(chan struct{})
		w := newWorld(t, memory(), p)
		answered := make(chan error, 1)
		go func() { _, err := w.mail.Submit(t.Context(), job("a")); answered <- err }()
		synctest.Wait()
		o := p.order(0)
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		w.drain(t)
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Receipt.VendorID != o.ID {
			t.Errorf("record %v", rec)
		}
		close(p.hang)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if rec := w.status(t, "a"); rec.State != idempotency.Accepted || rec.Status.Stage != postproof.StageMailed || len(p.orders) != 1 {
			t.Errorf("record %v, status %+v, %d orders", rec, rec.Status, len(p.orders))
		}
	})
}

// What the vendor has signed and this version cannot read is kept: a newer one
// reads it.
func TestUnreadableCallbackIsParkedAndReplayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, memory(), newPrinter(t))
		sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`{"events":"of tomorrow"}`)))
		sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`[{"id":"2","piece":"x","status":"panic"}]`)))
		if did := w.drain(t); did.Parked != 2 {
			t.Errorf("drained %+v", did)
		}
		for _, m := range list(t, w.rx, callback.Query{}) {
			if len(m.Body) == 0 || !strings.HasPrefix(m.LastError, "unreadable: ") || strings.Contains(m.LastError, "ann@") {
				t.Errorf("message %+v", m)
			}
			if err := w.rx.Verify(t.Context(), m.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

// An event about something that is no piece is kept, and nothing else is done.
func TestEventAboutNoPieceIsOnlyKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, memory(), newPrinter(t))
	send(t, w.rx, 200, note{ID: "1", Status: "test_url"})
	sendTo(t, w.rx, 200, rawRequest("/printer", secret, []byte(`[]`)))
	if did := w.drain(t); did != (callback.Drained{}) || len(w.messages(t, idempotency.MessageApplied)) != 2 {
		t.Errorf("drained %+v, messages %v", did, w.messages(t))
	}
}

// An event of a job that was pruned changes nothing, and does not wait for ever.
func TestEventOfAPrunedJobIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		w := newWorld(t, store, newPrinter(t))
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered"})
		w.drain(t)
		if _, err := w.mail.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := w.mail.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := store.Prune(t.Context(), time.Now().Add(time.Hour), 10); err != nil || n != 1 {
			t.Fatalf("pruned %d, %v: %v", n, err, w.status(t, "a"))
		}
		send(t, w.rx, http.StatusOK, note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "returned"})
		if did := w.drain(t); did.Ignored != 1 || did.Parked != 0 {
			t.Errorf("drained %+v", did)
		}
	})
}

// Events of pieces that another program sends with the same account are ignored
// in the end, and nobody is told.
func TestForeignPiecesAreIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told alerts
		w := newWorld(t, memory(), newPrinter(t), callback.WithNotifier(&told))
		send(t, w.rx, 200, note{ID: "1", Piece: "psc_99", Status: "mailed"})
		did := w.drain(t)
		if did.Ignored != 1 || did.Parked != 0 || len(told.kinds()) != 0 {
			t.Errorf("drained %+v, alerts %v", did, told.kinds())
		}
		if all := list(t, w.rx, callback.Query{Unmatched: true}); len(all) != 1 || all[0].State != idempotency.MessageIgnored {
			t.Errorf("listed %v", all)
		}
	})
}

// Many events of one piece whose handler is slow do not keep other pieces out.
func TestBusyPieceDoesNotTakeAllSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var got calls
		w := newWorld(t, memory(), newPrinter(t), callback.WithConcurrency(2), callback.WithHandler(func(ctx context.Context, d callback.Delivery) error {
			if d.Record.Contact == "a" {
				<-hold
			}
			return got.handle(ctx, d)
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

// plain is a printer whose parser returns errors of no class.
type plain struct{ *printer }

func (plain) ParseCallback(http.Header, []byte) ([]*vendors.Notice, error) {
	return nil, errors.New("cannot read the mail of ann@example.com")
}

// A callback that the adapter cannot read is at fault itself, whatever the error:
// it is parked, and does not come up for ever.
func TestPlainParseErrorParks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPrinter(t)
		w := &world{store: memory(), p: p}
		w.mail = newClient(t, w.store, p)
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: plain{p}, Secrets: []string{secret}}})
		send(t, w.rx, 200, note{ID: "1", Piece: "x", Status: "mailed"})
		if did := w.drain(t); did.Parked != 1 || did.Failures != 10 {
			t.Errorf("drained %+v", did)
		}
		if m := w.messages(t)[0]; strings.Contains(m.LastError, "ann@") {
			t.Errorf("kept: %s", m.LastError)
		}
	})
}
