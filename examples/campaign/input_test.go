package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// fails checks that a run exited with status 1 and said all of these on one
// line, and that nothing was sent.
func (e ended) fails(t *testing.T, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(e.errout), "\n")
	said := lines[len(lines)-1]
	if e.code != 1 || e.out != "" || !strings.HasPrefix(said, "campaign: ") {
		t.Errorf("exit %d, want 1 and one error:\n%s%s", e.code, e.out, e.errout)
	}
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("does not say %q: %s", w, said)
		}
	}
	if strings.Contains(e.errout, "sending") || strings.Contains(e.errout, "goroutine ") {
		t.Errorf("it went on, or panicked:\n%s", e.errout)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T, content string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "contacts.csv")
		write(t, path, content)
		return path
	}
	const header = "contact_id,address_line1,address_line2,city,state,postal_code\n"
	const row = "c1,1745 T Street Southeast,,Washington,DC,20020\n"
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"empty list", []string{"-csv", file(t, "")}, []string{"contacts.csv", "the file is empty"}},
		{"no flag", []string{"chaos"}, []string{"chaos", "flags only"}},
		{"no rows", []string{"-csv", file(t, header)}, []string{"no rows"}},
		{"no header", []string{"-csv", file(t, row)}, []string{"contacts.csv", "header", "contact_id"}},
		{"other header", []string{"-csv", file(t, strings.Replace(header, "city", "Ort", 1)+row)}, []string{"contacts.csv", "city"}},
		{"open quote", []string{"-csv", file(t, header+row+"c2,\"1 Main St,,Washington")}, []string{"contacts.csv", "line 3", "\""}},
		{"short row", []string{"-csv", file(t, header+row+"c2,1 Main St\n")}, []string{"contacts.csv", "line 3", "fields"}},
		{"no file", []string{"-csv", "nowhere.csv"}, []string{"-csv", "nowhere.csv"}},
		{"unknown faults", []string{"-faults", "some"}, []string{"-faults", "some", "none, outage or chaos"}},
		{"nobody there", []string{"-vendors", "http://127.0.0.1:1"}, []string{"-vendors http://127.0.0.1:1", "start one with"}},
		{"no URL", []string{"-vendors", "lob"}, []string{"-vendors lob", "start one with"}},
		{"file for a folder", []string{"-dir", file(t, row)}, []string{"-dir", "contacts.csv", "folder"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			runProgram(t, append([]string{"-faults", "none"}, tt.args...)...).fails(t, tt.want...)
		})
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := contacts(t, 10)
	args := []string{"-faults", "none", "-json", "-csv", list, "-dir", dir}
	someone := func(cmd *exec.Cmd) { unprivileged(t, cmd, dir, filepath.Dir(list)) }
	for _, used := range []bool{false, true} {
		if used {
			keptPromise(t, runAs(t, someone, args...))
		}
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		runAs(t, someone, args...).fails(t, "cannot be written")
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	keptPromise(t, runAs(t, someone, args...))
}

// TestDuplicateContact: the second row of a contact is rejected, not mailed.
func TestDuplicateContact(t *testing.T) {
	t.Parallel()
	list := contacts(t, 10)
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(b))+"\n", "\n")
	again := strings.SplitN(lines[1], ",", 2)[0] + "," + strings.SplitN(lines[2], ",", 2)[1]
	write(t, list, string(b)+again)
	got := keptPromise(t, runProgram(t, "-faults", "none", "-json", "-csv", list))
	if got.Rows != 11 || got.Rejected != 1 || got.Jobs != 10 {
		t.Errorf("%d rows, %d rejected, %d jobs; want 11, 1, 10", got.Rows, got.Rejected, got.Jobs)
	}
}

