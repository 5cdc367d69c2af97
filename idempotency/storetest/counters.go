package storetest

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/postproof/postproof/idempotency"
)

func counterChecks() []check {
	return []check{
		{name: "a counter adds up, never below zero, never past its limit", run: counting},
		{name: "many callers never pass a limit together", run: limitRace},
		{name: "a setting is written only by who has read it", run: settings},
		{name: "settings are listed by prefix and name", run: settingList},
	}
}

func counting(t reporter, h Harness) {
	for i, tt := range []struct {
		add, limit, want int64
		err              error
	}{
		{3, 0, 3, nil},
		{4, 7, 7, nil},
		{1, 7, 7, idempotency.ErrLimit},
		{1, 0, 8, nil},
		{-2, 5, 6, nil}, // taking away is allowed above the limit, too
		{0, 5, 6, nil},
		{-100, 0, 0, nil},
		{2, 1, 0, idempotency.ErrLimit},
		{math.MaxInt64, 0, math.MaxInt64, nil},
		{1, 0, math.MaxInt64, nil},
	} {
		c := idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "cap/spring", Add: tt.add, Limit: tt.limit}}}
		if err := idempotency.CommitOne(t.Context(), h.Engine, c); !errors.Is(err, tt.err) {
			t.Errorf("step %d: %v, want %v", i, err, tt.err)
		}
		if n, err := h.Engine.Counter(t.Context(), "cap/spring"); n != tt.want || err != nil {
			t.Errorf("step %d: counter = %d, %v, want %d", i, n, err, tt.want)
		}
	}
	if n, err := h.Engine.Counter(t.Context(), "cap"); n != 0 || err != nil {
		t.Errorf("a counter that was never used = %d, %v", n, err)
	}
	twice := idempotency.CounterAdd{Name: "twice", Add: 3, Limit: 6}
	must(t, h.Engine, idempotency.Change{Counters: []idempotency.CounterAdd{twice, twice}})
	if n, err := h.Engine.Counter(t.Context(), "twice"); n != 6 || err != nil {
		t.Errorf("added to twice in one change = %d, %v, want 6", n, err)
	}
}

func limitRace(t reporter, h Harness) {
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			c := create(planned(i))
			c.Counters = []idempotency.CounterAdd{{Name: "cap", Add: 1, Limit: 10}}
			switch err := idempotency.CommitOne(t.Context(), h.Engine, c); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, idempotency.ErrLimit):
				t.Errorf("Commit: %v", err)
			}
		})
	}
	wg.Wait()
	n, err := h.Engine.Counter(t.Context(), "cap")
	if made.Load() != 10 || n != 10 || err != nil {
		t.Errorf("%d were made, the counter is %d (%v), want 10", made.Load(), n, err)
	}
	if ids := find(t, h.Engine, idempotency.Query{}); len(ids) != 10 {
		t.Errorf("%d records, want 10", len(ids))
	}
}

func settings(t reporter, h Harness) {
	if s, err := h.Engine.Setting(t.Context(), "pause"); err != nil || s.Version != 0 || s.Value != nil || s.Name != "" {
		t.Errorf("a setting that was never made = %+v, %v, want the zero setting", s, err)
	}
	write := func(value string, expect uint64) idempotency.Change {
		return idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "pause", Value: []byte(value), Expect: expect}}}
	}
	refuse(t, h.Engine, idempotency.ErrStale, write("early", 1))
	must(t, h.Engine, write("on", 0))
	refuse(t, h.Engine, idempotency.ErrStale, write("again", 0))
	must(t, h.Engine, write("off", 1))
	s, err := h.Engine.Setting(t.Context(), "pause")
	if err != nil {
		t.Fatalf("Setting: %v", err)
	}
	same(t, "setting", idempotency.Setting{Name: "pause", Value: []byte("off"), Version: 2}, s)
	// Ten want to be the next: one is.
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if idempotency.CommitOne(t.Context(), h.Engine, write(fmt.Sprint(i), 2)) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers of one version won", won.Load())
	}
}

func settingList(t reporter, h Harness) {
	for _, name := range []string{"b/2", "a", "b/1", "b", "b/ä", "c%_", "cxx", "B/3"} {
		must(t, h.Engine, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: name, Value: []byte(name)}}})
	}
	for prefix, want := range map[string][]string{
		"":   {"B/3", "a", "b", "b/1", "b/2", "b/ä", "c%_", "cxx"},
		"b/": {"b/1", "b/2", "b/ä"},
		"b":  {"b", "b/1", "b/2", "b/ä"},
		"c%": {"c%_"},
		"d":  {},
	} {
		got := []string{}
		for _, s := range collect(t, h.Engine.Settings(t.Context(), prefix)) {
			got = append(got, s.Name)
			if string(s.Value) != s.Name || s.Version != 1 {
				t.Errorf("setting %q = %q, version %d", s.Name, s.Value, s.Version)
			}
		}
		same(t, "prefix "+prefix, want, got)
	}
}
