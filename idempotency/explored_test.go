package idempotency_test

import (
	"strings"
	"testing"
	"time"
)

// unraced marks a test that explores the machine, which is pure: the race
// detector has nothing to find in it and makes each step several times as slow.
// The test is left out under it, and make test runs it once more without.
func unraced(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("nothing here is concurrent: explored without the race detector")
	}
}

// affordable leaves a smaller world to explore where go test -short asks for it.
func affordable(b budget) budget {
	if testing.Short() {
		b.faults, b.calls = max(1, b.faults-1), min(b.calls, 1)
		if b.restores > 0 {
			b.faults = 0
		}
	}
	return b
}

func TestExploreFindsNoWayToPrintTwiceOrForget(t *testing.T) {
	t.Parallel()
	unraced(t)
	for _, tc := range []struct {
		vendors []string
		left    budget
	}{
		{[]string{"key", "ref"}, budget{faults: 3}},
		{[]string{"list", "key"}, budget{faults: 2, calls: 1}},
		{[]string{"blind", "list"}, budget{faults: 2, people: 1}},
		{[]string{"blind"}, budget{faults: 1, people: 3}},
		{[]string{"blind", "ref"}, budget{faults: 1, people: 2, calls: 1, wishes: 1}},
		{[]string{"key", "list"}, budget{faults: 2, wishes: 1}},
		{[]string{"keyonly", "ref"}, budget{faults: 2, wishes: 1, calls: 1}},
		{[]string{"ref", "blind", "list"}, budget{faults: 1, wishes: 1, amends: 1, people: 1}},
		{[]string{"list"}, budget{faults: 1, restores: 1, wishes: 1}},
		{[]string{"list", "blind"}, budget{faults: 1, restores: 1, people: 1}},
		{[]string{"key"}, budget{faults: 1, restores: 1, calls: 1}},
		{[]string{"blind", "list"}, budget{faults: 2, replays: 1}},
		{[]string{"key", "ref"}, budget{faults: 1, wishes: 1, replays: 2}},
		{[]string{"key", "list"}, budget{faults: 2, erasures: 1}},
		{[]string{"ref", "list"}, budget{faults: 1, erasures: 2, calls: 1}},
		{[]string{"blind", "keyonly"}, budget{faults: 1, erasures: 1, wishes: 1, people: 1}},
		{[]string{"list"}, budget{faults: 1, erasures: 1, restores: 1}},
	} {
		t.Run(strings.Join(tc.vendors, "+"), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			newExplorer(true, tc.vendors...).run(t, affordable(tc.left))
			t.Log(time.Since(start).Round(time.Millisecond))
		})
	}
}

// Beyond the assumptions, when bytes arrive after any settle time, two pieces
// can exist. They must not go unnoticed.
func TestExploreNoticesWhatArrivesTooLate(t *testing.T) {
	t.Parallel()
	unraced(t)
	for _, tc := range []struct {
		vendors []string
		left    budget
	}{
		{[]string{"list", "ref"}, budget{faults: 1, calls: 1}},
		{[]string{"key", "list"}, budget{faults: 2}},
		{[]string{"ref"}, budget{faults: 2, wishes: 1}},
		{[]string{"blind", "key"}, budget{faults: 2, people: 1}},
		{[]string{"keyonly", "list"}, budget{faults: 2, calls: 1}},
	} {
		t.Run(strings.Join(tc.vendors, "+"), func(t *testing.T) {
			t.Parallel()
			newExplorer(false, tc.vendors...).run(t, affordable(tc.left))
		})
	}
}
