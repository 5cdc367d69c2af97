package vendorsim

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof"
)

// The times after a batch's cut-off at which its status changes.
const (
	pcmMailing   = 18 * time.Hour
	pcmDelivered = 4 * 24 * time.Hour
)

// status returns an order's status.
func (p *pcm) status(o *order, cutoff, now time.Time) string {
	switch {
	case o.canceled():
		return "Canceled"
	case o.failed():
		return "Undeliverable"
	case !p.processed(o.Mode) || now.Before(cutoff) || p.unpaid():
		return "Pending"
	case now.Before(cutoff.Add(pcmMailing)):
		return "Processing"
	case now.Before(cutoff.Add(pcmDelivered)):
		return "Processed"
	default:
		return "Delivered"
	}
}

// unpaid reports whether payment is outstanding.
func (p *pcm) unpaid() bool {
	p.in.sim.mu.Lock()
	defer p.in.sim.mu.Unlock()
	return p.in.outage(p.in.sim.now()) == OutagePayment
}

// dto returns the order as the API shows it.
func (p *pcm) dto(o *order, now time.Time) map[string]any {
	d := p.data(o)
	id := strconv.Itoa(pcmNumber(o))
	out := map[string]any{
		"status": p.status(o, d.Cutoff, now), "mailClass": d.MailClass, "productType": d.Product, "options": d.Options,
		"orderID": pcmNumber(o), "batchID": d.Batch, "extRefNbr": o.Ref, "designID": d.DesignID,
		"orderDate": lobTimestamp(o.Created), "returnAddress": d.ReturnAddress,
		"subresources": map[string]any{"recipients": "/order/" + id + "/recipients", "design": "/design/" + strconv.Itoa(d.DesignID)},
	}
	if o.void == nil && p.processed(o.Mode) && !now.Before(d.Cutoff) {
		out["proof"] = "https://proofs.pcmintegrations.com/designProofs/" + p.in.hexID("proof", o.Num) + ".pdf"
	}
	return out
}

// pcmPage is the page that a list request asks for.
type pcmPage struct{ number, size int }

func pcmPageOf(values url.Values) (pcmPage, *problem) {
	page := pcmPage{1, 10}
	for name, field := range map[string]*int{"page": &page.number, "perPage": &page.size} {
		if v := values.Get(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > 100000 {
				return page, pcmProblemAt(http.StatusBadRequest, name+" must be a positive integer", name)
			}
			*field = n
		}
	}
	return page, nil
}

// cut returns the page's part of all entries.
func pcmCut[T any](p pcmPage, all []T) []T {
	from := min((p.number-1)*p.size, len(all))
	return all[from:min(from+p.size, len(all))]
}

func (p pcmPage) body(results []any, total int, path string, query url.Values) map[string]any {
	if results == nil {
		results = []any{}
	}
	pages := (total + p.size - 1) / p.size
	link := func(number int) any {
		if number < 1 || number > pages {
			return nil
		}
		values := url.Values{}
		maps.Copy(values, query)
		values.Set("page", strconv.Itoa(number))
		values.Set("perPage", strconv.Itoa(p.size))
		return path + "?" + values.Encode()
	}
	return map[string]any{"results": results, "pagination": map[string]any{
		"page": p.number, "perPage": p.size, "nextPage": link(p.number + 1), "prevPage": link(p.number - 1),
		"totalPages": pages, "totalResults": total,
	}}
}

// listOrders answers GET /order, and GET /batch/<id>/orders for a batch that
// is not 0.
func (p *pcm) listOrders(w http.ResponseWriter, r *http.Request, mode postproof.Mode, batch int, path string) {
	values := r.URL.Query()
	page, problem := pcmPageOf(values)
	if problem != nil {
		problem.write(w)
		return
	}
	ref := values.Get("extRefNbr")
	name := ref
	if name == "" {
		name = "list"
	}
	if p.expired(w, name) {
		return
	}
	dec := p.in.decide(opList, name)
	if !p.in.before(w, r, dec) {
		return
	}
	if dec.is(ListUnfiltered) {
		ref, batch = "", 0
	}
	total := 0
	views, now, err := p.in.query(ref, func(o *order) bool {
		return (o.Mode == mode || dec.is(ListOtherMode)) && !dec.is(ListEmpty) && (batch == 0 || p.data(o).Batch == batch)
	}, func(found []*order) []*order {
		total = len(found)
		return pcmCut(page, found)
	})
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	results := make([]any, 0, len(views))
	for _, o := range views {
		results = append(results, p.dto(o, now))
	}
	p.in.answer(w, r, dec, http.StatusOK, page.body(results, total, path, values))
}

