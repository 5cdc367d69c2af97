package snapshot

import (
	"strconv"
	"testing"
)

func TestCounterWritesAnyNumber(t *testing.T) {
	t.Parallel()
	var c counter
	for _, n := range []int{1, 2, 9, 10, 11, 19, 20, 99, 100, 101, 999, 7, 8, 1_000_000, 1_000_009, 1_000_010, 3, end - 1, 12} {
		if got, want := string(c.append([]byte("x"), n)), "x"+strconv.Itoa(n); got != want {
			t.Errorf("append(%d) = %q, want %q", n, got, want)
		}
	}
}
