package idempotency_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// life is one job in a test: a record, a clock, and what happens to them.
type life struct {
	t   *testing.T
	m   *idempotency.Machine
	r   *idempotency.Record
	now time.Time
	// kinds are the kinds of all entries so far.
	kinds []string
}

func newLife(t *testing.T, vendors ...string) *life {
	t.Helper()
	return &life{t: t, m: exampleMachine(vendors...), r: newRecord(), now: exampleStart()}
}

func (l *life) wait(ticks int) { l.now = l.now.Add(time.Duration(ticks) * tick) }

// lease gives the record to a worker, as a store does.
func (l *life) lease() {
	r := *l.r
	r.Fence++
	r.Lease = idempotency.Lease{Owner: "worker", Until: l.r.Now(l.now).Add(leaseFor * tick)}
	l.r = &r
}

func (l *life) do(events ...idempotency.Event) {
	l.t.Helper()
	ch, err := l.m.Apply(l.r, l.now, events...)
	if err != nil {
		l.t.Fatalf("%s: %v", events[0].Name(), err)
	}
	if ch.Record.Fence != l.r.Fence+1 || ch.Expect != l.r.Fence {
		l.t.Fatalf("%s: a change of fence %d that expects %d and leaves %d", events[0].Name(), l.r.Fence, ch.Expect, ch.Record.Fence)
	}
	l.r = ch.Record
	for _, e := range ch.Entries {
		l.kinds = append(l.kinds, string(e.Kind))
	}
}

// refused requires that the rule forbids the event.
func (l *life) refused(rule int, ev idempotency.Event) {
	l.t.Helper()
	_, err := l.m.Apply(l.r, l.now, ev)
	if ruleOf(err) != rule {
		l.t.Fatalf("%s in state %s: err = %v, want rule %d", ev.Name(), l.r.State, err, rule)
	}
}

func (l *life) state(want idempotency.State) {
	l.t.Helper()
	if l.r.State != want {
		l.t.Fatalf("state %s, want %s: %s", l.r.State, want, describe(&world{rec: l.r}))
	}
}

func (l *life) next(want idempotency.Do) idempotency.Step {
	l.t.Helper()
	a := l.m.Next(l.r, l.now)
	if a.Do != want {
		l.t.Fatalf("next is %s (%s), want %s: %s", a.Do, a.Reason, want, describe(&world{rec: l.r}))
	}
	return a
}

func (l *life) told(kind string) bool {
	return slices.Contains(l.kinds, kind)
}

func (l *life) intent(vendor string) idempotency.Intend {
	return idempotency.Intend{
		Owner: "worker", Vendor: vendor, Account: "acct", Mode: postproof.ModeTest, Ref: exampleRef(l.r.Generation),
		VendorKey: "k", Encoder: "e1", Digest: "d1",
	}
}

// send makes the intent and returns its number.
func (l *life) send(vendor string) uint64 {
	l.t.Helper()
	l.lease()
	l.do(l.intent(vendor))
	return l.r.Current().Intent
}

// answered is an answer to the present intent.
func (l *life) answered(vendor string, d postproof.Delivery, code postproof.Code) idempotency.Answer {
	a := idempotency.Answer{Vendor: vendor, Ref: exampleRef(l.r.Generation), Delivery: d, Code: code, Sends: 1}
	if c := l.r.Current(); c != nil {
		a.Intent = c.Intent
	}
	return a
}

// lose sends, and nobody knows what became of it.
func (l *life) lose(vendor string) {
	l.t.Helper()
	l.send(vendor)
	l.do(l.answered(vendor, postproof.Unknown, postproof.CodeDeadlineExceeded))
	l.state(idempotency.Unknown)
}

// see is a piece as a vendor shows it.
func see(id string, stage postproof.Stage) idempotency.Sighting {
	return idempotency.Sighting{
		Receipt: postproof.Receipt{VendorID: id},
		Status:  postproof.Status{Stage: stage, Source: postproof.SourcePoll},
		Alive:   stage != postproof.StageFailed && stage != postproof.StageCanceled, Equal: true,
	}
}

// accept sends, and the vendor takes it.
func (l *life) accept(vendor, id string) {
	l.t.Helper()
	l.send(vendor)
	a, s := l.answered(vendor, postproof.Accepted, 0), see(id, postproof.StageAccepted)
	s.Receipt.AcceptedAt = l.now
	a.Order = &s
	l.do(a)
	l.state(idempotency.Accepted)
}

// missed is a look-up that shows nothing and that counts.
func (l *life) missed(vendor string, generation int) idempotency.LookedUp {
	return idempotency.LookedUp{Vendor: vendor, Ref: exampleRef(generation), Complete: true, Control: true}
}

// absent proves that a vendor does not have the present generation.
func (l *life) absent(vendor string) {
	l.t.Helper()
	g := l.r.Generation
	for range 2 {
		l.wait(leaseFor + settleFor)
		l.do(l.missed(vendor, g))
	}
}
