package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
)

// history is how far a database says that it has come.
type history struct {
	epoch   string
	session int64
	commits int64
}

// brokenBy returns why the database is not the continuation of what the marker
// remembers; empty when it is.
func brokenBy(h history, m mark, found bool, now mark) string {
	switch {
	case !found && h.session == 0:
		return "" // it is being made
	case !found:
		return "the marker beside the database is missing: the file was copied or restored without it"
	case m.Epoch != h.epoch:
		return "the marker beside the database belongs to another history"
	case m.Inode != now.Inode:
		return "the database is another file than before: it was copied or restored"
	case m.Self != "" && m.Self != now.Self:
		return "the marker is another file than before: the folder was copied or restored"
	case m.Boot != "" && m.Boot == now.Boot && m.Device != now.Device:
		return "the database is on another file system than before"
	case h.session < m.Session || h.commits < m.Commits:
		return "the database is older than its marker: a backup was restored"
	}
	return ""
}

func newEpoch() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

func (c *conn) history(ctx context.Context) (h history, err error) {
	_, err = c.queryRow(ctx, []any{&h.epoch, &h.session, &h.commits}, "SELECT epoch, session, commits FROM ledger")
	return h, err
}

// breakHistory begins a new epoch, and tells people why.
func (c *conn) breakHistory(ctx context.Context, reason string, now time.Time) error {
	if _, err := c.exec(ctx, "UPDATE ledger SET epoch = ?, last_entry = last_entry + 1", newEpoch()); err != nil {
		return err
	}
	entry := idempotency.Entry{At: now, Kind: idempotency.EntryEpochChanged, Note: reason}
	_, err := c.exec(ctx, "INSERT INTO entries (seq, num, prev, data) SELECT last_entry, 0, 0, ? FROM ledger", codec.EncodeEntry(&entry, true))
	return err
}

// present returns what a marker would say of the files as they are now.
func (s *Store) present(h history) (mark, error) {
	m := mark{Epoch: h.epoch, Session: h.session, Commits: h.commits, Boot: bootID()}
	info, err := os.Stat(s.path)
	if err != nil {
		return mark{}, err
	}
	m.Inode, m.Device = fileID(info)
	if info, err = s.marker.file.Stat(); err != nil {
		return mark{}, err
	}
	m.Self, _ = fileID(info)
	return m, nil
}

// startSession compares database and marker, begins a new epoch when they do
// not fit, and counts the session. Both steps hold the database's write lock:
// it is the lock between processes. The marker is only written after the
// transaction that it speaks of, so that a crash anywhere in between leaves a
// marker that is older than its database, which is no alarm.
func (s *Store) startSession(ctx context.Context) error {
	// What is in the main file now is the least that it has from here on.
	before, err := s.writer.history(ctx)
	if err != nil {
		return err
	}
	moved, err := s.writer.moveLog(ctx)
	if err != nil {
		return err
	}
	err = s.writer.locked(ctx, true, func(c *conn) error {
		// The marker is read before it is opened, because opening makes it.
		m, found, err := readMarker(s.path)
		if err != nil {
			return err
		}
		if s.marker, err = openMarker(s.path); err != nil {
			return fmt.Errorf("the marker beside the database: %w", err)
		}
		h, err := c.history(ctx)
		if err != nil {
			return err
		}
		now, err := s.present(h)
		if err != nil {
			return err
		}
		reason := ""
		switch {
		case h.session > 0:
			reason = brokenBy(h, m, found, now)
		case !found || m.Epoch != h.epoch:
			if err := s.marker.write(now); err != nil {
				return err
			}
		}
		if reason != "" {
			if err := c.breakHistory(ctx, reason, s.clock.Now()); err != nil {
				return err
			}
		}
		if moved.all() {
			_, err = c.exec(ctx, "UPDATE ledger SET base = max(base, ?)", before.commits)
		}
		if err == nil {
			_, err = c.exec(ctx, "UPDATE ledger SET session = session + 1, commits = commits + 1")
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.syncMarker(ctx)
}

// syncMarker makes the marker say what the database says.
func (s *Store) syncMarker(ctx context.Context) error {
	return s.writer.locked(ctx, false, func(c *conn) error {
		h, err := c.history(ctx)
		if err != nil {
			return err
		}
		now, err := s.present(h)
		if err != nil {
			return err
		}
		s.writer.head.commits = h.commits
		return s.marker.write(now)
	})
}

// AcceptEpoch implements [idempotency.Ledger].
func (s *Store) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	var stale bool
	err := s.direct(ctx, "accept epoch", func(ctx context.Context, b *batch) error {
		n, err := b.c.exec(ctx, `UPDATE ledger SET recovered = epoch,
			namespace = CASE WHEN ?1 = '' THEN namespace ELSE ?1 END WHERE epoch = ?2`, string(ns), epoch)
		stale = n == 0
		b.dirty = b.dirty || n > 0
		return err
	})
	if err == nil && stale {
		return idempotency.ErrStale
	}
	return err
}

// errOrphan: a marker or a log without its database. A new ledger here would print
// everything again that the lost one knows.
var errOrphan = errors.New("there is no ledger, but the marker or the log of one: put the database back, beside its -wal file, which has what was " +
	"written last, or, if it was removed on purpose, remove its " + markerSuffix + " and -wal files, too")
