package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func modelChecks() []check {
	return []check{{name: "random work has the same outcome as in memory", run: sameAsModel}}
}

// sameAsModel does the same random things to the store and to a
// [idempotency.Memory], and compares every answer.
func sameAsModel(t reporter, h Harness) {
	rounds := 6
	if h.less() {
		rounds = 2
	}
	model := idempotency.NewMemory(postproof.ModeTest)
	w := &walk{t: t, real: h.Engine, model: model, random: rand.New(rand.NewPCG(7, 11)), now: epoch()}
	for range rounds {
		for range 40 {
			w.act()
		}
		w.compare()
	}
	for range rounds {
		for range 40 {
			w.oddAct()
		}
		w.compare()
		w.compareOdd()
	}
}

type walk struct {
	t           reporter
	real, model idempotency.Engine
	random      *rand.Rand
	now         time.Time
}

// both asks both and compares the answers.
func both[T any](w *walk, what string, ask func(e idempotency.Engine) T) T {
	w.t.Helper()
	want, got := ask(w.model), ask(w.real)
	same(w.t, what, want, got)
	return want
}

func (w *walk) act() {
	w.now = w.now.Add(time.Duration(w.random.IntN(40)) * time.Second)
	switch w.random.IntN(8) {
	case 0, 1, 2, 3:
		w.commit()
	case 4:
		req := idempotency.ClaimRequest{Owner: "w", Limit: 1 + w.random.IntN(4), Lease: time.Minute, Now: w.now}
		if w.random.IntN(3) == 0 {
			req.Skip = []string{"a"}
		}
		if w.random.IntN(3) == 0 {
			least := 1 + w.random.IntN(2)
			req.Least = &least
		}
		if w.random.IntN(2) == 0 {
			req.Served = "a"
		}
		w.claim(req)
	case 5:
		w.put(message(w.random.IntN(30)))
	case 6:
		both(w, "claim messages", func(e idempotency.Engine) []*idempotency.Message { return claimMessages(w.t, e, w.now, 3) })
	case 7:
		if w.random.IntN(4) > 0 {
			return
		}
		w.prune(w.now.Add(-5*time.Minute), 0)
	}
}

func (w *walk) claim(req idempotency.ClaimRequest) {
	both(w, "claim", func(e idempotency.Engine) []*idempotency.Record {
		rs, err := e.Claim(w.t.Context(), req)
		if err != nil {
			w.t.Fatalf("Claim: %v", err)
		}
		return rs
	})
}

func (w *walk) put(m *idempotency.Message) {
	both(w, "put message", func(e idempotency.Engine) idempotency.Message {
		mine := *m
		if _, err := e.Inbox().Put(w.t.Context(), &mine); err != nil {
			w.t.Fatalf("Put: %v", err)
		}
		return mine
	})
}

func (w *walk) prune(before time.Time, limit int) {
	both(w, "prune and purge", func(e idempotency.Engine) [2]int {
		n, err := e.Prune(w.t.Context(), before, limit)
		m, err2 := e.Inbox().Purge(w.t.Context(), before, limit)
		if err := errors.Join(err, err2); err != nil {
			w.t.Fatalf("Prune, Purge: %v", err)
		}
		return [2]int{n, m}
	})
}

func (w *walk) commit() { w.commitThese(w.change) }

// commitThese makes up some changes, and commits them at once.
func (w *walk) commitThese(change func() idempotency.Change) {
	changes := make([]idempotency.Change, 1+w.random.IntN(5))
	for i := range changes {
		changes[i] = change()
	}
	both(w, "commit", func(e idempotency.Engine) []string {
		errs, err := e.Commit(w.t.Context(), changes)
		if err != nil {
			w.t.Fatalf("Commit: %v", err)
		}
		kinds := make([]string, len(errs))
		for i, err := range errs {
			kinds[i] = kindOf(err)
		}
		return kinds
	})
}

// kindOf returns what callers branch on.
func kindOf(err error) string {
	for _, kind := range []error{idempotency.ErrStale, idempotency.ErrExists, idempotency.ErrRefTaken, idempotency.ErrLimit, idempotency.ErrNewer} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return ""
}

