package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/internal/mutant"
)

// A list that has fallen behind the code proves nothing.
func TestListsAreFresh(t *testing.T) {
	t.Parallel()
	root, err := absolute(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range all() {
		if names[m.Name] {
			t.Errorf("%s: named twice", m.Name)
		}
		names[m.Name] = true
		if _, err := m.mutant().Sources(root); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if m.Package == "" || m.Run == "" {
			t.Errorf("%s: selects no tests", m.Name)
		}
	}
}

func TestEveryRuleOfTheLedgerIsTakenOut(t *testing.T) {
	t.Parallel()
	rules := map[int]bool{}
	for _, m := range ledger() {
		rules[m.Rule] = true
	}
	for rule := 1; rule <= 14; rule++ {
		if !rules[rule] {
			t.Errorf("no mutation takes rule %d out", rule)
		}
	}
}

// The whole list takes minutes; here, one mutation is caught, and what is none
// is told apart.
func TestCheckTellsWhatAMutationCameTo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module")
	}
	const source = "package small\n\n// Two is two.\nfunc Two() int { return 2 }\n"
	const test = "package small\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Errorf(\"Two() = %d\", Two())\n\t}\n}\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.test/small\n\ngo 1.26\n", "small.go": source, "small_test.go": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		old, replacement, run string
		want                  error
	}{
		"caught":         {"return 2", "return 3", "TestTwo", nil},
		"survived":       {"return 2", "return 2 + 0", "TestTwo", errSurvived},
		"apart":          {"is two", "is the number two", "TestTwo", errSurvived},
		"does not build": {"return 2", "return two", "TestTwo", mutant.ErrBuild},
		"panics":         {"return 2", "panic(2)", "TestTwo", errPanicked},
		"no tests":       {"return 2", "return 3", "TestThree", errNoTests},
	}
	var mutants []mutant.Mutant
	mutation := func(name string) Mutation {
		return Mutation{Name: name, File: "small.go", Old: cases[name].old, New: cases[name].replacement, Package: ".", Run: cases[name].run}
	}
	for name := range cases {
		mutants = append(mutants, mutation(name).mutant())
	}
	set, err := mutant.New(t.Context(), dir, t.TempDir(), mutants)
	if err != nil {
		t.Fatal(err)
	}
	r := runner{set: set, limit: time.Minute}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := r.check(t.Context(), mutation(name)); !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
		})
	}
	if err := r.check(t.Context(), Mutation{Name: "caugth", Package: ".", Run: "TestTwo"}); !errors.Is(err, mutant.ErrUnknown) {
		t.Errorf("a name that is wrong: err = %v, want %v", err, mutant.ErrUnknown)
	}
	stale := Mutation{Name: "stale", File: "small.go", Old: "return 4", New: "return 3", Package: ".", Run: "TestTwo"}
	var out strings.Builder
	all := plan{root: dir, work: t.TempDir(), jobs: 1, times: 2}
	if err := all.checkAll(t.Context(), []Mutation{stale, mutation("caught")}, &out); err == nil ||
		!strings.Contains(err.Error(), "stale: ") || !strings.Contains(out.String(), mutant.ErrStale.Error()) || !strings.Contains(out.String(), "caught\n") {
		t.Errorf("with a stale one: %v\n%s", err, out.String())
	}
}

func TestRunChecksASelection(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module")
	}
	var out strings.Builder
	args := []string{"-root", filepath.Join("..", ".."), "-only", "^rule 12: a changed epoch"}
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "caught") || !strings.HasSuffix(out.String(), "1 mutations, all caught; 0 of them were built apart\n") {
		t.Errorf("it prints %q", out.String())
	}
}
