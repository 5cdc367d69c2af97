package vendorsim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof"
)

// pgPage is a page of a list, and what the list says of itself.
type pgPage struct{ skip, limit, total int }

func pgPageOf(values url.Values) (pgPage, *problem) {
	page := pgPage{limit: 10}
	for name, into := range map[string]*int{"skip": &page.skip, "limit": &page.limit} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || (name == "limit" && (n < 1 || n > 100)) {
			return page, pgInvalid(name + " is out of range")
		}
		*into = n
	}
	return page, nil
}

// bounds counts what there is, and returns which of it is on the page.
func (p *pgPage) bounds(total int) (from, to int) {
	p.total = total
	from = min(p.skip, total)
	return from, min(from+p.limit, total)
}

func pgList(data []any, page pgPage) map[string]any {
	if data == nil {
		data = []any{}
	}
	return map[string]any{"object": "list", "data": data, "skip": page.skip, "limit": page.limit, "totalCount": page.total}
}

// pgSearch is a search: for a text anywhere, or for the values of fields.
type pgSearch struct {
	text    string
	escaped []byte // as it stands in JSON
	fields  map[string]any
}

// pgSearchOf reads a search. One that is JSON is structured, as PostGrid's OpenAPI file
// has it: {"metadata.campaignID": "abc"}.
func pgSearchOf(values url.Values) pgSearch {
	text := values.Get("search")
	if strings.HasPrefix(text, "{") {
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) == nil {
			return pgSearch{text: text, fields: fields}
		}
	}
	if unquoted, ok := strings.CutPrefix(text, `"`); ok {
		text = strings.TrimSuffix(unquoted, `"`)
	}
	escaped, err := json.Marshal(text)
	if err != nil {
		escaped = []byte(`""`) // a string always encodes
	}
	return pgSearch{text: text, escaped: escaped[1 : len(escaped)-1]}
}

// match reports whether the order shows the text anywhere, or was made with the fields.
func (s pgSearch) match(o *order) bool {
	if s.fields == nil {
		return s.text == "" || strings.Contains(o.ID, s.text) || bytes.Contains(o.Data, s.escaped)
	}
	var shown map[string]any
	if json.Unmarshal(o.Data, &shown) != nil {
		return false
	}
	for path, want := range s.fields {
		var at any = shown
		for name := range strings.SplitSeq(path, ".") {
			object, _ := at.(map[string]any)
			at = object[name]
		}
		if at == nil || !reflect.DeepEqual(at, want) {
			return false
		}
	}
	return true
}

// list answers GET on a product, newest first.
func (p *postgrid) list(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind pgKind) {
	in := p.in
	page, problem := pgPageOf(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	search := pgSearchOf(r.URL.Query())
	ref := search.text
	if ref == "" {
		ref = "list"
	}
	dec := in.decide(opList, ref)
	if !in.before(w, r, dec) {
		return
	}
	if dec.is(ListUnfiltered) {
		search = pgSearch{}
	}
	views, now, err := in.query(p.indexFor(kind, search.text), func(o *order) bool {
		return o.Kind == kind.path && (o.Mode == mode || dec.is(ListOtherMode)) && !dec.is(ListEmpty) && search.match(o)
	}, func(found []*order) []*order {
		slices.Reverse(found)
		from, to := page.bounds(len(found))
		return found[from:to]
	})
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	data := make([]any, 0, len(views))
	for _, o := range views {
		data = append(data, p.object(o, kind, now))
	}
	in.answer(w, r, dec, http.StatusOK, pgList(data, page))
}

// indexFor returns the index of a text that is the whole of a description or of
// a metadata value of some order; empty when all orders have to be looked at.
func (p *postgrid) indexFor(kind pgKind, text string) string {
	name := pgIndex(kind, text)
	p.in.sim.mu.Lock()
	defer p.in.sim.mu.Unlock()
	if text == "" || len(p.in.index[name]) == 0 {
		return ""
	}
	return name
}

// pgEvent is an entry of the event log.
type pgEvent struct {
	o     *order
	kind  pgKind
	n     int // of the order's
	at    time.Time
	state pgSnapshot
	name  string // the type
	// fields are those that changed.
	fields map[string]any
}

// eventsOf returns what happened to an order until the time, oldest first: what
// the event log shows, and what is sent to the webhooks that hooksFor returns. The
// caller holds the lock, and the order is its own or a copy.
func (p *postgrid) eventsOf(o *order, until time.Time) []pgEvent {
	kind, ok := pgKindOf(o.Kind)
	if !ok {
		return nil
	}
	var out []pgEvent
	for n, c := range p.changes(o, pgDataOf(o)) {
		if c.at.After(until) {
			break
		}
		e := pgEvent{o: o, kind: kind, n: n, at: c.at, state: p.stateAt(o, c.at), name: kind.object + ".updated", fields: map[string]any{}}
		if n == 0 {
			e.name = kind.object + ".created"
		}
		if c.status != "" && n > 0 {
			e.fields["status"] = c.status
		}
		if c.imb != "" {
			e.fields["imbStatus"] = c.imb
		}
		out = append(out, e)
	}
	return out
}

// eventObject is the event as the log shows it, and as a webhook sends it.
func (p *postgrid) eventObject(e pgEvent) map[string]any {
	return map[string]any{
		"id": p.eventID(e.o, e.n), "object": "event", "type": e.name,
		"live": e.o.Mode == postproof.ModeLive, "createdAt": lobTimestamp(e.at),
		"data": p.objectIn(e.o, e.kind, e.state, e.at), "updatedFields": e.fields,
	}
}

// listEvents answers GET /events, newest first.
func (p *postgrid) listEvents(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	in := p.in
	values := r.URL.Query()
	page, problem := pgPageOf(values)
	if problem != nil {
		problem.write(w)
		return
	}
	// The official libraries put commas between the members of a list.
	types := strings.FieldsFunc(strings.Join(slices.Concat(values["type"], values["type[]"]), ","), func(r rune) bool { return r == ',' })
	dec := in.decide(opList, "events")
	if !in.before(w, r, dec) {
		return
	}
	if dec.is(ListUnfiltered) {
		types = nil
	}
	var shown []pgEvent
	now := in.sim.now()
	_, _, err := in.query("", func(o *order) bool {
		return (o.Mode == mode || dec.is(ListOtherMode)) && !dec.is(ListEmpty)
	}, func(found []*order) []*order {
		var all []pgEvent
		told := p.told()
		for _, o := range found {
			view := *o // what follows reads it without the lock
			for _, e := range p.eventsOf(&view, now) {
				listened := p.cfg.LogAllEvents || told[p.eventID(o, e.n)] || len(p.hooksFor(o.Mode, e.name, e.at)) > 0
				if listened && (len(types) == 0 || slices.Contains(types, e.name)) {
					all = append(all, e)
				}
			}
		}
		slices.SortStableFunc(all, func(a, b pgEvent) int { return b.at.Compare(a.at) })
		from, to := page.bounds(len(all))
		shown = all[from:to]
		var orders []*order
		for _, e := range shown {
			orders = append(orders, e.o)
		}
		return orders // that have to be on disk
	})
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	data := make([]any, 0, len(shown))
	for _, e := range shown {
		data = append(data, p.eventObject(e))
	}
	in.answer(w, r, dec, http.StatusOK, pgList(data, page))
}
