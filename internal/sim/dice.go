package main

import (
	"sync"
	"time"
)

// dice decide what fails: by the seed, the boundary, what it is about, and the
// how-manieth time it is. They are safe for concurrent use.
type dice struct {
	seed uint64

	mu sync.Mutex
	// counts is how often something came to a boundary, by the hash of both.
	counts map[uint64]int
}

func newDice(seed uint64) *dice { return &dice{seed: seed, counts: map[uint64]int{}} }

// next returns a number in [0, 1) for this time that something comes to the
// boundary.
func (d *dice) next(boundary, about string) float64 {
	p := point(d.seed, boundary, about)
	d.mu.Lock()
	n := d.counts[p] + 1
	d.counts[p] = n
	d.mu.Unlock()
	return share(hashOf(p, n))
}

// at returns the number of the n-th time.
func (d *dice) at(boundary, about string, n int) float64 {
	return share(hash(d.seed, boundary, about, n))
}

// share returns the number in [0, 1) that the high bits stand for.
func share(h uint64) float64 { return float64(h>>11) / (1 << 53) }

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
	return hashOf(point(seed, boundary, about), n)
}

// The hash is 64-bit FNV-1a, written out: it is taken tens of times for each
// job, and package hash/fnv wants slices of bytes.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// point returns the hash of a boundary and what comes to it.
func point(seed uint64, boundary, about string) uint64 {
	h := fnvNumber(fnvOffset, seed)
	for i := range len(boundary) {
		h = (h ^ uint64(boundary[i])) * fnvPrime
	}
	h *= fnvPrime // a zero between the two
	for i := range len(about) {
		h = (h ^ uint64(about[i])) * fnvPrime
	}
	return h
}

// hashOf returns the hash of the n-th time at a point.
func hashOf(p uint64, n int) uint64 { return mix(fnvNumber(p, uint64(n))) }

func fnvNumber(h, x uint64) uint64 {
	for range 8 {
		h = (h ^ x&0xff) * fnvPrime
		x >>= 8
	}
	return h
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
