package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A canary that waits for approval is still settled, and canceled: only
// nothing new is sent.
func TestWaitingCanaryIsTended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		first := ""
		p.faults(func(op, ref string, n int) string {
			if op == "/order" && (first == "" || ref == first) && n <= 6 {
				first = ref
				return "lose"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithCanary("spring", 2))
		if _, err := c.Enqueue(t.Context(), jobs(20)); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 30*24*time.Hour)
		defer stop()
		left, err := c.Drain(ctx)
		if err != nil || left[idempotency.Planned] != 18 || left[idempotency.Accepted] != 2 {
			t.Fatalf("Drain left %v, %v; want the canary accepted and the rest planned", left, err)
		}
		var canary postproof.Key
		for j, err := range jobs(20) {
			if err != nil {
				t.Fatal(err)
			}
			if status(t, c, string(j.Key)).State == idempotency.Accepted {
				canary = j.Key
			}
		}
		if _, err := c.Cancel(ctx, canary, client.Actor{By: "a person who looked at it"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Drain(ctx); err != nil {
			t.Fatal(err)
		}
		if got := status(t, c, string(canary)).State; got != idempotency.Canceled || p.alive() != 1 {
			t.Errorf("the canary that was canceled is %s; %d alive at the vendor, want 1", got, p.alive())
		}
	})
}

// Who hands a campaign in has the canary, and the workers need not be told of it: the
// jobs tell them. They let as many go, wait for the approval, also one that was given
// elsewhere, and wait again when that is taken back.
func TestCanaryHoldsAtAWorkerWithoutIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		importer, worker := newClient(t, store, []*press{p}, client.WithCanary("spring", 3)), newClient(t, store, []*press{p})
		hand := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				if _, err := importer.Enqueue(t.Context(), client.JobList(job(fmt.Sprint("contact-", i)))); err != nil {
					t.Fatal(err)
				}
			}
		}
		hand(0, 20)
		if left := drain(t, worker); left[idempotency.Planned] != 17 || p.alive() != 3 {
			t.Fatalf("without an approval: left %v, printed %d, want 3", left, p.alive())
		}
		if k, err := worker.Canary(t.Context(), "spring"); err != nil || !k.Waits() || k.Pieces != 3 || k.Limit != 3 {
			t.Errorf("Canary at the worker = %+v, %v", k, err)
		}
		restarted := newClient(t, store, []*press{p})
		if k, err := restarted.Canary(t.Context(), "spring"); err != nil || !k.Waits() || k.Pieces != 3 {
			t.Errorf("Canary after a restart = %+v, %v", k, err)
		}
		if drain(t, restarted); p.alive() != 3 {
			t.Errorf("after a restart: printed %d, want 3", p.alive())
		}
		if err := importer.Approve(t.Context(), "spring", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if runFor(t, worker, time.Minute); p.alive() != 20 {
			t.Fatalf("approved: printed %d, want 20", p.alive())
		}
		var given uint64
		for e, err := range importer.Changes(t.Context(), client.ChangeQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			given = e.N
		}
		if _, err := importer.Undo(t.Context(), given, client.Actor{By: "ann", Why: "the wrong campaign"}); err != nil {
			t.Fatal(err)
		}
		hand(20, 30)
		if runFor(t, worker, time.Minute); p.alive() != 20 {
			t.Errorf("the approval was taken back: printed %d, want 20", p.alive())
		}
	})
}
