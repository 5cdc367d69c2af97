package vendortest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The secrets of the suite's callbacks. They occur nowhere else.
const (
	callbackSecret = "suite-callback-secret-1f0c7d52a9e84b36"
	retiredSecret  = "suite-callback-secret-0b9d41e6f3a7c825"
	strangeSecret  = "suite-callback-secret-7e2a90c4d8f15b63"
)

// signedAt is when the suite's callbacks are signed, and a day is more than any
// tolerance.
func signedAt() time.Time { return time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC) }

const farOff = 24 * time.Hour

func checkCallbackData(b *bench) {
	r := b.setup()
	c := r.caps().Callbacks
	_, verifies := r.Adapter.(vendors.CallbackVerifier)
	_, parses := r.Adapter.(vendors.CallbackParser)
	_, calls := r.Simulator.(Callbacks)
	signed, sends := c.Auth == postproof.CallbackSigned, c.Auth != postproof.CallbackNone
	for problem, found := range map[string]bool{
		"an unknown Auth": sends && !signed && c.Auth != postproof.CallbackUnsigned,
		"Callbacks.Auth says signed, and the adapter is no CallbackVerifier":             signed && !verifies,
		"the adapter is a CallbackVerifier, and Callbacks.Auth does not say signed":      !signed && verifies,
		"Callbacks.Auth is declared, and the adapter is no CallbackParser":               sends && !parses,
		"the adapter is a CallbackParser, and Callbacks.Auth is not declared":            !sends && parses,
		"there are callbacks, and the harness's simulator cannot show one":               sends && !calls,
		"neither callbacks nor a poll: nobody learns where a piece is":                   !sends && r.caps().Poll <= 0,
		"callbacks that prove nothing, and no poll that does":                            c.Auth == postproof.CallbackUnsigned && r.caps().Poll <= 0,
		"a number or a time is negative":                                                 c.Batch < 0 || c.AnswerStatus < 0 || c.AnswerWithin < 0 || c.RetryFor < 0,
		"a body is the only answer, and the status is not said":                          c.AnswerBody != "" && c.AnswerStatus == 0,
		"the answer that means received is a failure":                                    c.AnswerStatus != 0 && (c.AnswerStatus < 200 || c.AnswerStatus > 299),
		"details of callbacks that there are not":                                        !sends && (c.EventIDs || c.CarryRef || c.Batch > 0 || c.AnswerStatus > 0 || len(c.Patience) > 0),
		"event ids that no signature covers count as ids":                                c.Auth == postproof.CallbackUnsigned && c.EventIDs,
		"no stage has a time after which the next event is missed: silence is not heard": sends && len(c.Patience) == 0,
	} {
		if found {
			b.problemf("%s", problem)
		}
	}
	for stage, d := range c.Patience {
		if !stage.Known() || stage.Terminal() || d <= 0 {
			b.problemf("patience of %v with stage %q", d, stage)
		}
	}
}

// caller is a harness whose vendor sends callbacks.
type caller struct {
	*rig

	sim Callbacks
}

// caller stops the check for a vendor that sends none.
func (b *bench) caller() caller {
	r := b.setup()
	sim, ok := r.Simulator.(Callbacks)
	if !ok || r.caps().Callbacks.Auth == postproof.CallbackNone {
		panic(stop{}) // CallbackData looks at that
	}
	b.secrets = append(b.secrets, callbackSecret, retiredSecret, strangeSecret)
	return caller{r, sim}
}

// signed stops the check for a vendor that signs nothing.
func (c caller) signed() vendors.CallbackVerifier {
	v, ok := c.Adapter.(vendors.CallbackVerifier)
	if !ok || c.caps().Callbacks.Auth != postproof.CallbackSigned {
		panic(stop{})
	}
	return v
}

func (c caller) verifier(of vendors.CallbackVerifier, secrets ...string) vendors.Verifier {
	v, err := of.NewVerifier(secrets...)
	if err != nil || v == nil {
		c.b.fatalf("NewVerifier with %d good secrets: %v", len(secrets), err)
	}
	return v
}

// verify returns the error, after a look at what it tells.
func (c caller) verify(v vendors.Verifier, header http.Header, body []byte, at time.Time) error {
	err := v.Verify(header, body, at)
	c.discreet(err)
	return err
}