// change makes up a change; many of them cannot be made.
func (w *walk) change() idempotency.Change {
	n := w.random.IntN(25)
	var c idempotency.Change
	r, err := w.model.Get(w.t.Context(), idOf(n))
	if err != nil || w.random.IntN(10) == 0 {
		r = sent(n, []string{"lob", "pcm"}[w.random.IntN(2)])
		r.UpdatedAt, r.Due = w.now, w.now.Add(time.Duration(w.random.IntN(60))*time.Second)
		r.Campaign, r.Priority = []string{"a", "b", ""}[w.random.IntN(3)], w.random.IntN(2)
		c = create(r)
	} else {
		c = step(r, w.edit(n))
		if w.random.IntN(10) == 0 {
			c.Expect, c.Record.Fence = c.Expect+1, c.Record.Fence+1
		}
	}
	c.Forget = w.random.IntN(12) == 0
	if w.random.IntN(4) == 0 {
		c.Counters = append(c.Counters, idempotency.CounterAdd{Name: "cap", Add: int64(w.random.IntN(5) - 1), Limit: 20})
	}
	if w.random.IntN(4) == 0 {
		c.Settings = append(c.Settings, idempotency.SettingWrite{Name: fmt.Sprint("s", w.random.IntN(2)), Value: []byte{byte(n)}, Expect: uint64(w.random.IntN(4))})
	}
	if w.random.IntN(4) == 0 {
		c.Reads = append(c.Reads, idempotency.SettingRead{Name: fmt.Sprint("s", w.random.IntN(3)), Version: uint64(w.random.IntN(4))})
	}
	if w.random.IntN(4) == 0 {
		states := []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageApplied, idempotency.MessageParked}
		mark := idempotency.Mark{ID: uint64(w.random.IntN(10)), Expect: uint64(1 + w.random.IntN(3)), State: states[w.random.IntN(3)], Due: w.now.Add(time.Minute)}
		if w.random.IntN(2) == 0 {
			mark.Error = "failed"
		}
		mark.Purge = w.random.IntN(4) == 0
		c.Marks = append(c.Marks, mark)
	}
	return c
}

func (w *walk) edit(n int) func(r *idempotency.Record) {
	states := idempotency.States()
	return func(r *idempotency.Record) {
		r.State = states[w.random.IntN(len(states))]
		r.UpdatedAt, r.Due, r.Lease = w.now, w.now.Add(time.Duration(w.random.IntN(90))*time.Second), idempotency.Lease{}
		switch w.random.IntN(5) {
		case 0:
			r.Generation++
			owner := n
			if w.random.IntN(4) == 0 {
				owner = w.random.IntN(25) // perhaps another record's
			}
			r.Submissions = append(r.Submissions, idempotency.Submission{Generation: r.Generation, Ref: refOf(owner, r.Generation), Vendor: "pcm"})
		case 1:
			if len(r.Submissions) > 0 {
				r.Submissions[len(r.Submissions)-1].VendorID = fmt.Sprint("id_", w.random.IntN(12))
			}
		case 2:
			r.Priority = w.random.IntN(3)
		case 3:
			if len(r.Submissions) > 0 {
				s := &r.Submissions[0]
				s.Fate, s.NextWatch = idempotency.FateAbsent, w.now.Add(time.Duration(w.random.IntN(90))*time.Second)
			}
		}
	}
}

// compare reads everything that there is from both.
func (w *walk) compare() {
	for _, req := range []idempotency.ClaimRequest{{Now: w.now}, {Now: w.now.Add(time.Minute)}, {Now: w.now, Skip: []string{"a"}}, {Now: w.now, Least: new(1)}} {
		both(w, "the oldest that is due", func(e idempotency.Engine) time.Duration { return oldest(w.t, e, req) })
	}
	both(w, "everything", func(e idempotency.Engine) everything {
		all := readAll(w.t, e, "cap")
		return all
	})
	both(w, "newest", func(e idempotency.Engine) time.Time { return identify(w.t, e).Newest })
	for n := range 25 {
		for generation := 1; generation <= 4; generation++ {
			both(w, "reference", func(e idempotency.Engine) []idempotency.ID {
				return find(w.t, e, idempotency.Query{Ref: refOf(n, generation)})
			})
		}
	}
	for n := range 12 {
		q := idempotency.Query{Vendor: "pcm", VendorID: fmt.Sprint("id_", n)}
		both(w, "vendor's id", func(e idempotency.Engine) []idempotency.ID { return find(w.t, e, q) })
	}
	for _, campaign := range []string{"a", "b"} {
		for _, state := range idempotency.States() {
			q := idempotency.Query{Campaign: campaign, States: []idempotency.State{state}}
			both(w, "campaign and state", func(e idempotency.Engine) []idempotency.ID { return find(w.t, e, q) })
		}
	}
}
