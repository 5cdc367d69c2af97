package vendortest

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// parse returns the notices of the newest callback about a reference.
func (c caller) parse(ref string, at time.Time) []*vendors.Notice {
	parser, ok := c.Adapter.(vendors.CallbackParser)
	if !ok {
		panic(stop{})
	}
	header, body := c.sim.Callback(ref, c.secret, at)
	notices, err := parser.ParseCallback(header, body)
	if c.b.see(err) != nil {
		c.b.fatalf("the vendor's callback cannot be parsed: %v", err)
	}
	if n := max(1, c.caps().Callbacks.Batch); len(notices) == 0 || len(notices) > n {
		c.b.fatalf("%d notices in a callback, want 1 to %d", len(notices), n)
	}
	if again, err := parser.ParseCallback(header, body); err != nil || !reflect.DeepEqual(again, notices) {
		c.b.problemf("the same callback parsed twice gives different notices (%v): what the vendor repeats would count as news", err)
	}
	return notices
}

// about returns the notice about the order; the first where none is.
func about(all []*vendors.Notice, order *vendors.Order) *vendors.Notice {
	for _, n := range all {
		if n != nil && n.Event.VendorID == order.Receipt.VendorID {
			return n
		}
	}
	return all[0]
}

func checkCallbackParse(b *bench) {
	c := b.caller()
	s, order := c.accepted()
	ids, told := map[string]string{}, map[string]bool{} // event id to its bytes; the bytes
	for step := range 8 {
		n := about(c.parse(string(s.Ref), signedAt()), order)
		c.checkNotice(s, order, n)
		if again := about(c.parse(string(s.Ref), signedAt().Add(farOff)), order); again.Event.ID != n.Event.ID {
			b.problemf("the same event is %q and %q", n.Event.ID, again.Event.ID)
		}
		if was, ok := ids[n.Event.ID]; ok && n.Event.ID != "" && was != string(n.Event.Raw) {
			b.problemf("two events have the id %q", n.Event.ID)
		}
		ids[n.Event.ID], told[string(n.Event.Raw)] = string(n.Event.Raw), true
		if step == 0 && n.Event.Status.Stage == "" {
			b.problemf("the acceptance has no stage")
		}
		if now, err := vendors.Get(b.ctx, c.Adapter, c.doer, order.Receipt.VendorID); b.see(err) == nil &&
			n.Event.Status.Stage != "" && n.Event.Status.Stage != now.Status.Stage {
			b.problemf("the newest event says %s where the order shows %s", n.Event.Status.Stage, now.Status.Stage)
		}
		c.Simulator.Advance(18 * time.Hour)
	}
	if len(told) < 2 {
		b.problemf("nothing was told in six days: has the simulator a piece move on while Advance moves its clock?")
	}
	c.checkNoticeOfCancellation()
}

func (c caller) checkNotice(s *vendors.Submission, order *vendors.Order, n *vendors.Notice) {
	e := n.Event
	switch {
	case e.Vendor != c.caps().Vendor:
		c.b.problemf("an event's vendor is %q", e.Vendor)
	case e.VendorID != order.Receipt.VendorID:
		c.b.problemf("an event is about %q, want %q", e.VendorID, order.Receipt.VendorID)
	case e.Ref != "" && e.Ref != s.Ref, c.caps().Callbacks.CarryRef && e.Ref == "":
		c.b.problemf("an event has reference %q, want %q", e.Ref, s.Ref)
	case e.Status.Source != postproof.SourceCallback || e.Status.Raw == "" || e.Status.Stage != "" && e.Status.Confidence == "":
		c.b.problemf("an event's status lacks source, raw value or confidence: %+v", e.Status)
	case e.Status.Stage != "" && !e.Status.Stage.Known():
		c.b.problemf("an event has the unknown stage %q", e.Status.Stage)
	case c.caps().Callbacks.EventIDs && e.ID == "":
		c.b.problemf("an event has no id")
	case len(e.Raw) == 0:
		c.b.problemf("an event lacks the vendor's bytes")
	case e.Mode != "" && e.Mode != c.Adapter.Account().Mode:
		c.b.problemf("an event's mode is %q", e.Mode)
	case n.Order != nil && n.Order.Receipt.VendorID != e.VendorID:
		c.b.problemf("an event shows another order than it is about")
	case n.Order != nil:
		c.b.checkOrder(c.rig, s, c.encode(s), n.Order)
	}
}

