package vendorsim_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

func jsonReader(t *testing.T, v any) io.Reader {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(raw)
}

func open(t *testing.T, cfg vendorsim.Config) *vendorsim.Sim {
	t.Helper()
	sim, err := vendorsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// TestMain serves a simulator when this binary is started as a child.
func TestMain(m *testing.M) {
	dir := os.Getenv("VENDORSIM_CHILD_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	cfg := vendorsim.Config{Dir: dir, Lob: vendorsim.LobConfig{RateLimit: -1}, Faults: rule(vendorsim.SendErrorAfter)}
	if text := os.Getenv("VENDORSIM_CHILD_SETTING"); text != "" {
		var s childSetting
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		cfg.Clock, cfg.Webhooks, cfg.Faults = vendorsim.NewClockAt(s.Anchor), []vendorsim.Webhook{s.Webhook}, vendorsim.NoFaults()
	}
	sim, err := vendorsim.New(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := childServer(sim.Handler())
	fmt.Fprintln(os.Stdout, server)
	select {}
}

// childSetting makes a child send callbacks.
type childSetting struct {
	Webhook vendorsim.Webhook `json:"webhook"`
	Anchor  vendorsim.Anchor  `json:"anchor"`
}

// TestKill kills a simulator in the middle of its work, again and again, and
// checks that no answered piece is lost, no key forgotten, and that the print
// log agrees.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ids := map[string]string{} // key to the id that was answered
	var mu sync.Mutex
	for round := range 3 {
		base, kill := child(t, dir)
		client := &http.Client{Timeout: 10 * time.Second}
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d-%d", round, worker, i)
					if !sendUntilAnswered(t, client, base, key, ids, &mu) {
						return
					}
				}
			})
		}
		waitFor(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(ids) > 60*(round+1) })
		kill()
		wg.Wait()
		client.CloseIdleConnections()
	}
	sim := open(t, vendorsim.Config{Dir: dir, Lob: vendorsim.LobConfig{RateLimit: -1}})
	printed := map[string]string{}
	for _, p := range sim.Prints() {
		if printed[p.Ref] != "" {
			t.Errorf("%s is printed twice", p.Ref)
		}
		printed[p.Ref] = p.VendorID
	}
	for key, id := range ids {
		if printed[key] != id {
			t.Errorf("%s was answered as %s and printed as %q", key, id, printed[key])
		}
	}
	if got := sim.Stats().Vendors["lob"]; got.Accepted != int64(len(printed)) || got.Faults[vendorsim.SendErrorAfter] < int64(len(ids)) {
		t.Errorf("stats %+v for %d pieces", got, len(printed))
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "prints.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(log, []byte("\n")); got != len(printed) {
		t.Errorf("%d lines in the print log for %d pieces", got, len(printed))
	}
}

// sendUntilAnswered sends one piece; its first try fails after acceptance, its
// second is a replay. It returns false when the simulator is gone.
func sendUntilAnswered(t *testing.T, client *http.Client, base, key string, ids map[string]string, mu *sync.Mutex) bool {
	t.Helper()
	for try := range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/lob/v1/postcards", jsonReader(t, postcard(key)))
		if err != nil {
			t.Error(err)
			return false
		}
		req.SetBasicAuth("live_simlob", "")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", key)
		res, err := client.Do(req)
		if err != nil {
			return false
		}
		raw, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return false
		}
		if res.StatusCode != http.StatusOK {
			continue
		}
		var out struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(raw, &out); err != nil {
			t.Error(err)
			return false
		}
		mu.Lock()
		ids[key] = out.ID
		mu.Unlock()
		if try != 1 {
			t.Errorf("%s went through at try %d, want the second", key, try+1)
		}
		return true
	}
	t.Errorf("%s failed three times", key)
	return false
}

// child starts this binary as a simulator and returns its URL.
func child(t *testing.T, dir string, env ...string) (base string, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "VENDORSIM_CHILD_DIR="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-deadline:
			t.Fatal("timed out")
		case <-tick.C:
		}
	}
}

