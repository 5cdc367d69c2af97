package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestReachableGenerations(t *testing.T) {
	t.Parallel()
	const window = (keyWindow - keyMargin) * tick
	dead := func(generation int) idempotency.Submission {
		return idempotency.Submission{Generation: generation, Vendor: "key", FirstAt: exampleStart(), Join: postproof.Accepted, Fate: idempotency.FateFailed}
	}
	for name, tc := range map[string]struct {
		generation int
		subs       []idempotency.Submission
		within     time.Duration
		vendors    []string
		most       int
		date       time.Duration // after it was created
		want       int
	}{
		"fresh":                           {generation: 1, want: 4},
		"fresh, of a short life":          {generation: 1, most: 2, want: 2},
		"one is spent":                    {generation: 2, subs: []idempotency.Submission{dead(1)}, want: 4},
		"one is spent at two vendors":     {generation: 2, subs: []idempotency.Submission{dead(1), dead(1)}, want: 4},
		"all are spent":                   {generation: 5, subs: []idempotency.Submission{dead(1), dead(2), dead(3), dead(4)}, want: 5},
		"a person decided":                {generation: 2, subs: []idempotency.Submission{{Generation: 1, FirstAt: exampleStart(), Fate: idempotency.FateDecided}}, want: 5},
		"doubted by an earlier recovery":  {generation: 5, subs: []idempotency.Submission{{Generation: 5, Join: postproof.Unknown}}, want: 9},
		"one window of a key":             {generation: 1, within: window, vendors: []string{"key", "list"}, want: 5},
		"less than a window":              {generation: 1, within: window - 1, vendors: []string{"key"}, want: 4},
		"three windows":                   {generation: 1, within: 3*window + 1, vendors: []string{"key"}, want: 7},
		"no window":                       {generation: 1, within: 1000 * window, vendors: []string{"list", "ref", "gone"}, want: 4},
		"no longer than it stays planned": {generation: 1, most: 1, within: 1000 * time.Hour, vendors: []string{"key"}, want: 1 + 24/(keyWindow-keyMargin)},
		"refused before the backup": {
			generation: 1, subs: []idempotency.Submission{{Generation: 1, Vendor: "key", FirstAt: exampleStart(), Join: postproof.Refused}},
			within: 1, vendors: []string{"key"}, want: 5,
		},
		"a date that passes":               {generation: 1, date: time.Hour, within: 1, vendors: []string{"ref"}, want: 5},
		"a date, and no time":              {generation: 1, date: time.Hour, want: 4},
		"a date that had passed before it": {generation: 1, date: -time.Hour, within: 1, vendors: []string{"ref"}, want: 4},
		"planned until its date": {
			generation: 1, most: 1, date: 2 * window, within: 1000 * time.Hour, vendors: []string{"key"}, want: 1 + 24/(keyWindow-keyMargin) + 2 + 1,
		},
		"sent with a date by an earlier version": {
			generation: 1, subs: []idempotency.Submission{{Generation: 1, Vendor: "ref", FirstAt: exampleStart(), SendDate: exampleStart(), Join: postproof.NotSent}},
			within: 1, want: 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := *exampleMachine("key", "list", "ref")
			m.MaxGenerations = tc.most
			r := &idempotency.Record{Generation: tc.generation, Submissions: tc.subs, CreatedAt: exampleStart()}
			if tc.date != 0 {
				r.SendDate = r.CreatedAt.Add(tc.date)
			}
			if got := m.Reachable(r, tc.within, tc.vendors...); got != tc.want {
				t.Errorf("Reachable = %d, want %d", got, tc.want)
			}
		})
	}
}
