package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
)

// onPostgres calls f with a ledger in the schema.
func onPostgres(ctx context.Context, dsn, schema string, f func(*postgres.Store) error) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	db.SetMaxIdleConns(8)
	store, err := postgres.New(ctx, db, postgres.WithMode(postproof.ModeTest), postgres.WithSchema(schema))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(f(store), store.Close(), db.Close())
}

// drainOurs drains with the whole client: route, encode, send, read the answer;
// the vendor in this process included.
func drainOurs(ctx context.Context, dsn, schema string, jobs int) (drained, error) {
	return drainWith(ctx, dsn, schema, jobs, func(c *client.Client, _ *postgres.Store) error {
		_, err := c.Drain(ctx)
		return err
	})
}

// drainLedger makes of each job what a drain makes of it durable, and sends
// nothing: what the store gives. Like a job of River's, it calls no vendor.
func drainLedger(ctx context.Context, dsn, schema string, jobs int) (drained, error) {
	return drainWith(ctx, dsn, schema, jobs, func(_ *client.Client, store *postgres.Store) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var workers sync.WaitGroup
		defer workers.Wait()
		work := make(chan *idempotency.Record, callers)
		defer close(work)
		var under sync.WaitGroup
		for range callers {
			workers.Go(func() {
				for rec := range work {
					if err := carryOn(ctx, store, rec); err != nil {
						cancel(err)
					}
					under.Done()
				}
			})
		}
		for ctx.Err() == nil {
			recs, err := store.Claim(ctx, idempotency.ClaimRequest{Owner: "bench", Limit: callers, Lease: time.Hour, Now: time.Now()})
			if err != nil || len(recs) == 0 {
				under.Wait()
				return errors.Join(err, context.Cause(ctx))
			}
			under.Add(len(recs))
			for _, rec := range recs {
				work <- rec
			}
		}
		return context.Cause(ctx)
	})
}

// carryOn makes the intent of a claimed job durable, and then its outcome.
func carryOn(ctx context.Context, store *postgres.Store, rec *idempotency.Record) error {
	now := time.Now()
	sending := *rec
	sending.Fence, sending.State, sending.UpdatedAt = rec.Fence+1, idempotency.Sending, now
	sending.Submissions = []idempotency.Submission{{
		Generation: 1, Vendor: "lob", Ref: idempotency.Namespace("bench").Ref(rec.Mode, rec.Key, 1), VendorKey: string(rec.ID), FirstAt: now, LastAt: now, Sends: 1,
	}}
	entry := func(r *idempotency.Record, kind idempotency.EntryKind) []idempotency.Entry {
		return []idempotency.Entry{{ID: r.ID, At: now, Kind: kind, To: r.State, Fence: r.Fence, Generation: 1, Vendor: "lob"}}
	}
	if err := idempotency.CommitOne(ctx, store, idempotency.Change{Record: &sending, Expect: rec.Fence, Entries: entry(&sending, idempotency.EntryIntent)}); err != nil {
		return err
	}
	done := sending
	done.Fence, done.State, done.Lease, done.Due = sending.Fence+1, idempotency.Accepted, idempotency.Lease{}, now.Add(24*time.Hour)
	done.Submissions = slices.Clone(sending.Submissions)
	done.Submissions[0].VendorID, done.Submissions[0].Join = "psc_"+string(rec.ID[:16]), postproof.Accepted
	return idempotency.CommitOne(ctx, store, idempotency.Change{Record: &done, Expect: sending.Fence, Entries: entry(&done, idempotency.EntryAccepted)})
}

