package weight_test

import (
	"go/ast"
	"go/doc/comment"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocLinks: what stands in brackets in the comments of the packages is there,
// and is a link where the package's documentation is read.
func TestDocLinks(t *testing.T) {
	t.Parallel()
	all := theTree(t)
	n := 0
	for _, dir := range slices.Sorted(maps.Keys(all.packages)) {
		p := all.packages[dir]
		for _, name := range slices.Sorted(maps.Keys(p.files)) {
			for _, text := range comments(p.files[name]) {
				for _, l := range links(text) {
					n++
					if reason := all.doesNotLead(p, l); reason != "" {
						t.Errorf("%s: [%s]: %s", path.Join(dir, name), linkText(l), reason)
					}
				}
			}
		}
	}
	if n < 500 {
		t.Errorf("%d links: has their form changed?", n)
	}
}

func TestDocLinksRule(t *testing.T) {
	t.Parallel()
	all := theTree(t)
	for _, tt := range []struct{ dir, good, bad string }{
		{"client", "[Client]", "[Clients]"},
		{"client", "[Client.Submit]", "[Client.Submits]"},
		{"client", "[postproof.Job]", "[postproof.Jobs]"},
		{"client", "[vendors.Adapter.Submit]", "[vendors.Adapter.Submits]"},
		{"client", "[context.Context]", "[lob.New]"}, // which client does not import
	} {
		for text, leads := range map[string]bool{tt.good: true, tt.bad: false} {
			l := links("See " + text + ".")
			if len(l) != 1 {
				t.Fatalf("%s: %d links", text, len(l))
			}
			if got := all.doesNotLead(all.packages[tt.dir], l[0]); (got == "") != leads {
				t.Errorf("%s: %q", text, got)
			}
		}
	}
}

// comments are the documentation in a file.
func comments(f *ast.File) (all []string) {
	add := func(groups ...*ast.CommentGroup) {
		for _, g := range groups {
			if g != nil {
				all = append(all, g.Text())
			}
		}
	}
	add(f.Doc)
	for _, d := range f.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				add(n.Doc)
				return false
			case *ast.GenDecl:
				add(n.Doc)
			case *ast.TypeSpec:
				add(n.Doc)
			case *ast.ValueSpec:
				add(n.Doc)
			case *ast.Field:
				add(n.Doc)
			}
			return true
		})
	}
	return all
}

// links are what the text has in brackets.
func links(text string) (all []*comment.DocLink) {
	p := comment.Parser{
		LookupPackage: func(name string) (string, bool) { return name, true },
		LookupSym:     func(string, string) bool { return true },
	}
	var blocks func([]comment.Block)
	blocks = func(bs []comment.Block) {
		for _, b := range bs {
			switch b := b.(type) {
			case *comment.Paragraph:
				for _, x := range b.Text {
					if l, ok := x.(*comment.DocLink); ok {
						all = append(all, l)
					}
				}
			case *comment.List:
				for _, item := range b.Items {
					blocks(item.Content)
				}
			}
		}
	}
	blocks(p.Parse(text).Content)
	return all
}

func linkText(l *comment.DocLink) string {
	return strings.Join(slices.DeleteFunc([]string{l.ImportPath, l.Recv, l.Name}, func(s string) bool { return s == "" }), ".")
}

var (
	plainName    = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	majorVersion = regexp.MustCompile(`/v[0-9]+$`)
)

// doesNotLead says why a link in the comments of a package is none, or nothing.
func (t *tree) doesNotLead(p *pkg, l *comment.DocLink) string {
	to := p
	if l.ImportPath != "" && l.ImportPath != p.name {
		imported, ours := t.imported(p, l.ImportPath)
		_, std := comment.DefaultLookupPackage(l.ImportPath)
		switch {
		case ours != nil:
			to = ours
		case imported != "", std, strings.Contains(l.ImportPath, "/"):
			return "" // another module's
		case !plainName.MatchString(l.ImportPath), l.Name == "" && len(t.named(l.ImportPath)) == 0:
			return "" // no link was meant: a set of characters, a name that is not exported
		default:
			return "the package does not import it, so that it is no link"
		}
	}
	switch {
	case l.Name == "":
	case l.Recv != "" && !to.has(l.Recv, l.Name):
		return l.Recv + " has no " + l.Name
	case l.Recv == "" && !to.names[l.Name]:
		return "package " + to.name + " has no " + l.Name
	}
	return ""
}

// imported returns the path of what a package imports under a name, and the package
// where it is ours.
func (t *tree) imported(p *pkg, name string) (string, *pkg) {
	for _, f := range p.files {
		for _, imp := range f.Imports {
			long, _ := strconv.Unquote(imp.Path.Value)
			rest, ours := strings.CutPrefix(long, module)
			to := t.packages[path.Clean("./"+rest)]
			switch {
			case long == name, imp.Name != nil && imp.Name.Name == name:
			case imp.Name != nil:
				continue
			case ours && to != nil && to.name == name, path.Base(majorVersion.ReplaceAllString(long, "")) == name:
			default:
				continue
			}
			if !ours {
				return long, nil
			}
			return long, to
		}
	}
	return "", nil
}
