package codec

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"time"
)

// Records and entries are rewritten and read all the time, so they are kept in
// a form that is small and quick: a byte that says which form it is, a checksum,
// and fields, each a tag and a value, in any order. A field that is zero is left
// out; one that is not known is passed over: a newer version may have added it.
// A tag is the field's number, and whether the value is a number or bytes with
// their length before them.
//
// Numbers of fields are never used again, and never change their meaning.
const (
	form = 1
	// textForm begins what was written as JSON: people, and other programs, can
	// write that by hand.
	textForm = '{'

	headSize = 1 + crc32.Size
)

const (
	wireNumber = 0
	wireBytes  = 1
)

// castagnoli is computed by the processor on most machines. The table is made
// once, whoever asks for it.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// sum is the checksum of fields that belong to an id: fields under another id
// are found out by it.
func sum(id, fields []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli(), id), castagnoli(), fields)
}

// writer appends fields.
type writer struct {
	b []byte
	// base is what times are counted from: most are near each other.
	base int64
}

// begin leaves room for the head; seal fills it.
func (w *writer) begin(room int) {
	w.b = append(make([]byte, 0, room), form, 0, 0, 0, 0)
}

func (w *writer) seal(id []byte) []byte {
	binary.LittleEndian.PutUint32(w.b[1:], sum(id, w.b[headSize:]))
	return w.b
}

func (w *writer) tag(field, wire uint64) { w.b = binary.AppendUvarint(w.b, field<<1|wire) }

func (w *writer) number(field, n uint64) {
	if n == 0 {
		return
	}
	w.tag(field, wireNumber)
	w.b = binary.AppendUvarint(w.b, n)
}

func (w *writer) int(field uint64, n int64) { w.number(field, zigzag(n)) }

func (w *writer) flag(field uint64, yes bool) {
	if yes {
		w.number(field, 1)
	}
}

func (w *writer) text(field uint64, s string) {
	if s == "" {
		return
	}
	w.tag(field, wireBytes)
	w.b = binary.AppendUvarint(w.b, uint64(len(s)))
	w.b = append(w.b, s...)
}

// group appends fields of their own under one field; nothing if there are none.
func (w *writer) group(field uint64, fill func()) {
	before := len(w.b)
	w.tag(field, wireBytes)
	start := len(w.b)
	if fill(); len(w.b) == start {
		w.b = w.b[:before]
		return
	}
	w.close(start)
}

// close puts the length before what begins at start.
func (w *writer) close(start int) {
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(w.b)-start))
	w.b = append(w.b, size[:n]...)
	copy(w.b[start+n:], w.b[start:len(w.b)-n])
	copy(w.b[start:], size[:n])
}

// numbers appends a list of numbers.
func (w *writer) numbers(field uint64, list []uint64) {
	if len(list) == 0 {
		return
	}
	w.tag(field, wireBytes)
	start := len(w.b)
	for _, n := range list {
		w.b = binary.AppendUvarint(w.b, n)
	}
	w.close(start)
}

// time appends a time, to the nanosecond and with its offset. One of this age
// and in UTC is a number; any other one takes three.
func (w *writer) time(field uint64, t time.Time) {
	if t.IsZero() {
		return
	}
	offset := 0
	if t.Location() != time.UTC {
		_, offset = t.Zone()
	}
	if nanos, ok := near(t); ok && offset == 0 {
		// Not 0, which is left out: a time that is the base is one.
		w.tag(field, wireNumber)
		w.b = binary.AppendUvarint(w.b, zigzag(nanos-w.base))
		return
	}
	w.tag(field, wireBytes)
	start := len(w.b)
	w.b = binary.AppendVarint(w.b, t.Unix())
	w.b = binary.AppendUvarint(w.b, uint64(t.Nanosecond()))
	w.b = binary.AppendVarint(w.b, int64(offset))
	w.close(start)
}

// near returns the nanoseconds since 1970 of a time whose distance to any other
// near one fits into 64 bits.
func near(t time.Time) (nanos int64, ok bool) {
	const most = math.MaxInt64 / 2 / int64(time.Second)
	if s := t.Unix(); s <= -most || s >= most {
		return 0, false
	}
	return t.UnixNano(), true
}

func zigzag(n int64) uint64 { return uint64(n)<<1 ^ uint64(n>>63) }

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

// reader takes fields apart. Texts share the memory of what is read.
type reader struct {
	s    string
	base int64
	bad  bool
}

// field is one that was read.
type field struct {
	number uint64
	wire   uint64
	n      uint64
	text   string
}

// open checks the head, and leaves a copy of the fields.
func open(data, id []byte) (reader, bool) {
	if len(data) < headSize || data[0] != form || binary.LittleEndian.Uint32(data[1:]) != sum(id, data[headSize:]) {
		return reader{}, false
	}
	return reader{s: string(data[headSize:])}, true
}

// next returns the next field, until there is none or what is left is damaged.
func (r *reader) next() (f field, ok bool) {
	if r.s == "" || r.bad {
		return f, false
	}
	tag := r.uvarint()
	f.number, f.wire = tag>>1, tag&1
	f.n = r.uvarint()
	if f.wire == wireBytes {
		if f.n > uint64(len(r.s)) {
			r.bad = true
			return f, false
		}
		f.text, r.s = r.s[:f.n], r.s[f.n:]
		f.n = 0
	}
	return f, !r.bad
}

func (r *reader) uvarint() (n uint64) {
	for i := range min(len(r.s), binary.MaxVarintLen64) {
		c := r.s[i]
		if c < 0x80 {
			r.s = r.s[i+1:]
			return n | uint64(c)<<(7*i)
		}
		n |= uint64(c&0x7f) << (7 * i)
	}
	r.bad, r.s = true, ""
	return 0
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

// inner reads the fields of a group.
func (r *reader) inner(f field, each func(*reader, field)) {
	rest := r.s
	r.s = f.text
	for f, ok := r.next(); ok; f, ok = r.next() {
		each(r, f)
	}
	r.s = rest
}

func (r *reader) numbers(f field) (list []uint64) {
	in := reader{s: f.text}
	for in.s != "" {
		list = append(list, in.uvarint())
	}
	r.bad = r.bad || in.bad
	return list
}

func (r *reader) time(f field) time.Time {
	if f.wire == wireNumber {
		return time.Unix(0, r.base+unzigzag(f.n)).UTC()
	}
	in := reader{s: f.text}
	t := time.Unix(in.varint(), int64(in.uvarint())).UTC()
	if offset := in.varint(); offset != 0 {
		t = t.In(time.FixedZone("", int(offset)))
	}
	r.bad = r.bad || in.bad
	return t
}

func (f field) int() int { return int(unzigzag(f.n)) }
