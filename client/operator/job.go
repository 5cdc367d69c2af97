package operator

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// jobView is a job in JSON: nothing of the recipient.
type jobView struct {
	Type     string            `json:"type"`
	ID       idempotency.ID    `json:"id"`
	Campaign string            `json:"campaign,omitempty"`
	Contact  string            `json:"contact,omitempty"`
	State    idempotency.State `json:"state"`
	// Version is another one after each change and each recovery: see the job by it,
	// and decide about that.
	Version client.Version `json:"version"`
	// Hold and HeldAt are set while it is held, Note while it is held or refused.
	Hold    idempotency.HoldReason `json:"hold,omitempty"`
	HeldAt  time.Time              `json:"held_at,omitzero"`
	Note    string                 `json:"note,omitempty"`
	Paper   paper                  `json:"paper"`
	Vendors []string               `json:"vendors,omitempty"`

	Priority   int       `json:"priority,omitempty"`
	Generation int       `json:"generation"`
	Due        time.Time `json:"due,omitzero"`
	Deadline   time.Time `json:"deadline,omitzero"`
	Worker     string    `json:"worker,omitempty"`
	WorkedTill time.Time `json:"worker_until,omitzero"`
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
	Erased     bool      `json:"erased,omitempty"`

	Vendor    string          `json:"vendor,omitempty"`
	VendorID  string          `json:"vendor_id,omitempty"`
	Ref       postproof.Ref   `json:"ref,omitempty"`
	Accepted  time.Time       `json:"accepted,omitzero"`
	Tracking  string          `json:"tracking_id,omitempty"`
	Expected  time.Time       `json:"expected_delivery,omitzero"`
	Stage     postproof.Stage `json:"stage,omitempty"`
	StageAt   time.Time       `json:"stage_at,omitzero"`
	Source    string          `json:"stage_source,omitempty"`
	Certainty string          `json:"stage_confidence,omitempty"`

	Refusal     string                    `json:"refusal,omitempty"`
	CancelBy    string                    `json:"cancel_by,omitempty"`
	CancelAt    time.Time                 `json:"cancel_at,omitzero"`
	Unasked     string                    `json:"cancel_unasked,omitempty"`
	Canceled    idempotency.CancelOutcome `json:"cancel_outcome,omitempty"`
	Submissions []sentView                `json:"submissions,omitempty"`
	Choices     []press                   `json:"choices,omitempty"`
}

// sentView is one submission in JSON.
type sentView struct {
	Generation int              `json:"generation"`
	Vendor     string           `json:"vendor"`
	Ref        postproof.Ref    `json:"ref"`
	VendorID   string           `json:"vendor_id,omitempty"`
	Delivery   string           `json:"delivery"`
	Fate       idempotency.Fate `json:"fate,omitempty"`
	Sends      int              `json:"sends"`
	First      time.Time        `json:"first,omitzero"`
	Last       time.Time        `json:"last,omitzero"`
	Watched    time.Time        `json:"watched_until,omitzero"`
	Late       idempotency.Late `json:"late,omitempty"`
	Twin       string           `json:"twin,omitempty"`
	Code       string           `json:"code,omitempty"`
}

func (r *run) jobOf(rec *idempotency.Record) jobView {
	v := jobView{
		Type: "job", ID: rec.ID, Campaign: rec.Campaign, Contact: rec.Contact, State: rec.State, Version: client.VersionOf(r.epoch, rec),
		Paper: paperOf(rec), Vendors: vendorsOf(rec), Priority: rec.Priority, Generation: rec.Generation,
		Due: rec.Due.UTC(), Deadline: rec.Deadline.UTC(), Worker: rec.Lease.Owner, WorkedTill: rec.Lease.Until.UTC(),
		Created: rec.CreatedAt.UTC(), Updated: rec.UpdatedAt.UTC(), Erased: rec.Erased(),
		Vendor: rec.Receipt.Vendor, VendorID: rec.Receipt.VendorID, Ref: rec.Receipt.Ref, Accepted: rec.Receipt.AcceptedAt.UTC(),
		Tracking: rec.Receipt.TrackingID, Expected: rec.Receipt.ExpectedDelivery.UTC(),
		Stage: rec.Status.Stage, StageAt: rec.Status.SeenAt.UTC(), Source: string(rec.Status.Source), Certainty: string(rec.Status.Confidence),
		CancelBy: rec.Cancel.By, CancelAt: rec.Cancel.At.UTC(), Canceled: rec.Cancel.Outcome, Choices: choices(rec),
	}
	if rec.State == idempotency.Held {
		v.Hold, v.HeldAt, v.Note = rec.Hold.Reason, rec.Hold.At.UTC(), rec.Hold.Note
	}
	if rec.State == idempotency.Refused {
		v.Refusal, v.Note = refusalOf(rec), rec.Refusal.Note
	}
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if awaitsWho(rec, s) {
			v.Unasked = cmp.Or(v.Unasked, s.Unasked)
		}
		v.Submissions = append(v.Submissions, sentView{
			Generation: s.Generation, Vendor: s.Vendor, Ref: s.Ref, VendorID: s.VendorID, Delivery: deliveryOf(s), Fate: s.Fate, Sends: s.Sends,
			First: s.FirstAt.UTC(), Last: lastSendAt(s).UTC(), Watched: s.WatchUntil.UTC(), Late: s.Late, Twin: s.Twin, Code: codeOf(s.Code),
		})
	}
	return v
}

