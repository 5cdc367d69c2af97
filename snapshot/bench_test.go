package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/postproof/postproof/snapshot"
)

const benchRows = 1_000_000

// benchList is a list of n people in rows of about sixty bytes.
func benchList(n int) []byte {
	var b bytes.Buffer
	b.WriteString("contact_id,name,address_line1,city,state,postal_code\n")
	for i := range n {
		fmt.Fprintf(&b, "c-%d,Current Resident,%d Main Street,Springfield,IL,62701\n", i, i+1)
	}
	return b.Bytes()
}

// readAndHash is the yardstick: what nobody can do without.
func readAndHash(list []byte) error {
	h := sha256.New()
	r := csv.NewReader(io.TeeReader(bytes.NewReader(list), h))
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			h.Sum(nil)
			return nil
		} else if err != nil {
			return err
		}
	}
}

func benchTake(ctx context.Context, dir string, list []byte, opts snapshot.Options) (*snapshot.Snapshot, error) {
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	opts.Campaign, opts.Store = "bench", store
	return snapshot.Take(ctx, snapshot.CSV(bytes.NewReader(list), snapshot.Mapping{}), opts)
}

// BenchmarkTake freezes a million rows into a folder. Its metric "ratio" is the
// speed against reading the CSV and hashing it and nothing else, measured in
// the same round.
func BenchmarkTake(b *testing.B) {
	list := benchList(benchRows)
	for _, c := range []struct {
		name string
		opts snapshot.Options
	}{
		{"plain", snapshot.Options{CompressAbove: -1}},
		{"gzip", snapshot.Options{CompressAbove: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(list)))
			var yardstick, freeze time.Duration
			best := 0.0
			for b.Loop() {
				start := time.Now()
				if err := readAndHash(list); err != nil {
					b.Fatal(err)
				}
				one := time.Since(start)
				dir := b.TempDir()
				start = time.Now()
				if _, err := benchTake(b.Context(), dir, list, c.opts); err != nil {
					b.Fatal(err)
				}
				two := time.Since(start)
				yardstick, freeze = yardstick+one, freeze+two
				best = max(best, float64(one)/float64(two))
				// The next round takes its memory for files from this one, as on a
				// machine that has been up for a while.
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(b.N) * benchRows
			b.ReportMetric(float64(yardstick)/n, "yardstick-ns/row")
			b.ReportMetric(float64(freeze)/n, "freeze-ns/row")
			b.ReportMetric(float64(yardstick)/float64(freeze), "ratio")
			b.ReportMetric(best, "best-ratio")
		})
	}
}

// BenchmarkOpen verifies a million rows. Its metric "ratio" is the speed
// against SHA-256 over the same bytes in memory.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := benchTake(b.Context(), dir, benchList(benchRows), snapshot.Options{CompressAbove: -1})
	if err != nil {
		b.Fatal(err)
	}
	store, err := snapshot.OpenFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	size := s.Manifest().Files[0].Bytes
	b.SetBytes(size)
	b.ReportAllocs()
	data := make([]byte, size)
	var yardstick, open time.Duration
	for b.Loop() {
		start := time.Now()
		sha256.Sum256(data)
		yardstick += time.Since(start)
		start = time.Now()
		if _, err := snapshot.Open(b.Context(), store, s.ID()); err != nil {
			b.Fatal(err)
		}
		open += time.Since(start)
	}
	b.ReportMetric(float64(yardstick)/float64(open), "ratio")
}

// BenchmarkRows reads the rows of a snapshot.
func BenchmarkRows(b *testing.B) {
	s, err := benchTake(b.Context(), b.TempDir(), benchList(100_000), snapshot.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range s.Rows(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/row")
}
