package callback_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/sqlite"
)

// fullEnv, when it is not empty, has a hundred thousand callbacks come in, which
// takes minutes.
const fullEnv = "POSTPROOF_TEST_FULL"

// killTrial is how much is sent, and how often the receiver is killed meanwhile.
type killTrial struct {
	pieces, kills int
	// every is how long a receiver lives, at most twice of it.
	every time.Duration
}

func newKillTrial() killTrial {
	if os.Getenv(fullEnv) != "" {
		return killTrial{pieces: 20_000, kills: 25, every: 2 * time.Second}
	}
	return killTrial{pieces: 350, kills: 4, every: 150 * time.Millisecond}
}

// TestKilledReceiver kills the receiver's process again and again while callbacks
// come in, shuffled and every fifth twice. What it acknowledged is not sent again.
// In the end each event is applied once, none is lost, the handler had each, and
// all pieces are where the sender knows them to be.
func TestKilledReceiver(t *testing.T) {
	t.Parallel()
	trial := newKillTrial()
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	job := childJob{Ledger: filepath.Join(dir, "mail.db"), Handled: filepath.Join(dir, "handled"), Addr: "127.0.0.1:0"}
	store, err := sqlite.Open(t.Context(), job.Ledger, sqlite.WithMode(postproof.ModeTest))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	w := newWorld(t, store, newPrinter(t))
	pieces, ends := w.mailedMany(t, trial.pieces), map[string]postproof.Stage{}
	var events []note
	for i, o := range pieces {
		for k, stage := range fate(i) {
			events = append(events, note{
				ID: fmt.Sprintf("evt_%d_%d", i, k), Piece: o.ID, Ref: o.Ref, Status: string(stage), Time: time.Unix(1.7e9+int64(k)*86400, 0).UTC(),
			})
			ends[o.ID] = stage
		}
	}
	sends := append([]note{}, events...)
	for _, i := range dice.Perm(len(events))[:len(events)/5] {
		sends = append(sends, events[i])
	}
	dice.Shuffle(len(sends), func(i, j int) { sends[i], sends[j] = sends[j], sends[i] })

	c := startChild(t, job)
	job.Addr = c.addr // the next one listens there, too
	s := &sender{url: "http://" + c.addr + "/callbacks/printer"}
	sending := make(chan error, 1)
	go func() { sending <- s.send(t.Context(), sends) }()
	for range trial.kills {
		time.Sleep(trial.every/2 + time.Duration(dice.Int64N(int64(trial.every*3/2))))
		c.kill()
		job.Ahead += childLease + time.Second // the leases of the dead have run out
		s.ahead.Store(int64(job.Ahead))
		c = startChild(t, job)
	}
	if err := <-sending; err != nil {
		t.Fatal(err)
	}
	waitForInbox(t, store.Inbox())
	c.stop(t)
	t.Logf("seed %d: %d events, %d callbacks, %d of them acknowledged after a failure, %d kills", seed, len(events), len(sends), s.again.Load(), trial.kills)
	if s.again.Load() == 0 {
		t.Error("no kill was noticed")
	}
	checkEvents(t, store, events, job.Handled)
	wrong := 0
	for rec, err := range store.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if want := ends[rec.Receipt.VendorID]; rec.Status.Stage != want {
			if wrong++; wrong < 5 {
				t.Errorf("a piece is %s, its vendor says %s", rec.Status.Stage, want)
			}
		}
		delete(ends, rec.Receipt.VendorID)
	}
	if wrong > 0 || len(ends) > 0 {
		t.Errorf("%d pieces are elsewhere than their vendor says, %d are not there", wrong, len(ends))
	}
}

// fate is what happens to the i-th piece, in this order.
func fate(i int) []postproof.Stage {
	stages := []postproof.Stage{postproof.StageRendered, postproof.StageMailed, postproof.StageInTransit, postproof.StageInLocalArea, postproof.StageDelivered}
	if i%50 == 0 {
		stages[4] = postproof.StageReturned
	}
	return stages
}

