package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// callers is how many submit at the same time in the durable comparison.
const callers = 64

// durableReport compares durable submissions with the machine's disk.
type durableReport struct {
	Callers int `json:"callers"`
	// JobsPerSecond is with that many callers, two durable transitions a job,
	// LoneJobsPerSecond with one; FsyncsPerSecond is how often the same disk
	// appends 4 KiB and syncs, measured in turns with them.
	JobsPerSecond     float64 `json:"jobs_per_second"`
	LoneJobsPerSecond float64 `json:"lone_jobs_per_second"`
	FsyncsPerSecond   float64 `json:"fsyncs_per_second"`
	// Multiple and LoneMultiple are the medians of the rounds' own quotients.
	Multiple     float64 `json:"multiple"`
	LoneMultiple float64 `json:"lone_multiple"`
	// LedgerMultiple is with the callers, too, but with the transitions alone.
	LedgerMultiple float64 `json:"ledger_multiple"`
	// JobCPU and LedgerCPU are the time on a processor for a job with the many
	// callers, the vendor included, and for its transitions alone. Where the
	// disk is fast they, and the number of processors, bound the multiple.
	JobCPU    float64 `json:"cpu_ns_per_job"`
	LedgerCPU float64 `json:"cpu_ns_per_job_in_ledger"`
	// SyncsPerCommit is how many syncs SQLite asks for in each transition of a
	// lone caller, checkpoints included.
	SyncsPerCommit float64 `json:"syncs_per_commit"`
}

// measureDurable submits through SQLite, each round on a new ledger in dir.
func measureDurable(ctx context.Context, dir string, rounds, jobs int) (durableReport, error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return durableReport{}, err
	}
	defer v.Close()
	var rounded [9][]float64
	add := func(values ...float64) {
		for i, v := range values {
			rounded[i] = append(rounded[i], v)
		}
	}
	for round := range rounds {
		r, err := durableRound(ctx, v, dir, round, jobs)
		if err != nil {
			return durableReport{}, fmt.Errorf("durable: %w", err)
		}
		add(r.many, r.lone, r.fsyncs, r.many/r.fsyncs, r.lone/r.fsyncs, r.ledger/r.fsyncs, r.syncsPerCommit, r.manyCPU, r.ledgerCPU)
	}
	return durableReport{
		Callers: callers, JobsPerSecond: median(rounded[0]), LoneJobsPerSecond: median(rounded[1]), FsyncsPerSecond: median(rounded[2]),
		Multiple: median(rounded[3]), LoneMultiple: median(rounded[4]), LedgerMultiple: median(rounded[5]), SyncsPerCommit: median(rounded[6]),
		JobCPU: median(rounded[7]), LedgerCPU: median(rounded[8]),
	}, nil
}

type durableFigures struct{ many, ledger, lone, fsyncs, syncsPerCommit, manyCPU, ledgerCPU float64 }

// turns is in how many turns a round is cut: a slice of jobs, a slice of
// syncs. Disks on shared machines change their speed by the second.
const turns = 5

