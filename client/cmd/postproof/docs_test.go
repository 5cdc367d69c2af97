package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/operator"
	"github.com/postproof/postproof/idempotency"
)

// The page for the night shows commands that there are, with flags that they take.
func TestPageShowsCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(page)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		rest, ours := strings.CutPrefix(line, "postproof")
		if !ours || (rest != "" && rest[0] != ' ') || strings.Contains(rest, "`") {
			continue
		}
		n++
		p := program{env: func(string) string { return "" }}
		var errs strings.Builder
		args := append(words(rest), "-h") // the flags before it are parsed
		if code := operator.Main(t.Context(), operator.Config{Args: args, Stderr: &errs, Flags: p.flags}); code != operator.ExitOK {
			t.Errorf("%s: exit code %d: %s", line, code, errs.String())
		}
	}
	if n < 30 {
		t.Errorf("%d commands are shown: has their form changed?", n)
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

// The job that the page shows can be handed to the command as it stands there.
func TestPageShowsAJob(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var job postproof.Job
	if err := json.Unmarshal([]byte(text), &job); err != nil || !found {
		t.Fatalf("%v: %s", err, text)
	}
	job.Key = "control"
	if err := job.Validate(); err != nil {
		t.Error(err)
	}
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
