package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// generated is a list of n people that is nowhere in memory.
type generated struct {
	n, i int
	buf  []byte
	rest []byte
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		g.buf = g.buf[:0]
		if g.i == 0 {
			g.buf = append(g.buf, "contact_id,name,address_line1,city,state,zip\n"...)
		}
		for ; g.i < g.n && len(g.buf) < 32<<10; g.i++ {
			g.buf = fmt.Appendf(g.buf, "c-%d,Current Resident,%d Main Street,Springfield,IL,62701\n", g.i-g.i%97/96, g.i/2)
		}
		if len(g.buf) == 0 {
			return 0, io.EOF
		}
		g.rest = g.buf
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// mostHeap runs f and returns the most memory that objects took meanwhile
// beyond what they took before, as of the ends of garbage collections.
func mostHeap(f func(look func())) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before, most := read(), uint64(0)
	f(func() { most = max(most, read()) })
	return most - min(most, before)
}

// The memory is bounded, however long the list: ten times the rows, with
// duplicates and warnings among them, take no more.
//
//nolint:paralleltest // it looks at the whole process
func TestMemoryIsBounded(t *testing.T) {
	n := 200_000
	if testing.Short() {
		n = 50_000
	}
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // so that it is looked at often
	l := limits{spool: 64 << 10, sort: 256 << 10}
	use := func(n int) uint64 {
		store, err := OpenFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return mostHeap(func(look func()) {
			source, ok := CSV(&generated{n: n}, Mapping{}).(*csvSource)
			if !ok {
				t.Fatal("not a CSV source")
			}
			s, err := Take(t.Context(), &lookingSource{source, look}, Options{Campaign: "spring", Store: store, limits: l})
			if err != nil {
				t.Fatal(err)
			}
			look()
			if c := s.Counts(); c.Read != n || c.Rejected == 0 || c.Warned == 0 {
				t.Errorf("counts %+v, want %d rows with all kinds", c, n)
			}
			rows := 0
			for _, err := range s.Rows(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if rows++; rows%10_000 == 0 {
					look()
				}
			}
		})
	}
	small, large := use(n/10), use(n)
	t.Logf("%d rows: %d KiB; %d rows: %d KiB", n/10, small>>10, n, large>>10)
	const bound = 24 << 20
	if large > bound {
		t.Errorf("%d rows take %d KiB, want at most %d", n, large>>10, bound>>10)
	}
	if large > 2*small+4<<20 {
		t.Errorf("ten times the rows take %d KiB instead of %d", large>>10, small>>10)
	}
}

// lookingSource looks at the memory between two batches.
type lookingSource struct {
	*csvSource
	look func()
}

func (s *lookingSource) batches(ctx context.Context, use func(*batch) bool) error {
	return s.csvSource.batches(ctx, func(b *batch) bool {
		s.look()
		return use(b)
	})
}

// A row costs no allocation of its own.
//
//nolint:paralleltest // AllocsPerRun forbids it
func TestRowsAreTakenWithoutAllocation(t *testing.T) {
	const n = 100_000
	list, err := io.ReadAll(&generated{n: n})
	if err != nil {
		t.Fatal(err)
	}
	list = bytes.ReplaceAll(list, []byte("Main Street"), []byte("Elm St Apt"))
	allocs := func(rows int) float64 {
		part := list[:len(list)*rows/n]
		part = part[:bytes.LastIndexByte(part, '\n')+1]
		return testing.AllocsPerRun(3, func() {
			d := newDrafter(&Options{Campaign: "spring"}, nil, func() (scratchFile, error) { return newScratch(t.TempDir(), "x*") })
			if err := d.read(t.Context(), CSV(bytes.NewReader(part), Mapping{})); err != nil {
				t.Fatal(err)
			}
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := allocs(n/10), allocs(n)
	if each := (many - few) / (0.9 * n); each > 0.01 {
		t.Errorf("%.0f allocations for %d rows, %.0f for %d: %.3f a row", few, n/10, many, n, each)
	}
}
