package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Mutation is one way to break the code, and the tests that must notice.
type Mutation struct {
	// Name says what is broken.
	Name string
	// Rule is the rule of the ledger that is taken out; 0 for what is no rule
	// by itself.
	Rule int
	// File is the file to change, from the root of the module.
	File string
	// Old stands in File exactly once, and is replaced by New.
	Old, New string
	// Package and Run select the tests: an import path from the root of the
	// module, as in "./idempotency", and a pattern for -run.
	Package, Run string
}

// The ways in which a check ends without the mutation having been caught.
var (
	errSurvived = errors.New("survived: no test fails")
	errStale    = errors.New("stale: the old text does not stand in the file exactly once")
	errBuild    = errors.New("does not build")
	errNoTests  = errors.New("selects no tests")
	errPanicked = errors.New("makes a test panic or hang instead of fail")
)

// runner checks mutations of one module. Nothing in its tree is changed.
type runner struct {
	// root is the module's directory.
	root string
	// limit bounds the tests of one mutation.
	limit time.Duration
}

// source returns the file with the mutation made.
func (r runner) source(m Mutation) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(m.File)))
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	if n := strings.Count(string(text), m.Old); n != 1 || m.Old == m.New {
		return "", fmt.Errorf("%w: %d times in %s", errStale, n, m.File)
	}
	return strings.Replace(string(text), m.Old, m.New, 1), nil
}

// check returns nil when the tests fail because of the mutation.
func (r runner) check(ctx context.Context, m Mutation, dir string) error {
	source, err := r.source(m)
	if err != nil {
		return err
	}
	mutated := filepath.Join(dir, filepath.Base(m.File))
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(r.root, filepath.FromSlash(m.File)): mutated},
	})
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(mutated, []byte(source), 0o600), os.WriteFile(list, overlay, 0o600)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	out, err := r.test(ctx, m.Package, m.Run, "-overlay="+list)
	return verdict(out, err)
}

// verdict reads the outcome of go test: nil when an assertion failed.
func verdict(out string, err error) error {
	switch {
	case strings.Contains(out, "no tests to run"):
		return errNoTests
	case err == nil:
		return errSurvived
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return fmt.Errorf("%w:\n%s", errBuild, out)
	case strings.Contains(out, "panic:"), strings.Contains(out, "fatal error:"):
		return fmt.Errorf("%w:\n%s", errPanicked, out)
	case !strings.Contains(out, "--- FAIL: "):
		return fmt.Errorf("go test: %w:\n%s", err, out)
	default:
		return nil
	}
}

// test runs go test and returns what it printed.
func (r runner) test(ctx context.Context, pkg, run string, flags ...string) (string, error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-ldflags=-s -w", "-failfast", "-timeout=" + r.limit.String(), "-run=" + run}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...) //nolint:gosec // the list is in this package
	cmd.Dir = r.root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// absolute returns the directory as the overlay needs it.
func absolute(root string) (string, error) {
	dir, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("root: %w", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("root: not a module: %w", err)
	}
	return dir, nil
}