// TestRestart checks each kind of state across a clean restart.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	clock := vendorsim.NewClock(start(), 0)
	plan := vendorsim.Plan{Rules: []vendorsim.Rule{
		{Boundary: vendorsim.SendErrorBefore, Vendor: "lob", Rate: 1, First: 2},
		{Boundary: vendorsim.SendLateFailure, Vendor: "pcm", Rate: 1, First: 1},
	}}
	cfg := vendorsim.Config{Dir: dir, Clock: clock, Seed: 7, Faults: plan}
	b := setup(t, cfg)
	token := b.login("production")
	if a := b.lob("POST", "/postcards", "k", postcard("R")); a.status != 500 {
		t.Fatalf("first try: %d", a.status)
	}
	b.pcm(token, "POST", "/order/postcard", pcmCard("DOOMED"))
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	b = setup(t, vendorsim.Config{Dir: dir, Clock: clock, Faults: plan}) // the seed is remembered
	if a := b.lob("POST", "/postcards", "k", postcard("R")); a.status != 500 {
		t.Errorf("second try: %d: the occurrence was forgotten", a.status)
	}
	id := b.lob("POST", "/postcards", "k", postcard("R")).text(t, "id")
	if a := b.pcm(token, "POST", "/order/postcard", pcmCard("DOOMED")); a.status != 409 {
		t.Errorf("reference after a restart: %d; token and reference are durable", a.status)
	}
	if a := b.lob("DELETE", "/postcards/"+id, "", nil); a.status != 200 {
		t.Errorf("cancel: %d", a.status)
	}
	stats := b.sim.Stats()
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}

	clock.Advance(2 * time.Minute)
	b = setup(t, vendorsim.Config{Dir: dir, Clock: clock, Faults: plan})
	if a := b.lob("POST", "/postcards", "k", postcard("R")); a.at(t, "id") != id || a.at(t, "deleted") != true {
		t.Errorf("key and cancellation after a restart: %s", a.raw)
	}
	if a := b.pcm(token, "GET", "/order/100001", nil); a.at(t, "status") != "Undeliverable" {
		t.Errorf("late failure after a restart: %s", a.raw)
	}
	got := b.sim.Stats().Vendors["lob"]
	want := stats.Vendors["lob"]
	want.Sends, want.Replays = want.Sends+1, want.Replays+1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got)\n%s", diff)
	}
	if _, err := vendorsim.New(cfg); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("two simulators on one directory: %v", err)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := vendorsim.New(vendorsim.Config{Dir: dir, Seed: 8}); err == nil {
		t.Error("another seed is accepted")
	}
	if _, err := vendorsim.New(vendorsim.Config{Dir: dir, Vendors: []vendorsim.Vendor{{Name: "lob"}}}); err == nil {
		t.Error("a missing vendor is accepted")
	}
}

// TestTornFiles damages the files in the ways that a crash can, and in one
// that it cannot.
func TestTornFiles(t *testing.T) {
	t.Parallel()
	make3 := func(t *testing.T) (dir, state, log string) {
		t.Helper()
		dir = t.TempDir()
		b := setup(t, vendorsim.Config{Dir: dir})
		for _, ref := range []string{"A", "B", "C"} {
			b.lob("POST", "/postcards", "", postcard(ref))
		}
		if err := b.sim.Close(); err != nil {
			t.Fatal(err)
		}
		return dir, filepath.Join(dir, "state.jsonl"), filepath.Join(dir, "prints.jsonl")
	}
	refs := func(t *testing.T, dir string) string {
		t.Helper()
		sim := open(t, vendorsim.Config{Dir: dir})
		var out []string
		for _, p := range sim.Prints() {
			out = append(out, p.Ref)
		}
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		return strings.Join(out, "")
	}
	edit := func(t *testing.T, name string, f func([]byte) []byte) {
		t.Helper()
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f(raw), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("torn last line", func(t *testing.T) {
		t.Parallel()
		dir, state, _ := make3(t)
		edit(t, state, func(b []byte) []byte { return append(b, `{"seq":5,"at":"2026`...) })
		if got := refs(t, dir); got != "ABC" {
			t.Errorf("pieces %s", got)
		}
		b := setup(t, vendorsim.Config{Dir: dir}) // the next line has a line of its own
		b.lob("POST", "/postcards", "", postcard("D"))
		if err := b.sim.Close(); err != nil {
			t.Fatal(err)
		}
		if got := refs(t, dir); got != "ABCD" {
			t.Errorf("pieces %s", got)
		}
	})
	t.Run("print log behind", func(t *testing.T) {
		t.Parallel()
		dir, _, log := make3(t)
		var want []byte
		edit(t, log, func(b []byte) []byte { want = bytes.Clone(b); return b[:len(b)-20] })
		refs(t, dir)
		edit(t, log, func(got []byte) []byte {
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("completed log (-want +got)\n%s", diff)
			}
			return got
		})
	})
	for name, damage := range map[string]func([]byte) []byte{
		"torn middle": func(b []byte) []byte { b[len(b)/2] = '\n'; return b },
		"missing line": func(b []byte) []byte {
			before, rest, _ := bytes.Cut(b, []byte(`{"seq":3`))
			_, after, _ := bytes.Cut(rest, []byte("\n"))
			return slices.Concat(before, after)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, state, log := make3(t)
			edit(t, state, damage)
			if err := os.Remove(log); err != nil { // the state must notice by itself
				t.Fatal(err)
			}
			if _, err := vendorsim.New(vendorsim.Config{Dir: dir}); err == nil {
				t.Error("accepted")
			}
		})
	}
	t.Run("foreign print log", func(t *testing.T) {
		t.Parallel()
		dir, _, log := make3(t)
		edit(t, log, func([]byte) []byte { return []byte("{}\n") })
		if _, err := vendorsim.New(vendorsim.Config{Dir: dir}); err == nil {
			t.Error("accepted")
		}
	})
}
