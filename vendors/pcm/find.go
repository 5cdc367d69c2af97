package pcm

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

const (
	pageSize = 50
	// maxPages bounds a look-up by reference, which has one page or none: more
	// means that the filter is ignored. Then the answer is not complete.
	maxPages = 20
)

// Find implements [vendors.Finder]. Of each order found it reads the batch,
// for its status, and the recipient, whose label is the content's digest.
func (a *Adapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if !ref.Valid() {
		return nil, &postproof.Error{
			Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: string(postproof.OpLookUp),
			Err: errors.New("this is no reference of ours"),
		}
	}
	found := &vendors.Found{}
	filter := url.Values{"extRefNbr": {string(ref)}}
	total, unclear, seen := 0, false, map[string]bool{}
	for n := 1; n <= maxPages; n++ {
		resp, p, got, err := a.page(ctx, do, postproof.OpLookUp, filter, n)
		if err != nil {
			return nil, err
		}
		if n == 1 {
			found.VendorTime = resp.Time()
		}
		if p.page != n {
			break // it does not turn pages: what else is there is not known
		}
		// Where orders come or go pages shift: one that was not shown must not be
		// made up for by one that was shown twice, or that is gone.
		unclear = unclear || (n > 1 && p.total != total)
		total = p.total
		for _, o := range got {
			if seen[o.Receipt.VendorID] {
				unclear = true
				continue
			}
			seen[o.Receipt.VendorID] = true
			if o.Receipt.Ref != ref {
				// One without any reference cannot be told apart from ours.
				unclear = unclear || o.Receipt.Ref == ""
				continue
			}
			if err := a.complete(ctx, do, o); err != nil {
				return nil, err
			}
			found.Orders = append(found.Orders, o.Order)
		}
		if n >= p.totalPages {
			found.Complete = len(seen) == total && !unclear
			break
		}
	}
	return found, nil
}

// complete adds what the order's batch and recipient know.
func (a *Adapter) complete(ctx context.Context, do vendors.Doer, o *seen) error {
	a.refine(ctx, do, postproof.OpLookUp, o)
	check := func(raw []byte) error { _, err := parsePage(raw); return err }
	path := "/order/" + o.Receipt.VendorID + "/recipients?page=1&perPage=2"
	resp, err := a.call(ctx, do, a.read(postproof.OpLookUp, path, "/order/{id}/recipients", check))
	if err != nil {
		return err
	}
	p, err := parsePage(resp.Body)
	if err != nil {
		return unreadable(postproof.OpLookUp, resp)
	}
	addRecipient(&o.Facts, p)
	return nil
}

// addRecipient adds the content's digest, or the postal code where there is no
// digest: PCM corrects addresses, and the digest covers them. An order of
// several recipients is none of ours, whatever its reference says.
func addRecipient(f *vendors.Facts, p *page) {
	if p.total > 1 {
		f.Kind = kindOther
	}
	if p.total != 1 || len(p.results) != 1 {
		return
	}
	r, err := parseObject(p.results[0])
	if err != nil {
		return
	}
	if f.Content = r.Text("extRefNbr"); f.Content == "" {
		f.PostalCode = vendors.PostalFact(r.Text("zipCode"))
	}
}

func (a *Adapter) page(ctx context.Context, do vendors.Doer, op postproof.Op, filter url.Values, n int) (*vendors.Response, *page, []*seen, error) {
	q := url.Values{"page": {strconv.Itoa(n)}, "perPage": {strconv.Itoa(pageSize)}}
	maps.Copy(q, filter)
	check := func(raw []byte) error { _, _, err := parseOrders(raw); return err }
	resp, err := a.call(ctx, do, a.read(op, "/order?"+q.Encode(), "/order", check))
	if err != nil {
		return nil, nil, nil, err
	}
	p, got, err := parseOrders(resp.Body)
	if err != nil {
		return nil, nil, nil, unreadable(op, resp)
	}
	return resp, p, got, nil
}

// List implements [vendors.Lister]. PCM has no filter by date, so every page
// is read; orders that are placed meanwhile may shift the pages. The status is
// the order's own, without its batch.
func (a *Adapter) List(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		for n := 1; ; n++ {
			resp, p, got, err := a.page(ctx, do, postproof.OpList, nil, n)
			if err == nil && p.page != n {
				err = unreadable(postproof.OpList, resp)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, o := range got {
				if placed := o.Receipt.AcceptedAt; !placed.IsZero() && placed.Before(since) {
					continue
				}
				o.Status.Source = postproof.SourcePoll
				if !yield(o.Order, nil) {
					return
				}
			}
			if n >= p.totalPages || len(got) == 0 {
				return
			}
		}
	}
}
