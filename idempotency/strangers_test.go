package idempotency_test

import (
	"strings"
	"testing"
	"time"
)

// TestModelOfStrangers explores a job that is claimed by workers who cannot do what
// is next: they have no adapter of the vendor that has the piece, no credentials of
// its account, or other credentials of it, which the vendor may know no key by. What
// one cannot do waits for another, or is held; and with whose credentials a piece
// came is never forgotten.
func TestModelOfStrangers(t *testing.T) {
	t.Parallel()
	unraced(t)
	for _, tc := range []struct {
		vendors []string
		left    budget
	}{
		{[]string{"key", "list"}, budget{faults: 1, strangers: 2, wishes: 1}},
		{[]string{"list"}, budget{faults: 1, strangers: 1, wishes: 1, people: 1}},
		{[]string{"ref", "blind"}, budget{faults: 1, strangers: 1, wishes: 1, calls: 1}},
		{[]string{"key"}, budget{strangers: 1, wishes: 1, restores: 1}},
		{[]string{"list", "key"}, budget{faults: 1, strangers: 1, erasures: 1}},
		{[]string{"key", "list"}, budget{faults: 2, rotated: 1}},
		{[]string{"keyonly", "ref"}, budget{faults: 2, rotated: 2}},
		{[]string{"list"}, budget{faults: 2, rotated: 1, people: 1}},
		{[]string{"ref", "key"}, budget{faults: 1, rotated: 1, strangers: 1, wishes: 1}},
	} {
		t.Run(strings.Join(tc.vendors, "+"), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			newExplorer(true, tc.vendors...).run(t, affordable(tc.left))
			t.Log(time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestEveryRuleForStrangersIsNeeded takes out one rule after the other for those who
// cannot do what is next.
func TestEveryRuleForStrangersIsNeeded(t *testing.T) {
	t.Parallel()
	unraced(t)
	for _, tc := range []struct {
		rule    int
		without flaw
		want    string
		vendors []string
		left    budget
	}{
		{3, flawOtherKey, "two pieces exist", []string{"key"}, budget{faults: 1, rotated: 1}},
		{3, flawNoAlso, "whose it is is forgotten", []string{"list"}, budget{faults: 1, rotated: 1}},
		{13, flawGivenUp, "given up", []string{"key"}, budget{wishes: 1, strangers: 1}},
		{13, flawNotAgain, "given up", []string{"list"}, budget{wishes: 1, strangers: 1}},
	} {
		t.Run(string(tc.without), func(t *testing.T) {
			t.Parallel()
			x := newExplorer(true, tc.vendors...)
			x.flaw, x.m = tc.without, newRulebook(tc.without, tc.vendors...)
			why := x.explore(tc.left)
			if !strings.HasPrefix(why, tc.want) {
				t.Fatalf("rule %d is taken out, and in %d worlds nothing is %q: %s", tc.rule, len(x.parents), tc.want, why)
			}
			t.Logf("rule %d: after %d worlds: %s", tc.rule, len(x.parents), why)
		})
	}
}
