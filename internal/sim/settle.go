package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// list returns the jobs so far.
func (o *oracle) list() []*piece {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.pieces)
}

// idOf returns the id of a job; that of a control piece is known once it is sent.
func (o *oracle) idOf(p *piece) idempotency.ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return p.id
}

// settled reports whether the oracle agrees with the ledger about every job, and
// nothing is on its way any more.
func (w *world) settled() bool {
	w.mu.Lock()
	latest := w.latest
	w.mu.Unlock()
	if time.Now().Before(latest.Add(time.Hour)) {
		return false
	}
	for _, p := range w.oracle.list() {
		if v, _ := w.oracle.judge(p); v == open {
			return false
		}
	}
	return true
}

// unsettled names the first job that is lost.
func (w *world) unsettled() {
	for _, p := range w.oracle.list() {
		v, why := w.oracle.judge(p)
		if v != open {
			continue
		}
		w.oracle.mu.Lock()
		kind := "unsettled"
		switch {
		case len(p.alive) > 1:
			kind = "printed_twice"
		case len(p.alive) == 0:
			kind = "lost"
		}
		w.oracle.violate(kind, p, fmt.Sprintf("%s after all is calm: %s", w.profile.limit, why))
		w.oracle.mu.Unlock()
		return
	}
}

// lastChecks are those that hold at the end only.
func (w *world) lastChecks() {
	if w.profile.class == classCount {
		w.oracle.countSends()
	}
	w.budgets()
}

// result counts what became of the jobs.
func (o *oracle) result() *result {
	r := &result{number: o.w.number, class: o.w.profile.class, lasted: time.Since(o.w.start), faults: maps.Clone(o.faults), sends: o.allSends, frozen: len(o.frozen)}
	for _, stats := range o.w.sim.Stats().Vendors {
		for boundary, n := range stats.Faults {
			r.faults["vendor."+string(boundary)] += int(n)
		}
	}
	for _, p := range o.list() {
		r.jobs++
		if len(p.alive) > 0 {
			r.printed++
		}
		switch v, _ := o.judge(p); v {
		case heldFine:
			r.held++
		case lateFine:
			r.late++
		case fine, open:
		}
	}
	if r.violation = o.bad; r.violation != nil {
		r.trace = o.trace(r.violation.about)
	}
	return r
}

// trace tells all that happened to a job, in words.
func (o *oracle) trace(p *piece) string {
	var b strings.Builder
	if p == nil {
		return ""
	}
	about := map[string]bool{string(p.id): true}
	rec := p.shelf.get(p.id)
	history := o.history(p)
	o.mu.Lock()
	defer o.mu.Unlock()
	for ref, x := range o.byRef {
		if x == p {
			about[ref] = true
		}
	}
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	if rec != nil {
		for i := range rec.Submissions {
			about[string(rec.Submissions[i].Ref)] = true
		}
	}
	for ref := range about {
		for _, n := range o.notes[ref] {
			lines = append(lines, line{n.at, fmt.Sprintf("%.16s %s", ref, n.text)})
		}
	}
	for _, e := range history {
		lines = append(lines, line{e.At, "ledger (its time): " + entryText(e)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	for _, l := range lines {
		fmt.Fprintf(&b, "  %12s  %s\n", l.at.Sub(o.w.start).Round(time.Millisecond), l.text)
	}
	if rec != nil {
		fmt.Fprintf(&b, "  record: %s, due %s, deadline %s, %d submissions", rec, rec.Due.Sub(o.w.start).Round(time.Second), rec.Deadline.Sub(o.w.start).Round(time.Second), len(rec.Submissions))
		if rec.Hold.Reason != "" {
			fmt.Fprintf(&b, ", held: %s %s", rec.Hold.Reason, rec.Hold.Note)
		}
		b.WriteByte('\n')
		for i := range rec.Submissions {
			s := &rec.Submissions[i]
			fmt.Fprintf(&b, "    gen %d %s at %s: join %s, fate %q, sends %d, vendor id %s, misses %d, late %q, veto %t, first %s, last %s\n",
				s.Generation, s.Ref, s.Vendor, s.Join, s.Fate, s.Sends, s.VendorID, s.Misses, s.Late, s.Veto,
				s.FirstAt.Sub(o.w.start).Round(time.Second), s.LastAt.Sub(o.w.start).Round(time.Second))
		}
	}
	return b.String()
}

func entryText(e idempotency.Entry) string {
	text := []string{string(e.Kind)}
	if e.From != e.To {
		text = append(text, fmt.Sprintf("%s>%s", e.From, e.To))
	}
	text = append(text, fmt.Sprintf("fence %d gen %d", e.Fence, e.Generation))
	for _, s := range []string{e.Vendor, string(e.Ref), e.VendorID, e.Note, e.By} {
		if s != "" {
			text = append(text, s)
		}
	}
	if e.Delivery != 0 {
		text = append(text, e.Delivery.String())
	}
	return strings.Join(text, " ")
}
