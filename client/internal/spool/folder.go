package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// markPrefix begins the name of the file that a spool folder is known by.
const markPrefix = "spool-"

// Is reports whether the folder is known by the mark. Two that make a folder at the same
// time may know it by a file each.
func (s *Spool) Is(mark string) bool {
	if mark == s.mark {
		return true
	}
	_, err := os.Stat(filepath.Join(s.dir, markPrefix+mark))
	return mark != "" && err == nil
}

// Here reports whether the folder at a path is the one that is known by the mark, as far as
// that can be seen.
func Here(dir, mark string) bool {
	if mark == "" || !filepath.IsAbs(dir) {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, markPrefix+mark))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// markFolder returns what the folder is known by.
func markFolder(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", pathless(err)
	}
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), markPrefix); ok && id != "" {
			return id, nil
		}
	}
	id := rand.Text()
	f, err := os.OpenFile(filepath.Join(dir, markPrefix+id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return "", pathless(err)
	}
	return id, errors.Join(pathless(f.Close()), syncDir(dir))
}

// Found is what lies in a folder.
type Found struct {
	Answers []Answer
	// Damaged is how many files have lines that cannot be read.
	Damaged int
	// Moved: a file was gone before it was read. Who takes it over gives it another name.
	Moved bool
}

// Look reads what lies in a folder, and leaves it there.
func Look(dir string) (found Found, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return found, fmt.Errorf("spool folder: %w", pathless(err))
	}
	for _, e := range entries {
		if ok, _ := filepath.Match(damagedPattern, e.Name()); ok {
			found.Damaged++
		}
		if ok, _ := filepath.Match(answersPattern, e.Name()); !ok {
			continue
		}
		lines, whole, err := readFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			found.Moved = true
			continue
		}
		if err != nil {
			return found, err
		}
		if !whole {
			found.Damaged++
		}
		found.Answers = append(found.Answers, lines...)
	}
	return found, nil
}

// Look reads what lies in the spool's own folder. That of a disk which is not mounted any
// more is not empty.
func (s *Spool) Look() (Found, error) {
	if _, err := os.Stat(filepath.Join(s.dir, markPrefix+s.mark)); err != nil {
		return Found{}, pathless(err)
	}
	return Look(s.dir)
}

// Of returns the answers that are not of another ledger.
func (l *Found) Of(ledger idempotency.Namespace) []Answer {
	return slices.DeleteFunc(slices.Clone(l.Answers), func(e Answer) bool { return e.Ledger != "" && e.Ledger != ledger })
}

// EmptyFor reports whether nothing in the folder can be the ledger's.
func (l *Found) EmptyFor(ledger idempotency.Namespace) bool {
	return l.Damaged == 0 && !l.Moved && len(l.Of(ledger)) == 0
}
