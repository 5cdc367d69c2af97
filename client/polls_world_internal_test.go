package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/breaker"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// The world of processes that poll from one queue: the real store, clients, pools
// and machine, without hands and without time of its own. What is there to happen
// is a list of moves, and one of them happens at a time.

const (
	// pollsApart is the vendor's pace: a piece is asked about no more often.
	pollsApart = time.Hour
	// pollTick is a look at the queue, pollLease how long a claim lasts, pollShut
	// how long the vendor says to stay away.
	pollTick, pollLease, pollShut = time.Second, 4 * time.Second, 20 * time.Second
	// pollPatience is within how much time each due poll is made once nothing is in
	// the way any more: leases end, and so do the vendor's word and put-offs.
	pollPatience = pollShut + time.Minute
	pollLasts    = 300 * time.Millisecond
)

// stillClock moves only when it is told to.
type stillClock struct{ now time.Time }

func (c *stillClock) Now() time.Time                       { return c.now }
func (c *stillClock) After(time.Duration) <-chan time.Time { return nil }

// stillVendor is asked for statuses, and remembers when.
type stillVendor struct {
	w    *pollWorld
	name string
	shut bool
}

func (v *stillVendor) Capabilities() *postproof.Capabilities {
	return &postproof.Capabilities{Vendor: v.name, Poll: pollsApart}
}

func (v *stillVendor) Account() vendors.Account {
	return vendors.Account{Fingerprint: vendors.Fingerprint(v.name, "k"), Mode: postproof.ModeTest}
}

func (v *stillVendor) Encode(context.Context, *vendors.Submission) (*vendors.Body, error) {
	return nil, errors.ErrUnsupported
}

func (v *stillVendor) Submit(context.Context, vendors.Doer, *vendors.Submission, *vendors.Body) (*vendors.Order, error) {
	return nil, errors.ErrUnsupported
}

func (v *stillVendor) Get(_ context.Context, do vendors.Doer, id string) (*vendors.Order, error) {
	w, k := v.w, do.(*call) //nolint:forcetypeassert,errcheck // it is the client's
	group := postproof.OpGet.Group()
	if wait, _ := k.v.limits.wait(group, w.clock.now); wait > maxThrottle { // as a call is throttled
		return nil, &postproof.Error{Code: postproof.CodeRateLimited, Delivery: postproof.NotSent, Op: "get", Vendor: v.name, RetryAfter: wait, Err: errors.New("used up")}
	}
	if k.c.breakers.State(v.name, group).Phase == breaker.Open { // as the breaker has it
		return nil, &postproof.Error{Code: postproof.CodeUnavailable, Delivery: postproof.NotSent, Op: "get", Vendor: v.name, Err: breaker.ErrOpen}
	}
	w.clock.now = w.clock.now.Add(pollLasts)
	if last, ok := w.asked[id]; ok && w.clock.now.Sub(last) < pollsApart {
		w.wrong("%s was asked about %s after the time before", id, w.clock.now.Sub(last))
	}
	w.asked[id] = w.clock.now
	delete(w.dueAt, id) // it is another one from now on
	if v.shut {
		k.v.limits.limited(group, w.clock.now, pollShut) // as a call learns it
		return nil, &postproof.Error{Code: postproof.CodeRateLimited, Delivery: postproof.Refused, Op: "get", Vendor: v.name, RetryAfter: pollShut, Err: errors.New("later")}
	}
	return &vendors.Order{
		Receipt: postproof.Receipt{Vendor: v.name, VendorID: id},
		Status:  postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourcePoll},
	}, nil
}

// pollProcess is a process that drains the ledger, or has died or come to its end.
type pollProcess struct {
	c     *Client
	p     *pool
	ended bool
}

// pollWorld is one state of the world.
type pollWorld struct {
	t       *testing.T
	clock   *stillClock
	store   *idempotency.Memory
	vendors []*stillVendor
	procs   []*pollProcess
	shape   pollShape
	// asked is when pieces were asked about, dueAt since when a poll is due.
	asked, dueAt map[string]time.Time
	// clean: nobody died, and the vendors could be asked all the time.
	clean bool
	// lives counts the processes that were begun.
	lives int
	// broken is what went wrong.
	broken string
}

