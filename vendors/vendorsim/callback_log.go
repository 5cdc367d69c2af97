package vendorsim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// CallbackEvent is an event that a vendor tells of, and what became of that:
// the truth which the receiver's books are compared with.
type CallbackEvent struct {
	Vendor string `json:"vendor"`
	// ID is the vendor's id of the event; empty where it gives none.
	ID string `json:"id,omitempty"`
	// VendorID and Ref name the piece.
	VendorID string         `json:"vendor_id"`
	Ref      string         `json:"ref,omitempty"`
	Mode     postproof.Mode `json:"mode"`
	// Type is the vendor's type of the event, Status the raw status that it
	// shows, Time when it happened.
	Type   string    `json:"type"`
	Status string    `json:"status"`
	Time   time.Time `json:"time"`
	// Occurrence says the how-manieth event about the piece it is, from 1.
	Occurrence int `json:"occurrence"`
	// Fault is what struck it.
	Fault Boundary `json:"fault,omitempty"`
	// Deliveries are its ways to the webhooks that wanted it.
	Deliveries []CallbackDelivery `json:"deliveries"`
}

// CallbackDelivery is an event on its way to one webhook.
type CallbackDelivery struct {
	Webhook string        `json:"webhook"`
	State   DeliveryState `json:"state"`
	// Due is when the next attempt is, or the last one was.
	Due time.Time `json:"due"`
	// Acknowledged is when it was first answered as received; zero when it was
	// not.
	Acknowledged time.Time         `json:"acknowledged,omitzero"`
	Attempts     []CallbackAttempt `json:"attempts"`
}

// CallbackAttempt is one request.
type CallbackAttempt struct {
	Time time.Time `json:"time"`
	// Status is the answer's; 0 when there was none.
	Status int `json:"status,omitempty"`
	// Failure says why it does not count as received; empty when it does.
	Failure string `json:"failure,omitempty"`
}

// DeliveryState is what becomes of a delivery.
type DeliveryState string

// The states of a delivery.
const (
	// StatePending waits for its next attempt.
	StatePending DeliveryState = "pending"
	// StateAcknowledged was answered as received.
	StateAcknowledged DeliveryState = "acknowledged"
	// StateLost was struck by [CallbackLost].
	StateLost DeliveryState = "lost"
	// StateGivenUp had all its attempts in vain.
	StateGivenUp DeliveryState = "given_up"
	// StateDropped met a webhook that was disabled or paused.
	StateDropped DeliveryState = "dropped"
)

// Events returns what the vendor told, or was to tell, of, in the order in
// which it did; an empty name means all vendors, one after the other. A vendor
// tells of nothing before its first webhook is set.
func (s *Sim) Events(vendor string) []CallbackEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var out []CallbackEvent
	for _, in := range s.order {
		if vendor != "" && vendor != in.name {
			continue
		}
		for _, e := range in.events {
			out = append(out, e.public())
		}
	}
	return out
}

func (e *event) public() CallbackEvent {
	out := CallbackEvent{
		Vendor: e.in.name, ID: e.id, VendorID: e.o.ID, Ref: e.o.Ref, Mode: e.o.Mode, Type: e.Type, Status: e.Status, Time: e.At,
		Occurrence: e.K + 1, Fault: e.fault, Deliveries: []CallbackDelivery{},
	}
	for _, d := range e.deliveries {
		out.Deliveries = append(out.Deliveries, CallbackDelivery{
			Webhook: d.hook.ID, State: d.state, Due: d.due, Acknowledged: d.acknowledged,
			Attempts: append([]CallbackAttempt{}, d.attempts...),
		})
	}
	return out
}

// WaitCallbacks returns when every callback that is due by now was tried, and
// none is under way: after a clock was moved, what that has set off is over.
// It does not wait for attempts that come later.
func (s *Sim) WaitCallbacks(ctx context.Context) error {
	for {
		s.mu.Lock()
		now := s.advance()
		quiet, changed := s.quiet(now), s.changed
		s.mu.Unlock()
		if quiet {
			return nil
		}
		select {
		case <-changed:
		case <-s.closing:
			return errClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// quiet reports whether nothing is due or under way; the caller holds the
// lock.
func (s *Sim) quiet(now time.Time) bool {
	for _, in := range s.order {
		for _, h := range in.hooks {
			if h.flying > 0 || len(h.queue) > 0 && !now.Before(h.queue[0].due) {
				return false
			}
		}
	}
	return true
}

// Callback returns the callback that tells of the newest event of the piece
// with the reference, as the vendor of the webhook would send it at the time
// given. Nothing is sent or recorded, and the webhook need not be set: of its
// fields only Vendor, Secret and Format count. It returns an error when there
// is no such piece.
func (s *Sim) Callback(w Webhook, ref string, at time.Time) (http.Header, []byte, error) {
	w.URL = "http://localhost"
	in, err := s.webhookOf(w)
	if err != nil {
		return nil, nil, err
	}
	n := in.notifier()
	s.mu.Lock()
	now := s.advance()
	i := slices.IndexFunc(in.orders, func(o *order) bool { return o.Ref == ref })
	if i < 0 {
		s.mu.Unlock()
		return nil, nil, fmt.Errorf("vendorsim: %s has no piece with the reference", w.Vendor)
	}
	o := in.orders[i]
	e := &event{in: in, o: o, eventData: eventData{Order: o.ID}}
	for k, m := range in.moments(o) {
		if !now.Before(m.At) {
			e.moment, e.K = m, k
		}
	}
	e.id = n.eventID(o, e.K)
	c := &composition{secret: w.Secret, format: w.Format, now: at, attempt: 1, events: []happening{{e, e.asOf()}}}
	s.mu.Unlock()
	header, body := n.compose(c)
	return header, body, nil
}

func (s *Sim) serveEvents(w http.ResponseWriter, r *http.Request) {
	ref := r.URL.Query().Get("ref")
	w.Header().Set("Content-Type", "application/jsonl")
	lines := json.NewEncoder(w)
	for _, e := range s.Events(r.URL.Query().Get("vendor")) {
		if ref == "" || e.Ref == ref {
			_ = lines.Encode(e) // a client that has gone is the client's affair
		}
	}
}

func (s *Sim) serveSetWebhook(w http.ResponseWriter, r *http.Request) {
	var in Webhook
	if readControl(w, r, &in) {
		answerControl(w, s.SetWebhook(in))
	}
}

func (s *Sim) servePauseWebhook(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Vendor string `json:"vendor"`
		ID     string `json:"id"`
		On     *bool  `json:"on"`
	}
	if readControl(w, r, &in) {
		answerControl(w, s.PauseWebhook(in.Vendor, in.ID, *cmp.Or(in.On, new(true))))
	}
}

func answerControl(w http.ResponseWriter, err error) {
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
