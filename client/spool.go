package client

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// spool keeps vendors' answers that the ledger could not take (rule 14), synced
// before put returns, until they are in the ledger. Without a folder it keeps
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
// put reported as kept is in a file that somebody reads to its end, and is
// applied once or twice, which is the same. A file of another ledger is left
// alone: its answers are for that one.
//
// Files in other folders that the ledger has noted are taken over in the same way,
// where they lie ([Client.SpoolFolders]).
type spool struct {
	dir  string // absolute
	mark string // what the folder is known by

	mu      sync.Mutex
	file    *os.File              // being written
	of      idempotency.Namespace // whose answers the file holds
	files   []string              // to remove when nothing is kept any more
	waiting []spooled
	parked  []spooled
	foreign []spooled // of other ledgers, in files that are not ours
	aside   int       // files with lines that cannot be read
	retryAt time.Time // when parked answers are tried again
	length  atomic.Int64
	nparked atomic.Int64
}

// spooled is a line of a spool file. Lines of older versions have neither
// Ledger nor Epoch.
type spooled struct {
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

func (e *spooled) same(o *spooled) bool {
	return e.ID == o.ID && e.At.Equal(o.At) && e.Answer.Vendor == o.Answer.Vendor && e.Answer.Ref == o.Answer.Ref && e.Answer.Delivery == o.Answer.Delivery
}

// spooler is implemented by stores that have a place beside them.
type spooler interface{ SpoolDir() string }

const spoolPattern = "answers-*.jsonl"

func openSpool(dir string, ledger idempotency.Namespace) (*spool, error) {
	s := &spool{}
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
	if s.mark, err = markSpool(s.dir); err != nil {
		return nil, fmt.Errorf("spool folder: %w", err)
	}
	return s, s.takeOver(s.dir, ledger)
}

// takeOver takes over the files in a folder.
func (s *spool) takeOver(dir string, ledger idempotency.Namespace) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("spool folder: %w", pathless(err))
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(damagedPattern, e.Name()); ok && dir == s.dir {
			s.aside++
		}
		if ok, _ := filepath.Match(spoolPattern, e.Name()); !ok {
			continue
		}
		err = errors.Join(err, s.adopt(filepath.Join(dir, e.Name()), ledger))
	}
	s.length.Store(int64(len(s.waiting)))
	return err
}

// fresh returns the name of a file that no process has used.
func fresh(dir, pattern string) string {
	return filepath.Join(dir, strings.Replace(pattern, "*", rand.Text(), 1))
}

// adopt takes over a file of another process on the same ledger. It stays in its folder
// until its answers are in the ledger, or in a file of ours.
func (s *spool) adopt(name string, ledger idempotency.Namespace) error {
	dir := filepath.Dir(name)
	lines, _, err := readSpool(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was quicker
	}
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(lines, func(e spooled) bool { return e.Ledger != "" }); i >= 0 && lines[i].Ledger != ledger {
		if dir == s.dir {
			s.foreign = append(s.foreign, lines...)
		}
		return nil
	}
	mine := fresh(dir, spoolPattern)
	if err := os.Rename(name, mine); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && runtime.GOOS == "windows" {
			return nil // another process was quicker, or its writer has it open, which forbids it there
		}
		return fmt.Errorf("spool: %w", pathless(err))
	}
	// Read again: it may have grown until it was renamed.
	lines, whole, err := readSpool(mine)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a process that starts at the same time took it over from us
	}
	if err == nil && !whole {
		err = s.setAside(mine, lines)
	}
	if err != nil {
		return err
	}
	if whole {
		s.files = append(s.files, mine)
	}
	for _, e := range lines {
		known := func(o spooled) bool { return o.same(&e) }
		if !slices.ContainsFunc(s.waiting, known) && !slices.ContainsFunc(s.parked, known) {
			s.waiting = append(s.waiting, e)
		}
	}
	return nil
}

