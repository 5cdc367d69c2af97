package client

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
)

// Whatever happens to processes that poll from one queue, in whatever order: no
// poll is forgotten nor made too often, each that is due is made once a process
// lives and the vendor can be asked, and whoever drains comes to an end, with
// nothing left where nothing was in the way. Every state that some moves lead to
// is visited, and from each of them things go well from then on.
func TestPollsInEveryOrder(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]struct {
		shape  pollShape
		states int
	}{
		"two processes, one place":    {pollShape{processes: 2, vendors: 1, polls: 4, concurrency: 2}, 1500},
		"two processes, two vendors":  {pollShape{processes: 2, vendors: 2, polls: 4, concurrency: 3}, 1000},
		"three processes":             {pollShape{processes: 3, vendors: 1, polls: 3, concurrency: 1}, 1000},
		"one process and those after": {pollShape{processes: 1, vendors: 1, polls: 5, concurrency: 2}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if raceDetector {
				e.states /= 10 // each costs several times as much; make plain visits all
			}
			explorePolls(t, e.shape, e.states)
			wanderPolls(t, e.shape)
		})
	}
}

// explorePolls visits the states that the fewest moves lead to, so many of them.
func explorePolls(t *testing.T, shape pollShape, most int) {
	t.Helper()
	seen := map[string]bool{}
	paths := [][]pollMove{nil}
	for len(paths) > 0 && len(seen) < most {
		path := paths[0]
		paths = paths[1:]
		w := newPollWorld(t, shape)
		for _, m := range path {
			w.do(m)
		}
		state := w.String()
		if seen[state] {
			w.close()
			continue
		}
		seen[state] = true
		for _, m := range w.moves() {
			paths = append(paths, append(slices.Clip(path), m))
		}
		w.end(len(seen), path)
	}
	if len(seen) < most {
		t.Fatalf("only %d states: moves are missing", len(seen))
	}
}

// wanderPolls goes farther than every order can be followed: some long ways.
func wanderPolls(t *testing.T, shape pollShape) {
	t.Helper()
	for way := range uint64(60) {
		pick := rand.New(rand.NewPCG(way, 1)) // the ways are the same each time
		w := newPollWorld(t, shape)
		var path []pollMove
		for len(path) < 30 && w.broken == "" {
			all := w.moves()
			path = append(path, all[pick.IntN(len(all))])
			w.do(path[len(path)-1])
		}
		w.end(int(way), path)
	}
}

// end brings a world to an end: every other one to a good one.
func (w *pollWorld) end(n int, path []pollMove) {
	w.t.Helper()
	if w.broken == "" {
		w.goOn(n%2 == 1)
	}
	if w.broken == "" && n%4 == 1 {
		w.next()
	}
	w.close()
	if w.broken != "" {
		w.t.Fatalf("after %v: %s", path, w.broken)
	}
}

func (w *pollWorld) close() {
	for _, p := range w.procs {
		_ = p.c.Close()
	}
}

// goOn has nothing be in the way any more, or a vendor that nobody can ask, and
// looks whether it comes to a good end.
func (w *pollWorld) goOn(askable bool) {
	group := postproof.OpGet.Group()
	w.clean = w.clean && askable
	for _, v := range w.vendors {
		v.shut = false
	}
	if !slices.ContainsFunc(w.procs, func(p *pollProcess) bool { return !p.ended }) {
		w.procs[0] = w.process()
	}
	for _, p := range w.procs {
		p.c.Breakers().Release("v0", group)
		if !askable {
			p.c.Breakers().ForceOpen("v0", group, "model")
		}
	}
	lived := make([]bool, len(w.procs))
	for i, p := range w.procs {
		lived[i] = !p.ended
	}
	until := w.clock.now.Add(pollPatience)
	for w.clock.now.Before(until) && w.broken == "" {
		for _, p := range w.procs {
			if p.ended {
				continue
			}
			for len(p.p.line) > 0 {
				p.p.take(<-p.p.line)
			}
			w.round(p)
		}
		w.check()
		w.clock.now = w.clock.now.Add(pollTick)
	}
	for i, p := range w.procs {
		if !p.ended {
			w.wrong("process %d drains for ever", i)
		}
	}
	if askable && len(w.due()) > 0 {
		// Whoever comes next finds what an earlier one was kept from.
		w.procs[0] = w.process()
		w.run(pollPatience)
		if due := w.due(); len(due) > 0 {
			w.wrong("%s, and nothing is in the way", strings.Join(due, ", "))
		}
	}
}

