package vendorsim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// The forms of PostGrid's callbacks.
const (
	pgToken = "jwt"
	pgJSON  = "json"
)

func (p *postgrid) sends() (CallbackPolicy, []string) {
	return pgPolicy(), []string{pgToken, pgJSON}
}

// moments returns the events of an order. A progression, in test mode, gives it
// another future, and never another past.
func (p *postgrid) moments(o *order) []moment {
	kind, _ := pgKindOf(o.Kind)
	var out []moment
	var status, imb string
	for i, c := range p.natural(o, pgDataOf(o)) {
		m := moment{Type: kind.object + ".updated", At: c.at}
		if i == 0 {
			m.Type = kind.object + ".created"
		}
		if c.status != "" {
			status = c.status
		}
		if c.imb != "" {
			imb = "/" + c.imb
		}
		m.Status = status + imb
		out = append(out, m)
	}
	return out
}

func (p *postgrid) ending(o *order) moment {
	kind, _ := pgKindOf(o.Kind)
	return moment{Type: kind.object + ".updated", Status: "cancelled"}
}

func (p *postgrid) eventID(o *order, k int) string {
	return "event_" + p.in.hexID("event"+strconv.Itoa(k), o.Num)
}

// told returns the ids of the events that a webhook was told of, or is about to
// be. The caller holds the lock.
func (p *postgrid) told() map[string]bool {
	out := map[string]bool{}
	for _, e := range p.in.events {
		for _, d := range e.deliveries {
			if d.state != StateDropped {
				out[e.id] = true
			}
		}
	}
	return out
}

// compose writes the one event of a callback: as the claims of a token, which
// has the time that it was signed at, or as JSON with the time in the header.
func (p *postgrid) compose(c *composition) (http.Header, []byte) {
	e := c.events[0]
	p.in.sim.mu.Lock()
	all := p.eventsOf(e.order, e.At)
	p.in.sim.mu.Unlock()
	event := p.eventObject(all[e.K])
	if data, ok := event["data"].(map[string]any); ok && p.cfg.BareCallbacks {
		delete(data, "object")
		event = map[string]any{"type": event["type"], "data": data}
	}
	body, err := json.Marshal(event)
	if err != nil {
		panic(http.ErrAbortHandler) // only maps of plain values come here
	}
	mac := hmac.New(sha256.New, []byte(c.secret))
	if c.format == pgJSON {
		stamp := strconv.FormatInt(c.now.UnixMilli(), 10)
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		return http.Header{
			"Content-Type":       {"application/json"},
			"Postgrid-Signature": {"t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))},
		}, body
	}
	var claims bytes.Buffer
	claims.WriteString(`{"iat":` + strconv.FormatInt(c.now.Unix(), 10) + ",")
	claims.Write(body[1:])
	part := base64.RawURLEncoding.EncodeToString
	token := strings.Join([]string{part([]byte(`{"alg":"HS256","typ":"JWT"}`)), part(claims.Bytes())}, ".")
	mac.Write([]byte(token))
	return http.Header{"Content-Type": {"application/jwt"}}, []byte(token + "." + part(mac.Sum(nil)))
}