// put keeps an answer. After an error it is kept in memory only.
func (s *spool) put(e spooled) error {
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

// append writes answers of one ledger to the file, durably.
func (s *spool) append(all ...spooled) error {
	var lines []byte
	for _, e := range all {
		line, err := json.Marshal(e) //nolint:musttag // the ledger's type is kept by its field names
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	var err error
	if s.file != nil && s.of != all[0].Ledger { // the ledger was given a new namespace
		err = s.close()
	}
	for range 3 {
		s.of = all[0].Ledger
		e := s.write(lines)
		if e == nil {
			return nil
		}
		// Never behind what may be half a line, nor into a file that is not ours
		// any more.
		err = errors.Join(err, e, s.close())
	}
	return err
}

var errAdopted = errors.New("another process has taken the file over")

// write appends lines, durably.
func (s *spool) write(lines []byte) error {
	if s.file == nil {
		name := fresh(s.dir, spoolPattern)
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
		if err != nil {
			return pathless(err)
		}
		giveToOwner(f, s.dir)
		s.file = f
		s.files = append(s.files, name)
		if err := syncDir(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.Write(lines); err != nil {
		return pathless(err)
	}
	if err := s.file.Sync(); err != nil {
		return pathless(err)
	}
	ours, err := s.file.Stat()
	if err != nil {
		return pathless(err)
	}
	if there, err := os.Stat(s.file.Name()); err != nil || !os.SameFile(ours, there) {
		return errAdopted
	}
	return nil
}

// take returns what waits, and what is parked when it is due again.
func (s *spool) take(now time.Time) (waiting, parked []spooled) {
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

// done forgets the first n of what waits and keeps those of them that have no
// place in the ledger. It removes the files once nothing is left to be kept.
func (s *spool) done(n int, park []spooled, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = s.waiting[n:]
	if len(park) > 0 {
		s.parked = append(s.parked, park...)
		s.retryAt = now.Add(parkedEvery)
	}
	return s.tidy()
}

// placed forgets parked answers: they are in the ledger, or were given up.
func (s *spool) placed(gone []spooled) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = slices.DeleteFunc(s.parked, func(e spooled) bool {
		return slices.ContainsFunc(gone, func(o spooled) bool { return o.same(&e) })
	})
	return s.tidy()
}

// drop forgets parked answers that were given up, in the files, too, whatever else
// waits. A process that took them over has them among what waits until it tries
// them again.
func (s *spool) drop(gone []spooled) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := func(e spooled) bool {
		return slices.ContainsFunc(gone, func(o spooled) bool { return o.same(&e) })
	}
	s.waiting, s.parked = slices.DeleteFunc(s.waiting, given), slices.DeleteFunc(s.parked, given)
	s.length.Store(int64(len(s.waiting)))
	s.nparked.Store(int64(len(s.parked)))
	return s.rewrite(slices.Concat(s.waiting, s.parked))
}

// tidy brings the files up to date once nothing waits: what is parked moves to
// a new one before the others are removed.
func (s *spool) tidy() error {
	s.length.Store(int64(len(s.waiting)))
	s.nparked.Store(int64(len(s.parked)))
	if len(s.waiting) > 0 {
		return nil
	}
	s.waiting = nil
	return s.rewrite(s.parked)
}

// rewrite moves answers to new files, and removes those that there were.
func (s *spool) rewrite(all []spooled) error {
	err := s.close()
	old := s.files
	s.files = nil
	for i := 0; i < len(all) && s.dir != ""; {
		j := i
		for ; j < len(all) && all[j].Ledger == all[i].Ledger; j++ {
		}
		if e := s.append(all[i:j]...); e != nil {
			s.files = append(old, s.files...) // twice is better than not at all
			return errors.Join(err, e)
		}
		i = j
	}
	for _, name := range old {
		if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, pathless(e))
		}
	}
	return err
}

// close closes the file that is being written; the next put makes another.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	if err := f.Close(); err != nil {
		return pathless(err)
	}
	return nil
}

// Close closes the file; what it holds is for the next process.
func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

// empty reports whether no answer waits for the ledger.
func (s *spool) empty() bool { return s.length.Load() == 0 }

// all returns what is kept, and what is of other ledgers.
func (s *spool) all() []spooled {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.waiting, s.parked, s.foreign)
}

// count returns how many answers wait, are parked, and are of other ledgers.
func (s *spool) count() (waiting, parked, foreign int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting), len(s.parked), len(s.foreign)
}

// due reports whether there is an answer to be applied, or tried again.
func (s *spool) due(now time.Time) bool {
	if !s.empty() {
		return true
	}
	if s.nparked.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !now.Before(s.retryAt)
}

// pathless drops the path from a file error: it may name a person's folder.
func pathless(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	if p, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}
