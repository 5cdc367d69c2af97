package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const eraseList = "contact_id,name,address_line1,city,state,zip\n" +
	"1,Ada Quill,1 Main St,Reno,NV,89501\n2,Al Roe,2 Main St,Reno,NV,89501\n3,Ben Poe,,Reno,NV,89501\n1,Ada Quill,1 Main St,Reno,NV,89501\n"

// inFiles reports whether a text stands in any file of a directory.
func inFiles(t *testing.T, dir, text string) (where []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), text) {
			where = append(where, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

// Whatever step of an erasure fails, and whether or not anything is done after
// it: the list is there under its old id or its new one, and the next try
// finishes it.
func TestErasureIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{true, false} {
		for step := 1; ; step++ {
			dir := t.TempDir()
			store, err := OpenFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Take(t.Context(), CSV(strings.NewReader(eraseList), Mapping{}), Options{Campaign: "spring", Store: store})
			if err != nil {
				t.Fatal(err)
			}
			disk := &faultyFS{step: step, crash: crash}
			broken := &Folder{dir: dir, fs: disk, now: time.Now}
			erasure := Erasure{Contacts: []string{"1"}}
			_, err = Erase(t.Context(), broken, erasure)
			if !disk.fired {
				if err != nil || step < 8 {
					t.Fatalf("after %d steps: %v", step-1, err)
				}
				break
			}
			left, oerr := Open(t.Context(), store, s.ID())
			if gone, ok := errors.AsType[*ErasedError](oerr); ok {
				left, oerr = Open(t.Context(), store, gone.Successor)
			}
			if oerr != nil || left.Counts().Accepted == 0 {
				t.Fatalf("step %d, crash %v: the list is lost: %v", step, crash, oerr)
			}
			if _, err := Erase(t.Context(), store, erasure); err != nil {
				t.Fatalf("step %d, crash %v: the next try: %v", step, crash, err)
			}
			if where := inFiles(t, dir, "Ada"); len(where) > 0 {
				t.Fatalf("step %d, crash %v: the next try leaves the person in %d files", step, crash, len(where))
			}
			if _, err := Open(t.Context(), store, s.ID()); !errors.Is(err, ErrErased) {
				t.Fatalf("step %d, crash %v: opening the old id: %v", step, crash, err)
			}
		}
	}
}

// Two lists that come to the same rows by different erasures are two snapshots:
// each has to lead on from its own old id.
func TestReplacedIDsArePartOfTheID(t *testing.T) {
	t.Parallel()
	m := Manifest{Format: erasedFormat, Campaign: "spring"}
	seen := map[ID]bool{}
	for _, replaces := range [][]ID{nil, {"a"}, {"b"}, {"a", "b"}} {
		m.Replaces = replaces
		seen[m.contentID()] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d ids, want 4", len(seen))
	}
}
