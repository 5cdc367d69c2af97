package vendorsim

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/postproof/postproof"
)

// Webhook is where a simulated vendor sends its callbacks to, as the account's
// owner sets it up in the vendor's dashboard.
type Webhook struct {
	// Vendor is the name of the simulated vendor.
	Vendor string `json:"vendor"`
	// ID tells the webhooks of a vendor apart; empty means "main".
	ID string `json:"id,omitempty"`
	// URL is where callbacks are posted to, http or https.
	URL string `json:"url"`
	// Secret signs them.
	Secret string `json:"secret"`
	// Format is the vendor's name of the form that a callback takes; empty means
	// the vendor's default. Lob has "milliseconds" and "seconds", which is what
	// its timestamp counts.
	Format string `json:"format,omitempty"`
	// Mode limits the webhook to pieces of a mode; empty means both.
	Mode postproof.Mode `json:"mode,omitempty"`
	// Types limits it to these types of event; nil means all.
	Types []string `json:"types,omitempty"`
	// Disabled keeps it from being sent to: what happens meanwhile, and what was
	// not acknowledged before, is not sent later.
	Disabled bool `json:"disabled,omitempty"`
	// Policy is how the vendor sends, where it is to differ from the vendor's
	// own way.
	Policy CallbackPolicy `json:"policy,omitzero"`
}

// CallbackPolicy is how a vendor sends callbacks. A zero field means the
// vendor's own way; times but Timeout are on the simulator's clock.
type CallbackPolicy struct {
	// Lag is the time from an event to the first attempt; 1 s for all vendors.
	Lag Duration `json:"lag,omitzero"`
	// Retries are the waits before the second attempt, the third and so on; an
	// empty list that is not nil means none.
	Retries []Duration `json:"retries,omitzero"`
	// Timeout is how long an answer is waited for, in real time.
	Timeout Duration `json:"timeout,omitzero"`
	// Status and Body are the only answer that counts as received; a status of
	// 0 means any 2xx, an empty body any.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// PauseAfter failed attempts within PauseWithin stop the webhook until
	// somebody sets it anew; 0 never does.
	PauseAfter  int      `json:"pause_after,omitempty"`
	PauseWithin Duration `json:"pause_within,omitzero"`
	// Batch is the most events in one callback, where the vendor's form has room
	// for several.
	Batch int `json:"batch,omitempty"`
	// Parallel is how many callbacks are under way at once; 0 means one, which
	// makes a run repeatable. More of them overtake each other.
	Parallel int `json:"parallel,omitempty"`
}

// lobPolicy is how Lob sends. It repeats whatever is not answered by a 2xx; how
// often, and how far apart, it does not say: eight times within two days is this
// package's choice.
func lobPolicy() CallbackPolicy {
	const m, h = Duration(time.Minute), Duration(time.Hour)
	return CallbackPolicy{Retries: []Duration{m, 5 * m, 15 * m, h, 3 * h, 6 * h, 12 * h, 24 * h}}
}

// pgPolicy is how PostGrid sends: a status of exactly 200, else three more
// attempts after one, two and four hours.
func pgPolicy() CallbackPolicy {
	const h = Duration(time.Hour)
	return CallbackPolicy{Retries: []Duration{h, 2 * h, 4 * h}, Status: 200}
}

// over returns p with its zero fields taken from the vendor's own policy.
func (p CallbackPolicy) over(own CallbackPolicy) CallbackPolicy {
	if p.Retries == nil {
		p.Retries = own.Retries
	}
	p.Lag = cmp.Or(p.Lag, own.Lag, Duration(time.Second))
	p.Timeout = cmp.Or(p.Timeout, own.Timeout, Duration(10*time.Second))
	p.Status = cmp.Or(p.Status, own.Status)
	p.Body = cmp.Or(p.Body, own.Body)
	p.PauseAfter = cmp.Or(p.PauseAfter, own.PauseAfter)
	p.PauseWithin = cmp.Or(p.PauseWithin, own.PauseWithin, Duration(24*time.Hour))
	p.Batch = max(1, min(cmp.Or(p.Batch, own.Batch), max(1, own.Batch)))
	p.Parallel = max(1, cmp.Or(p.Parallel, own.Parallel))
	return p
}

func (p CallbackPolicy) validate() error {
	for _, d := range append([]Duration{p.Lag, p.Timeout, p.PauseWithin}, p.Retries...) {
		if d < 0 {
			return errors.New("a time must not be negative")
		}
	}
	if p.PauseAfter < 0 || p.Batch < 0 || p.Parallel < 0 || p.Status != 0 && (p.Status < 100 || p.Status > 599) {
		return errors.New("a number is out of its range")
	}
	return nil
}

// mainHook is the id of a webhook that has none.
const mainHook = "main"

// SetWebhook sets where a vendor's callbacks go: a new webhook, or another
// form of the one with the same id. It ends a pause. With a Dir the setting
// outlives a restart. The first webhook of a vendor makes it tell of what
// happens from then on.
func (s *Sim) SetWebhook(w Webhook) error {
	w.ID = cmp.Or(w.ID, mainHook)
	if _, err := s.webhookOf(w); err != nil {
		return err
	}
	s.mu.Lock()
	position, err := s.put(&record{Vendor: w.Vendor, Webhook: &w})
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.journal.wait(position)
}

