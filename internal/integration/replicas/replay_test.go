package replicas_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/integration/pgtest"
	"github.com/postproof/postproof/retry"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/lob"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// replayRows is the size of the list.
func replayRows() int {
	if pgtest.Full() {
		return 8_000
	}
	return 1_600
}

// The rows of the list by what became of them before the replay: their number
// modulo 8.
const (
	rowAccepted = 0 // and 1
	rowRefused  = 2
	rowUnknown  = 3
	rowWaiting  = 4
	rowHeld     = 5 // 6 and 7 were never handed in
)

// TestReplayOnReplicas: a bad day left a part of a campaign refused, a part in
// doubt, a part held, a part waiting, and a part was never handed in. Several
// processes on one PostgreSQL replay it from two places at once; others pause,
// resume and throttle it; who runs it is killed; meanwhile applications enqueue
// in transactions of their own, and contacts are erased. Each piece is printed
// once, no more is sent than was planned, the numbers add up, and another replay
// sends nothing.
func TestReplayOnReplicas(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var rules []vendorsim.Rule
	for _, b := range []vendorsim.Boundary{vendorsim.SendLost, vendorsim.SendErrorBefore, vendorsim.SendRefuse} {
		rules = append(rules, vendorsim.Rule{Boundary: b, Rate: 0.02})
	}
	f := &replayFleet{fleet: newFleet(t, seed, vendorsim.Plan{Rules: rules}), order: replayOrder{Run: "outage", Rows: replayRows(), By: "ann"}}
	f.badDay(t)
	before := f.printed()

	one, other := f.person(t), f.person(t)
	f.plan.Replay = &f.order
	f.join(t, 0)
	f.join(t, 1)
	var around sync.WaitGroup
	around.Go(func() { f.walkIn(t, other) })
	around.Go(func() { f.erase(t, one) })

	n := int64(f.order.Rows)
	f.until(t, one, "an eighth is handed over", func(p client.ReplayProgress) bool { return p.Handed >= n/8 })
	if err := one.PauseReplay(t.Context(), f.order.Run, client.Actor{By: "bob", Why: "the press is jammed"}); err != nil {
		t.Fatal(err)
	}
	paused := f.progress(t, other)
	pause(t.Context(), time.Second)
	if p := f.progress(t, other); p.Phase != client.ReplayPaused || p.Handed != paused.Handed {
		t.Errorf("paused with %d handed over, then %d in phase %s", paused.Handed, p.Handed, p.Phase)
	}
	if err := other.ThrottleReplay(t.Context(), f.order.Run, 2, client.Actor{By: "eve", Why: "gently"}); err != nil {
		t.Fatal(err)
	}
	if err := other.ResumeReplay(t.Context(), f.order.Run, client.Actor{By: "eve", Why: "mended"}); err != nil {
		t.Fatal(err)
	}
	f.until(t, one, "it goes on", func(p client.ReplayProgress) bool { return p.Handed > paused.Handed+20 })
	if err := one.ThrottleReplay(t.Context(), f.order.Run, 0, client.Actor{By: "bob", Why: "quickly"}); err != nil {
		t.Fatal(err)
	}
	f.until(t, one, "a third is handed over", func(p client.ReplayProgress) bool { return p.Handed >= n/3 })
	dead := f.runner(t)
	f.slots[dead].end(t, syscall.SIGKILL)
	f.join(t, dead) // plans anew, and goes on
	around.Wait()
	last := f.until(t, other, "the end", func(p client.ReplayProgress) bool { return p.Phase == client.ReplayFinished })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !f.finish(t, ctx) {
		t.Errorf("work is left: %v", f.depth(t))
	}
	for _, r := range f.slots {
		if r != nil {
			r.end(t, syscall.SIGTERM)
		}
	}

	f.judgeNews(t)
	f.judgeCounters(t, last)
	f.judgePaper(t, before)
	f.again(t, one)
}

// replayFleet is a fleet that replays.
type replayFleet struct {
	*fleet

	order  replayOrder
	walked int
}

