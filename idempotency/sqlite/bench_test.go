package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// The benchmarks say how fast the store is in multiples of F, the rate at
// which this machine's disk appends 4 KiB and syncs, measured around each: on
// another machine the multiples stay about the same. They need a quiet machine.

// syncRate measures F for a moment.
func syncRate(b *testing.B) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	n, start := 0, time.Now()
	for ; time.Since(start) < 300*time.Millisecond; n++ {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}

// measure runs do for b.N pieces of work and reports their rate, and the
// processor time of each.
func measure(b *testing.B, do func(n int)) {
	b.Helper()
	before := syncRate(b)
	b.ResetTimer()
	cpu := cpuTime()
	do(b.N)
	cpu = cpuTime() - cpu
	b.StopTimer()
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
	rate := float64(b.N) / b.Elapsed().Seconds()
	f := (before + syncRate(b)) / 2
	b.ReportMetric(rate, "/s")
	b.ReportMetric(rate/f, "xF")
}

// callers lets many callers share n pieces of work.
func callers(many, n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				do(i)
			}
		})
	}
	wg.Wait()
}

func benchStore(b *testing.B) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkSubmissions takes jobs through two durable commits each: the
// intent, and the vendor's answer.
func BenchmarkSubmissions(b *testing.B) {
	for _, many := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("callers=", many), func(b *testing.B) {
			s := benchStore(b)
			measure(b, func(n int) {
				callers(many, n, func(i int) {
					intent, result := submission(fmt.Sprint("job ", i))
					for _, c := range []idempotency.Change{intent, result} {
						if err := idempotency.CommitOne(b.Context(), s, c); err != nil {
							b.Error(err)
						}
					}
				})
			})
		})
	}
}

// bulk returns planned jobs that are due at once.
func bulk(n int) []idempotency.Change {
	changes := make([]idempotency.Change, n)
	due := time.Now()
	for i := range changes {
		c, _ := submission(fmt.Sprint("bulk ", i))
		c.Record.State, c.Record.Submissions, c.Record.Lease, c.Record.Due = idempotency.Planned, nil, idempotency.Lease{}, due
		changes[i] = c
	}
	return changes
}

