package client

import (
	"context"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// submissionOf returns the submission that an event is about; nil when the
// record has none.
func submissionOf(rec *idempotency.Record, e *postproof.Event) *idempotency.Submission {
	var byID *idempotency.Submission
	for i := len(rec.Submissions) - 1; i >= 0; i-- {
		s := &rec.Submissions[i]
		switch {
		case s.Vendor != e.Vendor:
		case e.Ref != "" && s.Ref == e.Ref:
			return s
		case e.Ref != "": // an id under another reference is another piece's, whoever gave it to us
		case byID == nil && e.VendorID != "" && (s.VendorID == e.VendorID || s.Twin == e.VendorID):
			byID = s
		}
	}
	return byID
}

// ours reports whether an event is of the account and mode that the piece was
// submitted under. Credentials may have been replaced since: then it may also be
// of the present ones.
func (c *Client) ours(rec *idempotency.Record, e *postproof.Event) bool {
	if e.Mode != "" && e.Mode != rec.Mode {
		return false
	}
	if e.Account == "" {
		return true
	}
	if sameAccount(c.byName[e.Vendor], e.Account) {
		return true
	}
	s := submissionOf(rec, e)
	return s == nil || s.Account == "" || s.Account == e.Account
}

// Observe applies what a vendor said about a piece by another way than the
// client's own polls and callbacks: that there is one, and how it is. That there will
// be none is [Client.ObserveDead]. The error has [postproof.CodeNotFound] when the
// ledger knows no such piece; keep the event as evidence then. What is of another
// account or mode changes nothing.
func (c *Client) Observe(ctx context.Context, e postproof.Event) (*idempotency.Record, error) {
	return c.heard(ctx, "postproof.observe", &e, true)
}

// ObserveDead is [Client.Observe] for a vendor's word that a piece will never be
// paper: that it failed, or was canceled, before it was printed. Its job goes on, with
// this vendor or another one, unless it is to be canceled.
func (c *Client) ObserveDead(ctx context.Context, e postproof.Event) (*idempotency.Record, error) {
	return c.heard(ctx, "postproof.observe_dead", &e, false)
}

func (c *Client) heard(ctx context.Context, span string, e *postproof.Event, alive bool) (rec *idempotency.Record, err error) {
	if err := c.knowsVendors("observe"); err != nil {
		return nil, err
	}
	ctx, call := c.tel.call(ctx, span, &err)
	defer endCallOf(call, &rec, &err)
	id := c.id() // before the record
	rec, err = c.recordOf(ctx, e)
	if err != nil {
		return nil, err
	}
	c.tel.linkTo(ctx, rec)
	if !c.ours(rec, e) {
		return rec, nil
	}
	ev := idempotency.Observe{Vendor: e.Vendor, Ref: e.Ref, VendorID: e.VendorID, Sighting: idempotency.Sighting{
		Receipt: postproof.Receipt{Vendor: e.Vendor, VendorID: e.VendorID, Ref: e.Ref}, Status: e.Status, Alive: alive, Equal: true,
	}}
	return c.changeRecord(ctx, "observe", id, rec, ev)
}

// recordOf returns the record that had our reference at the vendor, else the one
// of the vendor's id. A reference under which the vendor was never given anything
// is not ours, whatever it looks like. Where two accounts have a piece of one id, it
// is the one of the event's account; where neither is, one of them. What is under another
// reference is another piece, although a person may have given its id for ours.
func (c *Client) recordOf(ctx context.Context, e *postproof.Event) (*idempotency.Record, error) {
	queries := []idempotency.Query{{Ref: e.Ref, Limit: 1}, {Vendor: e.Vendor, VendorID: e.VendorID}}
	for i, q := range queries {
		if (i == 0 && e.Ref == "") || (i == 1 && e.VendorID == "") {
			continue
		}
		var other *idempotency.Record
		for rec, err := range c.store.Find(ctx, q) {
			if err != nil {
				return nil, c.storeError("find", err)
			}
			switch s := submissionOf(rec, e); {
			case s == nil:
			case i == 0, c.under(s, e):
				return rec, nil
			case other == nil:
				other = rec
			}
		}
		if other != nil {
			return other, nil
		}
	}
	return nil, &postproof.Error{Code: postproof.CodeNotFound, Delivery: postproof.Unknown, Op: "find", Vendor: e.Vendor, Err: idempotency.ErrNotFound}
}

// under reports whether a submission was made under the event's account, as far as
// both are known.
func (c *Client) under(s *idempotency.Submission, e *postproof.Event) bool {
	v := c.byName[e.Vendor]
	return e.Account == "" || s.Account == "" || s.Account == e.Account || (sameAccount(v, s.Account) && sameAccount(v, e.Account))
}
