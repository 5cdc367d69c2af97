package client_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The map of the package's files, at the end of doc.go, has each.
func TestFilesAreListed(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(doc), "\npackage client\n")
	words := regexp.MustCompile(`[a-z_]+\*?`).FindAllString(list, -1)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".go")
		group, _, _ := strings.Cut(name, "_")
		if name != "doc" && !strings.HasSuffix(name, "_test") && !slices.Contains(words, name) && !slices.Contains(words, group+"_*") {
			t.Errorf("%s is not in the map of files at the end of doc.go", file)
		}
	}
}
