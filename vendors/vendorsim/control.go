package vendorsim

import (
	"encoding/json"
	"net/http"
	"time"
)

// Info is what GET /_sim/info answers.
type Info struct {
	Vendors  []VendorInfo `json:"vendors"`
	Seed     uint64       `json:"seed"`
	Faults   Plan         `json:"faults"`
	PrintLog string       `json:"print_log"`
	Clock    ClockInfo    `json:"clock"`
}

// VendorInfo tells a client how to reach a simulated vendor.
type VendorInfo struct {
	Name string `json:"name"`
	API  string `json:"api"`
	// URL is the base that the vendor's own base URL is replaced by; the
	// vendor's paths follow it.
	URL         string       `json:"url"`
	Credentials []Credential `json:"credentials"`
}

// ClockInfo is what GET and POST /_sim/clock answer. Scale is 1 and Anchor nil
// when the simulator runs on a clock that it cannot move.
type ClockInfo struct {
	Now    time.Time `json:"now"`
	Scale  float64   `json:"scale"`
	Anchor *Anchor   `json:"anchor,omitempty"`
}

func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	for _, in := range s.order {
		prefix := "/" + in.name
		mux.Handle(prefix+"/", http.StripPrefix(prefix, in))
	}
	mux.HandleFunc("GET /_sim/info", s.serveInfo)
	mux.HandleFunc("GET /_sim/prints", s.servePrints)
	mux.HandleFunc("GET /_sim/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Stats()) })
	mux.HandleFunc("POST /_sim/outage", s.serveOutage)
	mux.HandleFunc("GET /_sim/clock", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.clockInfo()) })
	mux.HandleFunc("POST /_sim/clock", s.serveClock)
	mux.HandleFunc("GET /_sim/events", s.serveEvents)
	mux.HandleFunc("GET /_sim/webhooks", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Webhooks()) })
	mux.HandleFunc("POST /_sim/webhooks", s.serveSetWebhook)
	mux.HandleFunc("POST /_sim/webhooks/pause", s.servePauseWebhook)
	return mux
}

func (s *Sim) serveInfo(w http.ResponseWriter, r *http.Request) {
	info := Info{Seed: s.seed, Faults: s.plan, PrintLog: s.logPath, Clock: s.clockInfo()}
	for _, in := range s.order {
		info.Vendors = append(info.Vendors, VendorInfo{
			Name: in.name, API: in.api, URL: baseURL(r) + "/" + in.name, Credentials: in.wire.credentials(),
		})
	}
	writeJSON(w, http.StatusOK, info)
}

func (s *Sim) servePrints(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	s.advance()
	lines, position := s.prints, s.journal.position()
	s.mu.Unlock()
	if err := s.journal.wait(position); err != nil {
		http.Error(w, "the state cannot be written", http.StatusInternalServerError)
		return
	}
	b, err := encodeLines(lines)
	if err != nil {
		http.Error(w, "the print log cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	_, _ = w.Write(b)
}

func (s *Sim) serveOutage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Vendor string `json:"vendor"`
		Kind   Outage `json:"kind"`
		On     bool   `json:"on"`
	}
	if !readControl(w, r, &in) {
		return
	}
	if err := s.SetOutage(in.Vendor, in.Kind, in.On); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) clockInfo() ClockInfo {
	info := ClockInfo{Now: s.clock.Now().UTC(), Scale: 1}
	if c, ok := s.clock.(*Clock); ok {
		a := c.Anchor()
		info.Anchor, info.Scale = &a, a.Scale
	}
	return info
}

func (s *Sim) serveClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Now     *time.Time `json:"now"`
		Scale   *float64   `json:"scale"`
		Advance Duration   `json:"advance"`
	}
	if !readControl(w, r, &in) {
		return
	}
	c, ok := s.clock.(*Clock)
	if !ok {
		writeJSON(w, http.StatusConflict, map[string]string{"error": "the simulator runs on a clock that cannot be moved"})
		return
	}
	if in.Now != nil {
		c.Set(*in.Now)
	}
	if in.Scale != nil {
		c.SetScale(*in.Scale)
	}
	c.Advance(time.Duration(in.Advance))
	s.poke()
	writeJSON(w, http.StatusOK, s.clockInfo())
}

func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := readBody(r, 1<<16)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "the body is not the JSON that is expected"})
	}
	return err == nil
}
