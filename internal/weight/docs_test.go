package weight_test

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postproof/postproof/client/operator"
)

// pages are those whose names, commands and links are held to the tree. The figures
// are written by a program, and the changelog tells of what was.
var pages = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/adapters.md", "docs/guarantees.md", "docs/operating.md"}

// elsewhere are the names that are not the tree's to have, each with the reason.
var elsewhere = map[string]string{
	"!":                          "a sign on the screen",
	"(-want +got)":               "the form of a difference",
	"//nolint":                   "a comment for the linters",
	"*sql.DB":                    "standard library",
	"http.Handler":               "standard library",
	"json.Marshal":               "standard library",
	"net/http":                   "standard library",
	"t.Parallel":                 "standard library",
	"testing/synctest":           "standard library",
	"url.PathEscape":             "standard library",
	"cmp.Diff(want, got)":        "go-cmp",
	"now":                        "a parameter's name",
	"send.go#17:88":              "a line of a stack trace",
	"vendors/<name>/":            "the folder of an adapter that is not written yet",
	"apt-get install postgresql": "another program",
	"3f9a1c@12.7d03fe":           "a job as the command lists it",
}

// TestDocsNameWhatThereIs: whatever stands in backquotes on a page is in the tree:
// packages, exported names, files, variables of the environment, commands, flags,
// states and reasons.
func TestDocsNameWhatThereIs(t *testing.T) {
	t.Parallel()
	all := theTree(t)
	used := map[string]bool{}
	for _, page := range pages {
		spans, blocks := markdown(t, page)
		if page != "SECURITY.md" && len(spans) < 20 {
			t.Errorf("%s: %d names: has their form changed?", page, len(spans))
		}
		for _, s := range spans {
			if _, ok := elsewhere[s]; ok {
				used[s] = true
				continue
			}
			if reason := all.span(path.Dir(page), s); reason != "" {
				t.Errorf("%s: `%s`: %s", page, s, reason)
			}
		}
		for _, b := range blocks {
			var reasons []string
			switch b.kind {
			case "go":
				reasons = all.goBlock(b.text)
			case "", "sh":
				reasons = all.shellBlock(b.text)
			}
			for _, r := range reasons {
				t.Errorf("%s: in a block: %s", page, r)
			}
		}
	}
	for s, reason := range elsewhere {
		if !used[s] {
			t.Errorf("no page names `%s` (%s) any more", s, reason)
		}
	}
}

// TestDocsLinks: every link of a page to a file, and to a heading, leads there.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	n := 0
	for _, page := range append([]string{"CHANGELOG.md", "docs/figures.md"}, pages...) {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			n++
			if reason := broken(page, m[1]); reason != "" {
				t.Errorf("%s: (%s): %s", page, m[1], reason)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d links: has their form changed?", n)
	}
}

// broken says why a link of a page leads nowhere, or nothing. What is on another
// machine is not asked.
func broken(page, link string) string {
	if strings.Contains(link, "://") {
		return ""
	}
	file, anchor, _ := strings.Cut(link, "#")
	to := page
	if file != "" {
		to = path.Join(path.Dir(page), file)
	}
	name := filepath.Join("..", "..", filepath.FromSlash(to))
	if _, err := os.Stat(name); err != nil {
		return "there is no such file"
	}
	if anchor == "" {
		return ""
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		// As the heading's anchor is made where the pages are read.
		id := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		if strings.ReplaceAll(id, " ", "-") == anchor {
			return ""
		}
	}
	return "there is no such heading"
}

// block is a fenced one.
type block struct{ kind, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// markdown returns what stands in backquotes on a page, and its blocks.
func markdown(t *testing.T, page string) (spans []string, blocks []block) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	text := fence.ReplaceAllString(string(data), "")
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		spans = append(spans, strings.Join(strings.Fields(m[1]), " "))
	}
	slices.Sort(spans)
	return slices.Compact(spans), blocks
}

