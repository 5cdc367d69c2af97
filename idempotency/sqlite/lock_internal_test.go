package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// lockedByAnother takes the write lock as another process does, and returns what gives
// it back.
func lockedByAnother(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open(driverName, dsn(path, nil))
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Conn(t.Context())
	if err == nil {
		_, err = c.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestManyWaitForTheLockOnce: who waits for a lock that is not to be had waits for the
// busy timeout, and not once more for each of those who wait with him.
func TestManyWaitForTheLockOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t)
		defer lockedByAnother(t, s.path)()
		s.writer.combiner.Close() // the writer is the test's from here
		s.writer.busy = 100 * time.Millisecond
		ops := make([]operation, 20)
		for i := range ops {
			ops[i] = newCommitOp([]idempotency.Change{{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}}})
		}
		start := time.Now()
		s.writer.run(ops)
		for _, op := range ops {
			if one, ok := op.(*commitOp); !ok || one.err == nil {
				t.Errorf("an operation went well, and nobody had the lock")
			}
		}
		if took := time.Since(start); took > 2*s.writer.busy {
			t.Errorf("it took %s to learn that the lock is not to be had, want about %s", took, s.writer.busy)
		}
	})
}

// TestReplacedWhileTheLockIsWaitedFor: what is written to a file that is not there any
// more is lost, also if it was there when the write began to wait.
func TestReplacedWhileTheLockIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openTest(t)
		release := lockedByAnother(t, s.path)
		told := make(chan error, 1)
		go func() {
			told <- idempotency.CommitOne(t.Context(), s, idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}})
		}()
		synctest.Wait()
		backup, err := os.ReadFile(s.path)
		if err == nil {
			err = errors.Join(os.Remove(s.path), os.WriteFile(s.path, backup, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		release()
		if err := <-told; !errors.Is(err, ErrReplaced) {
			t.Errorf("Commit = %v, want ErrReplaced: nobody will ever read it", err)
		}
	})
}
