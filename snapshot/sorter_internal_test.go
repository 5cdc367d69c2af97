package snapshot

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSorter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 255, 256, 1000, 5000} {
		for _, limit := range []int{recordBytes, 10 * recordBytes, 1000 * recordBytes, 1 << 20} {
			for _, digests := range []bool{false, true} {
				if limit == recordBytes && n > 1000 {
					continue // thousands of runs of one
				}
				s := sorter{limit: limit, digests: digests, open: func() (scratchFile, error) { return newScratch(t.TempDir(), "x*") }}
				var want []record
				for i := range n {
					r := record{key: rng.Uint64(), low: rng.Uint32(), more: uint64(i), row: uint32(i)}
					switch rng.IntN(4) {
					case 0: // the same first bits, or all of them
						r.key = 5<<60 + uint64(rng.IntN(3))
						r.low = uint32(rng.IntN(2))
					case 1:
						r.key = 0
					}
					want = append(want, r)
					if err := s.add(r); err != nil {
						t.Fatal(err)
					}
				}
				slices.SortFunc(want, func(a, b record) int {
					return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.low, b.low), cmp.Compare(a.row, b.row))
				})
				var got []record
				for r, err := range s.sorted() {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, r)
					if len(s.recs) > limit/recordBytes {
						t.Fatalf("%d records are in memory, the limit is %d", len(s.recs), limit/recordBytes)
					}
				}
				if !slices.Equal(want, got) {
					t.Errorf("%d records, limit %d, digests %t: not sorted", n, limit, digests)
				}
				if err := s.close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
