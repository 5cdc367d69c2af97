package vendortest

import (
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkEvents(b *bench) {
	r := b.setup()
	if _, ok := r.Adapter.(vendors.EventLister); !ok {
		return
	}
	want := map[string]*vendors.Submission{}
	for range 12 {
		s, order := r.accepted()
		want[order.Receipt.VendorID] = s
	}
	before := len(r.doer.Sent)
	got, err := logAll(b, r, time.Time{})
	if err != nil {
		b.fatalf("Events without faults: %v", err)
	}
	requests := len(r.doer.Sent) - before
	told := map[string]bool{}
	for _, n := range got {
		if s := want[n.Event.VendorID]; s != nil {
			told[n.Event.VendorID] = true
			b.checkNotice(r, s, n)
		}
	}
	if len(told) != len(want) {
		b.problemf("the log tells of %d orders of %d", len(told), len(want))
	}
	r.strikeEach(requests, func(n int, f *Fault) {
		if _, err := logAll(b, r, time.Time{}); err == nil {
			b.problemf("request %d, %s: the log ends without an error", n, f.Name)
		}
	})
	if got, err := logAll(b, r, time.Now().Add(100*365*24*time.Hour)); err != nil || len(got) > 0 {
		b.problemf("Events since a day to come: %d, %v", len(got), err)
	}
	for _, err := range vendors.Events(b.ctx, r.Adapter, r.doer, time.Time{}) {
		b.note(err)
		break // must not panic or go on
	}
}

// checkNotice holds an entry of the log to the order's submission.
func (b *bench) checkNotice(r *rig, s *vendors.Submission, n *vendors.Notice) {
	e, c := n.Event, r.caps()
	switch {
	case e.Vendor != c.Vendor:
		b.problemf("an event's vendor is %q", e.Vendor)
	case c.Callbacks.EventIDs && e.ID == "":
		b.problemf("an event has no id although the capabilities say that all have")
	case e.Ref != s.Ref && (e.Ref != "" || c.Callbacks.CarryRef):
		b.problemf("an event has the reference %q, want %q", e.Ref, s.Ref)
	case e.Mode != "" && e.Mode != r.Adapter.Account().Mode:
		b.problemf("an event's mode is %q", e.Mode)
	case e.Status.Stage == "" || e.Status.Source != postproof.SourcePoll || e.Status.Confidence == "":
		b.problemf("an event's status lacks stage, source or confidence: %+v", e.Status)
	case len(e.Raw) == 0:
		b.problemf("an event lacks its own bytes")
	case n.Order != nil:
		b.checkOrder(r, s, r.encode(s), n.Order)
	}
}

// logAll reads the log to its end and returns the error that ended it.
func logAll(b *bench, r *rig, since time.Time) ([]*vendors.Notice, error) {
	var all []*vendors.Notice
	var failed error
	for n, err := range vendors.Events(b.ctx, r.Adapter, r.doer, since) {
		if failed != nil {
			b.problemf("the log goes on after an error")
		}
		if b.see(err) != nil {
			failed = err
			continue
		}
		all = append(all, n)
	}
	return all, failed
}
