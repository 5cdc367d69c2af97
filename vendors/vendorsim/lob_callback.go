package vendorsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// The forms of Lob's timestamp: public code has both.
const (
	lobMilliseconds = "milliseconds"
	lobSeconds      = "seconds"
)

func (l *lob) sends() (CallbackPolicy, []string) {
	return lobPolicy(), []string{lobMilliseconds, lobSeconds}
}

// moments returns the events of a piece: its creation, its rendering, and a
// scan each for the tracking events.
func (l *lob) moments(o *order) []moment {
	kind, _ := lobKindOf(o.Kind)
	rendered := o.Created.Add(lobRender)
	out := []moment{
		{Type: kind.object + ".created", At: o.Created},
		{Type: kind.object + ".rendered_pdf", At: rendered},
		{Type: kind.object + ".rendered_thumbnails", At: rendered},
	}
	if d := l.data(o); l.tracked(o, d) {
		for _, s := range l.scans(o, d) {
			name := strings.ReplaceAll(strings.ToLower(s.name), " ", "_")
			if d.ExtraService != "" {
				name = "certified." + name
			}
			out = append(out, moment{Type: kind.object + "." + name, At: s.at})
		}
	}
	for i := range out {
		out[i].Status = out[i].Type // an event of Lob's is about nothing else
	}
	return out
}

func (l *lob) ending(o *order) moment {
	kind, _ := lobKindOf(o.Kind)
	what := kind.object + ".failed"
	if o.canceled() {
		what = kind.object + ".deleted"
	}
	return moment{Type: what, Status: what}
}

func (l *lob) eventID(o *order, k int) string {
	return "evt_" + l.in.hexID("callback"+strconv.Itoa(k), o.Num)
}

// compose writes the one event of a callback, and signs the time and the body.
func (l *lob) compose(c *composition) (http.Header, []byte) {
	e := c.events[0]
	kind, _ := lobKindOf(e.order.Kind)
	var piece any = l.object(e.order, kind, e.At)
	if e.order.canceled() {
		piece = map[string]any{"id": e.order.ID, "deleted": true}
	}
	_, what, _ := strings.Cut(e.Type, ".")
	body, err := json.Marshal(map[string]any{
		"id": e.id, "object": "event", "reference_id": e.order.ID, "date_created": lobTimestamp(e.At), "body": piece,
		"event_type": map[string]any{
			"id": e.Type, "object": "event_type", "resource": strings.ReplaceAll(kind.path, "_", " "),
			"enabled_for_test": lobInTest(kind, what),
		},
	})
	if err != nil {
		panic(http.ErrAbortHandler) // only maps of plain values come here
	}
	stamp := strconv.FormatInt(c.now.UnixMilli(), 10)
	if c.format == lobSeconds {
		stamp = strconv.FormatInt(c.now.Unix(), 10)
	}
	mac := hmac.New(sha256.New, []byte(c.secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return http.Header{
		"Content-Type":            {"application/json"},
		"User-Agent":              {"Lob/1.0 (simulated)"},
		"Lob-Signature":           {hex.EncodeToString(mac.Sum(nil))},
		"Lob-Signature-Timestamp": {stamp},
	}, body
}

// lobInTest reports whether pieces of the test mode have events of the type. A
// postcard's delivery is among them, by the table of events.
func lobInTest(kind lobKind, what string) bool {
	switch what {
	case "created", "rejected", "rendered_pdf", "rendered_thumbnails", "deleted", "failed", "viewed":
		return true
	case "delivered":
		return kind.object == "postcard"
	default:
		return false
	}
}
