package vendortest

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

func checkFind(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	s := r.next()
	none := b.find(r, s.Ref)
	if len(none.Orders) != 0 || !none.Complete {
		b.problemf("before the submission: %d orders, complete %v, want 0 and true", len(none.Orders), none.Complete)
	}
	order, err := r.submit(s)
	if err != nil {
		b.fatalf("Submit without faults: %v", err)
	}
	for range 3 { // others, which must not turn up
		r.accepted()
	}
	found := b.find(r, s.Ref)
	if len(found.Orders) != 1 || !found.Complete {
		advice := ""
		if !b.shown(r, s.Ref) {
			advice = ": no answer to it shows our reference. Where the vendor's list never does, leave Finder out"
		}
		b.fatalf("after the submission: %d orders, complete %v, want 1 and true%s", len(found.Orders), found.Complete, advice)
	}
	got := found.Orders[0]
	b.checkOrder(r, s, r.encode(s), got)
	b.checkAccepted(r.vendorTime(), got, "Find")
	if got.Receipt.VendorID != order.Receipt.VendorID || got.Receipt.Ref != s.Ref {
		b.problemf("found %q with reference %q, want %q with %q", got.Receipt.VendorID, got.Receipt.Ref, order.Receipt.VendorID, s.Ref)
	}
	other := s.Job
	other.To.Line1 = "3 Nowhere Ave"
	if got.Facts.Equal(vendors.FactsOf(&other, &vendors.Body{Content: vendors.ContentDigest(r.caps().Vendor, &other)})) && got.Facts.Content != "" {
		b.problemf("the facts found agree with another piece")
	}
	switch {
	case r.vendorTime().IsZero():
		b.problemf("the simulator sends no Date, which every server does: set the header by its clock, or nothing is checked that goes by time")
	case found.VendorTime.IsZero():
		b.problemf("the vendor's time is missing although it sends a Date")
	}
	// A lost answer is what look-ups are for.
	lost := r.next()
	r.doer.Strike = strikeOp(postproof.OpSubmit, 1, &Fault{Lost: true, Reach: true})
	if _, err := r.submit(lost); postproof.DeliveryOf(err) != postproof.Unknown {
		b.problemf("a lost answer: %v, want unknown", err)
	}
	r.doer.Strike = nil
	if again := b.find(r, lost.Ref); len(again.Orders) != 1 {
		b.problemf("after a lost answer: %d orders found, want 1", len(again.Orders))
	}
	if _, err := vendors.Find(b.ctx, r.Adapter, r.doer, "no/ref?"); b.see(err) == nil {
		b.problemf("a look-up of what is no reference is no error")
	}
}

func (b *bench) find(r *rig, ref postproof.Ref) *vendors.Found {
	found, err := vendors.Find(b.ctx, r.Adapter, r.doer, ref)
	if b.see(err) != nil || found == nil {
		b.fatalf("Find without faults: %v", err)
	}
	return found
}

func checkFindFaults(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	s, _ := r.accepted()
	before := len(r.doer.Sent)
	b.find(r, s.Ref)
	requests := r.doer.Sent[before:]
	for i := range requests {
		for _, f := range readFaults(r.echo()) {
			r.doer.Strike = strikeAt(i+1, &f)
			found, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref)
			if b.see(err) == nil && len(found.Orders) == 0 {
				b.problemf("request %d, %s: no error, no orders, complete %v", i+1, f.Name, found.Complete)
			}
		}
		// A vendor that answers another question.
		r.doer.Strike = strikeAt(i+1, &Fault{Rewrite: func(a *vendors.Response) { a.Body = truncate(a.Body) }})
		if found, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref); b.see(err) == nil && len(found.Orders) == 0 {
			b.problemf("request %d, half an answer: no error, no orders, complete %v", i+1, found.Complete)
		}
	}
}

func truncate(body []byte) []byte { return body[:len(body)/2] }

