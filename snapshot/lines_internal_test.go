package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Lines for which nothing is to be done are passed on many at a time, and never
// one too many.
func TestLinesBefore(t *testing.T) {
	t.Parallel()
	const n = 3000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d,%s\n", 3*i+1, strings.Repeat("x", i%50))
	}
	for row := uint32(0); row < 3*n+3; row += 61 {
		r := newLineReader(&spool{mem: []byte(text.String()), size: int64(text.Len())})
		var got strings.Builder
		bulk := 0
		for {
			if err := r.next(); err != nil {
				t.Fatal(err)
			}
			if r.row == end {
				break
			}
			got.Write(r.line)
			part := r.before(row)
			got.Write(part)
			for line := range bytes.Lines(part) {
				bulk++
				if rowOf(line) >= row {
					t.Fatalf("row %d comes before row %d", rowOf(line), row)
				}
			}
		}
		if got.String() != text.String() {
			t.Fatalf("row %d: lines are lost", row)
		}
		if row > 2000 && bulk == 0 {
			t.Fatalf("row %d: no lines were passed on at once", row)
		}
	}
}

// After an error nothing more is handed on, and whoever puts is told.
func TestInOrder(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 4} {
		var got []int
		p := newInOrder(workers, 3, func() func(*int) { return func(v *int) { *v *= 2 } }, func(v *int) error {
			got = append(got, *v)
			if len(got) == 50 {
				return errDisk
			}
			return nil
		})
		var err error
		puts := 0
		for i := 0; i < 1000 && err == nil; i++ {
			v := i
			err = p.put(&v)
			puts++
		}
		if ferr := p.finish(); !errors.Is(ferr, errDisk) || len(got) != 50 {
			t.Errorf("%d workers: %d values, %v; want 50 and the error", workers, len(got), ferr)
		}
		for i, v := range got {
			if v != 2*i {
				t.Fatalf("%d workers: value %d is %d", workers, i, v)
			}
		}
		if puts == 1000 || !errors.Is(err, errDisk) {
			t.Errorf("%d workers: put %d values, %v", workers, puts, err)
		}
	}
}
