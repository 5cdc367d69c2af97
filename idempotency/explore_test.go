package idempotency_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// explorer visits every world that can be reached, breadth first, so that the
// first broken one has the shortest history.
type explorer struct {
	m       rulebook
	vendors []string
	caps    []*postproof.Capabilities
	// strict: bytes arrive, and look-ups show them, within the settle time.
	// Otherwise a request may arrive at any later time, and the machine has to
	// deal with two pieces.
	strict bool
	// workers: two of them work on the job, each step of theirs is a move of its
	// own, and any vendor that could take the job may be tried. Otherwise one
	// worker does each action in one move, at the first such vendor.
	workers bool
	// lag is how long look-ups may not show what has arrived.
	lag int16
	// silent: vendors never answer again once the faults are over, and send no
	// callback. Otherwise they answer fairly.
	silent bool
	// patient: only a piece that was accepted two settle times after the last send
	// serves as control.
	patient bool
	// policy is the campaign's.
	policy idempotency.Policy
	// only: what is wrong counts only if it begins like this.
	only string
	// flaw is the rule that is removed; none where the machine is proven.
	flaw  flaw
	limit int
	// seen is told of each event: what it led to, or that it was refused.
	seen func(from idempotency.State, event string, to idempotency.State, err error)
	// probe is shown every world.
	probe func(*world)
	// firsts are the worlds by their keys, where it is to be shown that those
	// with one key have one future; differ tells of two that do not.
	firsts map[[16]byte]world
	differ string

	known    map[[16]byte]bool
	settled  map[[16]byte]bool
	parents  []int32
	moves    []move
	frontier []node
	spare    []node
	buf      []byte
	ends     map[string]int
}

type node struct {
	w  world
	at int32
}

// move is what happened between two worlds.
type move struct {
	do          string
	vendor, gen uint8
}

func newExplorer(strict bool, vendors ...string) *explorer {
	x := &explorer{
		m: newRulebook(flawNone, vendors...), vendors: vendors, strict: strict, limit: 1_000_000, lag: settleFor,
		known: map[[16]byte]bool{}, settled: map[[16]byte]bool{}, ends: map[string]int{},
	}
	for _, v := range vendors {
		x.caps = append(x.caps, exampleVendor(v))
	}
	return x
}

// newWorkers returns an explorer of two workers, less a rule.
func newWorkers(strict bool, without flaw, vendors ...string) *explorer {
	x := newExplorer(strict, vendors...)
	x.workers, x.flaw, x.m = true, without, newRulebook(without, vendors...)
	return x
}

func (x *explorer) digest(w *world) [16]byte {
	x.buf = w.key(x.buf[:0])
	sum := sha256.Sum256(x.buf)
	return [16]byte(sum[:16])
}

// run explores from a fresh job and fails the test with the shortest history
// of the first world that breaks a rule.
func (x *explorer) run(t *testing.T, left budget) {
	t.Helper()
	if why := x.explore(left); why != "" {
		t.Fatalf("after %d worlds: %s", len(x.parents), why)
	}
	t.Logf("%s: %d worlds; ends %v", strings.Join(x.vendors, "+"), len(x.parents), x.ends)
}

// explore visits every world within the budget. It returns what is wrong with
// the first that breaks a rule, and the shortest history of it in words; or
// that there are more worlds than the limit: then nothing is proven.
func (x *explorer) explore(left budget) string {
	fresh := newRecord()
	fresh.Policy = x.policy
	x.push(world{rec: fresh, left: left, crowd: left.others > 0, blind: x.flaw == flawNoFence || x.flaw == flawLostFence}, -1, move{do: "a job is enqueued"})
	for len(x.frontier) > 0 {
		level := x.frontier
		x.frontier, x.spare = x.spare[:0], level
		if why := x.visit(level); why != "" {
			return why
		}
		clear(level)
	}
	return ""
}

