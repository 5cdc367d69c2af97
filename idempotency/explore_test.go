package idempotency_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// explorer visits every world that can be reached, breadth first, so that the
// first broken one has the shortest history.
type explorer struct {
	m       *idempotency.Machine
	vendors []string
	caps    []*postproof.Capabilities
	// strict: bytes arrive, and look-ups show them, within the settle time.
	// Otherwise a request may arrive at any later time, and the machine has to
	// deal with two pieces.
	strict bool
	limit  int
	// seen is told of each event: what it led to, or that it was refused.
	seen func(from idempotency.State, event string, to idempotency.State, err error)
	// probe is shown every world.
	probe func(*world)

	known    map[[16]byte]bool
	settled  map[[16]byte]bool
	parents  []int32
	moves    []move
	frontier []node
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
		m: exampleMachine(vendors...), vendors: vendors, strict: strict, limit: 300_000,
		known: map[[16]byte]bool{}, settled: map[[16]byte]bool{}, ends: map[string]int{},
	}
	for _, v := range vendors {
		x.caps = append(x.caps, exampleVendor(v))
	}
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
	x.push(world{rec: newRecord(), left: left}, -1, move{do: "a job is enqueued"})
	for i := 0; i < len(x.frontier); i++ {
		n := x.frontier[i]
		x.frontier[i] = node{}
		if why := x.check(&n.w); why != "" {
			t.Fatalf("after %d worlds: %s\n%s", len(x.parents), why, x.history(n.at))
		}
		if why := x.settles(n.w); why != "" {
			t.Fatalf("after %d worlds: %s\n%s\nthen, without any further fault, that", len(x.parents), why, x.history(n.at))
		}
		x.step(&n.w, func(mv move, next world) { x.push(next, n.at, mv) })
		if x.probe != nil {
			x.probe(&n.w)
		}
		if len(x.parents) > x.limit {
			t.Fatalf("more than %d worlds: the model has grown", x.limit)
		}
	}
	t.Logf("%s: %d worlds; ends %v", strings.Join(x.vendors, "+"), len(x.parents), x.ends)
}

func (x *explorer) push(w world, parent int32, mv move) {
	d := x.digest(&w)
	if x.known[d] && w.broken == "" {
		return
	}
	x.known[d] = true
	x.parents = append(x.parents, parent)
	x.moves = append(x.moves, mv)
	x.frontier = append(x.frontier, node{w, int32(len(x.parents) - 1)})
}

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
	for i, line := range slices.Backward(lines) {
		fmt.Fprintf(&b, "%3d. %s\n", len(lines)-i, line)
	}
	return b.String()
}

// check holds a world against what really happened.
func (x *explorer) check(w *world) string {
	r := w.rec
	if w.broken != "" {
		return w.broken
	}
	if !x.strict {
		return ""
	}
	if n := w.alive(); n > 1 {
		return fmt.Sprintf("%d pieces exist: %s", n, describe(w))
	}
	nowhere := r.State == idempotency.Planned || r.State == idempotency.Refused || r.State == idempotency.Cancelled
	if nowhere && w.alive() > 0 {
		return fmt.Sprintf("the job is %s, and a vendor has its piece: %s", r.State, describe(w))
	}
	return ""
}

func describe(w *world) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state %s, generation %d, hold %q, receipt %s %s, status %s", w.rec.State, w.rec.Generation, w.rec.Hold.Reason,
		w.rec.Receipt.Vendor, w.rec.Receipt.VendorID, w.rec.Status.Stage)
	for _, s := range w.rec.Submissions {
		fmt.Fprintf(&b, "\n  submission %s %s join %s fate %q late %q id %s twin %s misses %d", s.Vendor, s.Ref, s.Join, s.Fate, s.Late, s.VendorID, s.Twin, s.Misses)
	}
	for i, o := range w.orders[:w.nOrder] {
		fmt.Fprintf(&b, "\n  order id-%d at vendor %d, generation %d, fate %d, made at tick %d of %d", i, o.vendor, o.gen, o.fate, o.made, w.now)
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
	w.rec = ch.Record
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
	if !ok || a.Intent == 0 || len(events) > 1 {
		return
	}
	ch, err := x.m.Apply(w.rec, w.time(), a)
	if err != nil {
		w.broken = "an answer that was applied is refused when it comes again: " + err.Error()
		return
	}
	again := *w
	again.rec = ch.Record
	if x.digest(w) != x.digest(&again) || len(ch.Entries) > 0 {
		w.broken = fmt.Sprintf("an answer of delivery %s does something more when it comes again: %s\nbefore: %s", a.Delivery, describe(&again), describe(w))
	}
}

