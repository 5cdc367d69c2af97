# Everything here needs Go, git and make; `make lint` and `make fmt` also build
# the pinned tools on first use, which takes minutes.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Every module of the repository but the tools: the library first, then the
# nested modules whose tests need drivers, servers or peers that the library
# must not require.
NESTED  := $(patsubst %/go.mod,%,$(filter-out internal/tools/go.mod,$(wildcard internal/*/go.mod)))
MODULES := . $(NESTED)

TOOL := GOWORK=off go tool -modfile=$(CURDIR)/internal/tools/go.mod

# RACE is auto (the race detector where a C compiler is), on or off.
RACE ?= auto
# TESTFLAGS goes to every `go test` of `make test`.
TESTFLAGS ?=
# FUZZTIME is what each fuzz target is given: a number of inputs, or a time (10m).
FUZZTIME ?= 50000x
# BENCH selects benchmarks; BENCHFLAGS are the flags they run with.
BENCH ?= .
BENCHFLAGS ?= -benchmem
# FIGURESIZES are the campaigns that make figures drains on SQLite.
FIGURESIZES ?= 10000,100000,1000000
# FIGUREFLAGS are further flags for it, for example fewer rounds.
FIGUREFLAGS ?=
# EXAMPLETIME is the longest that one example may run, in seconds.
EXAMPLETIME ?= 240

.PHONY: help
help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# UNRACED are the packages whose tests start other programs, or test others' code, or
# with it: a driver that is a database translated into Go, a schema, the peers of a
# comparison, whole processes that are killed, the go command. The race detector would
# look into theirs; ours is looked into in its own packages.
UNRACED := /(sqlitedrivers|openapi|bench|replicas|weight)$$

# RACED is the race detector. What it would look into longest is SQLite itself, a C
# program translated into Go: that is compiled as it is. The driver around it, where
# our values go in and out, is looked into, as is all else.
RACED := -race -gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false

.PHONY: test
test: ## run all tests, with the race detector where there is a C compiler
	@set -e; race=; why='no C compiler, or CGO_ENABLED=0'; \
	case '$(RACE)' in \
	on)  race='$(RACED)' ;; \
	off) why='RACE=off' ;; \
	*)   if [ "$$(go env CGO_ENABLED)" = 1 ] && printf '#include <stdlib.h>\n' | $$(go env CC) -E - >/dev/null 2>&1; then race='$(RACED)'; else export CGO_ENABLED=0; fi ;; \
	esac; \
	if [ -n "$$race" ]; then echo 'race detector: on'; export CGO_ENABLED=1; \
	else echo "race detector: off ($$why)"; fi; \
	for m in $(MODULES); do \
		(cd "$$m" && export GOWORK=off && \
		raced=./... unraced= && \
		if [ -n "$$race" ]; then \
			all=$$(go list ./...) && \
			raced=$$(echo "$$all" | grep -vE '$(UNRACED)' || true) && \
			unraced=$$(echo "$$all" | grep -E '$(UNRACED)' || true); \
		fi && \
		if [ -n "$$raced" ]; then echo "go test $$race $(TESTFLAGS) (module in $$m)"; go test $$race $(TESTFLAGS) $$raced; fi && \
		if [ -n "$$unraced" ]; then echo "go test $(TESTFLAGS) (module in $$m, without the race detector: see UNRACED in the Makefile)"; go test $(TESTFLAGS) $$unraced; fi); \
	done; \
	if [ -n "$$race" ]; then $(MAKE) --no-print-directory plain; fi

.PHONY: mutation
mutation: ## break the code in each listed way and require that a test notices
	GOWORK=off go run ./internal/mutation

# PROVE is how many jobs `make prove` simulates; SEED is their seed.
PROVE ?= 1000000
SEED ?= 1

.PHONY: prove
prove: ## simulate a million jobs under faults, then find each break
	GOWORK=off go run ./internal/sim -n $(PROVE) -seed $(SEED)
	GOWORK=off POSTPROOF_TEST_FULL=1 go test -count=1 -timeout 40m -run '^TestEachBreakIsFound$$' -v ./internal/sim

.PHONY: kills
kills: ## kill whole campaigns twenty times each, beside what make test kills
	GOWORK=off POSTPROOF_TEST_FULL=1 go test -count=1 -timeout 30m -run '^TestKilled' -v ./examples/campaign

.PHONY: lint
lint: ## run the linters and the format check on every module
	@set -e; for m in $(MODULES); do \
		echo "golangci-lint run ./... (module in $$m)"; \
		(cd "$$m" && $(TOOL) golangci-lint run ./...); \
	done

.PHONY: fmt
fmt: ## format every Go file (gofumpt, import groups)
	@set -e; for m in $(MODULES); do (cd "$$m" && $(TOOL) golangci-lint fmt ./...); done

.PHONY: fmt-check
fmt-check: ## say which files `make fmt` would change
	@set -e; for m in $(MODULES); do \
		(cd "$$m" && $(TOOL) golangci-lint fmt --diff ./...) || { echo 'run: make fmt' >&2; exit 1; }; \
	done

.PHONY: vet
vet: ## run go vet on every module
	@set -e; for m in $(MODULES); do echo "go vet ./... (module in $$m)"; (cd "$$m" && GOWORK=off go vet ./...); done

.PHONY: tidy-check
tidy-check: ## say what `go mod tidy` would change in any module
	@set -e; for m in $(MODULES) internal/tools; do \
		echo "go mod tidy -diff (module in $$m)"; (cd "$$m" && GOWORK=off go mod tidy -diff); \
	done

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (50000x: inputs; or 10m)
	@FUZZTIME='$(FUZZTIME)' .ci/fuzz $(MODULES)

.PHONY: examples
examples: ## build and run every examples/*/
	@EXAMPLETIME='$(EXAMPLETIME)' .ci/examples

.PHONY: bench
bench: ## run the comparison with the peers (internal/bench)
	@test -f internal/bench/go.mod || { echo 'internal/bench: no such module' >&2; exit 1; }
	cd internal/bench && GOWORK=off go test -run '^$$' -bench '$(BENCH)' $(BENCHFLAGS) ./...

.PHONY: figures
figures: ## measure everything and write docs/figures.md (half an hour, on a quiet machine with PostgreSQL)
	cd internal/bench && GOWORK=off go run . -markdown -sizes $(FIGURESIZES) $(FIGUREFLAGS) > ../../docs/figures.md.new
	mv docs/figures.md.new docs/figures.md

# PLAIN are the packages with bounds on allocations.
PLAIN = $(sort $(dir $(shell grep -rlE --include='*_test.go' '^func Test.*(Alloc|LargeBodyIsStreamed)' .)))
# UNRACEDTESTS are the tests that call unraced(t), which leaves them out under the race
# detector, and the suites of the stores, which do less there: lines "package test". Who
# calls it in another function is not found, and an error.
UNRACEDTESTS = awk '/^func / { name = "" } /^func Test/ { name = $$2; sub(/\(.*/, "", name) } \
	/^\t+(unraced\(t\)|storetest\.Run\(t,)/ { if (name == "") { print FILENAME ": call it in the test itself" > "/dev/stderr"; exit 1 } \
	dir = FILENAME; sub(/\/[^\/]*$$/, "", dir); print dir, name }' \
	$$(grep -rlE --include='*_test.go' --exclude-dir=integration '^	+(unraced\(t\)|storetest\.Run\(t,)' .)

.PHONY: plain
plain: ## run what the race detector hides or slows: bounds on allocations, the models, each fault of a disk (part of make test)
	GOWORK=off go test $(TESTFLAGS) -run 'Alloc|LargeBodyIsStreamed|InEveryOrder|Chaos' $(PLAIN)
	@set -e; all=$$($(UNRACEDTESTS)); test -n "$$all"; \
	tests=$$(echo "$$all" | cut -d ' ' -f 2 | sort -u | paste -sd '|' -); packages=$$(echo "$$all" | cut -d ' ' -f 1 | sort -u); \
	echo "go test $(TESTFLAGS) -run '^($$tests)\$$'" $$packages; \
	GOWORK=off go test $(TESTFLAGS) -run "^($$tests)\$$" $$packages

.PHONY: bench-smoke
bench-smoke: ## run every benchmark of every module once, the long ones smaller
	@set -e; for m in $(MODULES); do \
		echo "go test -short -bench . -benchtime=1x (module in $$m)"; \
		(cd "$$m" && export GOWORK=off && \
		with=$$(go list -f '{{.Dir}}{{range .TestGoFiles}} {{.}}{{end}}{{range .XTestGoFiles}} {{.}}{{end}}' ./... | \
			while read -r dir files; do cd "$$dir"; ! grep -qs '^func Benchmark' $$files /dev/null || echo "$$dir"; done) && \
		{ [ -n "$$with" ] || { echo "no benchmark was found in $$m" >&2; exit 1; }; } && go test -short -run '^$$' -bench . -benchtime=1x $$with); \
	done

.PHONY: vuln
vuln: ## look for known vulnerabilities in what the library calls (needs vuln.go.dev)
	$(TOOL) govulncheck ./...

.PHONY: check
check: ## do everything that the build machine does
	./.ci/run
