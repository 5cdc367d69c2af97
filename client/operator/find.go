package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

const (
	// shortID is how much of an id a table shows, leastID how much of one names a
	// job.
	shortID = 12
	leastID = 4
	idSize  = 64
)

func short(id idempotency.ID) string { return string(id[:min(shortID, len(id))]) }

// asSeen names a job in the version in which it is shown.
func (r *run) asSeen(rec *idempotency.Record) string {
	return short(rec.ID) + "@" + client.VersionOf(r.epoch, rec).String()
}

// versionOf splits a name of a job as it was seen; there is no version when it is
// not one. A key may look like it. What stands for a version may be half of one:
// whoever needs it says so.
func versionOf(name string) (job, version string) {
	at := strings.LastIndexByte(name, '@')
	if at < 0 || !regexp.MustCompile(`^[0-9]+(\.[0-9A-Za-z]*)?$`).MatchString(name[at+1:]) {
		return name, ""
	}
	return name[:at], name[at+1:]
}

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

func isRef(s string) bool { return regexp.MustCompile(`^[0-9A-Z]{16}$`).MatchString(s) }

// find returns the job that a name means: an id or the beginning of one, a key or the
// digest of one, a reference, or a vendor's id. A name that means two jobs is an error.
// Behind an @ may stand the version in which the job was seen: find does not look at it.
func (r *run) find(ctx context.Context, name string) (*idempotency.Record, error) {
	rec, err := r.named(ctx, name)
	if job, version := versionOf(name); err != nil && version != "" {
		return r.named(ctx, job)
	}
	return rec, err
}

func (r *run) named(ctx context.Context, name string) (*idempotency.Record, error) {
	store, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	var all []*idempotency.Record
	add := func(rec *idempotency.Record) {
		if !slices.ContainsFunc(all, func(o *idempotency.Record) bool { return o.ID == rec.ID }) {
			all = append(all, rec)
		}
	}
	ids := []idempotency.ID{idempotency.IDOf(postproof.Key(name))}
	if digest, ok := strings.CutPrefix(name, "key:"); ok && isHex(digest) { // as errors and logs have it: the id's beginning
		name = digest
	}
	if len(name) == idSize && isHex(name) {
		ids = append(ids, idempotency.ID(name))
	}
	for _, id := range ids {
		rec, err := store.Get(ctx, id)
		switch {
		case err == nil:
			add(rec)
		case !errors.Is(err, idempotency.ErrNotFound):
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
	}
	var queries []idempotency.Query
	if isRef(name) {
		queries = append(queries, idempotency.Query{Ref: postproof.Ref(name), Limit: 3})
	}
	queries = append(queries, idempotency.Query{VendorID: name, Limit: 3})
	if prefix := strings.ToLower(name); len(prefix) >= leastID && len(prefix) < idSize && isHex(prefix) {
		queries = append(queries, idempotency.Query{After: before(prefix), Limit: 3})
	}
	for _, q := range queries {
		for rec, err := range store.Find(ctx, q) {
			if one := idempotency.AsDamaged(err); one != nil && !strings.HasPrefix(string(one.Record), strings.ToLower(name)) && q.Ref == "" && q.VendorID == "" {
				break // it lies behind those that are meant
			}
			if err != nil {
				return nil, fmt.Errorf("read the ledger: %w", err)
			}
			if q.Ref == "" && q.VendorID == "" && !strings.HasPrefix(string(rec.ID), strings.ToLower(name)) {
				break
			}
			add(rec)
		}
	}
	switch len(all) {
	case 1:
		return all[0], nil
	case 0:
		return nil, &exit{code: ExitError, err: fmt.Errorf("no job has this id, key, reference or vendor's id: an id needs its first %d digits at least", leastID)}
	}
	var names []string
	for _, rec := range all {
		names = append(names, string(rec.ID[:16]))
	}
	return nil, usage("this name means more than one job, among them %s: use more of the id", strings.Join(names, ", "))
}

// before returns the last id before those that begin with a prefix; empty when
// there is none.
func before(prefix string) idempotency.ID {
	const digits = "0123456789abcdef"
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if at := strings.IndexByte(digits, b[i]); at > 0 {
			b[i] = digits[at-1]
			return idempotency.ID(b) + idempotency.ID(strings.Repeat("f", idSize-len(b)))
		}
		b[i] = 'f'
	}
	return ""
}

