package callback_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// recorder records spans and metrics; the SDK is no dependency of the module.
type recorder struct {
	tracenoop.TracerProvider
	metricnoop.MeterProvider

	mu        sync.Mutex
	spans     []*span
	sums      map[string]int64
	took      int
	callbacks []metric.Callback
}

type span struct {
	tracenoop.Span
	name  string
	kind  trace.SpanKind
	sc    trace.SpanContext
	links []trace.Link
	attrs []attribute.KeyValue
	// status is Unset until the span ends otherwise.
	status codes.Code
	ended  bool
}

func (s *span) SpanContext() trace.SpanContext            { return s.sc }
func (s *span) IsRecording() bool                         { return true }
func (s *span) SetStatus(c codes.Code, _ string)          { s.status = c }
func (s *span) End(...trace.SpanEndOption)                { s.ended = true }
func (s *span) SetAttributes(attrs ...attribute.KeyValue) { s.attrs = append(s.attrs, attrs...) }

type tracer struct {
	tracenoop.Tracer
	r *recorder
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{r: r} }

func (t tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	cfg := trace.NewSpanStartConfig(opts...)
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	id := byte(len(t.r.spans) + 1)
	s := &span{name: name, kind: cfg.SpanKind(), links: cfg.Links(), attrs: cfg.Attributes()}
	s.sc = trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled})
	t.r.spans = append(t.r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

type meter struct {
	metricnoop.Meter
	r *recorder
}

func (r *recorder) Meter(string, ...metric.MeterOption) metric.Meter { return meter{r: r} }

type sum struct {
	metricnoop.Int64Counter
	r    *recorder
	name string
}

func (m meter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return sum{r: m.r, name: name}, nil
}

func (s sum) Add(_ context.Context, n int64, opts ...metric.AddOption) {
	set := metric.NewAddConfig(opts).Attributes()
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.sums[strings.TrimPrefix(s.name, "postproof.")+" "+set.Encoded(attribute.DefaultEncoder())] += n
}

type histogram struct {
	metricnoop.Float64Histogram
	r    *recorder
	name string
}

func (m meter) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{r: m.r, name: name}, nil
}

func (h histogram) Record(context.Context, float64, ...metric.RecordOption) {
	if h.name == "postproof.callbacks.intake.duration" {
		h.r.mu.Lock()
		h.r.took++
		h.r.mu.Unlock()
	}
}

func (m meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.r.callbacks = append(m.r.callbacks, f)
	return metricnoop.Registration{}, nil
}

type observer struct {
	metricnoop.Observer
	last int64
	of   string
}

func (o *observer) ObserveInt64(_ metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	set := metric.NewObserveConfig(opts).Attributes()
	o.last, o.of = n, set.Encoded(attribute.DefaultEncoder())
}

