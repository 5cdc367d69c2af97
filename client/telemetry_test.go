package client_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// recorder records spans and metrics; the SDK is no dependency of the module.
type recorder struct {
	tracenoop.TracerProvider
	metricnoop.MeterProvider

	mu        sync.Mutex
	spans     []*span
	sums      map[string]int64
	callbacks []metric.Callback
	gauges    map[string]int64
}

type span struct {
	tracenoop.Span
	r      *recorder
	name   string
	kind   trace.SpanKind
	sc     trace.SpanContext
	parent trace.SpanID
	links  []trace.Link
	attrs  map[string]string
	status codes.Code
	ended  bool
	// orphan: the span that it was begun below had ended.
	orphan bool
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return tracer{r: r} }

type tracer struct {
	tracenoop.Tracer
	r *recorder
}

func (t tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	cfg := trace.NewSpanStartConfig(opts...)
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	parent := trace.SpanContextFromContext(ctx)
	s := &span{r: t.r, name: name, kind: trace.ValidateSpanKind(cfg.SpanKind()), parent: parent.SpanID(), links: cfg.Links(), attrs: map[string]string{}}
	id := byte(len(t.r.spans) + 1)
	traceID := parent.TraceID()
	if !traceID.IsValid() {
		traceID = trace.TraceID{id}
	}
	s.sc = trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled})
	s.set(cfg.Attributes())
	if above, ok := trace.SpanFromContext(ctx).(*span); ok {
		s.orphan = above.ended
	}
	t.r.spans = append(t.r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *span) set(attrs []attribute.KeyValue) {
	for _, a := range attrs {
		s.attrs[string(a.Key)] = a.Value.String()
	}
}

func (s *span) SpanContext() trace.SpanContext { return s.sc }

// IsRecording is false once the span has ended, as in an SDK: what is below it then is
// not recorded.
func (s *span) IsRecording() bool {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return !s.ended
}

func (s *span) AddLink(l trace.Link) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.links = append(s.links, l)
}

func (s *span) SetStatus(c codes.Code, _ string) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.status = c
}

func (s *span) SetAttributes(attrs ...attribute.KeyValue) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.set(attrs)
}

func (s *span) End(...trace.SpanEndOption) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.ended = true
}

func (r *recorder) Meter(string, ...metric.MeterOption) metric.Meter { return meter{r: r} }

type meter struct {
	metricnoop.Meter
	r *recorder
}

type counter struct {
	metricnoop.Int64Counter
	r    *recorder
	name string
}

type gauge struct {
	metricnoop.Int64ObservableGauge
	name string
}

func (m meter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{r: m.r, name: name}, nil
}

func (m meter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return gauge{name: name}, nil
}

// seconds is a gauge of a duration.
type seconds struct {
	metricnoop.Float64ObservableGauge
	name string
}

func (m meter) Float64ObservableGauge(name string, _ ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return seconds{name: name}, nil
}

func (m meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.r.callbacks = append(m.r.callbacks, f)
	return metricnoop.Registration{}, nil
}

func key(name string, set attribute.Set) string {
	for _, a := range set.ToSlice() {
		name += " " + strings.TrimPrefix(string(a.Key), "mail.") + "=" + a.Value.String()
	}
	return name
}

func (c counter) Add(_ context.Context, n int64, opts ...metric.AddOption) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.sums[key(c.name, metric.NewAddConfig(opts).Attributes())] += n
}

type observer struct {
	metricnoop.Observer
	r *recorder
}

func (o observer) ObserveInt64(g metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	named, _ := g.(gauge)
	o.r.gauges[key(named.name, metric.NewObserveConfig(opts).Attributes())] = n
}

func (o observer) ObserveFloat64(g metric.Float64Observable, n float64, opts ...metric.ObserveOption) {
	named, _ := g.(seconds)
	o.r.gauges[key(named.name, metric.NewObserveConfig(opts).Attributes())] = int64(n)
}

func newRecorder() *recorder { return &recorder{sums: map[string]int64{}, gauges: map[string]int64{}} }

