package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/postproof/postproof"
)

// riverArgs is what a job needs to be printed; less than postproof keeps of it.
type riverArgs struct {
	Contact    string `json:"contact"`
	Name       string `json:"name"`
	Line1      string `json:"line1"`
	City       string `json:"city"`
	Region     string `json:"region"`
	PostalCode string `json:"postal_code"`
	Artwork    string `json:"artwork"`
}

// Kind implements [river.JobArgs].
func (riverArgs) Kind() string { return "postcard" }

// riverOutcome is what a job records: less than postproof does, too.
type riverOutcome struct {
	Vendor   string    `json:"vendor"`
	VendorID string    `json:"vendor_id"`
	At       time.Time `json:"at"`
}

func outcomeOf(job *river.Job[riverArgs]) riverOutcome {
	return riverOutcome{Vendor: "lob", VendorID: "psc_" + strconv.FormatInt(job.ID, 16), At: time.Now()}
}

// riverWork is what a job does. None of them calls a vendor, which is in River's
// favor.
type riverWork func(ctx context.Context, pool *pgxpool.Pool, job *river.Job[riverArgs]) error

func riverNoop(context.Context, *pgxpool.Pool, *river.Job[riverArgs]) error { return nil }

// riverOutput records the outcome with the job. It is written with the job's
// completion, which River gathers and writes some time after the work: a crash
// in between does the work again.
func riverOutput(ctx context.Context, _ *pgxpool.Pool, job *river.Job[riverArgs]) error {
	return river.RecordOutput(ctx, outcomeOf(job))
}

// riverComplete has the outcome and the job's completion durable, together, when
// the work returns.
func riverComplete(ctx context.Context, pool *pgxpool.Pool, job *river.Job[riverArgs]) error {
	if err := river.RecordOutput(ctx, outcomeOf(job)); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
}

// riverDrain drains through River with so many workers, with the settings that
// make it quickest.
func riverDrain(workers int, work riverWork) func(context.Context, string, string, int) (drained, error) {
	return func(ctx context.Context, dsn, schema string, jobs int) (d drained, err error) {
		config, err := pgxpool.ParseConfig(dsn)
		if err != nil {
			return d, err
		}
		config.MaxConns = callers + 8
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return d, err
		}
		defer pool.Close()
		quiet := slog.New(slog.DiscardHandler)
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: quiet})
		if err != nil {
			return d, err
		}
		if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return d, err
		}
		var worked atomic.Int64
		all := river.NewWorkers()
		river.AddWorker(all, river.WorkFunc(func(ctx context.Context, job *river.Job[riverArgs]) error {
			err := work(ctx, pool, job)
			worked.Add(1)
			return err
		}))
		client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
			Schema: schema, Logger: quiet, Workers: all, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
			FetchCooldown: river.FetchCooldownMin, FetchPollInterval: 10 * time.Millisecond,
		})
		if err != nil {
			return d, err
		}
		if err := riverFill(ctx, client, jobs); err != nil {
			return d, err
		}
		if err := analyze(ctx, dsn, schema); err != nil {
			return d, err
		}
		completed := "SELECT count(*) FROM " + pgx.Identifier{schema, "river_job"}.Sanitize() + " WHERE state = 'completed'"
		start := time.Now()
		if err := client.Start(ctx); err != nil {
			return d, err
		}
		// The server is asked only when there is nothing more to work on.
		for done := int64(0); done < int64(jobs); {
			if err := postproof.Sleep(ctx, postproof.SystemClock(), time.Millisecond); err != nil {
				return d, err
			}
			if worked.Load() < int64(jobs) {
				continue
			}
			if err := pool.QueryRow(ctx, completed).Scan(&done); err != nil {
				return d, err
			}
		}
		d.perSecond = float64(jobs) / time.Since(start).Seconds()
		if err := client.Stop(ctx); err != nil {
			return d, err
		}
		bytes, err := schemaBytes(ctx, dsn, schema)
		d.bytes = bytes / float64(jobs)
		return d, err
	}
}

func riverFill(ctx context.Context, client *river.Client[pgx.Tx], jobs int) error {
	const atATime = 5000
	for first := 0; first < jobs; first += atATime {
		batch := make([]river.InsertManyParams, min(atATime, jobs-first))
		for i := range batch {
			contact := strconv.Itoa(first + i)
			batch[i].Args = riverArgs{
				Contact: contact, Name: "Current Resident", Line1: contact + " Main Street", City: "Springfield", Region: "IL", PostalCode: "62701",
				Artwork: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			}
		}
		n, err := client.InsertManyFast(ctx, batch)
		if err != nil {
			return err
		}
		if n != len(batch) {
			return fmt.Errorf("%d of %d jobs were inserted", n, len(batch))
		}
	}
	return nil
}