func TestMetricsTellWhatBecameOfCallbacks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{sums: map[string]int64{}}
		store := newFaulty()
		var log counter
		w := &world{store: store, p: newPrinter(t)}
		w.mail = newClient(t, store, w.p, client.WithTracerProvider(r), client.WithMeterProvider(r), logTo(&log))
		fails := true
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}}, callback.WithTries(2, callback.Backoff{}),
			callback.WithHandler(func(ctx context.Context, u callback.Update) error {
				slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(ctx, "as it is", slog.Any("update", u))
				if fails && u.Event.ID == "2" {
					return errors.New("no such contact: ann@example.com")
				}
				return nil
			}))
		o := w.mailed(t, "a")
		submitted := w.status(t, "a").Trace
		time.Sleep(100 * time.Hour)
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered", Extra: "ann@example.com"})
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "delivered"})
		send(t, w.rx, 200, note{ID: "2", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		send(t, w.rx, 200, note{ID: "3", Piece: o.ID, Ref: o.Ref, Status: "mailed", Mode: "live"})
		send(t, w.rx, 200, note{ID: "4", Piece: "psc_99", Ref: "ABCDEFGHJKLMNPQR", Status: "mailed"})
		sendTo(t, w.rx, 401, request(t, "/printer", secret2, note{ID: "1"}))
		sendTo(t, w.rx, 404, request(t, "/another", secret, note{ID: "1"}))
		store.put = func(context.Context) error { return errKilled }
		send(t, w.rx, 503, note{ID: "5", Status: "mailed"})
		run(t, w.rx, time.Second)
		depth := &observer{}
		for _, f := range r.callbacks {
			if err := f(t.Context(), depth); err != nil {
				t.Fatal(err)
			}
		}
		if (depth.last != 3 && depth.last != 2) || depth.of != "mail.mode=test" { // the first may have been done before the look
			t.Errorf("inbox depth %d of %s, want 2 or 3 of the test mode", depth.last, depth.of)
		}
		w.drain(t)
		want := map[string]int64{
			"callbacks.received mail.mode=test,mail.outcome=stored,mail.vendor=printer":                        3,
			"callbacks.received mail.mode=test,mail.outcome=duplicate,mail.vendor=printer":                     1,
			"callbacks.received mail.mode=test,mail.outcome=ignored,mail.vendor=printer":                       1,
			"callbacks.received mail.mode=test,mail.outcome=refused,mail.reason=signature,mail.vendor=printer": 1,
			"callbacks.received mail.mode=test,mail.outcome=refused,mail.reason=route":                         1,
			"callbacks.received mail.mode=test,mail.outcome=store_down,mail.reason=store,mail.vendor=printer":  1,
			"callbacks.processed mail.mode=test,mail.outcome=applied,mail.vendor=printer":                      1,
			"callbacks.processed mail.mode=test,mail.outcome=kept,mail.vendor=printer":                         1,
			"callbacks.processed mail.mode=test,mail.outcome=parked,mail.vendor=printer":                       1,
			"callbacks.processed mail.mode=test,mail.outcome=unmatched,mail.vendor=printer":                    1,
			"callbacks.handler_failures mail.mode=test,mail.vendor=printer":                                    2,
			"callbacks.alerts mail.kind=callback_parked,mail.mode=test,mail.outcome=sent":                      1,
			"callbacks.alerts mail.kind=callback_unmatched,mail.mode=test,mail.outcome=sent":                   1,
		}
		got := map[string]int64{}
		for k, n := range r.sums {
			if strings.HasPrefix(k, "callbacks.") {
				got[k] = n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sums (-want +got):\n%s", diff)
		}
		if n := r.sums["incidents mail.incident=callback_unmatched,mail.mode=test,mail.vendor=printer"]; n != 1 {
			t.Errorf("%d incidents, want the piece that nobody knows", n)
		}
		if r.took != 7 {
			t.Errorf("%d durations, want 7", r.took)
		}
		linked := 0
		for _, s := range r.spans {
			if s.name != "postproof.callback" {
				continue
			}
			if s.kind == trace.SpanKindConsumer && len(s.links) == 1 && strings.Contains(submitted, s.links[0].SpanContext.TraceID().String()) {
				linked++
			}
		}
		if linked < 2 || submitted == "" {
			t.Errorf("%d callbacks are linked to the call of four days ago, %q", linked, submitted)
		}
		text := log.text.String() + fmt.Sprint(r.sums)
		for _, s := range r.spans {
			text += fmt.Sprint(s.attrs)
		}
		for _, m := range w.messages(t) {
			text += m.LastError
		}
		for _, personal := range []string{"ann@", "Current Resident", "Main Street", secret} {
			if strings.Contains(text, personal) {
				t.Errorf("%q is in telemetry or logs", personal)
			}
		}
	})
}

// Who has callbacks worked on again has a span, which is an error when that fails.
func TestReplayOfCallbacksHasASpan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, store := &recorder{sums: map[string]int64{}}, newFaulty()
		w := &world{store: store, p: newPrinter(t)}
		w.mail = newClient(t, store, w.p, client.WithTracerProvider(r))
		w.rx = receiver(t, w.mail, []callback.Endpoint{{Adapter: w.p, Secrets: []string{secret}}})
		o := w.mailed(t, "a")
		send(t, w.rx, 200, note{ID: "1", Piece: o.ID, Ref: o.Ref, Status: "mailed"})
		w.drain(t)
		again := callback.Query{States: []idempotency.MessageState{idempotency.MessageApplied}}
		if done, err := w.rx.Replay(t.Context(), again); err != nil || done.Queued != 1 {
			t.Fatalf("replayed %+v, %v", done, err)
		}
		w.drain(t)
		store.commit = func([]idempotency.Change) error { return errKilled }
		if _, err := w.rx.Replay(t.Context(), again); err == nil {
			t.Fatal("it went well without the ledger")
		}
		var got []codes.Code
		for _, s := range r.spans {
			if s.name == "postproof.callbacks.replay" && s.ended {
				got = append(got, s.status)
			}
		}
		if diff := cmp.Diff([]codes.Code{codes.Unset, codes.Error}, got); diff != "" {
			t.Errorf("the spans of the calls (-want +got):\n%s", diff)
		}
	})
}
