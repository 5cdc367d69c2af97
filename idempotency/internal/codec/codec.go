// Package codec turns records into columns and back, the same ones in every
// store that keeps them in a database.
package codec

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// Never is the column of a zero time: before everything.
const Never = math.MinInt64

// Nanos returns the time as a column that sorts: nanoseconds since 1970. Times
// beyond the years 1678 to 2262 are moved to the edge; the record itself keeps
// the true one.
func Nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return Never
	case t.Year() < 1678:
		return Never + 1
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// FromNanos returns the time of a column, in UTC.
func FromNanos(n int64) time.Time {
	if n == Never {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Nullable tells no bytes from none at all, which drivers do not.
func Nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// IDBytes is half as long as the id, in every index. It is nil, which is equal
// to nothing, for what is no id.
func IDBytes(id idempotency.ID) []byte {
	b, err := hex.DecodeString(string(id))
	if err != nil || strings.ContainsAny(string(id), "ABCDEF") { // which would read as another id
		return nil
	}
	return b
}

// IDOf returns the id of its bytes.
func IDOf(b []byte) idempotency.ID {
	var room [2 * sha256.Size]byte
	return idempotency.ID(hex.AppendEncode(room[:0], b))
}

// Key is the beginning of an id as a number, for indexes: a quarter as long, and
// in the same order. Ids that share one are told apart by the rest.
func Key(id []byte) int64 {
	if len(id) < 8 {
		return math.MinInt64
	}
	return int64(binary.BigEndian.Uint64(id) ^ 1<<63)
}

// KeyOf is the key of an id, without its bytes; false for what is no id.
func KeyOf(id idempotency.ID) (key int64, ok bool) {
	if len(id) != 2*sha256.Size {
		return 0, false
	}
	var first uint64
	for i := range len(id) {
		digit := uint64(id[i] - '0')
		switch c := id[i]; {
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'f':
			digit = uint64(c-'a') + 10
		default:
			return 0, false
		}
		if i < 16 {
			first = first<<4 | digit
		}
	}
	return int64(first ^ 1<<63), true
}

// Digest stands for a text in an index: a number is a fraction of its length.
// Who finds something by it compares the text as well.
func Digest[T string | []byte](text T) int64 {
	sum := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// JobSum says whether a record's job is the one that is stored; 0 when it has
// none. What changes the paper changes the fingerprint, which nobody can make
// for another one; the rest need only be told apart, and quickly.
func JobSum(r *idempotency.Record) int64 {
	if r.Job == nil {
		return 0
	}
	var room [128]byte
	sums := append(room[:0], r.Fingerprint...)
	sums = binary.BigEndian.AppendUint32(sums, crc32.Checksum(r.Job, castagnoli()))
	sums = binary.BigEndian.AppendUint32(sums, crc32.ChecksumIEEE(r.Job))
	if n := Digest(binary.AppendUvarint(sums, uint64(len(r.Job)))); n != 0 {
		return n
	}
	return 1
}

// Row is a record as columns.
type Row struct {
	ID         []byte
	Key        int64
	Fence      uint64
	Version    int
	State      string
	Campaign   string
	Priority   int
	Planned    int64 // 1 in the state planned, which claims may leave alone; else 0
	Due        int64
	Visible    any // nil when it can never be claimed
	Watched    any // the same in states without work, else nil
	Rare       any // the state, nil if it is frequent
	LeaseOwner string
	LeaseUntil int64
	PruneAt    any // nil when it cannot be pruned
	Links      string
	Data       []byte
	Job        []byte // nil when there is none
	JobSum     int64
}

// Encode turns a record into columns. Fence and lease are only in columns, so
// that a claim need not rewrite the record; the job is beside the record,
// because it hardly ever changes and is most of it.
func Encode(r *idempotency.Record) *Row {
	id := IDBytes(r.ID)
	out := &Row{
		ID: id, Key: Key(id), Fence: r.Fence, Version: r.Version, State: string(r.State),
		Campaign: r.Campaign, Priority: r.Priority, Due: Nanos(r.Due),
		LeaseOwner: r.Lease.Owner, LeaseUntil: Nanos(r.Lease.Until),
		Links: linksOf(r), Data: encodeRecord(r, id), Job: r.Job, JobSum: JobSum(r),
	}
	if r.State == idempotency.Planned {
		out.Planned = 1
	}
	if at, ever := r.VisibleAt(); ever {
		out.Visible = Nanos(at)
		work, _ := r.WorkAt()
		out.Due = Nanos(work)
		if !r.State.Workable() {
			out.Watched = out.Visible
		}
	}
	if !Frequent(r.State) {
		out.Rare = out.State
	}
	if r.Prunable(r.UpdatedAt.Add(1)) {
		out.PruneAt = Nanos(r.UpdatedAt)
	}
	return out
}

// Frequent states have no index: a query for one of them reads through all
// records.
func Frequent(state idempotency.State) bool {
	switch state {
	case idempotency.Planned, idempotency.Sending, idempotency.Accepted, idempotency.Done:
		return true
	default:
		return false
	}
}

// Stored is a record as it is read.
type Stored struct {
	Num        int64
	ID         []byte
	Fence      int64
	LeaseOwner string
	LeaseUntil int64
	Data       []byte
	Job        []byte
	// Bare says that neither number nor job is read, see [idempotency.Query.Bare].
	Bare bool
}

// Columns are the columns of [Stored], in the order of [Stored.Dest]. They are
// those of records and, on the same num, jobs. BareColumns are those of a record
// that is read without its job, and for no change.
const (
	Columns     = "num, " + BareColumns + ", job"
	BareColumns = "id, fence, lease_owner, lease_until, data"
)

// Dest returns where to scan the columns to.
func (s *Stored) Dest() []any { return s.AppendDest(nil) }

// AppendDest appends where to scan the columns to.
func (s *Stored) AppendDest(dest []any) []any {
	if s.Bare {
		return append(dest, &s.ID, &s.Fence, &s.LeaseOwner, &s.LeaseUntil, &s.Data)
	}
	return append(dest, &s.Num, &s.ID, &s.Fence, &s.LeaseOwner, &s.LeaseUntil, &s.Data, &s.Job)
}

// Record decodes what was read. A record of a newer version gives what this
// version understands of it.
func (s *Stored) Record() (*idempotency.Record, error) {
	id := IDOf(s.ID)
	r, err := decodeRecord(s.Data, s.ID)
	if err != nil {
		return nil, &idempotency.DamagedError{Record: id, Err: err}
	}
	switch r.ID {
	case id:
	case "": // what is not text is known to belong to the id by its checksum
		r.ID = id
	default:
		return nil, &idempotency.DamagedError{Record: id, Err: errOther}
	}
	r.Fence = uint64(s.Fence)
	r.Lease = idempotency.Lease{Owner: s.LeaseOwner, Until: FromNanos(s.LeaseUntil)}
	r.Job, r.Bare = s.Job, s.Bare
	return r, nil
}

// The column links is one that says which references and pieces of paper a record
// has: nothing else needs to be looked up while it stays the same, and an
// unindexed search for a vendor need not read the record.
const (
	linkStart = "\x1e"
	linkPart  = "\x1f"
)

// Link is a reference or a piece of paper at a vendor.
type Link struct{ Vendor, Ref, VendorID string }

// String returns the part of the column that stands for the link.
func (l Link) String() string {
	return linkStart + l.Vendor + linkPart + l.Ref + linkPart + l.VendorID + linkPart
}

// HasRef reports whether the column has the reference in one of its links: then
// it is the record's own, and nobody else need be asked.
func HasRef(links, ref string) bool {
	for {
		_, rest, ok := strings.Cut(links, linkStart)
		if !ok {
			return false
		}
		_, rest, _ = strings.Cut(rest, linkPart) // the vendor
		own, rest, ok := strings.Cut(rest, linkPart)
		if ok && own == ref {
			return true
		}
		_, links, _ = strings.Cut(rest, linkPart) // the vendor's id
	}
}

// Links returns the links of a record.
func Links(r *idempotency.Record) []Link {
	links := make([]Link, 0, len(r.Submissions)+1)
	known := r.Receipt.VendorID == ""
	for i := range r.Submissions {
		s := &r.Submissions[i]
		links = append(links, Link{s.Vendor, string(s.Ref), s.VendorID})
		known = known || (s.Vendor == r.Receipt.Vendor && s.VendorID == r.Receipt.VendorID)
	}
	if !known {
		links = append(links, Link{r.Receipt.Vendor, "", r.Receipt.VendorID})
	}
	return links
}

func linksOf(r *idempotency.Record) string {
	if len(r.Submissions) == 0 && r.Receipt.VendorID == "" {
		return ""
	}
	var b strings.Builder
	for _, l := range Links(r) {
		b.WriteString(l.String())
	}
	return b.String()
}