// visit goes on from all worlds that are equally far from the first.
func (x *explorer) visit(level []node) string {
	for i := range level {
		n := &level[i]
		if why := x.check(&n.w); why != "" {
			return why + "\n" + x.history(n.at)
		}
		if why := x.settles(n.w); why != "" {
			return why + "\n" + x.history(n.at) + "then, without any further fault, that"
		}
		x.step(&n.w, func(mv move, next world) { x.push(next, n.at, mv) })
		if x.probe != nil {
			x.probe(&n.w)
		}
		if len(x.parents) > x.limit {
			return fmt.Sprintf("more than %d worlds: not all were visited", x.limit)
		}
	}
	return ""
}

func (x *explorer) push(w world, parent int32, mv move) {
	d := x.digest(&w)
	if x.known[d] && w.broken == "" {
		if x.firsts != nil && x.differ == "" {
			x.differ = x.different(x.firsts[d], w)
		}
		return
	}
	x.known[d] = true
	if x.firsts != nil {
		x.firsts[d] = w
	}
	x.parents = append(x.parents, parent)
	x.moves = append(x.moves, mv)
	x.frontier = append(x.frontier, node{w, int32(len(x.parents) - 1)})
}

// history tells in words how a world came about.
func (x *explorer) history(at int32) string {
	var lines []string
	for ; at >= 0; at = x.parents[at] {
		mv := x.moves[at]
		line := mv.do
		if mv.gen > 0 {
			line += fmt.Sprintf(" (%s, generation %d)", x.vendors[mv.vendor], mv.gen)
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	n, ticks := 0, 0
	for i, line := range slices.Backward(lines) {
		if ticks++; line == "time passes" && i > 0 && lines[i-1] == line {
			continue
		}
		if ticks > 1 {
			line += fmt.Sprintf(", %d times", ticks)
		}
		n, ticks = n+1, 0
		fmt.Fprintf(&b, "%3d. %s\n", n, line)
	}
	return b.String()
}

// apply commits events; an error that the machine itself did not ask for
// breaks the world.
func (x *explorer) apply(w *world, events ...idempotency.Event) error {
	ch, err := x.m.Apply(w.rec, w.time(), events...)
	if x.seen != nil && len(events) == 1 {
		to := idempotency.State("")
		if err == nil {
			to = ch.Record.State
		}
		x.seen(w.rec.State, events[0].Name(), to, err)
	}
	if err != nil {
		return err
	}
	if ch.Record.UpdatedAt.Before(w.rec.UpdatedAt) && w.broken == "" {
		w.broken = "time runs back: " + describe(w)
	}
	x.decided(w, ch, events)
	if ev, ok := events[0].(idempotency.Intend); ok && w.broken == "" {
		if name := keepsNames(w.rec, ch.Record, ev); name != "" {
			w.broken = "whose it is is forgotten: " + name + " has sent it, too: " + describe(w)
		}
	}
	w.rec = ch.Record
	if _, sends := events[0].(idempotency.Intend); sends && w.wished {
		w.broken = "sent after the wish to cancel: " + describe(w)
	}
	x.twice(w, events)
	for _, e := range ch.Entries {
		for i := range int8(w.nOrder) {
			if e.Kind == "twice_at_vendor" && e.VendorID == vendorID(i) {
				w.told |= 1 << i
			}
		}
	}
	return nil
}

// twice applies an answer once more, as after a crash before the spool was
// emptied: nothing may come of it.
func (x *explorer) twice(w *world, events []idempotency.Event) {
	a, ok := events[0].(idempotency.Answer)
	if !ok || a.Intent == 0 || len(events) > 1 || x.flaw == flawAnyIntent || w.rec.Tombstone {
		return
	}
	ch, err := x.m.Apply(w.rec, w.time(), a)
	if err != nil {
		w.broken = "an answer does more when it comes twice: it is refused: " + err.Error()
		return
	}
	again := *w
	again.rec = ch.Record
	if !bytes.Equal(w.recordKey(nil, w.rec), w.recordKey(nil, ch.Record)) || len(ch.Entries) > 0 {
		w.broken = fmt.Sprintf("an answer does more when it comes twice: delivery %s: %s\nbefore: %s", a.Delivery, describe(&again), describe(w))
	}
}

// must is apply for what the machine asked for, or has to take.
func (x *explorer) must(w *world, events ...idempotency.Event) {
	if err := x.apply(w, events...); err != nil && w.broken == "" {
		w.broken = fmt.Sprintf("the machine refuses what it has to take: %s: %v", events[0].Name(), err)
	}
}

// claim leases the record to a worker, as a store does: by the worker's time,
// which is never before the newest that it has read.
func (w *world) claim() bool {
	at, ok := w.rec.VisibleAt()
	if !ok || at.After(w.time()) {
		return false
	}
	r := *w.rec
	r.Fence++
	r.Lease = idempotency.Lease{Owner: "worker", Until: w.rec.Now(w.time()).Add(leaseFor * tick)}
	w.rec = &r
	return true
}

func (x *explorer) index(vendor string) uint8 {
	for i, v := range x.vendors {
		if v == vendor {
			return uint8(i)
		}
	}
	return 0
}

func (x *explorer) replan(w *world) bool {
	if w.rec.State != idempotency.Refused || w.rec.Cancel.Stands() {
		return false
	}
	if _, ok := x.route(w); !ok {
		return false
	}
	x.must(w, idempotency.Replan{})
	return true
}

func (x *explorer) intent(w *world, owner string, v, g uint8) idempotency.Intend {
	return idempotency.Intend{
		Owner: owner, Vendor: x.vendors[v], Account: x.accountOf(w, v, g), Credentials: accounts(w.cred), Mode: postproof.ModeTest, Ref: exampleRef(int(g)),
		VendorKey: "k" + x.accountOf(w, v, g), Encoder: "e1", Digest: "d" + digit(g) + string(w.rec.Fingerprint),
	}
}

func (x *explorer) intend(w *world, v, g uint8) (uint64, bool) {
	x.must(w, x.intent(w, "worker", v, g))
	if w.broken != "" {
		return 0, false
	}
	return w.rec.Current().Intent, true
}

// answer makes a reply an event.
func (x *explorer) answer(w *world, a reply) idempotency.Answer {
	ans := idempotency.Answer{
		Vendor: x.vendors[a.vendor], Ref: exampleRef(int(a.gen)), Intent: a.intent, Delivery: a.delivery, Sends: 1, Duplicate: a.duplicate,
	}
	if a.order >= 0 {
		s := w.sighting(a.order, postproof.SourceResponse)
		ans.Order = &s
	}
	if a.sends > 0 {
		ans.Sends = int(a.sends)
	}
	switch {
	case a.code != 0:
		ans.Code = a.code
	case a.delivery == postproof.NotSent:
		ans.Code, ans.Sends = postproof.CodeUnavailable, 0
	case a.delivery == postproof.Unknown:
		ans.Code = postproof.CodeDeadlineExceeded
	}
	return ans
}

func (x *explorer) sendNow(w *world, v, g uint8) {
	intent, ok := x.intend(w, v, g)
	if !ok {
		return
	}
	d, at, dup := w.arrive(x.caps[v].Idempotency.Kind, v, g, 0)
	x.must(w, x.answer(w, reply{vendor: v, gen: g, delivery: d, order: at, duplicate: dup, intent: intent}))
}

func (x *explorer) cancelNow(w *world, v, g uint8, id string) {
	x.must(w, x.cancelAt(w, v, g, id))
}

// cancelAt stops a piece at its vendor, if it can, and reads it back.
func (x *explorer) cancelAt(w *world, v, g uint8, id string) idempotency.CancelAnswer {
	ev := idempotency.CancelAnswer{Vendor: x.vendors[v], Ref: exampleRef(int(g)), TooLate: true}
	for i := range int8(w.nOrder) {
		o := &w.orders[i]
		if vendorID(i) != id {
			continue
		}
		if o.fate == uint8(alive) && w.now < o.made+cancelFor {
			o.fate = uint8(canceled)
		}
		if o.fate != uint8(alive) {
			s := w.sighting(i, postproof.SourcePoll)
			ev.TooLate, ev.ReadBack = false, &s
		}
	}
	return ev
}
