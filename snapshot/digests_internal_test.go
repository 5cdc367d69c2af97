package snapshot

import (
	"math/rand/v2"
	"testing"
)

// What came again is never held back, however the tables grew in between, and of
// the rest little passes as long as there is room.
func TestSieve(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	for name, tc := range map[string]struct {
		size, doubled int
		one           int     // in so many comes again
		most          float64 // of the others that pass
	}{
		"roomy":              {size: 1 << 20, one: 200, most: 0.05},
		"doubled":            {size: 1 << 12, doubled: 3, one: 200, most: 0.4},
		"doubled, many":      {size: 1 << 12, doubled: 3, one: 2, most: 0.9},
		"overflowing":        {size: 64, one: 200, most: 1},
		"overflowing, twice": {size: 64, doubled: 1, one: 200, most: 1},
	} {
		random := rand.New(rand.NewPCG(1, 2))
		s, again := newSieve(tc.size), map[uint64]bool{}
		var waiting []uint64 // to come again, across a doubling
		for i := range rows {
			key := random.Uint64()
			s.add(key)
			again[key] = i%tc.one == 0
			if again[key] {
				waiting = append(waiting, key)
			}
			if tc.doubled > 0 && i%(rows/(tc.doubled+1)) == 0 {
				s.double()
			}
			if len(waiting) > 50 {
				s.add(waiting[0])
				waiting = waiting[1:]
			}
		}
		for _, key := range waiting {
			s.add(key)
		}
		s.settle(8 * len(s.few))
		passed, others := 0, 0
		for key, came := range again {
			switch {
			case came && !s.repeated(key):
				t.Fatalf("%s: what came again is held back", name)
			case !came:
				others++
				if s.repeated(key) {
					passed++
				}
			}
		}
		if share := float64(passed) / float64(others); share > tc.most {
			t.Errorf("%s: %.2f of the others pass, want at most %.2f", name, share, tc.most)
		}
	}
}
