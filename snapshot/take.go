package snapshot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postproof/postproof"
)

// Options say how a list is taken.
type Options struct {
	// Campaign is the mailing that the list is for. Required, at most 80
	// bytes, in Unicode's composed form (NFC). It is part of the id, and of the keys
	// of the jobs.
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
	// Segment says which rows of the list are meant; those outside are counted
	// and not kept. The zero value means all.
	Segment Predicate
	// Columns are the list's further columns that are frozen with the rows, for
	// example for a template's variables. None by default: what nobody prints
	// need not be kept.
	Columns []string
	// Suppress are the lists of whom not to mail. Rows on them are rejected.
	Suppress []Suppression
	// OnePerAddress rejects a row whose address stands in an earlier row that
	// is accepted; otherwise it is a warning.
	OnePerAddress bool
	// PrivateCarrier says that somebody else than the Postal Service delivers:
	// PO boxes become a warning.
	PrivateCarrier bool
	// CompressAbove is the size in bytes from which a file is kept compressed
	// with gzip. The default is 256 MiB: below that, spreadsheets can open the
	// file as it is. A negative number means never.
	CompressAbove int64
	// Store keeps the snapshot: an [OpenFolder], or a [NewMemory] for as long as the
	// process runs. Required, but for TakeCorrections, which has the base's.
	Store Store
	// Clock gives the time of taking. The default is the system's.
	Clock postproof.Clock

	limits limits
	base   *Snapshot // whose rejects were corrected
}

const defaultCompressAbove = 256 << 20

// compress reports whether a file of this size is kept compressed.
func (o *Options) compress(size int64) bool {
	above := o.CompressAbove
	if above == 0 {
		above = defaultCompressAbove
	}
	return above > 0 && size >= above
}

// longestCampaign leaves room for the contact and the piece in a key.
const longestCampaign = 80

func (o *Options) validate() error {
	switch n := len(postproof.DeriveKey(o.Campaign, "", "")) - 2; {
	case strings.TrimSpace(o.Campaign) == "":
		return invalid("campaign", "missing: name the campaign in Options.Campaign; with the contact and the drop it makes every job's key, so it stays the same when the list is taken again")
	case n > longestCampaign:
		return invalid("campaign", "takes %d bytes in a key, at most %d are allowed", n, longestCampaign)
	case postproof.Key(o.Campaign).Validate() != nil:
		return invalid("campaign", "holds a control character or is not UTF-8")
	case o.base == nil && composed(o.Campaign) != o.Campaign:
		return invalid("campaign", "is not in Unicode's composed form (NFC), so that it would be another campaign to whoever types its name: write it with golang.org/x/text/unicode/norm")
	case o.Store == nil:
		return invalid("store", "missing: say where the list is kept, OpenFolder, or NewMemory for as long as the process runs")
	}
	for _, s := range [...]struct{ name, value string }{{"source name", o.Source}, {"default name", o.DefaultName}} {
		if strings.ContainsFunc(s.value, isControl) || strings.ToValidUTF8(s.value, "") != s.value {
			return invalid(s.name, "holds a control character or is not UTF-8")
		}
	}
	if !o.Segment.IsZero() {
		if err := o.Segment.validate(0); err != nil {
			return invalid("segment", "%s", err.Error())
		}
	}
	for i := range o.Suppress {
		if err := o.Suppress[i].validate(); err != nil {
			return err
		}
	}
	if err := o.validateColumns(); err != nil {
		return err
	}
	for _, v := range o.Vendors {
		if v == nil {
			return invalid("vendors", "one is nil: give an adapter's Capabilities()")
		}
	}
	return nil
}

