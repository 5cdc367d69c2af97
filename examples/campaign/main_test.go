package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// bin is the folder of the two programs, which are built once.
var bin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	if bin, err = os.MkdirTemp("", "campaign-test-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), ".", "../../vendors/vendorsim/cmd/vendorsim")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// ended is how a run of the program ended.
type ended struct {
	code        int
	out, errout string
}

// command returns the program, ready to be started.
func command(ctx context.Context, out, errout *bytes.Buffer, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "campaign"), args...)
	cmd.Stdout, cmd.Stderr = out, errout
	return cmd
}

// runProgram runs the program to its end.
func runProgram(t *testing.T, args ...string) ended {
	t.Helper()
	return runAs(t, func(*exec.Cmd) {}, args...)
}

func runAs(t *testing.T, as func(*exec.Cmd), args ...string) ended {
	t.Helper()
	var out, errout bytes.Buffer
	cmd := command(t.Context(), &out, &errout, args...)
	as(cmd)
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), out.String(), errout.String()}
}

// summary reads the JSON object on the last line.
func (e ended) summary(t *testing.T) report {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(e.out), "\n")
	var r report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatalf("exit %d, no summary: %v\n%s%s", e.code, err, e.out, e.errout)
	}
	return r
}

// contacts writes the first n contacts to a file and returns its name.
func contacts(t *testing.T, n int) string {
	t.Helper()
	lines := strings.SplitAfterN(addresses, "\n", n+2)
	path := filepath.Join(t.TempDir(), "contacts.csv")
	write(t, path, strings.Join(lines[:n+1], ""))
	return path
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// keptPromise fails the test unless every job is on paper once.
func keptPromise(t *testing.T, e ended) report {
	t.Helper()
	got := e.summary(t)
	want := got
	want.Printed, want.Accepted, want.PrintedTwice, want.Lost, want.Held, want.Refused = got.Jobs, got.Jobs, 0, 0, 0, 0
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(report{})); e.code != 0 || diff != "" || got.Jobs == 0 {
		t.Errorf("exit %d, %d jobs; the promise (-want +got):\n%s%s%s", e.code, got.Jobs, diff, e.out, e.errout)
	}
	return got
}

func TestGoodDay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := runProgram(t, "-faults", "none", "-json", "-dir", dir)
	got := e.summary(t)
	if got.Seconds <= 0 {
		t.Errorf("it took %v s", got.Seconds)
	}
	if got.Sends < got.Jobs {
		t.Errorf("%d sends of %d jobs", got.Sends, got.Jobs)
	}
	// Where a machine stalls, attempts time out, and cards go by the second vendor,
	// whose last word is that they are out for delivery.
	log, err := os.ReadFile(filepath.Join(dir, "vendors", "prints.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.Count(log, []byte(`"vendor":"pcm"`))
	if got.Delivered+got.Returned+second != got.Jobs || got.Returned == 0 || got.Returned > got.Jobs/20 {
		t.Errorf("of %d cards %d were delivered, %d came back, and %d went by the second vendor", got.Jobs, got.Delivered, got.Returned, second)
	}
	got.Delivered, got.Returned = 0, 0
	// A machine that stalls makes its own faults: attempts time out.
	got.Seconds, got.Sends, got.UnknownSettled, got.Failovers = 0, 0, 0, 0
	want := report{Rows: 3220, Rejected: 21, Jobs: 3199, Accepted: 3199, Printed: 3199, Faults: map[string]int64{}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(report{})); e.code != 0 || diff != "" {
		t.Errorf("exit %d (-want +got):\n%s%s", e.code, diff, e.errout)
	}
	for line := range strings.Lines(e.out) {
		if !strings.HasPrefix(line, "{") && len([]rune(line)) > 100 {
			t.Errorf("wider than 100 columns: %q", line)
		}
	}
}

// TestBadDay has every kind of fault, on few contacts.
func TestBadDay(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{"chaos"} {
		t.Run(faults, func(t *testing.T) {
			t.Parallel()
			got := keptPromise(t, runProgram(t, "-faults", faults, "-json", "-csv", contacts(t, 300)))
			if got.Sends <= got.Jobs {
				t.Errorf("%d sends of %d jobs: nothing went wrong", got.Sends, got.Jobs)
			}
			if got.UnknownSettled == 0 && faults == "chaos" {
				t.Error("no outcome was unknown")
			}
			for boundary := range got.Faults {
				if faults == "outage" && !strings.HasPrefix(boundary, "outage.") {
					t.Errorf("%s on a day with an outage only", boundary)
				}
			}
		})
	}
}

// TestAgain runs a finished campaign once more: nothing is sent.
func TestAgain(t *testing.T) {
	t.Parallel()
	args := []string{"-faults", "none", "-json", "-csv", contacts(t, 50), "-dir", t.TempDir()}
	first := keptPromise(t, runProgram(t, args...))
	again := keptPromise(t, runProgram(t, args...))
	if diff := cmp.Diff(first, again, cmpopts.IgnoreUnexported(report{}), cmpopts.IgnoreFields(report{}, "Seconds")); diff != "" {
		t.Errorf("the second run (-first +second):\n%s", diff)
	}
}
