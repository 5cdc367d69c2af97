package weight_test

import (
	"slices"
	"strings"
	"testing"
)

// TestImportsPointDown reads the imports of every package and compares them
// with the layers:
//
//	examples, client/cmd/* > client/* > client > vendors/<x>, vendors, retry, breaker, idempotency, snapshot > root
func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	type goPackage struct {
		ImportPath string
		Imports    []string
	}
	pkgs := decode[goPackage](t, repository(t), "go", "list", "-json=ImportPath,Imports", "./...")
	if len(pkgs) < 5 {
		t.Fatalf("go list found %d packages: the test looks at the wrong thing", len(pkgs))
	}
	for _, p := range pkgs {
		for _, imp := range p.Imports {
			if reason := forbiddenImport(relative(p.ImportPath), relative(imp)); reason != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, reason)
			}
		}
	}
}

// relative returns the path of a package of this module below its root ("."
// for the root itself); that of any other package is returned as it is.
func relative(importPath string) string {
	if importPath == module {
		return "."
	}
	if rest, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return "./" + rest
	}
	return importPath
}

// forbiddenImport says why from may not import to, or nothing.
func forbiddenImport(from, to string) string {
	if !strings.HasPrefix(to, ".") {
		return forbiddenDoor(from, to)
	}
	if to == "." {
		return ""
	}
	policies := []string{"./retry", "./breaker", "./idempotency", "./snapshot"}
	if from == "." {
		return "the root package imports the standard library only"
	}
	if within(to, "./examples") {
		return "nothing imports an example"
	}
	if to == "./internal/verify" && within(from, "./examples") {
		return "" // the second opinion that an example prints
	}
	if within(to, "./internal") && !within(from, "./internal") {
		return "internal holds tests, simulations and tools of the repository; nothing that ships needs them"
	}
	for _, policy := range policies {
		if within(from, policy) && !within(to, policy) {
			return "a policy imports the root package only; client composes policies"
		}
	}
	switch {
	case within(from, "./internal"), within(from, "./examples"):
		return ""
	case from == "./vendors":
		return "the vendors' seam imports the root package only"
	case from == "./vendors/signature":
		return "signature schemes use the standard library"
	case within(from, "./vendors/vendortest"), within(from, "./vendors/vendorsim"):
		if !within(to, "./vendors") {
			return "the vendors' suites know nothing above an adapter"
		}
	case within(from, "./vendors"):
		own := strings.Join(strings.SplitN(from, "/", 4)[:3], "/")
		if to != "./vendors" && to != "./vendors/signature" && !within(to, own) {
			return "an adapter imports vendors, vendors/signature and the root package only"
		}
	case within(to, "./client/cmd"):
		return "nothing imports a command"
	case within(from, "./client/cmd"):
		if within(to, "./vendors/vendorsim") || within(to, "./vendors/vendortest") || within(to, "./idempotency/storetest") || within(to, "./snapshot/snapshottest") {
			return "a command that operates real mail holds no simulator and no suite"
		}
	case within(from, "./client"):
		switch {
		case within(to, "./vendors") && to != "./vendors" && to != "./vendors/signature":
			return "the client knows no concrete vendor"
		case within(to, "./idempotency") && to != "./idempotency":
			return "the client takes a store, it does not choose one"
		case within(from, "./client/internal") && within(to, "./client") && !within(to, "./client/internal"):
			return "what the client is made of does not know it"
		case from == "./client" && within(to, "./client") && !within(to, "./client/internal"):
			return "what is built on the client imports it, not the other way round"
		}
	}
	return ""
}

// forbiddenDoor says why a package may not import one of another module: each
// policy library has one door. What never ships is free to compare them.
func forbiddenDoor(from, to string) string {
	if within(from, "./internal") {
		return ""
	}
	doors := []struct{ module, door string }{
		{"github.com/hashicorp/go-retryablehttp", "./retry"},
		{"github.com/sony/gobreaker", "./breaker"},
		{"github.com/ncruces/go-sqlite3", "./idempotency/sqlite"},
		{"golang.org/x/text", "./snapshot"},
	}
	for _, d := range doors {
		if within(to, d.module) && !within(from, d.door) {
			return "only " + d.door + " may import it"
		}
	}
	if within(to, "github.com/jackc") || within(to, "github.com/lib/pq") {
		return "the PostgreSQL ledger takes the user's *sql.DB and names no driver"
	}
	if strings.Contains(strings.SplitN(to, "/", 2)[0], ".") && slices.Contains([]string{".", "./vendors/signature"}, from) {
		return "this package uses the standard library only"
	}
	return ""
}

