package sqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// acknowledged is what a caller was told about a job.
type acknowledged struct {
	intent, result idempotency.Change
	// fence is durable; tried may be.
	fence, tried uint64
}

// someWork takes jobs through their two steps, and returns what was
// acknowledged, the last one perhaps not. It stops at the first error.
func someWork(t *testing.T, s *sqlite.Store, name string, jobs int) (said []*acknowledged, err error) {
	t.Helper()
	for i := range jobs {
		a := new(acknowledged)
		a.intent, a.result = submission(fmt.Sprint(name, " ", i))
		said = append(said, a)
		for _, c := range []idempotency.Change{a.intent, a.result} {
			a.tried++
			if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
				return said, err
			}
			a.fence = a.tried
		}
	}
	return said, nil
}

// lookFor fails the test when something acknowledged is missing, or something
// is there that nobody tried, or by halves.
func lookFor(t *testing.T, s *sqlite.Store, said []*acknowledged) {
	t.Helper()
	if identity(t, s).EpochChanged() {
		t.Error("the epoch has changed")
	}
	for _, a := range said {
		id := a.intent.Record.ID
		rec, err := s.Get(t.Context(), id)
		var fence uint64
		switch {
		case err == nil:
			fence = rec.Fence
		case !errors.Is(err, idempotency.ErrNotFound):
			t.Error(err)
			continue
		}
		if fence < a.fence || fence > a.tried {
			t.Errorf("fence %d is there, %d was acknowledged, %d tried", fence, a.fence, a.tried)
		}
		entries := uint64(0)
		for _, err := range s.Entries(t.Context(), idempotency.EntryQuery{ID: id}) {
			if err != nil {
				t.Fatal(err)
			}
			entries++
		}
		if entries != fence {
			t.Errorf("fence %d with %d entries: a change by halves", fence, entries)
		}
	}
}

func faultyStore(t *testing.T, path string) (*sqlite.Store, *faultyVFS) {
	t.Helper()
	files := newFaultyVFS(t)
	s, err := sqlite.New(t.Context(), files.open(t, path), sqlite.WithMode(postproof.ModeTest), sqlite.WithReaders(1))
	if err != nil {
		t.Fatal(err)
	}
	// So that the log moves into the main file in the midst of the work.
	sqlite.CheckpointPages(t.Context(), t, s, 20)
	return s, files
}

// TestEveryChangeOfTheDiskFails lets each write, truncation and sync fail in
// turn: the caller is told, nothing acknowledged is missing, and work goes on
// when the disk is well again, in this process and in the next.
func TestEveryChangeOfTheDiskFails(t *testing.T) {
	t.Parallel()
	unraced(t)
	const jobs = 8
	for name, fault := range map[string]struct {
		code          error
		lasting, torn bool
	}{
		"full":                {sqlite3.FULL, true, false},
		"full within a write": {sqlite3.FULL, true, true},
		"full for a moment":   {sqlite3.FULL, false, true},
		"bad sector":          {sqlite3.IOERR, false, false},
		"dead":                {sqlite3.IOERR, true, true},
		"read-only":           {sqlite3.READONLY, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := 0
			for n := 1; n > 0; n += step() {
				ran := false // with -failfast, nothing runs after a failure elsewhere
				ok := t.Run(fmt.Sprint("change ", n), func(t *testing.T) {
					ran = true
					path := filepath.Join(t.TempDir(), "ledger.db")
					s, files := faultyStore(t, path)
					said, err := someWork(t, s, "before", 2)
					if err != nil {
						t.Fatal(err)
					}
					files.fail(n, fault.code, fault.lasting, fault.torn)
					during, err := someWork(t, s, "during", jobs)
					tried := files.repair()
					if err != nil {
						told++
					}
					said = append(said, during...)
					if lookFor(t, s, said); t.Failed() {
						return
					}
					after, err := someWork(t, s, "after", 4)
					if err != nil {
						t.Errorf("work does not go on: %v", err)
					}
					said = append(said, after...)
					lookFor(t, s, said)
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					once(t, path, func(s *sqlite.Store) { lookFor(t, s, said) })
					checkIntegrity(t, path)
					if tried < n {
						n = last
					}
				})
				if !ok || !ran {
					break
				}
			}
			if told < jobs/step() {
				t.Errorf("only %d runs met the fault", told)
			}
		})
	}
}

// TestPowerFailure cuts the power at each change of the disk in turn, and
// starts again with what was synced and any part of what was not.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	unraced(t)
	const jobs = 8
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			draw := rand.New(rand.NewPCG(seed, 0))
			for n := 1 + int(seed); n > 0; n += step() {
				ran := false // with -failfast, nothing runs after a failure elsewhere
				ok := t.Run(fmt.Sprint("change ", n), func(t *testing.T) {
					ran = true
					path := filepath.Join(t.TempDir(), "ledger.db")
					s, files := faultyStore(t, path)
					said, err := someWork(t, s, "before", 2)
					if err != nil {
						t.Fatal(err)
					}
					marker := readFile(t, path+"-epoch") // synced when it was made
					files.cutPower(n)
					during, _ := someWork(t, s, "during", jobs)
					said = append(said, during...)
					_ = s.Close() // there is no power for it
					leave(t, files, path, draw)
					if n%2 == 0 {
						writeFile(t, path+"-epoch", marker)
					}
					if files.repair() < n {
						n = last
					}
					once(t, path, func(s *sqlite.Store) {
						lookFor(t, s, said)
						after, err := someWork(t, s, "after", 2)
						if err != nil {
							t.Error(err)
						}
						lookFor(t, s, append(said, after...))
					})
					checkIntegrity(t, path)
				})
				if !ok || !ran {
					break
				}
			}
		})
	}
}

// leave writes what the power failure leaves into the files themselves: a copy
// would be found out as one.
func leave(t *testing.T, files *faultyVFS, path string, draw *rand.Rand) {
	t.Helper()
	files.mu.Lock()
	defer files.mu.Unlock()
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		d := files.disks[name]
		if d == nil {
			t.Fatalf("%s was never opened", filepath.Base(name))
		}
		writeFile(t, name, d.after(draw))
	}
}

// last ends a loop over the changes of the disk.
const last = -1 << 30

// step is 1 when every change is to be met, which takes minutes.
func step() int {
	if os.Getenv("POSTPROOF_TEST_FULL") != "" {
		return 1
	}
	return 17
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
