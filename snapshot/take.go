package snapshot

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// Options say how a list is taken.
type Options struct {
	// Campaign is the mailing that the list is for. Required, at most 80
	// bytes. It is part of the id, and of the keys of the jobs.
	Campaign string
	// Source names the list in the manifest, for example by its file's name.
	// Optional; no personal data.
	Source string
	// DefaultName stands for the recipient in rows with neither a name nor a
	// company, for example "Current Resident". Without it such rows are
	// rejected.
	DefaultName string
	// Vendors are the vendors that the list may go to. A row must fit the
	// countries and limits of all of them, so that any may take over from any
	// other. Optional.
	Vendors []*postproof.Capabilities
	// AnyVendor accepts a row that fits at least one of the vendors; the
	// others become warnings.
	AnyVendor bool
	// Store keeps the snapshot. The default is a new [Memory].
	Store Store
	// Clock gives the time of taking. The default is the system's.
	Clock postproof.Clock
}

// longestCampaign leaves room for the contact and the piece in a key.
const longestCampaign = 80

func (o *Options) validate() error {
	switch n := len(postproof.DeriveKey(o.Campaign, "", "")) - 2; {
	case strings.TrimSpace(o.Campaign) == "":
		return invalid("campaign", "missing")
	case n > longestCampaign:
		return invalid("campaign", "takes %d bytes in a key, at most %d are allowed", n, longestCampaign)
	case postproof.Key(o.Campaign).Validate() != nil:
		return invalid("campaign", "holds a control character or is not UTF-8")
	}
	for _, s := range []cell{{"source name", o.Source}, {"default name", o.DefaultName}} {
		if strings.ContainsFunc(s.value, isControl) || strings.ToValidUTF8(s.value, "") != s.value {
			return invalid(s.column, "holds a control character or is not UTF-8")
		}
	}
	for _, v := range o.Vendors {
		if v == nil {
			return invalid("vendors", "one is nil")
		}
	}
	return nil
}

// Take reads the source, checks its rows and freezes them, and returns the
// snapshot as the store has it, verified. It holds no list in memory, except
// for the digests by which duplicates are found: about 240 bytes a row.
//
// An error means that nothing was taken: no part of the list is in the store.
// The one exception is a folder that could not be synced after the snapshot
// was complete. Taking the same list again returns the same snapshot, with
// the time at which it was first taken. A list without rows is an error, a
// list of which every row is rejected is not: look at [Counts].
func Take(ctx context.Context, source Source, opts Options) (_ *Snapshot, err error) {
	if source == nil {
		return nil, invalid("source", "missing")
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	if opts.Store == nil {
		opts.Store = NewMemory()
	}
	if opts.Clock == nil {
		opts.Clock = postproof.SystemClock()
	}
	draft, err := opts.Store.Begin(ctx)
	if err != nil {
		return nil, wrap(opTake, err)
	}
	defer func() {
		// A draft that cannot be removed is no snapshot, but it holds
		// addresses: say so, beside the reason.
		if derr := draft.Discard(); derr != nil && err != nil {
			err = errors.Join(err, derr)
		}
	}()
	id, err := freeze(ctx, source, &opts, draft)
	if err != nil {
		return nil, wrap(opTake, err)
	}
	if err := draft.Commit(ctx, id); err != nil {
		return nil, wrap(opTake, err)
	}
	return Open(ctx, opts.Store, id)
}

// freeze writes the three files of the draft.
func freeze(ctx context.Context, source Source, opts *Options, draft Draft) (ID, error) {
	s, err := newSorter(opts, draft)
	if err != nil {
		return "", err
	}
	readErr := s.sort(ctx, source)
	files, err := s.close()
	if err := errors.Join(readErr, err); err != nil {
		return "", err
	}
	if s.counts.Read == 0 {
		return "", invalid("source", "has no rows")
	}
	m := Manifest{
		Format: formatVersion, Rules: rulesVersion,
		Campaign: opts.Campaign, Source: opts.Source, Mapping: source.Mapping(),
		TakenAt: opts.Clock.Now().UTC().Truncate(time.Second),
		Counts:  s.counts, Findings: s.codes, Files: files,
	}
	for _, v := range opts.Vendors {
		m.Vendors = append(m.Vendors, v.Vendor)
	}
	m.ID = m.contentID()
	return m.ID, writeManifest(draft, &m)
}

func writeManifest(draft Draft, m *Manifest) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	w, err := draft.Create(manifestFile)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Close())
}

// sorter puts each row into the file where it belongs.
type sorter struct {
	rules         hygiene
	rows, rejects *frozenWriter
	counts        Counts
	codes         map[Code]int
}

func newSorter(opts *Options, draft Draft) (*sorter, error) {
	s := &sorter{
		codes: map[Code]int{},
		rules: hygiene{
			defaultName: strings.TrimSpace(opts.DefaultName),
			vendors:     opts.Vendors, anyVendor: opts.AnyVendor, seen: newSeen(),
		},
	}
	for _, f := range []struct {
		name string
		to   **frozenWriter
	}{{rowsFile, &s.rows}, {rejectsFile, &s.rejects}} {
		dst, err := draft.Create(f.name)
		if err != nil {
			_, cerr := s.close()
			return nil, errors.Join(err, cerr)
		}
		*f.to = newFrozenWriter(f.name, dst)
		if _, err := (*f.to).buf.WriteString(frozenHeader); err != nil {
			_, cerr := s.close()
			return nil, errors.Join(err, cerr)
		}
	}
	return s, nil
}

func (s *sorter) sort(ctx context.Context, source Source) error {
	for row, err := range source.Rows(ctx) {
		partial, ok := errors.AsType[*RowError](err)
		if err != nil && !ok {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := s.put(row, partial); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (s *sorter) put(row Row, partial *RowError) error {
	s.counts.Read++
	if row.Number == 0 {
		row.Number = s.counts.Read
	}
	row = s.rules.normalize(row)
	var found []Finding
	if partial != nil {
		// Its fields may stand in the wrong columns: nothing to check.
		found = []Finding{partial.finding(row.Number)}
	} else {
		found = s.rules.check(row)
	}
	for _, f := range found {
		s.codes[f.Code]++
	}
	if rejected(found) {
		s.counts.Rejected++
		return s.rejects.write(printable(row), found)
	}
	s.counts.Accepted++
	if len(found) > 0 {
		s.counts.Warned++
	}
	return s.rows.write(row, found)
}

func (s *sorter) close() ([]File, error) {
	var files []File
	var errs []error
	for _, w := range []*frozenWriter{s.rows, s.rejects} {
		if w == nil {
			continue
		}
		f, err := w.close()
		files, errs = append(files, f), append(errs, err)
	}
	return files, errors.Join(errs...)
}
