package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// The test's own binary is the worker, and the command itself.
func TestMain(m *testing.M) {
	switch os.Getenv("POSTPROOF_TEST_AS") {
	case "command":
		main()
	case "worker":
		if err := work(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// work is a service that has the ledger open and mails through Lob.
func work(ledger, url string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	store, err := sqlite.Open(ctx, ledger)
	if err != nil {
		return err
	}
	mail, err := mailer(ctx, store, url)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "at work")
	return errors.Join(mail.Run(ctx), mail.Close(), store.Close())
}

func mailer(ctx context.Context, store client.Store, url string) (*client.Client, error) {
	printer, err := lob.New("test_simlob", lob.WithBaseURL(url), lob.WithUseType(lob.Operational))
	if err != nil {
		return nil, err
	}
	return client.New(ctx, store, []vendors.Adapter{printer}, client.WithLogger(slog.New(slog.DiscardHandler)), client.WithPollInterval(20*time.Millisecond))
}

func card(n int) postproof.Job {
	return postproof.Job{
		Key: postproof.Key(fmt.Sprintf("card-%d", n)), Campaign: "spring", Contact: fmt.Sprintf("c-%d", n), Class: postproof.FirstClass,
		To:    postproof.Address{Name: "MARK Twain", Line1: fmt.Sprintf("%d MARK St", n), City: "San Francisco", Region: "CA", PostalCode: "94107"},
		Piece: postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>world</p>"}},
	}
}

// command runs the command in a process of its own.
func command(t *testing.T, code int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "POSTPROOF_TEST_AS=command", "POSTPROOF_BY=ann", "LOB_API_KEY=test_simlob", "POSTPROOF_STORE=", "USER=")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	if all := out.String() + errs.String(); strings.Contains(all, "MARK") {
		t.Errorf("%s shows a person:\n%s", strings.Join(args, " "), all)
	}
	return out.String() + errs.String()
}

// The command looks at, pauses and resumes a ledger that another process works on
// at the same time, and nothing is printed twice or lost.
func TestBesideAWorker(t *testing.T) {
	t.Parallel()
	const jobs = 60
	sim, err := vendorsim.Start(vendorsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	ledger, url := filepath.Join(t.TempDir(), "mail.db"), sim.URL+"/lob/v1"
	store, err := sqlite.Open(t.Context(), ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	mail, err := mailer(t.Context(), store, url)
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	if out, err := mail.Enqueue(t.Context(), func(yield func(postproof.Job, error) bool) {
		for n := range jobs {
			if !yield(card(n), nil) {
				return
			}
		}
	}); err != nil || out.New != jobs {
		t.Fatalf("Enqueue = %+v, %v", out, err)
	}
	at := []string{"-store", ledger, "-vendor-url", "lob=" + url}
	with := func(args ...string) []string { return append(append([]string(nil), at...), args...) }
	command(t, operator.ExitOK, with("pause", "campaign", "spring", "-why", "the artwork is looked at")...)

	worker := exec.CommandContext(t.Context(), os.Args[0], ledger, url)
	worker.Env = append(os.Environ(), "POSTPROOF_TEST_AS=worker")
	worker.Stderr = os.Stderr
	ready, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = worker.Process.Signal(syscall.SIGTERM)
		if err := worker.Wait(); err != nil {
			t.Errorf("the worker: %v", err)
		}
	}()
	if _, err := ready.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if out := command(t, operator.ExitOK, at...); !strings.Contains(out, "the artwork is looked at") || !strings.Contains(out, "60") {
		t.Errorf("status of a paused campaign:\n%s", out)
	}
	if n := len(sim.Prints()); n != 0 {
		t.Fatalf("%d pieces of a paused campaign", n)
	}
	command(t, operator.ExitNotConfirmed, with("resume", "campaign", "spring", "-why", "fine")...)
	command(t, operator.ExitOK, with("resume", "campaign", "spring", "-why", "fine", "-yes", "-expect", "60")...)
	for looks := 0; ; looks++ {
		command(t, operator.ExitOK, with("show", "card-7")...)
		line, _, _ := strings.Cut(command(t, operator.ExitOK, with("tally", "spring", "-json")...), "\n")
		var tally struct {
			States map[string]int `json:"states"`
		}
		if err := json.Unmarshal([]byte(line), &tally); err != nil {
			t.Fatal(err)
		}
		if tally.States["accepted"] == jobs {
			break
		}
		if looks > 200 {
			t.Fatalf("it does not end: %s", line)
		}
	}
	if out := command(t, operator.ExitOK, with("audit", "lob")...); !strings.Contains(out, "agrees with 60") {
		t.Errorf("audit:\n%s", out)
	}
	printed := map[string]int{}
	for _, p := range sim.Prints() {
		printed[p.Ref]++
	}
	if len(printed) != jobs || len(sim.Prints()) != jobs {
		t.Errorf("%d pieces under %d references, want %d", len(sim.Prints()), len(printed), jobs)
	}
	command(t, operator.ExitOK, with("changes", "verify")...)
	command(t, operator.ExitOK, with("-readonly", "held")...)
}

// A typo makes no ledger: an empty one would say that all is well.
func TestTypoMakesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(t, operator.ExitError, "-store", filepath.Join(dir, "mial.db")); !strings.Contains(out, "makes none") {
		t.Errorf("a missing ledger: %s", out)
	}
	command(t, operator.ExitError, "-store", empty)
	command(t, operator.ExitUsage)
	command(t, operator.ExitUsage, "-store", empty, "snapshot", "list")
	command(t, operator.ExitError, "-store", empty, "snapshot", "list", "-snapshots", filepath.Join(dir, "lists"))
	command(t, operator.ExitOK, "help")
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(empty); len(left) != 1 || err != nil || info.Size() != 0 {
		t.Errorf("%v, %v: something was made", left, err)
	}
}

func TestVendorURLs(t *testing.T) {
	t.Parallel()
	var u urls
	for _, bad := range []string{"lob", "lob=", "nobody=http://127.0.0.1:1"} {
		if err := u.Set(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	env := map[string]string{"LOB_API_KEY": "test_a", "PCM_API_KEY": "k", "PCM_API_SECRET": "s", "POSTGRID_API_KEY": "test_sk_a"}
	p := program{env: func(name string) string { return env[name] }}
	all, err := p.adapters(t.Context(), postproof.ModeTest)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d adapters, %v", len(all), err)
	}
	for _, name := range []string{"LOB_ACCOUNT", "PCM_ACCOUNT", "POSTGRID_ACCOUNT"} {
		env[name] = "main"
	}
	named, err := p.adapters(t.Context(), postproof.ModeTest)
	if err != nil || len(named) != 3 {
		t.Fatalf("%d adapters, %v", len(named), err)
	}
	for i := range all {
		if all[i].Account().Fingerprint == named[i].Account().Fingerprint {
			t.Errorf("%s: the account's name is not taken", all[i].Capabilities().Vendor)
		}
	}
	p.env = func(string) string { return "" }
	if _, err := p.adapters(t.Context(), postproof.ModeTest); err == nil || !strings.Contains(err.Error(), "LOB_API_KEY") {
		t.Errorf("without credentials: %v", err)
	}
}
