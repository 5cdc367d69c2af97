package client

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

// replayName is what a run, or a second piece, may be called: it stands in keys
// and settings.
var replayName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func checkName(op, name string) error {
	if !replayName.MatchString(name) {
		return invalid(op, errors.New("the name is missing or not of 1 to 64 characters [A-Za-z0-9._-]"))
	}
	return nil
}

// check returns an error for a replay that cannot be planned.
func (r *Replay) check(op string) error {
	if r.Name != "" {
		if err := checkName(op, r.Name); err != nil {
			return err
		}
	}
	if r.Snapshot == nil && r.Query == nil {
		return invalid(op, errors.New("there is nothing to replay: give a snapshot, a query, or both"))
	}
	if q := r.Query; q != nil && !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		return invalid(op, errors.New("the query's Until is not after its Since"))
	}
	return nil
}

// replayItem is one job on its way through a replay.
type replayItem struct {
	ReplayItem

	// n is the row's place in the snapshot, from 1; 0 for a job of the query.
	n int
	// job and paper are the row's, job also what was read for a job of the query.
	job   *postproof.Job
	paper idempotency.Fingerprint
	// rec is the record, without its job; nil when there is none.
	rec *idempotency.Record
	// cancel: it is suppressed, and waits in the ledger.
	cancel bool
}

// judge says what a replay does with jobs.
type judge struct {
	c *Client
	r *Replay
	// query is never nil, so that a row can be asked whether it would select it.
	query  *ReplayQuery
	priced bool
}

func (c *Client) judge(r *Replay) *judge {
	j := &judge{c: c, r: r, query: r.Query}
	j.priced = slices.ContainsFunc(c.vendors, func(v *vendor) bool { return v.config.Price != nil })
	return j
}

// row judges a row of the snapshot, whose record, if there is one, was read.
func (j *judge) row(ctx context.Context, it *replayItem) error {
	if it.rec != nil {
		j.known(it)
	} else {
		it.Outcome, it.Reason = ReplayNew, "not_in_ledger"
		if err := it.job.Validate(); err != nil {
			it.reject(err)
		}
	}
	return j.further(ctx, it)
}

func (it *replayItem) reject(err error) {
	it.Outcome, it.Reason, it.Note = ReplayRejected, postproof.CodeOf(err).String(), err.Error()
}

// further is what is asked of what would be done: whom it would go to, and
// whether that is still wanted. It needs the job.
func (j *judge) further(ctx context.Context, it *replayItem) error {
	if it.Outcome == ReplayNew || it.Outcome == ReplayAgain {
		j.route(it)
	}
	if !it.Outcome.Acts() || len(j.r.Suppress) == 0 {
		return nil
	}
	code, err := snapshot.Suppressed(ctx, j.r.Suppress, it.job.Contact, it.job.To)
	if err != nil {
		return err
	}
	if code != "" {
		it.suppress(code)
	}
	return nil
}

// route says which vendor would be the first to get the job, and its price.
func (j *judge) route(it *replayItem) {
	for _, v := range j.c.vendors {
		if v.caps.Supports(it.job) != nil {
			continue
		}
		it.Vendor = v.name
		if v.config.Price != nil {
			it.Cents = max(0, v.config.Price(it.job))
		}
		return
	}
	err := j.c.possible(it.job)
	if it.Outcome == ReplayNew {
		it.reject(err)
		return
	}
	it.Outcome, it.Note = ReplayRefused, err.Error()
}

// suppress says what becomes of a job that is not to be mailed.
func (it *replayItem) suppress(code snapshot.Code) {
	sent := it.rec != nil && len(it.rec.Submissions) > 0
	switch {
	case it.Outcome == ReplayWaiting, it.Outcome == ReplaySettle && it.State == idempotency.Unknown:
		if sent && code != snapshot.CodeDoNotMail {
			return // a list of whom was mailed may mean this very piece
		}
		it.cancel = true
	case it.Outcome == ReplaySettle && code != snapshot.CodeDoNotMail:
		return
	}
	it.Outcome, it.Reason = ReplaySuppressed, string(code)
}