// drainWith enqueues the jobs and measures a drain.
func drainWith(ctx context.Context, dsn, schema string, jobs int, drain func(*client.Client, *postgres.Store) error) (d drained, err error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return d, err
	}
	defer v.Close()
	err = onPostgres(ctx, dsn, schema, func(store *postgres.Store) (err error) {
		c, err := newClient(ctx, v, store)
		if err != nil {
			return err
		}
		defer func() { err = joinClose(err, c.Close) }()
		added, err := c.Enqueue(ctx, jobsOf("q", jobs))
		if err != nil {
			return err
		}
		if added.New != int64(jobs) {
			return fmt.Errorf("%d of %d jobs were enqueued: %v", added.New, jobs, added.Rejections)
		}
		if err := analyze(ctx, dsn, schema); err != nil {
			return err
		}
		start := time.Now()
		if err := drain(c, store); err != nil {
			return err
		}
		d.perSecond = float64(jobs) / time.Since(start).Seconds()
		left, err := c.Depth(ctx, "")
		if err != nil {
			return err
		}
		if left[idempotency.Accepted] != int64(jobs) {
			return fmt.Errorf("%w: of %d the drain left %v", errDrained, jobs, left)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	bytes, err := schemaBytes(ctx, dsn, schema)
	d.bytes = bytes / float64(jobs)
	return d, err
}

func jobsOf(run string, n int) iter.Seq2[postproof.Job, error] {
	job := makeJobs(run, postcard())
	return func(yield func(postproof.Job, error) bool) {
		for i := range n {
			if !yield(*job(i), nil) {
				return
			}
		}
	}
}

// queueSubmit is durable submissions on PostgreSQL, the server near.
type queueSubmit struct {
	JobsPerSecond     float64 `json:"jobs_per_second"`
	LoneJobsPerSecond float64 `json:"lone_jobs_per_second"`
	Multiple          float64 `json:"multiple"`
	LoneMultiple      float64 `json:"lone_multiple"`
	Bytes             float64 `json:"database_bytes_per_job"`
}

func submitOnPostgres(ctx context.Context, dsn, folder string, rounds, jobs int) (q queueSubmit, err error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return q, err
	}
	defer v.Close()
	schema, drop, err := newSchema(ctx, dsn)
	if err != nil {
		return q, err
	}
	defer func() { err = joinClose(err, drop) }()
	few := max(1, jobs/20)
	var figures [4][]float64
	err = onPostgres(ctx, dsn, schema, func(store *postgres.Store) (err error) {
		s, err := openOn(ctx, v, store)
		if err != nil {
			return err
		}
		defer func() { err = joinClose(err, s.close) }()
		if _, err := submitAll(ctx, s, makeJobs("warm", postcard()), callers, few); err != nil {
			return err
		}
		for round := range rounds {
			for i, x := range []struct{ workers, n int }{{callers, jobs}, {1, few}} {
				d, fsyncs, err := between(folder, func() (drained, error) {
					took, err := submitAll(ctx, s, makeJobs(fmt.Sprintf("s%d-%d", round, x.workers), postcard()), x.workers, x.n)
					return drained{perSecond: float64(x.n) / took.Seconds()}, err
				})
				if err != nil {
					return err
				}
				figures[2*i], figures[2*i+1] = append(figures[2*i], d.perSecond), append(figures[2*i+1], d.perSecond/fsyncs)
			}
		}
		return nil
	})
	if err != nil {
		return q, err
	}
	q.JobsPerSecond, q.Multiple, q.LoneJobsPerSecond, q.LoneMultiple = median(figures[0]), median(figures[1]), median(figures[2]), median(figures[3])
	q.Bytes, err = schemaBytes(ctx, dsn, schema)
	q.Bytes /= float64(few + rounds*(jobs+few))
	return q, err
}

// claimRow is what claiming takes while so many jobs wait.
type claimRow struct {
	Jobs   int     `json:"jobs"`
	Limit  int     `json:"limit"`
	Median float64 `json:"median_ns"`
	Worst  float64 `json:"worst_ns"`
	// EnqueuePerSecond is how fast they came in, Bytes what each takes.
	EnqueuePerSecond float64 `json:"enqueue_per_second"`
	Bytes            float64 `json:"database_bytes_per_job"`
}

func claimAmong(ctx context.Context, dsn string, jobs int) (row claimRow, err error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return row, err
	}
	defer v.Close()
	schema, drop, err := newSchema(ctx, dsn)
	if err != nil {
		return row, err
	}
	defer func() { err = joinClose(err, drop) }()
	row.Jobs, row.Limit = jobs, callers
	err = onPostgres(ctx, dsn, schema, func(store *postgres.Store) (err error) {
		c, err := newClient(ctx, v, store)
		if err != nil {
			return err
		}
		defer func() { err = joinClose(err, c.Close) }()
		start := time.Now()
		added, err := c.Enqueue(ctx, jobsOf("c", jobs))
		if err != nil {
			return err
		}
		if added.New != int64(jobs) {
			return fmt.Errorf("%d of %d jobs were enqueued: %v", added.New, jobs, added.Rejections)
		}
		row.EnqueuePerSecond = float64(jobs) / time.Since(start).Seconds()
		if err := analyze(ctx, dsn, schema); err != nil {
			return err
		}
		bytes, err := schemaBytes(ctx, dsn, schema)
		row.Bytes = bytes / float64(jobs)
		if err != nil {
			return err
		}
		took, err := claimTimes(ctx, store, 200)
		row.Median, row.Worst = median(took), slices.Max(took)
		return err
	})
	return row, err
}