// must is apply for what the machine asked for, or has to take.
func (x *explorer) must(w *world, events ...idempotency.Event) {
	if err := x.apply(w, events...); err != nil && w.broken == "" {
		w.broken = fmt.Sprintf("the machine refuses what it has to take: %s: %v", events[0].Name(), err)
	}
}

// claim leases the record to a worker, as a store does.
func (w *world) claim() bool {
	at, ok := w.rec.VisibleAt()
	if !ok || at.After(w.time()) {
		return false
	}
	r := *w.rec
	r.Fence++
	r.Lease = idempotency.Lease{Owner: "worker", Until: w.time().Add(leaseFor * tick)}
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

// settles plays a world to its end with vendors that answer, and checks that
// there is one, that it is told as it is, and that nothing turns in circles.
func (x *explorer) settles(w world) string {
	var passed [][16]byte
	for range 400 {
		d := x.digest(&w)
		if x.settled[d] {
			break
		}
		passed = append(passed, d)
		if w.rec.State.Final() || w.rec.State == idempotency.Held {
			if _, watched := w.rec.Watched(); !watched && !x.replan(&w) {
				if news := x.tellAll(&w); news {
					continue
				}
				x.ends[strings.TrimSuffix(string(w.rec.State)+": "+string(w.rec.Hold.Reason), ": ")]++
				if why := x.verdict(&w); why != "" {
					return why
				}
				break
			}
		}
		busy := 0
		for w.claim() {
			if busy++; busy > 8+2*len(w.rec.Submissions) {
				return "the worker turns in circles: " + describe(&w)
			}
			x.fair(&w)
			if w.broken != "" {
				return w.broken
			}
		}
		w.pass()
	}
	if len(passed) == 400 {
		return "no end in sight: " + describe(&w)
	}
	for _, d := range passed {
		x.settled[d] = true
	}
	return ""
}

// tellAll lets every order that the ledger may not know of send a callback; it
// reports whether that changed the state.
func (x *explorer) tellAll(w *world) bool {
	before := w.rec.State
	for i := range int8(w.nOrder) {
		o := w.orders[i]
		if (x.caps[o.vendor].Lookup.ByRef && x.strict) || o.watched {
			continue
		}
		x.tell(w, i)
	}
	return w.rec.State != before
}

func (x *explorer) tell(w *world, i int8) {
	o := w.orders[i]
	err := x.apply(w, idempotency.Observe{
		Vendor: x.vendors[o.vendor], Ref: exampleRef(int(o.gen)), VendorID: vendorID(i), Sighting: w.sighting(i, postproof.SourceCallback),
	})
	if err != nil && ruleOf(err) != 12 { // 12: the ledger has lost what the callback speaks of
		w.broken = "a callback is refused: " + err.Error()
	}
}

// ruleOf returns the number of the rule that an error names, -1 for none.
func ruleOf(err error) int {
	if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
		return rule.Rule
	}
	return -1
}

