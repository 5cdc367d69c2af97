package client

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// ReplayObjective is how much of a run should be recovered in which time.
type ReplayObjective struct {
	// Share is from 0 to 1, Within counts from the start of the run.
	Share  float64       `json:"share"`
	Within time.Duration `json:"within"`
}

// ReplayObjectives are the usual ones: 60 % in one hour, all in 24 hours.
func ReplayObjectives() []ReplayObjective {
	return []ReplayObjective{{Share: 0.6, Within: time.Hour}, {Share: 1, Within: 24 * time.Hour}}
}

// ObjectiveVerdict says whether an objective was met.
type ObjectiveVerdict string

// The verdicts.
const (
	ObjectiveMet    ObjectiveVerdict = "met"
	ObjectiveMissed ObjectiveVerdict = "missed"
	// ObjectiveOpen: it is not reached, and there is time left.
	ObjectiveOpen ObjectiveVerdict = "open"
)

// ObjectiveResult is what became of an objective.
type ObjectiveResult struct {
	ReplayObjective
	// Needed is how many jobs Share means.
	Needed int64 `json:"needed"`
	// At is when so many were recovered, by the ledger's time, and Took how long
	// that was from the start; zero when it is not reached.
	At      time.Time        `json:"at,omitzero"`
	Took    time.Duration    `json:"took,omitempty"`
	Verdict ObjectiveVerdict `json:"verdict"`
}

// ReplayLeft is a number of jobs that are not recovered, and why.
type ReplayLeft struct {
	State  idempotency.State `json:"state"`
	Reason string            `json:"reason"`
	Jobs   int64             `json:"jobs"`
}

// ReplayWait is how long a job waited: from the start of the run until it was
// recovered, or until now.
type ReplayWait struct {
	ID     idempotency.ID    `json:"id"`
	Waited time.Duration     `json:"waited"`
	State  idempotency.State `json:"state"`
	Reason string            `json:"reason,omitempty"`
}

// ReplayReport is how a run went. It holds no personal data.
type ReplayReport struct {
	ReplayProgress
	// At is when the report was made.
	At         time.Time         `json:"at"`
	Objectives []ObjectiveResult `json:"targets"`
	// Left has what is not recovered, by state and reason, the most first.
	Left []ReplayLeft `json:"left,omitempty"`
	// Longest has the ten jobs that waited longest, the longest first.
	Longest []ReplayWait `json:"longest,omitempty"`
}

// ReplayReport returns how a run went, against the objectives given or the usual
// ones ([ReplayObjectives]). It is made from the ledger's history and records,
// which it streams, and is the same after a restart, until the jobs are pruned.
func (c *Client) ReplayReport(ctx context.Context, name string, objectives ...ReplayObjective) (ReplayReport, error) {
	const op = "replay report"
	if len(objectives) == 0 {
		objectives = ReplayObjectives()
	}
	for _, t := range objectives {
		if !(t.Share > 0 && t.Share <= 1) || t.Within <= 0 {
			return ReplayReport{}, invalid(op, fmt.Errorf("an objective of %v in %s: want a share above 0 and up to 1, and a time", t.Share, t.Within))
		}
	}
	if err := checkName(op, name); err != nil {
		return ReplayReport{}, err
	}
	st, version, err := c.replayState(ctx, op, name)
	switch {
	case err != nil:
		return ReplayReport{}, err
	case version == 0:
		return ReplayReport{}, c.noReplay(op, name)
	}
	out := ReplayReport{}
	if out.ReplayProgress, err = c.replayProgress(ctx, name, &st); err != nil {
		return out, err
	}
	out.At = c.now()
	for _, t := range objectives {
		needed := int64(math.Ceil(t.Share*float64(out.Total) - 1e-9))
		out.Objectives = append(out.Objectives, ObjectiveResult{ReplayObjective: t, Needed: needed})
	}
	var waits longest
	if err := c.recoveries(ctx, name, &out, &waits); err != nil {
		return out, err
	}
	if err := c.left(ctx, name, &st, &out, &waits); err != nil {
		return out, err
	}
	for i := range out.Objectives {
		out.Objectives[i].judge(&out)
	}
	out.Longest = waits.list
	return out, nil
}

