package pcm

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// ListUndeliverable implements [vendors.UndeliverableLister]. PCM documents it
// as the recipients "that would have been shipped" in the time: they are found
// out when the batch is made up, and nothing is printed for them. Its reason may
// quote the address, and is left out.
func (a *Adapter) ListUndeliverable(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Order, error] {
	return func(yield func(*vendors.Order, error) bool) {
		const op = postproof.OpListUndeliverable
		path := "/recipient/undeliverable"
		query := url.Values{"startDate": {since.UTC().Format(time.RFC3339)}}
		check := func(raw []byte) error { _, err := parseUndeliverable(raw); return err }
		resp, err := a.call(ctx, do, a.read(op, path+"?"+query.Encode(), path, check))
		if err != nil {
			yield(nil, err)
			return
		}
		all, err := parseUndeliverable(resp.Body)
		if err != nil {
			yield(nil, unreadable(op, resp))
			return
		}
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// parseUndeliverable reads the list, which has no pages. A line is about a
// recipient, whose reference is none of ours: the order is found by its id. One
// without an id makes the list unreadable, lest somebody's piece is overlooked.
func parseUndeliverable(raw []byte) ([]*vendors.Order, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, errAnswer
	}
	all := make([]*vendors.Order, 0, len(items))
	for _, item := range items {
		o, err := parseObject(item)
		if err != nil {
			return nil, err
		}
		id := idOf(o, "orderID")
		if id == "" {
			return nil, errAnswer
		}
		one := &vendors.Order{Receipt: postproof.Receipt{Vendor: Name, VendorID: id}, Raw: item}
		one.Status, one.Dead = statusOf(orderUndeliverable, "")
		one.Status.Source = postproof.SourcePoll
		one.Status.VendorTime = parseTime(o.Text("date"))
		all = append(all, one)
	}
	return all, nil
}