func (c caller) discreet(err error) {
	if err == nil {
		return
	}
	if leak := c.b.leak(fmt.Sprintf("%v %+v %#v", err, err, err)); leak != "" {
		c.b.problemf("an error about a callback holds %s", leak)
	}
}

func checkCallbackVerify(b *bench) {
	c := b.caller()
	of := c.signed()
	s, _ := c.accepted()
	header, body := c.sim.Callback(string(s.Ref), callbackSecret, signedAt())
	v := c.verifier(of, callbackSecret)
	was, wasBody := header.Clone(), bytes.Clone(body)
	if err := c.verify(v, header, body, signedAt()); err != nil {
		b.fatalf("what the vendor signed is refused: %v", err)
	}
	if fmt.Sprint(was) != fmt.Sprint(header) || !bytes.Equal(wasBody, body) {
		b.problemf("Verify changed the callback")
	}
	for i := range body {
		for bit := range 8 {
			body[i] ^= 1 << bit
			err := c.verify(v, header, body, signedAt())
			body[i] ^= 1 << bit
			if err == nil {
				b.fatalf("a body with bit %d of byte %d flipped verifies", bit, i)
			}
		}
	}
	for _, other := range [][]byte{nil, {}, body[:len(body)-1], append(bytes.Clone(body), '\n'), append(bytes.Clone(body), body...)} {
		if c.verify(v, header, other, signedAt()) == nil {
			b.problemf("a body of %d bytes verifies where %d were signed", len(other), len(body))
		}
	}
	c.checkHeader(v, header, body)
	if c.verify(c.verifier(of, strangeSecret), header, body, signedAt()) == nil {
		b.problemf("what another secret signed verifies")
	}
}

// checkHeader changes the fields that the signature needs.
func (c caller) checkHeader(v vendors.Verifier, header http.Header, body []byte) {
	for name, values := range header {
		without := header.Clone()
		without.Del(name)
		if c.verify(v, without, body, signedAt()) == nil {
			continue // it plays no part
		}
		for i := range len(values[0]) {
			for bit := range 8 {
				value := []byte(values[0])
				value[i] ^= 1 << bit
				changed := header.Clone()
				changed[name] = []string{string(value)}
				if c.verify(v, changed, body, signedAt()) == nil {
					c.b.fatalf("header %s with bit %d of byte %d flipped verifies", name, bit, i)
				}
			}
		}
		for _, other := range [][]string{{""}, {}, {values[0], values[0] + "0"}, {values[0] + "0"}, {values[0][:len(values[0])-1]}} {
			changed := header.Clone()
			changed[name] = other
			if c.verify(v, changed, body, signedAt()) == nil {
				c.b.problemf("header %s as %d values of another length verifies", name, len(other))
			}
		}
	}
	_ = c.verify(v, nil, nil, time.Time{}) // no panic
}

func checkCallbackSecrets(b *bench) {
	c := b.caller()
	of := c.signed()
	s, _ := c.accepted()
	const short = "tiny-9f" // below what any vendor makes
	b.secrets = append(b.secrets, short)
	texts := map[string]bool{}
	for _, secrets := range [][]string{{}, {""}, {short}, {"", callbackSecret}, {callbackSecret, ""}, {callbackSecret, short}} {
		v, err := of.NewVerifier(secrets...)
		if err == nil {
			b.problemf("%d secrets, of which one is missing, empty or short, make a verifier", len(secrets))
			continue
		}
		b.note(err)
		if v != nil {
			b.problemf("NewVerifier returns a verifier beside an error")
		}
		if len(secrets) == 2 && secrets[0] == "" || len(secrets) == 2 && secrets[1] == "" {
			texts[err.Error()] = true
		}
	}
	if len(texts) != 2 {
		b.problemf("the error does not say which of the secrets is empty")
	}
	// A rotation: the old secret is still good, then it is not.
	old, oldBody := c.sim.Callback(string(s.Ref), retiredSecret, signedAt())
	now, nowBody := c.sim.Callback(string(s.Ref), callbackSecret, signedAt())
	for _, secrets := range [][]string{{retiredSecret, callbackSecret}, {callbackSecret, retiredSecret}} {
		v := c.verifier(of, secrets...)
		if err := c.verify(v, old, oldBody, signedAt()); err != nil {
			b.problemf("during a rotation the old secret is refused: %v", err)
		}
		if err := c.verify(v, now, nowBody, signedAt()); err != nil {
			b.problemf("during a rotation the new secret is refused: %v", err)
		}
	}
	v := c.verifier(of, callbackSecret)
	if c.verify(v, old, oldBody, signedAt()) == nil {
		b.problemf("after the rotation the old secret is good")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if leak := b.leak(fmt.Sprintf(verb, v)); leak != "" {
			b.problemf("the verifier printed with %s holds %s", verb, leak)
		}
	}
}

