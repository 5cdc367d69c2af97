package weight_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuaranteesNameTheirTests: each line of the page names tests, and each of
// them is there.
func TestGuaranteesNameTheirTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "guarantees.md"))
	if err != nil {
		t.Fatal(err)
	}
	promises, _, ok := strings.Cut(string(page), "## What it rests on")
	if !ok {
		t.Fatal("the page has no assumptions")
	}
	for line := range strings.Lines(promises) {
		row := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| guarantee")
		if row && !strings.Contains(line, ".Test") {
			t.Errorf("nothing shows this: %s", line)
		}
	}
	named := regexp.MustCompile("`([a-z/]+)\\.(Test\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Errorf("%d tests are named, which is too few: has their form changed?", len(named))
	}
	for _, n := range named {
		if !hasTest(t, filepath.Join("..", "..", filepath.FromSlash(n[1])), n[2]) {
			t.Errorf("%s has no %s", n[1], n[2])
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
