package vendorsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// wire is a vendor's API. A new vendor is one implementation of it, written
// against [instance].
type wire interface {
	http.Handler
	// opOf classifies a request before it is read.
	opOf(r *http.Request) op
	// fail answers with the vendor's error body for a 500 or a 503.
	fail(w http.ResponseWriter, status int)
	// throttled answers 429.
	throttled(w http.ResponseWriter, retryAfter time.Duration)
	// empty answers 200 as an API does whose database is gone.
	empty(w http.ResponseWriter, r *http.Request)
	credentials() []Credential
}

// instance is the state of one simulated vendor. The simulator's mutex guards
// everything below wire.
type instance struct {
	sim  *Sim
	name string
	api  string
	wire wire

	orders  []*order // in order of acceptance
	byID    map[string]*order
	keys    map[string]*order
	unique  map[string]*order
	index   map[string][]*order
	counts  map[occurrence]int
	outages map[Outage]bool
	stats   VendorStats

	hooks  []*hook
	since  time.Time // when the first webhook was set; no order tells of anything before
	events []*event  // in the order in which they were told
}

// occurrence names what a count of requests is kept for.
type occurrence struct {
	op  op
	ref string
}

func newInstance(s *Sim, v Vendor) *instance {
	return &instance{
		sim: s, name: v.Name, api: v.API,
		byID: map[string]*order{}, keys: map[string]*order{}, unique: map[string]*order{},
		index: map[string][]*order{}, counts: map[occurrence]int{}, outages: map[Outage]bool{},
		stats: VendorStats{Faults: map[Boundary]int64{}},
	}
}

// decision is what the plan says about one request.
type decision struct {
	op   op
	ref  string
	n    int
	rule *Rule // nil: no fault
	kept bool  // already recorded
}

func (d *decision) is(b Boundary) bool { return d.rule != nil && d.rule.Boundary == b }

func (d *decision) fault() Boundary {
	if d.rule == nil {
		return ""
	}
	return d.rule.Boundary
}

// decide counts the request and draws its fault.
func (in *instance) decide(o op, ref string) *decision {
	s := in.sim
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := occurrence{o, ref}
	n := in.counts[key] + 1
	in.counts[key] = n
	d := &decision{op: o, ref: ref, n: n, rule: s.plan.pick(s.seed, in.name, o, ref, n, now)}
	if o == opSend && in.outage(now) == OutagePartial {
		d.rule = &Rule{Boundary: faultPartialBefore}
		if draw(s.seed, in.name, "partial", ref, n) < 0.5 {
			d.rule = &Rule{Boundary: faultPartialAfter}
		}
	}
	return d
}

// The faults of a partial outage, as they are counted.
const (
	faultPartialBefore Boundary = "outage.partial_refused"
	faultPartialAfter  Boundary = "outage.partial_accepted"
)

// outage returns the outage that is on; the caller holds the lock.
func (in *instance) outage(now time.Time) Outage {
	for _, kind := range Outages() {
		if in.outages[kind] {
			return kind
		}
		for _, w := range in.sim.plan.Windows {
			if w.Kind == kind && (w.Vendor == "" || w.Vendor == in.name) && !now.Before(w.From) && now.Before(w.Until) {
				return kind
			}
		}
	}
	return ""
}

// keep records a request that accepted nothing, with its fault. Only sends,
// cancellations and faults are worth a line. Nobody waits for it: losing it in
// a crash costs a count or repeats a fault once.
func (in *instance) keep(d *decision) {
	if d.kept {
		return
	}
	d.kept = true
	s := in.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.op != opSend && d.op != opCancel {
		in.count(&record{Op: d.op})
		if d.rule == nil {
			return
		}
	}
	// A broken journal shows itself where an answer depends on it.
	_, _ = s.put(&record{Vendor: in.name, Op: d.op, Ref: d.ref, N: d.n, Fault: d.fault()})
}

// draft is a valid submission: an order that lacks what acceptance gives it.
type draft struct {
	order
	id func(num int, at time.Time) string
	// data fills Data from what acceptance decided; nil leaves it.
	data func(o *order) any
	// keyTTL is how long Key protects.
	keyTTL time.Duration
	// freeCanceled lets Unique be taken again after a cancellation.
	freeCanceled bool
}

// outcome is what became of a submission.
type outcome int

const (
	created   outcome = iota
	replayed          // the key was used: here is its order
	duplicate         // the unique reference is taken: here is its order
)

// accept makes an order of the draft, or finds the one that its key or unique
// reference names, and returns when that order is on disk.
func (in *instance) accept(d *draft, dec *decision) (*order, outcome, error) {
	o, result, position, err := in.acceptLocked(d, dec)
	if err != nil {
		return nil, created, err
	}
	if err := in.sim.journal.wait(position); err != nil {
		return nil, created, err
	}
	if result == created {
		in.sim.waitEarly(o)
	}
	return o, result, nil
}

