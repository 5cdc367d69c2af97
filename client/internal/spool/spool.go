// Package spool keeps vendors' answers that the ledger could not take (rule 14), synced
// before Put returns, until they are in the ledger. Without a folder it keeps
// them in memory.
//
// An answer waits until the ledger can be written, or is parked: the ledger can
// be written and has no place for it, because its record is of a newer version,
// or unknown since a backup was restored. A parked answer is tried again now and
// then, and by each process that starts.
//
// Each process writes a file of its own. One that starts takes over the files
// that it finds, by renaming them: their writers may be dead, or alive and
// unable to reach the ledger. A writer that is alive notices, because its file
// has gone, and writes what it was writing to a new one. So every answer that
// Put reported as kept is in a file that somebody reads to its end, and is
// applied once or twice, which is the same. A file of another ledger is left
// alone: its answers are for that one.
//
// Files in other folders, which the caller knows of, are taken over in the same way,
// where they lie ([Spool.TakeOver]).
package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// Spool is what is kept by this process. It is safe for concurrent use.
type Spool struct {
	dir  string // absolute
	mark string // what the folder is known by

	mu      sync.Mutex
	file    *os.File              // being written
	of      idempotency.Namespace // whose answers the file holds
	files   []string              // to remove when nothing is kept any more
	waiting []Answer
	parked  []Answer
	foreign []Answer  // of other ledgers, in files that are not ours
	aside   int       // files with lines that cannot be read
	retryAt time.Time // when parked answers are tried again
	length  atomic.Int64
	nparked atomic.Int64
}

// Answer is a line of a spool file. Lines of older versions have neither
// Ledger nor Epoch.
type Answer struct {
	ID     idempotency.ID        `json:"id"`
	Ledger idempotency.Namespace `json:"ledger,omitempty"`
	// Epoch is that of the history in which the intent was made: in another one
	// the number of the intent may belong to another send.
	Epoch  string             `json:"epoch,omitempty"`
	At     time.Time          `json:"at"`
	Answer idempotency.Answer `json:"answer"`
	// Parked says why the ledger has no place for it.
	Parked string `json:"parked,omitempty"`
}

func (e *Answer) same(o *Answer) bool {
	return e.ID == o.ID && e.At.Equal(o.At) && e.Answer.Vendor == o.Answer.Vendor && e.Answer.Ref == o.Answer.Ref && e.Answer.Delivery == o.Answer.Delivery
}

// Open opens the spool in a folder, which it makes, and takes over what lies there. Without
// a folder it keeps answers in memory only.
func Open(dir string, ledger idempotency.Namespace) (*Spool, error) {
	s := &Spool{}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool folder: %w", pathless(err))
	}
	var err error
	if s.dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("spool folder: %w", pathless(err))
	}
	if s.mark, err = markFolder(s.dir); err != nil {
		return nil, fmt.Errorf("spool folder: %w", err)
	}
	return s, s.TakeOver(s.dir, ledger)
}

// View is a spool of what was found in folders, to be listed: its files are left to whoever
// has them.
func View(found []Answer, ledger idempotency.Namespace) *Spool {
	s := &Spool{}
	for _, e := range found {
		kept := &s.waiting
		switch {
		case e.Ledger != "" && e.Ledger != ledger:
			kept = &s.foreign
		case e.Parked != "":
			kept = &s.parked
		}
		if !slices.ContainsFunc(*kept, func(o Answer) bool { return o.same(&e) }) {
			*kept = append(*kept, e)
		}
	}
	return s
}

// Dir is the folder, as an absolute path; empty where there is none.
func (s *Spool) Dir() string { return s.dir }

// Mark is what the folder is known by.
func (s *Spool) Mark() string { return s.mark }

// Damaged is how many files in the folder have lines that cannot be read.
func (s *Spool) Damaged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aside
}