// run has the first process work for so long, as one does that does not end.
func (w *pollWorld) run(lasts time.Duration) {
	p := w.procs[0]
	for until := w.clock.now.Add(lasts); w.clock.now.Before(until); w.clock.now = w.clock.now.Add(pollTick) {
		w.round(p)
		for len(p.p.line) > 0 {
			p.p.take(<-p.p.line)
		}
		p.ended = false
	}
}

// next goes on to the polls after these: not before the vendor's pace, and then
// all of them.
func (w *pollWorld) next() {
	w.procs[0] = w.process()
	w.clock.now = w.clock.now.Add(pollsApart * 3 / 4)
	w.run(3 * pollTick)
	w.clock.now = w.clock.now.Add(pollsApart)
	w.run(pollPatience)
	if due := w.due(); len(due) > 0 {
		w.wrong("an hour later %s, and nothing is in the way", strings.Join(due, ", "))
	}
}

// String describes the state, so that two that go on alike are one: what is past
// is only younger or older than something else.
func (w *pollWorld) String() string {
	var past []time.Time
	now := w.clock.now
	recs := w.records()
	for _, r := range recs {
		past = append(past, r.PollAt, r.Due)
	}
	for _, p := range w.procs {
		for _, v := range p.c.vendors {
			past = append(past, v.polls.first.due, v.polls.again.due)
		}
	}
	slices.SortFunc(past, time.Time.Compare)
	past = slices.CompactFunc(past, time.Time.Equal)
	at := func(t time.Time) string {
		if i, ok := slices.BinarySearchFunc(past, t, time.Time.Compare); ok && !t.After(now) {
			return fmt.Sprint("#", i)
		}
		return max(t.Sub(now), 0).String()
	}
	var b strings.Builder
	for _, r := range recs {
		fmt.Fprintf(&b, "%s:%s,%s,%s,%s,%s|", r.Receipt.VendorID, at(r.PollAt), at(r.Due), r.Lease.Owner, at(r.Lease.Until), cmp.Or(w.sinceAsked(r.Receipt.VendorID), "-"))
	}
	for _, p := range w.procs {
		fmt.Fprintf(&b, "\n%t,%t,%d:", p.ended, p.p.alone, p.p.crowd)
		for range len(p.p.line) { // once round
			next := <-p.p.line
			fmt.Fprintf(&b, "%s,%d,%s,%t|", next.rec.Receipt.VendorID, next.rec.Fence, at(next.rec.Lease.Until), next.place != nil)
			p.p.line <- next
		}
		for _, v := range p.c.vendors {
			q := &v.polls
			fmt.Fprintf(&b, "%d,%s,%s,%s,%s,%s,%s,", q.running, q.cost, at(q.first.next), at(q.first.due), at(q.again.next), at(q.again.due), at(q.wait))
			shut, _ := v.limits.wait(postproof.OpGet.Group(), now)
			fmt.Fprintf(&b, "%s,%t|", shut, p.c.breakers.State(v.name, postproof.OpGet.Group()).Forced)
		}
	}
	for _, v := range w.vendors {
		fmt.Fprintf(&b, "\n%t", v.shut)
	}
	fmt.Fprintf(&b, "\n%t,%d,%t", w.clean, w.lives, w.procs[0].c.pauses.Load().vendor("v0") != nil)
	return b.String()
}

func (w *pollWorld) sinceAsked(id string) string {
	if at, ok := w.asked[id]; ok {
		return w.clock.now.Sub(at).String()
	}
	return ""
}