// BenchmarkBulk plans jobs in one call.
func BenchmarkBulk(b *testing.B) {
	s := benchStore(b)
	changes := bulk(b.N)
	measure(b, func(int) {
		if errs, err := s.Commit(b.Context(), changes); errs != nil || err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkDrain claims jobs and finishes each, with many workers.
func BenchmarkDrain(b *testing.B) {
	for _, many := range []int{8, 64} {
		b.Run(fmt.Sprint("workers=", many), func(b *testing.B) {
			s := benchStore(b)
			if _, err := s.Commit(b.Context(), bulk(b.N)); err != nil {
				b.Fatal(err)
			}
			measure(b, func(int) {
				var wg sync.WaitGroup
				for range many {
					wg.Go(func() { drain(b, s) })
				}
				wg.Wait()
			})
		})
	}
}

// BenchmarkLife takes planned jobs through a claim, an intent and an answer,
// sixteen at a time by one worker, so that each run commits the same batches.
func BenchmarkLife(b *testing.B) {
	s := benchStore(b)
	if _, err := s.Commit(b.Context(), bulk(b.N)); err != nil {
		b.Fatal(err)
	}
	measure(b, func(int) {
		for left := true; left; {
			left = live(b, s, 16) > 0
		}
	})
}

// live claims planned jobs, and commits their intents and the answers.
func live(b *testing.B, s *sqlite.Store, limit int) int {
	b.Helper()
	now := time.Now()
	rs, err := s.Claim(b.Context(), idempotency.ClaimRequest{Owner: "w", Limit: limit, Lease: time.Hour, Now: now})
	if err != nil {
		b.Fatal(err)
	}
	intents, results := make([]idempotency.Change, len(rs)), make([]idempotency.Change, len(rs))
	for i, r := range rs {
		intent, result := submission(string(r.Key))
		intent.Expect, intent.Record.Fence = r.Fence, r.Fence+1
		result.Expect, result.Record.Fence = r.Fence+1, r.Fence+2
		intents[i], results[i] = intent, result
	}
	for _, changes := range [][]idempotency.Change{intents, results} {
		if errs, err := s.Commit(b.Context(), changes); errs != nil || err != nil {
			b.Fatal(errs, err)
		}
	}
	return len(rs)
}

// BenchmarkClaimBeside claims what was sent of a campaign whose planned jobs are
// left alone: however many those are, it costs the same.
func BenchmarkClaimBeside(b *testing.B) {
	for _, planned := range []int{100, 10_000, 100_000} {
		if testing.Short() && planned > 10_000 {
			continue
		}
		b.Run(fmt.Sprint("planned=", planned), func(b *testing.B) {
			s := benchStore(b)
			changes := bulk(planned + 16)
			for _, c := range changes[planned:] {
				c.Record.State = idempotency.Unknown
			}
			if errs, err := s.Commit(b.Context(), changes); errs != nil || err != nil {
				b.Fatal(errs, err)
			}
			now := time.Now()
			for b.Loop() {
				now = now.Add(time.Minute)
				rs, err := s.Claim(b.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 16, Lease: time.Second, Now: now, Skip: []string{"spring"}})
				if err != nil || len(rs) != 16 {
					b.Fatalf("%d records, %v", len(rs), err)
				}
			}
		})
	}
}

func drain(b *testing.B, s *sqlite.Store) {
	b.Helper()
	for {
		rs, err := s.Claim(b.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 16, Lease: time.Hour, Now: time.Now()})
		if err != nil {
			b.Error(err)
		}
		if len(rs) == 0 {
			return
		}
		for _, r := range rs {
			done := *r
			done.Fence++
			done.State, done.Lease = idempotency.Done, idempotency.Lease{}
			if err := idempotency.CommitOne(b.Context(), s, idempotency.Change{Record: &done, Expect: r.Fence}); err != nil {
				b.Error(err)
			}
		}
	}
}

// BenchmarkInbox stores callbacks of two kilobytes.
func BenchmarkInbox(b *testing.B) {
	s := benchStore(b)
	body := make([]byte, 2048)
	measure(b, func(n int) {
		callers(64, n, func(i int) {
			m := &idempotency.Message{Vendor: "lob", Account: "acct", Dedupe: fmt.Sprint("evt_", i), Body: body, ReceivedAt: time.Now()}
			if _, err := s.Inbox().Put(b.Context(), m); err != nil {
				b.Error(err)
			}
		})
	})
}

// BenchmarkGet looks up records by key.
func BenchmarkGet(b *testing.B) {
	s := benchStore(b)
	const n = 20_000
	changes := bulk(n)
	if _, err := s.Commit(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), changes[i%n].Record.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLookUp looks up 256 jobs by their ids, as they were planned one after
// the other. The plan of a replay needs no more of a job than a bare record.
func BenchmarkLookUp(b *testing.B) {
	const n, many = 50_000, 256
	s := benchStore(b)
	changes := bulk(n)
	if errs, err := s.Commit(b.Context(), changes); errs != nil || err != nil {
		b.Fatal(errs, err)
	}
	for _, bare := range []bool{true, false} {
		b.Run(fmt.Sprint("bare=", bare), func(b *testing.B) {
			b.ReportAllocs()
			ids, least, runs := make([]idempotency.ID, many), time.Duration(0), 0
			for b.Loop() {
				for i := range ids {
					ids[i] = changes[(runs*many+i)%n].Record.ID
				}
				found, cpu := 0, cpuTime()
				for _, err := range s.Find(b.Context(), idempotency.Query{IDs: ids, Bare: bare}) {
					if err != nil {
						b.Fatal(err)
					}
					found++
				}
				if found != many {
					b.Fatalf("%d of %d were found", found, many)
				}
				if cpu = cpuTime() - cpu; runs == 0 || cpu < least {
					least = cpu
				}
				runs++
			}
			b.ReportMetric(float64(least.Nanoseconds())/1000/many, "cpu-µs/record")
		})
	}
}