// person opens a client that works nothing: somebody's tool.
func (f *replayFleet) person(t *testing.T) *client.Client {
	t.Helper()
	a := f.plan
	a.Name = fmt.Sprintf("person %d", rand.Uint32())
	store, c, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// badDay hands in most of the list, with a vendor that takes it, refuses it, or
// hangs up.
func (f *replayFleet) badDay(t *testing.T) {
	t.Helper()
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"error":{"message":"not today","status_code":422,"code":"bad_request"}}`)
	}))
	defer refuses.Close()
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangsUp.Close()
	each := int64(f.order.Rows / 8)
	f.chapter(t, f.sim.URL+"/lob", []int{rowAccepted, rowAccepted + 1}, idempotency.Accepted, 2*each)
	f.chapter(t, refuses.URL, []int{rowRefused}, idempotency.Refused, each)
	f.chapter(t, f.sim.URL+"/lob", []int{rowHeld}, idempotency.Held, each-1, client.WithCap(client.Cap{Campaign: replayCampaign, Pieces: 2*each + 1}))
	f.chapter(t, hangsUp.URL, []int{rowUnknown}, idempotency.Unknown, each)
	f.chapter(t, f.sim.URL+"/lob", []int{rowWaiting}, idempotency.Planned, each)
}

// chapter hands in some of the rows, and works until so many jobs stand in the
// state.
func (f *replayFleet) chapter(t *testing.T, vendor string, parts []int, state idempotency.State, want int64, opts ...client.Option) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	adapter, err := lob.New(f.plan.Lob.Key, lob.WithBaseURL(vendor+"/v1"), lob.WithUseType(lob.Marketing))
	if err != nil {
		t.Fatal(err)
	}
	patient := client.VendorConfig{Retry: retry.Config{AttemptTimeout: scale * time.Second}} // a busy machine takes its time
	c, err := client.New(ctx, f.store, []vendors.Adapter{adapter}, append(opts, client.WithVendor("lob", patient), client.WithoutHints(), client.WithBreaker(breaker.Config{DryRun: true}), client.WithDeadlines(idempotency.Deadlines{RetryBase: 10 * time.Minute, RetryCap: 15 * time.Minute}), client.WithClock(f.clock), client.WithLease(lease),
		client.WithPollInterval(10*time.Second), client.WithLogger(slog.New(slog.DiscardHandler)))...)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := c.Enqueue(ctx, f.rows(t, parts)); err != nil || out.Rejected > 0 {
		t.Fatalf("Enqueue = %+v, %v", out, err)
	}
	working, enough := context.WithCancel(ctx)
	var ran sync.WaitGroup
	if state != idempotency.Planned {
		ran.Go(func() {
			if err := c.Run(working); err != nil {
				t.Error(err)
			}
		})
	}
	for f.depth(t)[state] < want && ctx.Err() == nil {
		pause(ctx, 20*time.Millisecond)
	}
	enough()
	ran.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if d := f.depth(t); d[state] != want {
		t.Fatalf("the bad day has left %v, want %d %s", d, want, state)
	}
}

// rows are the jobs of the rows in some parts of the list.
func (f *replayFleet) rows(t *testing.T, parts []int) iter.Seq2[postproof.Job, error] {
	t.Helper()
	r, err := f.order.replay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(postproof.Job, error) bool) {
		i := -1
		for job, err := range client.Jobs(t.Context(), r.Snapshot, r.Drop) {
			i++
			for _, part := range parts {
				if i%8 == part && !yield(job, err) {
					return
				}
			}
		}
	}
}

func (f *replayFleet) progress(t *testing.T, c *client.Client) client.ReplayProgress {
	t.Helper()
	p, err := c.ReplayProgress(t.Context(), f.order.Run)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// until waits until the run is so far.
func (f *replayFleet) until(t *testing.T, c *client.Client, what string, reached func(client.ReplayProgress) bool) (p client.ReplayProgress) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); pause(t.Context(), 20*time.Millisecond) {
		p, err = c.ReplayProgress(t.Context(), f.order.Run)
		if postproof.CodeOf(err) == postproof.CodeNotFound {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if reached(p) {
			return p
		}
	}
	for _, r := range f.lives {
		text, _ := os.ReadFile(r.log.Name())
		t.Logf("%s: %.2000s", r.name, text)
	}
	t.Fatalf("%s was not reached: %+v, %v, %v", what, p, f.depth(t), err)
	return p
}

// runner is the slot of the process that goes on with the run.
func (f *replayFleet) runner(t *testing.T) int {
	t.Helper()
	set, err := f.store.Setting(t.Context(), "replay/"+f.order.Run)
	var st struct {
		Runner string `json:"runner"`
	}
	if err == nil {
		err = json.Unmarshal(set.Value, &st)
	}
	if err != nil {
		t.Fatal(err)
	}
	for slot, r := range f.slots {
		if r != nil && strings.HasPrefix(st.Runner, r.name+"/") {
			return slot
		}
	}
	t.Fatalf("nobody is %s", st.Runner)
	return 0
}

// walkIn has an application enqueue in transactions of its own, of which some are
// rolled back.
func (f *replayFleet) walkIn(t *testing.T, c *client.Client) {
	t.Helper()
	db, err := sql.Open("pgx", f.plan.DSN)
	if err != nil {
		t.Error(err)
		return
	}
	defer db.Close()
	for round := range 30 {
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Error(err)
			return
		}
		first, n := f.order.Rows+f.walked, 5
		out, err := c.EnqueueTx(t.Context(), f.store.In(tx), func(yield func(postproof.Job, error) bool) {
			for i := first; i < first+n; i++ {
				if !yield(postproof.Job{
					Key: postproof.Key(fmt.Sprintf("walk-in %d/%d", i, round)), Campaign: "walk-in", Class: postproof.FirstClass, To: recipient(i),
					Piece: postproof.Postcard{Size: postproof.Size6x9(), Artwork: postproof.HTML{Front: "<h1>Hello</h1>", Back: "<p>you</p>"}},
				}, nil) {
					return
				}
			}
		})
		if err != nil || out.New != int64(n) {
			t.Errorf("EnqueueTx = %+v, %v", out, err)
		}
		if round%3 == 2 {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
			f.walked += n
		}
		if err != nil {
			t.Error(err)
		}
		pause(t.Context(), 100*time.Millisecond)
	}
}

// erase erases contacts that wait, and some that were mailed.
func (f *replayFleet) erase(t *testing.T, c *client.Client) {
	t.Helper()
	for round := range 6 {
		var e client.Erasure
		for _, part := range []int{rowAccepted, rowWaiting, rowRefused, rowUnknown} {
			i := f.order.Rows - 8*(5*round+1) + part
			e.Contacts = append(e.Contacts, fmt.Sprintf("c%d", i))
		}
		e.Now = true
		if rep, err := c.Erase(t.Context(), e, client.Actor{By: "officer", Why: "requests"}); err != nil || len(rep.Problems) > 0 || len(rep.Jobs) != len(e.Contacts) {
			t.Errorf("Erase = %d jobs, %v, %v", len(rep.Jobs), rep.Problems, err)
		}
		pause(t.Context(), 300*time.Millisecond)
	}
}
