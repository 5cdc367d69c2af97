package idempotency_test

import (
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The explorer drives the machine through every sequence of events that a small
// world can produce, and knows what each vendor really printed: it is the
// oracle that the machine does not have.

// tick is the step of the world's clock. All times of the world are small
// numbers of ticks, so that whole lives of a job can be explored.
const tick = 30 * time.Minute

// The times of the world, in ticks.
const (
	leaseFor    = 1
	settleFor   = 2
	longLag     = 10 // of an index that does not keep its promise
	keyWindow   = 6
	keyMargin   = 2
	cancelFor   = 6
	cancelClose = 2
	lostAtMost  = 4 // from a backup to its restore
	slowBy      = 1 // the clock of a replica that is behind
	patientFor  = 4 // of a vendor with callbacks
	printsAfter = 6 // from then on a piece is delivered, and cannot be stopped
)

// exampleStart is when every exploration and every rule test begins.
func exampleStart() time.Time { return time.Date(2030, 3, 4, 5, 0, 0, 0, time.UTC) }

func exampleRef(generation int) postproof.Ref {
	return postproof.Ref("REF000000000000" + digit(uint8(generation)))
}

// digits are small numbers in writing.
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func digit(n uint8) string { return digits[n : n+1] }

// exampleVendor returns the capabilities of a vendor by its name: "key",
// "ref" (which sends callbacks), "list" (a look-up and nothing else) or "blind"
// (neither).
func exampleVendor(name string) *postproof.Capabilities {
	c := &postproof.Capabilities{
		Vendor: name, Poll: 2 * tick,
		Lookup: postproof.Lookup{ByRef: true, Settle: settleFor * tick},
		Cancel: postproof.CancelWindow{Supported: true, For: cancelFor * tick, Margin: cancelClose * tick},
	}
	switch strings.TrimRight(name, "0123456789") {
	case "key":
		c.Idempotency = postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: keyWindow * tick, Margin: keyMargin * tick}
	case "ref":
		c.Idempotency = postproof.Idempotency{Kind: postproof.IdempotencyRef}
		c.Callbacks = postproof.Callbacks{Auth: postproof.CallbackSigned, Patience: map[postproof.Stage]time.Duration{
			postproof.StageAccepted: patientFor * tick, postproof.StageMailed: patientFor * tick,
		}}
	case "list":
	case "blind":
		c.Lookup = postproof.Lookup{}
		c.Cancel = postproof.CancelWindow{}
	case "keyonly":
		c.Idempotency = postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: keyWindow * tick, Margin: keyMargin * tick}
		c.Lookup = postproof.Lookup{}
	default:
		return nil
	}
	return c
}

// exampleMachine returns a machine for the vendors named, with small times.
func exampleMachine(vendors ...string) *idempotency.Machine {
	caps := map[string]*postproof.Capabilities{}
	for _, v := range vendors {
		caps[v] = exampleVendor(v)
	}
	return &idempotency.Machine{
		Caps:       func(v string) *postproof.Capabilities { return caps[v] },
		PlannedFor: 24 * tick, UnknownFor: 16 * tick, TrackFor: 20 * tick,
		WatchFor: 6 * tick, WatchEvery: 2 * tick, RetryBase: tick, RetryCap: tick,
	}
}

// exampleJob returns a job without anybody's data.
func exampleJob() *postproof.Job {
	return &postproof.Job{
		Key: "spring/c-1/card",
		To:  postproof.Address{Name: "Recipient One", Line1: "1 Example Street", City: "Sampletown", Region: "TX", PostalCode: "75001"},
		Piece: postproof.Postcard{
			Size: postproof.Size{Name: "6x4"}, Artwork: postproof.HTML{Front: "<p>front</p>", Back: "<p>back</p>"},
		},
		Class: postproof.FirstClass, Campaign: "spring", Contact: "c-1",
	}
}

// newRecord returns the record of a job that was just enqueued.
func newRecord() *idempotency.Record {
	r := idempotency.New(exampleJob(), []byte(`{"v":1}`), postproof.ModeTest, exampleStart())
	ch, err := exampleMachine().Create(r, exampleStart())
	if err != nil {
		panic(err)
	}
	return ch.Record
}

// fate is what became of an order at its vendor.
type fate uint8

const (
	alive fate = iota
	failed
	cancelled
)

// order is a piece at a vendor, whether we know of it or not.
type order struct {
	vendor, gen, fate uint8
	made, shown       int16 // when it was made, and is shown by look-ups
	// watched: it arrived while the ledger was still to look, so that no
	// callback is needed to find it.
	watched bool
	// differs: it is another piece than the one that was sent.
	differs bool
}

// packet is a request whose bytes have left and have not arrived.
type packet struct {
	vendor, gen uint8
	until       int16 // it arrives before, or never
}

// reply is the answer of a holder that nobody waits for any more.
type reply struct {
	vendor, gen uint8
	epoch       uint8 // the history in which it was intended
	delivery    postproof.Delivery
	duplicate   bool
	order       int8 // -1 for none
	intent      uint64
	code        postproof.Code
	dead        bool // the order is of a piece that was dead by then
	// sends is how often the bytes went out; 0 means once.
	sends uint8
}