func durableRound(ctx context.Context, v *vendor, dir string, round, jobs int) (f durableFigures, err error) {
	folder, err := os.MkdirTemp(dir, "postproof-bench-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	disk, err := openCounted(filepath.Join(folder, "ledger.db"))
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, disk.close) }()
	store, err := sqlite.New(ctx, disk.db, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, store.Close) }()
	s, err := openOn(ctx, v, store)
	if err != nil {
		return f, err
	}
	defer func() { err = joinClose(err, s.close) }()

	run, piece := "d"+strconv.Itoa(round), postcard()
	part, few := max(1, jobs/turns), max(1, jobs/turns/10)
	if _, err := submitAll(ctx, s, makeJobs(run+"-warm", piece), callers, part); err != nil {
		return f, err
	}
	var many, ledger, lone, fsyncs, syncs int64 // the first four in nanoseconds each
	var unused, manyCPU, ledgerCPU time.Duration
	for i := range turns {
		name := run + "-" + strconv.Itoa(i)
		synced := int64(0)
		for _, step := range []struct {
			sum  *int64
			busy *time.Duration
			n    int
			f    func() (time.Duration, error)
		}{
			{&fsyncs, &unused, syncsAtATime, func() (time.Duration, error) { return appendAndSync(folder) }},
			{&many, &manyCPU, part, func() (time.Duration, error) { return submitAll(ctx, s, makeJobs(name+"-many", piece), callers, part) }},
			{&ledger, &ledgerCPU, part, func() (time.Duration, error) {
				return submitAll(ctx, ledgerOnly(store), makeJobs(name+"-ledger", piece), callers, part)
			}},
			{&lone, &unused, few, func() (time.Duration, error) {
				before := disk.syncs.Load()
				took, err := submitAll(ctx, s, makeJobs(name+"-lone", piece), 1, few)
				synced = disk.syncs.Load() - before
				return took, err
			}},
		} {
			busy := cpuTime()
			took, err := step.f()
			if err != nil {
				return f, err
			}
			*step.sum += int64(took) / int64(step.n)
			*step.busy += cpuTime() - busy
		}
		syncs += synced
	}
	rate := func(nanoseconds int64) float64 { return turns * float64(time.Second) / float64(nanoseconds) }
	f.many, f.ledger, f.lone, f.fsyncs = rate(many), rate(ledger), rate(lone), rate(fsyncs)
	f.manyCPU, f.ledgerCPU = float64(manyCPU)/float64(turns*part), float64(ledgerCPU)/float64(turns*part)
	f.syncsPerCommit = float64(syncs) / float64(2*few*turns)
	return f, nil
}

// ledgerOnly makes the two transitions of a job and sends nothing: what the
// store gives, and the rest of a submission does not.
func ledgerOnly(store *sqlite.Store) *session {
	return &session{submit: func(ctx context.Context, job *postproof.Job) error {
		encoded, err := job.MarshalJSON()
		if err != nil {
			return err
		}
		rec := idempotency.NewRecord(job, encoded, postproof.ModeTest, time.Now())
		if err := idempotency.CommitOne(ctx, store, idempotency.Change{Record: rec, Entries: []idempotency.Entry{{ID: rec.ID, At: rec.CreatedAt, Kind: "planned"}}}); err != nil {
			return err
		}
		next := *rec
		next.Fence++
		next.UpdatedAt = time.Now()
		return idempotency.CommitOne(ctx, store, idempotency.Change{
			Record: &next, Expect: rec.Fence, Entries: []idempotency.Entry{{ID: rec.ID, At: next.UpdatedAt, Kind: "accepted"}},
		})
	}}
}

// submitAll submits n jobs by so many callers.
func submitAll(ctx context.Context, s *session, jobs func(int) *postproof.Job, workers, n int) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range workers {
		group.Go(func() {
			for i := next.Add(1); i <= int64(n) && ctx.Err() == nil; i = next.Add(1) {
				if err := s.submit(ctx, jobs(int(i))); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	return time.Since(start), context.Cause(ctx)
}

// syncsAtATime is how many syncs are measured between two slices of jobs.
const syncsAtATime = 250

// appendAndSync has the disk take 4 KiB at the end of a file for good,
// syncsAtATime times: the speed limit of one durable write after the other.
func appendAndSync(dir string) (took time.Duration, err error) {
	file, err := os.CreateTemp(dir, "append-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }() //nolint:gosec // it made the file
	page := make([]byte, 4096)
	start := time.Now()
	for range syncsAtATime {
		if _, err := file.Write(page); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// countedDB is a database whose syncs are counted.
type countedDB struct {
	*countingVFS

	db   *sql.DB
	name string
}

func openCounted(path string) (*countedDB, error) {
	name := "counted:" + path
	fs, err := newCountingVFS(name)
	if err != nil {
		return nil, err
	}
	source := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: url.Values{"vfs": {name}}.Encode()}
	db, err := sql.Open("sqlite3", source.String())
	return &countedDB{countingVFS: fs, db: db, name: name}, err
}

func (c *countedDB) close() error {
	defer c.unregister(c.name)
	return c.db.Close()
}
