package snapshot

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// record is what is known of a row when rows are compared: 95 bits of a
// digest, a last bit by which of two equal rows one goes first whatever their
// numbers, the row's number, and something that comes along.
type record struct {
	key  uint64
	more uint64
	low  uint32
	row  uint32
}

func compareRecords(a, b record) int {
	if a.key != b.key {
		if a.key < b.key {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.row, b.row))
}

// same reports whether the digests are equal.
func (r *record) same(o *record) bool { return r.key == o.key && r.low>>1 == o.low>>1 }

const recordBytes = 24

func (r *record) append(b []byte) []byte {
	n := len(b)
	b = slices.Grow(b, recordBytes)[:n+recordBytes]
	r.put(b[n:])
	return b
}

func (r *record) put(b []byte) {
	_ = b[recordBytes-1]
	binary.LittleEndian.PutUint64(b, r.key)
	binary.LittleEndian.PutUint64(b[8:], r.more)
	binary.LittleEndian.PutUint32(b[16:], r.low)
	binary.LittleEndian.PutUint32(b[20:], r.row)
}

func recordOf(b []byte) record {
	return record{
		key: binary.LittleEndian.Uint64(b), more: binary.LittleEndian.Uint64(b[8:]),
		low: binary.LittleEndian.Uint32(b[16:]), row: binary.LittleEndian.Uint32(b[20:]),
	}
}
