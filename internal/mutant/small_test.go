package mutant_test

// The module that the tests break: a function for each shape that a change can
// have, which the program calls by its name.
const (
	smallMod = "module example.test/small\n\ngo 1.26\n"

	smallMain = `// Command small calls the function that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"example.test/small/other"
)

const limit = 3

type pair[T any] struct{ a, b T }

// Value has a receiver that is a value.
func (p pair[T]) value() T { return p.a }

func (p *pair[T]) swap() {
	p.a, p.b = p.b, p.a
}

func named() (n int, err error) {
	defer func() {
		err = errors.Join(err, errors.New("deferred"))
	}()
	n = 1
	return
}

func shadow(n int) int {
	get := func() int { return n }
	n, m := n+1, 1
	return get()*10 + m
}

func quiet(out *[]string) {
	*out = append(*out, "said")
}

func first[T any](list ...T) T {
	return list[0]
}

func blanks(int, string, ...bool) string { return "blanks" }

func underscore(_ int, s string, _ ...bool) string { return s }

func down(n int) string {
	if n == 0 {
		return "."
	}
	return "d" + down(n-1)
}

func label() int {
	n := 0
again:
	for {
		n++
		if n < 3 {
			continue again
		}
		return n
	}
}

func upper(s string) string { return strings.ToUpper(s) }

var literal = func(n int) int { return n + 1 }

var early = compute()

func compute() int { return 5 }

var begun string

func init() {
	begun = "init"
}

func guarded() (s string) {
	defer rescue(&s)
	panic("oh")
}

func rescue(s *string) {
	if p := recover(); p != nil {
		*s = fmt.Sprint("rescued from ", p)
	}
}

func fails(n int) int {
	if n > 0 {
		panic("here") // the line of the tree
	}
	return n
}

func hides(int int) int { return int + limit }

// Documented is said.
func documented() int { return 6 }

func main() {
	switch os.Args[1] {
	case "named":
		fmt.Println(named())
	case "shadow":
		fmt.Println(shadow(1))
	case "quiet":
		var out []string
		quiet(&out)
		fmt.Println(out)
	case "first":
		fmt.Println(first(7, 8), first("a", "b"))
	case "pair":
		p := &pair[int]{1, 2}
		p.swap()
		fmt.Println(p.value(), p.b)
	case "blanks":
		fmt.Println(blanks(1, "", true), underscore(1, "s", true))
	case "down":
		fmt.Println(down(2))
	case "label":
		fmt.Println(label())
	case "upper":
		fmt.Println(upper("u"))
	case "literal":
		fmt.Println(literal(1))
	case "early":
		fmt.Println(early)
	case "init":
		fmt.Println(begun)
	case "guarded":
		fmt.Println(guarded())
	case "fails":
		fmt.Println(fails(1))
	case "hides":
		fmt.Println(hides(1))
	case "documented":
		fmt.Println(documented())
	case "other":
		fmt.Println(other.Name(), other.Number())
	}
}
`

	smallOther = `// Package other is another one.
package other

// Name is a name.
func Name() string { return "other" }
`

	smallNumber = `package other

// Number is a number.
func Number() int { return 1 }
`

	smallTest = `package other

import (
	"os"
	"testing"
)

func TestNumber(t *testing.T) {
	if n := Number(); n != 1 {
		t.Errorf("Number() = %d", n)
	}
	if _, err := os.Stat("number.go"); err != nil {
		t.Error(err)
	}
}
`
)
