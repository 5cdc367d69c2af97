package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// workload is one exploration: which vendors there are, and what may happen.
type workload struct {
	name    string
	vendors []string
	left    budget
	lag     int16
	silent  bool
	policy  idempotency.Policy
	patient bool
}

// three are a vendor that honors a key, one where our reference is unique, and
// one that can neither be asked again nor looked up.
func three() []string { return []string{"key", "ref", "blind"} }

// explores visits every world of each workload.
func explores(t *testing.T, strict bool, all []workload) {
	t.Helper()
	for _, l := range all {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			x := newWorkers(strict, flawNone, l.vendors...)
			x.silent, x.lag, x.policy, x.patient = l.silent, max(x.lag, l.lag), l.policy, l.patient
			x.run(t, affordable(l.left))
			t.Log(time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestModelOfTwoWorkers explores one job, two workers, each with its own read of
// the record, and three vendors that can do different things, any of which may
// be tried first. Every interleaving of the workers' steps is visited, with a
// crash and a stall before each of them.
//
// The bounds: the numbers of faults and of wishes in each workload; a fault is a
// crash, a stall, a lost or refused request, a lost answer, a lag, an
// unacknowledged or impossible write, a failed or useless look-up, or a vendor
// that gives a piece up. Time is counted in ticks of half an hour, windows and
// deadlines are a few ticks long, eight orders at most. Within them no world is
// left out: it fails when the limit is reached first. Bytes arrive, and are
// shown, within the settle time; see TestModelOfFrozenWorkers for the rest. One
// worker's clock may be a tick ahead of the other's and of the vendors', or behind,
// where the margin of the key and the settle time have that tick to spare.
//
// Worlds are known by what is still looked at in them, see
// TestModelTakesOnlyTheSameForTheSame. Risks that people take are in
// TestModelOfRisksTaken, other jobs in TestModelOfControlPieces.
func TestModelOfTwoWorkers(t *testing.T) {
	t.Parallel()
	unraced(t)
	explores(t, true, []workload{
		{name: "faults", vendors: three(), left: budget{faults: 2}},
		{name: "callbacks early, twice and out of order", vendors: three(), left: budget{faults: 1, calls: 2}},
		{name: "a wish and a callback", vendors: three(), left: budget{faults: 1, calls: 1, wishes: 1}},
		{name: "people", vendors: three(), left: budget{faults: 1, amends: 1, people: 1}},
		{name: "a replay", vendors: three(), left: budget{faults: 1, calls: 1, replays: 1}},
		{name: "a wish and a look-up", vendors: []string{"list", "key", "ref"}, left: budget{faults: 1, calls: 1, wishes: 1}},
		{name: "another piece", vendors: three(), left: budget{faults: 1, garbled: 1}},
		{name: "a clock behind", vendors: []string{"keyspare", "ref", "blind"}, left: budget{faults: 1, slow: 2, calls: 1}},
		{name: "a clock ahead", vendors: []string{"keyspare", "ref", "blind"}, left: budget{faults: 1, fast: 1, calls: 1}},
		{name: "a clock behind, key", vendors: []string{"keyspare"}, left: budget{faults: 2, slow: 2}},
		{name: "a clock ahead, key", vendors: []string{"keyspare"}, left: budget{faults: 2, fast: 1}},
		{name: "a clock behind, look-up", vendors: []string{"listspare"}, left: budget{faults: 2, slow: 1}},
		{name: "a clock ahead, look-up", vendors: []string{"listspare"}, left: budget{faults: 2, fast: 1}},
		{name: "a clock ahead, a wish", vendors: []string{"keyspare", "listspare"}, left: budget{faults: 1, fast: 1, wishes: 1}},
		{name: "pruned and handed in again", vendors: three(), left: budget{faults: 1, calls: 1, prunes: 1}},
		{name: "any backup restored", vendors: three(), left: budget{restores: 1}},
		{name: "any backup restored, callbacks", vendors: []string{"key", "ref"}, left: budget{restores: 1, calls: 1}},
		{name: "any backup restored, a wish", vendors: []string{"ref", "blind"}, left: budget{restores: 1, wishes: 1}},
		{name: "any backup restored after a fault", vendors: []string{"key"}, left: budget{restores: 1, faults: 1}},
		{name: "vendors fall silent", vendors: three(), left: budget{faults: 1, wishes: 1}, silent: true},
		{name: "an index that lags for hours", vendors: []string{"ref"}, left: budget{faults: 1}, lag: longLag},
	})
}

// TestModelOfFrozenWorkers lets a worker freeze between its last look at the
// clock and its first byte, and bytes stay on the way, for as long as they like.
// No client can prevent that two pieces come of it: they must not go unnoticed.
func TestModelOfFrozenWorkers(t *testing.T) {
	t.Parallel()
	unraced(t)
	explores(t, false, []workload{
		{name: "callbacks", vendors: three(), left: budget{faults: 1, calls: 2}},
		{name: "a wish", vendors: three(), left: budget{faults: 1, wishes: 1}},
		{name: "faults, key", vendors: []string{"key"}, left: budget{faults: 2}},
		{name: "faults, neither", vendors: []string{"blind"}, left: budget{faults: 2}},
	})
}
