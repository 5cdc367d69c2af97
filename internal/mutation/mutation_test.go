package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func newRunner(t *testing.T) runner {
	t.Helper()
	dir, err := absolute(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return runner{root: dir, limit: time.Minute}
}

// A list that has fallen behind the code proves nothing.
func TestListsAreFresh(t *testing.T) {
	t.Parallel()
	r, names := newRunner(t), map[string]bool{}
	for _, m := range all() {
		if names[m.Name] {
			t.Errorf("%s: named twice", m.Name)
		}
		names[m.Name] = true
		if _, err := r.source(m); err != nil {
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
		t.Skip("builds a package several times")
	}
	const source = "package small\n\n// Two is two.\nfunc Two() int { return 2 }\n"
	const test = "package small\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Errorf(\"Two() = %d\", Two())\n\t}\n}\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.test/small\n\ngo 1.26\n", "small.go": source, "small_test.go": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runner{root: dir, limit: time.Minute}
	for name, tc := range map[string]struct {
		old, replacement, run string
		want                  error
	}{
		"caught":         {"return 2", "return 3", "TestTwo", nil},
		"survived":       {"is two", "is the number two", "TestTwo", errSurvived},
		"does not build": {"return 2", "return two", "TestTwo", errBuild},
		"panics":         {"return 2", "panic(2)", "TestTwo", errPanicked},
		"no tests":       {"return 2", "return 3", "TestThree", errNoTests},
		"stale":          {"return 4", "return 3", "TestTwo", errStale},
		"ambiguous":      {"wo", "wo ", "TestTwo", errStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := r.check(t.Context(), Mutation{File: "small.go", Old: tc.old, New: tc.replacement, Package: ".", Run: tc.run}, t.TempDir())
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if left, _ := os.ReadFile(filepath.Join(dir, "small.go")); string(left) != source {
				t.Error("the tree was changed")
			}
		})
	}
}

func TestRunChecksASelection(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a package several times")
	}
	var out strings.Builder
	args := []string{"-root", filepath.Join("..", ".."), "-only", "^rule 12: a changed epoch"}
	if err := run(t.Context(), args, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "caught") || !strings.HasSuffix(out.String(), "1 mutations, all caught\n") {
		t.Errorf("it prints %q", out.String())
	}
}
