package main

import (
	"encoding/binary"
	"hash/fnv"
	"testing"
)

// A seed stands for the same worlds for ever: what was found with it is found
// again.
func TestDiceAreThoseOfTheSeed(t *testing.T) {
	t.Parallel()
	want := func(seed uint64, boundary, about string, n int) float64 {
		h := fnv.New64a()
		text := binary.LittleEndian.AppendUint64(nil, seed)
		text = append(append(append(text, boundary...), 0), about...)
		_, _ = h.Write(binary.LittleEndian.AppendUint64(text, uint64(n)))
		return float64(mix(h.Sum64())>>11) / (1 << 53)
	}
	for _, seed := range []uint64{0, 1, 1 << 63, 0x0123456789abcdef} {
		d := newDice(seed)
		for _, at := range [][2]string{{"", ""}, {"a", ""}, {"", "a"}, {"net.submit", "0123456789ABCDEF"}, {"net.sub", "mit0123456789ABCDEF"}, {"é", "\xff\x00"}} {
			for n := 1; n < 300; n++ {
				if got := d.next(at[0], at[1]); got != want(seed, at[0], at[1], n) {
					t.Fatalf("seed %d, %q, time %d: %v, want %v", seed, at, n, got, want(seed, at[0], at[1], n))
				}
			}
			if got := d.at(at[0], at[1], -7); got != want(seed, at[0], at[1], -7) {
				t.Errorf("seed %d, %q: %v", seed, at, got)
			}
		}
	}
}
