package lob

import (
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// Raw statuses: Lob's render status, and our name for what it shows as a
// boolean.
const (
	statusProcessed = "processed"
	statusRendered  = "rendered"
	statusFailed    = "failed"
	rawDeleted      = "deleted"
)

// trackingEvent is a scan of the piece, as far as it says something.
type trackingEvent struct {
	name, event string
	// certified is true when the carrier tracks the piece up to the door.
	certified bool
}

// statusOf returns where the piece is, and whether it will never be printed.
// The latest scan rules; without scans the render status, which says nothing
// about the mail.
func statusOf(o object, created time.Time) (status postproof.Status, dead bool) {
	if o.flag("deleted") {
		return postproof.Status{
			Stage: postproof.StageCanceled, Raw: rawDeleted, Confidence: postproof.Reported, VendorTime: o.time("date_modified"),
		}, true
	}
	if latest, at, ok := latestEvent(o, ""); ok {
		status = statusOfEvent(latest)
		status.VendorTime = at
		return status, false
	}
	status = postproof.Status{Confidence: postproof.Reported, Raw: vendors.Word(o.text("status"))}
	switch status.Raw {
	case statusFailed:
		status.Stage, status.VendorTime, status.Reason = postproof.StageFailed, o.time("date_modified"), failureReason(o)
		return status, true
	case statusRendered:
		status.Stage, status.VendorTime = postproof.StageRendered, o.time("date_modified")
	case statusProcessed:
		status.Stage, status.VendorTime = postproof.StageAccepted, created
	default: // absent, or a status of a newer version: it has the piece, no more
		status.Stage, status.VendorTime = postproof.StageAccepted, created
	}
	return status, false
}

// latestEvent returns the scan with the latest time, the later in the list
// where times are equal; of those with the name only, unless that is empty. A
// list with anything in it that is not understood says nothing.
func latestEvent(piece object, name string) (latest trackingEvent, at time.Time, ok bool) {
	for raw := range piece.elements("tracking_events") {
		e, t, understood := readEvent(raw)
		switch {
		case !understood:
			return trackingEvent{}, time.Time{}, false
		case e.name == "" || (name != "" && !strings.EqualFold(e.name, name)):
		case !ok || !t.Before(at):
			latest, at, ok = e, t, true
		}
	}
	latest.certified = latest.certified && isCertified(piece)
	return latest, at, ok
}

// isCertified reports whether a piece is certified mail. The type of its scans does
// not tell: the schema has "certified" for those of every self-mailer, which no carrier
// takes as such.
func isCertified(piece object) bool {
	return piece.is("extra_service", string(postproof.Certified)) || piece.is("extra_service", string(postproof.CertifiedReturnReceipt))
}

func readEvent(raw []byte) (e trackingEvent, at time.Time, ok bool) {
	if string(raw) == null {
		return trackingEvent{}, time.Time{}, true
	}
	var room, detailRoom [mostPairs]member
	o, err := parseObject(raw, room[:0])
	if err != nil {
		return trackingEvent{}, time.Time{}, false
	}
	details := o.object("details", detailRoom[:0])
	if (details == nil && !o.none("details")) || !o.textOrNone("type") || !o.textOrNone("name") || !o.textOrNone("time") || !details.textOrNone("event") {
		return trackingEvent{}, time.Time{}, false
	}
	return trackingEvent{name: o.text("name"), event: details.text("event"), certified: o.is("type", "certified")}, o.time("time"), true
}

// statusOfEvent maps a scan. "Delivered" of ordinary mail is a guess: the scan
// is made when the carrier's vehicle leaves the area. Certified mail is
// scanned at the door.
func statusOfEvent(e trackingEvent) postproof.Status {
	s := postproof.Status{Raw: eventRaw(e.name), Confidence: postproof.Scanned}
	if s.Stage = stageOfScan(e.name); s.Stage == "" { // of a newer version: it is in the mail, no more
		s.Stage, s.Confidence = postproof.StageMailed, postproof.Reported
	}
	if s.Stage == postproof.StageDelivered && !e.certified {
		s.Confidence = postproof.Estimated
	}
	switch s.Stage {
	case postproof.StageIssue, postproof.StageReturned, postproof.StagePickupAvailable:
		s.Reason = vendors.Word(e.event)
	default:
	}
	return s
}

// stageOfScan returns the stage that a scan's name stands for, empty for none. Lob writes
// "Processed for Delivery" in its schema and "Processed For Delivery" in its table of
// certified mail: the letters' case says nothing.
func stageOfScan(name string) postproof.Stage {
	for _, of := range [...]struct {
		name  string
		stage postproof.Stage
	}{
		{"Mailed", postproof.StageMailed},
		{"In Transit", postproof.StageInTransit},
		{"In Local Area", postproof.StageInLocalArea},
		{"Processed for Delivery", postproof.StageOutForDelivery},
		{"Delivered", postproof.StageDelivered},
		{"Re-Routed", postproof.StageReRouted},
		{"Returned to Sender", postproof.StageReturned},
		{"International Exit", postproof.StageLeftCountry},
		{"Pickup Available", postproof.StagePickupAvailable},
		{"Issue", postproof.StageIssue},
	} {
		if strings.EqualFold(name, of.name) {
			return of.stage
		}
	}
	return ""
}

// eventRaw keeps the name verbatim unless it is no name.
func eventRaw(name string) string {
	if vendors.Word(strings.ReplaceAll(name, " ", "_")) == "" {
		return ""
	}
	return name
}

// failureReason returns the type of the first error, never its text, which
// holds URLs.
func failureReason(o object) string {
	reason := value[struct {
		Errors []struct {
			Type string `json:"error_type"`
		} `json:"errors"`
	}](o, "failure_reason")
	for _, e := range reason.Errors {
		if t := vendors.Word(e.Type); t != "" {
			return "rendering failed: " + t
		}
	}
	return "rendering failed"
}
