package replicas_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// fleet is the replicas and what is around them.
type fleet struct {
	dir    string
	random *rand.Rand
	db     *sql.DB
	store  *postgres.Store
	sim    *vendorsim.Server
	clock  *vendorsim.Clock
	plan   assignment
	slots  [replicas]*replica
	lives  []*replica // of all that there were
	due    []sample
	count  struct {
		killed, frozen, stopped, late int
		out                           time.Duration
	}
}

// sample is how many jobs waited for a worker at a moment; it counts to
// [plenty].
type sample struct {
	at   time.Time
	jobs int
}

// span is a stretch of real time.
type span struct{ from, to time.Time }

// replica is a process.
type replica struct {
	name   string
	cmd    *exec.Cmd
	log    *os.File
	from   time.Time
	to     time.Time // when it was killed or told to stop; zero: it lives
	frozen []span
	there  chan struct{} // closed when it is told of, or ended
	read   sync.WaitGroup
	mu     sync.Mutex
	claims []activity
}

func newFleet(t *testing.T, seed uint64, plan vendorsim.Plan) *fleet {
	t.Helper()
	cluster := pgtest.Private(t)
	// Early enough that a vendor's nightly batch is hours away for a while.
	f := &fleet{dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 1)), clock: vendorsim.NewClock(time.Date(2027, time.March, 2, 1, 0, 0, 0, time.UTC), scale)}
	var err error
	f.sim, err = vendorsim.Start(vendorsim.Config{Dir: filepath.Join(f.dir, "vendors"), Clock: f.clock, Seed: seed, Faults: plan, Lob: vendorsim.LobConfig{TestTracking: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.sim.Close(); err != nil {
			t.Error(err)
		}
	})
	f.plan = assignment{Name: "planner", DSN: cluster.DSN(""), Schema: "postproof", Vendors: f.sim.URL, Clock: f.clock.Anchor(), Lob: f.credential("lob"), PCM: f.credential("pcm")}
	if f.db, err = sql.Open("pgx", f.plan.DSN); err != nil {
		t.Fatal(err)
	}
	if f.store, err = postgres.New(t.Context(), f.db, postgres.WithMode(postproof.ModeTest), postgres.WithSchema(f.plan.Schema)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Error(err)
		}
		if err := f.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fleet) credential(vendor string) vendorsim.Credential {
	for _, c := range f.sim.Credentials(vendor) {
		if c.Mode == postproof.ModeTest {
			return c
		}
	}
	panic("no test credentials for " + vendor)
}

// join starts a process in the slot.
func (f *fleet) join(t *testing.T, slot int) {
	t.Helper()
	r := &replica{name: fmt.Sprintf("replica %d.%d", slot, len(f.lives)), from: time.Now(), there: make(chan struct{})}
	a := f.plan
	a.Name = r.name
	encoded, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if r.log, err = os.Create(filepath.Join(f.dir, r.name+".log")); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(os.Args[0])
	r.cmd.Env = append(os.Environ(), workerEnv+"="+string(encoded))
	r.cmd.Stderr = r.log
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() }) // where the test failed before its end
	r.read.Go(func() { r.follow(out) })
	f.slots[slot], f.lives = r, append(f.lives, r)
}

// follow reads what a worker tells of itself.
func (r *replica) follow(out io.Reader) {
	there := sync.OnceFunc(func() { close(r.there) })
	defer there()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		there()
		var a activity
		if json.Unmarshal(lines.Bytes(), &a) == nil { // a killed process leaves half a line
			r.mu.Lock()
			r.claims = append(r.claims, a)
			r.mu.Unlock()
		}
	}
}

// end sends the signal and waits for the end of the process.
func (r *replica) end(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if sig == syscall.SIGTERM { // which nobody heeds who is only being started
		select {
		case <-r.there:
		case <-time.After(time.Minute):
			t.Errorf("%s was not there after a minute", r.name)
		}
	}
	if r.to.IsZero() {
		r.to = time.Now()
	}
	_ = r.cmd.Process.Signal(sig)
	if sig == syscall.SIGTERM { // it has a minute
		late := time.AfterFunc(time.Minute, func() { _ = r.cmd.Process.Kill() })
		defer late.Stop()
	}
	r.read.Wait()
	err := r.cmd.Wait()
	_ = r.log.Close()
	if sig == syscall.SIGTERM && err != nil {
		text, _ := os.ReadFile(r.log.Name())
		t.Errorf("%s was told to stop: %v\n%.4000s", r.name, err, text)
	}
}

// freeze stops the process for a while that is longer than its leases.
func (r *replica) freeze(ctx context.Context, d time.Duration) {
	s := span{from: time.Now()}
	_ = r.cmd.Process.Signal(syscall.SIGSTOP)
	pause(ctx, d)
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	s.to = time.Now()
	r.mu.Lock()
	r.frozen = append(r.frozen, s)
	r.mu.Unlock()
}

// day lets the replicas work until all is done.
func (f *fleet) day(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for slot := range replicas {
		f.join(t, slot)
	}
	var around sync.WaitGroup
	calm := make(chan struct{})
	bad, stopped := context.WithCancel(ctx)
	around.Go(func() { f.outages(t, bad) })
	around.Go(func() { f.watch(t, ctx, calm) })
	f.hurt(t, bad, calm)
	stopped()
	finished := f.finish(t, ctx)
	cancel()
	around.Wait()
	for _, r := range f.slots {
		r.end(t, syscall.SIGTERM)
	}
	if !finished {
		text, _ := os.ReadFile(f.slots[0].log.Name())
		t.Fatalf("not finished after ten minutes: %v\n%.4000s", f.depth(t), text)
	}
}

