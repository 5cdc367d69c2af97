package main

import (
	"encoding/binary"
	"hash/fnv"
	"sync"
	"time"
)

// dice decide what fails: by the seed, the boundary, what it is about, and the
// how-manieth time it is. They are safe for concurrent use.
type dice struct {
	seed uint64

	mu     sync.Mutex
	counts map[point]int
}

// point is a boundary and what comes to it.
type point struct{ boundary, about string }

func newDice(seed uint64) *dice { return &dice{seed: seed, counts: map[point]int{}} }

// next returns a number in [0, 1) for this time that something comes to the
// boundary.
func (d *dice) next(boundary, about string) float64 {
	d.mu.Lock()
	p := point{boundary, about}
	n := d.counts[p] + 1
	d.counts[p] = n
	d.mu.Unlock()
	return d.at(boundary, about, n)
}

// at returns the number of the n-th time.
func (d *dice) at(boundary, about string, n int) float64 {
	return float64(hash(d.seed, boundary, about, n)>>11) / (1 << 53)
}

// pick returns the index of the fault that strikes this time; -1 for none. The
// rates are shares of all times.
func (d *dice) pick(boundary, about string, rates ...float64) int {
	r := d.next(boundary, about)
	for i, rate := range rates {
		if r < rate {
			return i
		}
		r -= rate
	}
	return -1
}

// between returns a time from low up to high.
func (d *dice) between(boundary, about string, low, high time.Duration) time.Duration {
	return low + time.Duration(d.next(boundary, about)*float64(high-low))
}

func hash(seed uint64, boundary, about string, n int) uint64 {
	h := fnv.New64a()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	_, _ = h.Write(b[:])
	_, _ = h.Write([]byte(boundary))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(about))
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	_, _ = h.Write(b[:])
	return mix(h.Sum64())
}

// mix is the finalizer of SplitMix64: FNV alone leaves the high bits of short
// inputs too alike.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
