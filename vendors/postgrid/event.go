package postgrid

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/vendors"
)

// event is one entry of the event log, or one callback.
type event struct {
	notice  *vendors.Notice
	created time.Time
}

// isEvent reports whether the object is one of PostGrid's events. SDK: object is
// always "event", id and type are always there.
func isEvent(o vendors.Object) bool {
	return o.Text("object") == "event" && vendors.Word(o.Text("id")) != "" && o.Text("type") != ""
}

// parseEvent reads an event. Its types say no more than created and updated of
// some resource: what happened is what the resource shows. Of one that is no
// piece of ours, or shows none, neither id nor reference is taken.
func parseEvent(raw []byte, source postproof.Source, caps *postproof.Capabilities) (*event, error) {
	o, err := parseObject(raw)
	if err != nil {
		return nil, err
	}
	if !isEvent(o) {
		return nil, errAnswer
	}
	e := &event{created: o.Time("createdAt"), notice: &vendors.Notice{Event: postproof.Event{
		ID: o.Text("id"), Vendor: Name, Mode: modeField(o), Raw: raw,
	}}}
	data := o.Object("data")
	e.show(data, data.Text("object"), o["data"], source, caps)
	return e, nil
}

// show fills in the order that the event is about. A contact, a campaign or a box is
// none: the event is one all the same.
func (e *event) show(data vendors.Object, name string, raw []byte, source postproof.Source, caps *postproof.Capabilities) {
	order, err := readOrder(data, name, raw, caps)
	if err != nil {
		return
	}
	order.Status.Source = source
	e.notice.Order = order
	ev := &e.notice.Event
	ev.VendorID, ev.Ref, ev.Status = order.Receipt.VendorID, order.Receipt.Ref, order.Status
	if ev.Mode == "" {
		ev.Mode = order.Mode
	}
	if ev.Status.VendorTime.IsZero() {
		ev.Status.VendorTime = e.created
	}
}

// Events implements [vendors.EventLister] by the account's event log. The log
// has an event only where, at that time, a webhook listened for its type.
// Nothing is said about its order; where it turns out to be newest first, what
// lies behind the time given is not read.
func (a *Adapter) Events(ctx context.Context, do vendors.Doer, since time.Time) iter.Seq2[*vendors.Notice, error] {
	return func(yield func(*vendors.Notice, error) bool) {
		order := newestFirst{}
		for read := 0; ; {
			resp, got, total, err := a.events(ctx, do, read)
			if err == nil && len(got) == 0 && read < total {
				err = unreadable(postproof.OpEvents, resp, errShort)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			read += len(got)
			older := true
			for _, e := range got {
				order.see(e.created)
				if e.created.Before(since) && !e.created.IsZero() {
					continue
				}
				older = false
				if !yield(e.notice, nil) {
					return
				}
			}
			if read >= total || (older && order.holds()) {
				return
			}
		}
	}
}

func (a *Adapter) events(ctx context.Context, do vendors.Doer, skip int) (*vendors.Response, []*event, int, error) {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}, "skip": {strconv.Itoa(skip)}}
	check := func(raw []byte) error {
		_, _, err := parseEvents(raw, a.caps)
		return err
	}
	resp, err := do.Do(ctx, a.read(postproof.OpEvents, "/events?"+q.Encode(), "/events", check))
	if err != nil {
		return nil, nil, 0, err
	}
	got, total, err := parseEvents(resp.Body, a.caps)
	if err != nil {
		return nil, nil, 0, unreadable(postproof.OpEvents, resp, err)
	}
	return resp, got, total, nil
}

func parseEvents(raw []byte, caps *postproof.Capabilities) ([]*event, int, error) {
	p, err := parsePage(raw)
	if err != nil {
		return nil, 0, err
	}
	all := make([]*event, 0, len(p.items))
	for _, item := range p.items {
		e, err := parseEvent(item, postproof.SourcePoll, caps)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, e)
	}
	return all, p.total, nil
}

// newestFirst watches the times of a list.
type newestFirst struct {
	last         time.Time
	falls, rises bool
}

func (n *newestFirst) see(t time.Time) {
	if !n.last.IsZero() {
		n.falls = n.falls || t.Before(n.last)
		n.rises = n.rises || t.After(n.last)
	}
	n.last = t
}

// holds reports whether the times fell somewhere and rose nowhere.
func (n *newestFirst) holds() bool { return n.falls && !n.rises }
