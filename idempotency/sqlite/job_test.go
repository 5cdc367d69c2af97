package sqlite_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/postproof/postproof/idempotency"
)

// TestJobsAreWrittenOnce: a step of a job costs what changes, not what there is.
func TestJobsAreWrittenOnce(t *testing.T) {
	t.Parallel()
	s, files := countedStore(t, filepath.Join(t.TempDir(), "ledger.db"))
	const jobs = 64
	intents, results := make([]idempotency.Change, jobs), make([]idempotency.Change, jobs)
	large := bytes.Repeat([]byte("x"), 20_000)
	for i := range jobs {
		intents[i], results[i] = submission(fmt.Sprint("job ", i))
		intents[i].Record.Job, results[i].Record.Job = large, large
	}
	writes := func(changes []idempotency.Change) int64 {
		before := files.writes.Load()
		if errs, err := s.Commit(t.Context(), changes); errs != nil || err != nil {
			t.Fatal(errs, err)
		}
		return files.writes.Load() - before
	}
	first, second := writes(intents), writes(results)
	t.Logf("%d writes with the jobs, %d without", first, second)
	if second > first/4 {
		t.Errorf("%d writes of a step, after %d when the jobs came", second, first)
	}
}
