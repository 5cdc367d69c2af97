package operator

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/postproof/postproof/client/callback"
	"github.com/postproof/postproof/idempotency"
)

// callbackView is a callback that failed, in JSON. Its payload stays in the ledger: it
// may hold personal data.
type callbackView struct {
	Type     string    `json:"type"`
	Message  uint64    `json:"message"`
	Vendor   string    `json:"vendor"`
	State    string    `json:"state"`
	Tries    int       `json:"tries"`
	Reason   string    `json:"reason"`
	Received time.Time `json:"received"`
	// Due is when it is tried again, of one that is not parked.
	Due time.Time `json:"due,omitzero"`
}

// callbackGroup counts callbacks that failed for one reason.
type callbackGroup struct {
	Type      string    `json:"type"`
	Vendor    string    `json:"vendor"`
	Reason    string    `json:"reason"`
	Callbacks int       `json:"callbacks"`
	Parked    int       `json:"parked"`
	Since     time.Time `json:"since"`
}

type callbackArgs struct {
	vendor string
	parked bool
	limit  int
}

// query selects what the arguments mean.
func (a *callbackArgs) query(ids []string) (callback.Query, error) {
	q := callback.Query{Vendor: a.vendor}
	if a.parked {
		q.States = []idempotency.MessageState{idempotency.MessageParked}
	}
	for _, text := range ids {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil || id == 0 {
			return q, usage("%q: want the number of a callback, as the list has it", text)
		}
		if !slices.Contains(q.IDs, id) {
			q.IDs = append(q.IDs, id)
		}
	}
	if len(q.IDs) > 0 && (a.parked || a.vendor != "") {
		return q, usage("name callbacks, or say -vendor or -parked, not both")
	}
	return q, nil
}

func callbacksCommand() *command {
	a := &callbackArgs{limit: 50}
	return &command{
		name: "callbacks", args: "[replay [NUMBER…]]", short: "vendors' callbacks that could not be applied, or handled: list, try again", most: -1,
		long: `
Lists the callbacks that failed, with why: parked ones wait for a person, others are tried again by themselves.
Nothing of them is lost. A reason that begins with "handler" is your own service's, which was called and failed;
"no record" means that the ledger has no such piece: audit that vendor.

Mend what failed, and then replay hands them to the services that receive, as if they had just come: all that
failed, those of a -vendor, only the -parked ones, or single ones by their numbers, in any state. What the
ledger has already is not applied twice. Your handler is called again, for one in the state applied, too.

  $ callbacks
  $ callbacks -vendor lob -limit 0
  $ callbacks replay -parked
  $ callbacks replay 1042 1043

The list exits 3 when a callback is parked.`,
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&a.vendor, "vendor", "", "only those of a `vendor`")
			fs.BoolVar(&a.parked, "parked", false, "only those that are parked")
			fs.IntVar(&a.limit, "limit", 50, "list so many `callbacks`; 0 for all")
		},
		run: func(ctx context.Context, r *run, args []string) error {
			if _, err := r.client(ctx); err != nil {
				return err
			}
			inbox, err := callback.OpenInbox(r.ledger, r.Clock)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				q, err := a.query(nil)
				if err != nil {
					return err
				}
				return r.listCallbacks(ctx, inbox, q, a.limit)
			}
			if args[0] != "replay" {
				return usage("want nothing, or replay")
			}
			q, err := a.query(args[1:])
			if err != nil {
				return err
			}
			return r.replayCallbacks(ctx, inbox, q)
		},
	}
}

// failedCallbacks calls each with the callbacks of a query; their payloads are not read.
func (r *run) failedCallbacks(ctx context.Context, inbox *callback.Inbox, q callback.Query, each func(*idempotency.Message)) error {
	q.Bare = true
	for m, err := range inbox.List(ctx, q) {
		if r.past(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the callbacks: %w", err)
		}
		each(m)
	}
	return nil
}

// callbackGroups counts callbacks by vendor and reason.
type callbackGroups struct {
	all            []*callbackGroup
	number, parked int
}

func (g *callbackGroups) add(m *idempotency.Message) {
	reason := orText(m.LastError, string(m.State))
	i := slices.IndexFunc(g.all, func(o *callbackGroup) bool { return o.Vendor == m.Vendor && o.Reason == reason })
	if i < 0 {
		i = len(g.all)
		g.all = append(g.all, &callbackGroup{Type: "callback_group", Vendor: m.Vendor, Reason: reason, Since: m.ReceivedAt.UTC()})
	}
	g.number++
	one := g.all[i]
	one.Callbacks++
	if m.State == idempotency.MessageParked {
		one.Parked++
		g.parked++
	}
	if at := m.ReceivedAt.UTC(); at.Before(one.Since) {
		one.Since = at
	}
}