func checkCallbackTime(b *bench) {
	c := b.caller()
	of := c.signed()
	s, _ := c.accepted()
	header, body := c.sim.Callback(string(s.Ref), callbackSecret, signedAt())
	other, otherBody := c.sim.Callback(string(s.Ref), callbackSecret, signedAt().Add(farOff))
	v := c.verifier(of, callbackSecret)
	for _, skew := range []time.Duration{-10 * time.Second, 10 * time.Second} {
		if err := c.verify(v, header, body, signedAt().Add(skew)); err != nil {
			b.problemf("received %v after it was signed, it is refused: %v", skew, err)
		}
	}
	if fmt.Sprint(header) == fmt.Sprint(other) && bytes.Equal(body, otherBody) {
		return // the vendor signs no time
	}
	if c.verify(v, header, body, signedAt().Add(farOff)) == nil {
		b.problemf("a callback that was signed a day ago verifies")
	}
	if c.verify(v, header, body, signedAt().Add(-farOff)) == nil {
		b.problemf("a callback that was signed a day ahead verifies")
	}
	if err := c.verify(v, other, otherBody, signedAt().Add(farOff)); err != nil {
		b.problemf("a stored callback verified with the time of its receipt is refused: %v", err)
	}
}

// parse returns the notices of the newest callback about a reference.
func (c caller) parse(ref string, at time.Time) []*vendors.Notice {
	parser, ok := c.Adapter.(vendors.CallbackParser)
	if !ok {
		panic(stop{})
	}
	header, body := c.sim.Callback(ref, callbackSecret, at)
	notices, err := parser.ParseCallback(header, body)
	if c.b.see(err) != nil {
		c.b.fatalf("the vendor's callback cannot be parsed: %v", err)
	}
	if n := max(1, c.caps().Callbacks.Batch); len(notices) == 0 || len(notices) > n {
		c.b.fatalf("%d notices in a callback, want 1 to %d", len(notices), n)
	}
	return notices
}

func checkCallbackParse(b *bench) {
	c := b.caller()
	s, order := c.accepted()
	ids := map[string]string{} // event id to its bytes
	for step := range 8 {
		n := c.parse(string(s.Ref), signedAt())[0]
		c.checkNotice(s, order, n)
		if again := c.parse(string(s.Ref), signedAt().Add(farOff))[0]; again.Event.ID != n.Event.ID {
			b.problemf("the same event is %q and %q", n.Event.ID, again.Event.ID)
		}
		if was, ok := ids[n.Event.ID]; ok && n.Event.ID != "" && was != string(n.Event.Raw) {
			b.problemf("two events have the id %q", n.Event.ID)
		}
		ids[n.Event.ID] = string(n.Event.Raw)
		if step == 0 && n.Event.Status.Stage == "" {
			b.problemf("the acceptance has no stage")
		}
		if now, err := vendors.Get(b.ctx, c.Adapter, c.doer, order.Receipt.VendorID); b.see(err) == nil &&
			n.Event.Status.Stage != "" && n.Event.Status.Stage != now.Status.Stage {
			b.problemf("the newest event says %s where the order shows %s", n.Event.Status.Stage, now.Status.Stage)
		}
		c.Simulator.Advance(18 * time.Hour)
	}
	if len(ids) < 2 {
		b.problemf("nothing was told in six days")
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
	e := c.parse(string(s.Ref), signedAt())[0].Event
	if e.VendorID != order.Receipt.VendorID || e.Status.Stage != postproof.StageCancelled {
		c.b.problemf("the event of a cancellation says %q of %q, want %q of %q", e.Status.Stage, e.VendorID, postproof.StageCancelled, order.Receipt.VendorID)
	}
}

func checkCallbackGarbage(b *bench) {
	c := b.caller()
	parser, ok := c.Adapter.(vendors.CallbackParser)
	if !ok {
		return
	}
	s, _ := c.accepted()
	header, body := c.sim.Callback(string(s.Ref), callbackSecret, signedAt())
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
