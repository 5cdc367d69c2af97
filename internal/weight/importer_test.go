package weight_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxModules is how many modules may stand in an importer's go.sum: each is a
// version floor and a line in a scanner's report.
const maxModules = 30

// TestImporter builds a program as a user would have it, in a module of its
// own, and looks at what comes along.
func TestImporter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		imports   []string
		forbidden []string
	}{
		{
			name:    "client with the embedded ledger and two vendors",
			imports: []string{"client", "idempotency/sqlite", "vendors/lob", "vendors/pcm"},
		},
		{
			name:      "client and one vendor, ledger of the user's own choice",
			imports:   []string{"client", "vendors/lob"},
			forbidden: []string{"database/sql", "github.com/ncruces/"},
		},
		{
			name:      "client with the ledger of many replicas, before a driver is chosen",
			imports:   []string{"client", "idempotency/postgres", "vendors/lob"},
			forbidden: []string{"github.com/ncruces/", "github.com/jackc/", "github.com/lib/pq"},
		},
		{
			name:      "the operator's command on a ledger of the user's own choice",
			imports:   []string{"client/operator", "idempotency/postgres", "vendors/lob"},
			forbidden: []string{"github.com/ncruces/", "github.com/jackc/", "github.com/lib/pq"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := importer(t, tt.imports)
			run(t, dir, "go", "build", "-o", os.DevNull, ".")

			deps := strings.Fields(run(t, dir, "go", "list", "-deps", "."))
			for _, pkg := range tt.imports {
				if want := module + "/" + pkg; !slices.Contains(deps, want) {
					t.Errorf("the program does not contain %s: the test looks at the wrong thing", want)
				}
			}
			for _, dep := range deps {
				if reason := testOnly(dep); reason != "" {
					t.Errorf("an importer compiles %s: %s", dep, reason)
				}
				if slices.ContainsFunc(tt.forbidden, func(f string) bool { return strings.HasPrefix(dep, f) }) {
					t.Errorf("an importer compiles %s", dep)
				}
			}

			if got := sumModules(t, dir); len(got) >= maxModules {
				t.Errorf("an importer's go.sum names %d modules, want under %d:\n%s", len(got), maxModules, strings.Join(got, "\n"))
			}
			built := strings.Fields(run(t, dir, "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "."))
			slices.Sort(built)
			if built = slices.Compact(built); len(built) >= maxModules {
				t.Errorf("an importer builds %d modules, want under %d: %v", len(built), maxModules, built)
			}
		})
	}
}

// testOnly says why a package has no place in a shipped program, or nothing.
func testOnly(pkg string) string {
	for _, f := range []struct{ prefix, reason string }{
		{"testing", "it belongs in tests"},
		{"net/http/httptest", "it belongs in tests"},
		{"go.opentelemetry.io/otel/sdk", "applications bring the SDK, a library uses the API"},
		{"go.opentelemetry.io/otel/exporters", "applications bring the exporters"},
		{"github.com/google/go-cmp", "it is a test dependency"},
		{"github.com/jarcoal/httpmock", "it is a test dependency"},
		{"github.com/hashicorp/go-hclog", "it is a test dependency of go-retryablehttp"},
		{"google.golang.org/grpc", "nothing here speaks gRPC"},
	} {
		if pkg == f.prefix || strings.HasPrefix(pkg, f.prefix+"/") {
			return f.reason
		}
	}
	return ""
}

func TestTestOnly(t *testing.T) {
	t.Parallel()
	for pkg, want := range map[string]bool{
		"testing":                                true,
		"testing/synctest":                       true,
		"net/http/httptest":                      true,
		"go.opentelemetry.io/otel/sdk/trace":     true,
		"github.com/google/go-cmp/cmp":           true,
		"net/http":                               false,
		"go.opentelemetry.io/otel/trace":         false,
		"go.opentelemetry.io/otel/semconv/v1.40": false,
	} {
		if got := testOnly(pkg) != ""; got != want {
			t.Errorf("testOnly(%q) = %t, want %t", pkg, got, want)
		}
	}
}

// importer writes a module that imports the packages, as `go get` and
// `go mod tidy` would leave it.
func importer(t *testing.T, packages []string) string {
	t.Helper()
	dir := t.TempDir()
	root := repository(t)
	mod := fmt.Sprintf("module example.com/importer\n\ngo 1.26.0\n\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %[2]s\n", module, root)
	var program bytes.Buffer
	program.WriteString("package main\n\nimport (\n")
	for _, pkg := range packages {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(pkg))); err != nil {
			t.Fatalf("the importer's package: %v", err)
		}
		fmt.Fprintf(&program, "\t_ %q\n", module+"/"+pkg)
	}
	program.WriteString(")\n\nfunc main() {}\n")
	// The library's checksums are known; tidying drops what is not needed.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"go.mod": []byte(mod), "go.sum": sums, "main.go": program.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "go", "mod", "tidy")
	return dir
}

// sumModules returns the distinct modules that the go.sum in dir names.
func sumModules(t *testing.T, dir string) []string {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for line := range strings.Lines(string(sums)) {
		path, _, _ := strings.Cut(line, " ")
		modules = append(modules, path)
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}