// known judges a job that the ledger knows.
func (j *judge) known(it *replayItem) {
	rec := it.rec
	it.State, it.Vendor = rec.State, rec.Receipt.Vendor
	if s := last(rec, ""); s != nil && it.Vendor == "" {
		it.Vendor = s.Vendor
	}
	switch {
	case rec.Newer():
		it.Outcome, it.Reason = ReplayHeld, "newer_version"
		return
	case rec.Tombstone && !rec.State.Final():
		it.Outcome, it.Reason = ReplayHeld, "tombstone"
		return
	case it.job != nil && it.paper != rec.Fingerprint:
		it.Outcome, it.Reason = ReplayChanged, string(rec.State)
		it.Note = fmt.Sprintf("fingerprint %s in the ledger, %s now", rec.Fingerprint, it.paper)
		return
	}
	it.Reason = string(rec.State)
	switch rec.State {
	case idempotency.Accepted, idempotency.Done:
		it.Outcome = ReplayAccepted
	case idempotency.Canceled:
		it.Outcome = ReplayCanceled
	case idempotency.Sending:
		it.Outcome = ReplayUnderWay
	case idempotency.Planned, idempotency.Unknown:
		it.Outcome = ReplayWaiting
		if rec.State == idempotency.Unknown {
			it.Outcome = ReplaySettle
		}
		if code := complaint(rec, ""); code != 0 {
			it.Reason = code.String()
		}
		if rec.Cancel.Stands() {
			it.Outcome, it.Reason = ReplayCanceled, "to_be_canceled"
		}
	case idempotency.Refused:
		it.Outcome = ReplayRefused
		if code := complaint(rec, ""); code != 0 {
			it.Reason = code.String()
		}
		if j.asksForRefused(rec) {
			j.try(it)
		}
	case idempotency.Held:
		it.Outcome, it.Reason = ReplayHeld, string(rec.Hold.Reason)
		j.try(it)
	}
}

// try asks the machine what a replay would lead to.
func (j *judge) try(it *replayItem) {
	ev := idempotency.Replay{Run: j.r.Name, By: "plan"}
	if ev.Run == "" {
		ev.Run = "\x00" // no run has this name
	}
	ch, err := j.c.machine.Apply(it.rec, j.c.now(), ev)
	switch {
	case err != nil:
		if rule, ok := errors.AsType[*idempotency.RuleError](err); ok {
			it.Note = rule.Reason
		}
	case ch.Record.State == idempotency.Planned:
		it.Outcome = ReplayAgain
	default:
		it.Outcome = ReplaySettle
	}
}

func (j *judge) asksForRefused(rec *idempotency.Record) bool {
	if j.r.Refused {
		return true
	}
	q := j.query
	return q != nil && (len(q.Codes) > 0 || slices.Contains(q.States, idempotency.Refused)) && q.selects(rec)
}

// selects reports whether the query selects the record.
func (q *ReplayQuery) selects(rec *idempotency.Record) bool {
	if f := q.find(); !f.Matches(rec) {
		return false
	}
	if len(q.Codes) > 0 && !slices.Contains(q.Codes, complaint(rec, q.Vendor)) {
		return false
	}
	return q.inTime(rec)
}

// find is what the store selects by.
func (q *ReplayQuery) find() idempotency.Query {
	return idempotency.Query{Campaign: q.Campaign, States: q.States, Vendor: q.Vendor}
}

// inTime reports whether the job was being sent in the time, or, if it never
// was, handed in.
func (q *ReplayQuery) inTime(rec *idempotency.Record) bool {
	if q.Since.IsZero() && q.Until.IsZero() {
		return true
	}
	sent := false
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if q.Vendor != "" && s.Vendor != q.Vendor {
			continue
		}
		sent = true
		from := s.FirstAt
		if from.IsZero() {
			from = s.LastAt
		}
		if (q.Since.IsZero() || !s.LastAt.Before(q.Since)) && (q.Until.IsZero() || from.Before(q.Until)) {
			return true
		}
	}
	at := rec.CreatedAt
	return !sent && (q.Since.IsZero() || !at.Before(q.Since)) && (q.Until.IsZero() || at.Before(q.Until))
}

// last returns the latest submission, of a vendor if one is named; nil for none.
func last(rec *idempotency.Record, vendor string) *idempotency.Submission {
	for i := len(rec.Submissions) - 1; i >= 0; i-- {
		if s := &rec.Submissions[i]; vendor == "" || s.Vendor == vendor {
			return s
		}
	}
	return nil
}

// complaint is what was last complained of; 0 for nothing.
func complaint(rec *idempotency.Record, vendor string) postproof.Code {
	if rec.State == idempotency.Refused && (vendor == "" || rec.Refusal.Vendor == vendor) {
		return rec.Refusal.Code
	}
	if s := last(rec, vendor); s != nil {
		return s.Code
	}
	return 0
}

// drawn returns a piece whose markup is named by its digest, as in the ledger:
// the artwork of a campaign is hashed once, not for each of its jobs.
func drawn(p postproof.Piece) (postproof.Piece, error) {
	if p == nil {
		return nil, nil //nolint:nilnil // each of its jobs says so
	}
	html, ok := p.Art().(postproof.HTML)
	if !ok {
		return p, nil
	}
	for _, side := range []struct {
		markup *string
		blob   *postproof.Blob
	}{{&html.Front, &html.FrontBlob}, {&html.Back, &html.BackBlob}} {
		switch n := len(*side.markup); {
		case n > maxMarkup:
			return nil, tooLarge(n)
		case n > 0:
			*side.markup, *side.blob = "", postproof.Blob{Size: int64(n), Digest: digestOf([]byte(*side.markup))}
		}
	}
	return p.WithArt(html), nil
}