// verdict compares the end of a job with what was printed.
func (x *explorer) verdict(w *world) string {
	r := w.rec
	if r.State == idempotency.Held && r.Hold.Reason == "" {
		return "held without a reason: " + describe(w)
	}
	for i := range int8(w.nOrder) {
		o := w.orders[i]
		if o.fate != uint8(alive) || r.State == idempotency.Held {
			continue
		}
		known := w.told&(1<<i) != 0
		for _, s := range r.Submissions {
			if s.Ref == exampleRef(int(o.gen)) && s.Vendor == x.vendors[o.vendor] {
				counts := r.Receipt.Ref == s.Ref && r.Receipt.Vendor == s.Vendor && r.Receipt.VendorID == vendorID(i)
				known = known || counts || s.Late == idempotency.LatePrinted
			}
		}
		if !known {
			return fmt.Sprintf("order id-%d is forgotten: %s", i, describe(w))
		}
	}
	if r.State == idempotency.Done && (r.Receipt.IsZero() || w.alive() == 0) {
		return "done without a piece: " + describe(w)
	}
	if r.State == idempotency.Refused && !r.Cancel.Stands() && r.Refusal == (idempotency.Refusal{}) {
		return "refused without a reason: " + describe(w)
	}
	return ""
}

// fair does the machine's next action at vendors that answer at once.
func (x *explorer) fair(w *world) {
	a := x.m.Next(w.rec, w.time())
	v, g := x.index(a.Submission.Vendor), genOf(a.Submission.Ref)
	switch a.Do {
	case idempotency.DoSend:
		v, ok := x.route(w)
		if !ok {
			x.must(w, idempotency.NoRoute{Code: postproof.CodeUnsupported, Note: "none takes it"})
			return
		}
		x.sendNow(w, v, uint8(w.rec.Generation))
	case idempotency.DoResend:
		x.sendNow(w, v, g)
	case idempotency.DoCancel:
		x.cancelNow(w, v, g, a.Submission.VendorID)
	case idempotency.DoLookUp:
		x.must(w, idempotency.LookedUp{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, Complete: true, Control: true, Orders: w.lookUp(v, g)})
	default:
		x.plain(w, a)
	}
}

// plain does an action in which nothing is left to chance.
func (x *explorer) plain(w *world, a idempotency.Action) {
	switch a.Do {
	case idempotency.DoWait:
		if !a.At.After(w.time()) {
			w.broken = "a wait that ends before it begins: " + describe(w)
			return
		}
		if w.rec.State != idempotency.Sending {
			x.must(w, idempotency.Postpone{Until: a.At})
		}
	case idempotency.DoPoll:
		x.poll(w, &a.Submission)
	case idempotency.DoTooLate:
		x.must(w, idempotency.CancelAnswer{Vendor: a.Submission.Vendor, Ref: a.Submission.Ref, TooLate: true})
	case idempotency.DoHold:
		x.must(w, idempotency.PutOnHold{Reason: a.Reason})
	case idempotency.DoExpire:
		x.must(w, idempotency.Expire{})
	case idempotency.DoFinish:
		x.must(w, idempotency.Finish{})
	case idempotency.DoDuplicate:
		x.must(w, idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk},
			idempotency.Decide{Verdict: idempotency.VerdictPlanned, By: "policy", Why: "prefer_duplicate"})
	default:
		w.broken = fmt.Sprintf("a record that was claimed has nothing to do (%s): %s", a.Do, describe(w))
	}
}

func (x *explorer) poll(w *world, s *idempotency.Submission) {
	for i := range int8(w.nOrder) {
		if o := &w.orders[i]; vendorID(i) == s.VendorID && x.vendors[o.vendor] == s.Vendor {
			x.must(w, idempotency.Observe{Vendor: s.Vendor, Ref: s.Ref, VendorID: s.VendorID, Sighting: w.sighting(i, postproof.SourcePoll)})
			return
		}
	}
	w.broken = "a poll for a piece that does not exist: " + describe(w)
}

func genOf(ref postproof.Ref) uint8 {
	n := 0
	_, _ = fmt.Sscanf(string(ref), "REF%d", &n)
	return uint8(n)
}