// Put keeps an answer. After an error it is kept in memory only.
func (s *Spool) Put(e Answer) error {
	if e.Answer.Order != nil {
		order := *e.Answer.Order
		order.Receipt.ProofURL = "" // it shows the recipient
		e.Answer.Order = &order
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, e)
	s.length.Add(1)
	if s.dir == "" {
		return nil
	}
	if err := s.append(e); err != nil {
		return fmt.Errorf("spool: kept in memory only: %w", err)
	}
	return nil
}

// Take returns what waits, and what is parked when it is due again.
func (s *Spool) Take(now time.Time) (waiting, parked []Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parked) > 0 && !now.Before(s.retryAt) {
		s.retryAt = now.Add(parkedEvery)
		parked = slices.Clone(s.parked)
	}
	return slices.Clone(s.waiting), parked
}

// parkedEvery is how often an answer is tried again that had no place.
const parkedEvery = 5 * time.Minute

// Done forgets the first n of what waits and keeps those of them that have no
// place in the ledger. It removes the files once nothing is left to be kept.
func (s *Spool) Done(n int, park []Answer, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = s.waiting[n:]
	if len(park) > 0 {
		s.parked = append(s.parked, park...)
		s.retryAt = now.Add(parkedEvery)
	}
	return s.tidy()
}

// Placed forgets parked answers: they are in the ledger, or were given up.
func (s *Spool) Placed(gone []Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = slices.DeleteFunc(s.parked, func(e Answer) bool {
		return slices.ContainsFunc(gone, func(o Answer) bool { return o.same(&e) })
	})
	return s.tidy()
}

// Drop forgets parked answers that were given up, in the files, too, whatever else
// waits. A process that took them over has them among what waits until it tries
// them again.
func (s *Spool) Drop(gone []Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := func(e Answer) bool {
		return slices.ContainsFunc(gone, func(o Answer) bool { return o.same(&e) })
	}
	s.waiting, s.parked = slices.DeleteFunc(s.waiting, given), slices.DeleteFunc(s.parked, given)
	s.length.Store(int64(len(s.waiting)))
	s.nparked.Store(int64(len(s.parked)))
	return s.rewrite(slices.Concat(s.waiting, s.parked))
}

// tidy brings the files up to date once nothing waits: what is parked moves to
// a new one before the others are removed.
func (s *Spool) tidy() error {
	s.length.Store(int64(len(s.waiting)))
	s.nparked.Store(int64(len(s.parked)))
	if len(s.waiting) > 0 {
		return nil
	}
	s.waiting = nil
	return s.rewrite(s.parked)
}

// Redact takes out what the answer says of a person, and reports whether it can say
// anything. It changes nothing in place that others may have.
func (e *Answer) Redact() bool {
	if e.Answer.Order == nil {
		return false
	}
	order := *e.Answer.Order
	order.Receipt.TrackingID, order.Receipt.ProofURL, order.Status.Raw, order.Status.Reason = "", "", "", ""
	e.Answer.Order = &order
	return true
}

// Redact takes out of the answers about some records what they say of a person,
// in memory and in the files, and returns how many there were. What settles a
// submission stays.
func (s *Spool) Redact(about func(idempotency.ID) bool) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range [][]Answer{s.waiting, s.parked} {
		for i := range list {
			e := &list[i]
			if about(e.ID) && e.Redact() {
				n++
			}
		}
	}
	if n == 0 || s.dir == "" {
		return n, nil
	}
	return n, s.rewrite(slices.Concat(s.waiting, s.parked))
}

// Close closes the file; what it holds is for the next process.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// Empty reports whether no answer waits for the ledger.
func (s *Spool) Empty() bool { return s.length.Load() == 0 }

// All returns what is kept, and what is of other ledgers.
func (s *Spool) All() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.waiting, s.parked, s.foreign)
}

// Count returns how many answers wait, are parked, and are of other ledgers.
func (s *Spool) Count() (waiting, parked, foreign int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting), len(s.parked), len(s.foreign)
}

// Due reports whether there is an answer to be applied, or tried again.
func (s *Spool) Due(now time.Time) bool {
	if !s.Empty() {
		return true
	}
	if s.nparked.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !now.Before(s.retryAt)
}