// webhookOf returns the vendor of a webhook that is complete.
func (s *Sim) webhookOf(w Webhook) (*instance, error) {
	wrong := func(what string) error { return fmt.Errorf("vendorsim: webhook %s of %s: %s", w.ID, w.Vendor, what) }
	in := s.vendors[w.Vendor]
	if in == nil {
		return nil, fmt.Errorf("vendorsim: webhook: no vendor %q here", w.Vendor)
	}
	n := in.notifier()
	if n == nil {
		return nil, wrong("the vendor sends no callbacks")
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrong("want an http or https URL")
	}
	if w.Secret == "" {
		return nil, wrong("it has no secret")
	}
	if _, formats := n.sends(); !slices.Contains(formats, cmp.Or(w.Format, formats[0])) {
		return nil, wrong(fmt.Sprintf("no format %q, there are %q", w.Format, formats))
	}
	if w.Mode != "" && w.Mode.Validate() != nil {
		return nil, wrong("want mode test, live or none")
	}
	if err := w.Policy.validate(); err != nil {
		return nil, wrong("policy: " + err.Error())
	}
	return in, nil
}

// PauseWebhook disables or enables a webhook; an empty id means "main".
func (s *Sim) PauseWebhook(vendor, id string, on bool) error {
	id = cmp.Or(id, mainHook)
	for _, w := range s.Webhooks() {
		if w.Vendor == vendor && w.ID == id {
			w.Disabled = on
			return s.SetWebhook(w.Webhook)
		}
	}
	return fmt.Errorf("vendorsim: vendor %q has no webhook %q", vendor, id)
}

// WebhookState is a webhook as it is.
type WebhookState struct {
	Webhook

	// PausedAt is when failures stopped it; zero when they have not.
	PausedAt time.Time `json:"paused_at,omitzero"`
	// Pending is how many events wait for their next attempt.
	Pending int `json:"pending"`
}

// Webhooks returns the webhooks of all vendors.
func (s *Sim) Webhooks() []WebhookState {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []WebhookState
	for _, in := range s.order {
		for _, h := range in.hooks {
			out = append(out, WebhookState{h.Webhook, h.pausedAt, len(h.queue) + h.flying})
		}
	}
	return out
}

// setWebhooks sets the webhooks of the configuration, where they are not set
// already.
func (s *Sim) setWebhooks(configured []Webhook) error {
	for _, w := range configured {
		w.ID = cmp.Or(w.ID, mainHook)
		if slices.ContainsFunc(s.Webhooks(), func(old WebhookState) bool { return reflect.DeepEqual(old.Webhook, w) }) {
			continue // as it was: a pause goes on
		}
		if err := s.SetWebhook(w); err != nil {
			return err
		}
	}
	return nil
}

// hook is a webhook at work. The simulator's mutex guards it.
type hook struct {
	Webhook

	in       *instance
	policy   CallbackPolicy // complete
	pausedAt time.Time
	failures []time.Time // the latest ones
	queue    deliveryQueue
	flying   int // deliveries under way
	workers  int
	wake     chan struct{}
}

func (h *hook) off() bool { return h.Disabled || !h.pausedAt.IsZero() }

// wants reports whether the event is sent to the webhook at all.
func (h *hook) wants(e *event) bool {
	return (h.Mode == "" || h.Mode == e.o.Mode) && (h.Types == nil || slices.Contains(h.Types, e.Type))
}

// applyWebhook sets a webhook up, or changes the one with its id. A wire whose
// API makes webhooks calls it when it applies a change of its own state; what
// it gives is complete and right. The caller holds the lock.
func (in *instance) applyWebhook(w *Webhook, at time.Time) {
	own, _ := in.notifier().sends()
	i := slices.IndexFunc(in.hooks, func(h *hook) bool { return h.ID == w.ID })
	if i < 0 {
		i = len(in.hooks)
		in.hooks = append(in.hooks, &hook{in: in, wake: make(chan struct{}, 1)})
	}
	h := in.hooks[i]
	h.Webhook, h.policy = *w, w.Policy.over(own)
	h.pausedAt, h.failures = time.Time{}, nil
	if h.off() {
		h.drop()
	}
	if in.since.IsZero() {
		in.since = at
		for _, o := range in.orders { // what is past is not told
			for _, m := range in.moments(o) {
				if !m.At.After(at) {
					o.told++
				}
			}
			in.schedule(o)
		}
	}
	wakeUp(h.wake)
	in.sim.poke() // a new one needs a worker
	in.sim.stir()
}

// drop gives up what waits to be sent.
func (h *hook) drop() {
	for _, d := range h.queue {
		d.index = -1
		if d.state = StateDropped; !d.acknowledged.IsZero() {
			d.state = StateAcknowledged
		}
		d.event.tried()
	}
	h.queue = nil
}
