package client

import (
	"context"
	"slices"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// AuditReport is the comparison of the ledger with a vendor's own list.
type AuditReport struct {
	Vendor string
	Since  time.Time
	// Orders is how many the vendor listed, Matched how many the ledger agrees
	// with.
	Orders, Matched int64
	// Discrepancies are the others.
	Discrepancies []Discrepancy
}

// DiscrepancyKind says in what the ledger and the vendor differ.
type DiscrepancyKind string

// The kinds of discrepancies.
const (
	// DiscrepancyUnknown: the vendor has a piece that the ledger does not know. With a
	// reference of ours it may be a lost part of the history.
	DiscrepancyUnknown DiscrepancyKind = "unknown_to_us"
	// DiscrepancyMissing: the ledger says the vendor has a piece that it does not
	// list.
	DiscrepancyMissing DiscrepancyKind = "missing_there"
	// DiscrepancyDifferent: both have it, and differ on whether it will be printed, or on
	// its id; or it is alive beside the piece that counts for its job.
	DiscrepancyDifferent DiscrepancyKind = "different"
	// DiscrepancyDamaged: the ledger's record cannot be read, so that nobody can say.
	DiscrepancyDamaged DiscrepancyKind = "damaged"
)

// Discrepancy is one difference. It holds no personal data.
type Discrepancy struct {
	Kind     DiscrepancyKind
	ID       idempotency.ID
	Ref      postproof.Ref
	VendorID string
	Note     string
}

// Audit compares the ledger with the vendor's own list of orders created since
// the time given, and changes nothing; the zero time compares all. The error
// wraps [errors.ErrUnsupported] for a vendor that cannot list, and has
// [postproof.CodeNotFound] for one that the client does not have.
func (c *Client) Audit(ctx context.Context, vendor string, since time.Time) (a AuditReport, err error) {
	if err := c.knowsVendors("audit"); err != nil {
		return a, err
	}
	v := c.byName[vendor]
	if v == nil {
		return a, c.noVendor("audit", vendor)
	}
	ctx, span := c.tel.call(ctx, "postproof.audit", &err)
	defer endCall(span, &err)
	a = AuditReport{Vendor: v.name, Since: since}
	err = c.audit(ctx, v, &a)
	return a, err
}

func (c *Client) audit(ctx context.Context, v *vendor, a *AuditReport) error {
	seen := map[string]bool{}
	k := &call{c: c, v: v}
	for order, err := range vendors.List(ctx, v.adapter, k, a.Since) {
		if err != nil {
			return err
		}
		a.Orders++
		seen[order.Receipt.VendorID] = true
		if err := c.auditOrder(ctx, a, order); err != nil {
			return err
		}
	}
	return c.auditLedger(ctx, a, seen)
}

func (c *Client) auditOrder(ctx context.Context, a *AuditReport, o *vendors.Order) error {
	f := Discrepancy{Kind: DiscrepancyUnknown, Ref: o.Receipt.Ref, VendorID: o.Receipt.VendorID}
	rec, err := c.recordOf(ctx, &postproof.Event{Vendor: a.Vendor, Account: c.byName[a.Vendor].account.Fingerprint, VendorID: o.Receipt.VendorID, Ref: o.Receipt.Ref})
	switch {
	case postproof.CodeOf(err) == postproof.CodeNotFound:
		f.Note = "not one of this ledger's references"
		a.Discrepancies = append(a.Discrepancies, f)
		return nil
	case c.meetDamaged(ctx, err):
		a.damaged(err, f)
		return nil
	case err != nil:
		return err
	}
	f.ID = rec.ID
	for i := range rec.Submissions {
		s := &rec.Submissions[i]
		if s.Vendor != a.Vendor || (s.Ref != o.Receipt.Ref && s.VendorID != o.Receipt.VendorID) {
			continue
		}
		f.Kind = DiscrepancyDifferent
		switch {
		case s.VendorID != "" && s.VendorID != o.Receipt.VendorID && !o.Dead:
			f.Note = "a second live piece under our reference"
		case !o.Dead && another(rec, s):
			f.Note = "alive at the vendor, beside the piece that counts: two pieces may be printed"
		case s.Dead() && !o.Dead:
			f.Note = "dead in the ledger, alive at the vendor"
		case !s.Dead() && o.Dead:
			f.Note = "alive in the ledger, dead at the vendor"
		default:
			a.Matched++
			return nil
		}
		break
	}
	if f.Kind == DiscrepancyUnknown {
		f.Note = "the reference is ours, the ledger knows of no send to this vendor"
	}
	a.Discrepancies = append(a.Discrepancies, f)
	return nil
}

// damaged adds what is found of a record that cannot be read, once for each.
func (a *AuditReport) damaged(err error, f Discrepancy) {
	f.Kind, f.ID, f.Note = DiscrepancyDamaged, idempotency.AsDamaged(err).Record, "its record in the ledger is damaged: ask the vendor for it"
	if !slices.ContainsFunc(a.Discrepancies, func(o Discrepancy) bool { return o.Kind == DiscrepancyDamaged && o.ID == f.ID }) {
		a.Discrepancies = append(a.Discrepancies, f)
	}
}

// another reports whether the submission is not the one whose acceptance counts,
// while there is one that does.
func another(rec *idempotency.Record, s *idempotency.Submission) bool {
	return !rec.Receipt.IsZero() && (rec.Receipt.Vendor != s.Vendor || rec.Receipt.Ref != s.Ref)
}

// auditLedger looks for pieces that the vendor should have listed.
func (c *Client) auditLedger(ctx context.Context, a *AuditReport, seen map[string]bool) error {
	q := idempotency.Query{Vendor: a.Vendor, States: []idempotency.State{idempotency.Accepted, idempotency.Done}}
	for rec, err := range c.store.Find(ctx, q) {
		if c.meetDamaged(ctx, err) {
			a.damaged(err, Discrepancy{})
			continue
		}
		if err != nil {
			return c.storeError("audit", err)
		}
		r := rec.Receipt
		if r.Vendor != a.Vendor || r.AcceptedAt.Before(a.Since) || seen[r.VendorID] {
			continue
		}
		note := "accepted in the ledger, not listed by the vendor"
		if other := c.otherAccountOf(rec); other != "" {
			note += ": " + other
		}
		a.Discrepancies = append(a.Discrepancies, Discrepancy{Kind: DiscrepancyMissing, ID: rec.ID, Ref: r.Ref, VendorID: r.VendorID, Note: note})
	}
	return nil
}