// TestBadFolder damages the folder of a campaign in one way each. The program
// refuses it, says why, and leaves it so that, mended, it still knows what was
// sent.
func TestBadFolder(t *testing.T) {
	t.Parallel()
	list := contacts(t, 50)
	tests := []struct {
		name string
		// damage returns the folder to run on, other arguments, and how to mend.
		damage func(t *testing.T, dir string) (on string, args []string, mend func())
		want   []string
	}{
		{"ledger overwritten", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, nil, replace(t, dir, "ledger.db", []byte(strings.Repeat("not a ledger ", 1000)))
		}, []string{"not an SQLite database", "damaged"}},
		{"ledger cut off", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, nil, replace(t, dir, "ledger.db", read(t, filepath.Join(dir, "ledger.db"))[:20000])
		}, []string{"cut off", "restore"}},
		{"ledger gone", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, nil, replace(t, dir, "ledger.db", nil)
		}, []string{"no ledger", "put the database back"}},
		{"ledger copied without its marker", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			on := t.TempDir()
			write(t, filepath.Join(on, "ledger.db"), string(read(t, filepath.Join(dir, "ledger.db"))))
			return on, nil, func() {}
		}, []string{"copy", "nothing was sent", "original folder", "ledger.db-epoch", "Client.Recover"}},
		{"folder copied", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			on := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(on, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			return on, nil, func() {}
		}, []string{"copy", "nothing was sent", "Client.Recover"}},
		{"ledger of another mode", func(t *testing.T, _ string) (string, []string, func()) {
			t.Helper()
			on := t.TempDir()
			s, err := sqlite.Open(t.Context(), filepath.Join(on, "ledger.db"), sqlite.WithMode(postproof.ModeTest))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return on, nil, func() {}
		}, []string{`"test"`, `"live"`, "another file"}},
		{"clock damaged", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, nil, replace(t, dir, "clock.json", []byte("{"))
		}, []string{"clock.json", "-dir"}},
		{"vendors' state damaged", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, nil, replace(t, dir, "vendors/state.jsonl", []byte("{\n{\n"))
		}, []string{"state file"}},
		{"another list", func(t *testing.T, dir string) (string, []string, func()) {
			t.Helper()
			return dir, []string{"-csv", contacts(t, 20)}, func() {}
		}, []string{"another list", "-dir"}},
		{"another seed", func(_ *testing.T, dir string) (string, []string, func()) {
			return dir, []string{"-seed", "2"}, func() {}
		}, []string{"seed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			good := []string{"-faults", "none", "-json", "-csv", list, "-dir"}
			before := keptPromise(t, runProgram(t, append(good, dir)...))
			on, args, mend := tt.damage(t, dir)
			for range 2 { // refusing it once must not make it acceptable
				runProgram(t, append(append(good, on), args...)...).fails(t, tt.want...)
			}
			mend()
			after := keptPromise(t, runProgram(t, append(good, dir)...))
			if diff := cmp.Diff(before, after, cmpopts.IgnoreUnexported(report{}), cmpopts.IgnoreFields(report{}, "Seconds")); diff != "" {
				t.Errorf("what was recorded (-before +after):\n%s", diff)
			}
		})
	}
}

// TestTwoAtOnce starts two campaigns on one folder. With simulators of their
// own the second is told so; with those of another process they share the work.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	two := func(t *testing.T, args ...string) (runs [2]ended) {
		t.Helper()
		var both sync.WaitGroup
		for i := range runs {
			both.Go(func() { runs[i] = runProgram(t, args...) })
		}
		both.Wait()
		return runs
	}
	t.Run("own simulators", func(t *testing.T) {
		t.Parallel()
		args := []string{"-faults", "chaos", "-json", "-csv", contacts(t, 100), "-dir", t.TempDir()}
		refused := 0
		for _, e := range two(t, args...) {
			if e.code == 0 {
				keptPromise(t, e)
				continue
			}
			refused++
			e.fails(t, "another campaign is at work in", "wait for its end", "-dir")
		}
		if refused != 1 {
			t.Errorf("%d of two were refused", refused)
		}
		keptPromise(t, runProgram(t, args...))
	})
	t.Run("one simulator", func(t *testing.T) {
		t.Parallel()
		v := startVendors(t, "127.0.0.1:0")
		args := []string{"-faults", "chaos", "-json", "-csv", contacts(t, 200), "-dir", t.TempDir(), "-vendors", v.url}
		for _, e := range two(t, args...) {
			keptPromise(t, e)
		}
		keptPromise(t, runProgram(t, args...))
	})
}

// replace puts other content, or nothing, in a file's place, without touching
// the file: mend moves it back.
func replace(t *testing.T, dir, name string, content []byte) (mend func()) {
	t.Helper()
	path := filepath.Join(dir, name)
	aside := filepath.Join(t.TempDir(), "aside")
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	if content != nil {
		write(t, path, string(content))
	}
	return func() {
		if err := os.Rename(aside, path); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
