package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const scope = "github.com/postproof/postproof/client"

// telemetry is all spans and metrics. Attribute sets are built once: a call
// with no provider behind it costs next to nothing.
type telemetry struct {
	tracer trace.Tracer
	// mode tells the metrics of two ledgers apart that one process works on: of a gauge
	// a reader keeps one value of each set of attributes, the last.
	mode        attribute.KeyValue
	submissions metric.Int64Counter
	attempts    metric.Int64Counter
	sends       metric.Int64Counter
	giveUps     metric.Int64Counter
	outcomes    metric.Int64Counter
	held        metric.Int64Counter
	late        metric.Int64Counter
	incidents   metric.Int64Counter
	hints       metric.Int64Counter
	polls       metric.Int64Counter
	putOff      metric.Int64Counter
	unasked     metric.Int64Counter
	silent      metric.Int64Counter
	imports     metric.Int64Counter
	pruned      metric.Int64Counter
	handed      metric.Int64Counter

	undeliverable metric.Int64Counter
	duration      metric.Float64Histogram
	propagator    propagation.TraceContext
	submitted     []metric.AddOption
	replayed      []metric.AddOption
	plain         []metric.AddOption // with the mode alone
}

// vendorMarks are a vendor's prepared metric options.
type vendorMarks struct {
	vendor   []metric.AddOption
	attempts map[string][]metric.AddOption // by operation group
	outcome  map[postproof.Delivery][]metric.AddOption
	duration []metric.RecordOption
	observe  []metric.ObserveOption
}

func newTelemetry(c *Client) (*telemetry, error) {
	t := &telemetry{tracer: c.tracers.Tracer(scope), mode: attribute.String("mail.mode", string(c.id().Mode))}
	m := c.meters.Meter(scope)
	var err error
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	counter := func(name, unit, description string) metric.Int64Counter {
		i, e := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		keep(e)
		return i
	}
	t.submissions = counter("postproof.submissions", "{job}", "Jobs handed in, by whether they were new.")
	t.attempts = counter("postproof.attempts", "{attempt}", "Attempts at requests to vendors, retries included, by operation group.")
	t.sends = counter("postproof.sends", "{send}", "Times that bytes of a submission went to a vendor, those that net/http repeats included.")
	t.giveUps = counter("postproof.give_ups", "{call}", "Calls to vendors that ended in an error, by what ended them.")
	t.outcomes = counter("postproof.outcomes", "{submission}", "Outcomes of submissions, by delivery.")
	t.held = counter("postproof.held", "{job}", "Jobs that were held for a person, by reason.")
	t.late = counter("postproof.late_arrivals", "{piece}", "Pieces that turned up at a vendor after the job had gone elsewhere.")
	t.incidents = counter("postproof.incidents", "{incident}", "Incidents that a person should look at, as Incidents lists them, by kind.")
	t.hints = counter("postproof.hints", "{hint}", "Hints between replicas, by what became of them: sent, heeded, ignored because they could not be read, failed with the ledger.")
	t.polls = counter("postproof.polls", "{poll}", "Polls of the status of pieces that were made, by vendor and by what they came to.")
	t.putOff = counter("postproof.polls.put_off", "{poll}", "Polls that were not made when they were due, and wait for others, for the vendor's rate or for its breaker.")
	t.unasked = counter("postproof.unasked", "{piece}", "Times that a piece was due to be asked about and could not be, by vendor and why.")
	t.silent = counter("postproof.silent", "{piece}", "Pieces that turned silent: no callback came within the vendor's own time.")
	t.imports = counter("postproof.imports", "{import}", "Imports of the lists of what vendors could not deliver, by vendor and result.")
	t.pruned = counter("postproof.pruned", "{job}", "Jobs that ended long ago and are tombstones now.")
	t.handed = counter("postproof.replay.handed", "{job}", "Jobs that replays handed over to be sent or settled, by what was done.")
	t.undeliverable = counter("postproof.undeliverable", "{piece}", "Pieces that the ledger learned by an import to be undeliverable.")
	t.duration, err = histogram(m, err)
	t.submitted = t.with(attribute.String("mail.submission", "new"))
	t.replayed = t.with(attribute.String("mail.submission", "replay"))
	t.plain = t.with()
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return t, nil
}

// watch has states observed until the registration ends. The client must be
// complete: a reader may ask at any moment.
func (c *Client) watch() (metric.Registration, error) {
	m := c.meters.Meter(scope)
	queue, err1 := m.Int64ObservableGauge("postproof.queue.depth", metric.WithUnit("{job}"), metric.WithDescription("Jobs by state."))
	age, err7 := m.Float64ObservableGauge("postproof.queue.age", metric.WithUnit("s"),
		metric.WithDescription("For how long the oldest job has been due that a worker may take; 0 when none waits."))
	open, err2 := m.Int64ObservableGauge("postproof.breaker.state", metric.WithDescription("0 closed, 1 half-open, 2 open."))
	kept, err3 := m.Int64ObservableGauge("postproof.spool.answers", metric.WithUnit("{answer}"),
		metric.WithDescription("Answers of vendors that are not in the ledger: waiting until it can be written, parked because it has no place for them, foreign to it."))
	share, err4 := m.Int64ObservableGauge("postproof.replicas", metric.WithUnit("{client}"), metric.WithDescription("Clients that share a vendor's rate, as this one knows."))
	paused, err5 := m.Int64ObservableGauge("postproof.paused", metric.WithUnit("{pause}"), metric.WithDescription("Pauses that hold, by what is paused: campaigns, vendors, priorities."))
	replays, err6 := m.Int64ObservableGauge("postproof.replay.jobs", metric.WithUnit("{job}"),
		metric.WithDescription("Jobs of each replay that is not over, by what became of them."))
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	return m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		c.observeSpool(o, kept)
		c.observePauses(o, paused)
		for _, v := range c.vendors {
			o.ObserveInt64(share, int64(v.limits.replicas()), v.marks.observe...)
		}
		return errors.Join(c.observe(ctx, o, queue, open), c.observeAge(ctx, o, age), c.observeReplays(ctx, o, replays))
	}, queue, age, open, kept, share, paused, replays)
}

