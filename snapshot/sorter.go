package snapshot

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// sorter puts any number of records into order. It holds limit bytes of them
// in memory and the rest in a scratch file.
//
// Digests are spread evenly, so that they need no merging: what leaves the
// memory is put into parts by its first bits only, and each part, small enough
// by then, is sorted when it is asked for. Other keys, and a part that is large
// because all of its records are alike, go the longer way over sorted runs.
type sorter struct {
	limit   int
	open    func() (scratchFile, error)
	digests bool
	doubles bool // wanted are only records whose digest another has
	merging bool // even digests

	recs, spare []record
	runs        []run
	parts       []parted
	file        scratchFile
	size        int64
	out         []byte
	seen, again []uint64 // bits, by digest
}

// parted is a piece of the scratch file that is in parts, each of which begins
// so many records behind the start.
type parted struct {
	at    int64
	start [1<<partBits + 1]uint32
}

// partBits: fewer parts are read in fewer pieces; more keep a longer list from
// going the longer way. These take twenty million rows.
const partBits = 7

func (s *sorter) add(r record) error {
	if len(s.recs) >= s.limit/recordBytes {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.recs = append(s.recs, r)
	return nil
}

// none reports whether there is no record.
func (s *sorter) none() bool { return len(s.recs) == 0 && s.size == 0 }

// sift drops most of the records whose digest no other has, if only doubles are
// wanted: it goes by some bits of the digest, in tables that are small enough to
// stay close to the processor. All records of these digests are in memory.
func (s *sorter) sift() {
	if !s.doubles || len(s.recs) == 0 {
		return
	}
	words := 1 << bits.Len(uint(len(s.recs)/4)) // sixteen bits a record, or more
	if cap(s.seen) < words {
		s.seen, s.again = make([]uint64, words), make([]uint64, words)
	}
	s.seen, s.again = s.seen[:words], s.again[:words]
	clear(s.seen)
	clear(s.again)
	mask := uint64(words - 1)
	for i := range s.recs {
		k := s.recs[i].key
		w, bit := k>>6&mask, uint64(1)<<(k&63)
		s.again[w] |= s.seen[w] & bit
		s.seen[w] |= bit
	}
	kept := s.recs[:0]
	for i := range s.recs {
		if k := s.recs[i].key; s.again[k>>6&mask]&(1<<(k&63)) != 0 {
			kept = append(kept, s.recs[i])
		}
	}
	s.recs = kept
}

func (s *sorter) order() {
	if !s.digests || len(s.recs) < 256 {
		slices.SortFunc(s.recs, compareRecords)
		return
	}
	s.spare = append(s.spare[:0], s.recs...)
	radixSort(s.recs, s.spare)
	// What is left are few keys that agree in their first bits, and records of
	// one key, which stand in the order of their rows.
	for i := 1; i < len(s.recs); i++ {
		r := s.recs[i]
		j := i
		for ; j > 0 && compareRecords(r, s.recs[j-1]) < 0; j-- {
			s.recs[j] = s.recs[j-1]
		}
		s.recs[j] = r
	}
}

// radixSort sorts by the first 22 bits of the keys. Spare is a copy of recs.
func radixSort(recs, spare []record) {
	const digit = 11
	const mask = 1<<digit - 1
	var low, high [1 << digit]uint32
	for i := range recs {
		k := recs[i].key
		low[k>>(64-2*digit)&mask]++
		high[k>>(64-digit)]++
	}
	var a, b uint32
	for i := range low {
		low[i], a = a, a+low[i]
		high[i], b = b, b+high[i]
	}
	for i := range recs {
		d := recs[i].key >> (64 - 2*digit) & mask
		spare[low[d]] = recs[i]
		low[d]++
	}
	for i := range spare {
		d := spare[i].key >> (64 - digit)
		recs[high[d]] = spare[i]
		high[d]++
	}
}

// spill writes the records in memory to the file.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := s.open()
		if err != nil {
			return err
		}
		s.file = f
	}
	at := s.size
	if s.digests && !s.merging {
		s.parts = append(s.parts, parted{at: at})
		s.out = slices.Grow(s.out[:0], len(s.recs)*recordBytes)[:len(s.recs)*recordBytes]
		s.parts[len(s.parts)-1].start = partition(s.recs, s.out)
		if err := s.write(s.out); err != nil {
			return err
		}
	} else {
		s.order()
		for part := range slices.Chunk(s.recs, 2048) {
			s.out = s.out[:0]
			for i := range part {
				s.out = part[i].append(s.out)
			}
			if err := s.write(s.out); err != nil {
				return err
			}
		}
	}
	if !s.digests || s.merging {
		s.runs = append(s.runs, run{at: at, end: s.size})
	}
	s.recs = s.recs[:0]
	return nil
}

