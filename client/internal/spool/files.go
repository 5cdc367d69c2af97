package spool

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// answersPattern is what files of answers are called.
const answersPattern = "answers-*.jsonl"

// damagedPattern is what a file is called that has lines which cannot be read: no
// process takes it over, and nobody but a person removes it.
const damagedPattern = "damaged-*.jsonl"

// TakeOver takes over the files in a folder.
func (s *Spool) TakeOver(dir string, ledger idempotency.Namespace) error {
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
		if ok, _ := filepath.Match(answersPattern, e.Name()); !ok {
			continue
		}
		err = errors.Join(err, s.adopt(filepath.Join(dir, e.Name()), ledger))
	}
	s.length.Store(int64(len(s.waiting)))
	return err
}

// adopt takes over a file of another process on the same ledger. It stays in its folder
// until its answers are in the ledger, or in a file of ours.
func (s *Spool) adopt(name string, ledger idempotency.Namespace) error {
	dir := filepath.Dir(name)
	lines, _, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was quicker
	}
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(lines, func(e Answer) bool { return e.Ledger != "" }); i >= 0 && lines[i].Ledger != ledger {
		if dir == s.dir {
			s.foreign = append(s.foreign, lines...)
		}
		return nil
	}
	mine := fresh(dir, answersPattern)
	if err := os.Rename(name, mine); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && runtime.GOOS == "windows" {
			return nil // another process was quicker, or its writer has it open, which forbids it there
		}
		return fmt.Errorf("spool: %w", pathless(err))
	}
	// Read again: it may have grown until it was renamed.
	lines, whole, err := readFile(mine)
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
		known := func(o Answer) bool { return o.same(&e) }
		if !slices.ContainsFunc(s.waiting, known) && !slices.ContainsFunc(s.parked, known) {
			s.waiting = append(s.waiting, e)
		}
	}
	return nil
}

// readFile returns the lines of a file. What is torn at its end was never reported
// as kept, and is left out. A whole line that cannot be read was an answer once, of a
// newer version or before it was damaged: then the file is not whole.
func readFile(name string) (all []Answer, whole bool, err error) {
	f, err := os.Open(name) //nolint:gosec // our own folder
	if err != nil {
		return nil, false, fmt.Errorf("spool: %w", pathless(err))
	}
	defer f.Close()
	whole = true
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if text := bytes.TrimSpace(line); len(text) > 0 {
			var e Answer
			if json.Unmarshal(text, &e) == nil && e.ID != "" { //nolint:musttag // the ledger's type is kept by its field names
				all = append(all, e)
			} else if err == nil {
				whole = false
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return all, whole, nil
		case err != nil:
			return nil, false, fmt.Errorf("spool: %w", pathless(err))
		}
	}
}

// setAside keeps a file as it is, under another name, after what can be read of it was
// written to a file of ours.
func (s *Spool) setAside(name string, lines []Answer) error {
	if err := s.appendAll(lines); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	aside := fresh(filepath.Dir(name), damagedPattern)
	if err := os.Rename(name, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("spool: %w", pathless(err))
	}
	s.aside++
	return nil
}

// appendAll writes answers of any ledgers, each one's to a file of its own.
func (s *Spool) appendAll(all []Answer) error {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(e Answer) bool { return e.Ledger != all[0].Ledger })
		if n < 0 {
			n = len(all)
		}
		if err := s.append(all[:n]...); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// append writes answers of one ledger to the file, durably.
func (s *Spool) append(all ...Answer) error {
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
func (s *Spool) write(lines []byte) error {
	if s.file == nil {
		name := fresh(s.dir, answersPattern)
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

// rewrite moves answers to new files, and removes those that there were.
func (s *Spool) rewrite(all []Answer) error {
	err := s.close()
	old := s.files
	s.files = nil
	if s.dir != "" {
		if e := s.appendAll(all); e != nil {
			s.files = append(old, s.files...) // twice is better than not at all
			return errors.Join(err, e)
		}
	}
	for _, name := range old {
		if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, pathless(e))
		}
	}
	return err
}

// close closes the file that is being written; the next put makes another.
func (s *Spool) close() error {
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

// fresh returns the name of a file that no process has used.
func fresh(dir, pattern string) string {
	return filepath.Join(dir, strings.Replace(pattern, "*", rand.Text(), 1))
}

// syncDir makes the names of files in a folder durable.
func syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // cannot sync a folder; NTFS journals its entries
	}
	dir, err := os.Open(name) //nolint:gosec // our own folder
	if err != nil {
		return pathless(err)
	}
	return pathless(errors.Join(dir.Sync(), dir.Close()))
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
