package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/snapshot"
)

// replayJobsEnv is how many jobs the benchmark plans; replayDirEnv names a folder
// that keeps the ledger from run to run, since making it takes longer than reading
// it.
const (
	replayJobsEnv = "POSTPROOF_BENCH_REPLAY_JOBS"
	replayDirEnv  = "POSTPROOF_BENCH_REPLAY_DIR"
)

// BenchmarkPlanReplay plans the replay of a list whose jobs are in an SQLite
// ledger, but for each tenth. It reports the processor time, too,
// and the most memory in use meanwhile.
func BenchmarkPlanReplay(b *testing.B) {
	n := 100_000
	if testing.Short() {
		n = 2_000
	}
	if text := os.Getenv(replayJobsEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv(replayDirEnv)
	if dir == "" {
		dir = b.TempDir()
	}
	store, err := sqlite.Open(b.Context(), filepath.Join(dir, "ledger.db"), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	lists, err := snapshot.OpenFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	s, err := snapshot.Take(b.Context(), snapshot.CSV(longList(n), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: lists})
	if err != nil {
		b.Fatal(err)
	}
	fillLedger(b, store, s)
	p := &press{name: "alpha", kind: postproof.IdempotencyKey, mode: postproof.ModeTest, lis: newSwitchboard()}
	c, err := client.New(b.Context(), store, adaptersOf(p), client.WithLogger(quiet()), client.WithoutHints())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := replayOf(s, "bench")
	runtime.GC()
	most := watchMemory(b)
	cpu := cpuTime()
	b.ResetTimer()
	for b.Loop() {
		made, err := c.PlanReplay(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		if want := int64(n - (n+9)/10); made.Total != int64(n) || made.Count(client.ReplayAccepted) != want {
			b.Fatalf("plan %v, want %d accepted of %d", counted(made), want, n)
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/job")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/job")
	b.ReportMetric(float64(most())/(1<<20), "MiB-most")
}

// longList is a list of so many rows that is made while it is read.
func longList(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, "contact_id,name,address_line1,city,state,zip\n")
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "c%d,Jo Doe %d,%d Main St,Reno,NV,89501\n", i, i, i+1)
		}
		_ = w.CloseWithError(err)
	}()
	return r
}

// fillLedger has the jobs of a list accepted, but for each tenth, if the ledger is
// empty.
func fillLedger(b *testing.B, store *sqlite.Store, s *snapshot.Snapshot) {
	b.Helper()
	if d, err := store.Depth(b.Context(), ""); err != nil || len(d) > 0 {
		b.Logf("the ledger is there already: %v, %v", d, err)
		return
	}
	id, err := store.Identity(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	var batch []idempotency.Change
	commit := func() {
		errs, err := store.Commit(b.Context(), batch)
		if err != nil || errs != nil {
			b.Fatal(err, errs)
		}
		batch = batch[:0]
	}
	d := card()
	d.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{ // as the ledger has it
		FrontBlob: blob("<b>front</b>"), BackBlob: blob("<b>back</b>"),
	}}
	i := 0
	for job, err := range client.Jobs(b.Context(), s, d) {
		if err != nil {
			b.Fatal(err)
		}
		if i++; i%10 == 1 {
			continue
		}
		text, err := job.MarshalJSON()
		if err != nil {
			b.Fatal(err)
		}
		rec := idempotency.NewRecord(&job, text, postproof.ModeTest, began)
		rec.State = idempotency.Accepted
		ref := id.Namespace.Ref(rec.Mode, rec.Key, 1)
		rec.Submissions = []idempotency.Submission{{
			Generation: 1, Ref: ref, Vendor: "alpha", Account: "acct", VendorKey: "k", Encoder: "press/1", Digest: "d", FirstAt: began, LastAt: began,
			Sends: 1, Join: postproof.Accepted, AcceptedAt: began, VendorID: "alpha_" + strconv.Itoa(i),
		}}
		rec.Receipt = postproof.Receipt{Vendor: "alpha", VendorID: "alpha_" + strconv.Itoa(i), Ref: ref, AcceptedAt: began}
		rec.Status = postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, SeenAt: began}
		rec.PollAt, rec.Due = began.Add(24*time.Hour), began.Add(24*time.Hour)
		batch = append(batch, idempotency.Change{Record: rec, Entries: []idempotency.Entry{{ID: rec.ID, At: began, Kind: "accepted", To: rec.State}}})
		if len(batch) == 1000 {
			commit()
		}
	}
	commit()
	b.Logf("made the ledger in %s", time.Since(began).Round(time.Second))
}

// watchMemory returns the most memory of the heap that was in use, read each ten
// milliseconds.
func watchMemory(b *testing.B) func() uint64 {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	b.Cleanup(stop)
	var most atomic.Uint64
	go func() {
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() uint64 { stop(); return most.Load() }
}

func blob(markup string) postproof.Blob {
	sum := sha256.Sum256([]byte(markup))
	return postproof.Blob{Size: int64(len(markup)), Digest: hex.EncodeToString(sum[:])}
}
