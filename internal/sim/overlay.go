package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errStale is an edit whose text does not stand in its file exactly once.
var errStale = errors.New("the old text does not stand in the file exactly once")

// overlay writes the broken sources into the folder and returns the file that
// tells the compiler of them. Nothing in the tree is changed.
func (b *Break) overlay(root, dir string) (string, error) {
	sources := map[string]string{}
	for _, e := range b.Edits {
		if _, ok := sources[e.File]; ok {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.File))) //nolint:gosec // the list is in this package
		if err != nil {
			return "", fmt.Errorf("read: %w", err)
		}
		sources[e.File] = string(text)
	}
	for _, e := range b.Edits {
		if n := strings.Count(sources[e.File], e.Old); n != 1 || e.Old == e.New {
			return "", fmt.Errorf("%s: %w: %d times in %s", b.Name, errStale, n, e.File)
		}
		sources[e.File] = strings.Replace(sources[e.File], e.Old, e.New, 1)
	}
	replace := map[string]string{}
	for file, text := range sources {
		mutated := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("write: %w", err)
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = mutated
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}

// build compiles this command with the rule taken out, into the folder, and
// returns the program.
func (b *Break) build(ctx context.Context, root, dir string) (string, error) {
	list, err := b.overlay(root, dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "sim.test")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-overlay="+list, "-o", program, "./internal/sim") //nolint:gosec // the list is in this package
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s does not build: %w\n%s", b.Name, err, out)
	}
	return program, nil
}

// run compiles the command with the rule taken out, runs it with the arguments,
// and returns its exit status.
func (b *Break) run(ctx context.Context, root string, args []string, out, diagnostics io.Writer) (status int, err error) {
	dir, err := os.MkdirTemp("", "sim")
	if err != nil {
		return exitUsage, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, err := b.build(ctx, root, dir)
	if err != nil {
		return exitUsage, err
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-broken", b.Name)...) //nolint:gosec // built above
	cmd.Stdout, cmd.Stderr = out, diagnostics
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return exitFine, err
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
