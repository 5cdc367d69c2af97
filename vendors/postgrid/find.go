package postgrid

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

const (
	// pageSize is the largest page, by reports. A look-up does without it: it must
	// not fail because the largest is another one.
	pageSize = 100
	// maxPages bounds a look-up by reference, which has one page or none: more
	// means that the search is ignored. Then the answer is not complete.
	maxPages = 20
)

// Find implements [vendors.Finder]. It searches for the reference among orders
// of every kind, since a reference does not tell its own, and keeps what shows
// it in its metadata or as its description: a search is free text.
func (a *Adapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if !ref.Valid() {
		return nil, &postproof.Error{
			Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: string(postproof.OpLookUp),
			Err: errors.New("this is no reference of ours"),
		}
	}
	found := &vendors.Found{Complete: true}
	for _, p := range products() {
		if err := a.find(ctx, do, p, ref, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// find adds the orders of one kind.
func (a *Adapter) find(ctx context.Context, do vendors.Doer, p product, ref postproof.Ref, found *vendors.Found) error {
	q := url.Values{"search": {`"` + string(ref) + `"`}}
	read, total, seen := 0, 0, map[string]bool{}
	for n := 0; ; n++ {
		if n == maxPages {
			found.Complete = false
			return nil
		}
		resp, got, count, err := a.orders(ctx, do, postproof.OpLookUp, p, q, read)
		if err != nil {
			return err
		}
		found.Answered(resp)
		if n > 0 && count != total {
			found.Complete = false // orders came or went, and pages have shifted
		}
		read, total = read+len(got), count
		for _, order := range got {
			if seen[order.Receipt.VendorID] {
				// Pages have shifted, or are not turned at all: what the total counts
				// beside it was not shown.
				found.Complete = false
				continue
			}
			seen[order.Receipt.VendorID] = true
			switch order.Receipt.Ref {
			case ref:
				found.Orders = append(found.Orders, order)
			case "":
				// It holds the reference somewhere, and shows it in neither of its
				// places: whose order this is cannot be told.
				found.Complete = false
			}
		}
		switch {
		case read >= total:
			return nil
		case len(got) == 0: // the list ends before it has said that it would
			found.Complete = false
			return nil
		}
	}
}

// orders reads one page of orders.
func (a *Adapter) orders(ctx context.Context, do vendors.Doer, op postproof.Op, p product, q url.Values, skip int) (*vendors.Response, []*vendors.Order, int, error) {
	q.Set("skip", strconv.Itoa(skip))
	check := func(raw []byte) error {
		_, _, err := parseOrders(p, raw, a.caps)
		return err
	}
	resp, err := do.Do(ctx, a.read(op, p.path+"?"+q.Encode(), p.path, check))
	if err != nil {
		return nil, nil, 0, err
	}
	got, total, err := parseOrders(p, resp.Body, a.caps)
	if err != nil {
		return nil, nil, 0, unreadable(op, resp, err)
	}
	for _, order := range got {
		order.Status.Source = postproof.SourcePoll
	}
	return resp, got, total, nil
}

var (
	errShort    = errors.New("the list ends before its total")
	errSamePage = errors.New("the list shows its first page again in place of the next")
)

// List implements [vendors.Lister]. There is no filter by date, so every page is
// read; orders that are placed meanwhile may shift the pages, and then come
// twice.
func (a *Adapter) List(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		for _, p := range products() {
			if !a.list(ctx, do, p, since, yield) {
				return
			}
		}
	}
}

// list yields the orders of one kind, and reports whether to go on.
func (a *Adapter) list(ctx context.Context, do vendors.Doer, p product, since time.Time, yield func(*vendors.Order, error) bool) bool {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	first := ""
	for read := 0; ; {
		resp, got, total, err := a.orders(ctx, do, postproof.OpList, p, q, read)
		switch {
		case err != nil:
		case len(got) == 0 && read < total:
			err = unreadable(postproof.OpList, resp, errShort)
		case len(got) > 0 && got[0].Receipt.VendorID == first:
			err = unreadable(postproof.OpList, resp, errSamePage)
		case len(got) > 0:
			first = got[0].Receipt.VendorID
		}
		if err != nil {
			yield(nil, err)
			return false
		}
		read += len(got)
		for _, order := range got {
			if created := order.Receipt.AcceptedAt; !created.IsZero() && created.Before(since) {
				continue
			}
			if !yield(order, nil) {
				return false
			}
		}
		if read >= total {
			return true
		}
	}
}
