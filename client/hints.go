package client

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// hints is what this client and the others know from each other. It is read and
// written by one goroutine at a time, beside the calls: see [Client.exchange].
type hints struct {
	off bool
	// self tells this client's hints from the others': names may be the same.
	self  string
	names map[string]hintTarget // by the name of the setting

	mu      sync.Mutex
	closed  bool
	busy    bool // the goroutine is there
	again   bool // it is wanted once more
	running sync.WaitGroup
	base    context.Context //nolint:containedctx // without an end
	ctx     context.Context //nolint:containedctx // the exchange's own, until Close
	end     context.CancelFunc
	topics  map[string]*topic
	looked  time.Time // when the settings were last read
	// lost: it was said that the ledger does not take hints; strange: that one
	// could not be read.
	lost, strange bool
	replicas
}

type hintTarget struct {
	v     *vendor
	group string
	// former: it is told under a former name of the account.
	former bool
}

// topic is what is known of one setting.
type topic struct {
	version uint64
	reason  TroubleReason
	// told is for how long the others know.
	told span
	// wish is what is to be written, until a moment of the clock.
	wish      *hint
	wishUntil time.Time
	wrote     time.Time
	// able is for how long a client is believed to be there that has taken back what
	// was told, see [Client.forAnother].
	// asked is for how long it has time to do so.
	able, asked span
}

func (h *hints) init(ctx context.Context, c *Client) {
	h.base = context.WithoutCancel(ctx)
	h.ctx, h.end = context.WithCancel(h.base)
	h.off, h.self = c.alone, randomName()
	h.names, h.topics = map[string]hintTarget{}, map[string]*topic{}
	h.replicas.init(c)
	for _, v := range c.vendors {
		for _, op := range []postproof.Op{postproof.OpSubmit, postproof.OpGet} { // a cancellation is in a hurry: it is tried
			name := hintName(v, op.Group())
			h.names[name], h.topics[name] = hintTarget{v: v, group: op.Group()}, &topic{}
			for former := range v.formers { // read only: what is said is said under the present name
				name := hintNameOf(v.name, former, op.Group())
				h.names[name], h.topics[name] = hintTarget{v: v, group: op.Group(), former: true}, &topic{}
			}
		}
		for _, account := range append([]string{v.account.Fingerprint, ""}, v.config.FormerAccounts...) { // to take it back
			name := otherAccountName(v.name, account)
			h.names[name], h.topics[name] = hintTarget{v: v, group: accountGroup}, &topic{}
		}
	}
}

// say has the others told that a vendor is not to be tried for a while, and
// reports whether that is news to them.
func (h *hints) say(c *Client, v *vendor, group string, reason TroubleReason, lasts, sinceAgo time.Duration) bool {
	now := c.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[hintName(v, group)]
	if h.off || t == nil || lasts <= hintEvery {
		return false // it is over before anybody has read it
	}
	until := now.Add(lasts)
	if t.wish != nil && t.wish.Reason == reason {
		t.wishUntil = laterOf(t.wishUntil, until)
		return !now.Before(t.wrote.Add(hintEvery))
	}
	// Where its end is still to be told, or is being written, what the others know is
	// about to be another thing.
	if ends := t.wish != nil && t.wish.Reason == troubleOver; !ends && t.known(reason, until, now) {
		return false
	}
	t.wish, t.wishUntil = &hint{Reason: reason}, until
	if sinceAgo > 0 {
		t.wish.Since = now.Add(-sinceAgo)
	}
	return true
}

// known reports whether the others know nearly as much.
func (t *topic) known(reason TroubleReason, until, now time.Time) bool {
	return t.reason == reason && t.told.holds(now) && until.Sub(t.told.until) < hintEvery
}

// over has the others told that what was said is over, if they still believe it.
func (h *hints) over(c *Client, v *vendor, group string, reason TroubleReason) bool {
	return h.overAt(c, hintName(v, group), reason)
}

func (h *hints) overAt(c *Client, name string, reason TroubleReason) bool {
	now := c.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if h.off || t == nil {
		return false
	}
	if t.wish != nil && t.wish.Reason == reason {
		t.wish = nil
	}
	if t.reason != reason || !t.told.holds(now) {
		return false
	}
	t.wish, t.wishUntil = &hint{Reason: troubleOver}, now
	return true
}