// budget is what may still go wrong, or be wished for, in a world.
type budget struct{ faults, calls, wishes, amends, people, restores, prunes, erasures, slow, garbled, replays uint8 }

// world is one state of everything: the ledger's record, the vendors, and what
// is under way between them. It is a value: a copy is another world.
type world struct {
	rec    *idempotency.Record
	now    int16
	orders [8]order
	nOrder uint8
	limbo  [3]packet
	nLimbo uint8
	late   [2]reply
	nLate  uint8
	left   budget
	// workers are those that are at work, where each step of theirs is a move.
	workers [2]worker
	// behind is how far the clock is behind of the worker that moves.
	behind int16
	// blind: a store that takes what it should not, so that what a worker read long
	// ago matters.
	blind bool
	// backup is what a restore brings back, as of a tick; epoch counts the
	// restores, and recovering says that the last one was not dealt with yet.
	backup     *idempotency.Record
	backupAt   int16
	epoch      uint8
	recovering bool
	// wished: the ledger has acknowledged a wish to cancel.
	wished bool
	// given has a bit for each order whose acceptance reached a process that
	// lived to write it down.
	given uint8
	// told has a bit for each order that the history calls an incident.
	told uint8
	// broken is the first rule of the oracle that does not hold.
	broken string
}

// time is what the clock shows to whoever moves.
func (w *world) time() time.Time { return exampleStart().Add(time.Duration(w.now-w.behind) * tick) }

func (w *world) add(o order) int8 {
	if int(w.nOrder) == len(w.orders) {
		w.broken = "more orders than the world has room for"
		return -1
	}
	w.orders[w.nOrder] = o
	w.nOrder++
	return int8(w.nOrder - 1)
}

func (w *world) alive() int {
	n := 0
	for _, o := range w.orders[:w.nOrder] {
		if o.fate == uint8(alive) {
			n++
		}
	}
	return n
}

func (w *world) differs(id string) bool {
	for i := range int8(w.nOrder) {
		if vendorID(i) == id {
			return w.orders[i].differs
		}
	}
	return false
}

// printed counts the pieces that cannot be stopped any more.
func (w *world) printed() int {
	n := 0
	for _, o := range w.orders[:w.nOrder] {
		if o.fate == uint8(alive) && w.now >= o.made+printsAfter {
			n++
		}
	}
	return n
}

// vendorID returns the vendor's id of an order.
func vendorID(i int8) string { return "id-" + digit(uint8(i)) }

// sighting is an order as its vendor shows it now.
func (w *world) sighting(i int8, source postproof.Source) idempotency.Sighting {
	o := &w.orders[i]
	stage := postproof.StageAccepted
	switch {
	case o.fate == uint8(failed):
		stage = postproof.StageFailed
	case o.fate == uint8(cancelled):
		stage = postproof.StageCancelled
	case w.now >= o.made+printsAfter:
		stage = postproof.StageDelivered
	}
	return idempotency.Sighting{
		Receipt: postproof.Receipt{VendorID: vendorID(i), AcceptedAt: exampleStart().Add(time.Duration(o.made) * tick)},
		Status:  postproof.Status{Stage: stage, Source: source, Confidence: postproof.Reported},
		Alive:   o.fate == uint8(alive), Equal: !o.differs,
	}
}

// arrive lets the vendor take a request, and returns what it answers.
func (w *world) arrive(kind postproof.IdempotencyKind, vendor, gen uint8, lag int16) (d postproof.Delivery, at int8, duplicate bool) {
	for i := range int8(w.nOrder) {
		o := &w.orders[i]
		if o.vendor != vendor || o.gen != gen {
			continue
		}
		switch {
		case kind == postproof.IdempotencyKey && w.now < o.made+keyWindow:
			return postproof.Accepted, i, false // a replay, dead or alive
		case kind == postproof.IdempotencyRef:
			return postproof.Unknown, -1, true
		}
	}
	i := w.add(order{vendor: vendor, gen: gen, made: w.now, shown: w.now + lag})
	return postproof.Accepted, i, false
}

// lookUp returns what a look-up by reference shows.
func (w *world) lookUp(vendor, gen uint8) []idempotency.Sighting {
	var all []idempotency.Sighting
	for i := range int8(w.nOrder) {
		if o := &w.orders[i]; o.vendor == vendor && o.gen == gen && o.shown <= w.now {
			all = append(all, w.sighting(i, postproof.SourcePoll))
		}
	}
	return all
}

// pass lets a tick go by.
func (w *world) pass() {
	w.now++
	keep := w.limbo[:0]
	for _, p := range w.limbo[:w.nLimbo] {
		if w.now < p.until {
			keep = append(keep, p)
		}
	}
	w.nLimbo = uint8(len(keep))
}

