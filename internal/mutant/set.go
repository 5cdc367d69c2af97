package mutant

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Set is mutants of one module that are compiled together as far as they can
// be. It is safe for concurrent use.
type Set struct {
	root, dir string
	mutants   []Mutant
	sources   []map[string]string // of each mutant: its files
	numbers   map[string]int      // by name
	apart     map[string]error    // by name: why
	overlay   string              // of those that are not apart

	mu       sync.Mutex
	programs map[build]func() (string, error)
}

// build is a program as it is compiled: with all mutants that can be in it, or
// with the one that it names.
type build struct {
	program Program
	alone   string
}

// Program is what is compiled with mutants in it.
type Program struct {
	// Package is where it is, from the root of the module, as in "./client".
	Package string
	// Tests is for the tests of the package, in place of the command that it is.
	Tests bool
}

// New returns the set of the mutants of the module at root, an absolute path.
// It compiles what they change, to find out which of them can be compiled
// together. What it makes is in dir, which the caller owns and removes. An edit
// that does not apply is an error, ErrStale; a mutant that does not compile is
// one of its own, when it is asked for.
func New(ctx context.Context, root, dir string, mutants []Mutant) (*Set, error) {
	s := &Set{
		root: root, dir: dir, mutants: mutants,
		numbers: map[string]int{}, apart: map[string]error{}, programs: map[build]func() (string, error){},
	}
	for i, m := range mutants {
		if _, twice := s.numbers[m.Name]; twice || m.Name == "" {
			return nil, fmt.Errorf("mutant %q: no name, or that of another one", m.Name)
		}
		sources, err := m.Sources(root)
		if err != nil {
			return nil, err
		}
		s.numbers[m.Name], s.sources = i, append(s.sources, sources)
	}
	variants, err := s.variants()
	if err != nil {
		return nil, err
	}
	return s, s.settle(ctx, variants)
}

// Apart returns the mutants that are compiled in a build of their own, by name,
// with the reason.
func (s *Set) Apart() map[string]error { return maps.Clone(s.apart) }

// Command returns the command that runs the program with the arguments as the
// mutant of that name, or as what stands in the tree for an empty name. It
// compiles the program first, unless it has; ErrBuild is a mutant that does not
// compile. Tests run in the folder of their package, as under go test.
func (s *Set) Command(ctx context.Context, p Program, name string, args ...string) (*exec.Cmd, error) {
	b := build{program: p}
	if _, ok := s.numbers[name]; !ok && name != "" {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	if s.apart[name] != nil {
		b.alone = name
	}
	file, err := s.compiled(ctx, b)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, file, args...) //nolint:gosec // compiled here
	if cmd.Env = append(os.Environ(), Variable+"="+name); b.alone != "" {
		cmd.Env = append(os.Environ(), Variable+"=")
	}
	if p.Tests {
		cmd.Dir = filepath.Join(s.root, filepath.FromSlash(p.Package))
	}
	return cmd, nil
}

// compiled returns the file of the program, which is compiled once.
func (s *Set) compiled(ctx context.Context, b build) (string, error) {
	s.mu.Lock()
	once := s.programs[b]
	if once == nil {
		file := filepath.Join(s.dir, strconv.Itoa(len(s.programs))+".test")
		once = sync.OnceValues(func() (string, error) { return file, s.compile(ctx, b, file) })
		s.programs[b] = once
	}
	s.mu.Unlock()
	return once()
}

func (s *Set) compile(ctx context.Context, b build, file string) error {
	overlay := s.overlay
	if b.alone != "" {
		replace := map[string]string{}
		maps.Copy(replace, s.sources[s.numbers[b.alone]])
		var err error
		if overlay, err = s.write(fmt.Sprintf("alone%d", s.numbers[b.alone]), replace); err != nil {
			return err
		}
	}
	verb := []string{"build"}
	if b.program.Tests {
		verb = []string{"test", "-c", "-vet=off"}
	}
	out, err := s.run(ctx, overlay, verb, "-ldflags=-s -w", "-o", file, b.program.Package)
	if err != nil {
		return fmt.Errorf("%w: %w\n%s", ErrBuild, err, out)
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s: nothing to run: %w", b.program.Package, err)
	}
	return nil
}

// run calls the go command with the overlay and returns what it printed.
func (s *Set) run(ctx context.Context, overlay string, verb []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", slices.Concat(verb, []string{"-overlay=" + overlay}, args)...) //nolint:gosec // the lists are in this module
	cmd.Dir = s.root
	return cmd.CombinedOutput()
}

// write writes the sources, by their paths from the root, and the overlay that
// puts them in the place of the tree's, whose path it returns.
func (s *Set) write(name string, sources map[string]string) (string, error) {
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	replace := map[string]string{}
	for file, text := range sources {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "__"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("overlay: %w", err)
		}
		replace[s.file(file)] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("overlay: %w", err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

func (s *Set) file(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }
