package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// gatedVFS is the operating system's files, of which the main one is not written
// while the gate is shut.
type gatedVFS struct {
	countingVFS

	gate sync.RWMutex
	// waits is told when a write begins to wait.
	waits chan struct{}
}

func newGatedVFS(tb testing.TB) *gatedVFS {
	tb.Helper()
	inner, ok := vfs.Find("").(vfs.VFSFilename)
	if !ok {
		tb.Fatal("the default file system cannot be wrapped")
	}
	g := &gatedVFS{countingVFS: countingVFS{VFSFilename: inner}, waits: make(chan struct{}, 1)}
	vfs.Register(tb.Name(), g)
	tb.Cleanup(func() { vfs.Unregister(tb.Name()) })
	return g
}

func (g *gatedVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := g.VFSFilename.OpenFilename(name, flags)
	if err != nil || name == nil || strings.HasSuffix(name.String(), "-wal") {
		return f, flags, err
	}
	shared, ok := f.(vfs.FileSharedMemory)
	if !ok {
		return nil, flags, errors.Join(errors.New("no shared memory"), f.Close())
	}
	return &gatedFile{FileSharedMemory: shared, g: g}, flags, nil
}

type gatedFile struct {
	vfs.FileSharedMemory

	g *gatedVFS
}

func (f *gatedFile) WriteAt(p []byte, off int64) (int, error) {
	if !f.g.gate.TryRLock() {
		select {
		case f.g.waits <- struct{}{}:
		default:
		}
		f.g.gate.RLock()
	}
	defer f.g.gate.RUnlock()
	return f.FileSharedMemory.WriteAt(p, off)
}

// grow writes to the ledger for as long as goOn says.
func grow(t *testing.T, s *sqlite.Store, round *int, goOn func() bool) {
	t.Helper()
	for goOn() {
		changes := make([]idempotency.Change, 256)
		for i := range changes {
			changes[i], _ = submission(fmt.Sprint("grown ", *round, "/", i))
		}
		if errs, err := s.Commit(t.Context(), changes); errs != nil || err != nil {
			t.Fatal(errs, err)
		}
		*round++
	}
}

// TestLogIsMovedBesideTheWriter: callers do not wait while the log is moved into
// the main file, and it does not grow without end.
func TestLogIsMovedBesideTheWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	files := newGatedVFS(t)
	s, err := sqlite.New(t.Context(), files.open(t, path), sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	round := 0
	files.gate.Lock()
	open := sync.OnceFunc(files.gate.Unlock)
	late := time.AfterFunc(time.Minute, func() {
		t.Error("callers wait for the move of the log")
		open()
	})
	grow(t, s, &round, func() bool {
		select {
		case <-files.waits: // the move is under way, and stands still
			return false
		default:
			return round < 200
		}
	})
	if round == 200 {
		t.Error("the log is not moved")
	}
	before := round
	grow(t, s, &round, func() bool { return round < before+5 })

	// A scrub waits for the move instead of being refused.
	scrubbed := make(chan error, 1)
	go func() { scrubbed <- s.Scrub(t.Context(), false) }()
	for range 100 { // time for it to be refused
		identity(t, s)
	}
	late.Stop()
	open()
	if err := <-scrubbed; err != nil {
		t.Errorf("Scrub = %v", err)
	}

	grow(t, s, &round, func() bool { return round < before+70 })
	if sqlite.Based(t.Context(), t, s) == 0 {
		t.Error("the writer does not know that all of the log was moved")
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	// All of it would be some hundred megabytes.
	if most := int64(64 << 20); info.Size() > most {
		t.Errorf("the log has %d bytes after %d jobs, want at most %d", info.Size(), 256*round, most)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkIntegrity(t, path)
}

// TestFewConnections: where there is none left for the log the writer moves it.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	files := newCountingVFS(t)
	db := files.open(t, path)
	db.SetMaxOpenConns(2)
	s, err := sqlite.New(t.Context(), db, sqlite.WithMode(postproof.ModeTest), sqlite.WithReaders(1))
	if err != nil {
		t.Fatal(err)
	}
	round := 0
	grow(t, s, &round, func() bool { return round < 40 })
	if sqlite.Based(t.Context(), t, s) == 0 {
		t.Error("the log was not moved")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkIntegrity(t, path)
}
