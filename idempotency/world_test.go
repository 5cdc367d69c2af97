package idempotency_test

import (
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
	skewBy      = 1 // a clock that is ahead or behind
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

// exampleVendor returns the capabilities of a vendor by its name: "key", "ref"
// (which sends callbacks), "list" (a look-up and nothing else), "blind" (neither)
// or "keyonly" (no look-up). Those whose name ends in "spare" have a margin and a
// settle time with room for clocks that differ.
func exampleVendor(name string) *postproof.Capabilities {
	c := &postproof.Capabilities{
		Vendor: name, Poll: 2 * tick,
		Lookup: postproof.Lookup{ByRef: true, Settle: settleFor * tick},
		Cancel: postproof.CancelWindow{Supported: true, For: cancelFor * tick, Margin: cancelClose * tick},
	}
	plain, spare := strings.CutSuffix(strings.TrimRight(name, "0123456789"), "spare")
	if spare {
		c.Lookup.Settle += skewBy * tick
	}
	switch plain {
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
	if spare {
		c.Idempotency.Margin += skewBy * tick
	}
	return c
}

// settlesIn returns the settle time of a vendor in ticks.
func settlesIn(vendor string) int16 {
	if strings.HasSuffix(vendor, "spare") {
		return settleFor + skewBy
	}
	return settleFor
}

// deduplicates reports whether the vendor knows a repeat.
func deduplicates(vendor string) bool {
	return strings.HasPrefix(vendor, "key") || strings.HasPrefix(vendor, "ref")
}

// exampleMachine returns a machine for the vendors named, with small times.
func exampleMachine(vendors ...string) *idempotency.Machine {
	caps := map[string]*postproof.Capabilities{}
	for _, v := range vendors {
		caps[v] = exampleVendor(v)
	}
	return &idempotency.Machine{
		Caps: func(v string) *postproof.Capabilities { return caps[v] },
		Deadlines: idempotency.Deadlines{
			PlannedFor: 24 * tick, UnknownFor: 16 * tick, TrackFor: 20 * tick,
			WatchFor: 6 * tick, WatchEvery: 2 * tick, RetryBase: tick, RetryCap: tick,
		},
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
	r := idempotency.NewRecord(exampleJob(), []byte(`{"v":1}`), postproof.ModeTest, exampleStart())
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
	canceled
)

// order is a piece at a vendor, whether we know of it or not.
type order struct {
	vendor, gen, fate uint8
	cred              uint8 // with which it came
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
	cred        uint8 // with which it was sent
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
type budget struct {
	faults, calls, wishes, amends, people, restores, prunes, erasures, garbled, replays uint8
	// slow and fast are workers whose clock is behind or ahead, risks decisions to
	// send what a vendor may have, and others pieces of other jobs.
	slow, fast, risks, others uint8
	// strangers claim the job and cannot do what is next, and rotated have other
	// credentials of the same account.
	strangers, rotated uint8
}

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
	// skew is how far the clock is ahead of the worker that moves; below zero it
	// is behind.
	skew int16
	// cred are the credentials of whoever moves: the later ones are 1.
	cred uint8
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
	// risked has a bit for each submission that somebody had sent anew while its
	// vendor may have it, on purpose.
	risked uint64
	// others are the pieces of other jobs, by which look-ups are known to work.
	others  [2]other
	nOthers uint8
	// crowd: control pieces are those of other jobs, and not just there.
	crowd bool
	// broken is the first rule of the oracle that does not hold.
	broken string
}

// time is what the clock shows to whoever moves.
func (w *world) time() time.Time { return exampleStart().Add(time.Duration(w.now+w.skew) * tick) }

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

// unwanted counts the pieces that live and that nobody took the risk of.
func (w *world) unwanted() int {
	n := 0
	for _, o := range w.orders[:w.nOrder] {
		if o.fate == uint8(alive) && !w.risks(o.vendor, o.gen) {
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

// printed counts the pieces that cannot be stopped any more, and that nobody took
// the risk of.
func (w *world) printed() int {
	n := 0
	for _, o := range w.orders[:w.nOrder] {
		if o.fate == uint8(alive) && w.now >= o.made+printsAfter && !w.risks(o.vendor, o.gen) {
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
	case o.fate == uint8(canceled):
		stage = postproof.StageCanceled
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
		case kind == postproof.IdempotencyKey && w.now < o.made+keyWindow && o.cred == w.cred:
			return postproof.Accepted, i, false // a replay, dead or alive
		case kind == postproof.IdempotencyRef:
			return postproof.Unknown, -1, true
		}
	}
	i := w.add(order{vendor: vendor, gen: gen, cred: w.cred, made: w.now, shown: w.now + lag})
	return postproof.Accepted, i, false
}

// lookUp returns what a look-up by reference shows.
func (w *world) lookUp(vendor, gen uint8) []idempotency.Sighting {
	return w.lookUpAsOf(vendor, gen, w.now)
}

// lookUpAsOf is lookUp in an index that has stood still since then.
func (w *world) lookUpAsOf(vendor, gen uint8, since int16) []idempotency.Sighting {
	var all []idempotency.Sighting
	for i := range int8(w.nOrder) {
		if o := &w.orders[i]; o.vendor == vendor && o.gen == gen && o.shown <= since {
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