func (r *recorder) named(name string) []*span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*span
	for _, s := range r.spans {
		if s.name == name {
			out = append(out, s)
		}
	}
	return out
}

// Each call has a span, each real send a CLIENT span below it; work that
// follows later is linked to the call that brought the job.
func TestSpans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		p.faults(func(_, _ string, n int) string {
			if n <= 4 {
				return "500"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithTracerProvider(r))
		rec, _ := c.Submit(t.Context(), job("a"))
		calls, sends := r.named("postproof.submit"), r.named("send submit")
		if len(calls) != 1 || len(sends) != 3 {
			t.Fatalf("%d calls, %d sends", len(calls), len(sends))
		}
		for i, s := range sends {
			if s.kind != trace.SpanKindClient || s.parent != calls[0].sc.SpanID() || !s.ended || s.attrs["mail.vendor"] != "alpha" || s.attrs["http.response.status_code"] != "500" {
				t.Errorf("send %d: %+v", i, s)
			}
			if want := []string{"", "1", "2"}[i]; s.attrs["http.request.resend_count"] != want {
				t.Errorf("send %d: resend count %q, want %q", i, s.attrs["http.request.resend_count"], want)
			}
		}
		if !strings.Contains(rec.Trace, calls[0].sc.TraceID().String()) {
			t.Errorf("the record's trace is %q", rec.Trace)
		}
		drain(t, c)
		works := r.named("postproof.work")
		if len(works) == 0 || len(works[0].links) != 1 || works[0].links[0].SpanContext.SpanID() != calls[0].sc.SpanID() {
			t.Errorf("later work is not linked to the call: %+v", works)
		}
		for _, s := range r.spans {
			if !s.ended {
				t.Errorf("span %s was not ended", s.name)
			}
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, r := newPress(t, "alpha", postproof.IdempotencyKey), newRecorder()
		p.faults(func(_, _ string, n int) string {
			if n <= 4 {
				return "500"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithMeterProvider(r))
		_, _ = c.Submit(t.Context(), job("a"))
		drain(t, c)
		_, _ = c.Submit(t.Context(), job("a"))
		want := map[string]int64{
			"postproof.submissions mode=test submission=new":              1,
			"postproof.submissions mode=test submission=replay":           1,
			"postproof.attempts group=submit mode=test vendor=alpha":      5,
			"postproof.sends mode=test vendor=alpha":                      5,
			"postproof.give_ups mode=test stop=attempts vendor=alpha":     1,
			"postproof.outcomes delivery=unknown mode=test vendor=alpha":  1,
			"postproof.outcomes delivery=accepted mode=test vendor=alpha": 1,
		}
		if !maps.Equal(r.sums, want) {
			t.Errorf("got %v, want %v", r.sums, want)
		}
		for range 20 { // opens the breaker, holds nothing
			p.faults(onOrder("500"))
			_, _ = c.Submit(t.Context(), job(string(rune('b'+len(p.times)))))
		}
		for _, f := range r.callbacks {
			if err := f(t.Context(), observer{r: r}); err != nil {
				t.Fatal(err)
			}
		}
		if r.gauges["postproof.queue.depth mode=test state=accepted"] != 1 || r.gauges["postproof.breaker.state group=submit mode=test vendor=alpha"] != 2 ||
			r.gauges["postproof.queue.depth mode=test state=unknown"] == 0 {
			t.Errorf("%v", r.gauges)
		}
	})
}

// Whatever goes wrong, no address, name, key or credential is in an error, a
// log line, a span or a metric.
func TestNothingPersonalLeaks(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "401", "422", "429", "500", "lose", "drop", "empty", "panic", "down", "store", "encode"} {
		t.Run("fault "+fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, r, log, s := newPress(t, "alpha", postproof.IdempotencyNone), newRecorder(), &logs{}, newShaky()
				p.key = "sk_live_SECRET"
				leaky(p, s, fault)
				c := newClient(t, s, []*press{p}, client.WithLogger(log.logger()), client.WithTracerProvider(r), client.WithMeterProvider(r), client.WithSpool(t.TempDir()), seldom())
				secret := job("key-of-Mallory")
				secret.To = postproof.Address{Name: "Mallory Malone", Line1: "13 Elm Street", City: "Shelbyville", Region: "IL", PostalCode: "62565"}
				secret.Contact = "mallory@example.com"
				var seen strings.Builder
				rec, err := c.Submit(t.Context(), secret)
				if rec != nil {
					seen.WriteString(rec.String() + rec.GoString())
				}
				s.dead.Store(false)
				for range 2 {
					if err != nil {
						seen.WriteString(err.Error())
					}
					other := secret
					other.To.Line1 = "14 Elm Street"
					_, err = c.Submit(t.Context(), other)
				}
				runFor(t, c, time.Hour)
				_, err = c.Cancel(t.Context(), secret.Key, client.Actor{By: "ann"})
				runFor(t, c, 12*time.Hour)
				if err != nil {
					seen.WriteString(err.Error())
				}
				seen.WriteString(log.text())
				for _, s := range r.spans {
					seen.WriteString(s.name + " " + strings.Join(slices.Collect(maps.Values(s.attrs)), " "))
				}
				for k := range r.sums {
					seen.WriteString(k)
				}
				for e, err := range c.History(t.Context(), secret.Key) {
					if err != nil {
						t.Fatal(err)
					}
					seen.WriteString(e.Note + string(e.Kind) + e.By)
				}
				for _, private := range []string{"allory", "Malone", "Elm", "helbyville", "62565", "SECRET"} {
					if i := strings.Index(seen.String(), private); i >= 0 {
						t.Errorf("%q leaks: …%s…", private, seen.String()[max(0, i-80):min(seen.Len(), i+80)])
					}
				}
			})
		})
	}
}

