package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postproof/postproof/internal/mutant"
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

// mutant returns the mutation as it is compiled.
func (m Mutation) mutant() mutant.Mutant {
	return mutant.Mutant{Name: m.Name, Edits: []mutant.Edit{{File: m.File, Old: m.Old, New: m.New}}}
}

// The ways in which a check ends without the mutation having been caught, beside
// those of package mutant.
var (
	errSurvived = errors.New("survived: no test fails")
	errNoTests  = errors.New("selects no tests")
	errPanicked = errors.New("makes a test panic or hang instead of fail")
)

// runner checks mutations of one module.
type runner struct {
	set *mutant.Set
	// limit bounds the tests of one mutation.
	limit time.Duration
}

// check returns nil when the tests fail because of the mutation.
func (r runner) check(ctx context.Context, m Mutation) error {
	out, err := r.test(ctx, m.Package, m.Run, m.Name)
	if errors.Is(err, mutant.ErrBuild) || errors.Is(err, mutant.ErrUnknown) {
		return err
	}
	return verdict(out, err)
}

// verdict reads the outcome of tests: nil when an assertion failed.
func verdict(out string, err error) error {
	switch {
	case strings.Contains(out, "no tests to run"):
		return errNoTests
	case err == nil:
		return errSurvived
	case strings.Contains(out, "panic:"), strings.Contains(out, "fatal error:"):
		return fmt.Errorf("%w:\n%s", errPanicked, out)
	case !strings.Contains(out, "--- FAIL: "):
		return fmt.Errorf("tests: %w:\n%s", err, out)
	default:
		return nil
	}
}

// test runs tests of the package with the mutation of that name made, none if it
// is empty, and returns what they printed.
func (r runner) test(ctx context.Context, pkg, run, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit+time.Minute) // tests that do not end by themselves
	defer cancel()
	cmd, err := r.set.Command(ctx, mutant.Program{Package: pkg, Tests: true}, name,
		"-test.run="+run, "-test.count=1", "-test.failfast", "-test.paniconexit0", "-test.timeout="+r.limit.String())
	if err != nil {
		return "", err
	}
	cmd.WaitDelay = 10 * time.Second // children may hold the output
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
