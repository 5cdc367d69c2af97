package vendorsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// pgRender is how long rendering the preview takes.
const pgRender = 30 * time.Second

// pgChange is what an order came to at a time: its status, the last scan of its
// barcode, or both.
type pgChange struct {
	at          time.Time
	status, imb string
}

// pgSnapshot is an order's state at a time.
type pgSnapshot struct {
	status, imb      string
	changed, scanned time.Time
}

func (s pgSnapshot) ended() bool { return s.status == "completed" || s.status == "cancelled" }

// changes returns all that happened, and will happen, to the order, oldest
// first. The first is its creation.
func (p *postgrid) changes(o *order, d *pgData) []pgChange {
	out := p.natural(o, d)
	if o.void == nil {
		return out
	}
	for i, c := range out {
		if c.at.After(o.endedAt()) {
			out = out[:i]
			break
		}
	}
	return append(out, pgChange{at: o.endedAt(), status: "cancelled"})
}

// natural is changes for an order that nothing stops. Of an order in test mode
// it changes with every progression, but never in its past.
func (p *postgrid) natural(o *order, d *pgData) []pgChange {
	out := []pgChange{{at: o.Created, status: "ready"}}
	if o.Mode == postproof.ModeLive || p.cfg.TestTracking {
		return append(out, p.journey(o, d)...)
	}
	steps := []string{"printing", "processed_for_delivery", "completed"}
	done := p.progress[o.ID]
	for i, at := range done[:min(len(done), len(steps))] {
		out = append(out, pgChange{at: at, status: steps[i]})
	}
	if len(done) < len(steps) {
		out = append(out, pgChange{at: d.PrintAt, status: "completed"})
	}
	return out
}

// journey is what happens to a live order that is not stopped: nearly all are
// delivered; one in a hundred of those that are scanned comes back.
func (p *postgrid) journey(o *order, d *pgData) []pgChange {
	const day = 24 * time.Hour
	days := func(n float64) time.Duration {
		if strings.Contains(d.Class, "standard") {
			n *= 2
		}
		return time.Duration(n * float64(day))
	}
	mailed := d.PrintAt.Add(day + time.Duration(p.in.uniform(o, "press")*float64(day))).Truncate(time.Millisecond)
	out := []pgChange{{at: d.PrintAt, status: "printing"}, {at: mailed, status: "processed_for_delivery"}}
	completed := pgChange{at: mailed.Add(days(5)), status: "completed"}
	if d.To.Country != "US" {
		return append(out, completed)
	}
	out = append(out, pgChange{at: mailed.Add(days(0.5)), imb: "entered_mail_stream"},
		pgChange{at: mailed.Add(days(3)), imb: "out_for_delivery"}, completed)
	if p.in.uniform(o, "fate") < 0.01 {
		out = append(out, pgChange{at: mailed.Add(days(8)), imb: "returned_to_sender"})
	}
	return out
}

// stateAt is the order's state at the time. The caller holds the lock.
func (p *postgrid) stateAt(o *order, at time.Time) pgSnapshot {
	var s pgSnapshot
	for _, c := range p.changes(o, pgDataOf(o)) {
		if c.at.After(at) {
			break
		}
		if c.status != "" {
			s.status = c.status
		}
		if c.imb != "" {
			s.imb, s.scanned = c.imb, c.at
		}
		s.changed = c.at
	}
	return s
}

// object returns the order as the API shows it at the time.
func (p *postgrid) object(o *order, kind pgKind, at time.Time) map[string]any {
	p.in.sim.mu.Lock()
	state := p.stateAt(o, at)
	p.in.sim.mu.Unlock()
	return p.objectIn(o, kind, state, at)
}

