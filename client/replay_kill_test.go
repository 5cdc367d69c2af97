package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
	"github.com/postproof/postproof/retry"
)

// replayChildEnv makes the tests' binary a process that replays, which can be
// killed.
const replayChildEnv = "POSTPROOF_REPLAY_CHILD"

// replayChild is what such a process is to do.
type replayChild struct {
	Ledger string `json:"ledger"`
	// Press is the address of the vendor.
	Press string `json:"press"`
	Rows  int    `json:"rows"`
	Run   string `json:"run"`
	// Ahead is how far its clock is before the machine's: whoever starts a process
	// after another one was killed lets its leases run out so.
	Ahead time.Duration `json:"ahead"`
}

type aheadClock time.Duration

func (c aheadClock) Now() time.Time                         { return time.Now().Add(time.Duration(c)) }
func (c aheadClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

const childLease = 2 * time.Second

// open opens the ledger and a client on it, whose vendor is in another process.
func (j *replayChild) open(t *testing.T) *client.Client {
	t.Helper()
	store, err := sqlite.Open(t.Context(), j.Ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p := &press{name: "alpha", kind: postproof.IdempotencyKey, mode: postproof.ModeTest, look: true, cancel: true, key: "k"}
	var d net.Dialer
	c, err := client.New(t.Context(), store, adaptersOf(p), client.WithLogger(quiet()), client.WithClock(aheadClock(j.Ahead)),
		client.WithLease(childLease), client.WithPollInterval(20*time.Millisecond),
		client.WithVendor("alpha", client.VendorConfig{Transport: retry.TransportConfig{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, j.Press)
		}}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// replay plans, runs and sends until nothing is left open.
func (j *replayChild) replay(t *testing.T) (client.ReplayPlan, client.ReplayProgress) {
	t.Helper()
	c := j.open(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- c.Run(ctx) }()
	made := plan(t, c, replayOf(takeList(t, list(j.Rows)), j.Run))
	if _, err := c.RunReplay(ctx, made, client.Actor{By: "ann"}, client.ReplayOptions{Ahead: 40}); err != nil {
		t.Fatal(err)
	}
	var last client.ReplayProgress
	for p, err := range c.FollowReplay(ctx, j.Run, 20*time.Millisecond) {
		if err != nil {
			t.Fatal(err)
		}
		last = p
	}
	stop()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	return made, last
}

// TestReplayChild is the process that is killed.
func TestReplayChild(t *testing.T) {
	t.Parallel()
	text := os.Getenv(replayChildEnv)
	if text == "" {
		t.Skip("is run by TestReplayKilled")
	}
	var j replayChild
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	j.replay(t)
}

// TestReplayKilled kills the process that replays and sends at random moments. In
// the end each row is one piece at the vendor, the run's numbers are exact, and
// another replay sends nothing.
func TestReplayKilled(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(func() { _ = server.Close() })
	const rows, kills = 400, 6
	j := replayChild{Ledger: filepath.Join(t.TempDir(), "ledger.db"), Press: lis.Addr().String(), Rows: rows, Run: "run"}
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for k := range kills {
		until := rows * (k + 1) / (kills + 1)
		if j.killed(t, p, until, time.Duration(dice.Int64N(int64(20*time.Millisecond)))) {
			killed++
		}
		j.Ahead += childLease + time.Second // the leases of the dead have run out
	}
	_, last := j.replay(t)
	t.Logf("seed %d: %d of %d killed", seed, killed, kills)
	if killed == 0 {
		t.Error("every process came to its end before it was killed")
	}
	once(t, p, rows)
	if last.Phase != client.ReplayFinished || last.Handed != rows || last.Recovered != rows {
		t.Errorf("progress %+v, want %d recovered", last, rows)
	}
	again := j
	again.Run = "again"
	made, _ := again.replay(t)
	if diff := cmp.Diff(map[string]int64{"accepted accepted": rows}, counted(made)); diff != "" {
		t.Errorf("plan of what is finished (-want +got):\n%s", diff)
	}
	once(t, p, rows)
	c := again.open(t)
	n := 0
	for e, err := range c.Changes(t.Context(), client.ChangeQuery{Actions: []client.Action{client.ActionReplay}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Target.Name == "run" {
			n++
		}
	}
	if n < killed {
		t.Errorf("the change log has %d starts of the run, it was killed %d times", n, killed)
	}
	if d, err := c.Depth(t.Context(), ""); err != nil || d[idempotency.Accepted] != rows || d.Open() != 0 {
		t.Errorf("depth %v, %v", d, err)
	}
}

// killed starts a process and kills it a while after the vendor has so many
// pieces. It reports whether it was still at work.
func (j *replayChild) killed(t *testing.T, p *press, pieces int, after time.Duration) bool {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	// For as long as the test may: a machine with much else to do is no failure.
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReplayChild$")
	cmd.Env = append(os.Environ(), replayChildEnv+"="+string(text))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var reached <-chan time.Time
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("a process failed by itself: %v", err)
			}
			return false
		case <-reached:
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			return <-ended != nil
		case <-tick.C:
			if reached == nil && p.alive() >= pieces {
				reached = time.After(after)
			}
		}
	}
}

// once requires each row to be one piece at the vendor.
func once(t *testing.T, p *press, rows int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	refs := map[string]int{}
	for _, o := range p.orders {
		refs[o.Ref]++
	}
	if len(p.orders) != rows || len(refs) != rows {
		t.Errorf("%d pieces under %d references at the vendor, want %d", len(p.orders), len(refs), rows)
	}
}
