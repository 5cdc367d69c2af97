package client

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// ErrReplayChanged means that the ledger, the list or what is suppressed is not
// what it was when the replay was planned, so that more would be sent than the
// plan says: plan again, look at it, and run that plan.
var ErrReplayChanged = errors.New("more would be sent than was planned: plan the replay again")

// ErrReplayStopped means that the run was ended by [Client.StopReplay].
var ErrReplayStopped = errors.New("the replay was stopped")

// ErrReplayTaken means that another process has gone on with the run: one of
// them is enough.
var ErrReplayTaken = errors.New("another process goes on with this replay")

// Replay says what is to be brought to an end: the rows of a snapshot, jobs of
// the ledger, or both. A job that both name counts once. What a vendor has is
// never sent again by it: for a second piece on purpose see [Client.Remail].
type Replay struct {
	// Name names the run: with the same name it goes on where it was. At most 64
	// characters of [A-Za-z0-9._-]. Required to run it, not to plan it.
	Name string
	// Snapshot has the rows, and Drop says what their jobs have in common, as in
	// [Jobs].
	Snapshot *snapshot.Snapshot
	Drop     Drop
	// Query selects jobs of the ledger; nil selects none.
	Query *ReplayQuery
	// Refused has jobs of the snapshot that were refused sent again, in their
	// next generation. Those that a Query selects are, if it asks for them by
	// their state or a code. The others are told of and left alone.
	Refused bool
	// Suppress lists whom not to mail by now. Nothing new is sent to them, and
	// what the ledger has of them that was never sent is canceled by the run;
	// one that a vendor may have is canceled for [snapshot.CodeDoNotMail] only:
	// a list of whom was mailed may mean that very piece.
	Suppress []snapshot.Suppression
}

// ReplayQuery selects jobs of the ledger; the zero value selects all. Fields are
// joined by and.
type ReplayQuery struct {
	Campaign string              `json:"campaign,omitempty"`
	States   []idempotency.State `json:"states,omitempty"`
	// Vendor selects what was ever submitted there.
	Vendor string `json:"vendor,omitempty"`
	// Codes select by what was last complained of: of a refused job why it was
	// refused, else the latest answer that was no acceptance, of Vendor if that is
	// given. With a code, refused jobs are sent again.
	Codes []postproof.Code `json:"codes,omitempty"`
	// Since and Until bound the time in which it was sent, or, if it never was,
	// handed in: from Since on, and before Until.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// ReplayOutcome is what a replay does with a job. Each job has one.
type ReplayOutcome string

// The outcomes.
const (
	// ReplayNew: a row that the ledger does not know is sent.
	ReplayNew ReplayOutcome = "new"
	// ReplayAgain: a refused job, or a held one that nobody has, is sent.
	ReplayAgain ReplayOutcome = "again"
	// ReplaySettle: its vendor may have it, and is asked.
	ReplaySettle ReplayOutcome = "settle"
	// ReplayWaiting: it waits to be sent already, and is brought forward.
	ReplayWaiting ReplayOutcome = "waiting"
	// ReplayUnderWay: it is being sent right now.
	ReplayUnderWay ReplayOutcome = "under_way"
	// ReplayAccepted: a vendor has it, or it has arrived. Nothing is done.
	ReplayAccepted ReplayOutcome = "accepted"
	// ReplayCanceled: it was canceled, or is to be. Nothing is done.
	ReplayCanceled ReplayOutcome = "canceled"
	// ReplayRefused: it was refused, and not asked for. Nothing is done.
	ReplayRefused ReplayOutcome = "refused"
	// ReplayHeld: it needs a person. Nothing is done.
	ReplayHeld ReplayOutcome = "held"
	// ReplayChanged: its key is in the ledger for another piece of paper, as
	// after a change of the address. Nothing is done: amend it, or use a drop of
	// another name.
	ReplayChanged ReplayOutcome = "changed"
	// ReplaySuppressed: it is on a list not to be mailed.
	ReplaySuppressed ReplayOutcome = "suppressed"
	// ReplayRejected: it is not a job that any vendor could print.
	ReplayRejected ReplayOutcome = "rejected"
)

// ReplayOutcomes lists all outcomes, in the order in which a plan shows them.
func ReplayOutcomes() []ReplayOutcome {
	return []ReplayOutcome{
		ReplayNew, ReplayAgain, ReplaySettle, ReplayWaiting, ReplayUnderWay, ReplayAccepted,
		ReplayCanceled, ReplayRefused, ReplayHeld, ReplayChanged, ReplaySuppressed, ReplayRejected,
	}
}

// Acts reports whether a run does anything for jobs of the outcome. Of the
// suppressed it cancels those that wait in the ledger.
func (o ReplayOutcome) Acts() bool {
	return o == ReplayNew || o == ReplayAgain || o == ReplaySettle || o == ReplayWaiting
}

// ReplayItem is one job of a plan.
type ReplayItem struct {
	ID idempotency.ID
	// Key and Contact may be personal data. They are empty for a tombstone.
	Key     postproof.Key
	Contact string
	// Row is the row's number in the list's source; 0 for a job of the query.
	Row     int
	Outcome ReplayOutcome
	// Reason says why, as one of a few words: a state, a [idempotency.HoldReason],
	// a code. It holds no personal data.
	Reason string
	// State is the job's state in the ledger; empty when it is not there.
	State idempotency.State
	// Vendor has the job, may have it, or would be the first to get it.
	Vendor string
	// Cents is what Vendor would ask for it, where the outcome is new or again
	// and [VendorConfig.Price] is set.
	Cents int64
	// Note says more, for people; no personal data.
	Note string
}

// String returns a form without personal data.
func (i ReplayItem) String() string {
	return fmt.Sprintf("replay(%.16s %s %s)", i.ID, i.Outcome, i.Reason)
}

// GoString keeps %#v from printing personal data.
func (i ReplayItem) GoString() string { return i.String() }

// LogValue implements [slog.LogValuer] without personal data.
func (i ReplayItem) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(i.ID)), slog.String("outcome", string(i.Outcome)), slog.String("reason", i.Reason),
		slog.String("state", string(i.State)), slog.String("vendor", i.Vendor))
}