// exchange has hints read and written, beside the caller and at most once at a
// time. It never waits.
func (c *Client) exchange() {
	h := &c.hints
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.off || h.closed:
	case h.busy:
		h.again = true
	default:
		h.busy = true
		h.running.Go(func() { c.exchanges(h.ctx) })
	}
}

func (c *Client) exchanges(ctx context.Context) {
	h := &c.hints
	for {
		err := c.exchangeOnce(ctx, true)
		h.mu.Lock()
		again := h.again && err == nil && !h.closed
		h.again, h.busy = false, again
		h.mu.Unlock()
		if !again {
			return
		}
	}
}

// exchangeOnce reads what there is and writes what this client has to say. A
// ledger that fails is tried again with the next look, and told of once.
func (c *Client) exchangeOnce(ctx context.Context, write bool) error {
	h := &c.hints
	if h.off || c.id().EpochChanged() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	err := c.readHints(ctx, write)
	if err == nil && write {
		err = c.writeHints(ctx)
	}
	h.mu.Lock()
	closed := h.closed
	news := (err != nil) != h.lost && !closed
	h.lost = err != nil
	h.mu.Unlock()
	switch {
	case err != nil && !closed:
		c.tel.hint(ctx, "failed")
		if news {
			c.logger.LogAttrs(ctx, slog.LevelWarn, "hints cannot be exchanged with other replicas: each goes by what it meets itself",
				slog.String("code", codeOfStore(err).String()))
		}
	case news:
		c.logger.LogAttrs(ctx, slog.LevelInfo, "hints are exchanged with other replicas again")
	}
	return err
}

// readHints takes what is new.
func (c *Client) readHints(ctx context.Context, writes bool) error {
	began := c.clock.Now()
	var all []idempotency.Setting
	for set, err := range c.store.Settings(ctx, hintPrefix) {
		if err != nil {
			return err
		}
		all = append(all, set)
	}
	now, ledger := c.clock.Now(), c.now()
	h := &c.hints
	h.forget(all)
	for i := range all {
		c.readHint(ctx, &all[i], now, ledger)
	}
	h.mu.Lock()
	h.looked = began
	h.mu.Unlock()
	c.divide(now, writes)
	return nil
}

func (c *Client) readHint(ctx context.Context, set *idempotency.Setting, now, ledger time.Time) {
	h := &c.hints
	target, ours := h.names[set.Name]
	slot, sign := slotOf(set.Name)
	h.mu.Lock()
	t, looked := h.topics[set.Name], h.looked
	if t == nil && !sign {
		h.mu.Unlock()
		return // of a vendor, an account or a version that this client does not have
	}
	known := sign && h.slots[slot].version == set.Version || t != nil && t.version == set.Version
	h.mu.Unlock()
	if known || set.Version == 0 {
		return
	}
	said, ok := readHint(set.Value)
	s := aged(said.lasts(), c.mostHinted(said.Reason), said.At, ledger, now, looked)
	if sign {
		s = aged(said.lasts(), mostAlive, said.At, ledger, now, looked)
	}
	h.mu.Lock()
	switch {
	case sign:
		h.slots[slot] = peer{version: set.Version, from: said.From, alive: s, rates: said.Rates}
		if !ok {
			h.slots[slot] = peer{version: set.Version}
		}
	case ok:
		t.version, t.reason, t.told = set.Version, said.Reason, s
		if said.Reason == troubleOver && said.From != h.self {
			t.able = aged(ableFor, ableFor, said.At, ledger, now, looked)
		}
	default:
		t.version, t.reason, t.told = set.Version, "", span{}
	}
	strange := !ok && !h.strange
	h.strange = h.strange || !ok
	h.mu.Unlock()
	if strange {
		c.logger.LogAttrs(ctx, slog.LevelWarn, "a hint of another replica cannot be read, such as one of a newer version: it is ignored", slog.String("setting", set.Name))
	}
	switch {
	case !ok:
		c.tel.hint(ctx, "ignored")
	case ours && target.group == accountGroup:
		if (said.Reason == TroubleOtherAccount || said.Reason == TroubleNoAdapter) && h.overAt(c, set.Name, said.Reason) {
			c.exchange()
		}
	case ours && target.former && !heedsFormer(target, &said, s, now):
	case ours && said.From != h.self && c.take(target.v, target.group, &said, s, now):
		c.tel.hint(ctx, "heeded")
		c.logger.LogAttrs(ctx, slog.LevelInfo, "another replica's hint is heeded", slog.String("vendor", target.v.name), slog.String("group", target.group),
			slog.String("reason", string(said.Reason)), slog.String("by", said.By), slog.Duration("for", s.until.Sub(now)))
	}
}