// pollShape is how large the world is.
type pollShape struct {
	processes, vendors, polls, concurrency int
}

func (w *pollWorld) wrong(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

func newPollWorld(t *testing.T, s pollShape) *pollWorld {
	t.Helper()
	w := &pollWorld{
		t: t, shape: s, clock: &stillClock{time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)}, store: idempotency.NewMemory(postproof.ModeTest),
		asked: map[string]time.Time{}, dueAt: map[string]time.Time{}, clean: true,
	}
	for i := range s.vendors {
		w.vendors = append(w.vendors, &stillVendor{w: w, name: fmt.Sprintf("v%d", i)})
	}
	changes := make([]idempotency.Change, s.polls)
	for i := range changes {
		v := w.vendors[i%len(w.vendors)]
		since := w.clock.now.Add(-24 * time.Hour)
		r := idempotency.NewRecord(&postproof.Job{Key: postproof.Key(fmt.Sprint("k", i))}, nil, postproof.ModeTest, since)
		ref, id := postproof.Ref(fmt.Sprintf("REF%013d", i)), fmt.Sprint("piece ", i)
		r.State, r.Deadline = idempotency.Accepted, w.clock.now.Add(30*24*time.Hour)
		r.PollAt = w.clock.now.Add(time.Duration(i-s.polls) * time.Minute)
		r.Due = r.PollAt
		r.Submissions = []idempotency.Submission{{
			Generation: 1, Ref: ref, Vendor: v.name, Account: v.Account().Fingerprint, FirstAt: since, LastAt: since, Sends: 1,
			Join: postproof.Accepted, VendorID: id, AcceptedAt: since,
		}}
		r.Receipt = postproof.Receipt{Vendor: v.name, VendorID: id, Ref: ref, AcceptedAt: since}
		r.Status = postproof.Status{Stage: postproof.StageAccepted, Source: postproof.SourceResponse, SeenAt: since}
		changes[i] = idempotency.Change{Record: r}
	}
	if errs, err := w.store.Commit(t.Context(), changes); err != nil || errs != nil {
		t.Fatal(errs, err)
	}
	for range s.processes {
		w.procs = append(w.procs, w.process())
	}
	return w
}

// process begins one.
func (w *pollWorld) process() *pollProcess {
	w.lives++
	adapters := make([]vendors.Adapter, len(w.vendors))
	for i, v := range w.vendors {
		adapters[i] = v
	}
	// What reads the ledger now and then is out of the picture.
	c, err := New(w.t.Context(), w.store, adapters, WithClock(w.clock), WithOwner(fmt.Sprint("process ", w.lives)), WithPollInterval(1000*time.Hour),
		WithConcurrency(w.shape.concurrency), WithLease(pollLease), WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		w.t.Fatal(err)
	}
	return &pollProcess{c: c, p: newPool(w.t.Context(), c)}
}

// pollMove is something that may happen.
type pollMove struct {
	what string
	who  int
}

func (m pollMove) String() string { return fmt.Sprint(m.what, " ", m.who) }

// moves lists what may happen now.
func (w *pollWorld) moves() []pollMove {
	ms := []pollMove{{"tick", 0}, {"lease", 0}}
	for i, p := range w.procs {
		if p.ended {
			if w.lives < w.shape.processes+1 {
				ms = append(ms, pollMove{"begin", i})
			}
			continue
		}
		if len(p.p.line) <= cap(p.p.line)/2 {
			ms = append(ms, pollMove{"round", i})
		}
		if len(p.p.line) > 0 {
			ms = append(ms, pollMove{"poll", i})
		}
		ms = append(ms, pollMove{"die", i})
	}
	for i := range w.vendors {
		ms = append(ms, pollMove{"toggle", i})
	}
	return append(ms, pollMove{"force", 0}, pollMove{"pause", 0})
}

