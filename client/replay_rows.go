package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// rowsHeld is how many rows of a list a replay keeps in mind at a time: 16 MiB.
const rowsHeld = 1 << 20

// rowSet tells whether jobs are rows of a snapshot. It holds the ids of a part of
// the rows at a time, those between two bounds, and reads the snapshot again for
// the next part: who asks in the order of the ids, as a store yields them, has it
// read once for each million rows. Ids are digests, so that equal spans of them
// hold about as many rows each.
type rowSet struct {
	s     *snapshot.Snapshot
	jobs  *deriver
	parts uint64
	// part is the one that is held, from 1; 0 for none.
	part uint64
	ids  [][16]byte
	// reads counts the readings of the snapshot.
	reads int
}

// newRowSet returns a set that holds about so many rows at most.
func newRowSet(s *snapshot.Snapshot, jobs *deriver, most int) *rowSet {
	return &rowSet{s: s, jobs: jobs, parts: uint64(max(1, (s.Counts().Accepted+most-1)/most))}
}

// partOf is the part of an id, from 1.
func (r *rowSet) partOf(id [16]byte) uint64 {
	return 1 + uint64(binary.BigEndian.Uint32(id[:4]))*r.parts>>32
}

// has reports whether the job is a row. Without a snapshot, of a nil set, none is.
func (r *rowSet) has(ctx context.Context, id idempotency.ID) (bool, error) {
	if r == nil {
		return false, nil
	}
	want := short(id)
	if part := r.partOf(want); part != r.part {
		if err := r.load(ctx, part); err != nil {
			return false, err
		}
	}
	_, ok := slices.BinarySearchFunc(r.ids, want, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return ok, nil
}

func (r *rowSet) load(ctx context.Context, part uint64) error {
	r.part, r.reads = 0, r.reads+1
	r.ids = r.ids[:0]
	if r.ids == nil { // with room for a part that is larger by eight deviations
		n := r.s.Counts().Accepted / int(r.parts)
		r.ids = make([][16]byte, 0, n+8*int(math.Sqrt(float64(n))))
	}
	for row, err := range r.s.Rows(ctx) {
		if err != nil {
			return err
		}
		id := short(idempotency.IDOf(r.jobs.key(row.KeyPart())))
		if r.partOf(id) == part {
			r.ids = append(r.ids, id)
		}
	}
	slices.SortFunc(r.ids, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	r.part = part
	return nil
}

// short is half of an id: enough to tell the rows of one list apart.
func short(id idempotency.ID) (out [16]byte) {
	_, _ = hex.Decode(out[:], []byte(id[:32]))
	return out
}
