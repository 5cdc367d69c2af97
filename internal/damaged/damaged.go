// Package damaged is a ledger in memory parts of which can be damaged, as by a disk:
// for tests of those who must go on beside it. It answers as the ledgers on disks do.
package damaged

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Store is the ledger. Make one with [New].
type Store struct {
	*idempotency.Memory

	mu     sync.Mutex
	broken map[string]bool
	// whole says of a damaged message that nothing of it can be read.
	whole map[uint64]bool
}

// New returns an empty ledger of mode test.
func New() *Store {
	return &Store{Memory: idempotency.NewMemory(postproof.ModeTest), broken: map[string]bool{}, whole: map[uint64]bool{}}
}

// Record damages a record.
func (s *Store) Record(key postproof.Key) idempotency.ID {
	id := idempotency.IDOf(key)
	s.add(&idempotency.DamagedError{Record: id})
	return id
}

// Entry damages an entry of the history.
func (s *Store) Entry(seq uint64) { s.add(&idempotency.DamagedError{Entry: seq}) }

// Message damages a message: its header, or all of it.
func (s *Store) Message(id uint64, whole bool) {
	s.add(&idempotency.DamagedError{Message: id})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole[id] = whole
}

// Mend takes all damage back.
func (s *Store) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.broken)
}

func (s *Store) add(what *idempotency.DamagedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[what.What()] = true
}

// check returns the error of what is damaged, else nil.
func (s *Store) check(what *idempotency.DamagedError) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.broken[what.What()] {
		return nil
	}
	what.Err = errors.New("it was damaged for a test")
	return fmt.Errorf("test ledger: %w", what)
}

func (s *Store) record(id idempotency.ID) error {
	return s.check(&idempotency.DamagedError{Record: id})
}

// Get implements [idempotency.Store], as do the methods that follow.
func (s *Store) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	if err := s.record(id); err != nil {
		return nil, err
	}
	return s.Memory.Get(ctx, id)
}

// Find yields what is damaged in its place.
func (s *Store) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		for r, err := range s.Memory.Find(ctx, q) {
			if err == nil {
				if err = s.record(r.ID); err != nil {
					r = nil
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Entries yields what is damaged in its place, whatever kinds are asked for.
func (s *Store) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		all := q
		all.Kinds, all.Limit = nil, 0
		n := 0
		for e, err := range s.Memory.Entries(ctx, all) {
			if err == nil {
				if err = s.check(&idempotency.DamagedError{Entry: e.Seq}); err != nil {
					e = idempotency.Entry{Seq: e.Seq, ID: e.ID}
				}
			}
			if err == nil && !q.Matches(&e) {
				continue
			}
			if n++; !yield(e, err) || n == q.Limit {
				return
			}
		}
	}
}

// Claim leaves what is damaged out, with its lease.
func (s *Store) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	all, err := s.Memory.Claim(ctx, req)
	return claimed(all, err, func(r *idempotency.Record) error { return s.record(r.ID) })
}

func claimed[T any](all []T, err error, check func(T) error) ([]T, error) {
	var bad []error
	all = slices.DeleteFunc(all, func(v T) bool {
		one := check(v)
		if one != nil {
			bad = append(bad, one)
		}
		return one != nil
	})
	if err == nil && len(all) == 0 {
		err = errors.Join(bad...)
	}
	return all, err
}

// Inbox returns the inbox.
func (s *Store) Inbox() idempotency.Inbox { return inbox{s.Memory.Inbox(), s} }

type inbox struct {
	idempotency.Inbox

	s *Store
}

// List implements [idempotency.Inbox].
func (i inbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	return func(yield func(*idempotency.Message, error) bool) {
		for m, err := range i.Inbox.List(ctx, q) {
			if err == nil && (m.Body != nil || m.Header != nil) { // else nothing is left of what was damaged
				if err = i.s.check(&idempotency.DamagedError{Message: m.ID}); err != nil {
					m = i.s.left(m)
				}
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// left is what can still be read of a damaged message.
func (s *Store) left(m *idempotency.Message) *idempotency.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.whole[m.ID] {
		return nil
	}
	m.Header = nil
	return m
}

// Claim implements [idempotency.Inbox].
func (i inbox) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Message, error) {
	all, err := i.Inbox.Claim(ctx, req)
	return claimed(all, err, func(m *idempotency.Message) error { return i.s.check(&idempotency.DamagedError{Message: m.ID}) })
}
