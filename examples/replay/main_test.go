package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/internal/verify"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := run(t.Context(), flags{json: true, scale: 120}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if err := r.verdict(); err != nil {
		t.Errorf("verdict: %v\n%s", err, out.String())
	}
	if r.Jobs != 58 || r.Suppressed != 1 || r.Planned != 15 || r.ToRecover != 30 {
		t.Errorf("%d jobs, %d suppressed, %d planned, %d to recover; want 58, 1, 15, 30\n%s", r.Jobs, r.Suppressed, r.Planned, r.ToRecover, out.String())
	}
	for _, want := range []string{"54 can be mailed, 6 cannot", "4 more rows can be mailed", "paused", "planned 0, sent 0", "on paper 58 of 58", "sent nothing."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var printed result
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &printed); err != nil {
		t.Fatalf("the last line is no JSON: %v", err)
	}
	if diff := cmp.Diff(*r, printed); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// good is a result with which nothing is wrong.
func good() *result {
	return &result{
		Jobs: 10, Suppressed: 1, Unknown: 2, Planned: 3, Recovered: 5, ToRecover: 5, Targets: []client.ObjectiveVerdict{client.ObjectiveMet},
		Paper: verify.Report{Expected: 10, Printed: 10, ByMode: map[string]int{"live": 10}},
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	if err := good().verdict(); err != nil {
		t.Fatalf("a good result: %v", err)
	}
	for name, spoil := range map[string]func(*result){
		"printed twice":      func(r *result) { r.Paper.PrintedTwice = 1 },
		"lost":               func(r *result) { r.Paper.Lost = 1 },
		"one short":          func(r *result) { r.Paper.Printed-- },
		"nothing in doubt":   func(r *result) { r.Unknown = 0 },
		"nothing planned":    func(r *result) { r.Planned = 0 },
		"not recovered":      func(r *result) { r.Recovered-- },
		"a target missed":    func(r *result) { r.Targets[0] = client.ObjectiveMissed },
		"a second plan":      func(r *result) { r.PlannedAgain = 1 },
		"a second that sent": func(r *result) { r.SentAgain = 1 },
	} {
		r := good()
		if spoil(r); r.verdict() == nil {
			t.Errorf("%s: nothing is wrong", name)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]flags{"an argument": {scale: 1, rest: []string{"x"}}, "no time": {}} {
		if _, err := run(t.Context(), f, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
