package weight_test

import (
	"os"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDirectRequirements: a new direct requirement is a decision, made here
// and in CONTRIBUTING.md, never a side effect of an import.
func TestDirectRequirements(t *testing.T) {
	t.Parallel()
	type goMod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []struct{ Old, New struct{ Path string } }
		Tool    []struct{ Path string }
	}
	mod := decode[goMod](t, repository(t), "go", "mod", "edit", "-json")[0]
	got := []string{}
	for _, r := range mod.Require {
		if !r.Indirect {
			got = append(got, r.Path)
		}
	}
	slices.Sort(got)
	want := []string{
		"github.com/google/go-cmp",              // tests only
		"github.com/hashicorp/go-retryablehttp", // package retry
		"github.com/jarcoal/httpmock",           // tests only
		"github.com/ncruces/go-sqlite3",         // package idempotency/sqlite
		"github.com/sony/gobreaker/v2",          // package breaker
		"go.opentelemetry.io/otel",              // the API, package client
		"go.opentelemetry.io/otel/metric",
		"go.opentelemetry.io/otel/trace",
		"golang.org/x/text", // package snapshot
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("direct requirements (-want +got):\n%s", diff)
	}
	if len(mod.Replace) > 0 || len(mod.Tool) > 0 {
		t.Errorf("go.mod has replace %v and tool %v: an importer's build ignores the one and lists the other", mod.Replace, mod.Tool)
	}
}

// TestTopLevel: a new capability finds its place inside the packages there
// are.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !topLevel(e.Name(), e.IsDir()) {
			t.Errorf("%s stands at the top level, which is fixed", e.Name())
		}
	}
}

func topLevel(name string, dir bool) bool {
	if dir {
		return name[0] == '.' || slices.Contains([]string{
			"client", "retry", "breaker", "idempotency", "snapshot", "vendors", "examples", "internal", "docs",
		}, name)
	}
	if name[0] == '.' || path.Ext(name) == ".go" {
		return true
	}
	if ok := slices.Contains([]string{".test", ".prof", ".out"}, path.Ext(name)); ok {
		return true // output of go test, ignored by git
	}
	return slices.Contains([]string{
		"go.mod", "go.sum", "go.work", "go.work.sum", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
		"LICENSE", "NOTICE", "Makefile",
	}, name)
}

func TestTopLevelRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		dir  bool
		want bool
	}{
		{"client", true, true},
		{"client", false, false},
		{"pkg", true, false},
		{"job.go", false, true},
		{"scripts", true, false},
		{"notes.txt", false, false},
		{".ci", true, true},
	}
	for _, tt := range tests {
		if got := topLevel(tt.name, tt.dir); got != tt.want {
			t.Errorf("topLevel(%q, %t) = %t, want %t", tt.name, tt.dir, got, tt.want)
		}
	}
}