var (
	variable = regexp.MustCompile(`^[A-Z][A-Z0-9]*_[A-Z0-9_]*(<[A-Z]+>_[A-Z]+|…)?$`)
	goName   = regexp.MustCompile(`^\*?[A-Za-z]\w*(\.[A-Za-z]\w*)*$`)
	upper    = regexp.MustCompile(`^[A-Z]+( [A-Z]+)+$`)
	testName = regexp.MustCompile(`^(?:[a-z/]+\.)?(Test\w+)$`)
)

// span says why something in backquotes is not there, or nothing.
func (t *tree) span(from, s string) string {
	first, _, more := strings.Cut(s, " ")
	name, _, _ := strings.Cut(s, "=")
	switch {
	case first == "make" || first == "go" || (first == "postproof" || first == "rm") && more:
		return strings.Join(t.command(s), "; ")
	case s[0] == '-' && len(s) > 1:
		return t.anyFlag(strings.TrimLeft(first, "-"))
	case variable.MatchString(name):
		return t.variable(name)
	case testName.MatchString(s):
		if !t.tests[testName.FindStringSubmatch(s)[1]] {
			return "there is no such test"
		}
		return "" // in which package is the other test's to say
	case t.word(from, s), slices.Contains(operatorCommands(), first):
		return "" // what follows a command, its own test runs
	case goName.MatchString(s):
		return t.goName(strings.TrimPrefix(s, "*"))
	case strings.ContainsAny(s, "(:"):
		return strings.Join(t.expression(s), "; ")
	}
	return "there is no such file, name or word"
}

// word reports whether it is a file, a package, or a text that the code has.
func (t *tree) word(from, s string) bool {
	for _, dir := range []string{".", from} {
		if strings.ContainsAny(s, "/.") && exists(t.root, path.Join(dir, s)) {
			return true
		}
	}
	if rest, ok := strings.CutPrefix(s, "mail.db"); ok && t.literals[rest] { // what stands beside a ledger
		return true
	}
	for lit := range t.literals {
		begin, cut := strings.CutSuffix(s, "…")
		if cut && strings.HasPrefix(lit, begin) || upper.MatchString(s) && strings.Contains(lit, s) {
			return true
		}
	}
	for _, p := range t.packages {
		if p.files[s] != nil {
			return true
		}
	}
	return exists(t.root, s) || len(t.named(s)) > 0 || t.literals[s]
}

func exists(root, name string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil
}

// anyFlag says that no program here, and no command of the operator's, has a flag.
func (t *tree) anyFlag(name string) string {
	for dir, p := range t.packages {
		if p.flags[name] && (p.name == "main" || dir == "client/operator") {
			return ""
		}
	}
	if slices.Contains([]string{"h", "v"}, name) { // of every program; of go test
		return ""
	}
	return "no program has such a flag"
}

// variable says that nothing reads a variable of the environment, or of make.
func (t *tree) variable(name string) string {
	before, after, pattern := strings.Cut(name, "<VENDOR>")
	for lit := range t.testLiterals {
		if lit == name || (pattern && strings.HasPrefix(lit, before) && strings.HasSuffix(lit, after)) {
			return ""
		}
		if begin, ok := strings.CutSuffix(name, "…"); ok && strings.HasPrefix(lit, begin) {
			return ""
		}
	}
	for i := range name { // put together from two texts
		if name[i] == '_' && t.literals[name[:i]] && t.literals[name[i:]] {
			return ""
		}
	}
	if regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).MatchString(t.scripts) {
		return ""
	}
	return "nothing reads such a variable"
}

// operatorCommands are the operator's, as its help lists them.
var operatorCommands = sync.OnceValue(func() []string {
	var help strings.Builder
	operator.Main(context.Background(), operator.Config{Args: []string{"help"}, Stdout: &help})
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`).FindAllStringSubmatch(help.String(), -1) {
		all = append(all, m[1])
	}
	return all
})
