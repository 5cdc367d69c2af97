package mutant

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// source is a file and the functions in it that are in no other function:
// declared ones, and literals of package variables.
type source struct {
	text   string
	pkg    string
	bodies []body
}

// body is that of one function. Offsets are in the text of its file.
type body struct {
	receiver *ast.FieldList
	typ      *ast.FuncType
	from, to int // what is between the braces
	recovers bool
}

func parse(text string) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	s := &source{text: text, pkg: file.Name.Name}
	ast.Inspect(file, func(n ast.Node) bool {
		var b body
		var block *ast.BlockStmt
		switch n := n.(type) {
		case *ast.FuncDecl:
			b.receiver, b.typ, block = n.Recv, n.Type, n.Body
		case *ast.FuncLit:
			b.typ, block = n.Type, n.Body
		default:
			return true
		}
		if block != nil {
			b.from, b.to, b.recovers = offset(block.Lbrace)+1, offset(block.Rbrace), recovers(block)
			s.bodies = append(s.bodies, b)
		}
		return false
	})
	return s, nil
}

// offset is the place of a position in the only file of its set.
func offset(p token.Pos) int { return int(p) - 1 }

// recovers reports whether the function itself calls recover. In a literal that
// the function calls, it would recover nothing.
func recovers(block *ast.BlockStmt) (found bool) {
	ast.Inspect(block, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			name, ok := call.Fun.(*ast.Ident)
			found = found || ok && name.Name == "recover"
		}
		_, inner := n.(*ast.FuncLit)
		return !inner
	})
	return found
}

// changed returns the bodies of after that differ from those of before, by their
// numbers, or why they do not tell the difference of the two files.
func changed(before, after *source) (map[int]body, error) {
	if before.frame() != after.frame() {
		return nil, errors.New("it changes what is in no function")
	}
	out := map[int]body{}
	for i, b := range after.bodies {
		old := before.bodies[i]
		if before.text[old.from:old.to] == after.text[b.from:b.to] {
			continue
		}
		if b.recovers {
			return nil, errors.New("a function that recovers by itself has no variants")
		}
		out[i] = b
	}
	return out, nil
}

// frame is the file without what is in its bodies.
func (s *source) frame() string {
	var out strings.Builder
	at := 0
	for _, b := range s.bodies {
		out.WriteString(s.text[at:b.from])
		out.WriteByte(0) // a body of nothing is not the same as none
		at = b.to
	}
	out.WriteString(s.text[at:])
	return out.String()
}

// place is the line directive for what stands at the offset of the text.
func place(text string, at int, name string) string {
	line := 1 + strings.Count(text[:at], "\n")
	column := at - strings.LastIndexByte(text[:at], '\n')
	return fmt.Sprintf("\n//line %s:%d:%d\n", name, line, column)
}
