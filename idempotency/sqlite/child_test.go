package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// childEnv tells the test binary to be a child process: what to do, and the
// path of the ledger.
const childEnv = "POSTPROOF_SQLITE_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := runChild(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild works on a ledger until it is killed, and says on its standard
// output, line by line, what was acknowledged.
func runChild(job string) error {
	ctx := context.Background()
	what, path, _ := strings.Cut(job, " ")
	s, err := sqlite.Open(ctx, path, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return err
	}
	count := idempotency.Change{Counters: []idempotency.CounterAdd{{Name: "n", Add: 1}}}
	switch what {
	case "write":
		for {
			if err := idempotency.CommitOne(ctx, s, count); err != nil {
				return err
			}
		}
	case "write-then-wait":
		for range 5 {
			if err := idempotency.CommitOne(ctx, s, count); err != nil {
				return err
			}
		}
		fmt.Fprintln(os.Stdout, "ready")
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil {
			return err
		}
		n := 1
		if strings.TrimSpace(line) == "checkpoint" {
			n = 3000
		}
		for range n {
			if err := idempotency.CommitOne(ctx, s, count); err != nil {
				return err
			}
		}
		fmt.Fprintln(os.Stdout, "written")
		_, err = io.Copy(io.Discard, os.Stdin) // until it is killed
		return err
	case "jobs":
		return childJobs(ctx, s)
	}
	return errors.New("no such job")
}

// childJobs takes jobs through two steps each, with many callers, and prints
// each step that was acknowledged.
func childJobs(ctx context.Context, s *sqlite.Store) error {
	var out sync.Mutex
	say := func(text string) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintln(os.Stdout, text)
	}
	pid := os.Getpid()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				intent, result := submission(fmt.Sprintf("job %d/%d/%d", pid, w, i))
				if err := idempotency.CommitOne(ctx, s, intent); err != nil {
					say("error " + err.Error())
					return
				}
				say("1 " + string(intent.Record.ID))
				if err := idempotency.CommitOne(ctx, s, result); err != nil {
					say("error " + err.Error())
					return
				}
				say("2 " + string(intent.Record.ID))
				if i%10 == 0 {
					m := &idempotency.Message{Vendor: "lob", Dedupe: string(intent.Record.ID), Body: []byte("{}")}
					if _, err := s.Inbox().Put(ctx, m); err != nil {
						say("error " + err.Error())
						return
					}
					say("m " + m.Dedupe)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// child is a process that a test has started.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	ended bool
}

func startChild(t *testing.T, path, what string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+what+" "+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() { c.kill(t) })
	return c
}

// kill ends the child with SIGKILL.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if c.ended {
		return
	}
	c.ended = true
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = c.cmd.Wait() // it was killed
}

func (c *child) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (c *child) waitFor(t *testing.T, want string) {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		t.Fatalf("the child said %q, %v, want %q", line, err, want)
	}
}
