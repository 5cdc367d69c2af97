package vendorsim

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof"
)

// lobTimestamp is how Lob writes times.
func lobTimestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// lobRender is how long rendering takes.
const lobRender = 30 * time.Second

// object returns the piece as the API shows it at the time. A field that the
// published schema does not let be null is left out when there is nothing.
func (l *lob) object(o *order, kind lobKind, now time.Time) *lobPiece {
	d := l.data(o)
	out := &lobPiece{
		ID: o.ID, Object: kind.object, Description: d.Description, Metadata: d.Metadata, To: l.address(o, d.To, "to"),
		URL: l.link(o, kind, now), Carrier: "USPS", TrackingEvents: l.events(o, d, kind, now),
		MailType: d.MailType, Size: d.Size, UseType: d.UseType, FSC: d.FSC, MergeVariables: d.MergeVariables,
		ExpectedDelivery: l.expected(o, d).Format(time.DateOnly), SendDate: lobTimestamp(d.SendDate),
		Created: lobTimestamp(o.Created), Status: lobStatus(o, now), Deleted: o.canceled(),
	}
	out.Modified = out.Created
	if o.void != nil {
		out.Modified = lobTimestamp(o.voidedAt)
	}
	if d.From != nil {
		from := l.address(o, d.From, "from")
		out.From = &from
	}
	if o.failed() {
		out.Failure = &lobFailure{Reason: o.void.Reason, Remediation: "correct the artwork"}
	}
	switch kind.object {
	case "letter":
		l.letterFields(out, o, d)
	case "postcard":
		null := &lobNullable{}
		out.FrontTemplate, out.FrontVersion, out.BackTemplate, out.BackVersion = null, null, null, null
	}
	for field, id := range d.Templates {
		template, version := &lobNullable{text: id}, &lobNullable{text: "vrsn_" + id[len("tmpl_"):]}
		switch field {
		case "front":
			out.FrontTemplate, out.FrontVersion = template, version
		case "back":
			out.BackTemplate, out.BackVersion = template, version
		case "inside":
			out.InsideTemplate, out.InsideVersion = template, version
		case "outside":
			out.OutsideTemplate, out.OutsideVersion = template, version
		default: // a letter has one file
			out.Template, out.Version = template, version
		}
	}
	return out
}

func (l *lob) letterFields(out *lobPiece, o *order, d *lobData) {
	out.Size = ""
	out.Color, out.DoubleSided = &d.Color, &d.DoubleSided
	out.AddressPlacement, out.ReturnEnvelope = &d.Placement, &d.ReturnEnvelope
	out.PerforatedPage = &lobNullable{number: d.PerforatedPage}
	out.Cards = &[0]struct{}{}
	if out.ExtraService = d.ExtraService; d.ExtraService != "" {
		out.TrackingNumber = &lobNullable{}
		// "Dummy tracking numbers are created in test mode", but not for registered mail.
		if o.Mode == postproof.ModeLive || d.ExtraService != "registered" {
			out.TrackingNumber.text = "9407" + strconv.FormatUint(uint64(1e15+l.in.uniform(o, "tracking")*9e14), 10)
		}
	}
}

func lobStatus(o *order, now time.Time) string {
	switch {
	case o.failed():
		return "failed"
	case now.Before(o.Created.Add(lobRender)):
		return "processed"
	default:
		return "rendered"
	}
}

func (l *lob) address(o *order, a *lobAddress, role string) lobContact {
	created := lobTimestamp(o.Created)
	return lobContact{
		ID: "adr_" + l.in.hexID(role, o.Num), Object: "address", Name: a.Name, Company: a.Company, Phone: a.Phone, Email: a.Email,
		Line1: a.Line1, Line2: a.Line2, City: a.City, State: a.State, Zip: a.Zip, Country: a.Country,
		Created: created, Modified: created,
	}
}

