package sqlite

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// never is the column of a zero time: before everything.
const never = math.MinInt64

// nanos returns the time as a column that sorts: nanoseconds since 1970. Times
// beyond the years 1678 to 2262 are moved to the edge; the record itself keeps
// the true one.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return never
	case t.Year() < 1678:
		return never + 1
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == never {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// nullable tells no bytes from none at all, which drivers do not.
func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// idBytes is half as long as the id, in three indexes.
func idBytes(id idempotency.ID) []byte {
	b, err := hex.DecodeString(string(id))
	if err != nil || idOf(b) != id {
		return nil // is equal to nothing
	}
	return b
}

func idOf(b []byte) idempotency.ID { return idempotency.ID(hex.EncodeToString(b)) }

// row is a record as columns.
type row struct {
	id         []byte
	fence      uint64
	version    int
	state      string
	campaign   string
	priority   int
	due        int64
	visible    any // nil when it can never be claimed
	leaseOwner string
	leaseUntil int64
	pruneAt    any // nil when it cannot be pruned
	links      string
	data       string
	job        any // nil when there is none
}

// encode turns a record into columns. Fence and lease are only in columns, so
// that a claim need not rewrite the record; the job is beside the record, so
// that it keeps its bytes.
func encode(r *idempotency.Record) (*row, error) {
	bare := *r
	bare.Job, bare.Lease = nil, idempotency.Lease{}
	data, err := json.Marshal(&bare)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.ID, err)
	}
	out := &row{
		id: idBytes(r.ID), fence: r.Fence, version: r.Version, state: string(r.State),
		campaign: r.Campaign, priority: r.Priority, due: nanos(r.Due),
		leaseOwner: r.Lease.Owner, leaseUntil: nanos(r.Lease.Until),
		links: linksOf(r), data: string(data), job: nullable(r.Job),
	}
	if at, ever := r.VisibleAt(); ever {
		out.visible = nanos(at)
		work, _ := r.WorkAt()
		out.due = nanos(work)
	}
	if r.Prunable(r.UpdatedAt.Add(1)) {
		out.pruneAt = nanos(r.UpdatedAt)
	}
	return out, nil
}

// stored is a record as it is read.
type stored struct {
	num        int64
	id         []byte
	fence      int64
	leaseOwner string
	leaseUntil int64
	data       []byte
	job        []byte
}

// storedColumns are the columns of stored, in the order of scan.
const storedColumns = "num, id, fence, lease_owner, lease_until, data, job"

func (s *stored) dest() []any {
	return []any{&s.num, &s.id, &s.fence, &s.leaseOwner, &s.leaseUntil, &s.data, &s.job}
}

// record decodes what was read. A record of a newer version gives what this
// version understands of it.
func (s *stored) record() (*idempotency.Record, error) {
	r := new(idempotency.Record)
	if err := json.Unmarshal(s.data, r); err != nil {
		return nil, fmt.Errorf("%w: record %x: %w", idempotency.ErrCorrupt, s.id, err)
	}
	if id := idOf(s.id); r.ID != id {
		return nil, fmt.Errorf("%w: record %s is stored as %s", idempotency.ErrCorrupt, r.ID, id)
	}
	r.Fence = uint64(s.fence)
	r.Lease = idempotency.Lease{Owner: s.leaseOwner, Until: fromNanos(s.leaseUntil)}
	r.Job = s.job
	return r, nil
}

// Links is one column that says which references and pieces of paper a record
// has: nothing else needs to be looked up while it stays the same, and an
// unindexed search for a vendor need not read the record.
const (
	linkStart = "\x1e"
	linkPart  = "\x1f"
)

type link struct{ vendor, ref, vendorID string }

func (l link) String() string {
	return linkStart + l.vendor + linkPart + l.ref + linkPart + l.vendorID + linkPart
}

func linksOfRecord(r *idempotency.Record) []link {
	links := make([]link, 0, len(r.Submissions)+1)
	known := r.Receipt.VendorID == ""
	for i := range r.Submissions {
		s := &r.Submissions[i]
		links = append(links, link{s.Vendor, string(s.Ref), s.VendorID})
		known = known || (s.Vendor == r.Receipt.Vendor && s.VendorID == r.Receipt.VendorID)
	}
	if !known {
		links = append(links, link{r.Receipt.Vendor, "", r.Receipt.VendorID})
	}
	return links
}

func linksOf(r *idempotency.Record) string {
	var b strings.Builder
	for _, l := range linksOfRecord(r) {
		b.WriteString(l.String())
	}
	return b.String()
}
