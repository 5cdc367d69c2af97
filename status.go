package postproof

import "time"

// Stage is where a piece is. Stages are ranked; see [Stage.Rank].
type Stage string

// The stages that a piece goes through, then the side stages, then the ends.
const (
	StageAccepted       Stage = "accepted"
	StageRendered       Stage = "rendered"
	StageInProduction   Stage = "in_production"
	StageMailed         Stage = "mailed"
	StageInTransit      Stage = "in_transit"
	StageInLocalArea    Stage = "in_local_area"
	StageOutForDelivery Stage = "out_for_delivery"
	StageDelivered      Stage = "delivered"

	// StageOnHold waits for the account's owner; a failed payment is this, not
	// a failure.
	StageOnHold Stage = "on_hold"
	// StageReRouted was forwarded; delivery goes on.
	StageReRouted Stage = "re_routed"
	// StageLeftCountry is often the last scan of mail abroad.
	StageLeftCountry Stage = "left_country"
	// StagePickupAvailable waits for the recipient.
	StagePickupAvailable Stage = "pickup_available"
	// StageIssue needs a look (certified mail).
	StageIssue Stage = "issue"

	// StageReturned came back to the sender.
	StageReturned Stage = "returned"
	// StageFailed will not be printed or mailed.
	StageFailed Stage = "failed"
	// StageCanceled was stopped before it was printed.
	StageCanceled Stage = "canceled"
)

// Rank orders the stages: 10 for accepted to 80 for delivered, in steps of
// ten. Side stages share the rank of the main stage that they interrupt, and
// the ends rank above all. A stage of a newer version ranks 0, which says
// nothing of where the piece is: see [Status.Supersedes].
func (s Stage) Rank() int {
	switch s {
	case StageAccepted, StageOnHold:
		return 10
	case StageRendered:
		return 20
	case StageInProduction:
		return 30
	case StageMailed:
		return 40
	case StageInTransit, StageReRouted, StageLeftCountry:
		return 50
	case StageInLocalArea, StageIssue:
		return 60
	case StageOutForDelivery, StagePickupAvailable:
		return 70
	case StageDelivered:
		return 80
	case StageReturned, StageFailed, StageCanceled:
		return 90
	default:
		return 0
	}
}

// Known reports whether this version knows the stage.
func (s Stage) Known() bool { return s.Rank() > 0 }

// Terminal reports whether nothing more is expected. Delivered counts as
// terminal although a return may still overrule it.
func (s Stage) Terminal() bool {
	switch s {
	case StageDelivered, StageReturned, StageFailed, StageCanceled:
		return true
	default:
		return false
	}
}

// Source says how a status was learned.
type Source string

// The sources.
const (
	SourceResponse Source = "response"
	SourcePoll     Source = "poll"
	SourceCallback Source = "callback"
	SourceOperator Source = "operator"
)

// Confidence says how much a status proves. Delivered is rarely proof.
type Confidence string

// The confidences.
const (
	// Scanned: the postal service scanned the piece.
	Scanned Confidence = "scanned"
	// Reported: the vendor says so.
	Reported Confidence = "reported"
	// Estimated: the vendor computed it from dates.
	Estimated Confidence = "estimated"
)

// Status is where a piece is, and how we know.
type Status struct {
	Stage Stage `json:"stage"`
	// Raw is the vendor's own value, verbatim.
	Raw        string     `json:"raw,omitempty"`
	Source     Source     `json:"source,omitempty"`
	Confidence Confidence `json:"confidence,omitempty"`
	// VendorTime is the vendor's time of the change; zero when it gives none.
	VendorTime time.Time `json:"vendor_time,omitzero"`
	// SeenAt is when we learned it.
	SeenAt time.Time `json:"seen_at,omitzero"`
	// Reason is the vendor's reason for a failure or a return, without
	// personal data.
	Reason string `json:"reason,omitempty"`
}

// Supersedes reports whether s may replace old. A lower rank never overwrites
// a higher one, with named corrections: a return overrules a delivery, a
// re-route after a delivery reopens it, and a failure before mailing overrules
// any earlier stage. The same rank replaces only with another stage, and not
// with an earlier vendor time.
//
// A stage that a newer version of this library wrote may stand for anything,
// mail that is on its way included. It stays, but for a delivery or a return; a
// failure does not replace it, since it could not be believed of a piece that
// was mailed.
func (s Status) Supersedes(old Status) bool {
	switch {
	case old.Stage == "":
		return true
	case s.Stage == old.Stage:
		return false
	case !old.Stage.Known():
		return s.Stage == StageDelivered || s.Stage == StageReturned
	case s.Stage == StageReturned && old.Stage == StageDelivered:
		return true
	case s.Stage == StageReRouted && old.Stage == StageDelivered:
		return s.VendorTime.After(old.VendorTime)
	case s.Stage == StageFailed || s.Stage == StageCanceled:
		return !old.Stage.Terminal() && old.Stage.Rank() < StageMailed.Rank()
	case old.Stage.Rank() >= StageReturned.Rank():
		return false
	case s.Stage.Rank() != old.Stage.Rank():
		return s.Stage.Rank() > old.Stage.Rank()
	default:
		return !s.VendorTime.Before(old.VendorTime)
	}
}
