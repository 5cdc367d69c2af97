package snapshot

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
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
	b = binary.LittleEndian.AppendUint64(b, r.key)
	b = binary.LittleEndian.AppendUint64(b, r.more)
	b = binary.LittleEndian.AppendUint32(b, r.low)
	return binary.LittleEndian.AppendUint32(b, r.row)
}

func recordOf(b []byte) record {
	return record{
		key: binary.LittleEndian.Uint64(b), more: binary.LittleEndian.Uint64(b[8:]),
		low: binary.LittleEndian.Uint32(b[16:]), row: binary.LittleEndian.Uint32(b[20:]),
	}
}

// sorter puts any number of records into order. It holds limit bytes of them
// in memory and the rest in sorted runs in a scratch file.
type sorter struct {
	limit int
	open  func() (scratchFile, error)
	// digests: the keys are spread over all of their values.
	digests bool

	recs, spare []record
	runs        []run
	file        scratchFile
	size        int64
	out         []byte
}

// run is a sorted part of the scratch file.
type run struct {
	at, end int64
	buf     []byte
	rest    []byte
	head    record
}

func (s *sorter) add(r record) error {
	if len(s.recs) >= s.limit/recordBytes {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.recs = append(s.recs, r)
	return nil
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
	const bits = 11
	const mask = 1<<bits - 1
	var low, high [1 << bits]uint32
	for i := range recs {
		k := recs[i].key
		low[k>>(64-2*bits)&mask]++
		high[k>>(64-bits)]++
	}
	var a, b uint32
	for i := range low {
		low[i], a = a, a+low[i]
		high[i], b = b, b+high[i]
	}
	for i := range recs {
		d := recs[i].key >> (64 - 2*bits) & mask
		spare[low[d]] = recs[i]
		low[d]++
	}
	for i := range spare {
		d := spare[i].key >> (64 - bits)
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
	s.order()
	at := s.size
	for part := range slices.Chunk(s.recs, 2048) {
		s.out = s.out[:0]
		for i := range part {
			s.out = part[i].append(s.out)
		}
		n, err := s.file.Write(s.out)
		s.size += int64(n)
		if err != nil {
			return err
		}
	}
	s.runs = append(s.runs, run{at: at, end: s.size})
	s.recs = s.recs[:0]
	return nil
}

// sorted yields all records in order, once. Nothing may be added afterwards.
func (s *sorter) sorted() iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		if len(s.runs) == 0 {
			s.order()
			s.spare = nil
			for _, r := range s.recs {
				if !yield(r, nil) {
					return
				}
			}
			return
		}
		if err := s.merge(yield); err != nil {
			yield(record{}, err)
		}
	}
}

// merge yields the records of all runs.
func (s *sorter) merge(yield func(record, error) bool) error {
	if err := s.spill(); err != nil {
		return err
	}
	s.recs, s.spare = nil, nil
	// As much memory as the records had, but for at least some of each run.
	each := max(s.limit/len(s.runs)/recordBytes, 64) * recordBytes
	heap := make([]*run, 0, len(s.runs))
	for i := range s.runs {
		r := &s.runs[i]
		r.buf = make([]byte, min(int64(each), r.end-r.at))
		if ok, err := r.next(s.file); err != nil {
			return err
		} else if ok {
			heap = append(heap, r)
		}
	}
	down := func(i int) {
		r := heap[i]
		for {
			c := 2*i + 1
			if c >= len(heap) {
				break
			}
			if c+1 < len(heap) && compareRecords(heap[c+1].head, heap[c].head) < 0 {
				c++
			}
			if compareRecords(r.head, heap[c].head) <= 0 {
				break
			}
			heap[i] = heap[c]
			i = c
		}
		heap[i] = r
	}
	for i := len(heap)/2 - 1; i >= 0; i-- {
		down(i)
	}
	for len(heap) > 0 {
		r := heap[0]
		if !yield(r.head, nil) {
			return nil
		}
		ok, err := r.next(s.file)
		if err != nil {
			return err
		}
		if !ok {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		if len(heap) > 0 {
			down(0)
		}
	}
	return nil
}

// next reads the run's next record into head.
func (r *run) next(f io.ReaderAt) (bool, error) {
	if len(r.rest) == 0 {
		n := min(int64(len(r.buf)), r.end-r.at)
		if n == 0 {
			return false, nil
		}
		if have, err := f.ReadAt(r.buf[:n], r.at); int64(have) < n {
			return false, fmt.Errorf("snapshot: scratch file: %w", err)
		}
		r.at += n
		r.rest = r.buf[:n]
	}
	r.head = recordOf(r.rest)
	r.rest = r.rest[recordBytes:]
	return true, nil
}

func (s *sorter) close() error {
	s.recs, s.spare, s.runs = nil, nil, nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