// mailedMany submits so many jobs and returns their orders.
func (w *world) mailedMany(t *testing.T, n int) []*order {
	t.Helper()
	orders := make([]*order, n)
	var next atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !t.Failed(); i = int(next.Add(1)) - 1 {
				rec, err := w.mail.Submit(t.Context(), job(fmt.Sprint("job-", i)))
				if err != nil {
					t.Error(err)
					return
				}
				orders[i] = &order{ID: rec.Receipt.VendorID, Ref: string(rec.Receipt.Ref)}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return orders
}

// sender posts each callback until it is acknowledged, and then not again.
type sender struct {
	url string
	// ahead is the receiver's clock before ours.
	ahead atomic.Int64
	// again counts the callbacks that were not acknowledged at once.
	again atomic.Int64
}

func (s *sender) send(ctx context.Context, notes []note) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	defer transport.CloseIdleConnections()
	posts := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	var next atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(notes) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := s.deliver(ctx, posts, &notes[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (s *sender) deliver(ctx context.Context, posts *http.Client, n *note) error {
	for try := 0; ; try++ {
		status, err := s.post(ctx, posts, n)
		switch {
		case err == nil && status == http.StatusOK:
			if try > 0 {
				s.again.Add(1)
			}
			return nil
		case err == nil && status != http.StatusServiceUnavailable:
			return fmt.Errorf("status %d", status)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *sender) post(ctx context.Context, posts *http.Client, n *note) (int, error) {
	body, err := json.Marshal([]*note{n})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	at := time.Now().Add(time.Duration(s.ahead.Load()))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Printer-Time", fmt.Sprint(at.Unix()))
	req.Header.Set("Printer-Signature", sign(secret, at, body))
	resp, err := posts.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// waitForInbox returns when nothing waits.
func waitForInbox(t *testing.T, inbox idempotency.Inbox) {
	t.Helper()
	low := uint64(0)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		waits := false
		for m, err := range inbox.List(t.Context(), idempotency.MessageQuery{After: low}) {
			if err != nil {
				t.Fatal(err)
			}
			if waits = m.State == idempotency.MessageWaiting; waits {
				break
			}
			low = m.ID
		}
		if !waits {
			return
		}
		if time.Since(began) > 10*time.Minute {
			t.Fatal("the inbox is not worked off")
		}
	}
}

// checkEvents wants each event in the inbox, in the history and at the handler:
// once, once, and at least once.
func checkEvents(t *testing.T, store *sqlite.Store, events []note, handled string) {
	t.Helper()
	entries := map[string]int{}
	for e, err := range store.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"callback", "callback_kept"}}) {
		if err != nil {
			t.Fatal(err)
		}
		entries[e.By]++
	}
	calls := map[string]int{}
	b, err := os.ReadFile(handled)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		calls[strings.TrimSpace(line)]++
	}
	missing := map[string]bool{}
	for i := range events {
		missing[events[i].ID] = true
	}
	twice, unapplied, unhandled, unsettled := 0, 0, 0, 0
	for m, err := range store.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		var in []note
		if err := json.Unmarshal(m.Body, &in); err != nil || len(in) != 1 || !missing[in[0].ID] {
			t.Errorf("message %d is of no event, or of one that is there already", m.ID)
			continue
		}
		delete(missing, in[0].ID)
		switch n := entries[fmt.Sprintf("inbox/%d", m.ID)]; {
		case n == 0:
			unapplied++
		case n > 1:
			twice++
		}
		if calls[in[0].ID] == 0 {
			unhandled++
		}
		if m.State != idempotency.MessageApplied {
			unsettled++
		}
	}
	if len(missing)+twice+unapplied+unhandled+unsettled > 0 {
		t.Errorf("of %d events %d are lost, %d applied twice, %d not applied, %d not handled, %d not settled",
			len(events), len(missing), twice, unapplied, unhandled, unsettled)
	}
	if len(entries) != len(events) {
		t.Errorf("%d entries of %d events", len(entries), len(events))
	}
	t.Logf("the handler was called %d times for %d events", len(strings.Split(string(b), "\n"))-1, len(events))
}