func checkGet(b *bench) {
	r := b.setup()
	if _, ok := r.Adapter.(vendors.Getter); !ok {
		return
	}
	s, order := r.accepted()
	id := order.Receipt.VendorID
	got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
	if b.see(err) != nil {
		b.fatalf("Get without faults: %v", err)
	}
	b.checkOrder(r, s, r.encode(s), got)
	b.checkAccepted(r.vendorTime(), got, "Get")
	b.checkNewStatus(r, s, got, func() (*vendors.Order, error) { return vendors.Get(b.ctx, r.Adapter, r.doer, id) }, "Get of an order")
	// What the vendor does not show stays empty; what it shows is not left out.
	if shown := bytes.Contains(got.Raw, []byte(s.Ref)); got.Receipt.VendorID != id || (shown && got.Receipt.Ref != s.Ref) {
		b.problemf("got %q with reference %q, want %q with %q", got.Receipt.VendorID, got.Receipt.Ref, id, s.Ref)
	}
	if r.caps().Cancel.For > 0 && got.Receipt.AcceptedAt.IsZero() {
		b.problemf("an order has no time of acceptance, from which the cancel window counts: without one leave Cancel.For out, and name a Cutoff")
	}
	b.checkGetForeign(r, id)
	stranger := b.setup()
	for _, unknown := range []string{id, "", ".", "..", "../orders", "%2e%2e", "no such id"} {
		_, err := vendors.Get(b.ctx, stranger.Adapter, stranger.doer, unknown)
		if b.see(err) == nil || postproof.CodeOf(err) != postproof.CodeNotFound {
			b.problemf("Get of the unknown id %q: %v, want not_found", unknown, err)
		}
	}
	b.checkPaths(stranger)
	for _, more := range tails() {
		if _, err := vendors.Get(b.ctx, r.Adapter, r.doer, id+more); postproof.CodeOf(b.see(err)) != postproof.CodeNotFound {
			b.problemf("Get of %q, which is no id: %v, want not_found", id+more, err)
		}
	}
	b.checkPaths(r)
	before := len(r.doer.Sent)
	if _, err := vendors.Get(b.ctx, r.Adapter, r.doer, id); err != nil {
		b.fatalf("Get without faults: %v", err)
	}
	requests := len(r.doer.Sent) - before
	r.strikeEach(requests, func(n int, f *Fault) {
		got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
		if b.see(err) == nil && (n == 1 || got.Receipt.VendorID != id || got.Dead) {
			b.problemf("request %d, %s: no error", n, f.Name)
		}
	})
}

// checkGetForeign has the vendor answer the look at an order with another one: what
// has become of that one would be believed of ours.
func (b *bench) checkGetForeign(r *rig, id string) {
	_, foreign := r.accepted()
	before := len(r.doer.Sent)
	if _, err := vendors.Get(b.ctx, r.Adapter, r.doer, foreign.Receipt.VendorID); b.see(err) != nil {
		b.fatalf("Get without faults: %v", err)
	}
	told := slices.Clone(r.doer.Sent[before:])
	n := 0
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		if req.Op == postproof.OpLogin || n == len(told) {
			return nil
		}
		answer := told[n].Answer
		n++
		return &Fault{Rewrite: func(a *vendors.Response) { a.Status, a.Body = answer.Status, answer.Body }}
	}
	got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
	r.doer.Strike = nil
	if b.see(err) == nil {
		b.problemf("Get is answered with another order, and returns %q for %q: compare the id in the answer", got.Receipt.VendorID, id)
	}
}

func checkCancel(b *bench) {
	r := b.setup()
	if !r.caps().Cancel.Supported {
		return
	}
	s, order := r.accepted()
	id := order.Receipt.VendorID
	for _, f := range readFaults(r.echo()) {
		if f.Reach || f.Status == 401 {
			continue
		}
		if f.Status == 200 && len(f.Body) == 0 {
			continue // some vendors answer a cancellation without a body
		}
		r.doer.Strike = strikeOp(postproof.OpCancel, 1, &f)
		if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id); b.see(err) == nil && f.Status != 200 {
			b.problemf("%s: the cancellation is no error", f.Name)
		}
		if r.Simulator.Alive(string(s.Ref)) != 1 {
			b.fatalf("%s: the order was canceled by a request that did not arrive", f.Name)
		}
	}
	r.doer.Strike = nil
	for _, more := range tails() {
		err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id+more)
		if postproof.CodeOf(b.see(err)) != postproof.CodeNotFound || r.Simulator.Alive(string(s.Ref)) != 1 {
			b.fatalf("Cancel of %q, which is no id: %v, want not_found", id+more, err)
		}
	}
	b.checkPaths(r)
	if err := vendors.Cancel(b.ctx, r.Adapter, r.doer, id); b.see(err) != nil {
		b.fatalf("inside the window: %v", err)
	}
	if r.Simulator.Alive(string(s.Ref)) != 0 {
		b.problemf("canceled, and still printed")
	}
	b.checkDead(r, s, id)

	late, order := r.accepted()
	r.Simulator.Advance(longAfter)
	err := vendors.Cancel(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID)
	if b.see(err) == nil || postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.Accepted {
		b.problemf("after the window: %v, want conflict (accepted)", err)
	}
	if r.Simulator.Alive(string(late.Ref)) != 1 {
		b.problemf("canceled after the window")
	}
	stranger := b.setup()
	for _, unknown := range []string{id, "", ".", "..", "../orders"} {
		if err := vendors.Cancel(b.ctx, stranger.Adapter, stranger.doer, unknown); b.see(err) == nil || postproof.CodeOf(err) != postproof.CodeNotFound {
			b.problemf("Cancel of the unknown id %q: %v, want not_found", unknown, err)
		}
	}
	b.checkPaths(stranger)
}

