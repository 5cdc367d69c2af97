package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// fullEnv, when it is not empty, has runs of the whole list killed, twenty times
// each, which takes minutes.
const fullEnv = "POSTPROOF_TEST_FULL"

// trial is how long and how often the program is killed.
type trial struct {
	kills int
	// within is the longest life of a run that is killed.
	within time.Duration
	args   []string
}

func newTrial(t *testing.T) trial {
	t.Helper()
	if os.Getenv(fullEnv) != "" {
		return trial{kills: 20, within: 2 * time.Second} // a run of the whole list takes half a minute
	}
	return trial{kills: 5, within: 1200 * time.Millisecond, args: []string{"-csv", contacts(t, 300)}}
}

// TestKilled kills the campaign, and with it the simulators, at random moments.
func TestKilled(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	args := append(tr.args, "-faults", "chaos", "-json", "-dir", t.TempDir())
	tr.run(t, args, func(*rand.Rand) {})
}

// TestKilledApart has the simulators in a process of their own, which is
// killed, too.
func TestKilledApart(t *testing.T) {
	t.Parallel()
	tr := newTrial(t)
	v := startVendors(t, "127.0.0.1:0")
	args := append(tr.args, "-faults", "chaos", "-json", "-dir", t.TempDir(), "-vendors", v.url)
	tr.run(t, args, func(r *rand.Rand) {
		if r.IntN(2) == 0 {
			v.restart(t)
		}
	})
}

// TestOutageLeft finds simulators in an outage that a killed run switched on,
// and ends it.
func TestOutageLeft(t *testing.T) {
	t.Parallel()
	v := startVendors(t, "127.0.0.1:0", "-faults", "none")
	body := strings.NewReader(`{"vendor":"lob","kind":"error","on":true}`)
	res, err := http.Post(v.url+"/_sim/outage", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatalf("outage: %s %v", res.Status, err)
	}
	got := keptPromise(t, runProgram(t, "-faults", "none", "-json", "-csv", contacts(t, 20), "-dir", t.TempDir(), "-vendors", v.url))
	if got.Failovers != 0 || got.Sends != got.Jobs {
		t.Errorf("%d sends of %d jobs, %d to another vendor: the outage went on", got.Sends, got.Jobs, got.Failovers)
	}
}

// run kills the program again and again, does something else, and lets the
// last run come to its end.
func (tr trial) run(t *testing.T, args []string, between func(*rand.Rand)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("moments from seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for range tr.kills {
		life := time.Duration(r.Int64N(int64(tr.within)))
		ctx, cancel := context.WithTimeout(t.Context(), life) // kills it with SIGKILL
		var out, errout bytes.Buffer
		cmd := command(ctx, &out, &errout, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Sometimes the other side goes while the campaign is at work.
		if life > tr.within/2 {
			between(r)
		}
		err := cmd.Wait()
		cut := ctx.Err() != nil
		cancel()
		switch {
		case cut && err != nil:
			killed++
		case err != nil:
			t.Fatalf("a run failed by itself: %v\n%s%s", err, out.String(), errout.String())
		}
		if life <= tr.within/2 {
			between(r)
		}
	}
	got := keptPromise(t, runProgram(t, args...))
	if killed == 0 {
		t.Error("every run came to its end before it was killed")
	}
	b, _ := json.Marshal(got)
	t.Logf("%d of %d runs killed: %s", killed, tr.kills, b)
}

// vendorProcess is a simulator in a process of its own.
type vendorProcess struct {
	dir, addr, url string
	cmd            *exec.Cmd
}

func startVendors(t *testing.T, addr string, args ...string) *vendorProcess {
	t.Helper()
	v := &vendorProcess{dir: t.TempDir(), addr: addr}
	v.start(t, append([]string{"-faults", "chaos", "-seed", "7"}, args...)...)
	t.Cleanup(func() { v.kill() })
	return v
}

func (v *vendorProcess) start(t *testing.T, args ...string) {
	t.Helper()
	v.cmd = exec.Command(filepath.Join(bin, "vendorsim"), append([]string{"-addr", v.addr, "-dir", v.dir}, args...)...)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if control, ok := strings.CutPrefix(lines.Text(), "control: "); ok {
			v.url = strings.TrimSuffix(control, "/_sim/info")
			v.addr = strings.TrimPrefix(v.url, "http://")
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	t.Fatal("the simulator did not start")
}

func (v *vendorProcess) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

// restart kills the simulator and starts it again on the same address. Its
// clock is not part of its state: it is told to go on where it was.
func (v *vendorProcess) restart(t *testing.T) {
	t.Helper()
	at := v.clock(t)
	read := time.Now()
	v.kill()
	now := at.Now.Add(time.Duration(float64(time.Since(read)) * at.Scale))
	v.start(t, "-faults", "chaos", "-start", now.Format(time.RFC3339Nano), "-scale", fmt.Sprint(at.Scale))
}

func (v *vendorProcess) clock(t *testing.T) (c vendorsim.ClockInfo) {
	t.Helper()
	res, err := http.Get(v.url + "/_sim/clock")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}