// do has it happen.
func (w *pollWorld) do(m pollMove) {
	switch m.what {
	case "tick":
		w.clock.now = w.clock.now.Add(pollTick)
	case "lease":
		w.clock.now = w.clock.now.Add(pollLease)
	case "round":
		w.round(w.procs[m.who])
	case "poll":
		p := w.procs[m.who].p
		p.take(<-p.line)
	case "die":
		w.procs[m.who].ended = true
		w.clean = false
	case "begin":
		w.procs[m.who] = w.process()
	case "toggle": // the vendor's limit is used up, or renewed
		w.vendors[m.who].shut = !w.vendors[m.who].shut
		w.clean = false
	case "force": // a person opens a breaker, and lets it go
		for _, p := range w.procs[:1] {
			if b := p.c.Breakers(); b.State("v0", postproof.OpGet.Group()).Forced {
				b.Release("v0", postproof.OpGet.Group())
			} else {
				b.ForceOpen("v0", postproof.OpGet.Group(), "model")
			}
		}
		w.clean = false
	case "pause": // polls go on while nothing is sent
		c := w.procs[0].c
		var err error
		if c.pauses.Load().vendor("v0") != nil {
			_, err = c.Resume(w.t.Context(), VendorTarget("v0"), Actor{By: "ops", Why: "a reason"})
		} else {
			_, err = c.Pause(w.t.Context(), VendorTarget("v0"), Actor{By: "ops", Why: "a reason"})
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.check()
}

// round is one of a process's loop, to the question whether it is done.
func (w *pollWorld) round(p *pollProcess) {
	n, err := p.p.round(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if p.ended, err = p.p.over(w.t.Context(), n, (&drainEnd{c: p.c}).finished); err != nil {
		w.t.Fatal(err)
	}
	others := slices.ContainsFunc(w.procs, func(o *pollProcess) bool { return !o.ended })
	if p.ended && w.clean && !others && len(w.due()) > 0 {
		w.wrong("all have drained the ledger, and %s", strings.Join(w.due(), ", "))
	}
}

func (w *pollWorld) records() (all []*idempotency.Record) {
	for rec, err := range w.store.Find(w.t.Context(), idempotency.Query{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, rec)
	}
	return all
}

// due lists the polls that are due and not made.
func (w *pollWorld) due() (due []string) {
	for _, rec := range w.records() {
		if !rec.PollAt.After(w.clock.now) {
			due = append(due, fmt.Sprintf("the poll of %s is due since %s, put off until %s, leased by %q until %s", rec.Receipt.VendorID,
				rec.PollAt.Sub(w.clock.now), rec.Due.Sub(w.clock.now), rec.Lease.Owner, rec.Lease.Until.Sub(w.clock.now)))
		}
	}
	return due
}

// check looks at what holds in every state.
func (w *pollWorld) check() {
	for _, rec := range w.records() {
		id := rec.Receipt.VendorID
		if was, ok := w.dueAt[id]; ok && !was.Equal(rec.PollAt) {
			w.wrong("the poll of %s was due at %s, and was not made: now it is due at %s", id, was, rec.PollAt)
		}
		w.dueAt[id] = rec.PollAt
		switch at, ever := rec.VisibleAt(); {
		case !ever, rec.PollAt.IsZero():
			w.wrong("the poll of %s is forgotten", rec.Receipt.VendorID)
		case at.Sub(w.clock.now) > 2*pollsApart:
			w.wrong("the poll of %s is put off for %s", rec.Receipt.VendorID, at.Sub(w.clock.now))
		}
	}
	for i, p := range w.procs {
		for _, v := range p.c.vendors {
			if n, most := v.polls.running, max(p.c.pollPlaces(), w.shape.concurrency-len(w.vendors)); n > most || n < 0 {
				w.wrong("process %d has %d polls of %s under way, want 0 to %d", i, n, v.name, most)
			}
		}
	}
}
