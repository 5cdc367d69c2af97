package snapshot

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strconv"

	"github.com/postproof/postproof"
)

// maxManifestBytes bounds what is read of a file that is not yet verified. It
// is enough for lists of fifty gigabytes.
const maxManifestBytes = 16 << 20

// Snapshot is a frozen list. It is immutable and safe for concurrent use; it
// holds the manifest only and reads the rows from its store.
type Snapshot struct {
	manifest Manifest
	store    Store
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
		return nil, wrap(opOpen, err)
	}
	m, err := decodeManifest(data, id)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{manifest: m, store: store}
	for _, f := range m.Files {
		if err := s.verify(ctx, f); err != nil {
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

func (s *Snapshot) verify(ctx context.Context, f File) error {
	r, err := s.store.Open(ctx, s.manifest.ID, f.Name)
	if err != nil {
		return err
	}
	v := newVerifiedReader(opOpen, f, r)
	for err == nil {
		if err = context.Cause(ctx); err == nil {
			err = v.fill()
		}
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
		f := s.manifest.Files[file]
		src, err := s.store.Open(ctx, s.manifest.ID, f.Name)
		if err != nil {
			yield(Reject{}, wrap(opRead, err))
			return
		}
		defer src.Close() // only read from, and verified to the end
		if err := readFrozen(ctx, f, src, want, yield); err != nil {
			yield(Reject{}, wrap(opRead, err))
		}
	}
}

// readFrozen returns nil when the consumer breaks off.
func readFrozen(ctx context.Context, f File, src io.Reader, want int, yield func(Reject, error) bool) error {
	r := csv.NewReader(newVerifiedReader(opRead, f, src))
	r.FieldsPerRecord = frozenColumns
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return frozenError(f, err)
	}
	for n := 0; ; n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		record, err := r.Read()
		if err == io.EOF {
			if n != want {
				return corrupt(opRead, f.Name, "has %d rows, the manifest says %d", n, want)
			}
			return nil
		}
		if err != nil {
			return frozenError(f, err)
		}
		row, ok := parseFrozen(record)
		if !ok {
			return corrupt(opRead, f.Name, "cannot be read in row %d", n+1)
		}
		if !yield(row, nil) {
			return nil
		}
	}
}

// frozenError tells a file that is no CSV, which only a defect can have
// written, from one that could not be read.
func frozenError(f File, err error) error {
	if _, ok := errors.AsType[*csv.ParseError](err); ok || err == io.EOF { //nolint:errorlint // the CSV reader returns the bare value
		return corrupt(opRead, f.Name, "is not the CSV that was frozen")
	}
	return err
}

func parseFrozen(record []string) (Reject, bool) {
	number, err := strconv.Atoi(record[0])
	found, ok := splitFindings(number, record[10])
	return Reject{Findings: found, Row: Row{Number: number, ContactID: record[1], Address: postproof.Address{
		Name: record[2], Company: record[3], Line1: record[4], Line2: record[5],
		City: record[6], Region: record[7], PostalCode: record[8], Country: record[9],
	}}}, ok && err == nil
}