// recoveries walks the history of the run: how many were recovered at what time.
// An objective counts as reached from when on it stayed reached.
func (c *Client) recoveries(ctx context.Context, name string, out *ReplayReport, waits *longest) error {
	after, err := c.seekHistory(ctx, out.StartedAt.Add(-historyMargin))
	if err != nil {
		return c.storeError("replay report", err)
	}
	var n int64
	for e, err := range legible(ctx, c, c.store.Entries(ctx, idempotency.EntryQuery{After: after, Kinds: []idempotency.EntryKind{kindRecovered, kindLostAgain}})) {
		if err != nil {
			return c.storeError("replay report", err)
		}
		if e.Note != name {
			continue
		}
		if e.Kind == kindLostAgain {
			n--
			waits.remove(e.ID)
		} else {
			n++
			waits.add(ReplayWait{ID: e.ID, Waited: e.At.Sub(out.StartedAt), State: e.To})
		}
		for i := range out.Objectives {
			switch t := &out.Objectives[i]; {
			case n < t.Needed:
				t.At = time.Time{}
			case t.At.IsZero():
				t.At = e.At
			}
		}
	}
	return nil
}

// historyMargin is how far the times of neighbors in the history may be apart:
// each record has its own, and each replica its clock.
const historyMargin = 24 * time.Hour

// left counts what is not recovered. It reads these records only: those that are
// at rest or in doubt are few in any ledger, and those that wait are looked for
// only while there are any.
func (c *Client) left(ctx context.Context, name string, st *replayState, out *ReplayReport, waits *longest) error {
	counts := map[ReplayLeft]int64{} // by ReplayLeft with zero Jobs
	queries := []idempotency.Query{{Bare: true, States: []idempotency.State{
		idempotency.Unknown, idempotency.Refused, idempotency.Held, idempotency.Canceled,
	}}}
	if out.Waiting > 0 {
		queries = append(queries, idempotency.Query{Bare: true, Campaign: st.Campaign, States: []idempotency.State{idempotency.Planned, idempotency.Sending}})
	}
	for _, q := range queries {
		for rec, err := range legible(ctx, c, c.store.Find(ctx, q)) {
			if err != nil {
				return c.storeError("replay report", err)
			}
			if rec.Run != name {
				continue
			}
			why := whyLeft(rec)
			counts[ReplayLeft{State: rec.State, Reason: why}]++
			if rec.State != idempotency.Canceled {
				waits.add(ReplayWait{ID: rec.ID, Waited: out.At.Sub(out.StartedAt), State: rec.State, Reason: why})
			}
		}
	}
	for k, n := range counts {
		k.Jobs = n
		out.Left = append(out.Left, k)
	}
	if n := out.Total + out.Canceled - out.Handed; n > 0 {
		out.Left = append(out.Left, ReplayLeft{Reason: "not_handed_over", Jobs: n})
	}
	slices.SortFunc(out.Left, func(a, b ReplayLeft) int {
		return cmp.Or(cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.State, b.State), cmp.Compare(a.Reason, b.Reason))
	})
	return nil
}

// whyLeft is why a job is not recovered, in a word.
func whyLeft(rec *idempotency.Record) string {
	if rec.State == idempotency.Held {
		return string(rec.Hold.Reason)
	}
	if code := complaint(rec, ""); code != 0 {
		return code.String()
	}
	return string(rec.State)
}

// judge says whether the objective was met.
func (t *ObjectiveResult) judge(r *ReplayReport) {
	if t.At.IsZero() && t.Needed <= 0 { // there was nothing to recover
		t.At = r.StartedAt
	}
	switch {
	case !t.At.IsZero():
		t.Took = max(0, t.At.Sub(r.StartedAt))
		t.Verdict = ObjectiveMissed
		if t.Took <= t.Within {
			t.Verdict = ObjectiveMet
		}
	case r.At.Sub(r.StartedAt) > t.Within:
		t.Verdict = ObjectiveMissed
	default:
		t.Verdict = ObjectiveOpen
	}
}

// longest keeps the waits that were longest, the longest first.
type longest struct{ list []ReplayWait }

const longestWaits = 10

func (l *longest) add(w ReplayWait) {
	at, _ := slices.BinarySearchFunc(l.list, w, func(a, b ReplayWait) int {
		return cmp.Or(cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.ID, b.ID))
	})
	if at >= longestWaits {
		return
	}
	l.list = slices.Insert(l.list, at, w)
	l.list = l.list[:min(len(l.list), longestWaits)]
}

func (l *longest) remove(id idempotency.ID) {
	l.list = slices.DeleteFunc(l.list, func(w ReplayWait) bool { return w.ID == id })
}