// tails make of an id what is none, and of the path that it is put into unchecked
// another request.
func tails() []string { return []string{"/../x", "?a=b", "#a"} }

// checkPaths looks for ids that came into a path unchecked: what a server or a
// proxy makes of "/orders/.." is another request, and url.PathEscape leaves it.
func (b *bench) checkPaths(r *rig) {
	for _, sent := range r.doer.Sent {
		u, err := url.Parse(sent.Request.URL)
		if err != nil {
			continue // the Doer does not send it
		}
		for element := range strings.SplitSeq(u.Path, "/") {
			if element == "." || element == ".." {
				b.problemf("%s: an id that is none becomes the element %q of a path: check its form first", sent.Request.Op, element)
			}
		}
	}
}

// checkDead reads a canceled order back, by every way that there is.
func (b *bench) checkDead(r *rig, s *vendors.Submission, id string) {
	if _, ok := r.Adapter.(vendors.Getter); ok {
		got, err := vendors.Get(b.ctx, r.Adapter, r.doer, id)
		if b.see(err) != nil && postproof.CodeOf(err) != postproof.CodeNotFound {
			b.problemf("Get of a canceled order: %v", err)
		}
		switch {
		case err != nil:
		case !got.Dead || got.Status.Stage != postproof.StageCanceled:
			b.problemf("Get of a canceled order: dead %v, stage %q", got.Dead, got.Status.Stage)
		case !slices.Contains(r.caps().NoPaper, got.Status.Raw):
			b.problemf("Get of a canceled order is dead with the status %q, which NoPaper does not list", got.Status.Raw)
		}
	}
	if r.caps().Lookup.ByRef {
		found := false
		for _, o := range b.find(r, s.Ref).Orders {
			found = found || o.Receipt.VendorID == id
			if !o.Dead {
				b.problemf("a canceled order is found alive")
			}
		}
		if !found && b.shown(r, s.Ref) && !b.shown(r, r.next().Ref) { // nor does the vendor repeat the question
			b.problemf("a canceled order that the vendor shows is not found: the dead are included")
		}
	}
}

// shown reports whether the vendor's answers to a look-up hold the reference.
func (b *bench) shown(r *rig, ref postproof.Ref) bool {
	before := len(r.doer.Sent)
	b.find(r, ref)
	return slices.ContainsFunc(r.doer.Sent[before:], func(sent Sent) bool {
		return sent.Answer != nil && bytes.Contains(sent.Answer.Body, []byte(ref))
	})
}

func checkUnsupported(b *bench) {
	r := b.setup()
	wants := map[string]bool{"look_up": r.caps().Lookup.ByRef, "cancel": r.caps().Cancel.Supported}
	_, wants["get"] = r.Adapter.(vendors.Getter)
	_, wants["list"] = r.Adapter.(vendors.Lister)
	_, wants["events"] = r.Adapter.(vendors.EventLister)
	_, wants["list_undeliverable"] = r.Adapter.(vendors.UndeliverableLister)
	s, order := r.accepted()
	for name, call := range map[string]func() error{
		"get":     func() error { _, err := vendors.Get(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID); return err },
		"look_up": func() error { _, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref); return err },
		"list":    func() error { return listAll(b, r, time.Time{}, nil) },
		"events":  func() error { _, err := logAll(b, r, time.Time{}); return err },
		"list_undeliverable": func() error {
			_, err := listUndeliverable(b, r, time.Time{})
			return err
		},
		"cancel": func() error { return vendors.Cancel(b.ctx, r.Adapter, r.doer, order.Receipt.VendorID) },
	} {
		sent := len(r.doer.Sent)
		err := b.see(call())
		switch {
		case wants[name] && errors.Is(err, errors.ErrUnsupported):
			b.problemf("%s is declared and answers ErrUnsupported", name)
		case !wants[name] && !errors.Is(err, errors.ErrUnsupported):
			b.problemf("%s is not declared and answers %v", name, err)
		case !wants[name] && len(r.doer.Sent) != sent:
			b.problemf("%s is not declared and sends a request", name)
		}
	}
}
