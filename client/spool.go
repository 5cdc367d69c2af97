package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// spool keeps vendors' answers that the ledger could not take (rule 14): one
// file for each process, synced before put returns, read again by whichever
// process starts next. Without a folder it keeps them in memory.
type spool struct {
	dir string

	mu      sync.Mutex
	file    *os.File
	pending []spooled
}

type spooled struct {
	ID     idempotency.ID     `json:"id"`
	At     time.Time          `json:"at"`
	Answer idempotency.Answer `json:"answer"`
}

// spooler is implemented by stores that have a place beside them.
type spooler interface{ SpoolDir() string }

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
	left, err := s.files()
	if err != nil {
		return nil, err
	}
	for _, name := range left {
		if err := s.load(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *spool) files() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("spool folder: %w", pathless(err))
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "answers-") && strings.HasSuffix(e.Name(), ".jsonl") {
			names = append(names, filepath.Join(s.dir, e.Name()))
		}
	}
	return names, nil
}

// load reads a file of an earlier process. A torn last line was never reported
// as kept.
func (s *spool) load(name string) error {
	f, err := os.Open(name) //nolint:gosec // our own folder
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process was quicker
		}
		return fmt.Errorf("spool: %w", pathless(err))
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e spooled
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.ID != "" {
			s.pending = append(s.pending, e)
		}
	}
	return lines.Err()
}

// put keeps an answer.
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
	if s.dir == "" {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if s.file == nil {
		name := filepath.Join(s.dir, fmt.Sprintf("answers-%d-%d.jsonl", os.Getpid(), at.UnixNano()))
		if s.file, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil { //nolint:gosec // our own folder
			return fmt.Errorf("spool: kept in memory only: %w", pathless(err))
		}
		if dir, err := os.Open(s.dir); err == nil {
			err = errors.Join(dir.Sync(), dir.Close())
			if err != nil {
				return fmt.Errorf("spool: %w", pathless(err))
			}
		}
	}
	if _, err = s.file.Write(append(line, '\n')); err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("spool: kept in memory only: %w", pathless(err))
	}
	return nil
}

// take returns what is kept; done removes it when all of it was applied.
func (s *spool) take() []spooled {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]spooled(nil), s.pending...)
}

func (s *spool) done(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = s.pending[n:]
	if len(s.pending) > 0 || s.dir == "" {
		return nil
	}
	s.pending = nil
	var err error
	if s.file != nil {
		err = s.file.Close()
		s.file = nil
	}
	names, e := s.files()
	err = errors.Join(err, e)
	for _, name := range names {
		if e := os.Remove(name); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, pathless(e))
		}
	}
	return err
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// applySpool puts kept answers into the ledger, in order. It stops at the first
// that the ledger cannot take now.
func (c *Client) applySpool(ctx context.Context) error {
	all := c.spooled.take()
	for i, e := range all {
		if err := c.applySpooled(ctx, e); err != nil {
			return errors.Join(err, c.spooled.done(i))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return c.spooled.done(len(all))
}

func (c *Client) applySpooled(ctx context.Context, e spooled) error {
	for range 8 {
		rec, err := c.store.Get(ctx, e.ID)
		if errors.Is(err, idempotency.ErrNotFound) {
			return nil // of another ledger
		}
		if err != nil {
			return err
		}
		w := c.work(rec, nil)
		err = w.apply(ctx, e.Answer)
		if _, ok := errors.AsType[*idempotency.RuleError](err); ok || err == nil {
			return nil
		}
		if !errors.Is(err, idempotency.ErrStale) {
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
	return err
}

func (s *spool) empty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) == 0
}
