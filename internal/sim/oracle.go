package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// oracle knows what was asked for and what was printed, and nothing of how the
// library works. It takes the print log of the vendors as it is written.
type oracle struct {
	w *world

	mu       sync.Mutex
	pieces   []*piece
	byDigest map[string]*piece // of the first piece for a recipient
	byID     map[idempotency.ID]*piece
	byRef    map[string]*piece // what was ever submitted
	asks     map[string]*ask   // what a process is about to send, by process, vendor and reference
	bodies   map[string]bodies // what a vendor may have got under a key
	sends    map[string]int    // times bytes of a submission went out, by vendor and reference
	answers  map[string]answer // acceptances that reached a process, by reference
	ends     map[string]time.Time
	stamps   map[idempotency.ID]stamp
	thaws    map[string]time.Time // until when a process stood still
	frozen   map[string]bool      // references that were caught in a freeze
	faults   map[string]int
	notes    map[string][]note
	bad      *violation
	found    chan struct{} // closed at the first violation
	allSends int
	events   func(vendorsim.PrintLine)
	deeds    deeds
	wires    map[*piece]time.Time // when bytes of it went out last
}

// ask is what an adapter was told to send.
type ask struct {
	key, digest string
	wired       bool // bytes of it went out
}

// bodies counts the asks that a vendor may have taken, by the digest of their
// bytes.
type bodies map[string]int

type answer struct {
	process string
	at      time.Time
}

// note is something that happened to a reference or record.
type note struct {
	at   time.Time
	text string
}

// violation is a promise that was not kept.
type violation struct {
	kind  string
	about *piece
	text  string
}

func newOracle(w *world) *oracle {
	return &oracle{
		w: w, byDigest: map[string]*piece{}, byID: map[idempotency.ID]*piece{}, deeds: newDeeds(), wires: map[*piece]time.Time{}, byRef: map[string]*piece{}, asks: map[string]*ask{}, bodies: map[string]bodies{}, sends: map[string]int{},
		answers: map[string]answer{}, ends: map[string]time.Time{}, stamps: map[idempotency.ID]stamp{}, thaws: map[string]time.Time{}, frozen: map[string]bool{}, faults: map[string]int{},
		notes: map[string][]note{}, found: make(chan struct{}),
	}
}

// expect registers a job.
func (o *oracle) expect(p *piece) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pieces = append(o.pieces, p)
	o.byID[p.id] = p
	if p.first == nil {
		o.byDigest[p.digest] = p
	}
}

// violate keeps the first violation and ends the world.
func (o *oracle) violate(kind string, p *piece, text string) {
	if o.bad == nil {
		o.bad = &violation{kind, p, text}
		close(o.found)
	}
}

// Write implements [io.Writer] for the vendors' print log.
func (o *oracle) Write(lines []byte) (int, error) {
	for raw := range bytes.Lines(lines) {
		var line vendorsim.PrintLine
		if err := json.Unmarshal(raw, &line); err != nil {
			return 0, err
		}
		o.print(line)
	}
	return len(lines), nil
}

func (o *oracle) print(line vendorsim.PrintLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line.Vendor = ours(line.Vendor)
	p := o.byRef[line.Ref]
	if p == nil || p.digest != line.Recipient {
		p = o.byDigest[line.Recipient]
	}
	if p == nil {
		o.violate("stray", nil, fmt.Sprintf("%s printed %s for somebody who was never asked for", line.Vendor, line.Ref))
		return
	}
	name := line.Vendor + "/" + line.VendorID
	o.byRef[line.Ref] = p
	o.noteLocked(line.Ref, "print log: "+line.Event+" "+name+" "+line.Reason)
	switch line.Event {
	case vendorsim.Printed:
		p.alive[name] = line
		p.printed++
	case vendorsim.Voided:
		delete(p.alive, name)
	}
	if len(p.alive) > 1 {
		p.twice = true
		if !o.excusedLocked(p) {
			o.violate("printed_twice", p, "two pieces of it are alive")
		}
	}
	if o.events != nil {
		o.events(line)
	}
}

// excusedLocked reports whether a process stood still between its last check
// and the write of one of the job's submissions: nothing prevents that.
func (o *oracle) excusedLocked(p *piece) bool {
	for ref := range o.frozen {
		if o.byRef[ref] == p {
			return true
		}
	}
	return false
}

// asked notes what the adapter of a process is told to send.
func (w *world) asked(process, vendor string, s *vendors.Submission, body *vendors.Body, keyless bool) {
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	to := &s.Job.To
	// A second piece on purpose goes to the same person, by a key of its own.
	digest := vendorsim.RecipientDigest(to.Line1, to.Line2, to.City, to.Region, to.PostalCode)
	if p := o.byID[idempotency.IDOf(s.Job.Key)]; p != nil && p.digest == digest {
		o.byRef[string(s.Ref)] = p
	} else {
		p = o.byDigest[digest]
		o.byRef[string(s.Ref)] = p
		if p != nil && p.control && p.id != idempotency.IDOf(s.Job.Key) { // who asked for it may have lost it
			p.id = idempotency.IDOf(s.Job.Key)
			o.byID[p.id] = p
		}
	}
	if !keyless {
		o.asks[process+"/"+vendor+"/"+string(s.Ref)] = &ask{key: vendor + "/" + s.VendorKey, digest: body.Digest()}
	}
}

