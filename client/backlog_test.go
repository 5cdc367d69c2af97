package client_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// shelf notes what is committed to it, part by part.
type shelf struct {
	*idempotency.Memory

	parts [][]*idempotency.Record
	total int
}

func (s *shelf) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	var part []*idempotency.Record
	for _, c := range changes {
		part = append(part, c.Record)
	}
	s.parts, s.total = append(s.parts, part), s.total+len(part)
	return s.Memory.Commit(ctx, changes)
}

func shelved(t *testing.T) (*client.Client, *shelf) {
	t.Helper()
	s := &shelf{Memory: idempotency.NewMemory(postproof.ModeTest)}
	return newClient(t, s.Memory, []*press{newPress(t, "lob", postproof.IdempotencyKey)}), s
}

// TestEnqueueInOrder: what is stored together is in the order of the ids from
// part to part, and due in that order: a large ledger finds neighbors together.
func TestEnqueueInOrder(t *testing.T) {
	t.Parallel()
	c, s := shelved(t)
	const n = 1000
	if out, err := c.EnqueueTx(t.Context(), s, jobs(n)); err != nil || out.New != n {
		t.Fatalf("%+v, %v", out, err)
	}
	all := slices.Concat(s.parts...)
	if len(all) != n || len(s.parts) != 4 {
		t.Fatalf("%d jobs in %d parts, want %d in 4", len(all), len(s.parts), n)
	}
	for i, r := range all[1:] {
		if last := all[i]; r.ID <= last.ID || r.Due.Before(last.Due) {
			t.Fatalf("job %d (%.8s, due %s) is stored after %.8s, due %s", i+1, r.ID, r.Due, last.ID, last.Due)
		}
	}
}

// TestEnqueueReadsLittleAhead: memory does not grow with the number of jobs, nor
// with their size.
func TestEnqueueReadsLittleAhead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10)
	for name, tt := range map[string]struct {
		n, most int
		job     func(key string) postproof.Job
	}{
		"many": {24_000, 16 << 10, job},
		"large": {400, 300, func(key string) postproof.Job {
			j := job(key)
			file := postproof.File{URL: "https://example.com/" + long}
			j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.PDF{Front: file, Back: file}}
			return j
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // where reading takes no time
				c, s := shelved(t)
				ahead := 0
				out, err := c.EnqueueTx(t.Context(), s, func(yield func(postproof.Job, error) bool) {
					for i := range tt.n {
						ahead = max(ahead, i-s.total)
						if !yield(tt.job(fmt.Sprint("contact-", i)), nil) {
							return
						}
					}
				})
				if err != nil || out.New != int64(tt.n) || s.total != tt.n {
					t.Fatalf("%d stored, %d new, %v", s.total, out.New, err)
				}
				if ahead > tt.most || ahead < 100 {
					t.Errorf("%d jobs were read ahead of what is stored, want some hundred, at most %d", ahead, tt.most)
				}
			})
		})
	}
}

// TestEnqueueOfASlowSequence: what comes slowly is stored after about a second,
// and not planned for a time long gone.
func TestEnqueueOfASlowSequence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, s := shelved(t)
		var read []time.Time
		out, err := c.EnqueueTx(t.Context(), s, func(yield func(postproof.Job, error) bool) {
			for i := range 40 {
				for j, at := range read {
					if age := time.Since(at); j >= s.total && age > 2*time.Second {
						t.Errorf("job %d was read %s ago, and is not stored", j, age)
					}
				}
				read = append(read, time.Now())
				if !yield(job(fmt.Sprint("contact-", i)), nil) {
					return
				}
				time.Sleep(300 * time.Millisecond)
			}
		})
		if err != nil || out.New != int64(len(read)) {
			t.Fatalf("%+v, %v", out, err)
		}
		for _, r := range slices.Concat(s.parts...) {
			var i int
			if _, err := fmt.Sscanf(string(r.Key), "contact-%d", &i); err != nil {
				t.Fatal(err)
			}
			if age := read[i].Sub(r.PlannedAt); age < 0 || age > time.Second {
				t.Errorf("a job was planned %s before it was read", age)
			}
		}
	})
}

// TestEnqueueTakesTheFirstOfAKey: that jobs are put in order changes neither
// which of two with one key is taken, nor how the others are reported.
func TestEnqueueTakesTheFirstOfAKey(t *testing.T) {
	t.Parallel()
	const n = 300
	c, s := shelved(t)
	broken := errors.New("the list broke off")
	list := iter.Seq2[postproof.Job, error](func(yield func(postproof.Job, error) bool) {
		for i := range 2 * n {
			j := job(fmt.Sprint("contact-", i%n))
			if i >= n && i%2 == 0 {
				j.To.Line1 = "2 Main Street" // another piece
			}
			if i == n/3 {
				j.To.City = ""
			}
			if !yield(j, nil) {
				return
			}
		}
		yield(postproof.Job{}, broken)
	})
	var told []int
	out, err := c.EnqueueTx(t.Context(), s, list, client.OnReject(func(r client.Rejection) { told = append(told, r.Index) }))
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v, want that of the list", err)
	}
	var want, got []int
	want = append(want, n/3) // the other one with its key is taken
	for i := n; i < 2*n; i += 2 {
		if i != n+n/3 {
			want = append(want, i)
		}
	}
	for _, r := range out.Rejections {
		got = append(got, r.Index)
	}
	if out.New != n || out.Known != n/2 || out.Rejected != int64(len(want)) {
		t.Errorf("%d new, %d known, %d rejected, want %d, %d, %d", out.New, out.Known, out.Rejected, n, n/2, len(want))
	}
	if len(got) != 100 || !slices.IsSortedFunc(got, cmp.Compare[int]) {
		t.Errorf("%d rejections, want 100 in the order of the list", len(got))
	}
	for _, i := range got {
		if !slices.Contains(want, i) {
			t.Errorf("job %d was rejected for nothing", i)
		}
	}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("OnReject heard of %d jobs, want each of the %d that were rejected, once", len(told), len(want))
	}
}