func (in *instance) acceptLocked(d *draft, dec *decision) (*order, outcome, uint64, error) {
	s := in.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.advance()
	dec.kept = true
	rec := &record{At: now, Vendor: in.name, Op: opSend, Ref: dec.ref, N: dec.n, Fault: dec.fault()}
	if old := in.keys[d.Key]; d.Key != "" && old != nil && now.Before(old.KeyUntil) {
		rec.Replay = true
		_, err := s.put(rec)
		return old, replayed, old.position, err
	}
	if old := in.unique[d.Unique]; d.Unique != "" && old != nil && (!d.freeCanceled || !old.canceled()) {
		rec.Replay = true
		_, err := s.put(rec)
		return old, duplicate, old.position, err
	}
	o := &d.order
	o.Num, o.Created = len(in.orders)+1, now
	o.ID = d.id(o.Num, now)
	if o.Key != "" {
		o.KeyUntil = now.Add(d.keyTTL)
	}
	if r := s.plan.forOrder(s.seed, in.name, SendLateFailure, dec.ref, dec.n, now); r != nil {
		o.FailAt = now.Add(r.delay())
	}
	if r := s.plan.forOrder(s.seed, in.name, ListLag, dec.ref, dec.n, now); r != nil {
		o.HiddenUntil = now.Add(r.delay())
	}
	if d.data != nil {
		data, err := json.Marshal(d.data(o))
		if err != nil {
			return nil, created, 0, fmt.Errorf("vendorsim: order data: %w", err)
		}
		o.Data = data
	}
	rec.Order = o
	position, err := s.put(rec)
	if err == nil && in.tells() {
		s.advance() // tells of the order's creation
	}
	return o, created, position, err
}

// end voids an order that exists, unless it is void already, and waits for
// the disk. The check runs under the lock and may refuse.
func (in *instance) end(id string, v void, dec *decision, check func(o *order, now time.Time) error) error {
	s := in.sim
	s.mu.Lock()
	now := s.advance()
	o := in.byID[id]
	err := check(o, now)
	position := o.position
	if err == nil && o.void == nil {
		v.ID = o.ID
		dec.kept = true
		position, err = s.put(&record{At: now, Vendor: in.name, Op: opCancel, Ref: dec.ref, N: dec.n, Fault: dec.fault(), Void: &v})
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.wait(position)
}

// put writes the record and applies it. The caller holds the lock.
func (s *Sim) put(rec *record) (uint64, error) {
	rec.Seq = s.seq + 1
	if rec.At.IsZero() {
		rec.At = s.now()
	}
	var line []byte
	if s.journal.state != nil {
		var err error
		if line, err = json.Marshal(rec); err != nil {
			return 0, fmt.Errorf("vendorsim: record: %w", err)
		}
		line = append(line, '\n')
	}
	lines := s.linesOf(rec)
	log, err := encodeLines(lines)
	if err != nil {
		return 0, err
	}
	position, err := s.journal.append(line, log)
	if err != nil {
		return 0, err
	}
	s.apply(rec, position)
	return position, nil
}

// linesOf returns the print lines of the record, before it is applied.
func (s *Sim) linesOf(rec *record) []PrintLine {
	switch {
	case rec.Order != nil:
		return rec.lines(rec.Order)
	case rec.Void != nil:
		return rec.lines(s.vendors[rec.Vendor].byID[rec.Void.ID])
	default:
		return nil
	}
}

func encodeLines(lines []PrintLine) ([]byte, error) {
	var out []byte
	for _, l := range lines {
		b, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("vendorsim: print line: %w", err)
		}
		out = append(append(out, b...), '\n')
	}
	return out, nil
}

// apply changes the state as the record says; also when it is read back.
func (s *Sim) apply(rec *record, position uint64) {
	s.prints = append(s.prints, s.linesOf(rec)...)
	s.seq = rec.Seq
	in := s.vendors[rec.Vendor]
	if in == nil {
		return
	}
	if key := (occurrence{rec.Op, rec.Ref}); rec.N > in.counts[key] {
		in.counts[key] = rec.N
	}
	if rec.Op == opSend || rec.Op == opCancel || rec.Void != nil {
		in.count(rec)
	}
	if rec.Fault != "" {
		in.stats.Faults[rec.Fault]++
	}
	if w, ok := in.wire.(stateful); ok && rec.Wire != nil {
		w.applyState(rec.At, rec.Wire)
	}
	if o := rec.Order; o != nil {
		o.position = position
		in.add(o)
	}
	if v := rec.Void; v != nil {
		o := in.byID[v.ID]
		o.void, o.voidedAt, o.position = v, rec.At, position
		in.cutShort(o)
	}
	in.applyCallback(rec, position)
}

func (in *instance) add(o *order) {
	in.orders = append(in.orders, o)
	in.byID[o.ID] = o
	if o.Key != "" {
		in.keys[o.Key] = o
	}
	if o.Unique != "" {
		in.unique[o.Unique] = o
	}
	for _, name := range o.Index {
		in.index[name] = append(in.index[name], o)
	}
	if !o.FailAt.IsZero() {
		in.stats.Faults[SendLateFailure]++
		in.sim.due.add(dueOrder{in, o, o.FailAt})
		in.sim.poke()
	}
	if !o.HiddenUntil.IsZero() {
		in.stats.Faults[ListLag]++
	}
	in.schedule(o)
}

// uniform returns a number in [0, 1) that belongs to the order for ever.
func (in *instance) uniform(o *order, what string) float64 {
	return draw(in.sim.seed, in.name, what, strconv.Itoa(o.Num), 0)
}
