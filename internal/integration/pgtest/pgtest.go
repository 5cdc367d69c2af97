// Package pgtest runs PostgreSQL for tests: the server that
// POSTPROOF_TEST_POSTGRES names, else a private one that is thrown away,
// started from the server's installed programs.
package pgtest

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Environment variables of the tests.
const (
	// EnvServer is a data source of a server to use instead of a private one.
	EnvServer = "POSTPROOF_TEST_POSTGRES"
	// EnvRequire, set to 1, makes a test fail that would be skipped.
	EnvRequire = "POSTPROOF_TEST_REQUIRE"
	// EnvFull, set to 1, asks for the long runs.
	EnvFull = "POSTPROOF_TEST_FULL"
)

// ErrNotInstalled says that there are no programs to start a server with.
var ErrNotInstalled = errors.New("pgtest: no PostgreSQL server is installed: apt-get install postgresql (or put initdb, pg_ctl and postgres in PATH), or name a server in " + EnvServer)

// Cluster is a private server. Its data is durable while it is there: fsync is
// on.
type Cluster struct {
	Dir  string // its data is in Dir/data
	Port int
	bin  string
	user *account
	// guard ends the cluster when this process has ended, however.
	guard io.Closer
}

// Start makes a cluster and starts it. Settings are lines of postgresql.conf. It is a
// copy of the binary's first one, which costs a tenth of initdb: all have the same
// system identifier.
func Start(ctx context.Context, settings ...string) (_ *Cluster, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin}
	if c.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if c.Dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.Dir))
		}
	}()
	if err := c.user.own(c.Dir); err != nil {
		return nil, err
	}
	if c.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	from, err := template()
	if err != nil {
		return nil, err
	}
	if err := c.run(ctx, "cp", "-R", "-p", from.data(), c.data()); err != nil {
		return nil, err
	}
	lines := append([]string{
		"listen_addresses = '127.0.0.1'", "port = " + strconv.Itoa(c.Port), "unix_socket_directories = ''", "max_connections = 400",
		"logging_collector = off", "log_min_messages = error",
	}, settings...)
	if err := c.Configure(lines...); err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	if err := c.watch(); err != nil {
		return nil, errors.Join(err, c.Stop(ctx, "immediate"))
	}
	return c, nil
}

// template returns what all clusters of the binary are copies of. It is never
// started, and goes with the binary.
var template = sync.OnceValues(func() (_ *Cluster, err error) {
	c := &Cluster{}
	if c.bin, err = programs(); err != nil {
		return nil, err
	}
	if c.user, err = unprivileged(); err != nil {
		return nil, err
	}
	if c.Dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = c.user.own(c.Dir)
	if err == nil {
		err = c.run(ctx, "initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
	}
	if err == nil {
		err = c.watch()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.Dir))
	}
	made = c
	return c, nil
})

// made is the template, once it is there.
var made *Cluster

// Configure adds lines to postgresql.conf; they count from the next start or
// reload.
func (c *Cluster) Configure(lines ...string) error {
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

func (c *Cluster) data() string { return filepath.Join(c.Dir, "data") }

// Start starts the server and waits until it answers.
func (c *Cluster) Start(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "-D", c.data(), "-l", filepath.Join(c.Dir, "log"), "-w", "-t", "60", "start")
}

// Stop stops the server: "smart", "fast" or "immediate". The last is a crash.
func (c *Cluster) Stop(ctx context.Context, mode string) error {
	return c.run(ctx, "pg_ctl", "-D", c.data(), "-m", mode, "-w", "-t", "60", "stop")
}

// Promote ends the recovery of a standby.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "-D", c.data(), "-w", "-t", "60", "promote")
}

// Standby makes a copy of the cluster that follows it, and starts it.
func (c *Cluster) Standby(ctx context.Context) (_ *Cluster, err error) {
	s := &Cluster{bin: c.bin, user: c.user}
	if s.Dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, err
	}
	if err := s.user.own(s.Dir); err != nil {
		return nil, err
	}
	if s.Port, err = freePort(ctx); err != nil {
		return nil, err
	}
	if err := s.run(ctx, "pg_basebackup", "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1", "-p", strconv.Itoa(c.Port), "-U", "postgres"); err != nil {
		return nil, err
	}
	if err := s.Configure("port = " + strconv.Itoa(s.Port)); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, s.watch()
}

// Addr is where the server listens.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

// DSN is a data source for its superuser, at the address; empty means its own.
func (c *Cluster) DSN(addr string) string {
	if addr == "" {
		addr = c.Addr()
	}
	return "postgres://postgres@" + addr + "/postgres?sslmode=disable"
}

// Close stops the server and removes its data.
func (c *Cluster) Close() error {
	// The guard does both, and is there also when this process is killed.
	return c.guard.Close()
}

