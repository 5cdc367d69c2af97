package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const (
	// chunkSize is how much of an artwork is in one row, and on its way at a
	// time.
	chunkSize = 256 << 10
	// inMemory is how much of an artwork waits in memory for its digest; a
	// larger one does so in a temporary file.
	inMemory = 4 << 20
)

// digestBytes checks the digest and returns its bytes.
func digestBytes(digest string) ([]byte, bool) {
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return nil, false
	}
	b, err := hex.DecodeString(digest)
	return b, err == nil
}

// stash takes content until its digest is known.
type stash struct {
	memory bytes.Buffer
	file   *os.File // nil while memory has all of it
}

// Write implements [io.Writer].
func (s *stash) Write(p []byte) (int, error) {
	if s.file == nil && s.memory.Len()+len(p) <= inMemory {
		return s.memory.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "postproof-*")
		if err != nil {
			return 0, err
		}
		// Where the system lets go of the name of an open file, a process that is
		// killed leaves nothing of a person's artwork behind.
		_ = os.Remove(f.Name())
		s.file = f
	}
	return s.file.Write(p)
}

// content returns a reader of all that was written.
func (s *stash) content() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.memory.Bytes()), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(s.memory.Bytes()), s.file), nil
}

// has reports whether chunks of these digests are what was written.
func (s *stash) has(sums [][]byte) (bool, error) {
	if len(sums) == 0 {
		return false, nil
	}
	content, err := s.content()
	if err != nil {
		return false, err
	}
	chunk := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(content, chunk)
		switch {
		case errors.Is(err, io.EOF):
			return len(sums) == 0, nil
		case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
			return false, err
		}
		sum := sha256.Sum256(chunk[:n])
		if len(sums) == 0 || !bytes.Equal(sum[:], sums[0]) {
			return false, nil
		}
		sums = sums[1:]
	}
}

func (s *stash) remove() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if rerr := os.Remove(s.file.Name()); !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}

// PutBlob implements [idempotency.Blobs]. The content is stored in chunks, in one
// transaction that begins when all of it has come.
func (s *Store) PutBlob(ctx context.Context, content io.Reader) (_ postproof.Blob, err error) {
	if err := s.usable(ctx); err != nil {
		return postproof.Blob{}, err
	}
	var stash stash
	defer func() { err = errors.Join(err, stash.remove()) }()
	blob, err := idempotency.CopyBlob(&stash, content)
	if err != nil {
		return postproof.Blob{}, explain("put blob", err)
	}
	digest, _ := digestBytes(blob.Digest)
	// A try whose COMMIT was not answered finds its own blob the next time.
	err = s.patiently(ctx, func() error {
		return s.putChunks(ctx, digest, blob.Size, &stash)
	})
	if err != nil {
		return postproof.Blob{}, explain("put blob", cause(ctx, err))
	}
	return blob, nil
}

const (
	hasBlobText  = `SELECT size FROM @blobs WHERE digest = $1`
	sumsText     = `SELECT sha256(data) FROM @chunks WHERE digest = $1 ORDER BY place`
	addBlobText  = `INSERT INTO @blobs (digest, size) VALUES ($1, $2) ON CONFLICT (digest) DO UPDATE SET size = excluded.size`
	clearText    = `DELETE FROM @chunks WHERE digest = $1`
	addChunkText = `INSERT INTO @chunks (digest, place, data) VALUES ($1, $2, $3)`
	dropBlobText = `DELETE FROM @blobs WHERE digest = $1`
	chunkText    = `SELECT data FROM @chunks WHERE digest = $1 AND place = $2`
)