func (s *sorter) write(b []byte) error {
	n, err := s.file.Write(b)
	s.size += int64(n)
	return err
}

// partition puts the records into parts, in which they keep their order, as they
// are written, and returns where each begins, with the end of the last.
func partition(recs []record, out []byte) (start [1<<partBits + 1]uint32) {
	for i := range recs {
		start[recs[i].key>>(64-partBits)+1]++
	}
	for i := 1; i < len(start); i++ {
		start[i] += start[i-1]
	}
	next := start
	for i := range recs {
		p := recs[i].key >> (64 - partBits)
		recs[i].put(out[next[p]*recordBytes:])
		next[p]++
	}
	return start
}

// sorted yields all records in order, once. Nothing may be added afterwards.
func (s *sorter) sorted() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		var err error
		stopped := false // and must not be called again, whatever fails then
		use := func(r record, err error) bool {
			stopped = !yield(r, err)
			return !stopped
		}
		switch {
		case len(s.parts) > 0:
			_, err = s.byParts(use)
		case len(s.runs) > 0:
			err = s.merge(use)
		default:
			s.sift()
			s.order()
			s.spare = nil
			for _, r := range s.recs {
				if !yield(r, nil) {
					return
				}
			}
		}
		if err != nil && !stopped {
			yield(record{}, err)
		}
	}
}

// byParts reports whether more is wanted.
func (s *sorter) byParts(yield func(record, error) bool) (bool, error) {
	if err := s.spill(); err != nil {
		return false, err
	}
	for p := range 1 << partBits {
		total := 0
		for i := range s.parts {
			total += int(s.parts[i].start[p+1] - s.parts[i].start[p])
		}
		if total*recordBytes > s.limit && total > 1 {
			if more, err := s.largePart(p, yield); err != nil || !more {
				return false, err
			}
			continue
		}
		s.recs = s.recs[:0]
		err := s.load(p, func(r record) error {
			s.recs = append(s.recs, r)
			return nil
		})
		if err != nil {
			return false, err
		}
		s.sift()
		s.order()
		for _, r := range s.recs {
			if !yield(r, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// load reads a part.
func (s *sorter) load(p int, use func(record) error) error {
	const most = 2048 * recordBytes
	s.out = slices.Grow(s.out[:0], most)
	for i := range s.parts {
		start := &s.parts[i].start
		at, end := s.parts[i].at+int64(start[p])*recordBytes, s.parts[i].at+int64(start[p+1])*recordBytes
		for at < end {
			b := s.out[:min(most, end-at)]
			if n, err := s.file.ReadAt(b, at); n < len(b) {
				return fmt.Errorf("snapshot: scratch file: %w", err)
			}
			at += int64(len(b))
			for ; len(b) > 0; b = b[recordBytes:] {
				if err := use(recordOf(b)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// largePart sorts a part that does not fit into memory.
func (s *sorter) largePart(p int, yield func(record, error) bool) (more bool, err error) {
	part := sorter{limit: s.limit, open: s.open, digests: true, merging: true}
	s.recs, s.spare = nil, nil // the part takes their place
	defer func() { err = errors.Join(err, part.close()) }()
	if err := s.load(p, part.add); err != nil {
		return false, err
	}
	for r, err := range part.sorted() {
		if err != nil {
			return false, err
		}
		if !yield(r, nil) {
			return false, nil
		}
	}
	return true, nil
}

func (s *sorter) close() error {
	s.recs, s.spare, s.runs, s.parts = nil, nil, nil, nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
