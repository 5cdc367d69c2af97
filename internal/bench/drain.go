package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
)

// drainRow is a campaign on SQLite from its list to the last job accepted.
type drainRow struct {
	Jobs int `json:"jobs"`
	// The three parts, as jobs a second; and all of them in time on a processor
	// for a job, the vendor in this process included.
	FreezePerSecond  float64 `json:"freeze_per_second"`
	EnqueuePerSecond float64 `json:"enqueue_per_second"`
	DrainPerSecond   float64 `json:"drain_per_second"`
	CPU              float64 `json:"cpu_ns_per_job"`
	// FsyncsPerSecond is what the same disk does, before and after the drain.
	FsyncsPerSecond float64 `json:"fsyncs_per_second"`
	// Syncs is how many the drain asks for, for a job.
	Syncs float64 `json:"syncs_per_job"`
	// Multiple is the drain's jobs for each of them.
	Multiple float64 `json:"multiple"`
	// Relative is the time for a job, all parts, against that of the smallest
	// campaign of the run.
	Relative float64 `json:"relative"`
	// Memory is the most that the process had from the system at a time beyond
	// what it had before; Disk what the ledger takes for a job.
	Memory float64 `json:"memory_bytes"`
	Disk   float64 `json:"disk_bytes_per_job"`
	// Claim is the time of one claim of 64 jobs while all jobs wait.
	Claim float64 `json:"claim_ns"`

	perJob float64
}

// measureDrain takes campaigns of these sizes from a snapshot to accepted.
func measureDrain(ctx context.Context, dir string, sizes []int) ([]drainRow, error) {
	rows := make([]drainRow, 0, len(sizes))
	for _, n := range sizes {
		row, err := drainRound(ctx, dir, n)
		if err != nil {
			return nil, fmt.Errorf("a campaign of %d: %w", n, err)
		}
		rows = append(rows, row)
		rows[len(rows)-1].Relative = row.perJob / rows[0].perJob
	}
	return rows, nil
}

func drainRound(ctx context.Context, dir string, n int) (row drainRow, err error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return row, err
	}
	defer v.Close()
	folder, err := os.MkdirTemp(dir, "postproof-bench-")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "ledger.db")
	disk, err := openCounted(path)
	if err != nil {
		return row, err
	}
	defer func() { err = joinClose(err, disk.close) }()
	store, err := sqlite.New(ctx, disk.db, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return row, err
	}
	defer func() { err = joinClose(err, store.Close) }()
	c, err := newClient(ctx, v, store)
	if err != nil {
		return row, err
	}
	defer func() { err = joinClose(err, c.Close) }()

	row.Jobs = n
	peak := watchMemory()
	defer peak.stop()
	busy := cpuTime()
	perSecond := func(start time.Time) float64 { return float64(n) / time.Since(start).Seconds() }

	start := time.Now()
	shelf, err := snapshot.OpenFolder(filepath.Join(folder, "lists"))
	if err != nil {
		return row, err
	}
	snap, err := snapshot.Take(ctx, contacts(n), snapshot.Options{Campaign: "spring", Store: shelf})
	if err != nil {
		return row, err
	}
	row.FreezePerSecond = perSecond(start)
	start = time.Now()
	added, err := c.Enqueue(ctx, client.Jobs(ctx, snap, client.Drop{Name: "card", Piece: postcard(), Class: postproof.FirstClass}))
	if err != nil {
		return row, err
	}
	if added.New != int64(n) {
		return row, fmt.Errorf("%d of %d jobs were enqueued: %v", added.New, n, added.Rejections)
	}
	row.EnqueuePerSecond = perSecond(start)
	listed := cpuTime() - busy

	if row.Claim, err = timeClaims(ctx, store); err != nil {
		return row, err
	}
	before, err := appendAndSync(folder)
	if err != nil {
		return row, err
	}
	busy = cpuTime()
	synced := disk.syncs.Load()
	start = time.Now()
	left, err := c.Drain(ctx)
	if err != nil {
		return row, err
	}
	if left[idempotency.Accepted] != int64(n) {
		return row, fmt.Errorf("of %d jobs the drain left %v", n, left)
	}
	row.DrainPerSecond = perSecond(start)
	row.Syncs = float64(disk.syncs.Load()-synced) / float64(n)
	row.CPU = float64(listed+cpuTime()-busy) / float64(n)
	after, err := appendAndSync(folder)
	if err != nil {
		return row, err
	}
	row.FsyncsPerSecond = 2 * syncsAtATime / (before + after).Seconds()
	row.Multiple = row.DrainPerSecond / row.FsyncsPerSecond
	row.perJob = 1/row.FreezePerSecond + 1/row.EnqueuePerSecond + 1/row.DrainPerSecond
	row.Memory = float64(peak.stop())
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(path + suffix); err == nil {
			row.Disk += float64(info.Size()) / float64(n)
		}
	}
	return row, nil
}

// contacts is a list of n people, as large a CSV file as it takes.
func contacts(n int) snapshot.Source {
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<16)
		fmt.Fprintln(out, "contact_id,name,address_line1,city,state,postal_code")
		for i := range n {
			fmt.Fprintf(out, "c-%d,Current Resident,%d Main Street,Springfield,IL,62701\n", i, i+1)
		}
		w.CloseWithError(out.Flush())
	}()
	return snapshot.CSV(r, snapshot.Mapping{})
}

// timeClaims is the mean time of some claims.
func timeClaims(ctx context.Context, store idempotency.Store) (float64, error) {
	const claims = 20
	took, err := claimTimes(ctx, store, claims)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, ns := range took {
		sum += ns
	}
	return sum / claims, nil
}

// claimTimes claims so many times, each time after the leases of the time
// before.
func claimTimes(ctx context.Context, store idempotency.Store, claims int) ([]float64, error) {
	took := make([]float64, 0, claims)
	now := time.Now()
	for range claims {
		now = now.Add(time.Millisecond)
		start := time.Now()
		recs, err := store.Claim(ctx, idempotency.ClaimRequest{Owner: "bench", Limit: callers, Lease: time.Millisecond, Now: now})
		if err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(start)))
		if len(recs) == 0 {
			return nil, errors.New("nothing could be claimed")
		}
	}
	return took, nil
}

// memoryWatch looks at what the process has from the system.
type memoryWatch struct {
	base, peak atomic.Uint64
	done, over chan struct{}
	stopped    atomic.Bool
}

func watchMemory() *memoryWatch {
	runtime.GC()
	w := &memoryWatch{done: make(chan struct{}), over: make(chan struct{})}
	w.base.Store(heldMemory())
	go func() {
		defer close(w.over)
		for {
			w.peak.Store(max(w.peak.Load(), heldMemory()))
			select {
			case <-w.done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return w
}

// stop returns the peak above what there was at the start.
func (w *memoryWatch) stop() uint64 {
	if !w.stopped.Swap(true) {
		close(w.done)
	}
	<-w.over
	return w.peak.Load() - w.base.Load()
}

func heldMemory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
