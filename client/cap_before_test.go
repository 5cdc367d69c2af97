package client_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A cap that is configured when the campaign has begun bounds all of it: what was sent
// before counts, once, and is given back like anything else.
func TestACapCountsWhatWasSentBefore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cap     client.Cap
		counted int64 // by a version that only counted on
		dies    postproof.Key
		want    int // of three more
	}{
		"pieces":                    {cap: client.Cap{Pieces: 6}, want: 2},
		"of the campaign":           {cap: client.Cap{Campaign: "spring", Pieces: 6}, want: 3},
		"of the vendor":             {cap: client.Cap{Vendor: "alpha", Pieces: 5}, want: 1},
		"of another vendor":         {cap: client.Cap{Vendor: "beta", Pieces: 1}, want: 3},
		"full":                      {cap: client.Cap{Pieces: 4}, want: 0},
		"passed already":            {cap: client.Cap{Pieces: 2}, want: 0},
		"money":                     {cap: client.Cap{Cents: 6*50 + 49}, want: 2},
		"money of the campaign":     {cap: client.Cap{Campaign: "spring", Cents: 5*50 + 49}, want: 2},
		"one of before dies":        {cap: client.Cap{Pieces: 5}, dies: "a", want: 2},
		"one of before dies, money": {cap: client.Cap{Cents: 5 * 50}, dies: "a", want: 2},
		"one of another campaign":   {cap: client.Cap{Campaign: "spring", Pieces: 4}, dies: "d", want: 1},
		"some were counted":         {cap: client.Cap{Pieces: 6}, counted: 3, want: 2},
		"more were counted":         {cap: client.Cap{Pieces: 6}, counted: 5, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				c := newClient(t, store, []*press{p}, seldom())
				for _, key := range []string{"a", "b", "c", "d", "gone"} {
					j := job(key)
					if key == "d" {
						j.Campaign = "autumn"
					}
					if _, err := c.Submit(t.Context(), j); err != nil {
						t.Fatal(err)
					}
				}
				cancelJob(t, c, "gone") // of before, and dead
				runFor(t, c, time.Minute)
				if tc.counted > 0 {
					add := idempotency.CounterAdd{Name: "cap/pieces//", Add: tc.counted}
					if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Counters: []idempotency.CounterAdd{add}}); err != nil {
						t.Fatal(err)
					}
				}
				capped := func() *client.Client {
					return newClient(t, store, []*press{p}, client.WithCap(tc.cap), seldom(),
						client.WithVendor("alpha", vendorConfig(p, func(*postproof.Job) int64 { return 50 })))
				}
				all := make([]*client.Client, 3) // begun together
				var made sync.WaitGroup
				for i := range all {
					made.Go(func() { all[i] = capped() })
				}
				made.Wait()
				c = all[0]
				if tc.dies != "" {
					cancelJob(t, c, tc.dies)
					runFor(t, c, time.Minute)
				}
				sent := 0
				for _, key := range []string{"e", "f", "g"} {
					if rec, _ := capped().Submit(t.Context(), job(key)); rec.State == idempotency.Accepted { // each after a restart
						sent++
					} else if rec.Hold.Reason != idempotency.HoldCap {
						t.Errorf("%s: %v, %v", key, rec, rec.Hold)
					}
				}
				if diff := cmp.Diff(tc.want, sent); diff != "" {
					t.Errorf("sent of three more (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Who only looks knows no prices, and leaves the counting to those who send.
func TestAnOnlookerDoesNotCountForACap(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(postproof.ModeTest)
	c, err := client.New(t.Context(), store, nil, client.WithoutVendors(), client.WithCap(client.Cap{Cents: 100}), client.WithLogger(quiet()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if set, err := store.Setting(t.Context(), "counted/cap/cents//"); err != nil || set.Version != 0 {
		t.Errorf("%+v, %v: an onlooker has counted", set, err)
	}
}

// readThrough is a ledger that counts how often it is read through.
type readThrough struct {
	*idempotency.Memory
	times int
}

func (r *readThrough) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	r.times++
	return r.Memory.Find(ctx, q)
}

// The ledger is read through once for a cap, not at each start.
func TestACapReadsTheLedgerOnce(t *testing.T) {
	t.Parallel()
	store := &readThrough{Memory: idempotency.NewMemory(postproof.ModeTest)}
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	limit := client.WithCap(client.Cap{Pieces: 5, Cents: 100})
	var read []int
	for range 3 {
		before := store.times
		newClient(t, store, []*press{p}, limit)
		read = append(read, store.times-before)
	}
	if diff := cmp.Diff([]int{2, 0, 0}, read); diff != "" {
		t.Errorf("read through at each start (-want +got):\n%s", diff)
	}
}
