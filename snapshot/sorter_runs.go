package snapshot

import (
	"fmt"
	"io"
)

// run is a sorted piece of the scratch file.
type run struct {
	at, end int64
	buf     []byte
	rest    []byte
	head    record
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
