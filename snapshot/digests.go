package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// digests are what the search for duplicates needs of each row: a digest of its
// contact and one of its address, in the order of the rows. Most rows double
// nothing: two sieves tell so, and only the others are ever sorted.
type digests struct {
	spool
	contacts, addresses *sieve // made when the digests leave the memory
}

// digestBytes are: the digest of the contact, and the digest of the address, 64
// bits each; 31 bits more of either, the lowest bit saying that the row sorts
// behind one that was taken before, or that it is to get a piece; the row.
const digestBytes = 28

func appendDigests(b []byte, contact, address *record, fits bool) []byte {
	low := address.low &^ 1
	if fits {
		low |= 1
	}
	n := len(b)
	b = slices.Grow(b, digestBytes)[:n+digestBytes]
	d := b[n:]
	_ = d[digestBytes-1]
	binary.LittleEndian.PutUint64(d, contact.key)
	binary.LittleEndian.PutUint64(d[8:], address.key)
	binary.LittleEndian.PutUint32(d[16:], contact.low)
	binary.LittleEndian.PutUint32(d[20:], low)
	binary.LittleEndian.PutUint32(d[24:], contact.row)
	return b
}

// contactOf is the record by which a contact is found again; with it comes what
// tells whether the address is the same, too.
func contactOf(d []byte) record {
	_ = d[digestBytes-1]
	return record{
		key: binary.LittleEndian.Uint64(d), more: binary.LittleEndian.Uint64(d[8:]),
		low: binary.LittleEndian.Uint32(d[16:]), row: binary.LittleEndian.Uint32(d[24:]),
	}
}

// addressOf reports false for a row that gets no piece.
func addressOf(d []byte) (record, bool) {
	_ = d[digestBytes-1]
	low := binary.LittleEndian.Uint32(d[20:])
	return record{
		key: binary.LittleEndian.Uint64(d[8:]),
		low: low&^1 | binary.LittleEndian.Uint32(d[16:])&1, row: binary.LittleEndian.Uint32(d[24:]),
	}, low&1 != 0
}

// add takes digests, one behind the other.
func (d *digests) add(b []byte) error {
	if d.contacts == nil && len(d.mem)+len(b) > d.limit {
		d.contacts, d.addresses = newSieve(d.limit/2), newSieve(d.limit/2)
		d.sift(d.mem)
	}
	if d.contacts != nil {
		if rows := (d.size + int64(len(b))) / digestBytes; rows*leastBits > d.contacts.bits() && 8*len(d.contacts.seen) < d.limit {
			d.contacts.double()
			d.addresses.double()
		}
		d.sift(b)
	}
	_, err := d.Write(b)
	return err
}

// leastBits is how many bits a sieve has for each row, as long as it may grow. A
// larger one lets less through, and costs more, being further from the processor.
const leastBits = 16

func (d *digests) close() error {
	d.contacts, d.addresses = nil, nil
	return d.spool.close()
}

func (d *digests) sift(b []byte) {
	for ; len(b) > 0; b = b[digestBytes:] {
		_ = b[digestBytes-1]
		d.contacts.add(binary.LittleEndian.Uint64(b))
		if b[20]&1 != 0 {
			d.addresses.add(binary.LittleEndian.Uint64(b[8:]))
		}
	}
}

// ready is called when all digests are there.
func (d *digests) ready() {
	if d.contacts == nil {
		n := len(d.mem) / digestBytes * 4 // thirty-two bits a row, or sixteen
		d.contacts, d.addresses = newSieve(n), newSieve(n)
		d.sift(d.mem)
	}
	for _, s := range [...]*sieve{d.contacts, d.addresses} {
		s.settle(8 * len(s.few)) // sixty-four bits each, or thirty-two
	}
}

// chosen hands out the records that the sieve does not hold back: all those
// whose digest comes again, and few others.
func (d *digests) chosen(addresses bool, use func(record) error) error {
	src, buf := d.reader(), make([]byte, min(d.size, 4096*digestBytes))
	for left := d.size; left > 0; left -= int64(len(buf)) {
		buf = buf[:min(left, int64(len(buf)))]
		if _, err := io.ReadFull(src, buf); err != nil {
			return fmt.Errorf("snapshot: scratch file: %w", err)
		}
		for b := buf; len(b) > 0; b = b[digestBytes:] {
			var r record
			if addresses {
				var fits bool
				if r, fits = addressOf(b); !fits || !d.addresses.repeated(r.key) {
					continue
				}
			} else if r = contactOf(b); !d.contacts.repeated(r.key) {
				continue
			}
			if err := use(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// sieve tells, of the digests that it was given, most of those that were given
// once from those that came again. It looks at some bits of a digest only. What
// came again are few as long as the table is nearly empty: then a table of their
// own is small enough to stay close to the processor.
type sieve struct {
	seen  []uint64
	again []uint64 // once they are many, or all are known
	few   []uint64 // digests that came again, until then
}

// newSieve makes a sieve of about so many bytes.
func newSieve(size int) *sieve { return &sieve{seen: newBits(size)} }

// newBits makes a table of at most so many bytes, and at least half of that.
func newBits(size int) []uint64 { return make([]uint64, 1<<bits.Len(uint(size)/16)) }

func (s *sieve) bits() int64 { return 64 * int64(len(s.seen)) }

// double makes the tables twice as large. Nobody knows any more in which half of
// one a digest would have been: it is in both.
func (s *sieve) double() {
	s.seen = slices.Concat(s.seen, s.seen)
	if s.again != nil {
		s.again = slices.Concat(s.again, s.again)
	}
}

func (s *sieve) add(key uint64) {
	w, bit := &s.seen[key>>6&uint64(len(s.seen)-1)], uint64(1)<<(key&63)
	if *w&bit != 0 {
		s.repeat(key)
	}
	*w |= bit
}

func (s *sieve) repeat(key uint64) {
	if s.again == nil {
		if len(s.few) < len(s.seen)/8 {
			s.few = append(s.few, key)
			return
		}
		s.settle(8 * len(s.seen))
	}
	s.again[key>>6&uint64(len(s.again)-1)] |= 1 << (key & 63)
}

// settle makes the table of what came again, of about so many bytes.
func (s *sieve) settle(size int) {
	if s.again != nil {
		return
	}
	s.again = newBits(size)
	for _, key := range s.few {
		s.repeat(key)
	}
	s.few = nil
}

// repeated reports whether the digest may have come again. Nothing may be added
// afterwards.
func (s *sieve) repeated(key uint64) bool {
	return s.again[key>>6&uint64(len(s.again)-1)]>>(key&63)&1 != 0
}
