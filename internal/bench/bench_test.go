package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkSubmit is one submission through each peer.
func BenchmarkSubmit(b *testing.B) {
	for _, n := range []network{inMemory, loopback} {
		for _, p := range peers() {
			b.Run(string(n)+"/"+p.name, func(b *testing.B) {
				v, err := startVendor(b.Context(), n)
				if err != nil {
					b.Fatal(err)
				}
				defer v.Close()
				s, err := p.open(b.Context(), v)
				if err != nil {
					b.Fatal(err)
				}
				jobs := makeJobs(b.Name(), postcard())
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if err := s.submit(b.Context(), jobs(i)); err != nil {
						b.Fatal(err)
					}
					i++
				}
				if err := s.close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// BenchmarkLargeFile reports what a body of 8 MiB allocates, as bodyB/op.
func BenchmarkLargeFile(b *testing.B) {
	r, err := measureBlob(b.Context(), 1, max(1, b.N))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.Body, "bodyB/op")
	b.ReportMetric(r.Bytes, "totalB/op")
}

// BenchmarkDurable reports jobs on SQLite as a multiple of the disk's fsyncs.
func BenchmarkDurable(b *testing.B) {
	r, err := measureDurable(b.Context(), b.TempDir(), 1, max(callers, b.N))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.Multiple, "×fsync")
	b.ReportMetric(r.SyncsPerCommit, "syncs/commit")
}

// BenchmarkIntake reports callbacks on SQLite as a multiple of the disk's fsyncs.
func BenchmarkIntake(b *testing.B) {
	rows, err := measureIntake(b.Context(), b.TempDir(), 1, max(senders, b.N))
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range rows {
		way := strings.ReplaceAll(r.Way, " ", "-")
		b.ReportMetric(r.Multiple, way+"×fsync")
		b.ReportMetric(r.P99, way+"-p99-ns")
	}
}

// BenchmarkVerifyCallback is one callback through each peer.
func BenchmarkVerifyCallback(b *testing.B) {
	for _, size := range verifySizes() {
		all, err := callbackVerifiers(size, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range all {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, v.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for b.Loop() {
					if err := v.verify(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// Every figure of the report must come out of a run, however short.
//
//nolint:paralleltest // it measures
func TestReportIsComplete(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-json", "-only=submit,blob,durable,drain,verify,intake", "-rounds=1", "-calls=3", "-jobs=64", "-callbacks=20", "-sizes=64,256", "-dir", t.TempDir()}, &out); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if want := 2 * len(peers()); len(r.Submit) != want {
		t.Errorf("%d rows of submissions, want %d", len(r.Submit), want)
	}
	for _, row := range r.Submit {
		if row.NS <= 0 || row.Allocs <= 0 || row.Bytes <= 0 || row.Ratio <= 0 {
			t.Errorf("%s %s: %+v", row.Network, row.Peer, row)
		}
	}
	if r.Blob == nil || r.Blob.Bytes <= 0 || r.Blob.Milliseconds <= 0 {
		t.Errorf("blob: %+v", r.Blob)
	}
	if r.Durable == nil || r.Durable.JobsPerSecond <= 0 || r.Durable.FsyncsPerSecond <= 0 || r.Durable.SyncsPerCommit < 0.5 {
		t.Errorf("durable: %+v", r.Durable)
	}
	if len(r.Drain) != 2 {
		t.Errorf("%d campaigns were drained, want 2", len(r.Drain))
	}
	for _, d := range r.Drain {
		if d.DrainPerSecond <= 0 || d.FsyncsPerSecond <= 0 || d.Syncs <= 0 || d.Disk <= 0 || d.Memory < 0 || d.Claim <= 0 || d.Relative <= 0 {
			t.Errorf("drain: %+v", d)
		}
	}
	if want := 8 * len(verifySizes()); len(r.Verify) != want {
		t.Errorf("%d rows of callbacks, want %d", len(r.Verify), want)
	}
	for _, row := range r.Verify {
		if row.NS <= 0 || row.Ratio <= 0 || row.Size <= 0 || slices.Contains([]string{svixName, standardName}, row.Peer) != (row.Allocs > 10) {
			t.Errorf("verify: %+v", row)
		}
	}
	if len(r.Intake) != 2 {
		t.Errorf("%d rows of the intake, want 2", len(r.Intake))
	}
	for _, row := range r.Intake {
		if row.PerSecond <= 0 || row.FsyncsPerSecond <= 0 || row.Multiple <= 0 || row.P50 <= 0 || row.P99 < row.P50 || row.Syncs <= 0 || row.Syncs > 1.1 {
			t.Errorf("intake: %+v", row)
		}
	}
	if len(r.Checks) != 21 {
		t.Errorf("%d checks, want 21: %+v", len(r.Checks), r.Checks)
	}
	var table bytes.Buffer
	if err := r.writeTable(&table); err != nil || table.Len() == 0 {
		t.Errorf("table of %d bytes: %v", table.Len(), err)
	}
	err := r.writeMarkdown(&table)
	for _, title := range []string{"verifying a callback", "callbacks taken in on SQLite"} {
		if err != nil || strings.Count(table.String(), title) != 2 {
			t.Errorf("the table or the page lacks %s: %v\n%s", title, err, table.String())
		}
	}
}
