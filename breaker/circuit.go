package breaker

import (
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// What is reported to gobreaker.
var (
	errFailed   = errors.New("failed")
	errExcluded = errors.New("excluded")
)

// circuit is one breaker. gobreaker is its state machine: it admits calls,
// bounds the probes and decides whether they close or open it. Three things
// are kept above it.
//
// Time: gobreaker reads time.Now and offers no clock, which is of no use on a
// scaled or simulated one. So no time is left to it. Its window is not used
// (the rules look at ours), its open time is one nanosecond, and how long the
// circuit is open is decided here: while it is, gobreaker is not asked. When
// it is asked again it finds its nanosecond over and turns half-open.
//
// Judgment: gobreaker asks its rule on failures only and knows no slow calls.
// The verdict is made here first and handed to it as a failure; its rule just
// reads the verdict.
//
// Lost probes: gobreaker waits for them for ever. Here they have a time limit,
// and a gobreaker that waits for one is thrown away.
//
// Everything below mu is guarded by it, and gobreaker is called with it held:
// its callbacks, which run under its own lock, touch plain fields only.
type circuit struct {
	vendor, group string
	config        *Config
	events        *events

	mu      sync.Mutex
	machine *gobreaker.TwoStepCircuitBreaker[struct{}]
	moved   gobreaker.State // where the machine went last
	verdict bool            // what the machine's rule answers

	phase        Phase
	since, until time.Time
	reason       Reason
	note         string
	forced       bool

	// generation tells the results of this phase from late ones. It is never
	// 0, which is the generation of calls that a dry run let through.
	generation  uint64
	now         time.Time // newest time seen
	window      window
	consecutive uint64
	openings    int // without a stable close between
	probes      [maxHalfOpenCalls]probe
	totals      Totals
}

// probe is a call that was let through half-open and has not reported.
type probe struct {
	out     bool
	started time.Time
}

// call is one allowed call. It is a value, so that the transport needs no
// memory for it.
type call struct {
	circuit    *circuit
	report     func(error)
	generation uint64
	started    time.Time
	probe      int8 // index, -1 for none
}

func newCircuit(vendor, group string, config *Config, out *events) *circuit {
	c := &circuit{
		vendor: vendor, group: group, config: config, events: out,
		window:     newWindow(config.Window, config.BucketPeriod),
		generation: 1,
	}
	c.now = config.Clock.Now()
	c.since = c.now
	c.window.reset(c.now)
	c.renew()
	return c
}

// renew makes a new, closed machine.
func (c *circuit) renew() {
	c.machine = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   uint32(c.config.HalfOpenCalls),
		Timeout:       time.Nanosecond,
		ReadyToTrip:   func(gobreaker.Counts) bool { return c.verdict },
		OnStateChange: func(_ string, _, to gobreaker.State) { c.moved = to },
		IsExcluded:    func(err error) bool { return errors.Is(err, errExcluded) },
	})
	c.moved = gobreaker.StateClosed
}

// renewTripped makes a new machine that will be half-open when asked next.
func (c *circuit) renewTripped() {
	c.renew()
	if report, err := c.machine.Allow(); err == nil { // a new one allows
		c.tell(report, true, errFailed)
	}
}

// tell reports to the machine, with the verdict that its rule shall give.
func (c *circuit) tell(report func(error), verdict bool, err error) {
	c.verdict = verdict
	report(err)
	c.verdict = false
}

// allow admits a call, or returns an [*OpenError].
func (c *circuit) allow() (call, error) {
	for {
		admitted, err := c.tryAllow()
		if !errors.Is(err, gobreaker.ErrOpenState) {
			return admitted, err
		}
		// Our clock says that the open time is over, and for the machine not
		// even a nanosecond has passed since it opened: a coarse timer, or a
		// simulated clock that jumped while real (or virtual) time stood
		// still. Let it move, with no lock held.
		<-time.After(time.Microsecond)
	}
}

