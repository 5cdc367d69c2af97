package sqlite

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func (s *Store) openBlobs(ctx context.Context) error {
	if s.blobDir == "" {
		s.blobDir = s.path + "-blobs"
	}
	if s.readOnly {
		return nil
	}
	if err := os.MkdirAll(s.blobDir, 0o700); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(s.blobDir)); err != nil {
		return err
	}
	// What is left over is in nobody's way: an erasure that misses it fails, mail does not.
	if err := s.sweepUploads(); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "left-over uploads of artwork, which may be a person's, could not be deleted: delete them by hand, or mend the folder's permissions and open the ledger again",
			slog.String("files", filepath.Join(s.blobDir, uploadPrefix+"*")), slog.String("error", err.Error()))
	}
	return nil
}

const (
	uploadPrefix = ".new-"
	// uploadLife is how long an upload may stand still: one of which nothing was
	// written for longer is of a process that was killed.
	uploadLife = time.Hour
)

// sweepUploads deletes what killed processes left of their uploads: nobody would
// ever ask for it, and an erasure would miss it.
func (s *Store) sweepUploads() error {
	entries, err := os.ReadDir(s.blobDir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), uploadPrefix) {
			continue
		}
		if info, gone := e.Info(); gone != nil || time.Since(info.ModTime()) < uploadLife {
			continue // or it is under way
		}
		err = errors.Join(err, removeIfThere(filepath.Join(s.blobDir, e.Name())))
	}
	return err
}

// blobPath spreads the files over 256 folders. The digest is checked first:
// it becomes part of a path.
func (s *Store) blobPath(digest string) (string, bool) {
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return "", false
	}
	return filepath.Join(s.blobDir, digest[:2], digest), true
}

// PutBlob implements [idempotency.Blobs]. The content becomes a file named by its
// digest: written beside its place, synced, renamed, and the folder synced.
func (s *Store) PutBlob(ctx context.Context, content io.Reader) (_ postproof.Blob, err error) {
	if s.readOnly {
		return postproof.Blob{}, ErrReadOnly
	}
	if err := s.usable(ctx); err != nil {
		return postproof.Blob{}, err
	}
	temp, err := os.CreateTemp(s.blobDir, uploadPrefix+"*")
	if err != nil {
		return postproof.Blob{}, explain("put blob", err)
	}
	defer func() { err = errors.Join(err, removeIfThere(temp.Name())) }()
	blob, err := idempotency.CopyBlob(temp, content)
	if err == nil && s.hasWhole(blob) {
		// Whoever renamed it may not have synced the folder yet.
		path, _ := s.blobPath(blob.Digest)
		return blob, errors.Join(temp.Close(), syncDir(filepath.Dir(path)))
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return postproof.Blob{}, explain("put blob", err)
	}
	path, _ := s.blobPath(blob.Digest)
	return blob, explain("put blob", moveTo(temp.Name(), path))
}

// moveTo moves the file to its place and makes that durable.
func moveTo(from, to string) error {
	dir := filepath.Dir(to)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(dir)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// hasWhole reports whether the blob is there, every byte of it. A file that the disk
// has damaged is replaced: to store its content again is the only way to mend it.
func (s *Store) hasWhole(b postproof.Blob) bool {
	path, ok := s.blobPath(b.Digest)
	if !ok {
		return false
	}
	f, err := os.Open(path) //nolint:gosec // made of a checked digest
	if err != nil {
		return false
	}
	content := idempotency.VerifyBlob(f, b)
	_, err = io.Copy(io.Discard, content)
	return errors.Join(err, content.Close()) == nil
}

// OpenBlob implements [idempotency.Blobs].
func (s *Store) OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	path, ok := s.blobPath(b.Digest)
	if !ok {
		return nil, idempotency.ErrNotFound
	}
	f, err := os.Open(path) //nolint:gosec // made of a checked digest
	if errors.Is(err, fs.ErrNotExist) {
		return nil, idempotency.ErrNotFound
	}
	if err != nil {
		return nil, explain("open blob", err)
	}
	return idempotency.VerifyBlob(f, b), nil
}

// RemoveBlob implements [idempotency.BlobRemover].
func (s *Store) RemoveBlob(ctx context.Context, b postproof.Blob) error {
	if s.readOnly {
		return ErrReadOnly
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	path, ok := s.blobPath(b.Digest)
	if !ok {
		return nil
	}
	if err := removeIfThere(path); err != nil {
		return explain("remove blob", err)
	}
	if err := syncDir(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		return explain("remove blob", err)
	}
	return nil
}

// usable returns an error when the store is closed or the context over.
func (s *Store) usable(ctx context.Context) error {
	select {
	case <-s.closed:
		return idempotency.ErrClosed
	default:
		return context.Cause(ctx)
	}
}
