package mutant_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/internal/mutant"
)

const (
	mainFile   = "main.go"
	otherFile  = "other/other.go"
	numberFile = "other/number.go"
)

var (
	small = mutant.Program{Package: "."}
	other = mutant.Program{Package: "./other", Tests: true}
)

// module writes the module that is broken and returns its folder.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files() {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func files() map[string]string {
	return map[string]string{
		"go.mod": smallMod, mainFile: smallMain, otherFile: smallOther, numberFile: smallNumber, "other/number_test.go": smallTest,
	}
}

// run runs the program as the mutant and returns what it printed.
func run(t *testing.T, s *mutant.Set, p mutant.Program, name string, args ...string) (string, error) {
	t.Helper()
	cmd, err := s.Command(t.Context(), p, name, args...)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// shape is a change, and what comes of it.
type shape struct {
	edits      []mutant.Edit
	call       string
	want, real string // what the mutant prints, and what the original does
	apart      string // why it is, if it is
}

func in(file, before, after string) mutant.Edit {
	return mutant.Edit{File: file, Old: before, New: after}
}

func edit(before, after string) []mutant.Edit { return []mutant.Edit{in(mainFile, before, after)} }

const (
	outside = "it changes what is in no function"
	beside  = "it does not compile beside the others"
)

func shapes() map[string]shape {
	return map[string]shape{
		"named results and a deferred call": {edit("\tn = 1\n", "\tn = 2\n"), "named", "2 deferred", "1 deferred", ""},
		"a result that is declared with :=": {edit("\tn = 1\n", "\tn, own := 3, errors.New(\"own\")\n\terr = own\n"), "named", "3 own\ndeferred", "1 deferred", ""},
		"a parameter that is assigned to":   {edit("return get()*10 + m", "return get()*100 + m"), "shadow", "201", "21", ""},
		"no results":                        {edit(`"said")`, `"heard")`), "quiet", "[heard]", "[said]", ""},
		"no results, and nothing done":      {edit("\t*out = append(*out, \"said\")\n", ""), "quiet", "[]", "[said]", ""},
		"type parameters, variadic":         {edit("return list[0]", "return list[len(list)-1]"), "first", "8 b", "7 a", ""},
		"a generic receiver":                {edit("p.a, p.b = p.b, p.a", "p.a = p.b"), "pair", "2 2", "2 1", ""},
		"a receiver that is a value":        {edit("T { return p.a }", "T { return p.b }"), "pair", "1 1", "2 1", ""},
		"a receiver that is assigned to":    {edit("T { return p.a }", "T {\n\tget := func() T { return p.a }\n\tp, n := pair[T]{p.b, p.a}, 1\n\t_ = n\n\treturn get()\n}"), "pair", "1 1", "2 1", ""},
		"parameters without names":          {edit(`return "blanks" }`, `return "blank" }`), "blanks", "blank s", "blanks s", ""},
		"parameters that are blank":         {edit("return s }", "return s + s }"), "blanks", "blanks ss", "blanks s", ""},
		"recursion":                         {edit(`return "d" +`, `return "e" +`), "down", "ee.", "dd.", ""},
		"labels":                            {edit("if n < 3 {", "if n < 4 {"), "label", "4", "3", ""},
		"the last use of an import":         {edit("return strings.ToUpper(s)", "return s"), "upper", "u", "U", ""},
		"a literal of the package":          {edit("return n + 1 }", "return n + 2 }"), "literal", "3", "2", ""},
		"before main":                       {edit("return 5 }", "return 50 }"), "early", "50", "5", ""},
		"init":                              {edit(`begun = "init"`, `begun = "begun"`), "init", "begun", "init", ""},
		"over two functions": {
			edit("return 5 }\n\nvar begun string\n\nfunc init() {\n\tbegun = \"init\"", "return 51 }\n\nvar begun string\n\nfunc init() {\n\tbegun = fmt.Sprint(\"with \", early)"),
			"init", "with 51", "init", "",
		},
		"two files": {
			[]mutant.Edit{in(otherFile, `return "other"`, `return "else"`), in(numberFile, "return 1", "return 2")}, "other", "else 2", "other 1", "",
		},
		"two packages": {
			[]mutant.Edit{in(otherFile, `return "other"`, `return "mine"`), in(mainFile, "other.Name(), ", `other.Name(), "and", `)}, "other", "mine and 1", "other 1", "",
		},
		"twice in a file": {
			[]mutant.Edit{in(numberFile, "return 1", "return 10"), in(numberFile, "return 10", "return 11")}, "other", "other 11", "other 1", "",
		},
		"recovering": {
			edit(`fmt.Sprint("rescued`, `fmt.Sprint("saved`), "guarded", "saved from oh", "rescued from oh", "a function that recovers by itself has no variants",
		},
		"a constant":          {edit("const limit = 3", "const limit = 4"), "hides", "5", "4", outside},
		"a type":              {edit("struct{ a, b T }", "struct{ b, a T }"), "pair", "1 2", "2 1", outside},
		"a signature":         {edit("func down(n int) string {", "func down(n int8) string {"), "down", "dd.", "dd.", outside},
		"a new function":      {edit("func compute() int { return 5 }", "func compute() int { return added() }\n\nfunc added() int { return 7 }"), "early", "7", "5", outside},
		"a new import":        {edit("\t\"errors\"\n\t\"fmt\"\n", "\t\"errors\"\n\t\"fmt\"\n\t_ \"embed\"\n"), "early", "5", "5", outside},
		"a comment":           {edit("is said", "was said"), "documented", "6", "6", outside},
		"a name that is lent": {edit("return int + limit", "return int - limit"), "hides", "-2", "4", beside},
	}
}

// Each shape of a change does what it does to a function that was edited by hand,
// alone; where nothing or another mutant is chosen, the function is the original.
func TestShapes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module several times")
	}
	root := module(t)
	all := shapes()
	var mutants []mutant.Mutant
	for _, name := range slices.Sorted(maps.Keys(all)) {
		mutants = append(mutants, mutant.Mutant{Name: name, Edits: all[name].edits})
	}
	s, err := mutant.New(t.Context(), root, t.TempDir(), mutants)
	if err != nil {
		t.Fatal(err)
	}
	apart := s.Apart()
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := ""
			if apart[name] != nil {
				why = apart[name].Error()
			}
			if !strings.HasSuffix(why, tc.apart) || (why == "") != (tc.apart == "") {
				t.Errorf("apart because %q, want %q", why, tc.apart)
			}
			if got, err := run(t, s, small, name, tc.call); got != tc.want || err != nil {
				t.Errorf("it prints %q, %v, want %q", got, err, tc.want)
			}
			if got, err := run(t, s, small, "", tc.call); got != tc.real || err != nil {
				t.Errorf("the original prints %q, %v, want %q", got, err, tc.real)
			}
			another := "labels"
			if name == another {
				another = "recursion"
			}
			if got, err := run(t, s, small, another, tc.call); got != tc.real || err != nil {
				t.Errorf("another mutant prints %q, %v, want %q", got, err, tc.real)
			}
		})
	}
	t.Cleanup(func() {
		for name, text := range files() {
			got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
			if diff := cmp.Diff(text, string(got)); diff != "" || err != nil {
				t.Errorf("%s was changed: %v (-want +got)\n%s", name, err, diff)
			}
		}
	})
}

