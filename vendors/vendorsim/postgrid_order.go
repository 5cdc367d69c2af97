package vendorsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// create answers POST on a product.
func (p *postgrid) create(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind pgKind) {
	in := p.in
	d, problem := p.draft(r, mode, kind)
	dec := in.decide(opSend, lobFaultRef(d))
	if problem != nil {
		drain(r)
		in.reject(w, dec, problem.status, problem.body)
		return
	}
	if !in.before(w, r, dec) {
		return
	}
	o, _, err := in.accept(d, dec)
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	view, now, err := in.get(mode, kind.path, o.ID)
	if err != nil || view == nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	in.answer(w, r, dec, http.StatusCreated, p.object(view, kind, now))
}

// draft reads and validates an order.
func (p *postgrid) draft(r *http.Request, mode postproof.Mode, kind pgKind) (*draft, *problem) {
	fields, problem := pgParse(r)
	if problem != nil {
		return nil, problem
	}
	data, problem := pgValidate(fields, kind)
	if problem != nil {
		return nil, problem
	}
	d := &draft{keyTTL: p.cfg.KeyTTL}
	d.Mode, d.Kind, d.Ref = mode, kind.path, p.ref(data)
	d.Digest = fields.digest(kind.path)
	d.Recipients = []string{data.To.digest()}
	if key := r.Header.Get("Idempotency-Key"); key != "" && p.cfg.IdempotencyKeys {
		d.Key = lobScope(mode, kind.path, key)
	}
	if data.Description != "" {
		d.Index = append(d.Index, pgIndex(kind, data.Description))
	}
	for name := range data.Metadata {
		if v := data.pair(name); v != "" && v != data.Description {
			d.Index = append(d.Index, pgIndex(kind, v))
		}
	}
	d.id = func(num int, _ time.Time) string { return kind.object + "_" + p.in.hexID(kind.object, num) }
	d.data = func(o *order) any {
		if data.SendDate.IsZero() {
			data.SendDate = o.Created
		}
		data.PrintAt = p.printAt(data.SendDate, o.Created)
		return data
	}
	return d, nil
}

// pair returns a text in the metadata.
func (d *pgData) pair(name string) string {
	var v string
	if json.Unmarshal(d.Metadata[name], &v) != nil {
		return ""
	}
	return v
}

func (p *postgrid) ref(d *pgData) string {
	for _, name := range p.cfg.RefKeys {
		if v := d.pair(name); v != "" {
			return v
		}
	}
	return d.Description
}

// pgIndex names a text for searches.
func pgIndex(kind pgKind, text string) string { return kind.path + "\x00" + text }

// printAt is the midnight that ends the send date, never in the past.
func (p *postgrid) printAt(sendDate, created time.Time) time.Time {
	if sendDate.Before(created) {
		sendDate = created
	}
	y, m, d := sendDate.In(p.zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, p.zone).UTC()
}

// preview is an order's link alone, which an add-on of PostGrid's has for those who look
// often.
func (p *postgrid) preview(o *order, kind pgKind, at time.Time) map[string]any {
	return map[string]any{"id": o.ID, "object": kind.object, "url": p.link(o, "preview", at)}
}

// retrieve answers GET on an order, with what is shown of it.
func (p *postgrid) retrieve(
	w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind pgKind, id string, show func(*order, pgKind, time.Time) map[string]any,
) {
	dec := p.in.decide(opRead, p.in.refOf(id))
	if !p.in.before(w, r, dec) {
		return
	}
	view, now, err := p.in.get(mode, kind.path, id)
	switch {
	case err != nil:
		p.fail(w, http.StatusInternalServerError)
	case view == nil:
		p.in.reject(w, dec, http.StatusNotFound, pgNotFound(kind.object).body)
	default:
		p.in.answer(w, r, dec, http.StatusOK, show(view, kind, now))
	}
}

// cancel answers DELETE on an order, and POST on its cancellation with a note,
// which is not kept. What is canceled cannot be canceled again.
func (p *postgrid) cancel(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind pgKind, id string) {
	in := p.in
	dec := in.decide(opCancel, in.refOf(id))
	if !in.before(w, r, dec) {
		return
	}
	view, _, err := in.get(mode, kind.path, id)
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	if view == nil {
		in.reject(w, dec, http.StatusNotFound, pgNotFound(kind.object).body)
		return
	}
	late := pgProblem(http.StatusUnprocessableEntity, kind.object+"_not_cancellable_error", "only what is ready can be cancelled")
	if dec.is(CancelCutoff) {
		in.keep(dec)
		late.write(w)
		return
	}
	err = in.end(view.ID, void{Reason: reasonCanceled, Canceled: true}, dec, func(o *order, now time.Time) error {
		if p.stateAt(o, now).status != "ready" {
			return late
		}
		return nil
	})
	switch {
	case errors.Is(err, late):
		in.reject(w, dec, late.status, late.body)
		return
	case err == nil:
		var now time.Time
		if view, now, err = in.get(mode, kind.path, id); err == nil && view != nil {
			in.answer(w, r, dec, http.StatusOK, p.object(view, kind, now))
			return
		}
	}
	p.fail(w, http.StatusInternalServerError)
}

// step answers POST on an order's progressions: the next status, in test mode.
func (p *postgrid) step(w http.ResponseWriter, _ *http.Request, mode postproof.Mode, kind pgKind, id string) {
	in, s := p.in, p.in.sim
	refused := pgProblem(http.StatusUnprocessableEntity, "invalid_progression_error", "the order cannot be progressed")
	s.mu.Lock()
	now := s.advance()
	o := in.byID[id]
	var err error
	var position uint64
	found := o != nil && o.Mode == mode && o.Kind == kind.path
	if found && (mode != postproof.ModeTest || p.stateAt(o, now).ended()) {
		s.mu.Unlock()
		refused.write(w)
		return
	}
	if found {
		if position, err = in.putState(now, pgState{Progress: id}); err == nil {
			o.position = position
		}
	}
	s.mu.Unlock()
	if !found {
		pgNotFound(kind.object).write(w)
		return
	}
	if err == nil {
		err = s.journal.wait(position)
	}
	view, now, readErr := in.get(mode, kind.path, id)
	if err = errors.Join(err, readErr); err != nil || view == nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, p.object(view, kind, now))
}

// pgState is a change of what is no order.
type pgState struct {
	// Progress is the id of a test order that was progressed.
	Progress string `json:"progress,omitempty"`
	// Hook is a webhook as it is from now on.
	Hook *pgHook `json:"hook,omitempty"`
}

// applyState implements [stateful].
func (p *postgrid) applyState(at time.Time, raw json.RawMessage) {
	var change pgState
	if err := json.Unmarshal(raw, &change); err != nil {
		panic("vendorsim: state: " + err.Error()) // this package wrote it
	}
	if change.Progress != "" {
		p.progress[change.Progress] = append(p.progress[change.Progress], at)
		if o := p.in.byID[change.Progress]; o != nil {
			o.natural = nil // it has another future
			p.in.schedule(o)
		}
	}
	if change.Hook != nil {
		p.putHook(at, change.Hook)
	}
}

func pgDataOf(o *order) *pgData {
	var d pgData
	if err := json.Unmarshal(o.Data, &d); err != nil {
		panic("vendorsim: order data: " + err.Error()) // this package wrote it
	}
	return &d
}
