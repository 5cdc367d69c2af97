package client

import (
	"context"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// RecoveryTarget is how much of a run should be recovered in which time.
type RecoveryTarget struct {
	// Share is from 0 to 1, Within counts from the start of the run.
	Share  float64       `json:"share"`
	Within time.Duration `json:"within"`
}

// RecoveryTargets are the usual ones: 60 % in one hour, all in 24 hours.
func RecoveryTargets() []RecoveryTarget {
	return []RecoveryTarget{{Share: 0.6, Within: time.Hour}, {Share: 1, Within: 24 * time.Hour}}
}

// TargetVerdict says whether a target was met.
type TargetVerdict string

// The verdicts.
const (
	TargetMet    TargetVerdict = "met"
	TargetMissed TargetVerdict = "missed"
	// TargetOpen: it is not reached, and there is time left.
	TargetOpen TargetVerdict = "open"
)

// RecoveryResult is what became of a target.
type RecoveryResult struct {
	RecoveryTarget
	// Needed is how many jobs Share means.
	Needed int64 `json:"needed"`
	// At is when so many were recovered, by the ledger's time, and Took how long
	// that was from the start; zero when it is not reached.
	At      time.Time     `json:"at,omitzero"`
	Took    time.Duration `json:"took,omitempty"`
	Verdict TargetVerdict `json:"verdict"`
}

// RecoveryLeft is a number of jobs that are not recovered, and why.
type RecoveryLeft struct {
	State  idempotency.State `json:"state"`
	Reason string            `json:"reason"`
	Jobs   int64             `json:"jobs"`
}

// RecoveryWait is how long a job waited: from the start of the run, or its own
// creation, until it was recovered, or until now.
type RecoveryWait struct {
	ID     idempotency.ID    `json:"id"`
	Waited time.Duration     `json:"waited"`
	State  idempotency.State `json:"state"`
	Reason string            `json:"reason,omitempty"`
}

// RecoveryReport is how a run went. It holds no personal data.
type RecoveryReport struct {
	ReplayProgress
	// At is when the report was made.
	At      time.Time        `json:"at"`
	Targets []RecoveryResult `json:"targets"`
	// Left has what is not recovered, by state and reason, the most first.
	Left []RecoveryLeft `json:"left,omitempty"`
	// Longest has the ten jobs that waited longest, the longest first.
	Longest []RecoveryWait `json:"longest,omitempty"`
}

// RecoveryReport returns how a run went, against the targets given or the usual
// ones ([RecoveryTargets]). It is made from the ledger's history and records,
// which it streams, and is the same after a restart, until the jobs are pruned.
func (c *Client) RecoveryReport(ctx context.Context, name string, targets ...RecoveryTarget) (RecoveryReport, error) {
	return RecoveryReport{}, errTodo
}
