package vendorsim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/postproof/postproof"
)

// pgHook is a webhook in one version: from a change of it to the next.
type pgHook struct {
	Num           int             `json:"num"`
	ID            string          `json:"id"`
	Mode          postproof.Mode  `json:"mode"`
	URL           string          `json:"url"`
	Secret        string          `json:"secret,omitempty"`
	PayloadFormat string          `json:"payloadFormat"` // jwt or json
	EnabledEvents []string        `json:"enabledEvents"`
	Enabled       bool            `json:"enabled"`
	Description   string          `json:"description,omitempty"`
	Metadata      json.RawMessage `json:"metadata,omitempty"`
	Deleted       bool            `json:"deleted,omitempty"`
	Created       time.Time       `json:"created"`

	from, until time.Time // until is zero in the version that stands
}

// putHook adds a version and ends the one before. The caller holds the lock.
func (p *postgrid) putHook(at time.Time, h *pgHook) {
	for _, old := range p.hooks {
		if old.ID == h.ID && old.until.IsZero() {
			old.until = at
		}
	}
	h.from = at
	p.hooks = append(p.hooks, h)
	p.in.applyWebhook(&Webhook{
		Vendor: p.in.name, ID: h.ID, URL: h.URL, Secret: h.Secret, Format: h.PayloadFormat, Mode: h.Mode,
		Types: h.EnabledEvents, Disabled: h.Deleted || !h.Enabled,
	}, at)
}

// hooksFor returns the webhooks that listened for a type of event at the time.
// The caller holds the lock.
func (p *postgrid) hooksFor(mode postproof.Mode, name string, at time.Time) []*pgHook {
	var out []*pgHook
	for _, h := range p.hooks {
		if h.Mode == mode && h.Enabled && !h.Deleted && !at.Before(h.from) && (h.until.IsZero() || at.Before(h.until)) &&
			slices.Contains(h.EnabledEvents, name) {
			out = append(out, h)
		}
	}
	return out
}

// standing returns the webhooks of a mode as they are now. The caller holds the
// lock.
func (p *postgrid) standing(mode postproof.Mode) []*pgHook {
	var out []*pgHook
	for _, h := range p.hooks {
		if h.Mode == mode && h.until.IsZero() && !h.Deleted {
			out = append(out, h)
		}
	}
	return out
}

func (h *pgHook) object() map[string]any {
	out := map[string]any{
		"id": h.ID, "object": "webhook", "live": h.Mode == postproof.ModeLive, "url": h.URL, "enabled": h.Enabled,
		"enabledEvents": h.EnabledEvents, "payloadFormat": h.PayloadFormat, "secret": h.Secret,
		"createdAt": lobTimestamp(h.Created), "updatedAt": lobTimestamp(h.from),
	}
	if h.Description != "" {
		out["description"] = h.Description
	}
	if h.Metadata != nil {
		out["metadata"] = h.Metadata
	}
	return out
}

// webhook answers the requests about webhooks. Faults do not strike them.
func (p *postgrid) webhook(w http.ResponseWriter, r *http.Request, mode postproof.Mode, at pgPath) {
	switch {
	case at.action != "":
		pgNoEndpoint().write(w)
	case r.Method == http.MethodGet && at.id == "":
		p.listHooks(w, r, mode)
	case r.Method == http.MethodGet:
		if old := p.hook(mode, at.id); old != nil {
			writeJSON(w, http.StatusOK, old.object())
			return
		}
		pgNotFound("webhook").write(w)
	case r.Method == http.MethodPost:
		p.changeHook(w, r, mode, at.id)
	case r.Method == http.MethodDelete && at.id != "":
		p.deleteHook(w, mode, at.id)
	default:
		pgNoEndpoint().write(w)
	}
}

