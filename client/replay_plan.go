package client

import (
	"context"
	"iter"

	"github.com/postproof/postproof/idempotency"
)

// PlanReplay returns what a replay would do, and does nothing. It streams: its
// memory does not grow with the list or the ledger. A replay with both a snapshot
// and a query reads the snapshot once more for each million of its rows, and holds
// 16 MiB meanwhile.
func (c *Client) PlanReplay(ctx context.Context, r Replay) (_ ReplayPlan, err error) {
	if err := c.knowsVendors("plan replay"); err != nil {
		return ReplayPlan{}, err
	}
	ctx, span := c.tel.call(ctx, "postproof.plan_replay", &err)
	defer endCall(span, &err)
	plan := ReplayPlan{Replay: r, epoch: c.id().Epoch}
	if err := r.check("plan replay"); err != nil {
		return plan, err
	}
	rd, err := c.replayReader(&r)
	if err != nil {
		return plan, err
	}
	if plan.base, err = c.sentByRun(ctx, r.Name); err != nil {
		return plan, err
	}
	if r.Snapshot != nil {
		plan.RowsRejected = int64(r.Snapshot.Counts().Rejected)
	}
	counts := map[ReplayCount]int64{} // by count with zero Jobs
	costs := map[string]*ReplayCost{}
	for b := range rd.read(ctx, replayCursor{}) {
		if b.err != nil {
			return plan, b.err
		}
		for i := range b.items {
			it := &b.items[i].ReplayItem
			plan.Total++
			counts[ReplayCount{Outcome: it.Outcome, Reason: it.Reason}]++
			if it.Outcome != ReplayNew && it.Outcome != ReplayAgain {
				continue
			}
			k := costs[it.Vendor]
			if k == nil {
				k = &ReplayCost{Vendor: it.Vendor, Priced: c.byName[it.Vendor].config.Price != nil}
				costs[it.Vendor] = k
			}
			k.Jobs++
			k.Cents += it.Cents
		}
	}
	for k, n := range counts {
		k.Jobs = n
		plan.Counts = append(plan.Counts, k)
	}
	plan.sortCounts()
	for _, v := range c.vendors {
		if k := costs[v.name]; k != nil {
			plan.Costs = append(plan.Costs, *k)
		}
	}
	plan.At = c.now()
	plan.by, err = c.sentByRun(ctx, r.Name)
	return plan, err
}

// sentByRun is how many jobs a run has sent; 0 where there is none of the name.
func (c *Client) sentByRun(ctx context.Context, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	n, err := c.store.Counter(ctx, replayCounter(name, sentByRun))
	if err != nil {
		return 0, c.storeError("plan replay", err)
	}
	return n, nil
}

// budget is how many jobs the run of the plan may send, those of before included.
// What another process sent while this plan was made is sent under the plan
// before, and may have been planned here or not: as far as that one allows it,
// nobody needs to plan again for it. From the plan's end on no more than it says
// is sent in any case.
func (p *ReplayPlan) budget(before int64) int64 {
	least, most := p.base+p.Sends(), p.by+p.Sends()
	return max(least, min(before, most))
}

// ReplayItems yields each job of a replay with what would be done with it and
// why: the rows of the snapshot in their order, then the jobs of the query by
// their ids. It does nothing. See [Client.PlanReplay] for the sums.
func (c *Client) ReplayItems(ctx context.Context, r Replay) iter.Seq2[ReplayItem, error] {
	return func(yield func(ReplayItem, error) bool) {
		err := c.knowsVendors("plan replay")
		if err == nil {
			err = r.check("plan replay")
		}
		var rd *replayReader
		if err == nil {
			rd, err = c.replayReader(&r)
		}
		if err != nil {
			yield(ReplayItem{}, err)
			return
		}
		for b := range rd.read(ctx, replayCursor{}) {
			if b.err != nil {
				yield(ReplayItem{}, b.err)
				return
			}
			for i := range b.items {
				if !yield(b.items[i].ReplayItem, nil) {
					return
				}
			}
		}
	}
}

// What is counted of a run: what it sent, and, in the commits of the jobs, where
// they are. Waiting is the rest.
const (
	inRun          = "jobs"
	sentByRun      = "sent"
	recoveredOfRun = "recovered"
	heldOfRun      = "held"
	refusedOfRun   = "refused"
	canceledOfRun  = "canceled"
	unknownOfRun   = "unknown"
)

const replayPrefix = "replay/"

func replayCounter(run, what string) string { return replayPrefix + run + "/" + what }

// placeInRun is the counter of a run that a job stands in; empty while it waits
// to be sent, or is being sent.
func placeInRun(s idempotency.State) string {
	switch s {
	case idempotency.Accepted, idempotency.Done:
		return recoveredOfRun
	case idempotency.Held:
		return heldOfRun
	case idempotency.Refused:
		return refusedOfRun
	case idempotency.Canceled:
		return canceledOfRun
	case idempotency.Unknown:
		return unknownOfRun
	case idempotency.Planned, idempotency.Sending:
		return ""
	default:
		return ""
	}
}

// What the history says of a job of a run: that it was recovered, and that it is
// not any more. The note names the run.
const (
	kindRecovered = idempotency.EntryRecovered
	kindLostAgain = idempotency.EntryRecoveryLost
)

// countInRun adds to a change what it does to the runs that the job is, or was,
// part of.
func countInRun(ch *idempotency.Change, before *idempotency.Record) {
	after := ch.Record
	if after == nil {
		return
	}
	var run, place string
	if before != nil {
		run, place = before.Run, placeInRun(before.State)
	}
	now := placeInRun(after.State)
	if (run == "" && after.Run == "") || (run == after.Run && place == now) {
		return
	}
	add := func(run, what string, n int64) {
		if run != "" && what != "" {
			ch.Counters = append(ch.Counters, idempotency.CounterAdd{Name: replayCounter(run, what), Add: n})
		}
	}
	tell := func(kind idempotency.EntryKind, run string) {
		ch.Entries = append(ch.Entries, idempotency.Entry{
			ID: after.ID, At: after.UpdatedAt, Kind: kind, To: after.State, Fence: after.Fence, Generation: after.Generation, Note: run,
		})
	}
	if run != after.Run {
		add(run, inRun, -1)
		add(after.Run, inRun, 1)
	}
	add(run, place, -1)
	add(after.Run, now, 1)
	// The name of a run that an erasure takes away is not to be written down again.
	if run != "" && place == recoveredOfRun && (after.Run != "" || !after.Erased()) {
		tell(kindLostAgain, run)
	}
	if after.Run != "" && now == recoveredOfRun {
		tell(kindRecovered, after.Run)
	}
}
