package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// whole fails where a span was not ended, or was begun below one that had been.
func (r *recorder) whole(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if !s.ended || s.orphan {
			t.Errorf("span %s: ended %v, begun below one that had ended %v", s.name, s.ended, s.orphan)
		}
	}
}

// seenBy counts the requests that a press got.
func (p *press) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, times := range p.seen {
		n += times
	}
	return n
}

// clients counts the spans of real sends.
func (r *recorder) clients() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.spans {
		if s.kind == trace.SpanKindClient {
			n++
		}
	}
	return n
}

// Each request that went out has its span, also the ones that come last: the control
// piece of a look-up, and the read-back of a cancellation, which alone counts.
func TestEachRequestHasASpan(t *testing.T) {
	t.Parallel()
	for _, kind := range []postproof.IdempotencyKind{postproof.IdempotencyKey, postproof.IdempotencyNone} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, r := newPress(t, "alpha", kind), newRecorder()
				p.poll = time.Hour
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
				lostJob(t, c, p)
				accept(t, c, "control")
				runFor(t, c, 6*time.Hour)
				accept(t, c, "b")
				cancelJob(t, c, "b")
				runFor(t, c, time.Hour)
				if rec := status(t, c, "b"); rec.State != idempotency.Canceled {
					t.Errorf("%v, want it canceled", rec)
				}
				if sent, seen := r.clients(), p.requests(); sent != seen {
					t.Errorf("%d spans of %d requests", sent, seen)
				}
				r.whole(t)
			})
		})
	}
}

// Whoever sends a control piece, recovers or compares a ledger talks to vendors, and
// has a span; and what is heard of the control piece later is linked to it.
func TestCallsOfPeopleHaveSpans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		p.poll = time.Hour
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
		control(t, c, "alpha", 1)
		recovered(t, c, client.RecoverOptions{})
		_, _ = c.Audit(t.Context(), "alpha", time.Time{})
		runFor(t, c, 2*time.Hour)
		for _, name := range []string{"postproof.send_control", "postproof.recover", "postproof.audit"} {
			if n := len(r.named(name)); n != 1 {
				t.Errorf("%d spans %s", n, name)
			}
		}
		polls := r.named("postproof.poll")
		if len(polls) == 0 || len(polls[0].links) != 1 || polls[0].links[0].SpanContext.TraceID() != r.named("postproof.send_control")[0].sc.TraceID() {
			t.Errorf("the poll of the control piece is not linked to its call: %+v", polls)
		}
		r.whole(t)
	})
}

// Whoever says a word on a job has a span, which names the job, and is linked to the
// call that brought it; a word that is refused is an error there.
func TestWordsOfPeopleHaveSpans(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*testing.T, *client.Client, postproof.Key) error{
		"postproof.wish_cancel": func(t *testing.T, c *client.Client, key postproof.Key) error {
			t.Helper()
			_, err := c.Cancel(t.Context(), key, client.Actor{By: "ann", Why: "Mallory moved"})
			return err
		},
		"postproof.release": func(t *testing.T, c *client.Client, key postproof.Key) error {
			t.Helper()
			_, err := c.Release(t.Context(), key, client.Actor{By: "ann", Why: "Mallory moved"})
			return err
		},
		"postproof.decide": func(t *testing.T, c *client.Client, key postproof.Key) error {
			t.Helper()
			_, err := c.Decide(t.Context(), key, client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "ann", Why: "Mallory moved"})
			return err
		},
		"postproof.amend": func(t *testing.T, c *client.Client, key postproof.Key) error {
			t.Helper()
			_, err := c.Amend(t.Context(), job(string(key)), client.Actor{By: "ann", Why: "Mallory moved"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, r := newPress(t, "alpha", postproof.IdempotencyNone), newRecorder()
				p.look = false
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
				p.faults(onOrder("lose"))
				_, _ = c.Submit(t.Context(), job("key-of-Mallory"))
				runFor(t, c, time.Hour) // nobody can be asked: held
				refused := say(t, c, "key-of-Mallory")
				unknown := say(t, c, "nobody's")
				calls, first := r.named(name), r.named("postproof.submit")[0]
				if len(calls) != 2 || unknown == nil {
					t.Fatalf("%d spans, and %v for a job that is not there", len(calls), unknown)
				}
				if s := calls[0]; len(s.attrs["mail.job"]) != 16 || s.attrs["mail.ref"] == "" || len(s.links) != 1 || s.links[0].SpanContext.SpanID() != first.sc.SpanID() || (refused != nil) != (s.status == codes.Error) {
					t.Errorf("the word that came to %v has the span %+v", refused, s)
				}
				if s := calls[1]; s.status != codes.Error || s.attrs["error.type"] == "" {
					t.Errorf("the word on a job that is not there has the span %+v", s)
				}
				for _, s := range calls {
					if all := fmt.Sprint(s.attrs); strings.Contains(all, "allory") || strings.Contains(all, "ann") {
						t.Errorf("the span names a person: %s", all)
					}
				}
				r.whole(t)
			})
		})
	}
}