// link returns the signed address of the PDF. The published schema's pattern
// has the query glued to "_signature" and no ".pdf?" as in its examples;
// clients check against the schema, so it rules here.
func (l *lob) link(o *order, kind lobKind, now time.Time) string {
	expires := strconv.FormatInt(now.Add(30*24*time.Hour).Unix(), 10)
	mac := hmac.New(sha256.New, []byte(l.in.name))
	mac.Write([]byte(o.ID + expires))
	return "https://lob-assets.com/" + kind.asset + "/" + o.ID + "_signature?pdfversion=v1&expires=" + expires +
		"&signature=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// lobDay is the time between two scans of a piece by its mail class.
func lobDay(d *lobData) time.Duration {
	if d.MailType == "usps_standard" {
		return 48 * time.Hour
	}
	return 24 * time.Hour
}

func (l *lob) expected(_ *order, d *lobData) time.Time { return d.SendDate.Add(5 * lobDay(d)) }

// lobScan is a tracking event that comes after the send date.
type lobScan struct {
	name string
	days float64
	at   time.Time
}

// scans returns the piece's fate: nearly all are delivered; one in a hundred
// each is re-routed, or returned to its sender.
func (l *lob) scans(o *order, d *lobData) []lobScan {
	out := l.fate(o, d)
	for i := range out {
		// Up to six hours of spread keep pieces of a batch apart.
		spread := time.Duration(l.in.uniform(o, "spread"+strconv.Itoa(i)) * float64(6*time.Hour))
		out[i].at = d.SendDate.Add(time.Duration(out[i].days*float64(lobDay(d))) + spread).Truncate(time.Millisecond)
	}
	return out
}

func (l *lob) fate(o *order, d *lobData) []lobScan {
	out := []lobScan{{name: "Mailed", days: 1}, {name: "In Transit", days: 2}}
	if d.To.Country != lobUnitedStates {
		return append(out, lobScan{name: "International Exit", days: 4})
	}
	fate := l.in.uniform(o, "fate")
	if fate < 0.01 {
		out = append(out, lobScan{name: "Re-Routed", days: 2.5})
	}
	out = append(out, lobScan{name: "In Local Area", days: 3}, lobScan{name: "Processed for Delivery", days: 4})
	if fate >= 0.99 {
		return append(out, lobScan{name: "Returned to Sender", days: 8})
	}
	return append(out, lobScan{name: "Delivered", days: 5})
}

// tracked reports whether the piece gets tracking events at all.
func (l *lob) tracked(o *order, d *lobData) bool {
	return (o.Mode == postproof.ModeLive || l.cfg.TestTracking) && d.ExtraService != "registered"
}

// events returns the tracking events until now, oldest first.
func (l *lob) events(o *order, d *lobData, kind lobKind, now time.Time) []lobTrackingEvent {
	out := []lobTrackingEvent{}
	if o.void != nil || !l.tracked(o, d) {
		return out
	}
	class := "normal"
	certified := d.ExtraService != "" || kind.object == "self_mailer" // the schema has it so
	if certified {
		class = "certified"
	}
	for i, scan := range l.scans(o, d) {
		if now.Before(scan.at) {
			break
		}
		at := lobTimestamp(scan.at)
		event := lobTrackingEvent{
			ID: "evnt_" + l.in.hexID("event"+strconv.Itoa(i), o.Num), Object: "tracking_event", Type: class,
			Name: scan.name, Time: at, Created: at, Modified: at,
		}
		if scan.name != "Mailed" {
			location := cmp.Or(d.To.Zip, "00000")
			event.Location = &location
		}
		if certified {
			event.Details = lobDetails(scan.name)
		}
		out = append(out, event)
	}
	return out
}

// lobDetails returns the details of a certified event.
func lobDetails(name string) json.RawMessage {
	event := "other"
	names := []string{"Mailed", "In Transit", "In Local Area", "Processed for Delivery", "Delivered", "Returned to Sender", "Re-Routed"}
	details := []string{
		"package_accepted", "package_departed", "package_in_local_area", "out_for_delivery", "delivered",
		"returned_to_sender", "package_forwarded",
	}
	if i := slices.Index(names, name); i >= 0 {
		event = details[i]
	}
	return json.RawMessage(`{"event":"` + event + `","description":"` + name + `","action_required":false}`)
}
