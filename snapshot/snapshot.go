package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
)

// maxManifestBytes bounds what is read of a file that is not yet verified. It
// is enough for lists of forty gigabytes.
const maxManifestBytes = 16 << 20

// Snapshot is a frozen list. It is immutable and safe for concurrent use; it
// holds the manifest only and reads the rows from its store.
type Snapshot struct {
	manifest Manifest
	store    Store
	columns  *Columns
}

func newSnapshot(m Manifest, store Store) *Snapshot {
	s := &Snapshot{manifest: m, store: store}
	if len(m.Columns) > 0 {
		s.columns = NewColumns(m.Columns...)
	}
	return s
}

// Open returns a snapshot after it has verified every byte of it. The error
// wraps [ErrNotFound] when the store has none of this id, and [ErrCorrupt]
// when a file is not what was frozen.
func Open(ctx context.Context, store Store, id ID) (*Snapshot, error) {
	if !id.Valid() {
		return nil, wrap(opOpen, fmt.Errorf("%w: the id is not 64 hexadecimal digits", ErrNotFound))
	}
	data, err := readManifest(ctx, store, id)
	if err != nil {
		return nil, wrap(opOpen, gone(ctx, store, id, err))
	}
	m, err := decodeManifest(data, id)
	if err != nil {
		return nil, err
	}
	s := newSnapshot(m, store)
	for i := range m.Files {
		if err := s.verify(ctx, i); err != nil {
			return nil, wrap(opOpen, err)
		}
	}
	return s, nil
}

func readManifest(ctx context.Context, store Store, id ID) ([]byte, error) {
	r, err := store.Open(ctx, id, manifestFile)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxManifestBytes+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxManifestBytes {
		return nil, corrupt(opOpen, manifestFile, "is over %d bytes", maxManifestBytes)
	}
	return data, nil
}

// verify reads all of a file, and compares how it begins with what the manifest says
// of the columns.
func (s *Snapshot) verify(ctx context.Context, file int) error {
	f := &s.manifest.Files[file]
	r, err := s.store.Open(ctx, s.manifest.ID, f.stored())
	if err != nil {
		return err
	}
	v := newVerifiedReader(opOpen, f, r)
	header := []byte(frozenHeader(s.manifest.Columns, file == 1))
	for err == nil {
		if err = context.Cause(ctx); err == nil {
			err = v.fill()
		}
		if n := min(len(header), len(v.rest)); err == nil && !bytes.Equal(header[:n], v.rest[:n]) {
			err = corrupt(opOpen, f.stored(), "has other columns than the manifest says")
		}
		header = nil
	}
	if err == io.EOF { //nolint:errorlint // fill returns the bare value
		err = nil
	}
	return errors.Join(err, r.Close())
}

// ID returns the name of the content.
func (s *Snapshot) ID() ID { return s.manifest.ID }

// Campaign returns the campaign that the list is for.
func (s *Snapshot) Campaign() string { return s.manifest.Campaign }

// Counts returns the numbers of rows.
func (s *Snapshot) Counts() Counts { return s.manifest.Counts }

// Manifest returns a copy of the manifest.
func (s *Snapshot) Manifest() Manifest { return s.manifest.clone() }

// String returns a short form without personal data.
func (s *Snapshot) String() string {
	c := s.manifest.Counts
	return fmt.Sprintf("snapshot(%.12s, %d accepted, %d rejected)", s.manifest.ID, c.Accepted, c.Rejected)
}

// LogValue implements [slog.LogValuer].
func (s *Snapshot) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Rows yields the accepted rows in the order of the source. It may be ranged
// over many times. A row comes out only after the block of the file in which
// it stands was verified again; an error ends the iteration.
func (s *Snapshot) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for r, err := range s.read(ctx, 0, s.manifest.Counts.Accepted) {
			if !yield(r.Row, err) {
				return
			}
		}
	}
}

// Rejects yields the rejected rows with their reasons, as [Snapshot.Rows]
// does the accepted ones.
func (s *Snapshot) Rejects(ctx context.Context) iter.Seq2[Reject, error] {
	return s.read(ctx, 1, s.manifest.Counts.Rejected)
}

// Warnings yields what was found in the accepted rows.
func (s *Snapshot) Warnings(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for r, err := range s.read(ctx, 0, s.manifest.Counts.Accepted) {
			if err != nil {
				yield(Finding{}, err)
				return
			}
			for _, f := range r.Findings {
				if !yield(f, nil) {
					return
				}
			}
		}
	}
}

// read streams a frozen file of want rows.
func (s *Snapshot) read(ctx context.Context, file, want int) iter.Seq2[Reject, error] {
	return func(yield func(Reject, error) bool) {
		f := &s.manifest.Files[file]
		src, err := s.store.Open(ctx, s.manifest.ID, f.stored())
		if err != nil {
			yield(Reject{}, wrap(opRead, gone(ctx, s.store, s.manifest.ID, err)))
			return
		}
		defer src.Close() // only read from, and verified to the end
		r := frozenReader{file: f, columns: s.columns, extra: len(s.manifest.Columns), rejects: file == 1}
		if err := r.read(ctx, src, want, yield); err != nil {
			yield(Reject{}, wrap(opRead, err))
		}
	}
}

// frozenReader reads the rows of a frozen file.
type frozenReader struct {
	file    *File
	columns *Columns
	extra   int
	rejects bool
}

// header is what the file begins with. The names of further columns stand in it, and
// so are part of the id; those in the manifest alone are not.
func (r *frozenReader) header() string {
	return frozenHeader(r.columns.Names(), r.rejects)
}

// read returns nil when the consumer breaks off.
func (r *frozenReader) read(ctx context.Context, src io.Reader, want int, yield func(Reject, error) bool) error {
	return r.lines(ctx, src, want, func(_ string, row *Reject) (bool, error) {
		return row == nil || yield(*row, nil), nil
	})
}

// lines calls use for each line, with its row; the header has none.
func (r *frozenReader) lines(ctx context.Context, src io.Reader, want int, use func(line string, row *Reject) (more bool, err error)) error {
	chunks := newChunker(newVerifiedReader(opRead, r.file, src))
	scan := scanner{separator: ',', table: newClasses(',')}
	broken := corrupt(opRead, r.file.stored(), "is not the CSV that was frozen")
	n := -1 // the header
	var parsed Reject
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		c, more := chunks.next()
		if !more {
			break
		}
		scan.text, scan.at, scan.final = c.text, 0, c.final
		for {
			start := scan.at
			ok, bad := scan.next()
			if bad != nil {
				return broken
			}
			if !ok {
				break
			}
			line, row := scan.text[start:scan.at], (*Reject)(nil)
			if n++; n == 0 && line != r.header() {
				return corrupt(opRead, r.file.stored(), "has other columns than the manifest says")
			}
			if n > 0 {
				if parsed, ok = parseFrozen(scan.fields, r.extra, r.columns, r.rejects); !ok {
					return corrupt(opRead, r.file.stored(), "cannot be read in row %d", n)
				}
				row = &parsed
			}
			if more, err := use(line, row); err != nil || !more {
				return err
			}
		}
		if c.err != nil {
			return c.err
		}
	}
	if n != want {
		return corrupt(opRead, r.file.stored(), "has %d rows, the manifest says %d", n, want)
	}
	return nil
}
