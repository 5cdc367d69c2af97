// Package mutant compiles a module with many ways to break it in one program,
// of which each process chooses one when it starts: the tests that break the
// code cost a build for all of them, not one for each. Nothing in the tree is
// changed, and no code that ships has a switch: what is changed reaches the
// compiler through an overlay.
//
// # Variants
//
// A function that a mutant changes gets the changed body as a variant, before its
// own: a function literal with the same signature, which is called with the same
// receiver and parameters. In it results keep their names, deferred calls run at
// its end, and labels are its own, as in a function that was edited by hand. A
// variable that the overlay adds to each changed package says which mutant was
// chosen; it is read from the environment once, and a name that no mutant of the
// build has ends the process.
//
// # Apart
//
// What is no change of a body cannot be a variant: constants, types, imports, new
// functions, signatures. Nor can a body that recovers from a panic by itself,
// because only the function that was deferred may, and one that does not compile
// beside the others. Such a mutant is compiled apart, in a build of its own, and
// [Set.Apart] says why.
package mutant

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Variable is the environment variable that names the mutant which a process
// is to be; empty, none.
const Variable = "POSTPROOF_MUTANT"

// The ways in which there is no mutant.
var (
	ErrStale   = errors.New("stale: the old text does not stand in the file exactly once")
	ErrBuild   = errors.New("does not build")
	ErrUnknown = errors.New("no such mutant")
)

// Mutant is one way to break the code; all its edits are made together.
type Mutant struct {
	Name  string
	Edits []Edit
}

// Edit is a change of one file. Old stands in it exactly once, after the edits
// before it, and is replaced by New.
type Edit struct {
	File     string // from the root of the module, with slashes
	Old, New string
}

// Sources returns the files that the mutant changes, as it changes them, by their
// paths from the root of the module; ErrStale when an edit does not apply.
func (m Mutant) Sources(root string) (map[string]string, error) {
	sources := map[string]string{}
	for _, e := range m.Edits {
		text, ok := sources[e.File]
		if !ok {
			var err error
			if text, err = read(root, e.File); err != nil {
				return nil, err
			}
		}
		if n := strings.Count(text, e.Old); n != 1 || e.Old == e.New {
			return nil, fmt.Errorf("%s: %w: %d times in %s", m.Name, ErrStale, n, e.File)
		}
		sources[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return sources, nil
}

func read(root, file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))) //nolint:gosec // the list of a test in this module
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	return string(text), nil
}
