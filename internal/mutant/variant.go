package mutant

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// chosen is the name of the variable that the overlay adds to a package.
const chosen = "mutantChosen__"

// variant is the body that a function has in one mutant.
type variant struct {
	number int
	text   string // of the whole file
	body   body
}

// joined returns the file with the variants before the bodies that they stand
// for. The name is that of the file in the tree, which compilers and traces
// report; a variant's has the number of its mutant behind it.
func (s *source) joined(name string, variants map[int][]variant) string {
	var out strings.Builder
	at := 0
	for _, i := range slices.Sorted(maps.Keys(variants)) {
		b := s.bodies[i]
		out.WriteString(s.text[at:b.from])
		fmt.Fprintf(&out, "switch %s {", chosen)
		for _, v := range variants[i] {
			s.variant(&out, b, name, v)
		}
		out.WriteString("}")
		out.WriteString(place(s.text, b.from, name))
		at = b.from
	}
	out.WriteString(s.text[at:])
	return out.String()
}

func (s *source) variant(out *strings.Builder, b body, name string, v variant) {
	text := func(n ast.Node) string { return s.text[offset(n.Pos()):offset(n.End())] }
	var parameters, arguments []string
	for _, list := range []*ast.FieldList{b.receiver, b.typ.Params} {
		if list == nil {
			continue
		}
		for _, field := range list.List {
			typ := text(field.Type)
			if variadic, ok := field.Type.(*ast.Ellipsis); ok {
				typ = "[]" + text(variadic.Elt)
			}
			for _, id := range field.Names {
				if id.Name != "_" {
					parameters, arguments = append(parameters, id.Name+" "+typ), append(arguments, id.Name)
				}
			}
		}
	}
	begin, results, end := "", "", "; return"
	if b.typ.Results.NumFields() > 0 {
		begin, results, end = "return ", " "+text(b.typ.Results), ""
	}
	here := place(v.text, v.body.from, fmt.Sprintf("%s#%d", name, v.number))
	fmt.Fprintf(out, "%scase %d: %sfunc(%s)%s {%s", here, v.number, begin, strings.Join(parameters, ", "), results, here)
	out.WriteString(v.text[v.body.from:v.body.to])
	fmt.Fprintf(out, "\n}(%s)%s\n", strings.Join(arguments, ", "), end)
}

// choice is the file that the overlay adds to a package: what the environment
// chooses, by number. Each package knows all names of the build, so that a name
// which is wrong ends the process instead of breaking nothing.
func choice(pkg string, numbers map[string]int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "package %s\n\nimport \"os\"\n\nvar %s = func(name string) int {\n\tswitch name {\n\tcase \"\":\n\t\treturn -1\n", pkg, chosen)
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		fmt.Fprintf(&out, "\tcase %q:\n\t\treturn %d\n", name, numbers[name])
	}
	fmt.Fprintf(&out, "\t}\n\tpanic(\"%s: no such mutant: \" + name)\n}(os.Getenv(%q))\n", Variable, Variable)
	return out.String()
}