// route returns the first vendor that has not refused this generation.
func (x *explorer) route(w *world) (uint8, bool) {
	for v, name := range x.vendors {
		refused := false
		for _, s := range w.rec.Submissions {
			if s.Vendor == name && s.Generation == w.rec.Generation && s.Join == postproof.Refused && s.Code == postproof.CodeInvalidArgument {
				refused = true
			}
		}
		if !refused {
			return uint8(v), true
		}
	}
	return 0, false
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

func (x *explorer) intend(w *world, v, g uint8) (uint64, bool) {
	x.must(w, idempotency.Intend{
		Owner: "worker", Vendor: x.vendors[v], Account: "acct", Mode: postproof.ModeTest, Ref: exampleRef(int(g)),
		VendorKey: "k", Encoder: "e1", Digest: fmt.Sprintf("d%d%s", g, w.rec.Fingerprint),
	})
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
	switch a.delivery {
	case postproof.NotSent:
		ans.Code, ans.Sends = postproof.CodeUnavailable, 0
	case postproof.Unknown:
		ans.Code = postproof.CodeDeadlineExceeded
	case postproof.Refused, postproof.Accepted:
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
	ev := idempotency.CancelAnswer{Vendor: x.vendors[v], Ref: exampleRef(int(g)), TooLate: true}
	for i := range int8(w.nOrder) {
		o := &w.orders[i]
		if vendorID(i) != id {
			continue
		}
		if o.fate == uint8(alive) && w.now < o.made+cancelFor {
			o.fate = uint8(cancelled)
		}
		if o.fate != uint8(alive) {
			s := w.sighting(i, postproof.SourcePoll)
			ev.TooLate, ev.ReadBack = false, &s
		}
	}
	x.must(w, ev)
}

// affordable leaves a smaller world to explore where each step costs ten times
// as much. The machine is pure: there are no races to be found in it.
func affordable(b budget) budget {
	if raceDetector || testing.Short() {
		b.faults = max(1, b.faults-1)
		if b.restores > 0 {
			b.faults = 0
		}
	}
	return b
}

func TestExploreFindsNoWayToPrintTwiceOrForget(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		vendors []string
		left    budget
	}{
		{[]string{"key", "ref"}, budget{faults: 3}},
		{[]string{"list", "key"}, budget{faults: 2, calls: 1}},
		{[]string{"blind", "list"}, budget{faults: 2, calls: 1, people: 1}},
		{[]string{"key", "list"}, budget{faults: 2, wishes: 1}},
		{[]string{"keyonly", "ref"}, budget{faults: 2, wishes: 1, calls: 1}},
		{[]string{"ref", "blind", "list"}, budget{faults: 1, wishes: 1, amends: 1, people: 1}},
		{[]string{"key", "ref"}, budget{faults: 1, restores: 1}},
		{[]string{"list"}, budget{faults: 1, restores: 1, wishes: 1}},
		{[]string{"list", "blind"}, budget{faults: 1, restores: 1, people: 1}},
		{[]string{"key"}, budget{faults: 1, restores: 1, calls: 1}},
	} {
		t.Run(strings.Join(tc.vendors, "+")+fmt.Sprint(tc.left), func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			newExplorer(true, tc.vendors...).run(t, affordable(tc.left))
			t.Log(time.Since(start).Round(time.Millisecond))
		})
	}
}

// Beyond the assumptions, when bytes arrive after any settle time, two pieces
// can exist. They must not go unnoticed.
func TestExploreNoticesWhatArrivesTooLate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		vendors []string
		left    budget
	}{
		{[]string{"list", "ref"}, budget{faults: 1, calls: 1}},
		{[]string{"key", "list"}, budget{faults: 2}},
		{[]string{"ref"}, budget{faults: 2, wishes: 1}},
		{[]string{"blind", "key"}, budget{faults: 2, people: 1}},
		{[]string{"keyonly", "list"}, budget{faults: 2, calls: 1}},
	} {
		t.Run(strings.Join(tc.vendors, "+")+fmt.Sprint(tc.left), func(t *testing.T) {
			t.Parallel()
			newExplorer(false, tc.vendors...).run(t, affordable(tc.left))
		})
	}
}