// validateColumns refuses names that would stand twice in our files.
func (o *Options) validateColumns() error {
	taken := map[string]bool{rowColumn: true, findingsColumn: true, suggestionsColumn: true}
	for _, c := range standardColumns() {
		taken[fold(c)] = true
	}
	for _, c := range o.Columns {
		f := fold(c)
		switch {
		case f == "":
			return invalid("columns", "one has no name: give the header that it has in the list")
		case strings.ContainsFunc(c, isControl) || !utf8.ValidString(c):
			return invalid("columns", "a name holds a control character or is not UTF-8")
		case utf8.RuneCountInString(c) > longestField:
			return invalid("columns", "a name has more than %d characters", longestField)
		case taken[f]:
			return invalid("columns", "%q is there twice, or is one of the address, which is kept anyway", c)
		}
		taken[f] = true
	}
	if n := len(frozenHeader(o.Columns, true)); n > MaxRowBytes/2 {
		return invalid("columns", "their names take %d bytes, at most %d are allowed", n, MaxRowBytes/2)
	}
	return nil
}

// Take reads the source, checks its rows and freezes them, and returns the
// snapshot as the store has it. It holds no list in memory: beside some blocks
// of lines and records it needs, where rows double earlier ones, one bit a row.
// What does not fit is kept in the draft of a [Folder], and in scratch files
// without a name in its directory or, with other stores, the system's.
//
// An error means that nothing was taken: no part of the list is in the store.
// The one exception is a folder that could not be synced after the snapshot
// was complete. Taking the same list again returns the same snapshot, verified,
// with the time at which it was first taken; under other kinds of suppression lists,
// or another OnePerAddress, it is another snapshot, even where they reject nobody: its
// corrections are bound by them. A list without rows is an error, a
// list of which every row is rejected is not: look at [Counts].
func Take(ctx context.Context, source Source, opts Options) (_ *Snapshot, err error) {
	if source == nil {
		return nil, invalid("source", "missing: give the list, for example CSV(file, Mapping{})")
	}
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts.Columns = slices.Clone(opts.Columns)
	opts.Segment = opts.Segment.clone()
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
	m, err := freeze(ctx, source, &opts, draft)
	if err != nil {
		return nil, wrap(opTake, err)
	}
	if was, next, err := successor(ctx, opts.Store, m.siblings()...); err != nil {
		return nil, wrap(opTake, err)
	} else if next != "" { // the rows that were erased are in the list
		return nil, wrap(opTake, &ErasedError{ID: was, Successor: next})
	}
	created, err := draft.Commit(ctx, m.ID)
	if err != nil {
		return nil, wrap(opTake, err)
	}
	if !created { // whatever is there has to prove what it is
		return Open(ctx, opts.Store, m.ID)
	}
	return newSnapshot(*m, opts.Store), nil
}

// freeze writes the three files of the draft.
func freeze(ctx context.Context, source Source, opts *Options, draft Draft) (_ *Manifest, err error) {
	d := newDrafter(opts, draft, newScratchOf(opts.Store))
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.read(ctx, source); err != nil {
		return nil, err
	}
	if d.counts.Read == 0 {
		return nil, invalid("source", "has no rows")
	}
	files, err := d.finish(draft)
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		Format: formatVersion, Rules: rulesVersion,
		Campaign: opts.Campaign, Source: opts.Source, Mapping: source.Mapping(),
		Columns: opts.Columns, Segment: opts.Segment,
		TakenAt: opts.Clock.Now().UTC().Truncate(time.Second), Vendors: vendorNames(opts.Vendors),
		OnePerAddress: opts.OnePerAddress, Counts: d.counts, Findings: d.codes, Files: files,
	}
	for i := range opts.Suppress {
		if code := opts.Suppress[i].code(); !slices.Contains(m.Suppressed, code) {
			m.Suppressed = append(m.Suppressed, code)
		}
	}
	slices.Sort(m.Suppressed) // in whatever order they are given it is the same id
	if s, ok := source.(*csvSource); ok {
		m.Encoding, m.Separator = s.encoding, string(rune(s.separator))
	}
	if opts.base != nil {
		m.Base, m.Segment = opts.base.ID(), opts.base.manifest.Segment.clone()
	}
	if len(m.Findings) == 0 {
		m.Findings = nil // as it is read back
	}
	m.ID = m.contentID()
	return m, writeManifest(draft, m)
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
