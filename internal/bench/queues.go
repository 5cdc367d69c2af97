package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postproof/postproof/internal/integration/pgtest"
)

// queueReport compares a drain on PostgreSQL with River, the job queue for Go
// that keeps its jobs in PostgreSQL too: the same server, the same run, the same
// number of workers, the server's own durability for both.
type queueReport struct {
	Server string `json:"server"`
	Rounds int    `json:"rounds"`
	// FsyncsPerSecond is how often the machine appends 4 KiB and syncs, measured
	// before and after each drain.
	FsyncsPerSecond float64     `json:"fsyncs_per_second"`
	Near            queueBlock  `json:"near"`
	Far             queueBlock  `json:"far"`
	Submit          queueSubmit `json:"submit"`
	Claims          []claimRow  `json:"claims"`
}

// queueBlock is all drains at one distance of the server.
type queueBlock struct {
	// RoundTrip is the time of an empty statement.
	RoundTrip float64    `json:"round_trip_ns"`
	Rows      []queueRow `json:"rows"`
}

// queueRow is a drain: the work of each job done, its outcome recorded.
type queueRow struct {
	Name string `json:"name"`
	Jobs int    `json:"jobs"`
	// PerSecond is the median of the rounds, Multiple that of the rounds' own
	// quotients with the fsyncs, Ahead of ours with it.
	PerSecond float64 `json:"jobs_per_second"`
	Multiple  float64 `json:"multiple"`
	Ahead     float64 `json:"postproof_ahead"`
	// Bytes is what the database takes for a job, indexes and dead rows included,
	// right after the drain.
	Bytes float64 `json:"database_bytes_per_job"`
	// CPU is this process's time on a processor for a job, of filling the queue
	// and draining it; the server's is not in it.
	CPU float64 `json:"cpu_ns_per_job"`
}

// drained is what one drain measures.
type drained struct{ perSecond, bytes float64 }

// queue is something that drains.
type queue struct {
	name string
	// share is the part of the jobs that a slow one is given.
	share int
	drain func(ctx context.Context, dsn, schema string, jobs int) (drained, error)
}

const (
	oursName     = "postproof: intent, send, outcome"
	ledgerName   = "postproof: the ledger's part of it alone"
	noopName     = "River: no-op job"
	outputName   = "River: outcome recorded, written some time after the job"
	completeName = "River: outcome and completion in one transaction"
	manyName     = "River: no-op job, 2,000 workers"

	// roundTrip is what is added for a server that is far.
	roundTrip = time.Millisecond
	// maxQueueRounds bounds the rounds: each takes half a minute.
	maxQueueRounds = 5
)

func queues() []queue {
	return []queue{
		{oursName, 1, drainOurs},
		{ledgerName, 1, drainLedger},
		{noopName, 1, riverDrain(callers, riverNoop)},
		{outputName, 1, riverDrain(callers, riverOutput)},
		{completeName, 4, riverDrain(callers, riverComplete)},
		{manyName, 1, riverDrain(2000, riverNoop)},
	}
}

// openServer returns the server that the environment names, or a private one
// that is thrown away; and a folder on its disk, as far as that is known.
func openServer(ctx context.Context, named, dir string) (dsn, folder string, stop func() error, err error) {
	if named != "" {
		return named, dir, func() error { return nil }, nil
	}
	// There is a checkpoint before each drain, and none in it: at other moments for
	// one than for the other it would be luck.
	c, err := pgtest.Start(ctx, "min_wal_size = '2GB'", "max_wal_size = '8GB'", "checkpoint_timeout = '1h'")
	if err != nil {
		return "", "", nil, err
	}
	return c.DSN(""), c.Dir, c.Close, nil
}

// measureQueues drains through each queue, near and far, in interleaved rounds.
func measureQueues(ctx context.Context, named, dir string, rounds, jobs int, sizes []int) (q *queueReport, err error) {
	dsn, folder, stop, err := openServer(ctx, named, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, stop) }()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	slow, err := startProxy(ctx, config, roundTrip/2)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, slow.Close) }()
	far, err := slow.dsn(dsn)
	if err != nil {
		return nil, err
	}
	q = &queueReport{Rounds: min(rounds, maxQueueRounds)}
	var syncs []float64
	for _, at := range []struct {
		block *queueBlock
		dsn   string
	}{{&q.Near, dsn}, {&q.Far, far}} {
		if q.Server, at.block.RoundTrip, err = ping(ctx, at.dsn); err != nil {
			return nil, err
		}
		var seen []float64
		if at.block.Rows, seen, err = compareQueues(ctx, at.dsn, folder, q.Rounds, jobs); err != nil {
			return nil, err
		}
		syncs = append(syncs, seen...)
	}
	q.FsyncsPerSecond = median(syncs)
	if q.Submit, err = submitOnPostgres(ctx, dsn, folder, q.Rounds, jobs); err != nil {
		return nil, fmt.Errorf("durable submissions: %w", err)
	}
	for _, n := range sizes {
		row, err := claimAmong(ctx, dsn, n)
		if err != nil {
			return nil, fmt.Errorf("claims among %d: %w", n, err)
		}
		q.Claims = append(q.Claims, row)
	}
	return q, nil
}

