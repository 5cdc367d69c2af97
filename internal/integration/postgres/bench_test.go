package postgres_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// BenchmarkDrain takes jobs through claim, intent and acceptance with a vendor
// that answers at once. It reports jobs a second, and how many times the rate
// at which this machine syncs a file that is.
func BenchmarkDrain(b *testing.B) {
	for _, workers := range []int{1, 8, 64} {
		b.Run("workers="+itoa(workers), func(b *testing.B) {
			s := openStore(b, openDB(b, "pgx", pgtest.Shared(b)), newSchema(b))
			fill(b, s, 0, b.N)
			syncs := syncRate(b)
			b.ResetTimer()
			begin := time.Now()
			drain(b, s, workers)
			rate := float64(b.N) / time.Since(begin).Seconds()
			b.ReportMetric(rate, "jobs/s")
			b.ReportMetric(rate/syncs, "jobs/sync")
			b.ReportMetric(syncs, "syncs/s")
		})
	}
}

// BenchmarkCounted compares a drain whose acceptances are counted, as those of a
// replay are, with one whose are not, of the same number of jobs: how many times
// as long it takes, by the fastest of some rounds.
func BenchmarkCounted(b *testing.B) {
	const jobs = 1000
	rounds := 5
	if testing.Short() {
		rounds = 1
	}
	s := openStore(b, openDB(b, "pgx", pgtest.Shared(b)), newSchema(b))
	first := 0
	for b.Loop() {
		var best [2]time.Duration
		for range rounds {
			for i, counters := range [][]idempotency.CounterAdd{nil, {{Name: "replay/run/recovered", Add: 1}, {Name: "cap/pieces", Add: 1, Limit: 1 << 40}}} {
				fill(b, s, first, jobs)
				first += jobs
				begin := time.Now()
				drain(b, s, 32, counters...)
				if took := time.Since(begin); best[i] == 0 || took < best[i] {
					best[i] = took
				}
			}
		}
		b.ReportMetric(best[1].Seconds()/best[0].Seconds(), "times")
		b.ReportMetric(jobs/best[0].Seconds(), "plain/s")
		b.ReportMetric(jobs/best[1].Seconds(), "counted/s")
	}
}

// fill plans n jobs.
func fill(tb testing.TB, s *postgres.Store, first, n int) {
	tb.Helper()
	for done := 0; done < n; done += 1000 {
		changes := make([]idempotency.Change, min(1000, n-done))
		for i := range changes {
			changes[i] = create(record(first + done + i))
		}
		if errs, err := s.Commit(tb.Context(), changes); errs != nil || err != nil {
			tb.Fatal(errs, err)
		}
	}
}

// drain works until nothing is due. Each acceptance is counted by the counters.
func drain(tb testing.TB, s *postgres.Store, workers int, counters ...idempotency.CounterAdd) {
	tb.Helper()
	work := make(chan *idempotency.Record, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for r := range work {
				intent := step(r)
				intent.Record.Lease = r.Lease
				if err := idempotency.CommitOne(tb.Context(), s, intent); err != nil {
					tb.Errorf("intent: %v", err)
					return
				}
				done := step(intent.Record)
				done.Record.Due = start().Add(24 * time.Hour)
				done.Counters = counters
				if err := idempotency.CommitOne(tb.Context(), s, done); err != nil {
					tb.Errorf("acceptance: %v", err)
					return
				}
			}
		})
	}
	for {
		rs, err := s.Claim(tb.Context(), idempotency.ClaimRequest{Owner: "w", Limit: max(workers, 8), Lease: time.Hour, Now: start()})
		if err != nil {
			tb.Error(err)
		}
		if len(rs) == 0 || tb.Failed() {
			break
		}
		for _, r := range rs {
			work <- r
		}
	}
	close(work)
	wg.Wait()
}

// syncRate is how often in a second the machine appends a page to a file and
// syncs it.
func syncRate(tb testing.TB) float64 {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "sync"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	n := 0
	begin := time.Now()
	for ; time.Since(begin) < 300*time.Millisecond; n++ {
		if _, err := f.Write(page); err != nil {
			tb.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			tb.Fatal(err)
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}
