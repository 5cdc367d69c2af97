package lob

import (
	"bytes"
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
	pageSize = 100 // Lob's largest
	// maxPages bounds a look-up by reference, which has one page or none: more
	// means that the filter is ignored. Then the answer is not complete.
	maxPages = 20
)

// Find implements [vendors.Finder]. It asks for pieces of every kind, since a
// reference does not tell its own.
func (a *Adapter) Find(ctx context.Context, do vendors.Doer, ref postproof.Ref) (*vendors.Found, error) {
	if !ref.Valid() {
		return nil, &postproof.Error{
			Code: postproof.CodeInvalidArgument, Delivery: postproof.NotSent, Vendor: Name, Op: string(postproof.OpLookUp),
			Err: errors.New("this is no reference of ours"),
		}
	}
	found := &vendors.Found{Complete: true}
	filter := url.Values{"metadata[" + metaRef + "]": {string(ref)}}
	for _, p := range products() {
		w := a.walk(do, postproof.OpLookUp, p, filter)
		for n := 0; w.more(); n++ {
			if n == maxPages {
				found.Complete = false
				break
			}
			resp, got, err := w.next(ctx)
			if errors.Is(err, errLoop) {
				found.Complete = false
				break
			}
			if err != nil {
				return nil, err
			}
			found.Answered(resp)
			for _, order := range got {
				switch order.Receipt.Ref {
				case ref:
					found.Orders = append(found.Orders, order)
				case "":
					// It was asked for a reference and shows none: whose piece this
					// is cannot be told, so nothing is proven absent.
					found.Complete = false
				}
			}
		}
	}
	return found, nil
}

// List implements [vendors.Lister], newest first within each kind of piece.
func (a *Adapter) List(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		filter := url.Values{}
		if !since.IsZero() {
			filter.Set("date_created[gte]", since.UTC().Format("2006-01-02T15:04:05Z"))
		}
		for _, p := range products() {
			w := a.walk(do, postproof.OpList, p, filter)
			for w.more() {
				_, got, err := w.next(ctx)
				if err != nil {
					yield(nil, err)
					return
				}
				for _, order := range got {
					if order.Receipt.AcceptedAt.Before(since) && !order.Receipt.AcceptedAt.IsZero() {
						continue
					}
					if !yield(order, nil) {
						return
					}
				}
			}
		}
	}
}

// walker reads a list page by page.
type walker struct {
	adapter *Adapter
	do      vendors.Doer
	op      postproof.Op
	product product
	filter  url.Values
	after   string
	seen    map[string]bool
	started bool
	read    *page // what the answer judged last holds
}

func (a *Adapter) walk(do vendors.Doer, op postproof.Op, p product, filter url.Values) *walker {
	return &walker{adapter: a, do: do, op: op, product: p, filter: filter, seen: map[string]bool{}}
}

func (w *walker) more() bool { return !w.started || w.after != "" }

var errLoop = errors.New("the list comes back to a page that was read")

// next reads one page. Only the cursor is taken from the vendor's next_url:
// the credentials go nowhere but to the base URL.
func (w *walker) next(ctx context.Context) (*vendors.Response, []*vendors.Order, error) {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	maps.Copy(q, w.filter)
	if w.after != "" {
		q.Set("after", w.after)
	}
	resp, err := w.do.Do(ctx, w.adapter.read(w.op, w.product, "?"+q.Encode(), "", w.check))
	if err != nil {
		return nil, nil, err
	}
	p, err := w.of(resp)
	if err != nil {
		return nil, nil, unreadable(w.op, resp, err)
	}
	if p.next != "" && w.seen[p.next] {
		return nil, nil, unreadable(w.op, resp, errLoop)
	}
	w.started, w.after = true, p.next
	w.seen[p.next] = true
	for _, order := range p.orders {
		order.Status.Source = postproof.SourcePoll
	}
	return resp, p.orders, nil
}

// check reads an answer and keeps it, so that the one that counts is not parsed
// again. It forgets the one before.
func (w *walker) check(raw []byte) (err error) {
	w.read, err = parsePage(w.product, raw, w.adapter.caps)
	return err
}

// of returns the page in the answer that the call ended with. An answer other than
// the one judged last is read afresh.
func (w *walker) of(resp *vendors.Response) (*page, error) {
	if w.read == nil || !bytes.Equal(w.read.raw, resp.Body) {
		if err := w.check(resp.Body); err != nil {
			return nil, err
		}
	}
	p := w.read
	w.read = nil
	return p, nil
}

// cursor returns the "after" of a next_url, empty when there is none.
func cursor(next string) string {
	u, err := url.Parse(next)
	if err != nil {
		return ""
	}
	return u.Query().Get("after")
}