// orderRecipients answers GET /order/<id>/recipients.
func (p *pcm) orderRecipients(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id string) {
	page, problem := pcmPageOf(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	view, _, dec, ok := p.read(w, r, mode, id, opList)
	if !ok {
		return
	}
	all := p.recipients(view)
	p.in.answer(w, r, dec, http.StatusOK, page.body(pcmCut(page, all), len(all), "/order/"+id+"/recipients", r.URL.Query()))
}

// batchRecipients answers GET /batch/<id>/recipients.
func (p *pcm) batchRecipients(w http.ResponseWriter, r *http.Request, mode postproof.Mode, batch int) {
	page, problem := pcmPageOf(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	name := "batch-" + strconv.Itoa(batch)
	if p.expired(w, name) {
		return
	}
	dec := p.in.decide(opList, name)
	if !p.in.before(w, r, dec) {
		return
	}
	views, _, err := p.in.query("", func(o *order) bool {
		return o.Mode == mode && !dec.is(ListEmpty) && p.data(o).Batch == batch
	}, func(found []*order) []*order { return found })
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	var all []any
	for _, o := range views {
		all = append(all, p.recipients(o)...)
	}
	path := "/batch/" + strconv.Itoa(batch) + "/recipients"
	p.in.answer(w, r, dec, http.StatusOK, page.body(pcmCut(page, all), len(all), path, r.URL.Query()))
}

func (p *pcm) recipients(o *order) []any {
	var out []any
	for _, rcp := range p.data(o).Recipients {
		var reason *string
		if o.failed() {
			reason = &o.void.Reason
		}
		if rcp.Variables == nil {
			rcp.Variables = []pcmVariable{}
		}
		out = append(out, struct {
			pcmRecipient
			Undeliverable bool    `json:"undeliverable"`
			Reason        *string `json:"undeliverableReason"`
		}{rcp, o.failed(), reason})
	}
	return out
}

// undeliverable answers GET /recipient/undeliverable: a line for each recipient,
// with its own reference, not the order's. The dates are those at which the
// batches would ship.
func (p *pcm) undeliverable(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	values := r.URL.Query()
	if p.expired(w, "undeliverable") {
		return
	}
	batch, err := strconv.Atoi(values.Get("batchID"))
	if values.Get("batchID") != "" && err != nil {
		pcmProblemAt(http.StatusBadRequest, "batchID must be an integer", "batchID").write(w)
		return
	}
	var bounds [2]time.Time
	for i, name := range []string{"startDate", "endDate"} {
		if v := values.Get(name); v != "" {
			at, ok := lobTime(v)
			if !ok {
				pcmProblemAt(http.StatusBadRequest, name+" must be a date", name).write(w)
				return
			}
			bounds[i] = at
		}
	}
	dec := p.in.decide(opList, "undeliverable")
	if !p.in.before(w, r, dec) {
		return
	}
	views, now, err := p.in.query("", func(o *order) bool {
		if o.Mode != mode || !o.failed() || dec.is(ListEmpty) {
			return false
		}
		if batch != 0 {
			return p.data(o).Batch == batch
		}
		cutoff := p.data(o).Cutoff
		return !cutoff.Before(bounds[0]) && (bounds[1].IsZero() || !cutoff.After(bounds[1]))
	}, func(found []*order) []*order { return found })
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	out := make([]any, 0, len(views))
	for _, o := range views {
		d := p.data(o)
		for _, rcp := range d.Recipients {
			line := map[string]any{
				"batchID": d.Batch, "orderID": pcmNumber(o), "extRefNbr": rcp.ExtRefNbr, "failureReason": o.void.Reason,
			}
			if mailed := d.Cutoff.Add(pcmMailing); !now.Before(mailed) {
				line["date"] = lobTimestamp(mailed)
			}
			out = append(out, line)
		}
	}
	p.in.answer(w, r, dec, http.StatusOK, out)
}

// pcmBatch is a day's orders.
type pcmBatch struct {
	id       int
	cutoff   time.Time
	modified time.Time
	live     int // orders that are not void
	failed   int
	mode     postproof.Mode
}

// batches returns the batches of the mode, oldest first.
func (p *pcm) batches(mode postproof.Mode) ([]*pcmBatch, time.Time, error) {
	byID := map[int]*pcmBatch{}
	var out []*pcmBatch
	now, err := p.in.each(func(o *order) bool { return o.Mode == mode }, func(o *order) {
		d := p.data(o)
		b := byID[d.Batch]
		if b == nil {
			b = &pcmBatch{id: d.Batch, cutoff: d.Cutoff, mode: mode}
			byID[d.Batch] = b
			out = append(out, b)
		}
		b.modified = o.Created
		switch {
		case o.failed():
			b.failed++
		case !o.canceled():
			b.live++
		}
	})
	slices.SortFunc(out, func(a, b *pcmBatch) int { return a.id - b.id })
	return out, now, err
}

func (p *pcm) batchDTO(b *pcmBatch, now time.Time) map[string]any {
	status := "Delivered"
	switch {
	case b.live == 0 && b.failed > 0:
		status = "Undeliverable"
	case b.live == 0:
		status = "Canceled"
	case !p.processed(b.mode) || now.Before(b.cutoff):
		status = "Pending"
	case p.unpaid():
		status = "Pending Payment"
	case now.Before(b.cutoff.Add(pcmMailing)):
		status = "Processing"
	case now.Before(b.cutoff.Add(pcmDelivered)):
		status = "Mailing"
	}
	modified := b.modified
	for _, at := range []time.Time{b.cutoff, b.cutoff.Add(pcmMailing), b.cutoff.Add(pcmDelivered)} {
		if p.processed(b.mode) && !now.Before(at) {
			modified = at
		}
	}
	path := "/batch/" + strconv.Itoa(b.id)
	return map[string]any{
		"status": status, "batchID": b.id, "invoiceURL": nil,
		// "The date this batch will start processing", whatever its name says.
		"createdDate": lobTimestamp(b.cutoff), "lastModifiedDate": lobTimestamp(modified),
		"subresources": map[string]any{"orders": path + "/orders", "recipients": path + "/recipients"},
	}
}

// listBatches answers GET /batch.
func (p *pcm) listBatches(w http.ResponseWriter, r *http.Request, mode postproof.Mode) {
	page, problem := pcmPageOf(r.URL.Query())
	if problem != nil {
		problem.write(w)
		return
	}
	if p.expired(w, "batch") {
		return
	}
	dec := p.in.decide(opList, "batch")
	if !p.in.before(w, r, dec) {
		return
	}
	all, now, err := p.batches(mode)
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	var results []any
	for _, b := range pcmCut(page, all) {
		results = append(results, p.batchDTO(b, now))
	}
	p.in.answer(w, r, dec, http.StatusOK, page.body(results, len(all), "/batch", r.URL.Query()))
}

// batch answers GET /batch/<id> and what is below it.
func (p *pcm) batch(w http.ResponseWriter, r *http.Request, mode postproof.Mode, id, below string) {
	number, err := strconv.Atoi(id)
	if err != nil {
		pcmProblemAt(http.StatusBadRequest, "batchID must be an integer", "batchID").write(w)
		return
	}
	all, now, err := p.batches(mode)
	if err != nil {
		p.fail(w, http.StatusInternalServerError)
		return
	}
	i := slices.IndexFunc(all, func(b *pcmBatch) bool { return b.id == number })
	switch {
	case i < 0:
		pcmProblemAt(http.StatusNotFound, "`batchID` could not be found", "batchID").write(w)
	case below == "orders":
		p.listOrders(w, r, mode, number, "/batch/"+id+"/orders")
	case below == "recipients":
		p.batchRecipients(w, r, mode, number)
	case below == "":
		if p.expired(w, "batch-"+id) {
			return
		}
		dec := p.in.decide(opRead, "batch-"+id)
		if p.in.before(w, r, dec) {
			p.in.answer(w, r, dec, http.StatusOK, p.batchDTO(all[i], now))
		}
	default:
		pcmProblem(http.StatusNotFound, "The endpoint could not be found").write(w)
	}
}