// A key that is handed in again, and a second piece on purpose, are linked to the call
// that brought the first.
func TestSpansOfTheSameJobAreLinked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r), client.WithMeterProvider(r))
		rec := accept(t, c, "a")
		accept(t, c, "a")
		for range 2 {
			if _, err := c.Remail(t.Context(), rec.Key, client.Remail{Name: "again"}, client.Actor{By: "ann", Why: "it was torn"}); err != nil {
				t.Fatal(err)
			}
		}
		first := r.named("postproof.submit")[0]
		for _, s := range []*span{r.named("postproof.submit")[1], r.named("postproof.remail")[0]} {
			if len(s.links) != 1 || s.links[0].SpanContext.SpanID() != first.sc.SpanID() {
				t.Errorf("%s has the links %v", s.name, s.links)
			}
		}
		if n := len(first.links); n != 0 {
			t.Errorf("the first call has %d links", n)
		}
		if r.sums["postproof.submissions mode=test submission=new"] != 2 || r.sums["postproof.submissions mode=test submission=replay"] != 2 {
			t.Errorf("counted %v", r.sums)
		}
	})
}

// What a span is about is said by the names that the log has, not by the key.
func TestSpansNameTheJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		p.poll = time.Hour
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		accept(t, c, "a")
		runFor(t, c, 2*time.Hour)
		rec := status(t, c, "contact-0")
		for name, kind := range map[string]trace.SpanKind{
			"postproof.submit": trace.SpanKindInternal, "postproof.work": trace.SpanKindConsumer,
			"postproof.poll": trace.SpanKindInternal, "postproof.enqueue": trace.SpanKindProducer,
		} {
			spans := r.named(name)
			if len(spans) == 0 || spans[0].kind != kind {
				t.Errorf("%d spans %s, want the first of kind %v", len(spans), name, kind)
			}
			for _, s := range spans {
				if name != "postproof.enqueue" && (len(s.attrs["mail.job"]) != 16 || s.attrs["mail.vendor"] != "alpha" && s.attrs["mail.state"] != "planned" || s.attrs["mail.state"] == "") {
					t.Errorf("%s has %v", name, s.attrs)
				}
			}
		}
		if !slices.ContainsFunc(r.named("postproof.work"), func(s *span) bool {
			return s.attrs["mail.ref"] == string(rec.Receipt.Ref) && s.attrs["mail.job"] == string(rec.ID[:16])
		}) {
			t.Error("no work names the reference that the vendor has")
		}
	})
}

// Neither trace nor baggage goes to vendors: they are others.
func TestTraceStaysHere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder()
		var got []string
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		plain := p.srv.Handler
		p.srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
				got = append(got, req.Header.Values(name)...)
			}
			plain.ServeHTTP(w, req)
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
		m, err := baggage.NewMember("contact", "ann")
		if err != nil {
			t.Fatal(err)
		}
		b, err := baggage.New(m)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := c.Submit(baggage.ContextWithBaggage(t.Context(), b), job("a"))
		if err != nil || len(got) != 0 || r.clients() != 1 {
			t.Errorf("%v: %v went to the vendor, %d spans", err, got, r.clients())
		}
		if len(rec.Trace) != 55 {
			t.Errorf("the record keeps %q, want the bare traceparent", rec.Trace)
		}
	})
}

// A panic of the user's or the adapter's code ends every span, as an error.
func TestPanicEndsSpans(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(*press) client.VendorConfig{
		"the judge": func(p *press) client.VendorConfig {
			p.judge = func(*vendors.Response) error { panic("Mallory Malone") }
			return client.VendorConfig{}
		},
		"the price": func(*press) client.VendorConfig {
			return client.VendorConfig{Price: func(*postproof.Job) int64 { panic("Mallory Malone") }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
				price := where(p).Price
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r),
					client.WithVendor("alpha", vendorConfig(p, price)), client.WithCap(client.Cap{Vendor: "alpha", Cents: 1000}))
				func() {
					defer func() { _ = recover() }()
					_, _ = c.Submit(t.Context(), job("a"))
				}()
				calls := r.named("postproof.submit")
				if len(calls) != 1 || calls[0].status != codes.Error {
					t.Errorf("the call's span: %+v", calls)
				}
				for _, s := range r.named("send submit") {
					if s.status != codes.Error {
						t.Errorf("the send's span: %+v", s)
					}
				}
				if price == nil && r.clients() != 1 {
					t.Errorf("%d sends", r.clients())
				}
				r.whole(t)
			})
		})
	}
}

// An idle connection that died in the same moment: net/http repeats the request by
// itself, and each send has its span and its number.
func TestSpansOfRepeatedSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
		accept(t, c, "a")
		p.faults(func(op, _ string, n int) string {
			switch {
			case op == "/order" && n == 1:
				return "drop" // on the connection that is used again
			case op == "/order" && n == 2:
				return "500"
			default:
				return ""
			}
		})
		accept(t, c, "b")
		var numbers, states []string
		for _, s := range r.named("send submit")[1:] {
			numbers, states = append(numbers, s.attrs["http.request.resend_count"]), append(states, fmt.Sprint(s.status == codes.Error))
		}
		if got, want := fmt.Sprint(numbers, states), fmt.Sprint([]string{"", "1", "2"}, []string{"true", "true", "false"}); got != want {
			t.Errorf("sends %s, want %s", got, want)
		}
		r.whole(t)
	})
}