func (s *Store) putChunks(ctx context.Context, digest []byte, size int64, stash *stash) error {
	have, err := read(ctx, s, "put blob", scanSize, s.text.hasBlob, digest)
	if err != nil {
		return err
	}
	if len(have) > 0 && have[0] == size {
		// The server looks at every byte: to store what was damaged again is the only
		// way to mend it. It looks at one chunk after the other: all of them in one value
		// would take as much memory, and a value ends at a gigabyte.
		sums, err := read(ctx, s, "put blob", scanSum, s.text.sums, digest)
		if err != nil {
			return err
		}
		if whole, err := stash.has(sums); err != nil || whole {
			return err
		}
	}
	tx, err := s.beginWrite(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	// Whoever puts the same content at the same time comes first here, and is
	// waited for.
	if _, err := tx.ExecContext(ctx, s.text.addBlob, digest, size); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, s.text.sums, digest)
	if err != nil {
		return err
	}
	var sums [][]byte
	if err := scanAll(rows, func(rows *sql.Rows) error {
		sum, err := scanSum(rows)
		sums = append(sums, sum)
		return err
	}); err != nil {
		return err
	}
	switch whole, err := stash.has(sums); {
	case err != nil:
		return err
	case whole: // its row may be new, or have been wrong
		return tx.Commit()
	}
	content, err := stash.content()
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, s.text.clear, digest); err != nil {
		return err
	}
	chunk := make([]byte, chunkSize)
	for place := 0; ; place++ {
		n, err := io.ReadFull(content, chunk)
		if n > 0 {
			if _, err := tx.ExecContext(ctx, s.text.addChunk, digest, place, chunk[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return tx.Commit()
		case err != nil:
			return err
		}
	}
}

// beginWrite begins a transaction on a connection of the pool, which may have other
// defaults than a session of the store's.
func (s *Store) beginWrite(ctx context.Context) (*sql.Tx, error) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SET TRANSACTION READ WRITE"); err != nil {
		_ = tx.Rollback() // nothing was done
		if stateOf(err) == "0A000" {
			return nil, fmt.Errorf("%w: %w", errStandby, err)
		}
		return nil, err
	}
	return tx, nil
}

func scanSum(rows *sql.Rows) (sum []byte, err error) { return sum, rows.Scan(&sum) }

func scanSize(rows *sql.Rows) (size int64, err error) { return size, rows.Scan(&size) }

// OpenBlob implements [idempotency.Blobs]. The content is read chunk by chunk; the
// context is that of all reads.
func (s *Store) OpenBlob(ctx context.Context, b postproof.Blob) (io.ReadCloser, error) {
	digest, ok := digestBytes(b.Digest)
	if !ok {
		return nil, idempotency.ErrNotFound
	}
	have, err := read(ctx, s, "open blob", scanSize, s.text.hasBlob, digest)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return nil, idempotency.ErrNotFound
	}
	next := func(place int) ([]byte, error) {
		chunks, err := read(ctx, s, "read blob", func(rows *sql.Rows) (p []byte, err error) {
			return p, rows.Scan(&p)
		}, s.text.chunk, digest, place)
		if err != nil {
			return nil, err
		}
		if len(chunks) > 0 {
			return chunks[0], nil
		}
		if int64(place)*chunkSize < have[0] {
			// Something is missing: it is damaged, unless it was removed meanwhile.
			if still, err := read(ctx, s, "read blob", scanSize, s.text.hasBlob, digest); err != nil {
				return nil, err
			} else if len(still) == 0 {
				return nil, fmt.Errorf("it was removed while it was read: %w", idempotency.ErrNotFound)
			}
		}
		return nil, io.EOF
	}
	return idempotency.VerifyBlob(&chunkReader{next: next}, b), nil
}

// RemoveBlob implements [idempotency.BlobRemover].
func (s *Store) RemoveBlob(ctx context.Context, b postproof.Blob) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	digest, ok := digestBytes(b.Digest)
	if !ok {
		return nil
	}
	err := s.patiently(ctx, func() error { return s.dropChunks(ctx, digest) })
	return explain("remove blob", cause(ctx, err))
}

// dropChunks deletes a blob. Whoever stores it anew at the same time holds its row: a
// single statement would wait for that and then delete the chunks that were there
// before, and those that came instead would stay, for nobody to find.
func (s *Store) dropChunks(ctx context.Context, digest []byte) error {
	tx, err := s.beginWrite(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	for _, text := range []string{s.text.dropBlob, s.text.clear} {
		if _, err := tx.ExecContext(ctx, text, digest); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// chunkReader reads a blob.
type chunkReader struct {
	next  func(place int) ([]byte, error)
	place int
	rest  []byte
	done  error
}

// Read implements [io.Reader].
func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.done != nil {
			return 0, r.done
		}
		if r.rest, r.done = r.next(r.place); r.done != nil && !errors.Is(r.done, io.EOF) {
			return 0, fmt.Errorf("chunk %d: %w", r.place, r.done)
		}
		r.place++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements [io.Closer].
func (r *chunkReader) Close() error {
	r.rest, r.done = nil, os.ErrClosed
	return nil
}
