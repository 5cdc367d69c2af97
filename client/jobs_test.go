package client_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// halfRead is a store whose lists break off behind the first row.
type halfRead struct{ client.Store }

func brokenOff[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range all {
			if !yield(v, err) {
				return
			}
			break
		}
		var none T
		if yield(none, errStore) {
			yield(none, errStore) // whoever goes on is told again
		}
	}
}

func (s halfRead) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return brokenOff(s.Store.Find(ctx, q))
}

func (s halfRead) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return brokenOff(s.Store.Entries(ctx, q))
}

// A list that cannot be read to its end says so once, in the package's own error.
func TestListsTellWhatTheLedgerSaid(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, nil, client.WithoutVendors())
	entries := []idempotency.Entry{
		{ID: idempotency.IDOf("a"), At: time.Now(), Kind: "late_arrival"}, {ID: idempotency.IDOf("a"), At: time.Now(), Kind: "late_arrival"},
	}
	var made []idempotency.Change
	for _, key := range []postproof.Key{"a", "b"} {
		rec := &idempotency.Record{ID: idempotency.IDOf(key), Key: key, Job: []byte("{}"), State: idempotency.Held, Mode: postproof.ModeTest, Fence: 1}
		made = append(made, idempotency.Change{Record: rec, Entries: entries})
	}
	if errs, err := store.Commit(t.Context(), made); err != nil || errors.Join(errs...) != nil {
		t.Fatal(errs, err)
	}
	broken := newClient(t, halfRead{store}, nil, client.WithoutVendors())
	for name, list := range map[string]func(*client.Client) (read int, _ []error){
		"history":   func(c *client.Client) (int, []error) { return readAll(c.History(t.Context(), "a")) },
		"held":      func(c *client.Client) (int, []error) { return readAll(c.Held(t.Context(), "")) },
		"incidents": func(c *client.Client) (int, []error) { return readAll(c.Incidents(t.Context())) },
	} {
		if n, errs := list(c); n < 2 || errs != nil {
			t.Errorf("%s of a whole ledger: %d rows, %v", name, n, errs)
		}
		n, errs := list(broken)
		if n != 1 || len(errs) != 1 {
			t.Errorf("%s: %d rows and %d errors, want one each", name, n, len(errs))
			continue
		}
		e, ok := errors.AsType[*postproof.Error](errs[0])
		if !ok || !errors.Is(e, errStore) {
			t.Errorf("%s: %v is not a *postproof.Error around the store's", name, errs[0])
			continue
		}
		want := [...]any{name, postproof.CodeUnavailable, postproof.Unknown}
		if diff := cmp.Diff(want, [...]any{e.Op, e.Code, e.Delivery}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func readAll[T any](all iter.Seq2[T, error]) (n int, errs []error) {
	for _, err := range all {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n++
	}
	return n, errs
}
