package sqlite

import (
	"context"
	"testing"
)

// LimitPages bounds the size of the file, as a disk does.
func LimitPages(ctx context.Context, t *testing.T, s *Store, pages int64) {
	t.Helper()
	err := s.direct(ctx, "limit", func(ctx context.Context, b *batch) error {
		var now int64
		_, err := b.c.queryRow(ctx, []any{&now}, "PRAGMA max_page_count = "+itoa(pages))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// CheckpointPages sets how long the log grows.
func CheckpointPages(ctx context.Context, t *testing.T, s *Store, pages int64) {
	t.Helper()
	err := s.direct(ctx, "limit", func(ctx context.Context, b *batch) error {
		var now int64
		_, err := b.c.queryRow(ctx, []any{&now}, "PRAGMA wal_autocheckpoint = "+itoa(pages))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Remembered is how many records the writer remembers. The store must be at
// rest.
func Remembered(s *Store) int {
	return len(s.writer.batch.places.newer) + len(s.writer.batch.places.older)
}

// Based is the commit up to which all is in the main file, as the writer knows.
func Based(ctx context.Context, t *testing.T, s *Store) (commits int64) {
	t.Helper()
	err := s.direct(ctx, "look", func(_ context.Context, b *batch) error {
		commits = b.based
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return commits
}
