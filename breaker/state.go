package breaker

import (
	"fmt"
	"time"
)

// Phase is the position of a breaker.
type Phase int

// The phases. The numbers never change: they stand in metrics.
const (
	// Closed lets every call pass.
	Closed Phase = 0
	// HalfOpen lets a few probes pass.
	HalfOpen Phase = 1
	// Open refuses every call.
	Open Phase = 2
)

// String returns the phase as it appears in logs and metrics.
func (p Phase) String() string {
	switch p {
	case Closed:
		return "closed"
	case HalfOpen:
		return "half_open"
	case Open:
		return "open"
	default:
		return fmt.Sprintf("phase(%d)", int(p))
	}
}

// Reason says why a breaker is in its phase. It is a short, fixed text that
// may stand in a metric.
type Reason string

// The reasons.
const (
	// ReasonFailureRate opened it: too many calls of the window failed.
	ReasonFailureRate Reason = "failure_rate"
	// ReasonSlowCallRate opened it: too many calls of the window were slow.
	ReasonSlowCallRate Reason = "slow_call_rate"
	// ReasonConsecutive opened it: too many failures in a row.
	ReasonConsecutive Reason = "consecutive_failures"
	// ReasonProbeFailed opened it again: a probe failed.
	ReasonProbeFailed Reason = "probe_failed"
	// ReasonProbeSlow opened it again: a probe succeeded, but slowly.
	ReasonProbeSlow Reason = "probe_slow"
	// ReasonProbeLost opened it again: a probe never reported.
	ReasonProbeLost Reason = "probe_lost"
	// ReasonOpenTimeOver made it half-open.
	ReasonOpenTimeOver Reason = "open_time_over"
	// ReasonProbesSucceeded closed it.
	ReasonProbesSucceeded Reason = "probes_succeeded"
	// ReasonForced: a person opened or closed it; the note says why.
	ReasonForced Reason = "forced"
	// ReasonReleased: a person gave it back to the rules.
	ReasonReleased Reason = "released"
)

// Counts are the calls that the rules look at: those of the rolling window
// when closed, the probes when half-open, none when open.
type Counts struct {
	// Calls is the number of judged calls, successes and failures.
	Calls uint64
	// Failures is the number of failed calls.
	Failures uint64
	// Slow is the number of slow calls, failed or not.
	Slow uint64
	// Excluded is the number of calls that tell nothing about the vendor.
	Excluded uint64
	// Consecutive is the number of failures in a row. It knows no window.
	Consecutive uint64
}

// Totals only ever grow; they are the counters for metrics.
type Totals struct {
	// Allowed is the number of calls that were let through.
	Allowed uint64
	// Refused is the number of calls that were refused; in a dry run, that
	// would have been.
	Refused uint64
	// Late is the number of results that came after a change of phase: they
	// say nothing about the present one and were not applied.
	Late uint64
	// Repeated is the number of reports after the first of the same call.
	Repeated uint64
	// Lost is the number of probes that did not report in time.
	Lost uint64
	// Opened is the number of times the breaker opened.
	Opened uint64
}

// State is what one breaker looks like at one moment.
type State struct {
	// Vendor and Group name the breaker.
	Vendor, Group string
	// Phase is the position, with every change applied that was due.
	Phase Phase
	// Since is when the phase began; zero if no call was ever made.
	Since time.Time
	// Until is when an open breaker turns half-open; zero if it is not open,
	// or forced open.
	Until time.Time
	// Reason says why it is in this phase; empty if it was never in another.
	Reason Reason
	// Note is the text given with a manual operation.
	Note string
	// Forced says that a person holds it in this phase.
	Forced bool
	// Probes is the number of probes that are out.
	Probes int
	// Counts are the calls that the rules look at.
	Counts Counts
	// Totals are the counters since the breaker was made.
	Totals Totals
}

// Change is one change of a breaker's phase, or a manual operation.
type Change struct {
	// Vendor and Group name the breaker.
	Vendor, Group string
	// From and To are the phases; equal when a person forced the phase that
	// the breaker was in.
	From, To Phase
	// At is when the change was due, which may be before anybody looked.
	At time.Time
	// Until is when the breaker will turn half-open, if To is Open.
	Until time.Time
	// Reason says why; Note is the text given with a manual operation.
	Reason Reason
	Note   string
	// Forced says that a person holds the breaker in this phase.
	Forced bool
	// Counts are those of the phase that ended.
	Counts Counts
	// Dropped is the number of changes of the whole Set that were lost just
	// before this one, because the receiver stalled.
	Dropped uint64
}
