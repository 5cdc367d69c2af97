package snapshot_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof/snapshot"
)

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(0, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestZZ(t *testing.T) {
	list := benchList(benchRows)
	for range 4 {
		a := cpu()
		readAndHash(list)
		b := cpu()
		w := time.Now()
		if _, err := benchTake(t.Context(), t.TempDir(), list, snapshot.Options{CompressAbove: -1}); err != nil {
			t.Fatal(err)
		}
		c := cpu()
		t.Logf("yard cpu %d take cpu %d wall %d", (b-a).Nanoseconds()/benchRows, (c-b).Nanoseconds()/benchRows, time.Since(w).Nanoseconds()/benchRows)
	}
}
