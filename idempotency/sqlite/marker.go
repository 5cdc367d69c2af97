package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// marker is the file beside the database that remembers how far its history
// had come. A copy or an older version of the database does not fit to it; see
// the package documentation for what that finds.
//
// It has two slots of the same form, written in turn, so that a torn write
// leaves one of them readable.
type marker struct {
	path string
	file *os.File
	last mark
}

// mark is what a slot says. It is only ever written after the transaction that
// it speaks of is durable, so that the database is never older than its marker
// by itself.
type mark struct {
	Epoch   string `json:"epoch"`
	Session int64  `json:"session"`
	Commits int64  `json:"commits"`
	// Inode and Device are the database file's, Self the marker's own. All are
	// empty where the system has no such thing.
	Inode  string `json:"inode"`
	Device string `json:"device"`
	Self   string `json:"self"`
	// Boot is the run of the system. Device numbers are only compared within
	// one: they may change from one to the next.
	Boot string `json:"boot"`
}

const (
	markerSuffix = "-epoch"
	slotSize     = 512
)

// readMarker returns what the marker beside the database says; found is false
// when there is none, or none that can be read.
func readMarker(database string) (m mark, found bool, err error) {
	raw, err := os.ReadFile(database + markerSuffix) //nolint:gosec // the caller names the file
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, err
	}
	for slot := range 2 {
		if len(raw) < (slot+1)*slotSize {
			break
		}
		one, ok := parseSlot(string(raw[slot*slotSize : (slot+1)*slotSize]))
		if ok && (!found || one.Session > m.Session || (one.Session == m.Session && one.Commits > m.Commits)) {
			m, found = one, true
		}
	}
	return m, found, nil
}

// slot returns the mark with its checksum, padded with blanks.
func (m mark) slot() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	line := fmt.Sprintf("%08x %s", crc32.ChecksumIEEE(text), text)
	if len(line) >= slotSize {
		return nil, errors.New("marker: does not fit its slot")
	}
	return []byte(line + strings.Repeat(" ", slotSize-1-len(line)) + "\n"), nil
}

func parseSlot(slot string) (mark, bool) {
	sum, text, _ := strings.Cut(strings.TrimRight(slot, " \n"), " ")
	var m mark
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) != sum || json.Unmarshal([]byte(text), &m) != nil {
		return mark{}, false
	}
	return m, true
}

// openMarker opens the marker for writing, and makes it if need be.
func openMarker(database string) (*marker, error) {
	path := database + markerSuffix
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &marker{path: path, file: f}, nil
}

// write fills both slots and syncs them.
func (m *marker) write(to mark) error {
	slot, err := to.slot()
	if err != nil {
		return err
	}
	if _, err := m.file.WriteAt(append(slot, slot...), 0); err != nil {
		return err
	}
	m.last = to
	return m.file.Sync()
}

// note moves the commits on, without a sync: what matters is that it survives
// the process. It never moves them back.
func (m *marker) note(commits int64, alone bool) error {
	if !alone { // another process may have been here
		if now, found, err := readMarker(strings.TrimSuffix(m.path, markerSuffix)); err != nil || !found || now.Epoch != m.last.Epoch {
			return err
		} else if now.Session > m.last.Session || now.Commits > m.last.Commits {
			m.last = now
		}
	}
	if commits <= m.last.Commits {
		return nil
	}
	m.last.Commits = commits
	slot, err := m.last.slot()
	if err != nil {
		return err
	}
	_, err = m.file.WriteAt(slot, commits%2*slotSize)
	return err
}

func (m *marker) close() error { return m.file.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the caller names the folder
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(d), d.Close())
}
