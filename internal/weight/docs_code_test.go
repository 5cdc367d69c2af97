package weight_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// goName says why a name, qualified or not, is not there, or nothing.
func (t *tree) goName(s string) string {
	parts := strings.Split(s, ".")
	if pkgs := t.named(parts[0]); len(pkgs) > 0 && len(parts) > 1 {
		return inPackages(pkgs, s, parts[1:])
	}
	for i, part := range parts {
		if !ast.IsExported(part) && i > 0 {
			return "it is not exported"
		}
	}
	if len(parts) == 1 {
		if !t.exported[s] {
			return "nothing is named like this"
		}
		return ""
	}
	if ast.IsExported(parts[0]) { // a type and what it has
		for _, p := range t.packages {
			if p.names[parts[0]] && p.has(parts[0], parts[1]) {
				return ""
			}
		}
		return "no type has it"
	}
	if !t.exported[parts[len(parts)-1]] { // a variable and what it has
		return "nothing has it"
	}
	return ""
}

// inPackages says why none of the packages has a name, and what is behind it.
func inPackages(pkgs []*pkg, s string, parts []string) string {
	for _, p := range pkgs {
		if p.names[parts[0]] && (len(parts) == 1 || p.has(parts[0], parts[1])) {
			return ""
		}
	}
	return "package " + pkgs[0].name + " has no " + strings.Join(parts, ".")
}

// expression checks the names of a piece of Go.
func (t *tree) expression(s string) []string {
	e, err := parser.ParseExpr(s)
	if err != nil {
		if e, err = parser.ParseExpr("T{" + s + "}"); err != nil {
			return []string{"there is no such file, name or word"}
		}
	}
	return t.names(e)
}

// goBlock checks the names of a block of Go: a file, declarations, or statements.
func (t *tree) goBlock(text string) []string {
	var err error
	for _, whole := range []string{text, "package p\n" + text, "package p\nfunc _() {\n" + text + "\n}"} {
		var f *ast.File
		if f, err = parser.ParseFile(token.NewFileSet(), "", whole, parser.SkipObjectResolution); err == nil {
			return t.names(f)
		}
	}
	return []string{"it is no Go: " + err.Error()}
}

// foreign are packages and variables in the blocks whose names are not ours.
var foreign = []string{"context", "fmt", "testing", "t", "mux", "acme"}

// names returns what a piece of Go names and the tree has not: exported names of
// our packages, fields of their structs, methods of anything.
func (t *tree) names(n ast.Node) (wrong []string) {
	local := map[string]bool{} // variables, which may be called like a package
	ast.Inspect(n, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, e := range a.Lhs {
				if id, ok := e.(*ast.Ident); ok {
					local[id.Name] = true
				}
			}
		}
		return true
	})
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(foreign, x.Name) {
				return false
			}
			if ok && !local[x.Name] {
				if reason := t.goName(x.Name + "." + n.Sel.Name); reason != "" {
					wrong = append(wrong, fmt.Sprintf("%s.%s: %s", x.Name, n.Sel.Name, reason))
				}
				return false
			}
			if !t.exported[n.Sel.Name] {
				wrong = append(wrong, n.Sel.Name+": nothing has it")
			}
		case *ast.CompositeLit:
			wrong = append(wrong, t.fields(n)...)
		case *ast.ImportSpec:
			if rest, ok := strings.CutPrefix(strings.Trim(n.Path.Value, `"`), module); ok && t.packages[path.Clean("./"+rest)] == nil {
				wrong = append(wrong, n.Path.Value+": there is no such package")
			}
		}
		return true
	})
	return wrong
}

func (t *tree) fields(lit *ast.CompositeLit) (wrong []string) {
	typ, _ := lit.Type.(*ast.SelectorExpr)
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, ok := kv.Key.(*ast.Ident)
		switch {
		case !ok:
		case typ == nil:
			if !t.exported[key.Name] {
				wrong = append(wrong, key.Name+": nothing has it")
			}
		default:
			if reason := t.goName(fmt.Sprintf("%s.%s.%s", typ.X, typ.Sel.Name, key.Name)); reason != "" {
				wrong = append(wrong, reason)
			}
		}
	}
	return wrong
}

// shellBlock checks the programs of this repository, and their flags.
func (t *tree) shellBlock(text string) (wrong []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		wrong = append(wrong, t.command(line)...)
	}
	return wrong
}

var redirect = regexp.MustCompile(`^[<>&|]|/dev/null`)

// command checks one command line. What the operator's command takes is told by the
// test of client/cmd/postproof, which runs it.
func (t *tree) command(line string) (wrong []string) {
	words := strings.Fields(line)
	for len(words) > 0 && strings.Contains(words[0], "=") { // variables before a command
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	args := words[1:]
	switch words[0] {
	case "export":
		for _, w := range args {
			if name, _, _ := strings.Cut(w, "="); name != "PATH" && t.variable(name) != "" {
				wrong = append(wrong, name+": "+t.variable(name))
			}
		}
	case "make":
		for _, w := range args {
			name, _, set := strings.Cut(w, "=")
			if set && t.variable(name) != "" || !set && !t.targets[w] {
				wrong = append(wrong, w+": make knows no such target or variable")
			}
		}
	case "go":
		return t.goCommand(args)
	case "timeout":
		args = args[3:] // a signal and a time stand before the program
		return t.command(strings.Join(args, " "))
	case "postproof", "cp", "kill", "mkdir", "rm":
	default:
		dir := t.program(words[0])
		if dir == "" {
			return []string{words[0] + ": there is no such program"}
		}
		return t.takes(dir, args)
	}
	return wrong
}

// goCommand checks the packages that the go command is given, and the flags of the
// program that it runs.
func (t *tree) goCommand(args []string) (wrong []string) {
	if len(args) == 0 {
		return []string{"go does nothing"}
	}
	for i, w := range args[1:] {
		w, _, _ = strings.Cut(w, "@")
		rest, ours := strings.CutPrefix(w, module)
		if dir := path.Clean("./" + rest); ours && t.packages[dir] == nil || !ours && strings.HasPrefix(w, "./") && t.packages[path.Clean(w)] == nil {
			wrong = append(wrong, w+": there is no such package")
		}
		if args[0] == "run" && (ours || strings.HasPrefix(w, "./")) {
			dir := w
			if ours {
				dir = "./" + rest
			}
			return append(wrong, t.takes(path.Clean(dir), args[i+2:])...)
		}
		if alternatives, ok := strings.CutPrefix(w, "'"); ok && args[0] == "test" {
			for alternative := range strings.SplitSeq(strings.Trim(alternatives, "'"), "|") {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(t.tests)), func(n string) bool { return strings.Contains(n, alternative) }) {
					wrong = append(wrong, alternative+": no test's name has it")
				}
			}
		}
	}
	return wrong
}

// takes says which of the flags a program does not know.
func (t *tree) takes(dir string, args []string) (wrong []string) {
	flags := t.flags(dir)
	for _, w := range args {
		name := strings.TrimLeft(w, "-")
		if w[0] == '-' && !flags[name] {
			wrong = append(wrong, fmt.Sprintf("%s: %s has no such flag", w, dir))
		}
		if redirect.MatchString(w) {
			break
		}
	}
	return wrong
}
