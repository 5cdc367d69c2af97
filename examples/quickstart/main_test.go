package main

import (
	"os"
	"strings"
	"testing"
)

func Example() {
	main()
	// Output:
	// accepted by lob
	// accepted by lob
	// on paper: 1
}

// The first program of the README is this one.
func TestReadmeShowsThisProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(readme), "```go\n")
	if !ok {
		t.Fatal("the README has no Go program")
	}
	block, _, _ = strings.Cut(block, "```")
	_, code, _ := strings.Cut(string(program), "package main\n")
	if block != "package main\n"+code {
		t.Errorf("README:\n%s\nmain.go:\n%s", block, "package main\n"+code)
	}
}
