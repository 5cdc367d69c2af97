package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof"
)

// cost is what one call costs.
type cost struct {
	NS float64 `json:"ns_per_op"`
	// CPU is the time on a processor, the vendor's part included; 0 where the
	// system does not tell.
	CPU    float64 `json:"cpu_ns_per_op"`
	Allocs float64 `json:"allocs_per_op"`
	Bytes  float64 `json:"bytes_per_op"`
}

// measure calls f n times, one after the other. What the vendor in this
// process allocates counts as well, for every peer alike.
func measure(n int, f func(i int) error) (cost, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, busy := time.Now(), cpuTime()
	for i := range n {
		if err := f(i); err != nil {
			return cost{}, err
		}
	}
	took := time.Since(start)
	busy = cpuTime() - busy
	runtime.ReadMemStats(&after)
	return cost{
		NS:     float64(took.Nanoseconds()) / float64(n),
		CPU:    float64(busy.Nanoseconds()) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// submitRow is the comparison of one peer on one network.
type submitRow struct {
	Network network `json:"network"`
	Peer    string  `json:"peer"`
	cost
	// Ratio is the median over the rounds of the time against that of net/http
	// in the same round.
	Ratio float64 `json:"ratio"`
	// CPURatio is the same for the time on a processor; 0 when not known.
	CPURatio float64 `json:"cpu_ratio,omitempty"`
	// AllocsAbove is how many allocations more than net/http it makes.
	AllocsAbove float64 `json:"allocs_above"`
}

// warmUp is how many calls come before the measured ones: connections are
// open then, and artwork is known.
const warmUp = 64

// compareSubmits measures all peers in interleaved rounds: A B C A B C.
func compareSubmits(ctx context.Context, n network, rounds, calls int) ([]submitRow, error) {
	v, err := startVendor(ctx, n)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	all := peers()
	costs := make([][]cost, len(all))
	for round := range rounds {
		for i, p := range all {
			c, err := submitRound(ctx, v, p, "r"+strconv.Itoa(round), calls)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			costs[i] = append(costs[i], c)
		}
	}
	rows := make([]submitRow, len(all))
	for i, p := range all {
		ratios, busy := make([]float64, rounds), make([]float64, rounds)
		for r := range ratios {
			ours, bare := costs[i][r], costs[0][r]
			ratios[r], busy[r] = ours.NS/bare.NS, ours.CPU/max(1, bare.CPU)
		}
		rows[i] = submitRow{Network: n, Peer: p.name, cost: medianCost(costs[i]), Ratio: median(ratios), CPURatio: median(busy)}
		rows[i].AllocsAbove = rows[i].Allocs - rows[0].Allocs
	}
	return rows, nil
}

// submitRound opens a peer anew, so that no round pays for the heap of another,
// and measures it.
func submitRound(ctx context.Context, v *vendor, p peer, run string, calls int) (c cost, err error) {
	s, err := p.open(ctx, v)
	if err != nil {
		return cost{}, err
	}
	defer func() { err = joinClose(err, s.close) }()
	piece := postcard()
	submit := func(jobs func(int) *postproof.Job) func(int) error {
		return func(i int) error { return s.submit(ctx, jobs(i)) }
	}
	if _, err := measure(min(warmUp, calls), submit(makeJobs(run+"-warm", piece))); err != nil {
		return cost{}, err
	}
	return measure(calls, submit(makeJobs(run, piece)))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func medianCost(costs []cost) cost {
	of := func(f func(cost) float64) float64 {
		values := make([]float64, len(costs))
		for i, c := range costs {
			values[i] = f(c)
		}
		return median(values)
	}
	return cost{
		NS:     of(func(c cost) float64 { return c.NS }),
		CPU:    of(func(c cost) float64 { return c.CPU }),
		Allocs: of(func(c cost) float64 { return c.Allocs }),
		Bytes:  of(func(c cost) float64 { return c.Bytes }),
	}
}