func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	if program != "cp" {
		program = filepath.Join(c.bin, program)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	c.user.runs(cmd)
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	// Not a pipe: the server would keep it open.
	out, err := os.CreateTemp("", "pgtest-out-")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("pgtest: %s: %w\n%s", program, err, said)
	}
	return nil
}

// watch starts the guard: a shell that waits for the end of its input, which is
// also our end.
func (c *Cluster) watch() error {
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null; "$1" -D "$2/data" -m immediate -w stop >/dev/null 2>&1; rm -rf "$2"`, "guard", filepath.Join(c.bin, "pg_ctl"), c.Dir)
	c.user.runs(cmd)
	cmd.Dir = os.TempDir()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.guard = closer(sync.OnceValue(func() error {
		err := errors.Join(in.Close(), cmd.Wait())
		if rm := os.RemoveAll(c.Dir); !errors.Is(rm, fs.ErrNotExist) {
			err = errors.Join(err, rm)
		}
		return err
	}))
	return nil
}

type closer func() error

// Close implements [io.Closer].
func (c closer) Close() error { return c() }

// programs returns the folder of the server's programs, the newest version
// first.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(found, func(a, b string) int { return versionOf(b) - versionOf(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, filepath.Dir(path))
	}
	for _, dir := range found {
		all := true
		for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
			_, err := exec.LookPath(filepath.Join(dir, name))
			all = all && err == nil
		}
		if all {
			return dir, nil
		}
	}
	return "", ErrNotInstalled
}

func versionOf(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return n
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.Atoi(port)
	return n, errors.Join(err, l.Close())
}

// Full reports whether the long runs are asked for.
func Full() bool { return os.Getenv(EnvFull) == "1" }

// Skip skips the test, or fails it where a skip is not allowed.
func Skip(tb testing.TB, why error) {
	tb.Helper()
	if os.Getenv(EnvRequire) == "1" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// Private starts a cluster for one test alone, to be stopped and started as it
// likes.
func Private(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 2*time.Minute)
	defer cancel()
	c, err := Start(ctx, settings...)
	if errors.Is(err, ErrNotInstalled) {
		Skip(tb, err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// shared is the cluster of the whole test binary.
var shared struct {
	once sync.Once
	dsn  string
	err  error
	c    *Cluster
}

// Shared returns the data source of a server that all tests of the binary use,
// each with a schema of its own. It ends with the binary, see [Main].
func Shared(tb testing.TB) string {
	tb.Helper()
	shared.once.Do(func() {
		if shared.dsn = os.Getenv(EnvServer); shared.dsn != "" {
			return
		}
		if shared.c, shared.err = Start(context.WithoutCancel(tb.Context())); shared.err == nil {
			shared.dsn = shared.c.DSN("")
		}
	})
	if errors.Is(shared.err, ErrNotInstalled) {
		Skip(tb, shared.err)
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.dsn
}

// atOnce is how many tests run at the same time for each processor: they wait for
// a server's disk, for one that stops and starts, and for each other.
const atOnce = 3

// Main runs the tests, more at a time than there are processors unless -parallel says
// how many, and ends the shared cluster.
func Main(m *testing.M) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	for _, c := range []*Cluster{shared.c, made} {
		if c == nil {
			continue
		}
		if err := c.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Log returns the messages of the server's log, which the test has configured
// as csvlog in Dir/logs/server.csv.
func (c *Cluster) Log(tb testing.TB) []string {
	tb.Helper()
	f, err := os.Open(filepath.Join(c.Dir, "logs", "server.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	const messageField = 13
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	var all []string
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) || errors.Is(err, csv.ErrQuote) { // the last line may still be written
			return all
		}
		if err != nil {
			tb.Fatal(err)
		}
		if len(fields) > messageField {
			all = append(all, fields[messageField])
		}
	}
}

// Reload lets the server read its configuration again.
func (c *Cluster) Reload(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "-D", c.data(), "reload")
}

// Snapshot stops the server, copies its files, and starts it again.
func (c *Cluster) Snapshot(ctx context.Context) error {
	if err := c.Stop(ctx, "fast"); err != nil {
		return err
	}
	if err := c.copyFiles(ctx, "data", "snapshot"); err != nil {
		return err
	}
	return c.Start(ctx)
}

// SetBack crashes the server and starts it on the files of the snapshot.
func (c *Cluster) SetBack(ctx context.Context) error {
	if err := c.Stop(ctx, "immediate"); err != nil {
		return err
	}
	if err := os.RemoveAll(c.data()); err != nil {
		return err
	}
	if err := c.copyFiles(ctx, "snapshot", "data"); err != nil {
		return err
	}
	return c.Start(ctx)
}

func (c *Cluster) copyFiles(ctx context.Context, from, to string) error {
	cmd := exec.CommandContext(ctx, "cp", "-R", "-p", from, to)
	c.user.runs(cmd)
	cmd.Dir = c.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: cp: %w\n%s", err, out)
	}
	return nil
}