func (c caller) checkNoticeOfCancellation() {
	if !c.caps().Cancel.Supported {
		return
	}
	s, order := c.accepted()
	if err := vendors.Cancel(c.b.ctx, c.Adapter, c.doer, order.Receipt.VendorID); c.b.see(err) != nil {
		c.b.fatalf("Cancel inside the window: %v", err)
	}
	e := about(c.parse(string(s.Ref), signedAt()), order).Event
	if e.VendorID != order.Receipt.VendorID || e.Status.Stage != postproof.StageCanceled {
		c.b.problemf("the event of a cancellation says %q of %q, want %q of %q", e.Status.Stage, e.VendorID, postproof.StageCanceled, order.Receipt.VendorID)
	}
}

// checkCallbackAccount has the vendor tell of something that is no piece: what is
// refused is sent again for days, and then somebody is woken.
func checkCallbackAccount(b *bench) {
	c := b.caller()
	sim, ok := c.Simulator.(AccountCallbacks)
	parser, parses := c.Adapter.(vendors.CallbackParser)
	if !ok || !parses {
		return
	}
	header, body := sim.AccountCallback(c.secret, signedAt())
	notices, err := parser.ParseCallback(header, body)
	if b.see(err) != nil || len(notices) != 1 || notices[0] == nil {
		b.fatalf("an event about no piece: %d notices, %v, want one without VendorID and Ref", len(notices), err)
	}
	switch e := notices[0].Event; {
	case e.VendorID != "" || e.Ref != "" || notices[0].Order != nil:
		b.problemf("an event about no piece names one")
	case e.Vendor != c.caps().Vendor || len(e.Raw) == 0 || c.caps().Callbacks.EventIDs && e.ID == "":
		b.problemf("an event about no piece lacks the vendor, its bytes or its id: it is kept all the same")
	}
}

func checkCallbackGarbage(b *bench) {
	c := b.caller()
	parser, ok := c.Adapter.(vendors.CallbackParser)
	if !ok {
		return
	}
	s, _ := c.accepted()
	header, body := c.sim.Callback(string(s.Ref), c.secret, signedAt())
	for _, nothing := range []string{"", "null", "[]", "{}", "0", `""`, "\x00", "<html>"} {
		if notices, err := parser.ParseCallback(header, []byte(nothing)); postproof.CodeOf(b.see(err)) != postproof.CodeInvalidArgument || len(notices) > 0 {
			b.problemf("%q as a callback: %d notices, %v, want %v", nothing, len(notices), err, postproof.CodeInvalidArgument)
		}
	}
	if _, err := parser.ParseCallback(nil, nil); err == nil {
		b.problemf("no callback at all is one")
	}
	random := rand.New(rand.NewPCG(20, 26))
	buffer := make([]byte, 0, 2*len(body)+64)
	for range 5 * rounds {
		buffer = append(buffer[:0], spoil(random, body)...)
		notices, err := parser.ParseCallback(header, buffer)
		if err != nil && postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			b.fatalf("a spoiled callback: %v, want %v", err, postproof.CodeInvalidArgument)
		}
		b.note(err)
		for _, n := range notices {
			switch {
			case n == nil || n.Event.Vendor != c.caps().Vendor || len(n.Event.Raw) == 0:
				b.fatalf("a spoiled callback gives a notice without vendor or bytes")
			case n.Event.Ref != "" && !n.Event.Ref.Valid():
				b.fatalf("a spoiled callback gives a reference that is none")
			case c.caps().Callbacks.EventIDs && n.Event.ID == "":
				b.fatalf("a spoiled callback gives an event without an id")
			}
		}
		if len(notices) > 0 { // what a notice keeps is its own
			kept := bytes.Clone(notices[0].Event.Raw)
			clear(buffer)
			if !bytes.Equal(kept, notices[0].Event.Raw) {
				b.fatalf("a notice shares the receiver's buffer")
			}
		}
	}
}
