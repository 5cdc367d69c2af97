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
	"github.com/postproof/postproof/idempotency/sqlite"
)

// callers is how many submit at the same time in the durable comparison.
const callers = 64

// durableReport compares durable submissions with the machine's disk.
type durableReport struct {
	Callers int `json:"callers"`
	// JobsPerSecond is with that many callers, two durable transitions a job,
	// LoneJobsPerSecond with one; FsyncsPerSecond is how often the same disk
	// appends 4 KiB and syncs, measured before and after each round.
	JobsPerSecond     float64 `json:"jobs_per_second"`
	LoneJobsPerSecond float64 `json:"lone_jobs_per_second"`
	FsyncsPerSecond   float64 `json:"fsyncs_per_second"`
	// Multiple and LoneMultiple are the medians of the rounds' own quotients.
	Multiple     float64 `json:"multiple"`
	LoneMultiple float64 `json:"lone_multiple"`
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
	var many, lone, fsyncs, multiples, loneMultiples, syncs []float64
	for round := range rounds {
		r, err := durableRound(ctx, v, dir, round, jobs)
		if err != nil {
			return durableReport{}, fmt.Errorf("durable: %w", err)
		}
		many, lone, fsyncs = append(many, r.many), append(lone, r.lone), append(fsyncs, r.fsyncs)
		multiples, loneMultiples = append(multiples, r.many/r.fsyncs), append(loneMultiples, r.lone/r.fsyncs)
		syncs = append(syncs, r.syncsPerCommit)
	}
	return durableReport{
		Callers: callers, JobsPerSecond: median(many), LoneJobsPerSecond: median(lone), FsyncsPerSecond: median(fsyncs),
		Multiple: median(multiples), LoneMultiple: median(loneMultiples), SyncsPerCommit: median(syncs),
	}, nil
}

type durableFigures struct{ many, lone, fsyncs, syncsPerCommit float64 }

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
	name, piece := "d"+strconv.Itoa(round), postcard()
	if _, err := submitAll(ctx, s, makeJobs(name+"-warm", piece), callers, 4*callers); err != nil {
		return f, err
	}
	var before, after float64
	if before, err = appendAndSync(folder); err != nil {
		return f, err
	}
	if f.many, err = submitAll(ctx, s, makeJobs(name+"-many", piece), callers, jobs); err != nil {
		return f, err
	}
	few := max(1, jobs/10)
	synced := disk.syncs.Load()
	if f.lone, err = submitAll(ctx, s, makeJobs(name+"-lone", piece), 1, few); err != nil {
		return f, err
	}
	f.syncsPerCommit = float64(disk.syncs.Load()-synced) / float64(2*few)
	if after, err = appendAndSync(folder); err != nil {
		return f, err
	}
	f.fsyncs = (before + after) / 2
	return f, nil
}

// submitAll submits n jobs by so many callers and returns how many a second.
func submitAll(ctx context.Context, s *session, jobs func(int) *postproof.Job, workers, n int) (float64, error) {
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
	return float64(n) / time.Since(start).Seconds(), context.Cause(ctx)
}

// appendAndSync returns how many times a second the disk takes 4 KiB at the end
// of a file for good: the speed limit of one durable write after the other.
func appendAndSync(dir string) (rate float64, err error) {
	file, err := os.CreateTemp(dir, "append-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	page := make([]byte, 4096)
	const span = 400 * time.Millisecond
	start := time.Now()
	n := 0
	for ; time.Since(start) < span; n++ {
		if _, err := file.Write(page); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
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
