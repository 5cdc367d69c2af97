package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestRun starts the command, follows its own output, and ends it.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-dir", t.TempDir(), "-faults", "chaos", "-scale", "3600", "-start", "2026-11-23T00:00:00Z"}, w)
		_ = w.Close()
	}()
	var control string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "control: "); ok {
			control = url
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, control, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var info vendorsim.Info
	err = json.NewDecoder(res.Body).Decode(&info)
	_ = res.Body.Close()
	if err != nil || len(info.Vendors) != 3 || len(info.Faults.Rules) == 0 || info.Clock.Scale != 3600 {
		t.Errorf("%+v %v", info, err)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("end: %v", err)
	}
	for _, bad := range [][]string{{"-faults", "nonsense"}, {"-start", "today"}, {"-addr", "nowhere:-1"}, {"-scale", "-1"}, {"chaos"}} {
		if err := run(t.Context(), bad, io.Discard); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}
