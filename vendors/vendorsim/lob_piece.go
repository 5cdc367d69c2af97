package vendorsim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postproof/postproof"
)

// create answers POST /v1/<resource>.
func (l *lob) create(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind lobKind) {
	in := l.in
	key, problem := lobKey(r)
	var dec *decision
	if key != "" {
		dec = in.decide(opSend, key)
		if in.refuseEarly(w, dec) {
			return
		}
	}
	var d *draft
	if problem == nil {
		d, problem = l.draft(r, mode, kind, key)
	}
	if dec == nil {
		dec = in.decide(opSend, lobFaultRef(d))
	}
	if problem != nil {
		drain(r)
		in.reject(w, dec, problem.status, problem.body)
		return
	}
	if !in.before(w, r, dec) {
		return
	}
	o, result, err := in.accept(d, dec)
	switch {
	case err != nil:
		l.fail(w, http.StatusInternalServerError)
		return
	case result == replayed && l.cfg.ConflictOnChange && o.Digest != d.Digest:
		in.reject(w, dec, http.StatusUnprocessableEntity, lobProblem(http.StatusUnprocessableEntity, "conflict",
			"the idempotency key was used with another request").body)
		return
	}
	view, now, err := in.get(mode, kind.path, o.ID)
	if err != nil || view == nil {
		l.fail(w, http.StatusInternalServerError)
		return
	}
	in.answer(w, r, dec, http.StatusOK, l.object(view, kind, now))
}

// lobKey returns the idempotency key; more than one is an error.
func lobKey(r *http.Request) (string, *problem) {
	query := r.URL.Query()
	var keys []string
	keys = append(keys, r.Header.Values("Idempotency-Key")...)
	keys = append(keys, query["idempotency_key"]...)
	keys = append(keys, query["idempotency-key"]...)
	switch {
	case len(keys) == 0:
		return "", nil
	case len(keys) > 1:
		return "", lobProblem(http.StatusUnprocessableEntity, "bad_request", "only one idempotency key may be given")
	case len(keys[0]) > 256:
		return "", lobProblem(http.StatusUnprocessableEntity, "bad_request", "the idempotency key is longer than 256 characters")
	}
	return keys[0], nil
}

func lobFaultRef(d *draft) string {
	switch {
	case d == nil:
		return ""
	case d.Ref != "":
		return d.Ref
	default:
		return d.Digest
	}
}

// draft reads and validates a submission.
func (l *lob) draft(r *http.Request, mode postproof.Mode, kind lobKind, key string) (*draft, *problem) {
	fields, problem := lobParse(r, l.cfg.MaxFile)
	if problem != nil {
		return nil, problem
	}
	data, problem := lobValidate(fields, kind, r.Header.Get("Lob-Version"), l.in.sim.now())
	if problem != nil {
		return nil, problem
	}
	d := &draft{keyTTL: l.cfg.KeyTTL}
	d.Mode, d.Kind = mode, kind.path
	d.Digest = fields.digest(kind.path)
	d.Recipients = []string{data.To.digest()}
	for _, name := range l.cfg.RefKeys {
		if d.Ref = data.Metadata[name]; d.Ref != "" {
			break
		}
	}
	if key != "" {
		d.Key = lobScope(mode, kind.path, key)
	}
	for k, v := range data.Metadata {
		d.Index = append(d.Index, lobMetadataIndex(kind.path, k, v))
	}
	d.id = func(num int, _ time.Time) string { return kind.prefix + l.in.hexID(kind.prefix, num) }
	d.data = func(o *order) any {
		if data.SendDate.IsZero() {
			data.SendDate = o.Created.Add(l.cfg.CancelWindow)
		}
		return data
	}
	return d, nil
}

func lobScope(mode postproof.Mode, path, key string) string {
	return string(mode) + "/" + path + "/" + key
}

// lobMetadataIndex names a pair for look-ups; the mode is compared later, so
// that a list can be made to show the other one.
func lobMetadataIndex(path, k, v string) string { return path + "/" + k + "\x00" + v }

// hexID returns 16 hexadecimal digits that belong to the order for ever.
func (in *instance) hexID(what string, num int) string {
	b := make([]byte, 16, 64)
	binary.LittleEndian.PutUint64(b, in.sim.seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(num))
	b = append(append(append(b, in.name...), '/'), what...)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// retrieve answers GET /v1/<resource>/<id>.
func (l *lob) retrieve(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind lobKind, id string) {
	dec := l.in.decide(opRead, l.in.refOf(id))
	if !l.in.before(w, r, dec) {
		return
	}
	view, now, err := l.in.get(mode, kind.path, id)
	switch {
	case err != nil:
		l.fail(w, http.StatusInternalServerError)
	case view == nil:
		l.in.reject(w, dec, http.StatusNotFound, lobNotFound(kind).body)
	default:
		l.in.answer(w, r, dec, http.StatusOK, l.object(view, kind, now))
	}
}

func lobNotFound(kind lobKind) *problem {
	return lobProblem(http.StatusNotFound, "not_found", kind.object+" not found")
}

// cancel answers DELETE /v1/<resource>/<id>. A piece that is canceled already
// is answered in the same way again.
func (l *lob) cancel(w http.ResponseWriter, r *http.Request, mode postproof.Mode, kind lobKind, id string) {
	in := l.in
	dec := in.decide(opCancel, in.refOf(id))
	if !in.before(w, r, dec) {
		return
	}
	view, _, err := in.get(mode, kind.path, id)
	if err != nil {
		l.fail(w, http.StatusInternalServerError)
		return
	}
	if view == nil {
		in.reject(w, dec, http.StatusNotFound, lobNotFound(kind).body)
		return
	}
	late := lobProblem(http.StatusUnprocessableEntity, "not_deletable", kind.object+" can no longer be canceled")
	if dec.is(CancelCutoff) {
		in.keep(dec)
		late.write(w)
		return
	}
	data := l.data(view)
	err = in.end(view.ID, void{Reason: reasonCanceled, Canceled: true}, dec, func(o *order, now time.Time) error {
		if o.void == nil && !now.Before(data.SendDate) || o.failed() {
			return late
		}
		return nil
	})
	switch {
	case errors.Is(err, late):
		in.reject(w, dec, late.status, late.body)
	case err != nil:
		l.fail(w, http.StatusInternalServerError)
	default:
		in.answer(w, r, dec, http.StatusOK, map[string]any{"id": id, "deleted": true})
	}
}

// lobRecent is how many orders' data are kept decoded: a look-up asks for that
// of the same order several times, and a campaign has too many to keep all.
const lobRecent = 512

// lobDecoded is an order's data, which never changes.
type lobDecoded struct {
	id   string
	data lobData
}

// data returns an order's own part, to read only.
func (l *lob) data(o *order) *lobData {
	slot := &l.recent[o.Num%lobRecent]
	if d := slot.Load(); d != nil && d.id == o.ID {
		return &d.data
	}
	d := &lobDecoded{id: o.ID}
	if err := json.Unmarshal(o.Data, &d.data); err != nil {
		panic("vendorsim: order data: " + err.Error()) // this package wrote it
	}
	slot.Store(d)
	return &d.data
}
