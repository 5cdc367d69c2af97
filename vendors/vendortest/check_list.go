package vendortest

import (
	"bytes"
	"time"

	"github.com/postproof/postproof/vendors"
)

func checkList(b *bench) {
	r := b.setup()
	if _, ok := r.Adapter.(vendors.Lister); !ok {
		return
	}
	want, subs := map[string]bool{}, map[string]*vendors.Submission{}
	var begin time.Time // of the first of them
	for range 12 {
		s, order := r.accepted()
		want[order.Receipt.VendorID], subs[order.Receipt.VendorID] = true, s
		if begin.IsZero() {
			begin = r.vendorTime()
		}
	}
	got := map[string]bool{}
	before := len(r.doer.Sent)
	if err := listAll(b, r, time.Time{}, got); err != nil {
		b.fatalf("List without faults: %v", err)
	}
	for id := range want {
		if !got[id] {
			b.problemf("an order is missing in the list: %d of %d", len(got), len(want))
			break
		}
	}
	requests := len(r.doer.Sent) - before
	b.circles(r, func() bool { _ = listAll(b, r, time.Time{}, nil); return false }, r.asked(before))
	r.strikeEach(requests, func(n int, f *Fault) {
		if err := listAll(b, r, time.Time{}, nil); err == nil {
			b.problemf("request %d, %s: the list ends without an error", n, f.Name)
		}
	})
	b.checkSince(r, begin, want)
	b.checkListed(r, subs)
	for order, err := range vendors.List(b.ctx, r.Adapter, r.doer, time.Now().Add(100*365*24*time.Hour)) {
		if b.see(err) != nil {
			b.problemf("List since a day to come: %v", err)
		} else if !order.Receipt.AcceptedAt.IsZero() {
			b.problemf("List since a day to come has an order of %v", order.Receipt.AcceptedAt)
		}
	}
	for _, err := range vendors.List(b.ctx, r.Adapter, r.doer, time.Time{}) {
		b.note(err)
		break // must not panic or go on
	}
}

// checkSince lists since shortly before the first order, as somebody says it in the east
// or in the west, where the vendor's day may be another one.
func (b *bench) checkSince(r *rig, begin time.Time, want map[string]bool) {
	if begin.IsZero() {
		return
	}
	for _, hours := range []int{14, 0, -12} {
		got := map[string]bool{}
		since := begin.Add(-time.Minute).In(time.FixedZone("", hours*60*60))
		if err := listAll(b, r, since, got); err != nil {
			b.problemf("List since the first order: %v", err)
			return
		}
		for id := range want {
			if !got[id] {
				b.problemf("of %d orders List since a minute before the first, which is %v, has %d: which zone are the vendor's days in?", len(want), since, len(got))
				return
			}
		}
	}
}

// checkListed holds what the list shows of each order to its submission, and to what
// has become of it: audits go by that.
func (b *bench) checkListed(r *rig, subs map[string]*vendors.Submission) {
	dead := ""
	if r.caps().Cancel.Supported {
		for id := range subs {
			dead = id
		}
		if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, dead); b.see(err) != nil {
			dead = ""
		}
	}
	for order, err := range vendors.List(b.ctx, r.Adapter, r.doer, time.Time{}) {
		if b.see(err) != nil {
			b.problemf("List without faults: %v", err)
			return
		}
		s := subs[order.Receipt.VendorID]
		switch {
		case s == nil:
		case bytes.Contains(order.Raw, []byte(s.Ref)) && order.Receipt.Ref != s.Ref:
			b.problemf("an order is listed with the reference %q, want %q", order.Receipt.Ref, s.Ref)
		case order.Receipt.VendorID != dead:
			b.checkAccepted(r.vendorTime(), order, "List")
			b.checkOrder(r, s, r.encode(s), order)
		case !order.Dead:
			b.problemf("a canceled order is listed alive")
		}
	}
}

// listAll reads the list to its end and returns the error that ended it.
func listAll(b *bench, r *rig, since time.Time, into map[string]bool) error {
	var failed error
	for order, err := range vendors.List(b.ctx, r.Adapter, r.doer, since) {
		if failed != nil {
			b.problemf("the list goes on after an error")
		}
		if b.see(err) != nil {
			failed = err
			continue
		}
		if into != nil {
			into[order.Receipt.VendorID] = true
		}
	}
	return failed
}
