package callback_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/vendors"
)

// childEnv makes the tests' binary a receiver in a process of its own, which can
// be killed.
const childEnv = "POSTPROOF_CALLBACK_CHILD"

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

// childJob is what a child is to do.
type childJob struct {
	// Ledger is its file, Handled that of the handler's calls.
	Ledger  string `json:"ledger"`
	Handled string `json:"handled"`
	Addr    string `json:"addr"`
	// Ahead is how far its clock is before the machine's: whoever starts a
	// process after another one was killed lets its leases run out so.
	Ahead time.Duration `json:"ahead"`
	// Poison is an event whose handler ends the process.
	Poison string `json:"poison,omitempty"`
}

// childTimeout is for handlers; childLease is as short as it can be. An event
// that is poison has childTries.
const (
	childTimeout = time.Second
	childLease   = childTimeout + 10*time.Second
	childTries   = 4
)

// pace has no test wait for a backoff by the clock. What runs beside poison dies with
// it, so nothing does where deaths are counted.
func (j *childJob) pace() []callback.Option {
	soon := callback.Backoff{Base: 20 * time.Millisecond, Cap: 20 * time.Millisecond}
	if j.Poison != "" {
		return []callback.Option{callback.WithTries(childTries, soon), callback.WithConcurrency(1), callback.WithPollInterval(10 * time.Millisecond)}
	}
	return []callback.Option{callback.WithTries(100, soon)}
}

type aheadClock time.Duration

func (c aheadClock) Now() time.Time                         { return time.Now().Add(time.Duration(c)) }
func (c aheadClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// runChild receives callbacks and works on them until its input ends.
func runChild(job string) (err error) {
	var j childJob
	if err := json.Unmarshal([]byte(job), &j); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	store, err := sqlite.Open(ctx, j.Ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		return err
	}
	handled, err := os.OpenFile(j.Handled, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	p := account()
	mail, err := client.New(ctx, store, []vendors.Adapter{p}, client.WithClock(aheadClock(j.Ahead)), client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return err
	}
	rx, err := callback.New(mail, []callback.Endpoint{{Adapter: p, Secrets: []string{secret}}}, append(j.pace(),
		callback.WithHandlerTimeout(childTimeout), callback.WithLease(childLease),
		callback.WithHandler(func(_ context.Context, u callback.Update) error {
			if j.Poison != "" && u.Event.ID == j.Poison {
				os.Exit(2)
			}
			_, err := io.WriteString(handled, u.Event.ID+"\n")
			return err
		}))...)
	if err != nil {
		return err
	}
	lis, err := net.Listen("tcp", j.Addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: rx, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(lis) }()
	fmt.Fprintln(os.Stdout, lis.Addr())
	ran := make(chan error, 1)
	go func() { ran <- rx.Run(ctx) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	err = server.Close()
	stop()
	return errors.Join(err, <-ran, rx.Close(), mail.Close(), store.Close(), handled.Close())
}

// child is a receiver in a process of its own.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	addr string
}

func startChild(t *testing.T, j childJob) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(job))
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	c.addr = strings.TrimSpace(addr)
	return c
}

// kill ends the child with SIGKILL, if it has not ended.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// stop lets the child come to its end.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := errors.Join(c.in.Close(), c.cmd.Wait()); err != nil {
		t.Errorf("the child: %v", err)
	}
}
