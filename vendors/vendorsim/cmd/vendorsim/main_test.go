package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
	for _, bad := range [][]string{
		{"-webhook", "lob"},
		{"-webhook", "lob=http://x.example"},
		{"-webhook", "pcm=http://x.example,s"},
		{"-webhook", "lob=x,s"},
		{"-webhook", "lob=http://x.example,s,xml"},
		{"-faults", "nonsense"},
		{"-start", "today"},
		{"-addr", "nowhere:-1"},
		{"-scale", "-1"},
		{"chaos"},
	} {
		if err := run(t.Context(), bad, io.Discard); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}

// TestWebhook starts the command with a webhook and receives the news of a
// piece.
func TestWebhook(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	defer receiver.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-scale", "3600", "-webhook", "lob=" + receiver.URL + ",secret,seconds"}, w)
		_ = w.Close()
	}()
	var base string
	told := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		told = told || lines.Text() == "lob calls back "+receiver.URL+" (webhook flag1)"
		if url, ok := strings.CutPrefix(lines.Text(), "lob (lob API): "); ok {
			base = url
		}
		if strings.HasPrefix(lines.Text(), "control: ") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if !told {
		t.Error("the webhook is not printed")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/postcards", strings.NewReader(`{
		"to":{"name":"Harry Zhang","address_line1":"210 King St","address_city":"San Francisco","address_state":"CA","address_zip":"94107"},
		"front":"<b>front</b>","back":"<b>back</b>","size":"6x9","use_type":"operational"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("test_simlob", "")
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	select {
	case header := <-got:
		if stamp := header.Get("Lob-Signature-Timestamp"); len(stamp) != 10 || header.Get("Lob-Signature") == "" {
			t.Errorf("header %v", header)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("no callback; create was answered %d", res.StatusCode)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("end: %v", err)
	}
}
