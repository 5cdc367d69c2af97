package idempotency_test

import (
	"fmt"
	"strings"

	"github.com/postproof/postproof/idempotency"
)

// check holds a world against what really happened.
func (x *explorer) check(w *world) string { return x.counts(x.wrong(w)) }

// counts drops what is wrong but is not looked for.
func (x *explorer) counts(why string) string {
	if !strings.HasPrefix(why, x.only) {
		return ""
	}
	return why
}

func (x *explorer) wrong(w *world) string {
	r := w.rec
	if w.broken != "" {
		return w.broken
	}
	if why := remembers(r); why != "" {
		return why + ": " + describe(w)
	}
	if why := x.wronglyNamed(w); why != "" {
		return why
	}
	if !x.strict {
		return ""
	}
	if w.aliveTwice() {
		return "two pieces of one risk: " + describe(w)
	}
	nowhere := r.State == idempotency.Planned || r.State == idempotency.Refused || r.State == idempotency.Canceled
	switch n := w.unwanted(); {
	case w.printed() > 1:
		return "printed twice: " + describe(w)
	case x.only == printedTwice:
		return ""
	case n > 1:
		return "two pieces exist: " + describe(w)
	case x.possible(w) > 1:
		return "two can print: " + describe(w)
	case nowhere && n > 0 && !w.recovering:
		return fmt.Sprintf("forgotten: the job is %s, and a vendor has its piece: %s", r.State, describe(w))
	}
	return ""
}

// remembers says what is wrong with a record that is to be erased, or was.
func remembers(r *idempotency.Record) string {
	_, watched := r.Watched()
	switch {
	case r.Erased() && (r.Job != nil || r.Contact != "" || r.Receipt.ProofURL != "" || r.Receipt.TrackingID != "" || r.Status.Reason != ""):
		return "not erased: something of the person is left"
	case r.Erased() && !r.Cancel.Stands() && r.State != idempotency.Done:
		return "not erased: a job without its content may be sent"
	case !r.EraseAt.IsZero() && !watched && !r.Tombstone && (r.State == idempotency.Done || r.State == idempotency.Canceled || r.State == idempotency.Refused):
		return "not erased: the job is at rest"
	default:
		return ""
	}
}

func describe(w *world) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state %s, generation %d, hold %q, receipt %s %s, status %s", w.rec.State, w.rec.Generation, w.rec.Hold.Reason,
		w.rec.Receipt.Vendor, w.rec.Receipt.VendorID, w.rec.Status.Stage)
	for _, s := range w.rec.Submissions {
		fmt.Fprintf(&b, "\n  submission %s %s join %s fate %q late %q id %s twin %s misses %d", s.Vendor, s.Ref, s.Join, s.Fate, s.Late, s.VendorID, s.Twin, s.Misses)
	}
	for i, o := range w.orders[:w.nOrder] {
		fmt.Fprintf(&b, "\n  order id-%d at vendor %d, generation %d, fate %d, made at tick %d of %d", i, o.vendor, o.gen, o.fate, o.made, w.now)
	}
	return b.String()
}