func (g *callbackGroups) sorted() []*callbackGroup {
	slices.SortFunc(g.all, func(a, b *callbackGroup) int {
		return cmp.Or(cmp.Compare(b.Callbacks, a.Callbacks), cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Reason, b.Reason))
	})
	return g.all
}

func (r *run) listCallbacks(ctx context.Context, inbox *callback.Inbox, q callback.Query, limit int) error {
	now := r.Clock.Now()
	var groups callbackGroups
	list := newTable(">CALLBACK", "VENDOR", "RECEIVED (UTC)", ">TRIES", "NEXT TRY", "~WHY")
	err := r.failedCallbacks(ctx, inbox, q, func(m *idempotency.Message) {
		groups.add(m)
		if limit > 0 && groups.number > limit {
			return
		}
		v := callbackView{
			Type: "callback", Message: m.ID, Vendor: m.Vendor, State: string(m.State), Tries: m.Tries, Reason: m.LastError, Received: m.ReceivedAt.UTC(),
		}
		next := "parked"
		if m.State == idempotency.MessageWaiting {
			v.Due = m.Due.UTC()
			next = moment(m.Due, now)
		}
		r.out.object(v)
		list.add(strconv.FormatUint(m.ID, 10), m.Vendor, moment(m.ReceivedAt, now), strconv.Itoa(m.Tries), next, m.LastError)
	})
	if err != nil {
		return err
	}
	if groups.number == 0 {
		r.out.text("No callback has failed.")
		return nil
	}
	counts := newTable(">CALLBACKS", ">PARKED", "VENDOR", "OLDEST (UTC)", "~WHY")
	for _, g := range groups.sorted() {
		r.out.object(g)
		counts.add(number(g.Callbacks), number(g.Parked), g.Vendor, moment(g.Since, now), g.Reason)
	}
	r.out.text("%s failed, %s of them parked", many(groups.number, "callback"), number(groups.parked))
	r.out.text("")
	r.out.list(counts)
	r.out.text("")
	r.out.list(list)
	if limit > 0 && groups.number > limit {
		r.out.text("  … and %s more: -limit 0 lists all", number(groups.number-limit))
	}
	r.out.text("")
	r.out.wrapped("", "Mend what failed, and then: "+r.Name+" callbacks replay")
	return needsPerson(groups.parked > 0)
}

// replayedView is what a replay of callbacks did, in JSON.
type replayedView struct {
	Type    string `json:"type"`
	Queued  int64  `json:"queued"`
	Purged  int64  `json:"purged"`
	Busy    int64  `json:"busy"`
	Damaged int64  `json:"damaged"`
}

func (r *run) replayCallbacks(ctx context.Context, inbox *callback.Inbox, q callback.Query) error {
	var groups callbackGroups
	if err := r.failedCallbacks(ctx, inbox, q, groups.add); err != nil {
		return err
	}
	switch {
	case len(q.IDs) > groups.number:
		return fmt.Errorf("nothing was done: of %s %s in the ledger and can be read", many(len(q.IDs), "callback"), number(groups.number)+are(groups.number))
	case groups.number == 0:
		r.out.text("No callback has failed.")
		return nil
	}
	in := intent{Jobs: groups.number, one: "callback", Does: []string{"Hand to the receiving services once more, whose handler is called again:"}}
	for _, g := range groups.sorted() {
		in.Does = append(in.Does, fmt.Sprintf("%s of %s: %s", many(g.Callbacks, "callback"), g.Vendor, g.Reason))
	}
	if err := r.confirm(in); err != nil {
		return err
	}
	did, err := inbox.Replay(ctx, q)
	r.out.object(replayedView{"replayed", did.Queued, did.Purged, did.Busy, did.Damaged})
	if err != nil {
		return fmt.Errorf("%s were handed over, then: %w", number(did.Queued), err)
	}
	r.out.text("%s handed over: the receiving services take them up by themselves.", many(did.Queued, "callback")+are(did.Queued))
	for _, left := range []struct {
		n   int64
		why string
	}{
		{did.Purged, "no payload any more, and cannot be read"},
		{did.Busy, "been taken up by a service meanwhile"},
		{did.Damaged, "been left: damaged"},
	} {
		if left.n > 0 {
			r.out.text("%s %s.", many(left.n, "callback")+has(left.n), left.why)
		}
	}
	return nil
}

// unreadCallbacks are those that were answered, are due, and that nobody applies.
type unreadCallbacks struct {
	n      int
	oldest time.Time
	// busy: a service is at some, so that it only lags behind.
	busy bool
}

func (u *unreadCallbacks) add(m *idempotency.Message, now time.Time) {
	since := m.ReceivedAt
	if m.Due.After(since) {
		since = m.Due
	}
	switch {
	case m.Lease.Until.After(now):
		u.busy = true
	case now.Sub(since) > stillFor:
		if u.n++; u.oldest.IsZero() || since.Before(u.oldest) {
			u.oldest = since
		}
	}
}