// key writes everything that matters for the future: times relative to now,
// and no farther back than anything looks.
func (w *world) key(b []byte) []byte {
	r := w.rec
	b = w.recordKey(b, r)
	for _, o := range w.orders[:w.nOrder] {
		b = append(b, o.vendor, o.gen, o.fate|flag(o.differs)<<6|flag(o.watched)<<7, byte(max(o.made-w.now, -keyWindow)), byte(max(o.shown-w.now, 0)))
	}
	b = append(b, 0xfe)
	for _, p := range w.limbo[:w.nLimbo] {
		b = append(b, p.vendor, p.gen, byte(min(p.until-w.now, 32)))
	}
	b = append(b, 0xfd)
	for _, a := range w.late[:w.nLate] {
		b = append(b, a.vendor, a.gen, byte(a.delivery), byte(a.order), flag(a.duplicate)|flag(a.dead)<<1, byte(a.code), w.openIntent(a.vendor, a.gen, a.intent, a.epoch))
	}
	b = w.workersKey(append(b, 0xfc))
	if w.backup != nil && w.now <= w.backupAt+lostAtMost {
		b = w.recordKey(append(b, 0xfb, byte(max(w.backupAt-w.now, -64)), byte(w.rec.Fence-w.backup.Fence)), w.backup)
	}
	l := w.left
	return append(b, w.told, w.given, w.epoch, flag(w.recovering)|flag(w.wished)<<1, l.faults, l.calls, l.wishes, l.amends, l.people, l.restores, l.prunes, l.erasures, l.slow, l.garbled, l.replays)
}

// openIntent is what the machine will make of the number of an intent.
func (w *world) openIntent(_, gen uint8, intent uint64, epoch uint8) byte {
	if epoch != w.epoch || intent == 0 {
		return 4
	}
	for i := range w.rec.Submissions {
		if s := &w.rec.Submissions[i]; slices.Contains(s.Unanswered, intent) {
			return flag(s.Intent == intent) | 2
		}
	}
	return 0
}

func (w *world) recordKey(b []byte, r *idempotency.Record) []byte {
	base := w.time()
	rel := func(t time.Time, back int16) {
		if t.IsZero() {
			b = append(b, 0x7f, 0xff)
			return
		}
		// Things happen at ticks: what lies between two of them is the later.
		ticks := int16((t.Sub(base) + 1000*tick + tick - 1) / tick)
		b = append(b, 0, byte(max(ticks-1000, -back)))
	}
	tries := byte(min(r.Tries, 1))
	if r.State == idempotency.Accepted {
		tries = byte(r.Tries)
	}
	b = append(b, string(r.State)...)
	b = append(b, 0, byte(r.Generation), tries, byte(r.Cancel.Tries), byte(len(r.Submissions)))
	b = append(append(append(b, string(r.Cancel.Outcome)...), 0), string(r.Hold.Reason)...)
	b = append(append(append(b, 0), r.Receipt.VendorID...), string(r.Receipt.Ref)...)
	b = append(append(b, r.Receipt.Vendor...), string(r.Status.Stage)...)
	b = append(b, byte(r.Refusal.Code), flag(r.Cancel.Stands())|flag(r.Tombstone)<<1|flag(r.Erased())<<2|flag(!r.EraseAt.IsZero())<<3, r.Fingerprint[len(r.Fingerprint)-1])
	rel(r.Due, 0)
	rel(r.Deadline, 0)
	rel(r.PollAt, 0)
	if r.State == idempotency.Accepted {
		rel(r.Status.SeenAt, patientFor)
	}
	rel(r.Lease.Until, 0)
	rel(r.PlannedAt, 48)
	if w.left.slow > 0 || w.slowly() {
		rel(r.UpdatedAt, slowBy)
	}
	for i := range r.Submissions {
		s := &r.Submissions[i]
		b = append(append(b, s.Vendor...), string(s.Ref[10:])...)
		b = append(append(b, string(s.Fate)...), string(s.Late)...)
		b = append(append(append(b, 0), s.VendorID...), s.Twin...)
		b = append(b, byte(s.Join), byte(s.Misses), byte(min(s.LookUps, 3)), byte(min(s.Sends, 2)), byte(s.Code), flag(s.Veto)|flag(s.NoResend)<<1|flag(s.Differs)<<2)
		rel(s.FirstAt, keyWindow)
		rel(s.LastAt, settleFor)
		rel(s.NotAfter, 0)
		rel(s.LastMiss, settleFor)
		rel(s.WatchUntil, 0)
		rel(s.NextWatch, 0)
		rel(s.AcceptedAt, cancelFor)
	}
	if p := r.Prior; p != nil { // what it may become again
		was := *r
		was.State, was.Generation, was.Submissions, was.Receipt, was.Status, was.Cancel = idempotency.Held, p.Generation, p.Submissions, p.Receipt, p.Status, p.Cancel
		was.Hold, was.Refusal, was.PlannedAt, was.PollAt, was.Prior = p.Hold, p.Refusal, p.PlannedAt, p.PollAt, nil
		was.Due, was.Deadline, was.Lease = time.Time{}, time.Time{}, idempotency.Lease{}
		b = w.recordKey(append(b, 0xfa), &was)
	}
	return b
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}
