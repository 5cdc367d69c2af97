package client

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/retry"
)

// call begins the span of a call, which the caller has endCall end by a defer. err is the
// call's named result: one that panics returns none, and its span ends with errPanicked.
func (t *telemetry) call(ctx context.Context, name string, err *error, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	*err = errPanicked
	return t.tracer.Start(ctx, name, opts...) //nolint:spancheck // the caller ends it
}

func endCall(span trace.Span, err *error) { end(span, *err) }

// endCallOf is endCall for a call that returns a job, or none.
func endCallOf(span trace.Span, rec **idempotency.Record, err *error) { endOf(span, *rec, *err) }

// startOn begins the span of work on a job, which is linked to the call that brought
// the job.
func (t *telemetry) startOn(ctx context.Context, name string, kind trace.SpanKind, rec *idempotency.Record) (context.Context, trace.Span) {
	opts := []trace.SpanStartOption{trace.WithSpanKind(kind)}
	if sc := t.origin(rec); sc.IsValid() {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
	}
	ctx, span := t.tracer.Start(ctx, name, opts...) //nolint:spancheck // the caller ends it
	about(span, rec)
	return ctx, span //nolint:spancheck // the caller ends it
}

// linkTo links the span of a call to the one that brought a job, should that have been
// another one.
func (t *telemetry) linkTo(ctx context.Context, rec *idempotency.Record) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if sc := t.origin(rec); sc.IsValid() && sc.SpanID() != span.SpanContext().SpanID() { //nolint:contextcheck // it is that of another call
		span.AddLink(trace.Link{SpanContext: sc})
	}
}

// origin is the call that brought a job.
func (t *telemetry) origin(rec *idempotency.Record) trace.SpanContext {
	if rec.Trace == "" {
		return trace.SpanContext{}
	}
	remote := t.propagator.Extract(context.Background(), propagation.MapCarrier{"traceparent": rec.Trace}) // what the present one holds is another trace
	return trace.SpanContextFromContext(remote)
}

// about says which job a span is about: under the names that the log has, too.
func about(span trace.Span, rec *idempotency.Record) {
	if !span.IsRecording() {
		return
	}
	attrs := []attribute.KeyValue{attribute.String("mail.job", string(rec.ID[:min(16, len(rec.ID))])), attribute.String("mail.state", string(rec.State))}
	if s := rec.Current(); s != nil {
		attrs = append(attrs, attribute.String("mail.vendor", s.Vendor), attribute.String("mail.ref", string(s.Ref)))
	}
	span.SetAttributes(attrs...)
}

// aboutTarget says what a span is about that a person's word is on: a job or a vendor.
// What a campaign is named after nobody knows.
func aboutTarget(span trace.Span, t Target) {
	switch {
	case !span.IsRecording():
	case t.Kind == TargetJob:
		span.SetAttributes(attribute.String("mail.job", t.Name[:min(16, len(t.Name))]))
	case t.Kind == TargetVendor:
		span.SetAttributes(attribute.String("mail.vendor", t.Name))
	}
}

// traceparent returns the trace context to store with a job. Baggage stays behind:
// nobody knows whether it names a person.
func (t *telemetry) traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	t.propagator.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// errPanicked is what a call ends its span with that did not return.
var errPanicked = &postproof.Error{Code: postproof.CodeInternal, Delivery: postproof.Unknown, Err: errors.New("it panicked")}

// end closes a span with the class of the error; never with its text. Where it is
// deferred it must be by another function: an SDK would else write a panic's value,
// which may hold personal data, into the span.
func end(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetAttributes(attribute.String("error.type", postproof.CodeOf(err).String()),
			attribute.String("mail.delivery", postproof.DeliveryOf(err).String()))
		span.SetStatus(codes.Error, postproof.CodeOf(err).String())
	}
	span.End()
}

// endOf is end for what was about a job, or none.
func endOf(span trace.Span, rec *idempotency.Record, err error) {
	if rec != nil {
		about(span, rec)
	}
	end(span, err)
}

type sendSpanKey struct{}

// sendSpan is the span of the present real send of an attempt. net/http may
// begin another one while the first is open.
type sendSpan struct {
	mu    sync.Mutex
	start retry.AttemptStart
	span  trace.Span
	index int
	// over: the attempt has ended. A send that was let go in the same moment tells of
	// itself behind that.
	over bool
}

func (t *telemetry) onAttempt(ctx context.Context, start retry.AttemptStart) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	return context.WithValue(ctx, sendSpanKey{}, &sendSpan{start: start})
}

func (t *telemetry) onSend(ctx context.Context, send retry.Send) {
	s, ok := ctx.Value(sendSpanKey{}).(*sendSpan)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	attrs := []attribute.KeyValue{
		attribute.String("mail.vendor", s.start.Vendor), attribute.String("mail.operation", string(s.start.Op)),
		attribute.String("http.request.method", s.start.Method),
	}
	if s.span != nil {
		if send.Index == s.index {
			return // not a byte of the last one went out: this is it
		}
		s.span.SetStatus(codes.Error, "repeated by net/http") // it had no answer
		s.span.End()
	}
	if n := send.Index - 1; n > 0 {
		attrs = append(attrs, attribute.Int("http.request.resend_count", n))
	}
	_, span := t.tracer.Start(ctx, "send "+string(s.start.Op), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	if s.over {
		span.SetStatus(codes.Error, "cut off")
		span.End()
		return
	}
	s.span, s.index = span, send.Index // onResult ends it
}

func (t *telemetry) onResult(ctx context.Context, m *vendorMarks, a retry.Attempt, err error) {
	if info, ok := retry.SendInfo(ctx); ok {
		t.attempts.Add(ctx, 1, m.attempts[info.Op.Group()]...)
	}
	s, ok := ctx.Value(sendSpanKey{}).(*sendSpan)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.span == nil {
		return
	}
	if a.Status > 0 {
		s.span.SetAttributes(attribute.Int("http.response.status_code", a.Status))
	}
	end(s.span, err)
	s.span = nil
}