// hint counts what became of a hint.
func (t *telemetry) hint(ctx context.Context, what string) {
	t.hints.Add(ctx, 1, t.with(attribute.String("mail.hint", what))...)
}

func histogram(m metric.Meter, err error) (metric.Float64Histogram, error) {
	h, e := m.Float64Histogram("postproof.submit.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of a submission at a vendor, retries included."),
		metric.WithExplicitBucketBoundaries(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120))
	if err == nil {
		err = e
	}
	return h, err
}

// with is what a count is of, and the mode.
func (t *telemetry) with(attrs ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(append(attrs, t.mode)...))}
}

func (t *telemetry) vendorMarks(vendor string) vendorMarks {
	v := attribute.String("mail.vendor", vendor)
	m := vendorMarks{vendor: t.with(v), attempts: map[string][]metric.AddOption{}, outcome: map[postproof.Delivery][]metric.AddOption{}}
	for _, op := range []postproof.Op{postproof.OpSubmit, postproof.OpGet, postproof.OpCancel} {
		m.attempts[op.Group()] = t.with(v, attribute.String("mail.group", op.Group()))
	}
	for d := postproof.NotSent; d <= postproof.Accepted; d++ {
		m.outcome[d] = t.with(v, attribute.String("mail.delivery", d.String()))
	}
	m.duration = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(v, t.mode))}
	m.observe = []metric.ObserveOption{metric.WithAttributeSet(attribute.NewSet(v, t.mode))}
	return m
}

// observe reads what is a state, not an event.
func (c *Client) observe(ctx context.Context, o metric.Observer, queue, open metric.Int64Observable) error {
	for _, b := range c.breakers.States() {
		o.ObserveInt64(open, int64(b.Phase), metric.WithAttributes(c.tel.mode,
			attribute.String("mail.vendor", b.Vendor), attribute.String("mail.group", b.Group)))
	}
	depths, err := c.store.Depth(ctx, "")
	if err != nil {
		return err
	}
	sums := map[idempotency.State]int64{}
	for _, d := range depths {
		sums[d.State] += d.Count
	}
	for _, s := range idempotency.States() {
		o.ObserveInt64(queue, sums[s], metric.WithAttributes(c.tel.mode, attribute.String("mail.state", string(s))))
	}
	return nil
}

// observeAge tells whether workers keep up, or stand still. What they leave alone, and
// what one has in hand, does not wait.
func (c *Client) observeAge(ctx context.Context, o metric.Observer, age metric.Float64Observable) error {
	paused, err := c.readPauses(ctx, c.id().Epoch) // where nobody works they are not read otherwise
	if err != nil {
		return err
	}
	now := c.now()
	since, err := c.store.OldestDue(ctx, idempotency.ClaimRequest{
		Now: now, Skip: append(paused.campaigns(), c.waitingCampaigns(ctx)...), Least: c.least(paused),
	})
	if err != nil {
		return err
	}
	waited := time.Duration(0)
	if !since.IsZero() {
		waited = now.Sub(since)
	}
	o.ObserveFloat64(age, waited.Seconds(), metric.WithAttributes(c.tel.mode))
	return nil
}

// observeSpool needs no ledger: what is spooled matters most while it is away.
func (c *Client) observeSpool(o metric.Observer, kept metric.Int64Observable) {
	waiting, parked, foreign := c.spooled.Count()
	o.ObserveInt64(kept, int64(waiting), metric.WithAttributes(c.tel.mode, attribute.String("mail.spool", "waiting")))
	o.ObserveInt64(kept, int64(parked), metric.WithAttributes(c.tel.mode, attribute.String("mail.spool", "parked")))
	o.ObserveInt64(kept, int64(foreign), metric.WithAttributes(c.tel.mode, attribute.String("mail.spool", "foreign")))
}

// observePauses tells what is paused, as this client knows.
func (c *Client) observePauses(o metric.Observer, paused metric.Int64Observable) {
	count := map[TargetKind]int64{TargetCampaign: 0, TargetVendor: 0, TargetPriority: 0}
	for _, x := range c.pauses.Load().list {
		count[x.Target.Kind]++
	}
	for kind, n := range count {
		o.ObserveInt64(paused, n, metric.WithAttributes(c.tel.mode, attribute.String("mail.paused", string(kind))))
	}
}