// selection are the held jobs that a command is about.
type selection struct {
	campaign, vendor, reason, paper string
	all                             bool
}

func (s *selection) flags(fs *flag.FlagSet) {
	fs.StringVar(&s.campaign, "campaign", "", "only those of a `campaign`")
	fs.StringVar(&s.vendor, "vendor", "", "only those that a `vendor` has or may have")
	fs.StringVar(&s.reason, "reason", "", "only those held for a `reason`, as in the table of reasons")
	fs.StringVar(&s.paper, "paper", "", "only those of which paper is `no`, maybe or yes")
}

func (s *selection) check() error {
	switch s.paper {
	case "", "no", "maybe", "yes":
		return nil
	default:
		return usage("-paper %q: want no, maybe or yes", s.paper)
	}
}

func (s *selection) any() bool {
	return s.all || s.campaign != "" || s.vendor != "" || s.reason != "" || s.paper != ""
}

func (s *selection) matches(rec *idempotency.Record) bool {
	p := paperOf(rec)
	switch {
	case s.reason != "" && string(rec.Hold.Reason) != s.reason:
		return false
	case s.vendor != "" && !slices.Contains(vendorsOf(rec), s.vendor):
		return false
	case s.paper == "no":
		return p.Most == 0
	case s.paper == "maybe":
		return p.Least == 0 && p.Most > 0
	case s.paper == "yes":
		return p.Least > 0
	}
	return true
}

// vendorsOf are those that have the piece or may have it, else the one that was
// tried last.
func vendorsOf(rec *idempotency.Record) []string {
	var all []string
	add := func(name string) {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	add(rec.Receipt.Vendor)
	for _, s := range rec.Live() {
		add(s.Vendor)
	}
	if len(all) == 0 && len(rec.Submissions) > 0 {
		add(rec.Submissions[len(rec.Submissions)-1].Vendor)
	}
	return all
}

// held calls for each held job of the selection.
func (r *run) held(ctx context.Context, c *client.Client, s *selection, do func(*idempotency.Record) error) error {
	for rec, err := range c.Held(ctx, s.campaign) {
		if r.past(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the held jobs: %w", err)
		}
		if !s.matches(rec) {
			continue
		}
		if err := do(rec); err != nil {
			return err
		}
	}
	return nil
}

// whole returns an error while the ledger is not recovered: it is better told before
// anybody is asked.
func (r *run) whole(ctx context.Context) error {
	id, err := r.ledger.Identity(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the ledger's identity: %w", err)
	case id.EpochChanged():
		return fmt.Errorf("nothing was done: %w", client.ErrEpochChanged)
	}
	return nil
}

// chosen returns the held jobs that are named, or those of the selection.
func (r *run) chosen(ctx context.Context, c *client.Client, names []string, s *selection) ([]*idempotency.Record, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if err := r.whole(ctx); err != nil {
		return nil, err
	}
	var all []*idempotency.Record
	switch {
	case len(names) > 0 && s.any():
		return nil, usage("name jobs or select them by flags, not both")
	case len(names) == 0 && !s.any():
		return nil, usage("name the jobs, or select held ones by -campaign, -vendor, -reason, -paper or -all")
	case len(names) == 0:
		err := r.held(ctx, c, s, func(rec *idempotency.Record) error {
			all = append(all, slim(rec))
			return nil
		})
		return all, err
	}
	for _, name := range names {
		rec, err := r.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if _, version := versionOf(name); version != "" && rec.Key != postproof.Key(name) {
			seen, err := client.ParseVersion(version)
			if err != nil {
				return nil, usage("job %s: %w; or leave out what stands behind the @, for the job as it is now", short(rec.ID), err)
			}
			if err := c.Unchanged(ctx, rec, seen); err != nil {
				return nil, fmt.Errorf("job %s: %w", short(rec.ID), err)
			}
		}
		if !slices.ContainsFunc(all, func(o *idempotency.Record) bool { return o.ID == rec.ID }) {
			all = append(all, slim(rec))
		}
	}
	return all, nil
}

// slim is a record without its job: all that is needed of it here, and nothing of
// the person.
func slim(rec *idempotency.Record) *idempotency.Record {
	bare := *rec
	bare.Job = nil
	return &bare
}
