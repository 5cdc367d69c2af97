package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The second half of the random work is done with values that are rare, and of
// which each is somebody's edge.

func oneOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

func oddCampaigns() []string {
	return []string{"a", "A", "b", "", "a%", "a_", "\u00e9", "e\u0301", "'", `"\`, "\uffff", "\U0010ffff", " a", "NULL", strings.Repeat("z", 900)}
}

func oddVendors() []string { return []string{"pcm", "PCM", "pc", "p%", "\u00e9"} }

func oddVendorIDs() []string {
	return []string{"id", "ID", "id\x00", "id\xff", "\x1eid\x1f", "%", "", strings.Repeat("long", 2000), strings.Repeat("long", 2000) + "er"}
}

// oddTime is one in the order of which all stores agree.
func (w *walk) oddTime() time.Time {
	return oneOf(w.random, time.Time{}, time.Date(1700, 1, 1, 0, 0, 0, 1, time.UTC), time.Unix(0, 0), w.now, w.now, w.now.Add(1), w.now.Add(-1), w.now.Truncate(time.Second),
		w.now.In(time.FixedZone("", -7*3600)), w.now.AddDate(100, 0, 0))
}

// oddNow is the time of a claim: a lease from the beginning of time would end before
// all times that a lease can keep.
func (w *walk) oddNow() time.Time {
	if now := w.oddTime(); !now.IsZero() {
		return now
	}
	return w.now
}

func (w *walk) oddAct() {
	w.now = w.now.Add(time.Duration(w.random.IntN(3)))
	switch w.random.IntN(8) {
	case 0, 1, 2, 3:
		w.commitThese(w.oddChange)
	case 4:
		req := idempotency.ClaimRequest{
			Owner: oneOf(w.random, "", "w", "\u00e9'"), Limit: oneOf(w.random, 1, 2, 7, math.MaxInt, 0, -1), Lease: oneOf(w.random, 0, 1, time.Minute, -time.Minute, 50*365*24*time.Hour),
			Now: w.oddNow(), Served: oneOf(w.random, oddCampaigns()...),
		}
		for range w.random.IntN(4) {
			req.Skip = append(req.Skip, oneOf(w.random, append(oddCampaigns(), "nobody's")...))
		}
		if w.random.IntN(3) == 0 {
			req.Least = new(w.oddPriority())
		}
		w.claim(req)
	case 5:
		m := message(w.random.IntN(4))
		m.Vendor, m.Account, m.Dedupe = oneOf(w.random, oddVendors()...), oneOf(w.random, "", "a", "A"), oneOf(w.random, "", "e", "E", "e ", m.Dedupe)
		m.Mode = oneOf(w.random, postproof.ModeTest, postproof.ModeLive, "")
		m.Due, m.Tries, m.LastError, m.Fence = w.oddTime(), w.random.IntN(2), oneOf(w.random, "", "x"), 9
		m.State = oneOf(w.random, "", idempotency.MessageWaiting, idempotency.MessageIgnored, idempotency.MessageApplied)
		m.Header = oneOf(w.random, nil, map[string]string{}, map[string]string{"a": "\xff", "A": ""})
		m.Body = oneOf(w.random, nil, []byte{}, []byte("\x00\xff"))
		w.put(m)
	case 6:
		now, limit := w.oddNow(), oneOf(w.random, 1, 3, math.MaxInt, 0, -1)
		both(w, "claim messages", func(e idempotency.Engine) []*idempotency.Message { return claimMessages(w.t, e, now, limit) })
	case 7:
		w.prune(w.oddTime(), oneOf(w.random, 0, -1))
	}
}

func (w *walk) oddPriority() int {
	return oneOf(w.random, math.MinInt, -1, 0, 1, math.MaxInt)
}

func (w *walk) oddChange() idempotency.Change {
	n := w.random.IntN(25)
	var c idempotency.Change
	switch r, err := w.model.Get(w.t.Context(), idOf(n)); {
	case w.random.IntN(8) == 0:
		c.Entries = []idempotency.Entry{{ID: oneOf(w.random, "", idOf(n), idOf(n+25)), At: w.oddTime(), Kind: oneOf[idempotency.EntryKind](w.random, "", "odd"), Note: oneOf(w.random, oddVendorIDs()...)}}
	case err != nil:
		c = create(w.oddRecord(sent(n, oneOf(w.random, oddVendors()...))))
	default:
		c = step(r, func(r *idempotency.Record) { w.oddRecord(r) })
		c.Forget = w.random.IntN(8) == 0
	}
	if w.random.IntN(3) == 0 {
		c.Counters = append(c.Counters, idempotency.CounterAdd{
			Name: oneOf(w.random, "cap", "Cap", ""), Add: oneOf[int64](w.random, math.MaxInt64, math.MinInt64, 1, -1, 0, 3), Limit: oneOf[int64](w.random, 0, -1, 2, math.MaxInt64),
		})
	}
	if w.random.IntN(3) == 0 {
		c.Settings = append(c.Settings, idempotency.SettingWrite{Name: oneOf(w.random, "s0", "S0", "s%", ""), Value: oneOf(w.random, nil, []byte{}, []byte("\x00")), Expect: uint64(w.random.IntN(3))})
	}
	if w.random.IntN(4) == 0 {
		c.Reads = append(c.Reads, idempotency.SettingRead{Name: oneOf(w.random, "s0", "S0", "s%", "never"), Version: uint64(w.random.IntN(2))})
	}
	for range w.random.IntN(3) {
		c.Marks = append(c.Marks, idempotency.Mark{
			ID: uint64(w.random.IntN(12)), Expect: uint64(w.random.IntN(4)), State: oneOf(w.random, idempotency.MessageWaiting, idempotency.MessageApplied, idempotency.MessageParked),
			Due: w.oddTime(), Error: oneOf(w.random, "", "failed"), Purge: w.random.IntN(5) == 0,
		})
	}
	return c
}

// oddRecord gives the record odd values, and returns it.
func (w *walk) oddRecord(r *idempotency.Record) *idempotency.Record {
	states := idempotency.States()
	r.State, r.Campaign, r.Priority = states[w.random.IntN(len(states))], oneOf(w.random, oddCampaigns()...), w.oddPriority()
	r.Due, r.UpdatedAt, r.CreatedAt, r.Lease = w.oddTime(), w.oddTime(), w.oddTime(), idempotency.Lease{}
	r.Job = oneOf(w.random, nil, []byte{}, []byte("{}"), []byte("\x00"))
	if w.random.IntN(4) == 0 {
		r.Lease = idempotency.Lease{Owner: "o", Until: w.oddTime()}
	}
	last := &r.Submissions[len(r.Submissions)-1]
	last.Vendor, last.VendorID = oneOf(w.random, oddVendors()...), oneOf(w.random, oddVendorIDs()...)
	if last.NextWatch = (time.Time{}); w.random.IntN(3) == 0 {
		last.Fate, last.NextWatch = idempotency.FateAbsent, w.oddTime()
	}
	if w.random.IntN(6) == 0 {
		r.Generation++
		r.Submissions = append(r.Submissions, idempotency.Submission{Generation: r.Generation, Ref: refOf(w.random.IntN(25), r.Generation), Vendor: oneOf(w.random, oddVendors()...)})
	}
	if w.random.IntN(4) == 0 {
		r.Receipt = postproof.Receipt{Vendor: oneOf(w.random, oddVendors()...), VendorID: oneOf(w.random, oddVendorIDs()...)}
	}
	return r
}

func (w *walk) compareOdd() {
	for _, campaign := range oddCampaigns() {
		both(w, fmt.Sprintf("depth of %.9q", campaign), func(e idempotency.Engine) []idempotency.StateCount {
			all, err := e.Depth(w.t.Context(), campaign)
			if err != nil {
				w.t.Fatalf("Depth: %v", err)
			}
			return all
		})
		for _, vendor := range oddVendors() {
			q := idempotency.Query{Campaign: campaign, Vendor: vendor, Limit: w.random.IntN(4)}
			both(w, fmt.Sprintf("campaign %.9q and vendor %q", campaign, vendor), func(e idempotency.Engine) []idempotency.ID { return find(w.t, e, q) })
		}
	}
	for _, vendor := range append(oddVendors(), "") {
		for _, piece := range oddVendorIDs() {
			q := idempotency.Query{Vendor: vendor, VendorID: piece, After: oneOf(w.random, "", idOf(3))}
			both(w, fmt.Sprintf("vendor %q and piece %.9q", vendor, piece), func(e idempotency.Engine) []idempotency.ID { return find(w.t, e, q) })
		}
	}
	for _, name := range []string{"s", "S", "s%", "s0"} {
		both(w, "settings", func(e idempotency.Engine) []idempotency.Setting { return collect(w.t, e.Settings(w.t.Context(), name)) })
	}
	for n := range 50 {
		both(w, "history", func(e idempotency.Engine) []idempotency.Entry { return history(w.t, e, idOf(n)) })
	}
	for _, name := range []string{"Cap", ""} {
		both(w, "counter", func(e idempotency.Engine) int64 {
			n, err := e.Counter(w.t.Context(), name)
			if err != nil {
				w.t.Fatalf("Counter: %v", err)
			}
			return n
		})
	}
}
