package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killEnv makes this test's own program the child: "step dir".
const killEnv = "POSTPROOF_TEST_SNAPSHOT_KILL"

const killList = "contact_id,name,address_line1,city,state,zip\n1,Jo,1 Main St,Reno,NV,89501\n2,Al,,Reno,NV,89501\n1,Jo,1 Main St,Reno,NV,89501\n"

func takeKillList(t *testing.T, store Store) *Snapshot {
	t.Helper()
	s, err := Take(t.Context(), CSV(strings.NewReader(killList), Mapping{}), Options{
		Campaign: "spring", Store: store, limits: limits{spool: 1, sort: recordBytes},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hangingFS stops for good before the step-th thing that it does.
type hangingFS struct {
	diskFS
	counter *faultyFS
}

func (h hangingFS) wait() {
	if h.counter.fail() != nil {
		_, _ = os.Stdout.WriteString("hanging\n")
		select {}
	}
}

func (h hangingFS) mkdirAll(dir string) error { h.wait(); return h.diskFS.mkdirAll(dir) }

func (h hangingFS) create(path string) (file, error) {
	h.wait()
	f, err := h.diskFS.create(path)
	return hangingFile{f, h}, err
}

func (h hangingFS) syncDir(dir string) error     { h.wait(); return h.diskFS.syncDir(dir) }
func (h hangingFS) rename(from, to string) error { h.wait(); return h.diskFS.rename(from, to) }

func (h hangingFS) scratch(dir string) (scratchFile, error) { h.wait(); return h.diskFS.scratch(dir) }

type hangingFile struct {
	file
	h hangingFS
}

func (f hangingFile) Write(p []byte) (int, error) {
	half, err := f.file.Write(p[:len(p)/2])
	if err != nil {
		return half, err
	}
	f.h.wait()
	n, err := f.file.Write(p[half:])
	return half + n, err
}

func (f hangingFile) Sync() error  { f.h.wait(); return f.file.Sync() }
func (f hangingFile) Close() error { f.h.wait(); return f.file.Close() }

// A process that is killed at any step of a freezing leaves nothing that
// opens, or the whole snapshot.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	if child := os.Getenv(killEnv); child != "" {
		number, dir, _ := strings.Cut(child, " ")
		step, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		takeKillList(t, &Folder{dir: dir, fs: hangingFS{counter: &faultyFS{step: step}}, now: time.Now})
		return
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("needs processes that can be killed")
	}
	clean := takeKillList(t, NewMemory())
	killed, whole := 0, 0
	stride := 1
	if testing.Short() {
		stride = 7
	}
	for step := 1; ; step += stride {
		dir := t.TempDir()
		hung := runChild(t, fmt.Sprintf("%d %s", step, dir))
		store, err := OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		for _, err := range store.List(t.Context()) {
			if err != nil {
				t.Error(err)
			}
			listed++
		}
		switch _, err := Open(t.Context(), store, clean.ID()); {
		case err == nil && listed == 1:
			whole++
		case errors.Is(err, ErrNotFound) && listed == 0 && hung:
			killed++
		default:
			t.Errorf("step %d, hung %t: opens with %v, %d listed", step, hung, err, listed)
		}
		if takeKillList(t, store).ID() != clean.ID() {
			t.Errorf("step %d: taken again, it is another snapshot", step)
		}
		if !hung {
			break
		}
	}
	if killed < 15/stride || whole == 0 {
		t.Errorf("killed %d times, whole %d times: the test does not see them all", killed, whole)
	}
}

// runChild runs this test as another process, and kills it when it hangs. It
// reports whether it did.
func runChild(t *testing.T, what string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledProcess$", "-test.count=1")
	cmd.Env = append(os.Environ(), killEnv+"="+what)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "hanging" {
			hung = true
			break
		}
	}
	if hung {
		if err := cmd.Process.Kill(); err != nil { // SIGKILL
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); (err == nil) == hung {
		t.Fatalf("hung %t, ended with %v", hung, err)
	}
	return hung
}