// writeHints writes what is to be said, and a sign of life.
func (c *Client) writeHints(ctx context.Context) error {
	h := &c.hints
	now, ledger := c.clock.Now(), c.now()
	var changes []idempotency.Change
	var made []func(err error)
	add := func(name string, expect uint64, said hint, f func(err error)) {
		said.Version, said.At, said.From, said.By = hintVersion, ledger, h.self, c.owner
		value, err := json.Marshal(said)
		if err != nil || len(value) > maxHintBytes {
			return
		}
		changes = append(changes, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: name, Value: value, Expect: expect}}})
		made = append(made, f)
	}
	h.mu.Lock()
	h.wishes(ctx, c, now, ledger, add)
	h.signOfLife(now, ledger, add)
	h.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	errs, err := c.store.Commit(ctx, changes)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, f := range made {
		if i < len(errs) {
			f(errs[i])
		} else {
			f(nil)
		}
	}
	return nil
}

// wishes adds what is to be said about vendors. The caller holds the lock.
func (h *hints) wishes(ctx context.Context, c *Client, now, ledger time.Time, add func(string, uint64, hint, func(error))) {
	for name, t := range h.topics {
		wish := t.wish
		switch {
		case wish == nil || now.Before(t.wrote.Add(hintEvery)) && !now.Before(t.wrote):
			continue
		case wish.Reason != troubleOver && (!now.Before(t.wishUntil) || t.known(wish.Reason, t.wishUntil, now)):
			t.wish = nil // it is over, or another replica has said it
			continue
		}
		said, s := *wish, span{now, laterOf(now, t.wishUntil)}
		said.Until = ledger.Add(s.until.Sub(now))
		if !said.Since.IsZero() {
			said.Since = ledger.Add(said.Since.Sub(now))
		}
		expect := t.version
		add(name, expect, said, func(err error) {
			t.wrote = now
			if err != nil {
				return // another replica was quicker: what it says is read first
			}
			t.version, t.reason, t.told = expect+1, said.Reason, s
			switch {
			case t.wish == wish && !t.wishUntil.After(s.until): // else it was said of longer meanwhile
				t.wish = nil
			case t.wish == nil && said.Reason != troubleOver: // it was taken back meanwhile
				t.wish, t.wishUntil = &hint{Reason: troubleOver}, now
			}
			c.tel.hint(ctx, "sent")
		})
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// close ends the exchange, and gives the share of the rates back.
func (h *hints) close(c *Client) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.running.Wait()
	h.running.Go(func() { h.leave(h.base, c) })
	h.running.Wait()
}

// tellPieces has people told of pieces that this client has no credentials to ask
// for. A client that has them takes it back.
func (c *Client) tellPieces(name string, reason TroubleReason, pieces int64, since time.Time) {
	h := &c.hints
	now := c.clock.Now()
	h.mu.Lock()
	if h.off {
		h.mu.Unlock()
		return
	}
	t := h.topics[name]
	if t == nil {
		t = &topic{}
		h.topics[name] = t
	}
	if t.asked == (span{}) {
		t.asked = span{now, now.Add(answerFor)}
	}
	t.wish, t.wishUntil = &hint{Reason: reason, Pieces: pieces, Since: now.Add(since.Sub(c.now()))}, now.Add(accountTroubleFor)
	h.mu.Unlock()
	c.exchange()
}