// finish waits until no job is to be sent or settled.
func (f *fleet) finish(t *testing.T, ctx context.Context) bool {
	t.Helper()
	for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		d := f.depth(t) //nolint:contextcheck // the test's
		if d[idempotency.Planned]+d[idempotency.Sending]+d[idempotency.Unknown] == 0 {
			return true
		}
	}
	return false
}

// hurt kills, freezes and stops processes, and has others join, until the
// campaign is calm.
func (f *fleet) hurt(t *testing.T, ctx context.Context, calm <-chan struct{}) {
	t.Helper()
	var freezes sync.WaitGroup
	defer freezes.Wait()
	cold := map[*replica]time.Time{}
	for round := 0; ; round++ {
		select {
		case <-calm:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(400+f.random.IntN(1000)) * time.Millisecond):
		}
		slot := f.random.IntN(replicas)
		for range replicas {
			if time.Now().After(cold[f.slots[slot]]) {
				break
			}
			slot = (slot + 1) % replicas
		}
		r := f.slots[slot]
		if time.Now().Before(cold[r]) {
			round-- // all of them are frozen
			continue
		}
		// Each in its turn first, so that a short day has all of them.
		switch round % 3 {
		case 0:
			// Longer than a lease, shorter than the half hour after which an empty
			// look-up proves something: a longer one is an assumption broken.
			long := time.Duration(5500+f.random.IntN(1500)) * time.Millisecond
			cold[r] = time.Now().Add(long + time.Second)
			freezes.Go(func() { r.freeze(ctx, long) })
			f.count.frozen++
		case 1:
			r.end(t, syscall.SIGKILL)
			f.count.killed++
			f.join(t, slot)
		case 2:
			r.end(t, syscall.SIGTERM)
			f.count.stopped++
			f.join(t, slot)
		}
	}
}

// outages has the first vendor out half of the time, in all ways.
func (f *fleet) outages(t *testing.T, ctx context.Context) {
	t.Helper()
	kinds := []vendorsim.Outage{vendorsim.OutageError, vendorsim.OutageHang, vendorsim.OutagePartial, vendorsim.OutageRefuse, vendorsim.OutageEmpty}
	for round := 0; ctx.Err() == nil; round++ {
		kind, began := kinds[round%len(kinds)], time.Now()
		if err := f.sim.SetOutage("lob", kind, true); err != nil {
			t.Error(err)
		}
		pause(ctx, 2*time.Second)
		if err := f.sim.SetOutage("lob", kind, false); err != nil {
			t.Error(err)
		}
		f.count.out += time.Since(began)
		pause(ctx, 2*time.Second)
	}
}

// plenty is more than all processes have at hand: where so many jobs wait,
// there is work for each of them.
const plenty = 400

// watch counts what waits, and closes calm when little of the campaign is left
// to be sent: what is unknown then takes its half hour, which would be as bad a
// day for ever.
func (f *fleet) watch(t *testing.T, ctx context.Context, calm chan<- struct{}) {
	t.Helper()
	for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
		var n int
		err := f.db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT FROM postproof.queue WHERE due <= $1 AND visible <= $1 AND state = 'planned' LIMIT $2) AS waiting",
			f.clock.Now().UnixNano(), plenty).Scan(&n)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		f.due = append(f.due, sample{time.Now(), n})
		if calm != nil {
			if d, err := f.store.Depth(ctx, ""); err == nil && planned(d) < int64(jobs()/20) {
				close(calm)
				calm = nil
			}
		}
	}
}

func planned(depths []idempotency.StateCount) (n int64) {
	for _, d := range depths {
		if d.State == idempotency.Planned {
			n += d.Count
		}
	}
	return n
}

// idle looks for a process that claimed nothing for long although there was
// plenty to do, and it was neither starting nor frozen.
func (f *fleet) idle(t *testing.T) {
	t.Helper()
	const long, starting = 4 * time.Second, 3 * time.Second
	longest, who, judged := time.Duration(0), "", 0
	for _, r := range f.lives {
		awake := r.from.Add(starting)
		last := awake
		for _, s := range f.due {
			for _, c := range r.claims {
				if c.At.After(last) && !c.At.After(s.at) {
					last = c.At
				}
			}
			for _, z := range r.frozen {
				if s.at.After(z.from) && z.to.Add(starting).After(last) {
					last = z.to.Add(starting)
				}
			}
			switch {
			case s.jobs < plenty || s.at.Before(last):
				last = maxTime(last, s.at)
			case !r.to.IsZero() && s.at.After(r.to):
			default:
				judged++
				if idle := s.at.Sub(last); idle > longest {
					longest, who = idle, fmt.Sprintf("%s, from %s to %s of the day", r.name, last.Sub(f.due[0].at).Round(time.Millisecond), s.at.Sub(f.due[0].at).Round(time.Millisecond))
				}
			}
		}
	}
	t.Logf("longest idle with work at hand: %s (%s), of %d looks", longest.Round(time.Millisecond), who, judged)
	if longest > long {
		t.Errorf("a process was idle for %s while there was plenty to do: %s", longest.Round(time.Millisecond), who)
		for _, r := range f.lives {
			for _, z := range r.frozen {
				t.Logf("%s was frozen from %s to %s", r.name, z.from.Sub(f.due[0].at).Round(time.Millisecond), z.to.Sub(f.due[0].at).Round(time.Millisecond))
			}
		}
	}
	if judged == 0 {
		t.Error("there was never plenty to do: the test looks at nothing")
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
