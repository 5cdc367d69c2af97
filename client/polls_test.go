package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// busyStore is a ledger whose claims and commits take a while.
type busyStore struct {
	*idempotency.Memory

	each time.Duration
}

func (s busyStore) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	time.Sleep(s.each)
	return s.Memory.Claim(ctx, req)
}

func (s busyStore) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	time.Sleep(s.each)
	return s.Memory.Commit(ctx, changes)
}

// asked is an adapter that is asked for statuses without a network, and
// remembers the order.
type asked struct {
	*pressAdapter

	lasts time.Duration

	mu  sync.Mutex
	ids []string
	at  []time.Time
}

func (a *asked) Get(_ context.Context, _ vendors.Doer, id string) (*vendors.Order, error) {
	time.Sleep(a.lasts)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids, a.at = append(a.ids, id), append(a.at, time.Now())
	return a.order(&pressOrder{ID: id, Status: "accepted"}), nil
}

func (a *asked) times() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// newAsked returns a client of a press that is asked without a network.
func newAsked(t *testing.T, store client.Store, p *press, lasts time.Duration, opts ...client.Option) (*client.Client, *asked) {
	t.Helper()
	a := &asked{pressAdapter: p.adapter(), lasts: lasts}
	c, err := client.New(t.Context(), store, []vendors.Adapter{a},
		append([]client.Option{client.WithLogger(quiet()), client.WithVendor(p.name, vendorConfig(p, nil))}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, a
}

// overdue puts accepted pieces into the ledger whose polls are due since now and
// earlier, the first one for longest.
func overdue(t *testing.T, store client.Store, a *asked, campaign string, n int) {
	t.Helper()
	now := time.Now()
	changes := make([]idempotency.Change, 0, n)
	for i := range n {
		j := job(fmt.Sprintf("%s-%06d", campaign, i))
		r := idempotency.NewRecord(&j, nil, postproof.ModeTest, now.Add(-24*time.Hour))
		id := fmt.Sprintf("v-%s-%06d", campaign, i)
		r.State, r.Campaign, r.Deadline = idempotency.Accepted, campaign, now.Add(30*24*time.Hour)
		r.PollAt = now.Add(time.Duration(i-n) * time.Millisecond)
		r.Due = r.PollAt
		ref := postproof.Ref(fmt.Sprintf("%s%09d", "REFREFR", i)[:16])
		r.Submissions = []idempotency.Submission{{
			Generation: 1, Ref: ref, Vendor: a.p.name, Account: a.Account().Fingerprint, FirstAt: now, LastAt: now, Sends: 1,
			Join: postproof.Accepted, VendorID: id, AcceptedAt: now,
		}}
		r.Receipt = postproof.Receipt{Vendor: a.p.name, VendorID: id, Ref: ref, AcceptedAt: now.Add(-24 * time.Hour)}
		r.Status = postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, SeenAt: now.Add(-24 * time.Hour)}
		changes = append(changes, idempotency.Change{Record: r})
	}
	errs, err := store.Commit(t.Context(), changes)
	for _, e := range errs {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A flood of polls, as after a day without workers, is behind a new job of the
// same campaign within moments; and comes back as a stream, oldest first, at the
// vendor's pace.
func TestFloodOfPollsDelaysNoSend(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{16, 2} {
		t.Run(fmt.Sprint(concurrency), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const flood = 8000
				store := busyStore{idempotency.NewMemory(postproof.ModeTest), 5 * time.Millisecond}
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.poll = 30 * 24 * time.Hour
				c, a := newAsked(t, store, p, 100*time.Millisecond, client.WithConcurrency(concurrency))
				overdue(t, store, a, "spring", flood)
				if _, err := c.Enqueue(t.Context(), jobs(20)); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				runFor(t, c, 3*time.Second)
				if n := p.alive(); n != 20 {
					t.Errorf("%d of 20 jobs were sent while %d polls were due", n, flood)
				}
				// All at the pace of the share would take so long.
				whole := flood * 100 * time.Millisecond / time.Duration(max(1, concurrency/2))
				runFor(t, c, 2*whole)
				last := a.at[len(a.at)-1].Sub(began)
				if a.times() != flood {
					t.Fatalf("%d polls of %d were made", a.times(), flood)
				}
				if last > 2*whole {
					t.Errorf("the last poll was made after %s, at the pace of the share it is %s", last, whole)
				}
				assertOldestFirst(t, a.ids)
			})
		})
	}
}

// assertOldestFirst requires that no piece was asked about much before its turn.
func assertOldestFirst(t *testing.T, ids []string) {
	t.Helper()
	for place, id := range ids {
		var i int
		if _, err := fmt.Sscanf(id, "v-spring-%06d", &i); err != nil {
			t.Fatal(err)
		}
		if place < i-len(ids)/10 {
			t.Fatalf("the piece that was due as number %d was asked about as number %d", i, place)
		}
	}
}

// Sends without end leave polls their share, and polls the sends theirs.
func TestSendsAndPollsShareTheSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const seconds, slots = 200, 8
		store := busyStore{idempotency.NewMemory(postproof.ModeTest), time.Millisecond}
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = 30 * 24 * time.Hour
		p.faults(func(string, string, int) string { time.Sleep(time.Second); return "" })
		c, a := newAsked(t, store, p, time.Second, client.WithConcurrency(slots))
		overdue(t, store, a, "spring", 2000)
		var more sync.WaitGroup
		more.Go(func() {
			for i := range seconds { // as many as all slots could send
				for k := range slots {
					one := func(yield func(postproof.Job, error) bool) { yield(job(fmt.Sprint("new-", i, "-", k)), nil) }
					if _, err := c.Enqueue(t.Context(), one); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(time.Second)
			}
		})
		runFor(t, c, seconds*time.Second)
		more.Wait()
		// Half of the slots beside sends, all but one while only polls are found: that comes
		// to 480 polls of 1600. Without a place beside sends they are 320, with all places 670.
		sent, polled := p.alive(), a.times()
		if all := seconds * slots; polled < all/4 || polled > all*9/25 || sent+polled < all*9/10 {
			t.Errorf("%d sent and %d polled by %d slots in %d seconds of one second each", sent, polled, slots, seconds)
		}
	})
}

// Whoever drains the ledger now and then, as a cron job does, has all due polls
// made; but does not wait for a vendor that cannot be asked.
func TestDrainMakesDuePolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const due = 500
		store := busyStore{idempotency.NewMemory(postproof.ModeTest), time.Millisecond}
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.poll = 30 * 24 * time.Hour
		c, a := newAsked(t, store, p, 100*time.Millisecond, client.WithConcurrency(4))
		overdue(t, store, a, "spring", due)
		c.Breakers().ForceOpen("alpha", "read", "test")
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Drain(soon); err != nil || a.times() != 0 {
			t.Errorf("with a vendor that cannot be asked: %v, %d polls", err, a.times())
		}
		c.Breakers().Release("alpha", "read")
		time.Sleep(time.Hour) // their turns are past
		began := time.Now()
		drain(t, c)
		if n := a.times(); n != due {
			t.Errorf("%d of %d due polls were made", n, due)
		}
		// Nothing else is to be done: one slot is left for what may come.
		if took, half := time.Since(began), due*100*time.Millisecond/2; took >= half {
			t.Errorf("it took %s, with half of the slots it is %s", took, half)
		}
	})
}