func leaky(p *press, s *shaky, fault string) {
	switch fault {
	case "panic":
		p.judge = func(*vendors.Response) error { panic("Mallory Malone, 13 Elm Street") }
	case "down":
		p.down.Store(true)
	case "store":
		p.faults(func(op, _ string, n int) string { s.dead.Store(op == "/order" && n == 1); return "" })
	case "encode":
		p.encode = func(*vendors.Submission) error { panic("Mallory Malone, 13 Elm Street") }
	default:
		p.faults(onOrder(fault))
	}
}

// incidents fails where what was counted of incidents is not what is listed.
func (r *recorder) incidents(t *testing.T, c *client.Client) map[string]int64 {
	t.Helper()
	listed, counted := map[string]int64{}, map[string]int64{}
	for e, err := range c.Incidents(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed[string(e.Kind)]++
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, n := range r.sums {
		if rest, ok := strings.CutPrefix(name, "postproof.incidents incident="); ok {
			kind, _, _ := strings.Cut(rest, " ")
			counted[kind] += n
		}
	}
	if !maps.Equal(listed, counted) {
		t.Errorf("counted %v, listed %v", counted, listed)
	}
	return listed
}

// A piece that turns up late, and too late to be canceled, is one piece; that two were
// printed is an incident of its own.
func TestLatePieceIsCountedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, r := newPress(t, "alpha", postproof.IdempotencyNone), newRecorder()
		c, lost := lostAtAlpha(t, a, client.WithMeterProvider(r))
		c.Breakers().Release("alpha", "submit")
		runFor(t, c, time.Hour)
		a.mu.Lock()
		a.orders = append(a.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: time.Now().Add(-2 * time.Hour)})
		a.mu.Unlock()
		runFor(t, c, 24*time.Hour)
		if n := r.sums["postproof.late_arrivals mode=test vendor=alpha"]; n != 1 {
			t.Errorf("%d pieces turned up late, want 1", n)
		}
		if got := r.incidents(t, c); got["late_arrival"] != 1 || got["late_printed"] != 1 {
			t.Errorf("incidents %v", got)
		}
	})
}