// objectIn is object for a known state.
func (p *postgrid) objectIn(o *order, kind pgKind, state pgSnapshot, at time.Time) map[string]any {
	d := pgDataOf(o)
	out := map[string]any{
		"id": o.ID, "object": kind.object, "live": o.Mode == postproof.ModeLive, "status": state.status,
		"to": p.contact(o, d.To, "to"), "size": d.Size, "mailingClass": d.Class,
		"sendDate": lobTimestamp(d.SendDate), "createdAt": lobTimestamp(o.Created), "updatedAt": lobTimestamp(state.changed),
	}
	if d.Description != "" {
		out["description"] = d.Description
	}
	if d.Metadata != nil {
		out["metadata"] = d.Metadata
	}
	if d.From != nil {
		out["from"] = p.contact(o, d.From, "from")
	}
	if d.MergeVariables != nil {
		out["mergeVariables"] = d.MergeVariables
	}
	for field, id := range d.Templates {
		out[field] = id
	}
	if d.Uploaded {
		out["uploadedPDF"] = p.link(o, "upload", at)
	}
	if kind.object == "letter" {
		out["color"], out["doubleSided"], out["addressPlacement"], out["envelope"] = d.Color, d.DoubleSided, d.Placement, "standard"
	}
	if !at.Before(o.Created.Add(pgRender)) {
		out["url"] = p.link(o, "preview", at)
	}
	if state.imb != "" {
		out["imbStatus"], out["imbDate"], out["imbZIPCode"] = state.imb, lobTimestamp(state.scanned), d.To.PostalCode
	}
	if state.status == "cancelled" {
		out["cancellation"] = pgCancellation(o)
	}
	if mailed := state.status == "processed_for_delivery" || state.status == "completed"; mailed && pgTracked(d.Class) && o.Mode == postproof.ModeLive {
		out["trackingNumber"] = "9407" + strconv.FormatUint(uint64(1e15+p.in.uniform(o, "tracking")*9e14), 10)
	}
	return out
}

func pgTracked(class string) bool {
	return strings.Contains(class, "certified") || strings.Contains(class, "express")
}

func pgCancellation(o *order) map[string]any {
	if o.canceled() {
		return map[string]any{"reason": "user_initiated", "cancelledByUser": "user_sim"}
	}
	return map[string]any{"reason": "invalid_content", "note": o.void.Reason}
}

// contact returns a contact as it comes back: verified and in upper case, live
// and in the US; as it was given elsewhere.
func (p *postgrid) contact(o *order, c *pgContact, role string) map[string]any {
	upper := func(s string) string { return s }
	live := o.Mode == postproof.ModeLive
	if live && c.Country == "US" {
		upper = strings.ToUpper
	}
	out := map[string]any{
		"id": "contact_" + p.in.hexID(role, o.Num), "object": "contact", "live": live,
		"addressLine1": upper(c.Line1), "countryCode": c.Country, "skipVerification": false, "forceVerifiedStatus": false,
		"createdAt": lobTimestamp(o.Created), "updatedAt": lobTimestamp(o.Created),
	}
	for name, v := range map[string]string{
		"firstName": c.FirstName, "lastName": c.LastName, "companyName": c.CompanyName, "addressLine2": upper(c.Line2),
		"city": upper(c.City), "provinceOrState": upper(c.Region), "postalOrZip": upper(c.PostalCode),
	} {
		if v != "" {
			out[name] = v
		}
	}
	if live {
		out["addressStatus"] = "verified"
		if unverifiable(c.Line1, c.PostalCode) {
			out["addressStatus"] = "failed"
		}
	}
	return out
}

// link returns the signed address of a PDF, good for fifteen minutes.
func (p *postgrid) link(o *order, what string, at time.Time) string {
	expires := strconv.FormatInt(at.Add(15*time.Minute).Unix(), 10)
	mac := hmac.New(sha256.New, []byte(p.in.name))
	mac.Write([]byte(what + o.ID + expires))
	return "https://pg-prod-bucket.example/" + what + "/" + o.ID + ".pdf?expires=" + expires + "&signature=" + hex.EncodeToString(mac.Sum(nil)[:16])
}
