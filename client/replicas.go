package client

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// replicas is which other clients are there, on this ledger: a vendor's rate is
// the account's, and they share it. Each writes a sign of life now and then into
// a slot of its own, a setting. Slots of those that have gone are taken again, so
// there are never more settings than there were clients at a time.
type replicas struct {
	slots [maxReplicas]peer
	// slot is this client's, -1 for none, and signed when it was last written.
	slot   int
	signed time.Time
	// lasts is how long a sign of life holds.
	lasts time.Duration
	rates []string // the accounts with a rate
	// joining: it waits for the others to hear of it.
	joining bool
}

// peer is who has a slot.
type peer struct {
	version uint64
	from    string
	alive   span
	rates   []string
}

const (
	// maxReplicas bounds what a rate is divided by: whatever the ledger says, a
	// sixty-fourth is left.
	maxReplicas = 64
	// aliveFor is how long a sign of life holds at least, and mostAlive at most.
	aliveFor  = 30 * time.Second
	mostAlive = 10 * time.Minute
)

func (r *replicas) init(c *Client) {
	r.slot, r.lasts = -1, min(mostAlive, max(aliveFor, 3*c.poll))
	for _, v := range c.vendors {
		if v.limits.rated() {
			r.rates = append(r.rates, v.accountNames()...)
		}
	}
}

const slotPrefix = hintPrefix + "alive/"

func slotName(i int) string { return fmt.Sprintf("%s%02d", slotPrefix, i) }

// slotOf returns the slot that a setting is, false when it is none.
func slotOf(name string) (int, bool) {
	number, ok := strings.CutPrefix(name, slotPrefix)
	if !ok || len(number) != 2 {
		return 0, false
	}
	i, err := strconv.Atoi(number)
	return i, err == nil && i >= 0 && i < maxReplicas
}

// forget drops what is known of settings that are not there, as after a restore of a
// backup from before them: who expected their version would never write them again.
func (h *hints) forget(all []idempotency.Setting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	there := make(map[string]bool, len(all))
	for i := range all {
		there[all[i].Name] = true
	}
	for name, t := range h.topics {
		if t.version != 0 && !there[name] {
			t.version, t.reason, t.told = 0, "", span{}
		}
	}
	for i := range h.slots {
		if h.slots[i].version != 0 && !there[slotName(i)] {
			h.slots[i] = peer{}
		}
	}
}

// signOfLife adds one when it is due. A slot is written only at the version that
// was read: of two clients that want it one gets it, and the other looks again.
func (h *hints) signOfLife(now, ledger time.Time, add func(string, uint64, hint, func(error))) {
	r := &h.replicas
	if len(r.rates) == 0 {
		return
	}
	if r.slot >= 0 && r.slots[r.slot].from != h.self {
		r.slot = -1 // it was taken: this client had seemed to be gone
	}
	if r.slot >= 0 && !now.Before(r.signed) && now.Before(r.signed.Add(r.lasts/3)) {
		return
	}
	slot := r.slot
	if slot < 0 {
		slot = slices.IndexFunc(r.slots[:], func(p peer) bool { return !p.alive.holds(now) })
	}
	if slot < 0 {
		return // as many as are counted are there
	}
	p := r.slots[slot]
	add(slotName(slot), p.version, hint{Until: ledger.Add(r.lasts), Rates: r.rates}, func(err error) {
		if err != nil {
			r.slot, h.again = -1, true
			r.slots[slot].alive = span{now, now.Add(r.lasts)} // whoever it is; it is read now
			return
		}
		r.slot, r.signed, r.joining = slot, now, false
		r.slots[slot] = peer{version: p.version + 1, from: h.self, alive: span{now, now.Add(r.lasts)}, rates: r.rates}
	})
}

// divide gives each vendor's limiter this client's share of the rate. A client
// that is about to tell the others of itself waits for them to hear of it, once:
// at their next look.
func (c *Client) divide(now time.Time, signs bool) {
	h := &c.hints
	h.mu.Lock()
	defer h.mu.Unlock()
	joins := !h.joining && !span{h.signed, h.signed.Add(h.lasts)}.holds(now)
	for _, v := range c.vendors {
		if !v.limits.rated() {
			continue
		}
		n, names := 1, v.accountNames()
		for i := range h.slots {
			if p := &h.slots[i]; p.from != h.self && p.alive.holds(now) && slices.ContainsFunc(p.rates, func(rate string) bool { return slices.Contains(names, rate) }) {
				n++
			}
		}
		v.limits.share(n, now)
		if joins && n > 1 {
			v.limits.join(now.Add(2 * c.poll))
		}
	}
	h.joining = h.joining || signs
}

// leave gives the slot back, as far as that is quickly done: else the share
// comes back to the others when the last sign of life has worn off.
func (h *hints) leave(ctx context.Context, c *Client) {
	if h.slot < 0 {
		return
	}
	ledger := c.now()
	value, err := json.Marshal(hint{Version: hintVersion, At: ledger, Until: ledger, From: h.self, By: c.owner})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = idempotency.CommitOne(ctx, c.store, idempotency.Change{
		Settings: []idempotency.SettingWrite{{Name: slotName(h.slot), Value: value, Expect: h.slots[h.slot].version}},
	})
}