func codeOf(c postproof.Code) string {
	if c == 0 {
		return ""
	}
	return c.String()
}

func deliveryOf(s *idempotency.Submission) string {
	if s.Join == 0 {
		return "under way"
	}
	return s.Join.String()
}

// outcomeOf is the delivery with what was last complained of, where that matters.
func outcomeOf(s *idempotency.Submission) string {
	if s.Code == 0 || s.Join == 0 || s.Join == postproof.Accepted {
		return deliveryOf(s)
	}
	return deliveryOf(s) + ": " + codeOf(s.Code)
}

func refusalOf(rec *idempotency.Record) string {
	text := codeOf(rec.Refusal.Code)
	if rec.Refusal.Vendor != "" {
		text += " by " + rec.Refusal.Vendor
	}
	if rec.Refusal.VendorCode != "" {
		text += " (" + rec.Refusal.VendorCode + ")"
	}
	return strings.TrimSpace(text)
}

func showCommand() *command {
	return &command{
		name: "show", args: "JOB…", short: "all that is known of a job", least: 1, most: -1,
		long: `
Shows where a job stands, every submission with its vendor and reference, and what may be decided. With
the reference or the vendor's id you find the piece in the vendor's own dashboard.

  $ show 3f9a1c
  $ show 7K2M9Q4T1B8X6Z0W      a reference, as the vendor shows it
  $ show psc_5a1b2c3d4e5f      a vendor's id
  $ show spring/contact-17/card   a key
  $ show key:3f9a1c5d7e9b1a2c     a key as errors and logs have it

It exits 3 when the job is held.`,
		run: func(ctx context.Context, r *run, names []string) error {
			held := false
			for i, name := range names {
				rec, err := r.find(ctx, name)
				if err != nil {
					return err
				}
				if i > 0 {
					r.out.text("")
				}
				r.show(rec)
				held = held || rec.State == idempotency.Held
			}
			return needsPerson(held)
		},
	}
}

