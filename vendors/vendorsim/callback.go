package vendorsim

import (
	"cmp"
	"container/heap"
	"net/http"
	"time"
)

// notifier is a wire whose vendor sends callbacks. All but compose run under
// the simulator's lock; none changes anything.
type notifier interface {
	// sends returns how the vendor sends, and the names of its forms of a
	// callback, the default first.
	sends() (CallbackPolicy, []string)
	// moments returns what happens to the order from its acceptance on if
	// nothing stops it, oldest first. It never changes.
	moments(o *order) []moment
	// ending returns how the vendor tells that the order is void. Its time is
	// filled in.
	ending(o *order) moment
	// eventID returns the vendor's id of the order's k-th event, from 0; empty
	// for a vendor whose events have none.
	eventID(o *order, k int) string
	// compose returns one callback: its header with the content type and the
	// signature, and its body. It has no more events than the policy's Batch.
	compose(c *composition) (http.Header, []byte)
}

// composition is a callback to be written. The same one gives the same bytes.
type composition struct {
	secret, format string
	now            time.Time // of this attempt
	attempt        int       // from 1
	events         []happening
}

// happening is an event with the order as it was then.
type happening struct {
	*event

	order *order
}

// moment is a thing that happens to an order.
type moment struct {
	// Type is the vendor's type of the event, Status the raw status that it
	// shows; the two may be the same.
	Type   string    `json:"type"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// event is a moment that was told. The exported fields of a record are what is
// stored of it.
type event struct {
	eventData

	in         *instance
	id         string
	o          *order
	fault      Boundary
	deliveries []*delivery
	position   uint64
}

// eventData is an event in the state file.
type eventData struct {
	moment

	Order string `json:"order"` // id
	K     int    `json:"k"`     // from 0, for each order
	// Wait is how much a fault puts it off, Again how long after its
	// acknowledgement it is sent once more.
	Wait  Duration `json:"wait,omitzero"`
	Again Duration `json:"again,omitzero"`
}

// attemptData is an attempt in the state file: the events by their number.
type attemptData struct {
	Webhook string `json:"webhook"`
	Events  []int  `json:"events"`
	Status  int    `json:"status,omitempty"`
	Failure string `json:"failure,omitempty"`
}

// notifier returns nil for a vendor that sends no callbacks.
func (in *instance) notifier() notifier {
	n, _ := in.wire.(notifier)
	return n
}

// tells reports whether anybody is told of anything.
func (in *instance) tells() bool { return !in.since.IsZero() }

// natural returns the order's moments as if nothing stopped it.
func (in *instance) natural(o *order) []moment {
	if o.natural == nil {
		o.natural = in.notifier().moments(o)
	}
	return o.natural
}

// moments returns what happens to the order, its end included.
func (in *instance) moments(o *order) []moment {
	all := in.natural(o)
	if o.void == nil {
		return all
	}
	end := in.notifier().ending(o)
	end.At = o.endedAt()
	return append(all[:min(o.cut, len(all)):min(o.cut, len(all))], end)
}

// endedAt returns when a void order ended.
func (o *order) endedAt() time.Time {
	if o.failed() && !o.FailAt.IsZero() {
		return o.FailAt
	}
	return o.voidedAt
}

// cutShort ends the moments of an order that has become void.
func (in *instance) cutShort(o *order) {
	if in.notifier() == nil {
		return
	}
	for _, m := range in.natural(o) {
		if !m.At.After(o.endedAt()) {
			o.cut++
		}
	}
	o.cut = max(o.cut, o.told) // a clock that was set back
	in.schedule(o)
}

// schedule plans the next time at which there is something to tell about the
// order.
func (in *instance) schedule(o *order) {
	if !in.tells() {
		return
	}
	if all := in.moments(o); o.told < len(all) && !all[o.told].At.Equal(o.newsAt) {
		o.newsAt = all[o.told].At
		in.sim.news.add(dueOrder{in, o, o.newsAt})
		in.sim.poke()
	}
}

// tell makes an event of each moment that has come.
func (in *instance) tell(o *order, now time.Time) error {
	all := in.moments(o)
	for o.told < len(all) && !now.Before(all[o.told].At) {
		e := &eventData{moment: all[o.told], Order: o.ID, K: o.told}
		rec := &record{At: now, Vendor: in.name, Event: e}
		if r := in.strike(o, all); r != nil {
			rec.Fault = r.Boundary
			e.put(r, all)
		}
		if _, err := in.sim.put(rec); err != nil {
			return err
		}
	}
	in.schedule(o)
	return nil
}

// strike draws the fault of the order's next event.
func (in *instance) strike(o *order, all []moment) *Rule {
	s, k := in.sim, o.told
	own, _ := in.notifier().sends()
	return s.plan.pickOf(func(b Boundary) bool {
		switch b {
		case CallbackEarly:
			return k == 0
		case CallbackDisorder:
			return k+1 < len(all)
		case CallbackBatch:
			return own.Batch > 1
		default:
			return b.op() == opCallback
		}
	}, s.seed, in.name, cmp.Or(o.Ref, o.ID), k+1, all[k].At)
}

// put fills in what the rule does to the event.
func (e *eventData) put(r *Rule, all []moment) {
	switch d := r.delay(); r.Boundary {
	case CallbackLate:
		e.Wait = Duration(d)
	case CallbackDisorder:
		e.Wait = Duration(all[e.K+1].At.Sub(e.At) + d)
	case CallbackBatch:
		e.Wait = Duration(d - e.At.Sub(e.At.Truncate(d)))
	case CallbackTwice:
		e.Again = Duration(d)
	default: // lost and early have no time
	}
}

// applyCallback changes what is known of callbacks as the record says.
func (in *instance) applyCallback(rec *record, position uint64) {
	switch {
	case rec.Webhook != nil:
		in.applyWebhook(rec.Webhook, rec.At)
	case rec.Event != nil:
		in.applyEvent(rec, position)
	case rec.Attempt != nil:
		in.applyAttempt(rec)
	}
}

func (in *instance) applyEvent(rec *record, position uint64) {
	o := in.byID[rec.Event.Order]
	e := &event{eventData: *rec.Event, in: in, o: o, fault: rec.Fault, position: position}
	e.id = in.notifier().eventID(o, e.K)
	o.told = e.K + 1
	in.events = append(in.events, e)
	in.stats.Events++
	number := len(in.events)
	for _, h := range in.hooks {
		if !h.wants(e) {
			continue
		}
		d := &delivery{event: e, hook: h, number: number, index: -1, state: StatePending, due: e.At.Add(time.Duration(h.policy.Lag + e.Wait))}
		e.deliveries = append(e.deliveries, d)
		switch {
		case e.fault == CallbackLost:
			d.state = StateLost
		case h.off():
			d.state = StateDropped
		default:
			if e.fault == CallbackEarly {
				d.due = e.At
				o.early = cmp.Or(o.early, make(chan struct{}))
			}
			heap.Push(&h.queue, d)
			wakeUp(h.wake)
		}
	}
}

// tried ends the wait of a creation for its callback.
func (e *event) tried() {
	if e.fault == CallbackEarly && e.o.early != nil {
		close(e.o.early)
		e.o.early = nil
	}
}

// waitEarly waits until the callback that goes out before the answer was
// answered itself.
func (s *Sim) waitEarly(o *order) {
	s.mu.Lock()
	early := o.early
	s.mu.Unlock()
	if early == nil {
		return
	}
	select {
	case <-early:
	case <-s.closing:
	}
}

// asOf returns the order as it was when the event happened.
func (e *event) asOf() *order {
	view := *e.o
	if view.void != nil && e.K < view.cut {
		view.void, view.voidedAt = nil, time.Time{}
	}
	return &view
}