func (c *circuit) tryAllow() (call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	if c.phase == Open {
		return c.refuse(now, c.until)
	}
	report, err := c.machine.Allow()
	switch {
	case errors.Is(err, gobreaker.ErrOpenState):
		return call{}, err
	case err != nil: // all probes are out
		return c.refuse(now, c.slotAt(now))
	}
	c.totals.Allowed++
	admitted := call{circuit: c, report: report, generation: c.generation, started: now, probe: -1}
	if c.phase == HalfOpen {
		for i := range c.probes {
			if !c.probes[i].out {
				c.probes[i] = probe{out: true, started: now}
				admitted.probe = int8(i)
				break
			}
		}
	}
	return admitted, nil
}

// refuse counts the refusal. A dry run lets the call through instead, with a
// generation that makes its result count for nothing.
func (c *circuit) refuse(now, retryAt time.Time) (call, error) {
	c.totals.Refused++
	if c.config.DryRun {
		return call{circuit: c, started: now, probe: -1}, nil
	}
	s := c.stateLocked()
	return call{}, newOpenError(&s, now, retryAt)
}

// slotAt guesses when a probe's place will be free: when the oldest one would
// be slow, and after that when it will be given up.
func (c *circuit) slotAt(now time.Time) time.Time {
	oldest, _ := c.oldestProbe()
	if at := oldest.Add(min(c.config.SlowCall, c.config.HalfOpenFor)); at.After(now) {
		return at
	}
	return oldest.Add(c.config.HalfOpenFor)
}

func (c *circuit) oldestProbe() (started time.Time, out int) {
	for _, p := range c.probes {
		if !p.out {
			continue
		}
		if out == 0 || p.started.Before(started) {
			started = p.started
		}
		out++
	}
	return started, out
}

// repeated counts a second report of the same call.
func (c *circuit) repeated() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.totals.Repeated++
}

// done applies the outcome of the call. It must be called once.
func (a call) done(o Outcome) {
	c := a.circuit
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tick()
	if a.generation == 0 {
		return
	}
	if a.generation != c.generation {
		c.totals.Late++
		return
	}
	if o.Kind != Success && o.Kind != Failure {
		o.Kind = Excluded
	}
	if o.Duration <= 0 {
		o.Duration = now.Sub(a.started)
	}
	slow := c.config.SlowCallRate > 0 && o.Duration >= c.config.SlowCall
	if a.probe >= 0 {
		c.probes[a.probe] = probe{}
	}
	c.window.add(now, o.Kind, slow)
	switch o.Kind {
	case Failure:
		c.consecutive++
	case Success:
		c.consecutive = 0
	case Excluded:
	}
	c.judge(a, o, slow, now)
}

// judge makes the verdict, tells the machine and follows where it went.
func (c *circuit) judge(a call, o Outcome, slow bool, now time.Time) {
	if o.Kind == Excluded {
		c.tell(a.report, false, errExcluded)
		return
	}
	trip := Reason("")
	switch {
	case c.forced:
	case c.phase == HalfOpen && o.Kind == Failure:
		trip = ReasonProbeFailed
	case c.phase == HalfOpen && slow:
		trip = ReasonProbeSlow
	case c.phase == Closed:
		trip = c.broken()
	}
	switch {
	case trip != "":
		c.tell(a.report, true, errFailed)
	case o.Kind == Failure:
		c.tell(a.report, false, errFailed)
	default:
		c.tell(a.report, false, nil)
	}
	switch {
	case c.phase != Open && c.moved == gobreaker.StateOpen:
		c.open(now, trip, o.RetryAfter)
	case c.phase == HalfOpen && c.moved == gobreaker.StateClosed:
		c.move(Closed, now, ReasonProbesSucceeded)
	}
}

// broken returns the rule that the closed circuit breaks, if any.
func (c *circuit) broken() Reason {
	counts := c.window.total
	calls := float64(counts.Calls)
	switch {
	case c.config.Consecutive > 0 && c.consecutive >= uint64(c.config.Consecutive):
		return ReasonConsecutive
	case counts.Calls < uint64(c.config.MinCalls):
		return ""
	case float64(counts.Failures) >= c.config.FailureRate*calls:
		return ReasonFailureRate
	case c.config.SlowCallRate > 0 && float64(counts.Slow) >= c.config.SlowCallRate*calls:
		return ReasonSlowCallRate
	default:
		return ""
	}
}
