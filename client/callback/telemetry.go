package callback

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const scope = "github.com/postproof/postproof/client/callback"

type telemetry struct {
	mode     attribute.KeyValue
	in       metric.Int64Counter
	done     metric.Int64Counter
	failures metric.Int64Counter
	alerts   metric.Int64Counter
	duration metric.Float64Histogram
}

// routeMarks are a route's prepared metric options.
type routeMarks struct {
	taken  map[outcome][]metric.AddOption
	took   map[outcome][]metric.RecordOption
	vendor []metric.AddOption
}

func newTelemetry(r *Receiver) (*telemetry, error) {
	m := r.in.Meters.Meter(scope)
	t := &telemetry{mode: attribute.String("mail.mode", string(r.in.Mode()))} // one process may work on two ledgers
	var errs [6]error
	t.in, errs[0] = m.Int64Counter("postproof.callbacks.received", metric.WithUnit("{callback}"),
		metric.WithDescription("Callbacks that came in, by what became of them, refused ones by reason."))
	t.done, errs[1] = m.Int64Counter("postproof.callbacks.processed", metric.WithUnit("{event}"),
		metric.WithDescription("Events worked off, by what they came to."))
	t.failures, errs[2] = m.Int64Counter("postproof.callbacks.handler_failures", metric.WithUnit("{call}"),
		metric.WithDescription("Calls of the handler that failed."))
	t.alerts, errs[3] = m.Int64Counter("postproof.callbacks.alerts", metric.WithUnit("{alert}"),
		metric.WithDescription("Alerts to the owner, sent and lost."))
	t.duration, errs[4] = m.Float64Histogram("postproof.callbacks.intake.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from a request to its answer."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	depth, err := m.Int64ObservableGauge("postproof.callbacks.inbox.depth", metric.WithUnit("{message}"),
		metric.WithDescription("Messages that wait in the inbox, as Run counts them each minute, up to 10000; each process shows the same."))
	errs[5] = err
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	for _, rt := range r.routes {
		v := attribute.String("mail.vendor", rt.vendor)
		rt.marks = routeMarks{
			taken: map[outcome][]metric.AddOption{}, took: map[outcome][]metric.RecordOption{},
			vendor: []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(v, t.mode))},
		}
		for _, o := range []outcome{stored, duplicate, ignored, refused, down} {
			set := attribute.NewSet(v, t.mode, attribute.String("mail.outcome", string(o)))
			rt.marks.taken[o] = []metric.AddOption{metric.WithAttributeSet(set)}
			rt.marks.took[o] = []metric.RecordOption{metric.WithAttributeSet(set)}
		}
	}
	mode := metric.WithAttributeSet(attribute.NewSet(t.mode))
	r.watch, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(depth, r.depth.Load(), mode)
		return nil
	}, depth)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return t, nil
}

// taken counts a request.
func (t *telemetry) taken(ctx context.Context, rt *route, o outcome, why reason, took time.Duration) {
	if rt == nil {
		t.in.Add(ctx, 1, metric.WithAttributes(t.mode, attribute.String("mail.outcome", string(o)), attribute.String("mail.reason", string(why))))
		return
	}
	if why == "" {
		t.in.Add(ctx, 1, rt.marks.taken[o]...)
	} else {
		t.in.Add(ctx, 1, metric.WithAttributes(t.mode, attribute.String("mail.vendor", rt.vendor),
			attribute.String("mail.outcome", string(o)), attribute.String("mail.reason", string(why))))
	}
	t.duration.Record(ctx, took.Seconds(), rt.marks.took[o]...)
}

// processed counts an event that was worked off.
func (t *telemetry) processed(ctx context.Context, rt *route, o string) {
	vendor := ""
	if rt != nil {
		vendor = rt.vendor
	}
	t.done.Add(ctx, 1, metric.WithAttributes(t.mode, attribute.String("mail.vendor", vendor), attribute.String("mail.outcome", o)))
}

func (t *telemetry) handlerFailed(ctx context.Context, rt *route) {
	t.failures.Add(ctx, 1, rt.marks.vendor...)
}

func (t *telemetry) alerted(ctx context.Context, kind AlertKind, o string) {
	t.alerts.Add(ctx, 1, metric.WithAttributes(t.mode, attribute.String("mail.kind", string(kind)), attribute.String("mail.outcome", o)))
}

// throttle lets one of each thing through a minute, and counts the others.
type throttle struct {
	mu   sync.Mutex
	last map[string]*throttled
}

type throttled struct {
	at time.Time
	n  int
}

// due reports whether a thing is to be said, and how often it came since it was.
func (t *throttle) due(what string, now time.Time) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[string]*throttled{}
	}
	x := t.last[what]
	if x == nil {
		x = &throttled{}
		t.last[what] = x
	} else if d := now.Sub(x.at); d >= 0 && d < time.Minute {
		x.n++
		return 0, false
	}
	n := x.n
	x.at, x.n = now, 0
	return n, true
}
