package vendortest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// checkFindDamaged has a look-up find our order with one field of it in another form at
// a time. What the adapter then cannot read may be ours: it is an error, or the answer
// is not complete. (A list that is empty is one, whatever it was before.)
func checkFindDamaged(b *bench) {
	r := b.setup()
	if !r.caps().Lookup.ByRef {
		return
	}
	s, _ := r.accepted()
	before := len(r.doer.Sent)
	b.find(r, s.Ref)
	for i, sent := range slices.Clone(r.doer.Sent[before:]) {
		for _, d := range damages(sent.Answer.Body, string(s.Ref)) {
			r.doer.Strike = strikeAt(i+1, &Fault{Rewrite: func(a *vendors.Response) { a.Body = d.bytes }})
			found, err := vendors.Find(b.ctx, r.Adapter, r.doer, s.Ref)
			if b.see(err) == nil && len(found.Orders) == 0 && found.Complete {
				b.problemf("our order, with %s, is not found, and the look-up is complete: the piece would be printed again. What cannot be read is an error, or the answer is not Complete", d.name)
			}
		}
	}
}

// damages are the JSON document with one member changed at a time, of each object that
// holds the mark, or one that does.
func damages(document []byte, mark string) (all []namedBody) {
	if _, ok := decoded(document); !ok {
		return nil // not JSON: a damage would be noise
	}
	var walk func(path []string, v any)
	walk = func(path []string, v any) {
		for _, step := range steps(v) {
			inner := child(v, step)
			if text, err := json.Marshal(inner); err == nil && bytes.Contains(text, []byte(mark)) {
				walk(append(slices.Clone(path), step), inner)
			}
		}
		object, ok := v.(map[string]any)
		if !ok {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			for _, value := range []any{nil, map[string]any{"new": "form"}} {
				body := replaced(document, append(slices.Clone(path), name), value)
				all = append(all, namedBody{fmt.Sprintf("%q as %s", strings.Join(append(slices.Clone(path), name), "."), jsonText(value)), body})
			}
		}
	}
	v, _ := decoded(document)
	walk(nil, v)
	return all
}

func decoded(document []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

// steps are the names of an object's members, or the places of a list's elements.
func steps(v any) (all []string) {
	switch x := v.(type) {
	case map[string]any:
		return slices.Sorted(maps.Keys(x))
	case []any:
		for i := range x {
			all = append(all, fmt.Sprint(i))
		}
	}
	return all
}

func child(v any, step string) any {
	switch x := v.(type) {
	case map[string]any:
		return x[step]
	case []any:
		for i := range x {
			if fmt.Sprint(i) == step {
				return x[i]
			}
		}
	}
	return nil
}

// replaced is the document with another value at the path.
func replaced(document []byte, path []string, value any) []byte {
	v, _ := decoded(document)
	at := v
	for _, step := range path[:len(path)-1] {
		at = child(at, step)
	}
	last := path[len(path)-1]
	switch x := at.(type) {
	case map[string]any:
		x[last] = value
	case []any:
		for i := range x {
			if fmt.Sprint(i) == last {
				x[i] = value
			}
		}
	}
	return jsonText(v)
}

func jsonText(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return text
}

// texts are the paths of all strings in a JSON document.
func texts(document []byte) (all [][]string) {
	var walk func(path []string, v any)
	walk = func(path []string, v any) {
		if _, ok := v.(string); ok && len(path) > 0 {
			all = append(all, path)
		}
		for _, step := range steps(v) {
			walk(append(slices.Clone(path), step), child(v, step))
		}
	}
	v, _ := decoded(document)
	walk(nil, v)
	return all
}

// ownEchoes are refusals in the vendor's own form in which one of its texts repeats what
// the vendor knows of the recipient: that an adapter which quotes that text is caught.
func (r *rig) ownEchoes() (all []Fault) {
	if r.Refusal == nil {
		return nil
	}
	words := strings.Join(append(personalWords(), r.b.secrets...), " ")
	for _, status := range []int{400, 401, 403, 404, 409, 422, 429, 500} {
		for _, path := range texts(r.Refusal(status)) {
			all = append(all, Fault{
				Name: statusName(status) + " with an echo in " + strings.Join(path, "."), Status: status,
				Body: replaced(r.Refusal(status), path, words),
			})
		}
	}
	return all
}

// checkNewStatus has the vendor show the order with a status that its documentation
// does not have, as one does that has learned something.
func (b *bench) checkNewStatus(r *rig, s *vendors.Submission, order *vendors.Order, look func() (*vendors.Order, error), what string) {
	const unheard = "quite_new"
	was := jsonText(order.Status.Raw)
	if order.Status.Raw == "" {
		return
	}
	changed := false
	r.doer.Strike = func(_ int, req *vendors.Request) *Fault {
		if req.Op == postproof.OpLogin {
			return nil
		}
		return &Fault{Rewrite: func(a *vendors.Response) {
			changed = changed || bytes.Contains(a.Body, was)
			a.Body = bytes.ReplaceAll(a.Body, was, jsonText(unheard))
		}}
	}
	got, err := look()
	r.doer.Strike = nil
	switch {
	case !changed:
	case b.see(err) != nil:
		b.problemf("%s, with a status that is not documented: %v: the vendor adds one some day. Keep it in Status.Raw, with the stage accepted", what, err)
	default:
		b.checkOrder(r, s, r.encode(s), got)
	}
}
