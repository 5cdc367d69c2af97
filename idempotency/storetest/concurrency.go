package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func concurrencyChecks() []check {
	return []check{
		{name: "64 create one key, one record is there", run: createRace},
		{name: "each fence is won by one", run: fenceRace},
		{name: "two handles are one ledger", run: twoHandles},
		{name: "what one handle does the other goes by", run: agreeing},
		{name: "a pause stops every intent behind it", run: pauseRace},
		{name: "a context that ends never half-applies", run: canceledMidway},
	}
}

func createRace(t reporter, h Harness) {
	engines := []idempotency.Engine{h.Engine}
	if h.Second != nil {
		second, err := h.Second()
		if err != nil {
			t.Fatalf("Second: %v", err)
		}
		engines = append(engines, second)
	}
	for round := range 5 {
		var won atomic.Int32
		var winner atomic.Value
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 64 {
			wg.Go(func() {
				<-start
				r := sent(round, "lob")
				r.Trace = fmt.Sprint("caller ", i)
				switch err := idempotency.CommitOne(t.Context(), engines[i%len(engines)], create(r)); {
				case err == nil:
					won.Add(1)
					winner.Store(r.Trace)
				case !errors.Is(err, idempotency.ErrExists):
					t.Errorf("Commit: %v, want ErrExists", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d callers were told that they created the record", won.Load())
			continue
		}
		if got := get(t, h.Engine, idOf(round)); got.Trace != winner.Load() {
			t.Errorf("the record is that of %q, the winner was %v", got.Trace, winner.Load())
		}
		if n := len(history(t, h.Engine, idOf(round))); n != 1 {
			t.Errorf("%d entries of one creation", n)
		}
	}
}

// fenceRace lets many take a step from the same form of a record: one may.
func fenceRace(t reporter, h Harness) {
	must(t, h.Engine, create(planned(1)))
	const rounds, callers = 10, 16
	for round := range rounds {
		r := get(t, h.Engine, idOf(1))
		var winner atomic.Value
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				trace := fmt.Sprint("caller ", i)
				c := step(r, func(r *idempotency.Record) { r.Tries++; r.Trace = trace })
				switch err := idempotency.CommitOne(t.Context(), h.Engine, c); {
				case err == nil:
					won.Add(1)
					winner.Store(trace)
				case !errors.Is(err, idempotency.ErrStale):
					t.Errorf("Commit: %v, want ErrStale", err)
				}
			})
		}
		wg.Wait()
		got := get(t, h.Engine, idOf(1))
		if won.Load() != 1 || got.Trace != winner.Load() || got.Tries != round+1 {
			t.Errorf("round %d: %d callers won, the last %v; the record is that of %q, %d steps", round, won.Load(), winner.Load(), got.Trace, got.Tries)
		}
	}
	if n := len(history(t, h.Engine, idOf(1))); n != rounds+1 {
		t.Errorf("%d entries, want %d", n, rounds+1)
	}
}

func twoHandles(t reporter, h Harness) {
	if h.Second == nil {
		return
	}
	second, err := h.Second()
	if err != nil {
		t.Fatalf("Second: %v", err)
	}
	same(t, "identity", identify(t, h.Engine), identify(t, second))
	if identify(t, second).EpochChanged() {
		t.Errorf("a second process changed the epoch")
	}
	must(t, h.Engine, create(planned(1)))
	refuse(t, second, idempotency.ErrExists, create(planned(1)))
	mine := claim(t, second, epoch(), 1)
	if len(mine) != 1 || len(claim(t, h.Engine, epoch(), 1)) != 0 {
		t.Fatalf("a lease of one handle is not known to the other")
	}
	must(t, second, step(mine[0], func(r *idempotency.Record) { r.State = idempotency.Held }))
	if got := get(t, h.Engine, idOf(1)); got.State != idempotency.Held {
		t.Errorf("record is %s, want held, as the other handle wrote", got.State)
	}
	same(t, "all that there is", readAll(t, h.Engine), readAll(t, second))
}

// canceledMidway ends contexts at random moments of a commit: then the change
// is there as a whole, or not at all.
func canceledMidway(t reporter, h Harness) {
	random := rand.New(rand.NewPCG(1, 2))
	const n = 120
	acknowledged := map[int]bool{}
	for i := range n {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
		c := create(sent(i, "lob"))
		c.Entries = append(c.Entries, idempotency.Entry{ID: c.Record.ID, At: epoch(), Kind: "second"})
		c.Counters = []idempotency.CounterAdd{{Name: "made", Add: 1}}
		c.Settings = []idempotency.SettingWrite{{Name: fmt.Sprintf("s%03d", i), Value: []byte("v")}}
		acknowledged[i] = idempotency.CommitOne(ctx, h.Engine, c) == nil
		cancel()
	}
	made := 0
	for i := range n {
		_, err := h.Engine.Get(t.Context(), idOf(i))
		there := err == nil
		if there {
			made++
		}
		set, err := h.Engine.Setting(t.Context(), fmt.Sprintf("s%03d", i))
		if err != nil {
			t.Fatalf("Setting: %v", err)
		}
		entries := len(history(t, h.Engine, idOf(i)))
		refs := len(find(t, h.Engine, idempotency.Query{Ref: refOf(i, 1)}))
		if whole := set.Version == 1 && entries == 2 && refs == 1; there != whole || (!there && (set.Version != 0 || entries != 0 || refs != 0)) {
			t.Errorf("change %d: record %v, setting %d, %d entries, %d references", i, there, set.Version, entries, refs)
		}
		if acknowledged[i] && !there {
			t.Errorf("change %d was acknowledged and is not there", i)
		}
	}
	if n, err := h.Engine.Counter(t.Context(), "made"); n != int64(made) || err != nil {
		t.Errorf("counter = %d, %v, want %d", n, err, made)
	}
}
