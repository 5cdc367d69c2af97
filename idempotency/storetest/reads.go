package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/postproof/postproof/idempotency"
)

// reads gives the change something that it depends on.
func reads(c idempotency.Change, name string, version uint64) idempotency.Change {
	c.Reads = append(c.Reads, idempotency.SettingRead{Name: name, Version: version})
	return c
}

func writes(name string, expect uint64) idempotency.Change {
	return idempotency.Change{Settings: []idempotency.SettingWrite{{Name: name, Value: []byte("on"), Expect: expect}}}
}

// dependsOnSettings: who has read a setting, or that there is none, changes
// nothing after somebody has written it.
func dependsOnSettings(t reporter, h Harness) {
	must(t, h.Engine, reads(create(planned(1)), "pauses", 0))
	must(t, h.Engine, writes("other", 0))
	must(t, h.Engine, reads(reads(create(planned(2)), "pauses", 0), "other", 1))
	before := readAll(t, h.Engine, "n")
	for _, version := range []uint64{1, 7} {
		refuse(t, h.Engine, idempotency.ErrStale, reads(create(planned(3)), "pauses", version))
	}
	refuse(t, h.Engine, idempotency.ErrStale, reads(reads(create(planned(3)), "pauses", 0), "other", 0))
	whole := reads(create(planned(3)), "other", 2)
	whole.Counters = []idempotency.CounterAdd{{Name: "n", Add: 1}}
	refuse(t, h.Engine, idempotency.ErrStale, whole)
	same(t, "after what was refused", before, readAll(t, h.Engine, "n"))

	// One call: each change sees what the ones before it have written, and only
	// those that have read something else are refused.
	own := reads(writes("pauses", 1), "pauses", 1)
	errs, err := h.Engine.Commit(t.Context(), []idempotency.Change{
		reads(create(planned(4)), "pauses", 0),
		writes("pauses", 0),
		reads(create(planned(5)), "pauses", 0),
		reads(create(planned(6)), "pauses", 1),
		create(planned(7)),
		own,
		reads(create(planned(8)), "pauses", 1),
		reads(create(planned(9)), "pauses", 2),
		{Reads: []idempotency.SettingRead{{Name: "other", Version: 1}, {Name: "pauses", Version: 1}}},
	})
	stale := idempotency.ErrStale
	for i, want := range []error{nil, nil, stale, nil, nil, nil, stale, nil, stale} {
		if err != nil || len(errs) != 9 || !errors.Is(errs[i], want) {
			t.Fatalf("change %d of one call: %v, %v, want %v", i, errs, err, want)
		}
	}
	same(t, "records", sorted(1, 2, 4, 6, 7, 9), find(t, h.Engine, idempotency.Query{}))
	// And so in the calls after it.
	refuse(t, h.Engine, idempotency.ErrStale, reads(create(planned(10)), "pauses", 0))
	must(t, h.Engine, reads(create(planned(10)), "pauses", 2))
}

// pauseRace: in commit order, no intent that has read the ledger as it was
// before a pause stands behind that pause, whoever wrote which. The first round's
// setting was never made.
func pauseRace(t reporter, h Harness) {
	engines := []idempotency.Engine{h.Engine}
	if h.Second != nil {
		second, err := h.Second()
		if err != nil {
			t.Fatalf("Second: %v", err)
		}
		engines = append(engines, second)
	}
	const rounds = 4
	for round := range rounds {
		pauseRound(t, engines, round)
	}
	pauses, late := 0, 0
	for _, e := range collect(t, h.Engine.Entries(t.Context(), idempotency.EntryQuery{})) {
		switch {
		case e.Kind == "paused":
			pauses++
		case e.Note != fmt.Sprint(pauses):
			late++
		}
	}
	if pauses != rounds || late > 0 {
		t.Errorf("%d intents stand behind the pause that they had not read, of %d", late, pauses)
	}
}

// pauseRound lets workers of all the engines write intents until a pause stops
// them.
func pauseRound(t reporter, engines []idempotency.Engine, round int) {
	const workers = 4
	var begun, stopped sync.WaitGroup
	var paused atomic.Bool
	// In this order also where the test ends early: none of them outlives it.
	defer stopped.Wait()
	defer paused.Store(true)
	begun.Add(workers)
	for w := range workers {
		stopped.Go(func() {
			once := sync.OnceFunc(begun.Done)
			defer once()
			for i, behind := 0, 0; behind < 50; i++ {
				if paused.Load() {
					behind++
				}
				c := reads(create(planned(1_000_000*round+10*i+w)), "pauses", uint64(round))
				c.Entries[0].Note = fmt.Sprint(round)
				err := idempotency.CommitOne(t.Context(), engines[w%len(engines)], c)
				if errors.Is(err, idempotency.ErrStale) {
					return
				}
				if err != nil {
					t.Errorf("Commit: %v", err)
					return
				}
				if i == 2 {
					once()
				}
			}
			t.Errorf("round %d: 50 intents behind the pause, and none was stopped", round)
		})
	}
	begun.Wait()
	pause := writes("pauses", uint64(round))
	pause.Entries = []idempotency.Entry{{At: epoch(), Kind: "paused"}}
	must(t, engines[round%len(engines)], pause)
	paused.Store(true)
	// What begins now, anywhere, has no chance.
	for i, e := range engines {
		refuse(t, e, idempotency.ErrStale, reads(create(planned(1_000_000*round+999_990+i)), "pauses", uint64(round)))
	}
}
