package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// Every page, and the help itself, shows commands that there are, with flags and
// arguments that they take.
func TestCommandsThatAreShownAreThere(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	shown := map[string][]string{"the help": helpExamples(t)}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", filepath.Join("docs", "operating.md"), filepath.Join("docs", "guarantees.md"), filepath.Join("docs", "adapters.md")} {
		page, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		shown[name] = commandsOn(string(page))
	}
	for name, least := range map[string]int{filepath.Join("docs", "operating.md"): 40, "the help": 40, "README.md": 1} {
		if n := len(shown[name]); n < least {
			t.Errorf("%s shows %d commands: has their form changed?", name, n)
		}
	}
	for name, lines := range shown {
		for _, line := range lines {
			if code, errs := try(t, line); code == operator.ExitUsage {
				t.Errorf("%s: %s: %s", name, line, errs)
			}
		}
	}
	for _, wrong := range []string{"stauts", "pause campaigns spring -why x", "held -color red", "spool dorp ID -why x", "replay pln", "tally", "changes undoo 1"} {
		if code, _ := try(t, wrong); code != operator.ExitUsage {
			t.Errorf("%s: exit code %d: this test finds nothing", wrong, code)
		}
	}
}

// try runs a command on an empty ledger, with nobody to say yes.
func try(t *testing.T, line string) (code int, errs string) {
	t.Helper()
	p := program{env: func(string) string { return "" }}
	var said strings.Builder
	folder, err := snapshot.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	code = operator.Main(t.Context(), operator.Config{
		Args: words(line), Stderr: &said, By: "ann", Flags: p.flags, Store: idempotency.NewMemory(postproof.ModeTest),
		Snapshots: func(context.Context) (snapshot.Store, error) { return folder, nil },
	})
	return code, said.String()
}

// commandsOn are the command lines on a page, in blocks and in backquotes; what
// begins with the name of a command, as `spool drop`, is one.
func commandsOn(page string) (all []string) {
	for line := range strings.Lines(page) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		line = strings.TrimPrefix(line, "go run github.com/postproof/postproof/client/cmd/")
		if rest, ours := strings.CutPrefix(line, "postproof"); ours && (rest == "" || rest[0] == ' ') && !strings.Contains(rest, "`") {
			all = append(all, rest)
		}
	}
	for _, m := range regexp.MustCompile("`postproof( [^`]+)`").FindAllStringSubmatch(page, -1) {
		all = append(all, m[1]+" -h") // its arguments may be left out
	}
	return all
}

// helpExamples are the commands that the help of each command shows.
func helpExamples(t *testing.T) (all []string) {
	t.Helper()
	help := func(args ...string) string {
		var out strings.Builder
		if code := operator.Main(t.Context(), operator.Config{Args: append([]string{"help"}, args...), Stdout: &out}); code != operator.ExitOK {
			t.Fatalf("help %s: exit code %d", args, code)
		}
		return out.String()
	}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`).FindAllStringSubmatch(help(), -1) {
		for _, example := range regexp.MustCompile(`(?m)^  postproof (.*)$`).FindAllStringSubmatch(help(m[1]), -1) {
			line, _, _ := strings.Cut(example[1], "   ") // a remark
			line, _, _ = strings.Cut(line, " | ")        // another program
			all = append(all, line)
		}
	}
	return all
}

// The page for the night says what each reason is.
func TestPageKnowsEveryReason(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []idempotency.HoldReason{
		idempotency.HoldCannotAsk, idempotency.HoldContentDiffers, idempotency.HoldDeadline, idempotency.HoldVendorGone, idempotency.HoldContradiction,
		idempotency.HoldGenerations, idempotency.HoldCannotBuild, idempotency.HoldCanary, idempotency.HoldCap, idempotency.HoldOperator,
	} {
		if !strings.Contains(string(page), "`"+string(r)+"`") {
			t.Errorf("the page does not say what %s is", r)
		}
	}
}

// jobOnThePage is the job that the page for the night shows, as it stands there.
func jobOnThePage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n")
	if !found {
		t.Fatal("the page shows no job")
	}
	text, _, _ := strings.Cut(rest, "```")
	return text
}

// words splits a line as a shell does, as far as the page needs it.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}
