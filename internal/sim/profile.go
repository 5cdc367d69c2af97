package main

import (
	"slices"
	"strings"
	"time"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// class is what a world is there for.
type class string

// The classes of worlds.
const (
	// classStorm is a bit of everything, at vendors that can be asked.
	classStorm class = "storm"
	// classKeyless has a vendor first that honors no key: what it does not
	// answer is looked up.
	classKeyless class = "keyless"
	// classMute has a vendor that honors no key and cannot be asked.
	classMute class = "mute"
	// classOutage has each kind of outage, for hours.
	classOutage class = "outage"
	// classLong has an outage that ends when the keys do.
	classLong class = "long"
	// classGone has a vendor that never comes back.
	classGone class = "gone"
	// classRestore has a backup restored.
	classRestore class = "restore"
	// classCopy has the ledger copied, and worked on in both places.
	classCopy class = "copy"
	// classUpgrade has replicas of a newer version for a while.
	classUpgrade class = "upgrade"
	// classFreeze has processes that stand still between the last check and the
	// write, which no client can prevent.
	classFreeze class = "freeze"
	// classCount loses no process and no answer: the ledger's counts of sends must
	// be exact.
	classCount class = "count"
)

// classes returns the classes in the order in which worlds take turns.
func classes() []class {
	return []class{
		classStorm, classKeyless, classOutage, classLong, classMute, classRestore, classStorm, classCopy,
		classKeyless, classUpgrade, classFreeze, classStorm, classGone, classOutage, classMute, classKeyless,
		classStorm, classLong, classCount, classRestore, classUpgrade, classKeyless, classCopy, classStorm,
	}
}

// classOf returns the class of a world.
func classOf(number int) class {
	all := classes()
	return all[number%len(all)]
}

// sizeOf returns how many jobs a world has, where most have size. After a
// restore each is looked up at every vendor under several references, and a
// vendor that is gone is asked for days, so those worlds are small.
func sizeOf(number, size int) int {
	switch classOf(number) {
	case classRestore:
		return max(1, size/16)
	case classGone:
		return max(1, size/4)
	default:
		return size
	}
}

// kinds returns what the worlds that are run can be narrowed down to: a class, or
// an exchange of credentials.
func kinds() []string {
	var all []string
	for _, c := range classes() {
		all = append(all, string(c))
	}
	for _, k := range []rotationKind{rotateTold, rotateUntold, rotateNamed, rotateWrong} {
		all = append(all, "rotation."+string(k))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// isOf reports whether the world is of the kind; each is of the empty one.
func isOf(seed uint64, number int, kind string) bool {
	if kind == "" || kind == string(classOf(number)) {
		return true
	}
	if !strings.HasPrefix(kind, "rotation.") {
		return false
	}
	p := newProfile(number, newDice(worldSeed(seed, number)), time.Now())
	return p.rotation != nil && kind == "rotation."+string(p.rotation.kind)
}

// profile is what can happen in a world.
type profile struct {
	class    class
	vendors  []string // in the order of failover
	replicas int
	// chaos is how long things fail.
	chaos time.Duration
	// limit is how long the world may take to settle afterwards.
	limit time.Duration

	plan  vendorsim.Plan
	net   netRates
	store storeRates
	// kill lets processes die; stalls is how often a process stands still where
	// it still looks at the time afterwards; freeze where it does not.
	kill   bool
	stalls float64
	freeze float64
	// skew bounds the replicas' clocks; jumps lets them jump. Fast is how far
	// all are ahead until they are set right.
	skew, fast time.Duration
	jumps      bool
	// backup is when the backup is taken that is restored, and restores how often.
	backup   time.Duration
	restores int
	// back is when all clocks are set back for a while; zero for never.
	back time.Time
	// cancels is the share of jobs that somebody wishes to cancel.
	cancels float64
	// callbacks is the share of events that a vendor tells.
	callbacks float64
	// lies is the share of references for which one look-up finds nothing
	// although the piece is there.
	lies float64
	// prune buries what is final.
	prune bool
	// people has people at work on the ledger; rows is the share of jobs that
	// only they send, by replays of a list, and out the share of these that is
	// not to be mailed at first.
	people    bool
	rows, out float64
	// poll is how often a replica looks for work, and generations how many a job may
	// have.
	poll        time.Duration
	generations int
	// rotation is the exchange of credentials; nil for none.
	rotation *rotation
	// unknownFor is how long an unknown outcome is looked into.
	unknownFor time.Duration
}

type netRates struct {
	// dial is how often no connection is made, cut how often one is cut at each
	// of three places of a write, swallow how often bytes vanish, late how often
	// they arrive long after.
	dial, cut, swallow, late float64
}

type storeRates struct {
	// fail is how often a call fails, and how often only its acknowledgement is
	// lost; crash how often the process dies before, and after, a write.
	fail, crash float64
	// down is how long the ledger is away, once an hour; away is how often a
	// process is cut off from it when a vendor has just answered.
	down time.Duration
	away float64
}

// newProfile draws the profile of a world.
func newProfile(number int, d *dice, start time.Time) *profile {
	p := &profile{
		class: classOf(number), replicas: 1 + int(3*d.next("profile.replicas", "")),
		chaos: 3 * time.Hour, limit: 12 * 24 * time.Hour,
		net:   netRates{dial: 0.03, cut: 0.02, swallow: 0.01, late: 0.02},
		store: storeRates{fail: 0.004, crash: 0.002, down: 40 * time.Second, away: 0.02},
		kill:  true, stalls: 0.002, skew: 4 * time.Minute, jumps: d.next("profile.jumps", "") < 0.5,
		cancels: 0.08, callbacks: 0.2, lies: 0.05, prune: d.next("profile.prune", "") < 0.5,
		unknownFor: 7 * 24 * time.Hour, poll: 20 * time.Second, generations: 8,
	}
	if p.people = d.next("profile.people", "") < 0.7; p.people {
		if p.rows = 0.25; p.class == classRestore {
			p.rows = 0.6
		}
		if d.next("profile.out", "") < 0.5 {
			p.out = 0.3
		}
	}
	calm := start.Add(p.chaos)
	p.vendors = order(d, "lob", "pcm")
	p.plan = faults(0.03, calm)
	switch p.class {
	case classStorm:
		if d.next("profile.window", "") < 0.5 {
			p.outage(d, start, p.vendors[0])
		}
	case classKeyless:
		p.vendors = append([]string{"plain"}, order(d, "lob", "pcm")...)
		p.plan = faults(0.02, calm)
		if d.next("profile.window", "") < 0.5 {
			p.outage(d, start, "plain")
		}
	case classMute:
		p.vendors = append([]string{"mute"}, order(d, "lob", "pcm")...)
	case classOutage:
		p.vendors = order(d, "lob", "pcm", "plain")
		for _, v := range p.vendors[:2] {
			p.outage(d, start, v)
		}
	case classLong:
		p.long(d, start)
	case classGone:
		p.vendors = append([]string{"plain"}, order(d, "lob", "pcm")...)
		p.unknownFor, p.limit = 48*time.Hour, 4*24*time.Hour
		p.plan.Windows = append(p.plan.Windows, vendorsim.Window{
			Vendor: "plain", Kind: vendorsim.OutageHang, From: start.Add(d.between("profile.gone", "", time.Minute, time.Hour)), Until: start.AddDate(1, 0, 0),
		})
	case classRestore:
		if d.next("profile.restore", "") < 0.5 {
			p.vendors = []string{"plain", "lob"}
		}
		p.backup = d.between("profile.backup", "", 10*time.Minute, 80*time.Minute)
		p.kill = d.next("profile.kill", "") < 0.6
		if d.next("profile.waiting", "") < 0.7 { // in the backup the jobs still wait
			p.plan.Windows = append(p.plan.Windows, vendorsim.Window{Kind: vendorsim.OutageRefuse, From: start, Until: start.Add(p.backup + time.Minute)})
		}
		p.again(d)
	case classCopy, classUpgrade:
	case classFreeze:
		p.vendors = append([]string{"plain"}, order(d, "lob", "pcm")...)
		p.replicas, p.freeze, p.kill, p.chaos, p.stalls = 3, 0.015, false, 6*time.Hour, 0
		p.plan = faults(0.01, calm)
	case classCount:
		p.kill, p.stalls, p.cancels = false, 0, 0
		p.store, p.replicas = storeRates{}, 1
		p.vendors = order(d, "lob", "plain")
	}
	p.rotate(d, start)
	return p
}

// order returns the vendors in an order that the dice decide.
func order(d *dice, names ...string) []string {
	for i := range names {
		j := i + int(d.next("profile.order", "")*float64(len(names)-i))
		names[i], names[j] = names[j], names[i]
	}
	return names
}

// faults returns a plan in which each boundary of a vendor is struck.
func faults(rate float64, until time.Time) vendorsim.Plan {
	var p vendorsim.Plan
	for _, b := range vendorsim.Boundaries() {
		r := vendorsim.Rule{Boundary: b, Rate: rate, Until: until}
		switch b {
		case vendorsim.ListEmpty: // see profile.lies
			continue
		case vendorsim.ListLag:
			r.Rate, r.Delay = 0.15, vendorsim.Duration(25*time.Minute)
		case vendorsim.SendLate:
			r.Delay = vendorsim.Duration(2 * time.Minute)
		default: // as the preset has it
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

// outage adds an outage of some kind, for an hour or two.
func (p *profile) outage(d *dice, start time.Time, vendor string) {
	kinds := vendorsim.Outages()
	kind := kinds[int(d.next("profile.kind", vendor)*float64(len(kinds)))]
	from := start.Add(d.between("profile.from", vendor, 0, time.Hour))
	until := from.Add(d.between("profile.length", vendor, 10*time.Minute, 4*time.Hour))
	p.plan.Windows = append(p.plan.Windows, vendorsim.Window{Vendor: vendor, Kind: kind, From: from, Until: until})
}

// long makes the vendor that honors keys accept without an answer, and then be
// out until about the time at which it forgets the keys.
func (p *profile) long(d *dice, start time.Time) {
	p.vendors = []string{"lob", "pcm"}
	p.chaos = 26 * time.Hour
	p.replicas, p.kill, p.jumps = 2, false, true
	p.plan = faults(0.01, start.Add(time.Hour))
	p.plan.Rules = append(p.plan.Rules, vendorsim.Rule{Vendor: "lob", Boundary: vendorsim.SendLost, Rate: 0.5, Until: start.Add(20 * time.Minute)})
	kind := vendorsim.OutageRefuse
	if d.next("profile.kind", "") < 0.5 {
		kind = vendorsim.OutageError
	}
	p.plan.Windows = []vendorsim.Window{{
		Vendor: "lob", Kind: kind, From: start.Add(20 * time.Minute),
		Until: start.Add(d.between("profile.until", "", 22*time.Hour+30*time.Minute, 25*time.Hour+30*time.Minute)),
	}}
	if d.next("profile.fast", "") < 0.5 { // keys seem to live longer than they do
		p.fast, p.jumps = 30*time.Minute, false
		p.plan.Windows[0].Kind = vendorsim.OutageRefuse
		p.plan.Windows[0].Until = start.Add(d.between("profile.until", "", 23*time.Hour+40*time.Minute, 24*time.Hour+30*time.Minute))
	} else if d.next("profile.back", "") < 0.6 { // and again when the keys have run out
		p.jumps = false
		until := start.Add(d.between("profile.until", "", 24*time.Hour+10*time.Minute, 25*time.Hour))
		p.plan.Windows[0].Until, p.back = until, until.Add(-10*time.Minute)
	}
	p.net = netRates{}
	p.store = storeRates{}
}
