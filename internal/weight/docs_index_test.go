package weight_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// tree is what the repository's files declare, as far as its pages name it.
type tree struct {
	root string
	// packages are those with files that are no tests, by their path below the
	// root ("." is the root package).
	packages map[string]*pkg
	// exported are all exported names: of packages, methods and fields.
	exported map[string]bool
	// tests are the functions that go test runs.
	tests map[string]bool
	// literals are the strings in the code; in testLiterals, in tests, too.
	literals, testLiterals map[string]bool
	// targets are those of make; make is its file, scripts are those of .ci.
	targets map[string]bool
	scripts string
}

// pkg is one package.
type pkg struct {
	name  string
	files map[string]*ast.File // by name, without tests
	// names are the exported ones at its top level, members those of its types.
	names   map[string]bool
	members map[string]*members
	// flags are those that it defines.
	flags map[string]bool
}

// members are the methods and fields of a type.
type members struct {
	names map[string]bool
	// embeds are types of the same package that it has them of; open: it has others
	// from elsewhere.
	embeds []string
	open   bool
}

var readTree = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, packages: map[string]*pkg{}, exported: map[string]bool{}, tests: map[string]bool{}, literals: map[string]bool{}, testLiterals: map[string]bool{}, targets: map[string]bool{}}
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || (d.Name()[0] == '.' && file != root)):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go":
			return nil
		}
		f, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		t.add(filepath.ToSlash(rel), f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range t.packages {
		maps.Copy(t.exported, p.names)
		for _, m := range p.members {
			maps.Copy(t.exported, m.names)
		}
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		return nil, err
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(makefile), -1) {
		t.targets[m[1]] = true
	}
	t.scripts = string(makefile)
	scripts, err := filepath.Glob(filepath.Join(root, ".ci", "*"))
	if err != nil {
		return nil, err
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			return nil, err
		}
		t.scripts += string(text)
	}
	return t, nil
})

// theTree returns the repository's tree, which is read once.
func theTree(t *testing.T) *tree {
	t.Helper()
	all, err := readTree()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.packages) < 30 || len(all.exported) < 1000 || len(all.targets) < 10 {
		t.Fatalf("%d packages, %d exported names, %d targets of make: the test looks at the wrong thing", len(all.packages), len(all.exported), len(all.targets))
	}
	return all
}

func (t *tree) add(file string, f *ast.File) {
	test := strings.HasSuffix(file, "_test.go")
	texts := literals(f)
	if path.Dir(file) == "internal/weight" {
		clear(texts) // the tests here name what is not there
	}
	for lit := range texts {
		t.testLiterals[lit] = true
		if !test {
			t.literals[lit] = true
		}
	}
	if test {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				t.tests[fn.Name.Name] = true
			}
		}
		return
	}
	dir := path.Dir(file)
	p := t.packages[dir]
	if p == nil {
		p = &pkg{name: f.Name.Name, files: map[string]*ast.File{}, names: map[string]bool{}, members: map[string]*members{}, flags: map[string]bool{}}
		t.packages[dir] = p
	}
	p.files[path.Base(file)] = f
	p.declare(f)
}

func (p *pkg) declare(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				p.export(d.Name)
				continue
			}
			if name := receiver(d.Recv.List[0].Type); name != "" {
				p.of(name).add(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.ValueSpec:
					for _, n := range s.Names {
						p.export(n)
					}
				case *ast.TypeSpec:
					p.export(s.Name)
					p.of(s.Name.Name).read(s)
				}
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name := flagOf(call); name != "" {
				p.flags[name] = true
			}
		}
		return true
	})
}

func (p *pkg) export(name *ast.Ident) {
	if name.IsExported() {
		p.names[name.Name] = true
	}
}

func (p *pkg) of(name string) *members {
	if p.members[name] == nil {
		p.members[name] = &members{names: map[string]bool{}}
	}
	return p.members[name]
}

func (m *members) add(names ...*ast.Ident) {
	for _, n := range names {
		if n.IsExported() {
			m.names[n.Name] = true
		}
	}
}

func (m *members) read(s *ast.TypeSpec) {
	var fields *ast.FieldList
	switch u := s.Type.(type) {
	case *ast.StructType:
		fields = u.Fields
	case *ast.InterfaceType:
		fields = u.Methods
	default:
		if s.Assign.IsValid() {
			m.embed(s.Type)
		}
		return
	}
	for _, f := range fields.List {
		if m.add(f.Names...); len(f.Names) == 0 {
			m.embed(f.Type)
		}
	}
}

func (m *members) embed(e ast.Expr) {
	if name := receiver(e); name != "" {
		m.embeds = append(m.embeds, name)
		m.add(ast.NewIdent(name))
		return
	}
	m.open = true
}

// has reports whether a type has a method or a field.
func (p *pkg) has(typ, member string) bool {
	m := p.members[typ]
	if m == nil {
		return false
	}
	return m.open || m.names[member] || slices.ContainsFunc(m.embeds, func(e string) bool { return p.has(e, member) })
}

// receiver names the type of a method.
func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

var defines = regexp.MustCompile(`^(String|Bool|Int|Int64|Uint|Uint64|Float64|Duration|Text|Func|BoolFunc)?(Var)?$`)

// flagOf names the flag that a call defines, or nothing.
func flagOf(call *ast.CallExpr) string {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !defines.MatchString(fun.Sel.Name) || len(call.Args) < 2 {
		return ""
	}
	for _, arg := range call.Args[:2] {
		if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			name, _ := strconv.Unquote(lit.Value)
			return name
		}
	}
	return ""
}

func literals(f *ast.File) map[string]bool {
	all := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				all[text] = true
			}
		}
		return true
	})
	return all
}

// named returns the packages of that name; a command and an example go by the
// name of their folder, too.
func (t *tree) named(name string) []*pkg {
	var all []*pkg
	for _, dir := range slices.Sorted(maps.Keys(t.packages)) {
		if p := t.packages[dir]; p.name == name || path.Base(dir) == name {
			all = append(all, p)
		}
	}
	return all
}

// flags are those of the program in a folder: its own, and those of the packages of
// this module that it imports.
func (t *tree) flags(dir string) map[string]bool {
	all, seen := map[string]bool{"h": true}, map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		p := t.packages[dir]
		if p == nil || seen[dir] {
			return
		}
		seen[dir] = true
		maps.Copy(all, p.flags)
		for _, f := range p.files {
			for _, imp := range f.Imports {
				if rest, ok := strings.CutPrefix(imp.Path.Value, strconv.Quote(module)[:len(module)+1]); ok {
					visit(path.Clean(strings.Trim(rest, `/"`)))
				}
			}
		}
	}
	visit(dir)
	return all
}

// program returns the folder of the program with that name, or nothing.
func (t *tree) program(name string) string {
	for _, dir := range slices.Sorted(maps.Keys(t.packages)) {
		if t.packages[dir].name == "main" && path.Base(dir) == name {
			return dir
		}
	}
	return ""
}