// ReplayPlan is what a replay would do, counted. It holds no personal data.
type ReplayPlan struct {
	// Replay is what was planned.
	Replay Replay `json:"-"`
	// At is when the plan was made.
	At time.Time `json:"at"`
	// Total is the number of jobs: the sum of Counts.
	Total int64 `json:"total"`
	// Counts has the jobs by outcome and reason, in the order of
	// [ReplayOutcomes], then by number.
	Counts []ReplayCount `json:"counts"`
	// Costs has what would be sent anew by the vendor that would be the first to
	// get it, in the order of failover.
	Costs []ReplayCost `json:"costs,omitempty"`
	// RowsRejected are rows of the list that were rejected when it was frozen.
	// They are no jobs, and not in Total.
	RowsRejected int64 `json:"rows_rejected,omitempty"`

	// base is what the run had sent when the planning began, and by what it had
	// when it was done: another process may have been at work on it.
	base, by int64
	// epoch is the ledger's history that was planned on: in another one, what was
	// sent is another number, and so is what is left.
	epoch string
}

// ReplayCount is a number of jobs.
type ReplayCount struct {
	Outcome ReplayOutcome `json:"outcome"`
	Reason  string        `json:"reason"`
	Jobs    int64         `json:"jobs"`
}

// ReplayCost is what a vendor would get.
type ReplayCost struct {
	Vendor string `json:"vendor"`
	Jobs   int64  `json:"jobs"`
	// Cents is the sum of the prices; it means something when Priced is true,
	// that is when [VendorConfig.Price] is set.
	Cents  int64 `json:"cents,omitempty"`
	Priced bool  `json:"priced"`
}

// Count returns the number of jobs with one of the outcomes.
func (p *ReplayPlan) Count(outcomes ...ReplayOutcome) int64 {
	var n int64
	for _, k := range p.Counts {
		if slices.Contains(outcomes, k.Outcome) {
			n += k.Jobs
		}
	}
	return n
}

// Sends is the number of jobs that a run would send and that would not be sent
// without it. A run never makes it more.
func (p *ReplayPlan) Sends() int64 { return p.Count(ReplayNew, ReplayAgain) }

// Acts is the number of jobs that a run would do something for: those that are
// to be recovered.
func (p *ReplayPlan) Acts() int64 {
	return p.Count(ReplayNew, ReplayAgain, ReplaySettle, ReplayWaiting)
}

// sortCounts brings the counts into their order.
func (p *ReplayPlan) sortCounts() {
	order := ReplayOutcomes()
	slices.SortFunc(p.Counts, func(a, b ReplayCount) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Outcome), slices.Index(order, b.Outcome)),
			cmp.Compare(b.Jobs, a.Jobs), cmp.Compare(a.Reason, b.Reason))
	})
}

// ReplayOptions say how a plan is run.
type ReplayOptions struct {
	// Rate is how many jobs a second are handed to the workers; 0 means as many as
	// there are. [Client.ThrottleReplay] changes it later; going on with a run
	// keeps what it was.
	Rate float64
	// Ahead is how many jobs of the run may wait to be sent at any time; 0 means
	// all. With it a pause or a stop takes effect within so many pieces. Jobs are
	// sent by [Client.Run] or [Client.Drain], here or elsewhere: with Ahead, one of
	// them must be at work, or the run waits for it for ever.
	Ahead int
	// OnProgress is called after each batch, and while the run waits, for the ledger
	// too, from the goroutine that called RunReplay. It may be nil.
	OnProgress func(ReplayProgress)
}

