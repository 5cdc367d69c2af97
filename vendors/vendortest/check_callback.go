package vendortest

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// The secrets of the suite's callbacks, unless the harness has others: good as
// texts, and as the shared secrets of Standard Webhooks. They occur nowhere else.
const (
	callbackSecret = "whsec_c3VpdGUtY2FsbGJhY2stc2VjcmV0LTFmMGM3ZDUy"
	retiredSecret  = "whsec_c3VpdGUtY2FsbGJhY2stc2VjcmV0LTBiOWQ0MWU2"
	strangeSecret  = "whsec_c3VpdGUtY2FsbGJhY2stc2VjcmV0LTdlMmE5MGM0"
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
	_, batches := r.Simulator.(Batches)
	signed, sends := c.Auth == postproof.CallbackSigned, c.Auth != postproof.CallbackNone
	for problem, found := range map[string]bool{
		"an unknown Auth": sends && !signed && c.Auth != postproof.CallbackUnsigned,
		"Callbacks.Auth says signed, and the adapter is no CallbackVerifier":                                   signed && !verifies,
		"the adapter is a CallbackVerifier, and Callbacks.Auth does not say signed":                            !signed && verifies,
		"Callbacks.Auth is declared, and the adapter is no CallbackParser":                                     sends && !parses,
		"the adapter is a CallbackParser, and Callbacks.Auth is not declared":                                  !sends && parses,
		"there are callbacks, and the harness's simulator cannot show one":                                     sends && !calls,
		"neither callbacks nor a poll: nobody learns where a piece is":                                         !sends && r.caps().Poll <= 0,
		"callbacks that prove nothing, and no poll that does":                                                  c.Auth == postproof.CallbackUnsigned && r.caps().Poll <= 0,
		"callbacks that prove nothing, and neither a Getter nor a Finder to ask with":                          c.Auth == postproof.CallbackUnsigned && !reads(r.Adapter),
		"a number or a time is negative":                                                                       c.Batch < 0 || c.AnswerStatus < 0 || c.AnswerWithin < 0 || c.RetryFor < 0 || c.MaxBytes < 0,
		"a body is the only answer, and the status is not said":                                                c.AnswerBody != "" && c.AnswerStatus == 0,
		"the answer that means received is a failure":                                                          c.AnswerStatus != 0 && (c.AnswerStatus < 200 || c.AnswerStatus > 299),
		"details of callbacks that there are not":                                                              !sends && (c.EventIDs || c.CarryRef || c.Batch > 0 || c.AnswerStatus > 0 || len(c.Patience) > 0),
		"event ids that no signature covers count as ids":                                                      c.Auth == postproof.CallbackUnsigned && c.EventIDs,
		"a callback tells of several pieces, and the harness's simulator cannot show one (vendortest.Batches)": calls && c.Batch > 1 && !batches,
		"no stage has a time after which the next event is missed: silence is not heard":                       sends && len(c.Patience) == 0,
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
	// secret signs, retired did until it was rotated, and strange never did.
	secret, retired, strange string
}

// caller stops the check for a vendor that sends none.
func (b *bench) caller() caller {
	r := b.setup()
	sim, ok := r.Simulator.(Callbacks)
	if !ok || r.caps().Callbacks.Auth == postproof.CallbackNone {
		panic(stop{}) // CallbackData looks at that
	}
	secrets := r.callbackSecrets()
	b.secrets = append(b.secrets, secrets...)
	return caller{r, sim, secrets[0], secrets[1], secrets[2]}
}

// callbackSecrets stops the check when the harness has some, and not three.
func (r *rig) callbackSecrets() []string {
	all := r.CallbackSecrets
	if len(all) == 0 {
		return []string{callbackSecret, retiredSecret, strangeSecret}
	}
	if len(all) != 3 || slices.Contains(all, "") || all[0] == all[1] || all[0] == all[2] || all[1] == all[2] {
		r.b.fatalf("the harness's CallbackSecrets are not three different ones")
	}
	return all
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
	header, body := c.sim.Callback(string(s.Ref), c.secret, signedAt())
	v := c.verifier(of, c.secret)
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
	if c.verify(c.verifier(of, c.strange), header, body, signedAt()) == nil {
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
	for _, secrets := range [][]string{{}, {""}, {short}, {"", c.secret}, {c.secret, ""}, {c.secret, short}} {
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
	old, oldBody := c.sim.Callback(string(s.Ref), c.retired, signedAt())
	now, nowBody := c.sim.Callback(string(s.Ref), c.secret, signedAt())
	for _, secrets := range [][]string{{c.retired, c.secret}, {c.secret, c.retired}} {
		v := c.verifier(of, secrets...)
		if err := c.verify(v, old, oldBody, signedAt()); err != nil {
			b.problemf("during a rotation the old secret is refused: %v", err)
		}
		if err := c.verify(v, now, nowBody, signedAt()); err != nil {
			b.problemf("during a rotation the new secret is refused: %v", err)
		}
	}
	v := c.verifier(of, c.secret)
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
	header, body := c.sim.Callback(string(s.Ref), c.secret, signedAt())
	other, otherBody := c.sim.Callback(string(s.Ref), c.secret, signedAt().Add(farOff))
	v := c.verifier(of, c.secret)
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
