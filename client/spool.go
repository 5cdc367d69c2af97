package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
// Each process writes a file of its own. One that starts takes over the files
// that it finds, by renaming them: their writers may be dead, or alive and
// unable to reach the ledger. A writer that is alive notices, because its file
// has gone, and writes what it was writing to a new one. So every answer that
// put reported as kept is in a file that somebody reads to its end, and is
// applied once or twice, which is the same.
type spool struct {
	dir string

	mu      sync.Mutex
	file    *os.File // being written
	files   []string // to remove when pending is empty
	pending []spooled
	length  atomic.Int64
}

type spooled struct {
	ID     idempotency.ID     `json:"id"`
	At     time.Time          `json:"at"`
	Answer idempotency.Answer `json:"answer"`
}

// spooler is implemented by stores that have a place beside them.
type spooler interface{ SpoolDir() string }

const spoolPattern = "answers-*.jsonl"

func openSpool(dir string, store Store) (*spool, error) {
	if s, ok := store.(spooler); ok && dir == "" {
		dir = s.SpoolDir()
	}
	s := &spool{dir: dir}
	if dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool folder: %w", pathless(err))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("spool folder: %w", pathless(err))
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(spoolPattern, e.Name()); !ok {
			continue
		}
		if err := s.adopt(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// name returns a file name that no process has used.
func (s *spool) name() string {
	return filepath.Join(s.dir, strings.Replace(spoolPattern, "*", rand.Text(), 1))
}

// adopt takes over a file of another process.
func (s *spool) adopt(name string) error {
	mine := s.name()
	if err := os.Rename(name, mine); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // another process was quicker, or its writer has it open where that forbids it
		}
		return fmt.Errorf("spool: %w", pathless(err))
	}
	f, err := os.Open(mine) //nolint:gosec // our own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a process that starts at the same time took it over from us
	}
	if err != nil {
		return fmt.Errorf("spool: %w", pathless(err))
	}
	defer f.Close()
	s.files = append(s.files, mine)
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		var e spooled
		// What is torn was never reported as kept.
		if line = bytes.TrimSpace(line); len(line) > 0 && json.Unmarshal(line, &e) == nil && e.ID != "" { //nolint:musttag // the ledger's type is kept by its field names
			s.pending = append(s.pending, e)
			s.length.Add(1)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("spool: %w", pathless(err))
		}
	}
}

// put keeps an answer. After an error it is kept in memory only.
func (s *spool) put(id idempotency.ID, ans idempotency.Answer, at time.Time) error {
	if ans.Order != nil {
		order := *ans.Order
		order.Receipt.ProofURL = "" // it shows the recipient
		ans.Order = &order
	}
	e := spooled{ID: id, At: at, Answer: ans}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, e)
	s.length.Add(1)
	if s.dir == "" {
		return nil
	}
	line, err := json.Marshal(e) //nolint:musttag // the ledger's type is kept by its field names
	if err != nil {
		return fmt.Errorf("spool: kept in memory only: %w", err)
	}
	line = append(line, '\n')
	for range 3 {
		if err = s.write(line); err == nil {
			return nil
		}
		// Never behind what may be half a line, nor into a file that is not ours
		// any more.
		err = errors.Join(err, s.close())
	}
	return fmt.Errorf("spool: kept in memory only: %w", err)
}

var errAdopted = errors.New("another process has taken the file over")

// write appends a line, durably.
func (s *spool) write(line []byte) error {
	if s.file == nil {
		name := s.name()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
		if err != nil {
			return pathless(err)
		}
		s.file = f
		s.files = append(s.files, name)
		dir, err := os.Open(s.dir)
		if err != nil {
			return pathless(err)
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return pathless(err)
		}
	}
	if _, err := s.file.Write(line); err != nil {
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

// take returns what is kept.
func (s *spool) take() []spooled {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]spooled(nil), s.pending...)
}

// done forgets the first n of what is kept, and removes the files once nothing
// is left.
func (s *spool) done(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = s.pending[n:]
	s.length.Store(int64(len(s.pending)))
	if len(s.pending) > 0 {
		return nil
	}
	s.pending = nil
	err := s.close()
	for _, name := range s.files {
		if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, pathless(e))
		}
	}
	s.files = nil
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

func (s *spool) empty() bool { return s.length.Load() == 0 }

// applySpool puts kept answers into the ledger, in order. It stops at the first
// that the ledger cannot take now; one that it will never take is reported.
func (c *Client) applySpool(ctx context.Context) {
	if !c.spooling.TryLock() {
		return // somebody is at it
	}
	defer c.spooling.Unlock()
	all := c.spooled.take()
	for i, e := range all {
		err := c.applySpooled(ctx, e)
		if err == nil {
			continue
		}
		if !forbidden(err) && !errors.Is(err, idempotency.ErrNotFound) {
			all = all[:i]
			break
		}
		c.logger.LogAttrs(ctx, slog.LevelError, "a spooled answer has no place in the ledger", slog.String("vendor", e.Answer.Vendor),
			slog.String("ref", string(e.Answer.Ref)), slog.String("delivery", e.Answer.Delivery.String()), slog.String("error", err.Error()))
	}
	if len(all) == 0 {
		return
	}
	if err := c.spooled.done(len(all)); err != nil {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "spool files could not be removed: they are read again, which is harmless", slog.String("error", err.Error()))
	}
}

func (c *Client) applySpooled(ctx context.Context, e spooled) error {
	for range 8 {
		rec, err := c.store.Get(ctx, e.ID)
		if err != nil {
			return err
		}
		w := c.work(rec, nil)
		if err = w.apply(ctx, w.answered(e.Answer)...); !errors.Is(err, idempotency.ErrStale) {
			return err
		}
	}
	return idempotency.ErrStale
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