// ReplayPhase is how far a run is.
type ReplayPhase string

// The phases.
const (
	// ReplayRunning: jobs are handed to the workers, or would be if the process
	// that did it were there.
	ReplayRunning ReplayPhase = "running"
	// ReplayPaused: nothing more is handed over until [Client.ResumeReplay].
	ReplayPaused ReplayPhase = "paused"
	// ReplayStopped: nothing more is handed over.
	ReplayStopped ReplayPhase = "stopped"
	// ReplayHanded: every job is handed to the workers, and some are not settled.
	ReplayHanded ReplayPhase = "handed_over"
	// ReplayFinished: no job of the run waits to be sent or settled any more.
	ReplayFinished ReplayPhase = "finished"
)

// ReplayProgress is how far a run is. The numbers are exact and shared by all
// replicas: the ledger keeps them in the commits of the jobs.
type ReplayProgress struct {
	Name  string      `json:"name"`
	Phase ReplayPhase `json:"phase"`
	// By started the run, for the reason Why.
	By  string `json:"by"`
	Why string `json:"why,omitempty"`
	// Since and Until are the bounds of its query, as they were when it was started: a
	// query with others is another replay. Zero where it has none, and of a run that an
	// older version started.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Total is the number of jobs to be recovered: those that were planned, and,
	// once all are handed over, those that are in the run. What was canceled is
	// not among them.
	Total int64 `json:"total"`
	// Handed are in the run by now; the others below are their parts.
	Handed    int64 `json:"handed"`
	Recovered int64 `json:"recovered"` // accepted by a vendor, or done
	Waiting   int64 `json:"waiting"`   // to be sent, or being sent
	Unknown   int64 `json:"unknown"`   // to be settled
	Held      int64 `json:"held"`
	Refused   int64 `json:"refused"`
	Canceled  int64 `json:"canceled"`
	// StartedAt is when the run was started, Elapsed the time since, until it was
	// finished.
	StartedAt time.Time     `json:"started_at"`
	Elapsed   time.Duration `json:"elapsed"`
	// Rate is how many jobs a second were recovered since the start, pauses not
	// counted; 0 when nothing is known.
	Rate float64 `json:"rate"`
	// EndsAt is when the rest is recovered at that rate; zero when nothing is
	// known, or nothing left to wait for.
	EndsAt time.Time `json:"ends_at,omitzero"`
	// Throttle is the bound of [ReplayOptions.Rate]; 0 for none.
	Throttle float64 `json:"throttle,omitempty"`
	// UnreachableSince is since when the process that runs it waits for a ledger
	// that it cannot reach: the numbers are those from before. Only that process
	// tells it, by [ReplayOptions.OnProgress]; zero otherwise.
	UnreachableSince time.Time `json:"unreachable_since,omitzero"`
}

// Share is the part of Total that is recovered, from 0 to 1.
func (p *ReplayProgress) Share() float64 {
	if p.Total <= 0 {
		return 1
	}
	return min(1, float64(p.Recovered)/float64(p.Total))
}

// Open is how many jobs are neither recovered nor at rest: those that are still
// to be handed over, wait, or are unknown.
func (p *ReplayProgress) Open() int64 {
	return max(0, p.Total-p.Recovered-p.Held-p.Refused)
}

// Bar returns the progress as one line of text, for a terminal: a bar of so many
// characters, 30 if width is 0, then the numbers, the rate and the time that is
// left. To move it, write "\r", the line, and "\x1b[K" to clear what stood there.
func (p *ReplayProgress) Bar(width int) string {
	if width <= 0 {
		width = 30
	}
	full := int(p.Share() * float64(width))
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s %3d%%  %d of %d", strings.Repeat("█", full), strings.Repeat("░", width-full), int(100*p.Share()), p.Recovered, max(0, p.Total))
	for _, k := range []struct {
		n    int64
		what string
	}{{p.Unknown, "unknown"}, {p.Held, "held"}, {p.Refused, "refused"}} {
		if k.n > 0 {
			fmt.Fprintf(&b, ", %d %s", k.n, k.what)
		}
	}
	if p.Rate > 0 {
		fmt.Fprintf(&b, "  %.3g/s", p.Rate)
	}
	switch {
	case !p.UnreachableSince.IsZero():
		b.WriteString("  the ledger cannot be reached since " + p.UnreachableSince.Format(time.RFC3339))
	case p.Phase == ReplayPaused || p.Phase == ReplayStopped || p.Phase == ReplayFinished:
		b.WriteString("  " + string(p.Phase))
	case !p.EndsAt.IsZero():
		left := p.EndsAt.Sub(p.StartedAt) - p.Elapsed
		b.WriteString("  " + max(0, left).Round(time.Second).String() + " left")
	}
	return b.String()
}
