package snapshot

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// Export writes the snapshot as one zip file with manifest.json, rows.csv and
// rejects.csv in it, as the store has them. Every byte is verified on the way;
// an error leaves a file behind that cannot be opened. [OpenExport] reads it.
//
// The file holds names and addresses, not encrypted.
func Export(ctx context.Context, s *Snapshot, w io.Writer) error {
	z := zip.NewWriter(w)
	manifest, err := readManifest(ctx, s.store, s.ID())
	if err != nil {
		return wrap(opExport, err)
	}
	if _, err := decodeManifest(manifest, s.ID()); err != nil {
		return err
	}
	// The manifest is the last: a file that breaks off has none.
	for i := range s.manifest.Files {
		if err := s.exportFile(ctx, z, &s.manifest.Files[i]); err != nil {
			return wrap(opExport, err)
		}
	}
	f, err := z.CreateHeader(&zip.FileHeader{Name: manifestFile, Method: zip.Deflate})
	if err != nil {
		return wrap(opExport, err)
	}
	if _, err := f.Write(manifest); err != nil {
		return wrap(opExport, err)
	}
	if err := z.Close(); err != nil {
		return wrap(opExport, err)
	}
	return nil
}

func (s *Snapshot) exportFile(ctx context.Context, z *zip.Writer, f *File) (err error) {
	src, err := s.store.Open(ctx, s.ID(), f.stored())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	header := &zip.FileHeader{Name: f.stored(), Method: zip.Deflate}
	if f.Gzip != nil {
		header.Method = zip.Store // it is small already
	}
	dst, err := z.CreateHeader(header)
	if err != nil {
		return err
	}
	var tee io.Reader = src
	if f.Gzip != nil {
		tee = io.TeeReader(src, dst)
	}
	v := newVerifiedReader(opExport, f, tee)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		switch err := v.fill(); {
		case err == io.EOF: //nolint:errorlint // fill returns the bare value
			return nil
		case err != nil:
			return err
		}
		if f.Gzip == nil {
			if _, err := dst.Write(v.rest); err != nil {
				return err
			}
		}
	}
}

// OpenExport opens the snapshot in a file that [Export] has written, and
// verifies every byte of it as [Open] does. The reader must stay open as long as
// the snapshot is used, and be safe for concurrent use, as files are.
func OpenExport(ctx context.Context, r io.ReaderAt, size int64) (*Snapshot, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, corrupt(opOpen, "the export", "is not a whole zip file")
		}
		return nil, wrap(opOpen, err)
	}
	store := &exported{zip: z}
	data, err := readManifest(ctx, store, "")
	if err != nil {
		return nil, wrap(opOpen, err)
	}
	id := manifestID(data)
	if !id.Valid() {
		return nil, corrupt(opOpen, manifestFile, "is not a manifest")
	}
	store.id = id
	return Open(ctx, store, id)
}

// exported is a store of one snapshot that is not written to.
type exported struct {
	zip *zip.Reader
	id  ID
}

var errExported = errors.New("snapshot: an export takes no other snapshots, and keeps its own")

// Begin implements [Store].
func (*exported) Begin(context.Context) (Draft, error) { return nil, errExported }

// Open implements [Store].
func (e *exported) Open(_ context.Context, id ID, file string) (io.ReadCloser, error) {
	if id != e.id {
		return nil, ErrNotFound
	}
	for _, f := range e.zip.File {
		if f.Name != file {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%w: %s cannot be unpacked", ErrCorrupt, file)
		}
		return &unzipped{r, file}, nil
	}
	return nil, fmt.Errorf("%w: %s is missing", ErrCorrupt, file)
}

// Remove implements [Store].
func (*exported) Remove(context.Context, ID) error { return errExported }

// List implements [Store].
func (e *exported) List(context.Context) iter.Seq2[ID, error] {
	return func(yield func(ID, error) bool) { yield(e.id, nil) }
}

// unzipped says of which file a zip file's damage is.
type unzipped struct {
	io.ReadCloser
	file string
}

// Read implements [io.Reader].
func (u *unzipped) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return n, err // the disk's, not the content's
	}
	return n, fmt.Errorf("%w: %s cannot be unpacked", ErrCorrupt, u.file)
}

// manifestID returns the id that a manifest claims.
func manifestID(data []byte) ID {
	_, rest, _ := bytes.Cut(data, []byte(`"id": "`))
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return ID(id)
}