func (p *postgrid) listHooks(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	page, problem := pgPageOf(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	p.in.sim.mu.Lock()
	all := p.standing(mode)
	from, to := page.bounds(len(all))
	var data []any
	for _, h := range all[from:to] {
		data = append(data, h.object())
	}
	p.in.sim.mu.Unlock()
	writeJSON(w, http.StatusOK, pgList(data, page))
}

// hook returns a copy of a webhook as it is now; nil when there is none.
func (p *postgrid) hook(mode postproof.Mode, id string) *pgHook {
	p.in.sim.mu.Lock()
	defer p.in.sim.mu.Unlock()
	for _, h := range p.standing(mode) {
		if h.ID == id {
			view := *h
			return &view
		}
	}
	return nil
}

// pgHookBody is a request to make or change a webhook: what is absent stays.
type pgHookBody struct {
	URL           *string         `json:"url"`
	Secret        *string         `json:"secret"`
	PayloadFormat *string         `json:"payloadFormat"`
	EnabledEvents []string        `json:"enabledEvents"`
	Enabled       *bool           `json:"enabled"`
	Description   *string         `json:"description"`
	Metadata      json.RawMessage `json:"metadata"`
}

func (b *pgHookBody) into(h *pgHook) {
	set := func(into, value *string) {
		if value != nil {
			*into = *value
		}
	}
	set(&h.URL, b.URL)
	set(&h.Secret, b.Secret)
	set(&h.PayloadFormat, b.PayloadFormat)
	set(&h.Description, b.Description)
	if b.EnabledEvents != nil {
		h.EnabledEvents = b.EnabledEvents
	}
	if b.Enabled != nil {
		h.Enabled = *b.Enabled
	}
	if b.Metadata != nil {
		h.Metadata = b.Metadata
	}
}

// validate wants an https URL, but lets a receiver on this machine be reached
// without.
func (h *pgHook) validate() *problem {
	u, err := url.Parse(h.URL)
	local := err == nil && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost")
	known := pgEventTypes()
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !local)):
		return pgInvalid("url must be an https URL")
	case h.PayloadFormat != "jwt" && h.PayloadFormat != "json":
		return pgInvalid("payloadFormat must be jwt or json")
	case len(strings.Join(strings.FieldsFunc(h.Secret, unicode.IsSpace), "")) < 20:
		return pgInvalid("secret must have at least 20 non-whitespace characters")
	case len(h.EnabledEvents) == 0 || slices.ContainsFunc(h.EnabledEvents, func(t string) bool { return !slices.Contains(known, t) }):
		return pgInvalid("enabledEvents must be types of events")
	}
	return nil
}

func pgEventTypes() []string {
	out := []string{"tracker.visited", "virtual_mailbox_item.created", "postal_statement.created"}
	const resources = "letter postcard self_mailer cheque box snap_pack return_envelope_order campaign document" //nolint:misspell // the vendor's word
	for resource := range strings.FieldsSeq(resources) {
		out = append(out, resource+".created", resource+".updated")
	}
	return out
}

// pgHookOf reads a body in any of the three encodings: the first official library sends
// forms.
func pgHookOf(r *http.Request) (*pgHookBody, *problem) {
	f, problem := pgParse(r)
	if problem != nil {
		return nil, problem
	}
	if text, ok := f.top["enabled"].(string); ok { // of a form
		f.top["enabled"] = text == "true"
	}
	var change pgHookBody
	raw, err := json.Marshal(f.top)
	if err != nil || json.Unmarshal(raw, &change) != nil {
		return nil, pgInvalid("the request body could not be read")
	}
	return &change, nil
}

// changeHook makes a webhook, or changes the one with the id.
func (p *postgrid) changeHook(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id string) {
	change, problem := pgHookOf(r)
	if problem != nil {
		problem.write(w)
		return
	}
	s := p.in.sim
	s.mu.Lock()
	now := s.advance()
	h := &pgHook{Mode: mode, Enabled: true, PayloadFormat: "jwt", Created: now}
	if id != "" {
		i := slices.IndexFunc(p.standing(mode), func(h *pgHook) bool { return h.ID == id })
		if i < 0 {
			s.mu.Unlock()
			pgNotFound("webhook").write(w)
			return
		}
		*h = *p.standing(mode)[i]
	} else {
		h.Num = 1
		for _, other := range p.hooks {
			h.Num = max(h.Num, other.Num+1)
		}
		h.ID = "webhook_" + p.in.hexID("webhook", h.Num)
		h.Secret = "whsec_" + p.in.hexID("secret"+strconv.Itoa(h.Num), h.Num) // of the vendor's making when none is given
	}
	change.into(h)
	if problem := h.validate(); problem != nil {
		s.mu.Unlock()
		problem.write(w)
		return
	}
	p.saveHook(w, now, h, http.StatusOK)
}

func (p *postgrid) deleteHook(w http.ResponseWriter, mode postproof.Mode, id string) {
	s := p.in.sim
	s.mu.Lock()
	now := s.advance()
	i := slices.IndexFunc(p.standing(mode), func(h *pgHook) bool { return h.ID == id })
	if i < 0 {
		s.mu.Unlock()
		pgNotFound("webhook").write(w)
		return
	}
	h := *p.standing(mode)[i]
	h.Deleted = true
	p.saveHook(w, now, &h, http.StatusOK)
}

// saveHook writes the change and answers when it is on disk. It is called with
// the lock, and gives it up.
func (p *postgrid) saveHook(w http.ResponseWriter, now time.Time, h *pgHook, status int) {
	s := p.in.sim
	position, err := p.in.putState(now, pgState{Hook: h})
	s.mu.Unlock()
	if err == nil {
		err = s.journal.wait(position)
	}
	switch {
	case err != nil:
		p.fail(w, http.StatusInternalServerError)
	case h.Deleted:
		writeJSON(w, status, map[string]any{"id": h.ID, "object": "webhook", "deleted": true})
	default:
		view := p.hook(h.Mode, h.ID)
		if view == nil {
			p.fail(w, http.StatusInternalServerError)
			return
		}
		writeJSON(w, status, view.object())
	}
}