// refused takes back what a process that lives on knows to have come to nothing:
// the key is as good as new, for other bytes, too.
func (w *world) refused(process, vendor, ref string) {
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	name := process + "/" + vendor + "/" + ref
	if a := o.asks[name]; a != nil && a.wired {
		if o.bodies[a.key][a.digest]--; o.bodies[a.key][a.digest] == 0 {
			delete(o.bodies[a.key], a.digest)
		}
	}
	delete(o.asks, name)
}

// stamp is the newest change of a record in one ledger.
type stamp struct {
	ledger *idempotency.Memory
	fence  uint64
	at     time.Time
}

// committed checks that the times of a record are in the order of its changes.
func (w *world) committed(m *idempotency.Memory, rec *idempotency.Record) {
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.stamps[rec.ID]
	switch {
	case old.ledger != m || old.fence < rec.Fence && !rec.UpdatedAt.Before(old.at):
		o.stamps[rec.ID] = stamp{m, rec.Fence, rec.UpdatedAt}
	case old.fence < rec.Fence:
		for _, p := range o.pieces {
			if p.id == rec.ID {
				o.violate("time_ran_back", p, fmt.Sprintf("its change %d is %s older than its change %d", rec.Fence, old.at.Sub(rec.UpdatedAt), old.fence))
			}
		}
	}
}

// answered notes that an acceptance reached a process.
func (w *world) answered(process, ref string) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.answers[ref] = answer{process, time.Now()}
}

// ended notes the end of a process.
func (w *world) ended(process string) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.ends[process] = time.Now()
}

// stands notes that a process stands still.
func (w *world) stands(process string, until time.Time) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	if until.After(w.oracle.thaws[process]) {
		w.oracle.thaws[process] = until
	}
}

// froze notes a submission that was caught in a freeze.
func (w *world) froze(ref string) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.frozen[ref] = true
}

// wireSend counts a submission whose bytes go out, and looks at whether they may.
func (w *world) wireSend(p *process, vendor, ref string) {
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sends[vendor+"/"+ref]++
	o.allSends++
	o.noteLocked(ref, p.name+": bytes to "+vendor)
	job := o.byRef[ref]
	o.wires[job] = time.Now()
	o.wired(job, vendor, ref)
	if a := o.asks[p.name+"/"+vendor+"/"+ref]; a != nil && !a.wired {
		a.wired = true
		if o.bodies[a.key] == nil {
			o.bodies[a.key] = bodies{}
		}
		o.bodies[a.key][a.digest]++
		if len(o.bodies[a.key]) > 1 {
			o.violate("other_bytes", job, "other bytes go to "+vendor+" under a key that was used")
		}
	}
	// What was under way when the wish was heard has a lease to end.
	if job != nil && !job.heard.IsZero() && time.Since(job.heard) > 10*time.Minute && !w.restoring() && !o.frozen[ref] {
		o.violate("canceled_sent", job, "it is sent although it was to be canceled long before")
	}
}

// struck counts a fault.
func (w *world) struck(boundary string) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.faults[boundary]++
}

// note remembers what happened to a reference.
func (w *world) note(ref, text string) {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	w.oracle.noteLocked(ref, text)
}

func (o *oracle) noteLocked(about, text string) {
	o.notes[about] = append(o.notes[about], note{time.Now(), text})
}

// noteID remembers what happened to a record.
func (w *world) noteID(id, text string) { w.note(id, text) }

// countSends compares the sends in the ledger with those on the wire; only where
// no process and no answer was lost are they the same.
func (o *oracle) countSends() {
	for _, p := range o.pieces {
		rec := p.shelf.get(p.id)
		if rec == nil {
			continue
		}
		for i := range rec.Submissions {
			s := &rec.Submissions[i]
			o.mu.Lock()
			if n := o.sends[s.Vendor+"/"+string(s.Ref)]; n != s.Sends {
				o.violate("sends", p, fmt.Sprintf("the ledger counts %d sends to %s, %d went out", s.Sends, s.Vendor, n))
			}
			o.mu.Unlock()
		}
	}
}

// stage is what the vendor would tell of a line in a callback.
func stage(line vendorsim.PrintLine) postproof.Stage {
	switch {
	case line.Event == vendorsim.Printed:
		return postproof.StageAccepted
	case line.Reason == "canceled":
		return postproof.StageCanceled
	default:
		return postproof.StageFailed
	}
}
