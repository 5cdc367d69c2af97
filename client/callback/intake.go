package callback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// outcome is what became of a request.
type outcome string

const (
	stored    outcome = "stored"
	duplicate outcome = "duplicate"
	ignored   outcome = "ignored" // of another mode, stored all the same
	refused   outcome = "refused"
	down      outcome = "store_down"
)

// serve takes one callback in: nothing is answered with success before it is
// durable.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request, rt *route, token string) {
	began := r.in.Clock.Now()
	out, f := r.take(w, req, rt, token, began)
	if f != nil {
		r.answer(w, req, rt, began, f)
		return
	}
	r.tel.taken(req.Context(), rt, out, "", r.in.Clock.Now().Sub(began))
	cb := &rt.caps.Callbacks
	if cb.AnswerStatus != 0 {
		w.WriteHeader(cb.AnswerStatus)
	}
	if cb.AnswerBody != "" {
		_, _ = io.WriteString(w, cb.AnswerBody) // the vendor has gone; it repeats
	}
	if out == stored {
		r.wakeUp()
	}
}

// answer refuses a request.
func (r *Receiver) answer(w http.ResponseWriter, req *http.Request, rt *route, began time.Time, f *refusal) {
	out := refused
	if f.reason == reasonStore || f.reason == reasonStoreSlow {
		out = down
	}
	r.tel.taken(req.Context(), rt, out, f.reason, r.in.Clock.Now().Sub(began))
	if f.body {
		hangUp(w)
	}
	f.write(w)
	name := ""
	if rt != nil {
		name = rt.name
		if f.reason == reasonTooLarge {
			r.tellTooLarge(req.Context(), rt, began)
		}
	}
	if n, ok := r.refused.due(string(f.reason)+name, began); ok {
		attrs := []slog.Attr{
			slog.String("route", name), slog.String("reason", string(f.reason)), slog.Int("status", f.status), slog.Int("since_last", n),
		}
		do := f.reason.advice()
		if f.reason == reasonRoute {
			do = "the vendor calls a path that names no endpoint: its last element, or the one before a token, is to be " +
				strings.Join(slices.Sorted(maps.Keys(r.routes)), " or ")
		}
		if do != "" {
			attrs = append(attrs, slog.String("advice", do))
		}
		r.in.Logger.LogAttrs(req.Context(), slog.LevelWarn, "callbacks are refused", attrs...)
	}
}

// tooLargeEvery is how often the owner is told, by each process: whoever knows the URL
// can cause it.
const tooLargeEvery = 24 * time.Hour

// tellTooLarge tells the owner of a callback that its vendor will repeat in vain.
func (r *Receiver) tellTooLarge(ctx context.Context, rt *route, now time.Time) {
	last := rt.tooLarge.Load()
	if since := now.Sub(time.Unix(0, last)); last != 0 && since >= 0 && since < tooLargeEvery || !rt.tooLarge.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	r.alarms.raise(context.WithoutCancel(ctx), Alert{Kind: AlertTooLarge, Vendor: rt.vendor, Endpoint: rt.name, Reason: fmt.Sprintf(
		"a callback has more than the %d bytes that are taken: its news comes by polling only, once it is overdue; if it is the vendor's, raise WithMaxBody", rt.maxBody)})
}

// take checks in the order of what it costs: what needs no body first.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request, rt *route, token string, at time.Time) (outcome, *refusal) {
	if f := r.admit(req, rt, token); f != nil {
		f.body = true
		return refused, f
	}
	one := r.bodies.take(cutter(w))
	if one == nil {
		f := refuse(reasonBusy)
		f.body = true
		return refused, f
	}
	raw, f := r.read(w, req, rt, one)
	if f != nil {
		one.release()
		f.body = true
		return refused, f
	}
	m, a, f := r.received(req, rt, token, raw, at)
	if f != nil {
		one.release()
		return refused, f
	}
	fresh, f := r.put(req.Context(), rt, m, at, one.release)
	if f != nil {
		return refused, f
	}
	a.seen.Store(at.UnixNano())
	a.refusals.Store(0)
	switch {
	case !fresh:
		return duplicate, nil
	case m.State == idempotency.MessageIgnored:
		return ignored, nil
	default:
		return stored, nil
	}
}

// admit looks at what comes before the body.
func (r *Receiver) admit(req *http.Request, rt *route, token string) *refusal {
	switch enc := req.Header.Get("Content-Encoding"); {
	case req.Method != http.MethodPost:
		return refuse(reasonMethod)
	case enc != "" && !strings.EqualFold(enc, "identity"):
		return refuse(reasonEncoding) // a small body would unpack to a huge one, and what is signed is the raw one
	case req.ContentLength > rt.maxBody:
		return refuse(reasonTooLarge)
	}
	why := reasonAddress
	for _, a := range rt.accounts {
		if !a.admits(r, req) {
			continue
		}
		if !rt.unsigned || a.keys.Load().holds(token) {
			return nil
		}
		why = reasonToken
	}
	return refuse(why)
}

// verify is the verifier's word; a panic of it is a no.
func verify(v vendors.Verifier, h http.Header, raw []byte, at time.Time) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the verifier panicked: %T", p)
		}
	}()
	return v.Verify(h, raw, at)
}

