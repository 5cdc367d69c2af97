package storetest

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// listsBeside: a list holds nothing while its reader works.
func listsBeside(t reporter, h Harness) {
	const n = 600
	var changes []idempotency.Change
	for i := range n {
		changes = append(changes, create(planned(i)))
	}
	must(t, h.Engine, changes...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := 0
	for r, err := range h.Engine.Find(ctx, idempotency.Query{}) {
		if err != nil {
			t.Fatalf("Find: %v", err)
		}
		if seen++; seen%150 != 0 {
			continue
		}
		for _, err := range h.Engine.Find(ctx, idempotency.Query{Campaign: "spring"}) {
			if err != nil {
				t.Fatalf("Find inside of a list: %v", err)
			}
			break
		}
		for e, err := range h.Engine.Entries(ctx, idempotency.EntryQuery{}) {
			if err != nil {
				t.Fatalf("Entries: %v", err)
			}
			if e.Seq%200 != 0 {
				continue
			}
			if _, err := h.Engine.Get(ctx, r.ID); err != nil {
				t.Fatalf("Get inside of two lists: %v", err)
			}
			if err := idempotency.CommitOne(ctx, h.Engine, idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "inside", Add: 1}}}); err != nil {
				t.Fatalf("Commit inside of two lists: %v", err)
			}
		}
	}
	same(t, "records seen", n, seen)
	stopped(t, "Find", func(ctx context.Context) iter.Seq2[*idempotency.Record, error] {
		return h.Engine.Find(ctx, idempotency.Query{})
	})
	stopped(t, "Entries", func(ctx context.Context) iter.Seq2[idempotency.Entry, error] {
		return h.Engine.Entries(ctx, idempotency.EntryQuery{})
	})
}

// stopped: a list whose context ends midway says so, and is not taken for whole.
func stopped[T any](t reporter, what string, list func(context.Context) iter.Seq2[T, error]) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, ended := 0, error(nil)
	for _, err := range list(ctx) {
		if err != nil {
			ended = err
			break
		}
		if n++; n == 10 {
			cancel()
		}
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("%s whose context ended midway = %d, %v, want the context's error", what, n, ended)
	}
}
