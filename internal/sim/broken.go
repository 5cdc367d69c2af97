package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/postproof/postproof/internal/mutant"
)

// program is this command, to be compiled with rules taken out.
func program() mutant.Program { return mutant.Program{Package: "./internal/sim"} }

// mutant returns the break as it is compiled.
func (b *Break) mutant() mutant.Mutant {
	m := mutant.Mutant{Name: b.Name}
	for _, e := range b.Edits {
		m.Edits = append(m.Edits, mutant.Edit(e))
	}
	return m
}

// withBreaks prepares this command with each of the rules taken out, in one
// program of which a process chooses one.
func withBreaks(ctx context.Context, root, dir string, list ...Break) (*mutant.Set, error) {
	mutants := make([]mutant.Mutant, len(list))
	for i := range list {
		mutants[i] = list[i].mutant()
	}
	return mutant.New(ctx, root, dir, mutants)
}

// run runs the command with the rule taken out and returns its exit status.
func (b *Break) run(ctx context.Context, s *mutant.Set, args []string, out, diagnostics io.Writer) (int, error) {
	cmd, err := s.Command(ctx, program(), b.Name, append(args, "-broken", b.Name)...)
	if err != nil {
		return exitUsage, err
	}
	cmd.Stdout, cmd.Stderr = out, diagnostics
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return exitFine, err
}

// runAlone compiles the command with this rule taken out, and runs it.
func (b *Break) runAlone(ctx context.Context, root string, args []string, out, diagnostics io.Writer) (status int, err error) {
	dir, err := os.MkdirTemp("", "sim")
	if err != nil {
		return exitUsage, fmt.Errorf("temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := withBreaks(ctx, root, dir, *b)
	if err != nil {
		return exitUsage, err
	}
	return b.run(ctx, s, args, out, diagnostics)
}

// moduleRoot returns the folder of go.mod, from the working folder up.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("-break needs the source: run it inside the module")
		}
		dir = up
	}
}