// sender returns whose callback it is, with the headers to store.
func (r *Receiver) sender(req *http.Request, rt *route, token string, raw []byte, at time.Time) (*account, http.Header, *refusal) {
	why := reason("")
	for _, a := range rt.accounts {
		if !a.admits(r, req) {
			continue
		}
		k := a.keys.Load()
		if rt.unsigned {
			if k.holds(token) {
				return a, a.kept(nil, req.Header, raw, at), nil
			}
			continue
		}
		err := verify(k.verifier, req.Header, raw, at)
		if err == nil {
			return a, a.kept(k.verifier, req.Header, raw, at), nil
		}
		one := unverified(err)
		a.offTime.Store(one == reasonStale || one == reasonFuture)
		if one.weight() > why.weight() {
			why = one
		}
	}
	for _, a := range rt.accounts {
		a.refusals.Add(1)
	}
	if why == "" {
		why = reasonToken
	}
	return nil, nil, refuse(why)
}

// received makes the message of a callback that was read.
func (r *Receiver) received(req *http.Request, rt *route, token string, raw []byte, at time.Time) (*idempotency.Message, *account, *refusal) {
	a, header, f := r.sender(req, rt, token, raw, at)
	if f != nil {
		return nil, nil, f
	}
	m := &idempotency.Message{
		Vendor: rt.vendor, Account: a.fingerprint, Mode: a.mode, Header: flat(header), Body: raw, ReceivedAt: at,
	}
	notices, err := rt.parse(header, raw)
	switch {
	case err != nil && rt.unsigned:
		return nil, nil, refuse(reasonMalformed)
	case err != nil: // the vendor said something that this version cannot read: it is kept
		m.Dedupe = digestOf("body", raw)
	case len(notices) == 1:
		r.about(m, notices[0])
		m.Dedupe = rt.identities(notices)[0]
	default:
		m.Dedupe = rt.batchIdentity(notices, raw)
		if len(notices) == 0 {
			m.State = idempotency.MessageApplied
		}
	}
	return m, a, nil
}

// about sets what follows from the event by itself: one of the other mode is
// ignored, and one that is about no piece is only kept.
func (r *Receiver) about(m *idempotency.Message, n *vendors.Notice) {
	if n.Event.Mode != "" {
		m.Mode = n.Event.Mode
	}
	switch {
	case m.Mode != r.in.Mode():
		m.State = idempotency.MessageIgnored
	case n.Event.VendorID == "" && n.Event.Ref == "":
		m.State = idempotency.MessageApplied
	}
}

// parse reads a callback; a panic of the adapter is an error.
func (rt *route) parse(h http.Header, raw []byte) (notices []*vendors.Notice, err error) {
	defer func() {
		if p := recover(); p != nil {
			notices, err = nil, &postproof.Error{
				Code: postproof.CodeInternal, Delivery: postproof.NotSent, Vendor: rt.vendor, Op: "parse callback", Err: fmt.Errorf("the adapter panicked: %T", p),
			}
		}
	}()
	if notices, err = rt.parser.ParseCallback(h, raw); err != nil {
		return nil, unreadable(rt.vendor, err)
	}
	for _, n := range notices {
		if n == nil {
			return nil, &postproof.Error{
				Code: postproof.CodeInternal, Delivery: postproof.NotSent, Vendor: rt.vendor, Op: "parse callback", Err: errors.New("the adapter returned a nil notice"),
			}
		}
		n.Event.Vendor = rt.vendor
	}
	return notices, nil
}

// unreadable says that the callback is at fault, whatever the adapter's error
// looks like. Of a foreign error only the type is kept: its text may hold what
// the callback does.
func unreadable(vendor string, err error) error {
	if _, ok := errors.AsType[*postproof.Error](err); !ok {
		err = fmt.Errorf("%T", err)
	}
	return &postproof.Error{Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: vendor, Op: "parse callback", Err: err}
}

// put stores a message, and waits no longer than the vendor does. What is stored
// after that is known when the vendor repeats it. done is called when the message
// is not in use any more.
func (r *Receiver) put(ctx context.Context, rt *route, m *idempotency.Message, began time.Time, done func()) (fresh bool, f *refusal) {
	left := rt.answerWithin() - r.in.Clock.Now().Sub(began)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(0, min(r.putTimeout, left))) // a sender that hangs up was heard
	type result struct {
		fresh bool
		err   error
	}
	answered := make(chan result, 1)
	go func() {
		defer done()
		defer cancel()
		var got result
		defer func() {
			if p := recover(); p != nil { // it would end the process, not only the request
				got.err = fmt.Errorf("the inbox panicked: %T", p)
			}
			answered <- got
		}()
		got.fresh, got.err = r.in.Inbox.Put(ctx, m)
	}()
	select {
	case got := <-answered:
		return r.putDone(ctx, got.fresh, got.err)
	case <-ctx.Done():
	}
	select { // it may have been done in the same moment
	case got := <-answered:
		return r.putDone(ctx, got.fresh, got.err)
	default:
		return false, refuse(reasonStoreSlow)
	}
}

func (r *Receiver) putDone(ctx context.Context, fresh bool, err error) (bool, *refusal) {
	if err == nil {
		return fresh, nil
	}
	if n, ok := r.refused.due("put", r.in.Clock.Now()); ok {
		r.in.Logger.LogAttrs(ctx, slog.LevelError, "the inbox cannot be written: callbacks are answered with 503, so that vendors repeat them",
			slog.String("error", err.Error()), slog.Int("since_last", n))
	}
	return false, refuse(reasonStore)
}