func compareQueues(ctx context.Context, dsn, folder string, rounds, jobs int) ([]queueRow, []float64, error) {
	all := queues()
	rows, syncs := make([]queueRow, len(all)), []float64{}
	figures := make([][4][]float64, len(all)) // a second, of fsyncs, ours against it, CPU
	for round := range rounds {
		for turn := range all { // each is first once: what a drain leaves behind is the next one's
			i := (round + turn) % len(all)
			x, n := all[i], max(1, jobs/all[i].share)
			busy := time.Duration(0)
			d, fsyncs, err := between(folder, func() (drained, error) {
				began := cpuTime()
				d, err := drainIn(ctx, dsn, x, n)
				busy = cpuTime() - began
				return d, err
			})
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", x.name, err)
			}
			syncs = append(syncs, fsyncs)
			figures[i][0] = append(figures[i][0], d.perSecond)
			figures[i][1] = append(figures[i][1], d.perSecond/fsyncs)
			figures[i][3] = append(figures[i][3], float64(busy)/float64(n))
			rows[i] = queueRow{Name: x.name, Jobs: n, Bytes: d.bytes}
		}
		for i := range all {
			figures[i][2] = append(figures[i][2], figures[0][0][round]/figures[i][0][round])
		}
	}
	for i := range rows {
		rows[i].PerSecond, rows[i].Multiple, rows[i].Ahead = median(figures[i][0]), median(figures[i][1]), median(figures[i][2])
		rows[i].CPU = median(figures[i][3])
	}
	return rows, syncs, nil
}

// between measures the disk before and after.
func between(folder string, f func() (drained, error)) (drained, float64, error) {
	before, err := appendAndSync(folder)
	if err != nil {
		return drained{}, 0, err
	}
	d, err := f()
	if err != nil {
		return drained{}, 0, err
	}
	after, err := appendAndSync(folder)
	return d, 2 * syncsAtATime / (before + after).Seconds(), err
}

// drainIn drains in a schema of its own, which is dropped afterwards.
func drainIn(ctx context.Context, dsn string, x queue, jobs int) (d drained, err error) {
	schema, drop, err := newSchema(ctx, dsn)
	if err != nil {
		return d, err
	}
	defer func() { err = joinClose(err, drop) }()
	if err := checkpoint(ctx, dsn); err != nil {
		return d, err
	}
	return x.drain(ctx, dsn, schema, jobs)
}

// profileQueue drains through postproof alone, near.
func profileQueue(ctx context.Context, jobs int) (err error) {
	dsn, _, stop, err := openServer(ctx, os.Getenv(pgtest.EnvServer), "")
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, stop) }()
	_, err = drainIn(ctx, dsn, queues()[0], jobs)
	return err
}

// judge compares with the targets.
func (q *queueReport) judge(r *report) {
	row := func(b *queueBlock, name string) queueRow {
		i := slices.IndexFunc(b.Rows, func(x queueRow) bool { return x.Name == name })
		if i < 0 {
			return queueRow{}
		}
		return b.Rows[i]
	}
	near, far := &q.Near, &q.Far
	r.atLeast("drain on PostgreSQL: times append and fsync", row(near, oursName).Multiple, minDrain)
	r.atLeast("drain on PostgreSQL: times River, outcome durable with the job", row(near, completeName).Ahead, minQueueAhead)
	r.atLeast("drain on PostgreSQL: times River, no-op", row(near, noopName).Ahead, minQueueNoop)
	r.atLeast("drain, server 1 ms away: times River, outcome durable with the job", row(far, completeName).Ahead, minFarAhead)
	r.atLeast("drain, server 1 ms away: times River, no-op", row(far, noopName).Ahead, 1)
}

// tables are the report for people.
func (q *queueReport) tables() []table {
	var all []table
	for _, at := range []struct {
		title string
		block *queueBlock
	}{{"near", &q.Near}, {"1 ms further", &q.Far}} {
		t := table{
			fmt.Sprintf("drain on %s, %s (round trip %.0f µs), 64 workers, %d rounds", q.Server, at.title, at.block.RoundTrip/1000, q.Rounds),
			[]string{"jobs", "a second", "times fsync", "postproof ahead", "CPU µs", "database B/job"},
			nil,
		}
		t.add("4 KiB append and fsync\t\t%.0f\t1\t\t\t", q.FsyncsPerSecond)
		for _, x := range at.block.Rows {
			t.add("%s\t%d\t%.0f\t%.2f\t%.2f\t%.0f\t%.0f", x.Name, x.Jobs, x.PerSecond, x.Multiple, x.Ahead, x.CPU/1000, x.Bytes)
		}
		all = append(all, t)
	}
	t := table{"durable on PostgreSQL", []string{"times fsync", "a second", "database B/job"}, nil}
	t.add("jobs, %d callers\t%.2f\t%.0f\t%.0f", callers, q.Submit.Multiple, q.Submit.JobsPerSecond, q.Submit.Bytes)
	t.add("jobs, 1 caller\t%.2f\t%.0f\t", q.Submit.LoneMultiple, q.Submit.LoneJobsPerSecond)
	all = append(all, t)
	if len(q.Claims) > 0 {
		t := table{"claims on PostgreSQL", []string{"median ms", "worst ms", "enqueue/s", "database B/job"}, nil}
		for _, c := range q.Claims {
			t.add("%d of %d waiting jobs\t%.2f\t%.2f\t%.0f\t%.0f", c.Limit, c.Jobs, c.Median/1e6, c.Worst/1e6, c.EnqueuePerSecond, c.Bytes)
		}
		all = append(all, t)
	}
	return all
}

var errDrained = errors.New("jobs were left")
