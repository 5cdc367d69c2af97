package idempotency_test

import (
	"slices"
	"strings"
	"testing"
)

// different tells of two worlds that the key takes for one, and that do not have
// the same futures.
func (x *explorer) different(a, b world) string {
	first, again := x.futures(a), x.futures(b)
	if slices.Equal(first, again) {
		return ""
	}
	only := func(of, not []string) (all []string) {
		for _, f := range of {
			if !slices.Contains(not, f) {
				do, _, _ := strings.Cut(f, "\x00")
				all = append(all, do)
			}
		}
		return all
	}
	return strings.Join(only(first, again), ", ") + " leads elsewhere in\n" + describe(&a) + "\nthan " + strings.Join(only(again, first), ", ") +
		" in\n" + describe(&b)
}

// futures lists what can follow a world, in the order of the alphabet.
func (x *explorer) futures(w world) []string {
	var all []string
	x.step(&w, func(mv move, next world) {
		d := x.digest(&next)
		do := strings.Replace(mv.do, owner(1), owner(0), 1) // they are alike
		all = append(all, do+"\x00"+string(mv.vendor)+string(mv.gen)+string(d[:]))
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// TestModelTakesOnlyTheSameForTheSame shows that nothing is hidden by the key
// under which worlds are known: where two have one key, the same can follow, and
// leads to worlds with the same keys. Then what the first can come to, so can the
// second, and to visit one is enough.
func TestModelTakesOnlyTheSameForTheSame(t *testing.T) {
	t.Parallel()
	unraced(t)
	for _, tc := range []struct {
		vendors []string
		left    budget
		workers bool
	}{
		{[]string{"keyonly", "ref"}, budget{faults: 1, wishes: 1, calls: 1}, false},
		{[]string{"list", "key"}, budget{faults: 1, calls: 1, people: 1}, false},
		{[]string{"list"}, budget{faults: 1, restores: 1}, false},
		{[]string{"blind", "ref"}, budget{faults: 1, erasures: 1}, false},
		{[]string{"list"}, budget{faults: 1, strangers: 1, wishes: 1}, false},
		{[]string{"key", "list"}, budget{faults: 1, rotated: 1}, false},
		{[]string{"key", "blind"}, budget{faults: 1, calls: 1, replays: 1}, true},
		{[]string{"list", "key"}, budget{faults: 1, amends: 1}, true},
		{[]string{"key", "ref"}, budget{restores: 1}, true},
		{[]string{"keyspare"}, budget{faults: 1, fast: 1}, true},
		{[]string{"listspare"}, budget{faults: 1, slow: 1}, true},
		{[]string{"blind"}, budget{faults: 1, risks: 1, people: 1}, true},
		{[]string{"list"}, budget{faults: 1, others: 1}, true},
	} {
		t.Run(strings.Join(tc.vendors, "+"), func(t *testing.T) {
			t.Parallel()
			x := newExplorer(true, tc.vendors...)
			x.workers, x.firsts = tc.workers, map[[16]byte]world{}
			x.run(t, affordable(tc.left))
			if x.differ != "" {
				t.Errorf("two worlds are taken for one: %s", x.differ)
			}
		})
	}
}
