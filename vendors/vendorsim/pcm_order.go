package vendorsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/postproof/postproof"
)

// pcmMaxBody bounds a body: an order may have 50,000 recipients.
const pcmMaxBody = 64 << 20

// place answers POST /order/<product>.
func (p *pcm) place(w http.ResponseWriter, r *http.Request, mode postproof.Mode, product string) {
	in := p.in
	d, problem := p.draft(r, mode, product)
	ref := ""
	if d != nil {
		if ref = d.Ref; ref == "" {
			ref = d.Digest
		}
		if p.expired(w, ref) {
			return
		}
	}
	dec := in.decide(opSend, ref)
	if problem != nil {
		in.reject(w, dec, problem.status, problem.body)
		return
	}
	if !in.before(w, r, dec) {
		return
	}
	o, result, err := in.accept(d, dec)
	switch {
	case err != nil:
		p.fail(w, http.StatusInternalServerError)
	case result == duplicate:
		in.answer(w, r, dec, http.StatusConflict, pcmProblemAt(http.StatusConflict,
			"Specified external reference number was duplicated for this order", "extRefNbr").body)
	default:
		in.answer(w, r, dec, http.StatusCreated, map[string]any{
			"batchID": p.data(o).Batch, "orderID": pcmNumber(o), "extRefNbr": o.Ref,
		})
	}
}

// draft reads and validates an order.
func (p *pcm) draft(r *http.Request, mode postproof.Mode, product string) (*draft, *problem) {
	body, err := readBody(r, pcmMaxBody)
	if errors.Is(err, errTooLarge) {
		drain(r)
		return nil, pcmProblem(http.StatusRequestEntityTooLarge, "The request is too large")
	}
	var req pcmRequest
	if err != nil || json.Unmarshal(body, &req) != nil {
		return nil, pcmProblem(http.StatusBadRequest, "Request was incorrectly formatted or missing data")
	}
	if problem := req.validate(product, p.in.sim.now()); problem != nil {
		return nil, problem
	}
	d := &draft{freeCanceled: p.cfg.FreeRefOnCancel}
	d.Mode, d.Kind, d.Ref = mode, "order", req.ExtRefNbr
	sum := sha256.Sum256(append([]byte(product+"\n"), body...))
	d.Digest = hex.EncodeToString(sum[:16])
	for _, rcp := range req.Recipients {
		d.Recipients = append(d.Recipients, RecipientDigest(rcp.Address, rcp.Address2, rcp.City, rcp.State, rcp.ZipCode))
	}
	if d.Ref != "" {
		d.Unique = string(mode) + "/" + d.Ref
		d.Index = []string{d.Ref}
	}
	d.id = func(num int, _ time.Time) string { return strconv.Itoa(100000 + num) }
	d.data = func(o *order) any { return req.data(o, product) }
	return d, nil
}

func pcmNumber(o *order) int { return 100000 + o.Num }

// getOrder answers GET /order/<id>.
func (p *pcm) getOrder(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id string) {
	view, now, dec, ok := p.read(w, r, mode, id, opRead)
	if ok {
		p.in.answer(w, r, dec, http.StatusOK, p.dto(view, now))
	}
}

// read finds the order of a request about one, or answers why not.
func (p *pcm) read(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id string, o op) (*order, time.Time, *decision, bool) {
	if _, err := strconv.Atoi(id); err != nil {
		pcmProblemAt(http.StatusBadRequest, "orderID must be an integer", "orderID").write(w)
		return nil, time.Time{}, nil, false
	}
	ref := p.in.refOf(id)
	if p.expired(w, ref) {
		return nil, time.Time{}, nil, false
	}
	dec := p.in.decide(o, ref)
	if !p.in.before(w, r, dec) {
		return nil, time.Time{}, nil, false
	}
	view, now, err := p.in.get(mode, "", id)
	switch {
	case err != nil:
		p.fail(w, http.StatusInternalServerError)
	case view == nil:
		p.in.reject(w, dec, http.StatusNotFound, pcmProblemAt(http.StatusNotFound, "`orderID` could not be found", "orderID").body)
	}
	return view, now, dec, err == nil && view != nil
}

// cancel answers DELETE /order/<id>. An order that is canceled already cannot
// be canceled again.
func (p *pcm) cancel(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id string) {
	view, _, dec, ok := p.read(w, r, mode, id, opCancel)
	if !ok {
		return
	}
	late := pcmProblemAt(http.StatusBadRequest, "Order cannot be canceled", "orderID")
	if dec.is(CancelCutoff) {
		p.in.keep(dec)
		late.write(w)
		return
	}
	err := p.stop(view, dec, late)
	switch {
	case errors.Is(err, late):
		p.in.reject(w, dec, late.status, late.body)
	case err != nil:
		p.fail(w, http.StatusInternalServerError)
	default:
		p.in.answer(w, r, dec, http.StatusNoContent, nil)
	}
}

// stop voids the order, or returns late.
func (p *pcm) stop(view *order, dec *decision, late *problem) error {
	data := p.data(view)
	return p.in.end(view.ID, void{Reason: reasonCanceled, Canceled: true}, dec, func(o *order, now time.Time) error {
		if o.void != nil || p.processed(o.Mode) && !now.Before(data.Cutoff) {
			return late
		}
		return nil
	})
}

// processed reports whether orders of the mode go to press.
func (p *pcm) processed(mode postproof.Mode) bool {
	return mode == postproof.ModeLive || p.cfg.ProcessSandbox
}

// bulkCancel answers POST /order/bulk-cancel.
func (p *pcm) bulkCancel(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	var in struct {
		Orders []int `json:"orders"`
	}
	body, err := readBody(r, pcmMaxBody)
	if err != nil || json.Unmarshal(body, &in) != nil || len(in.Orders) < 1 || len(in.Orders) > 50000 {
		pcmProblemAt(http.StatusBadRequest, "orders must have 1 to 50000 order numbers", "orders").write(w)
		return
	}
	ref := "bulk-" + strconv.Itoa(in.Orders[0])
	if p.expired(w, ref) {
		return
	}
	dec := p.in.decide(opCancel, ref)
	if !p.in.before(w, r, dec) {
		return
	}
	late := pcmProblem(http.StatusBadRequest, "Order cannot be canceled")
	results := make([]any, 0, len(in.Orders))
	for _, number := range in.Orders {
		code, message := http.StatusOK, any(nil)
		view, _, err := p.in.get(mode, "", strconv.Itoa(number))
		switch {
		case err != nil:
			p.fail(w, http.StatusInternalServerError)
			return
		case view == nil:
			code, message = http.StatusNotFound, "`orderID` could not be found"
		default:
			// Each order's line in the state file has its own name; the fault
			// belongs to the request as a whole.
			err := p.stop(view, &decision{op: opCancel, ref: view.Ref}, late)
			if errors.Is(err, late) {
				code, message = http.StatusBadRequest, "Order cannot be canceled"
			} else if err != nil {
				p.fail(w, http.StatusInternalServerError)
				return
			}
		}
		results = append(results, map[string]any{
			"orderID": number, "success": code == http.StatusOK, "code": code, "message": message,
		})
	}
	p.in.answer(w, r, dec, http.StatusOK, map[string]any{"results": results})
}