func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func TestForbiddenImport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to string
		allowed  bool
	}{
		{"./client", ".", true},
		{"./client", "./vendors", true},
		{"./client", "./vendors/lob", false},
		{"./client", "./vendors/vendorsim", false},
		{"./client", "./idempotency", true},
		{"./client", "./idempotency/sqlite", false},
		{"./client", "./client/slo", false},
		{"./client", "./client/internal/spool", true},
		{"./client/internal/spool", "./client", false},
		{"./client/internal/spool", "./idempotency", true},
		{"./client/slo", "./client", true},
		{"./client/operator", "./client", true},
		{"./client/operator", "./vendors/lob", false},
		{"./client/operator", "./idempotency/sqlite", false},
		{"./client/operator", "./client/cmd/postproof", false},
		{"./client", "./client/operator", false},
		{"./client/cmd/postproof", "./client/operator", true},
		{"./client/cmd/postproof", "./vendors/lob", true},
		{"./client/cmd/postproof", "./vendors/vendorsim", false},
		{"./client/cmd/postproof", "./idempotency/sqlite", true},
		{"./client/cmd/postproof", "./internal/verify", false},
		{"./client/cmd/postproof", "github.com/lib/pq", false},
		{"./client/callback", "./vendors/signature", true},
		{"./client/callback", "./vendors/pcm", false},
		{"./client/slo", "./idempotency/postgres", false},
		{"./retry", ".", true},
		{"./retry", "./breaker", false},
		{"./retry", "./vendors", false},
		{"./breaker", "./client", false},
		{"./idempotency/sqlite", "./idempotency", true},
		{"./idempotency/postgres", "./idempotency/internal/judge", true},
		{"./idempotency/postgres", "github.com/jackc/pgx/v5/stdlib", false},
		{"./idempotency/postgres", "github.com/lib/pq", false},
		{"./internal/integration/postgres", "github.com/lib/pq", true},
		{"./idempotency/storetest", "./idempotency", true},
		{"./idempotency", "./vendors", false},
		{"./snapshot", "./idempotency", false},
		{"./vendors", ".", true},
		{"./vendors", "./vendors/lob", false},
		{"./vendors/lob", "./vendors", true},
		{"./vendors/lob", "./vendors/signature", true},
		{"./vendors/lob", "./vendors/lob/wire", true},
		{"./vendors/lob", "./vendors/pcm", false},
		{"./vendors/lob", "./retry", false},
		{"./vendors/lob", "./client", false},
		{"./vendors/signature", "./vendors", false},
		{"./vendors/vendortest", "./vendors/vendorsim", true},
		{"./vendors/vendortest", "./client", false},
		{".", "./retry", false},
		{".", "time", true},
		{".", "go.opentelemetry.io/otel", false},
		{"./examples/quickstart", "./client", true},
		{"./examples/quickstart", "./internal/sim", false},
		{"./client", "./examples/quickstart", false},
		{"./client", "./internal/sim", false},
		{"./internal/sim", "./client", true},
		{"./retry", "github.com/hashicorp/go-retryablehttp", true},
		{"./client", "github.com/hashicorp/go-retryablehttp", false},
		{"./breaker", "github.com/sony/gobreaker/v2", true},
		{"./vendors/lob", "github.com/sony/gobreaker/v2", false},
		{"./idempotency/sqlite", "github.com/ncruces/go-sqlite3/driver", true},
		{"./idempotency", "github.com/ncruces/go-sqlite3/driver", false},
		{"./client", "go.opentelemetry.io/otel/trace", true},
		{"./snapshot", "golang.org/x/text/unicode/norm", true},
		{"./client", "golang.org/x/text/unicode/norm", false},
	}
	for _, tt := range tests {
		reason := forbiddenImport(tt.from, tt.to)
		if got := reason == ""; got != tt.allowed {
			t.Errorf("forbiddenImport(%q, %q) = %q, want allowed = %t", tt.from, tt.to, reason, tt.allowed)
		}
	}
}