// What does not compile hides nothing: the others run, and it is told of by name
// when its turn comes. That its text is no Go is known before.
func TestWhatDoesNotCompile(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module several times")
	}
	broken := map[string][]mutant.Edit{
		"a return that is missing":   edit("\treturn \"d\" + down(n-1)\n", ""),
		"a variable without use":     edit("\tn := 0\nagain:", "\tn, m := 0, 1\nagain:"),
		"a label without use":        edit("\t\t\tcontinue again\n", "\t\t\tcontinue\n"),
		"an unknown name":            edit("return 5 }", "return five }"),
		"no Go":                      edit("return 6 }", "return 6 6 }"),
		"in a package that is below": {in(numberFile, "return 1", "return one")},
	}
	mutants := []mutant.Mutant{{Name: "fine", Edits: edit("return list[0]", "return list[1]")}, {Name: "fine below", Edits: []mutant.Edit{in(otherFile, `"other" }`, `"below" }`)}}}
	for name, edits := range broken {
		mutants = append(mutants, mutant.Mutant{Name: name, Edits: edits})
	}
	s, err := mutant.New(t.Context(), module(t), t.TempDir(), mutants)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(broken)), slices.Sorted(maps.Keys(s.Apart()))); diff != "" {
		t.Errorf("apart are (-want +got)\n%s", diff)
	}
	for name := range broken {
		if _, err := run(t, s, small, name, "down"); !errors.Is(err, mutant.ErrBuild) {
			t.Errorf("%s: %v, want %v", name, err, mutant.ErrBuild)
		}
	}
	for name, tc := range map[string]struct{ call, want string }{"fine": {"first", "8 b"}, "fine below": {"other", "below 1"}, "": {"down", "dd."}} {
		if got, err := run(t, s, small, name, tc.call); got != tc.want || err != nil {
			t.Errorf("%s: it prints %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

// Tests pass with all mutants compiled in and none chosen, and fail with one.
func TestTestsOfAPackage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module several times")
	}
	s, err := mutant.New(t.Context(), module(t), t.TempDir(), []mutant.Mutant{
		{Name: "two", Edits: []mutant.Edit{in(numberFile, "return 1", "return 2")}},
		{Name: "three", Edits: []mutant.Edit{in(numberFile, "return 1", "return 3")}},
		{Name: "the test's own", Edits: []mutant.Edit{in("other/number_test.go", "n != 1", "n != 4")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if apart := s.Apart(); len(apart) != 1 || apart["the test's own"] == nil {
		t.Errorf("apart are %v", apart)
	}
	for name, want := range map[string]string{"": "PASS", "two": "Number() = 2", "three": "Number() = 3", "the test's own": "Number() = 1"} {
		got, err := run(t, s, other, name)
		if !strings.Contains(got, want) || (err == nil) != (name == "") {
			t.Errorf("%q: %v, %s, want %q", name, err, got, want)
		}
	}
}

// A panic tells the line of the tree, in what was not broken too.
func TestLines(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module")
	}
	root := module(t)
	s, err := mutant.New(t.Context(), root, t.TempDir(), []mutant.Mutant{
		{Name: "before", Edits: edit("return 5 }", "return 4 }")},
		{Name: "there", Edits: edit("if n > 0 {", "if n >= 0 {")},
	})
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(smallMain, `panic("here")`)
	line := ":" + strconv.Itoa(1+strings.Count(before, "\n"))
	for name, file := range map[string]string{"": "main.go", "before": "main.go", "there": "main.go#1"} {
		if got, err := run(t, s, small, name, "fails"); err == nil || !strings.Contains(got, filepath.Join(root, file)+line) {
			t.Errorf("%q: %v, %s\nwant a panic in %s%s", name, err, got, file, line)
		}
	}
}

// A name that no mutant has is an error, never a mutant that changes nothing.
func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a module")
	}
	two := mutant.Mutant{Name: "two", Edits: []mutant.Edit{in(numberFile, "return 1", "return 2")}}
	s, err := mutant.New(t.Context(), module(t), t.TempDir(), []mutant.Mutant{two})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(t.Context(), other, "tow"); !errors.Is(err, mutant.ErrUnknown) {
		t.Errorf("err = %v, want %v", err, mutant.ErrUnknown)
	}
	cmd, err := s.Command(t.Context(), other, "two")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), mutant.Variable+"=tow")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no such mutant: tow") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	root := module(t)
	two := mutant.Mutant{Name: "two", Edits: []mutant.Edit{in(numberFile, "return 1", "return 2")}}
	for name, tc := range map[string]struct {
		mutants []mutant.Mutant
		want    string
	}{
		"gone":      {[]mutant.Mutant{{Name: "m", Edits: edit("return 99", "")}}, mutant.ErrStale.Error()},
		"ambiguous": {[]mutant.Mutant{{Name: "m", Edits: edit("return", "")}}, mutant.ErrStale.Error()},
		"no change": {[]mutant.Mutant{{Name: "m", Edits: edit("return 5", "return 5")}}, mutant.ErrStale.Error()},
		"no file":   {[]mutant.Mutant{{Name: "m", Edits: []mutant.Edit{in("none.go", "a", "b")}}}, "none.go"},
		"no name":   {[]mutant.Mutant{{Edits: two.Edits}}, "no name"},
		"one name":  {[]mutant.Mutant{two, two}, "that of another one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := mutant.New(t.Context(), root, t.TempDir(), tc.mutants); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want one that says %q", err, tc.want)
			}
		})
	}
}