func (r *run) show(rec *idempotency.Record) {
	now, p := r.Clock.Now(), r.out
	p.object(r.jobOf(rec))
	line := func(head, format string, args ...any) {
		for i, l := range wrap(clean(fmt.Sprintf(format, args...)), p.width-15) {
			if i > 0 {
				head = ""
			}
			p.text("  %-11s  %s", head, l)
		}
	}
	p.text("job %s", rec.ID)
	line("state", "%s, generation %d, version %s, since %s", rec.State, rec.Generation, client.VersionOf(r.epoch, rec), moment(rec.UpdatedAt, now))
	line("on paper", "%s", paperOf(rec))
	if rec.Campaign != "" || rec.Contact != "" {
		line("campaign", "%s, contact %s", orDash(rec.Campaign), orDash(rec.Contact))
	}
	line("handed in", "%s", moment(rec.CreatedAt, now))
	if rec.State == idempotency.Held {
		line("held", "%s, since %s, was %s. %s", rec.Hold.Reason, moment(rec.Hold.At, now), rec.Hold.From, rec.Hold.Note)
	}
	if rec.State == idempotency.Refused {
		line("refused", "%s. %s", refusalOf(rec), rec.Refusal.Note)
	}
	if rec.State.Workable() {
		line("next", "at %s, at the latest %s", moment(rec.Due, now), moment(rec.Deadline, now))
	}
	if rec.Lease.Until.After(now) {
		line("worker", "%s, until %s", rec.Lease.Owner, moment(rec.Lease.Until, now))
	}
	if rec.Cancel.Stands() && rec.Cancel.Outcome != idempotency.CancelLeft {
		line("cancel", "wished by %s at %s: %s", orDash(rec.Cancel.By), moment(rec.Cancel.At, now), orText(string(rec.Cancel.Outcome), "not settled yet"))
	}
	for i := range rec.Submissions {
		if s := &rec.Submissions[i]; awaitsWho(rec, s) {
			line("cancel", "%s could not be asked: %s; tried again at %s", s.Vendor, s.Unasked, moment(s.AskAt, now))
		}
	}
	if !rec.Receipt.IsZero() {
		line("receipt", "%s has it as %s, reference %s, since %s", rec.Receipt.Vendor, orDash(rec.Receipt.VendorID), rec.Receipt.Ref, moment(rec.Receipt.AcceptedAt, now))
	}
	if rec.Receipt.TrackingID != "" {
		line("tracking", "%s", rec.Receipt.TrackingID)
	}
	if !rec.Receipt.ExpectedDelivery.IsZero() {
		line("expected", "on %s, says %s", rec.Receipt.ExpectedDelivery.UTC().Format(time.DateOnly), rec.Receipt.Vendor)
	}
	if rec.Status.Stage != "" {
		line("mail", "%s (%s by %s), seen %s", rec.Status.Stage, rec.Status.Confidence, rec.Status.Source, moment(rec.Status.SeenAt, now))
	}
	switch {
	case rec.Tombstone:
		line("erased", "what it was is gone; the key stays used")
	case rec.Erased():
		line("erased", "nothing of the person is left here; the piece is followed by its reference, and the rest goes when it is at rest")
	case !rec.EraseAt.IsZero():
		line("erased", "asked for; it keeps what another generation would need until it is at rest, at the latest %s", moment(rec.Deadline, now))
	}
	if len(rec.Submissions) > 0 {
		t := newTable(">GEN", "VENDOR", "REFERENCE", "~VENDOR'S ID", "DELIVERY", "FATE", ">SENDS", "LAST SEND (UTC)")
		for i := range rec.Submissions {
			s := &rec.Submissions[i]
			t.add(strconv.Itoa(s.Generation), s.Vendor, string(s.Ref), s.VendorID, outcomeOf(s), fateOf(s), strconv.Itoa(s.Sends), lastSend(s, now))
		}
		p.text("")
		p.text("%s", many(len(rec.Submissions), "submission"))
		p.list(t)
	}
	if rec.State == idempotency.Held {
		r.explain(rec)
	}
}

// lastSend is when bytes went out last.
func lastSend(s *idempotency.Submission, now time.Time) string {
	at := lastSendAt(s)
	if at.IsZero() {
		return ""
	}
	return moment(at, now)
}

// lastSendAt is when bytes went out last, or the latest that they can have; zero for
// what a recovery suspects, which this history never sent. The time from which
// absence counts is no answer: while a send is under way it is its end, and after a
// recovery it is that.
func lastSendAt(s *idempotency.Submission) time.Time {
	switch {
	case s.FirstAt.IsZero(), s.Sends+len(s.Unanswered) <= 1:
		return s.FirstAt
	case s.NotAfter.Before(s.LastAt):
		return s.NotAfter
	default:
		return s.LastAt
	}
}

func fateOf(s *idempotency.Submission) string {
	switch {
	case s.Late != "":
		return "late: " + string(s.Late)
	case s.Twin != "":
		return "twice there"
	case s.Fate != "":
		return string(s.Fate)
	case s.Differs:
		return "differs"
	default:
		return ""
	}
}

func orDash(s string) string { return orText(s, "-") }

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// awaitsWho reports whether a submission is to be canceled, and waits for somebody who
// can ask its vendor.
func awaitsWho(rec *idempotency.Record, s *idempotency.Submission) bool {
	return s.Unasked != "" && rec.State == idempotency.Accepted &&
		(s.Late == idempotency.LateSeen || (rec.Cancel.Stands() && rec.Cancel.Outcome == ""))
}
