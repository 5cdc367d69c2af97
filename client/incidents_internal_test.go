package client

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/idempotency"
)

// ordinary are the kinds of what happens as it should, or is listed elsewhere: what
// is held, what a person did, what goes on by itself.
func ordinary() []idempotency.EntryKind {
	return []idempotency.EntryKind{
		"absent", "accepted", "amended", "asked_again", "callback", "callback_kept", "canary_approved", "canary_withdrawn",
		"cancel_unknown", "cancel_wished", "canceled", "cannot_rebuild", "dead", "decided", "done", "erased", "erasing", "held",
		"intent", "lease_expired", "next_generation", "no_route", "not_taken", "outdated", "planned", "postponed", "recovered",
		"recovery_lost", "refused", "refused_in_doubt", "released", "remailed", "reopened", "replanned", "replayed", "skipped", "status", "suspected",
		"twin_dead", "unknown",
	}
}

// Whoever adds a kind of entry says whether a person should look at it: each that the
// code writes is an incident or an ordinary one, and each of these is written.
func TestEveryKindIsAnIncidentOrNot(t *testing.T) {
	t.Parallel()
	written := map[idempotency.EntryKind]bool{}
	named := constantsIn(sourcesIn(t, "../idempotency"))
	for _, dir := range []string{".", "callback", "../idempotency"} {
		sources := sourcesIn(t, dir)
		constants := constantsIn(sources)
		for name, text := range named {
			constants["idempotency."+name] = text
		}
		for name, of := range namesIn(sources) { // of a package, as kindRemailed is
			if text, ok := constants[of]; ok {
				constants[name] = text
			}
		}
		for _, file := range sources {
			ast.Inspect(file, func(n ast.Node) bool {
				for _, expr := range kindsAt(n) {
					if kind, ok := textOf(expr, constants); ok {
						written[idempotency.EntryKind(kind)] = true
					} else if name, ok := expr.(*ast.Ident); !ok || name.Name != "kind" { // a parameter of what is looked at where it is called
						t.Errorf("%s: an entry whose kind the test cannot read", dir)
					}
				}
				return true
			})
		}
	}
	delete(written, "") // of what only says it in the log
	all := slices.Sorted(slices.Values(slices.Concat(incidentKinds(), ordinary())))
	if diff := cmp.Diff(all, slices.Sorted(maps.Keys(written))); diff != "" {
		t.Errorf("kinds that are listed, and that are written (-listed +written)\n%s", diff)
	}
	for _, kind := range incidentKinds() {
		if slices.Contains(ordinary(), kind) {
			t.Errorf("%s is an incident, and none", kind)
		}
	}
}

// Each kind that is written has a constant, which is said what it is, and each constant is
// written, here or by a store.
func TestEveryKindHasAConstant(t *testing.T) {
	t.Parallel()
	var listed []idempotency.EntryKind
	for name, text := range constantsIn(sourcesIn(t, "../idempotency")) {
		if strings.HasPrefix(name, "Entry") {
			listed = append(listed, idempotency.EntryKind(text))
		}
	}
	want := slices.Concat(incidentKinds(), ordinary(), []idempotency.EntryKind{idempotency.EntryEpochChanged})
	slices.Sort(want)
	slices.Sort(listed)
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("kinds that are written, and those with a constant (-written +constants)\n%s", diff)
	}
}

// It is said of each incident what it is.
func TestEveryIncidentHasAMeaning(t *testing.T) {
	t.Parallel()
	said := map[string]IncidentKind{IncidentKind("none").Meaning(): "none"}
	for _, kind := range IncidentKinds() {
		if other, there := said[kind.Meaning()]; there {
			t.Errorf("%s and %s mean %q", kind, other, kind.Meaning())
		}
		said[kind.Meaning()] = kind
	}
}

func sourcesIn(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// constantsIn returns the texts of a package's constants.
func constantsIn(files []*ast.File) map[string]string {
	texts := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, name := range spec.Names {
					if text, ok := textOf(spec.Values[i], nil); ok {
						texts[name.Name] = text
					}
				}
			}
			return true
		})
	}
	return texts
}

// namesIn returns the package's constants that are another package's.
func namesIn(files []*ast.File) map[string]string {
	names := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, name := range spec.Names {
					if sel, ok := spec.Values[i].(*ast.SelectorExpr); ok {
						if on, ok := sel.X.(*ast.Ident); ok {
							names[name.Name] = on.Name + "." + sel.Sel.Name
						}
					}
				}
			}
			return true
		})
	}
	return names
}

// kindsAt returns what a node has as the kind of an entry of the history: in an
// entry, in what is set of one, and in the calls that make one.
func kindsAt(n ast.Node) (kinds []ast.Expr) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		list, many := n.Type.(*ast.ArrayType)
		switch {
		case many && isEntry(list.Elt):
			for _, one := range n.Elts {
				if lit, ok := one.(*ast.CompositeLit); ok {
					kinds = append(kinds, kindOfLiteral(lit)...)
				}
			}
		case isEntry(n.Type):
			kinds = kindOfLiteral(n)
		}
	case *ast.AssignStmt:
		if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Kind" {
			if on, ok := s.X.(*ast.Ident); ok && on.Name == "e" {
				kinds = append(kinds, n.Rhs[0])
			}
		}
	case *ast.CallExpr:
		switch calledName(n) {
		case "t.note", "t.noteSub", "tell":
			kinds = n.Args[:1]
		case "c.aboutSpooled":
			kinds = n.Args[1:2]
		}
	}
	return kinds
}

// calledName returns the name of what is called, with that of its receiver.
func calledName(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if on, ok := fun.X.(*ast.Ident); ok {
			return on.Name + "." + fun.Sel.Name
		}
	}
	return ""
}

func isEntry(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Entry"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Entry"
	default:
		return false
	}
}

func kindOfLiteral(lit *ast.CompositeLit) (kinds []ast.Expr) {
	for _, elt := range lit.Elts {
		if kv, ok := elt.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Kind" {
				kinds = append(kinds, kv.Value)
			}
		}
	}
	return kinds
}

// textOf returns the text that an expression is.
func textOf(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	case *ast.SelectorExpr:
		on, _ := e.X.(*ast.Ident)
		if on == nil {
			return "", false
		}
		text, ok := constants[on.Name+"."+e.Sel.Name]
		return text, ok
	default:
		return "", false
	}
}
