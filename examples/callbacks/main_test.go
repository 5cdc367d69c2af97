package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
)

// TestMain is the receiver when it is started as one: the program starts itself,
// which here is the tests' binary.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, receiverFlag) {
		if err := runReceiver(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	const n = 40
	var out bytes.Buffer
	dir := filepath.Join(t.TempDir(), "new")
	r, err := run(t.Context(), flags{n: n, seed: 3, dir: dir, json: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.verdict(); err != nil {
		t.Errorf("verdict: %v\n%s", err, out.String())
	}
	if r.Events < 8*n || r.Stored != r.Events || r.Applied != r.Events || r.Handled < r.Events || r.Kills != kills {
		t.Errorf("%d events, %d stored, %d applied, %d handled, %d kills", r.Events, r.Stored, r.Applied, r.Handled, r.Kills)
	}
	// A day without them would prove nothing.
	if r.Acknowledged <= int64(r.Events) || r.Requests <= r.Acknowledged {
		t.Errorf("%d requests, %d acknowledged, of %d events: want duplicates and failures", r.Requests, r.Acknowledged, r.Events)
	}
	if at := r.Ledger[postproof.StageDelivered] + r.Ledger[postproof.StageReturned]; at != n {
		t.Errorf("%d of %d cards are at their end: %v", at, n, r.Ledger)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var last report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("no summary: %v", err)
	}
	if diff := cmp.Diff(r, &last, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".make" }, cmp.Ignore())); diff != "" {
		t.Errorf("the summary (-want +got):\n%s", diff)
	}
	for _, line := range lines[:len(lines)-1] {
		if len([]rune(line)) > 100 {
			t.Errorf("wider than 100 columns: %q", line)
		}
	}
	if _, err := run(t.Context(), flags{n: n, dir: dir}, &out); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("the folder of another run: %v", err)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]flags{"no cards": {}, "an argument": {n: 1, rest: []string{"x"}}} {
		if _, err := run(t.Context(), f, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A receiver that cannot start says so.
func TestReceiverNeedsOrders(t *testing.T) {
	t.Parallel()
	if err := runReceiver(t.Context(), strings.NewReader("no JSON\n"), &bytes.Buffer{}); err == nil {
		t.Error("no error")
	}
	if _, err := startReceiver(orders{Dir: t.TempDir(), Addr: "nowhere"}); err == nil {
		t.Error("it started without an address")
	}
}

// good is a report with which nothing is wrong.
func good() *report {
	return &report{
		Contacts: 2, Kills: kills, Events: 16, Requests: 20, Acknowledged: 18, Stored: 16, Applied: 16, Fresh: 12, Handled: 17,
		Forged: []*forgery{{Name: "signed with another secret", Want: 401, Sent: 2, Answered: 2}},
		Vendor: map[postproof.Stage]int{postproof.StageDelivered: 2},
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	if err := good().verdict(); err != nil {
		t.Fatalf("a good report: %v", err)
	}
	for name, spoil := range map[string]func(*report){
		"lost":               func(r *report) { r.Lost = 1 },
		"applied twice":      func(r *report) { r.AppliedTwice = 1 },
		"foreign":            func(r *report) { r.Foreign = 1 },
		"not stored":         func(r *report) { r.Stored-- },
		"not applied":        func(r *report) { r.Applied-- },
		"not worked off":     func(r *report) { r.Unsettled = 1 },
		"not handled":        func(r *report) { r.Unhandled = 1 },
		"disagreement":       func(r *report) { r.Unequal = []string{"contact-00001"} },
		"not killed":         func(r *report) { r.Kills-- },
		"a forged one taken": func(r *report) { r.Forged[0].Answered-- },
		"none was forged":    func(r *report) { r.Forged[0].Sent, r.Forged[0].Answered = 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good()
			spoil(r)
			if r.verdict() == nil {
				t.Error("the verdict is good")
			}
			var out bytes.Buffer
			r.print(&out)
			if strings.Contains(out.String(), "Every event") {
				t.Errorf("it is praised:\n%s", out.String())
			}
		})
	}
}
