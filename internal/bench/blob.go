package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// blobReport is what sending a large file costs in memory.
type blobReport struct {
	Size int64 `json:"size"`
	// Bytes is allocated for each attempt with the large file, Small with a
	// file of some hundred bytes; Body is the difference, which is the body's.
	Bytes float64 `json:"bytes_per_attempt"`
	Small float64 `json:"bytes_per_small_attempt"`
	Body  float64 `json:"bytes_of_body"`
	// Milliseconds is how long one submission takes.
	Milliseconds float64 `json:"ms_per_attempt"`
}

const largeFile = 8 << 20

// split keeps the ledger in memory and the artwork as files, as an SQLite
// ledger does, so that what is measured is the way of the artwork alone.
type split struct {
	*idempotency.Memory

	artwork *sqlite.Store
}

// PutBlob implements [idempotency.Blobs].
func (s split) PutBlob(ctx context.Context, content io.Reader) (postproof.Blob, error) {
	return s.artwork.PutBlob(ctx, content)
}

// OpenBlob implements [idempotency.Blobs].
func (s split) OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
	return s.artwork.OpenBlob(ctx, b)
}

// measureBlob submits postcards with a large and with a small file in turns.
// Each job is one attempt; the vendor reads the file to its end.
func measureBlob(ctx context.Context, rounds, calls int) (report blobReport, err error) {
	dir, err := os.MkdirTemp("", "postproof-bench-")
	if err != nil {
		return blobReport{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	v, err := startVendor(ctx, loopback)
	if err != nil {
		return blobReport{}, err
	}
	defer v.Close()
	artwork, err := sqlite.Open(ctx, filepath.Join(dir, "ledger.db"), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return blobReport{}, err
	}
	defer func() { err = joinClose(err, artwork.Close) }()
	store := split{idempotency.NewMemory(postproof.ModeTest), artwork}
	s, err := openOn(ctx, v, store)
	if err != nil {
		return blobReport{}, err
	}
	defer func() { err = joinClose(err, s.close) }()
	large, err := pdf(ctx, store, largeFile)
	if err != nil {
		return blobReport{}, err
	}
	small, err := pdf(ctx, store, 512)
	if err != nil {
		return blobReport{}, err
	}
	var larges, smalls []cost
	for round := range rounds + 1 { // the first is to warm up
		for _, c := range []struct {
			name  string
			front postproof.Blob
			costs *[]cost
		}{{"large", large, &larges}, {"small", small, &smalls}} {
			jobs := makeJobs(c.name+strconv.Itoa(round), postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{
				Front: postproof.File{Blob: c.front}, Back: postproof.File{Blob: small},
			}})
			got, err := measure(calls, func(i int) error { return s.submit(ctx, jobs(i)) })
			if err != nil {
				return blobReport{}, fmt.Errorf("%s file: %w", c.name, err)
			}
			if round > 0 {
				*c.costs = append(*c.costs, got)
			}
		}
	}
	l, m := medianCost(larges), medianCost(smalls)
	return blobReport{Size: largeFile, Bytes: l.Bytes, Small: m.Bytes, Body: max(0, l.Bytes-m.Bytes), Milliseconds: l.NS / 1e6}, nil
}

// pdf stores a file that only looks like one: nobody renders it.
func pdf(ctx context.Context, store idempotency.Blobs, size int) (postproof.Blob, error) {
	content := bytes.Repeat([]byte("%PDF-1.7\n"), size/9+1)[:size]
	return store.PutBlob(ctx, bytes.NewReader(content))
}

func joinClose(err error, closer func() error) error { return errors.Join(err, closer()) }
