package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// people has people at work on the ledger: they pause and resume, replay a list,
// ask for second pieces, look after what is held, take back what they did, and
// have persons forgotten.
func (w *world) people() {
	if !w.profile.people {
		return
	}
	w.replays()
	if w.profile.class != classCount { // where no answer is lost nothing is held
		w.others.Go(w.clerk)
	}
	for i := range 3 {
		w.others.Go(func() { w.pauser(fmt.Sprint("pauser", i)) })
	}
	for _, p := range w.oracle.list() {
		key := string(p.job.Key)
		if w.dice.next("person.remail", key) < 0.05 {
			w.others.Go(func() { w.remailLater(p) })
		}
		if w.dice.next("person.erase", key) < 0.05 {
			w.others.Go(func() { w.eraseLater(p) })
		}
	}
}

// insist has a process do something until it is done, or the world ends. Each
// attempt is another process's, perhaps.
func (w *world) insist(name string, do func(at *process) error) { w.insistOn(name, 1_000_000, do) }

// insistOn is insist for so many attempts.
func (w *world) insistOn(name string, tries int, do func(at *process) error) bool {
	for range tries {
		if w.ctx.Err() != nil {
			return false
		}
		if at := w.someProcess(name); at != nil && do(at) == nil {
			return true
		}
		if !w.wait(w.dice.between("person.again", name, time.Second, 20*time.Second)) {
			return false
		}
	}
	return false
}

// pauser pauses something now and then, for a while.
func (w *world) pauser(name string) {
	d := w.dice
	most := w.profile.chaos / 2
	if w.profile.class == classLong { // the jobs come early, and the keys run out
		most = 20 * time.Minute
	}
	for w.wait(d.between("pause.wait", name, time.Second, most)) && w.chaotic() {
		t := w.target(name)
		n := w.pause(name, t)
		// Some pauses end as soon as they begin, as when somebody was wrong.
		if d.next("pause.long", name) < 0.7 && w.chaotic() && !w.wait(d.between("pause.for", name, time.Second, 40*time.Minute)) {
			return
		}
		if n > 0 && d.next("pause.undo", name) < 0.3 {
			w.undoPause(name, t, n)
			continue
		}
		w.insist(name, func(at *process) error { return w.resume(at, t) })
	}
}

// target draws what is paused.
func (w *world) target(name string) client.Target {
	switch r := w.dice.next("pause.target", name); {
	case r < 0.4:
		return client.CampaignTarget(campaigns()[int(w.dice.next("pause.campaign", name)*float64(len(campaigns())))])
	case r < 0.75:
		return client.VendorTarget(w.vendors[int(w.dice.next("pause.vendor", name)*float64(len(w.vendors)))].name)
	default:
		return client.BelowPriorityTarget(1 + int(w.dice.next("pause.priority", name)*9))
	}
}

// pause pauses a target and returns the number of the entry; 0 when it is not
// known.
func (w *world) pause(name string, t client.Target) (n uint64) {
	o := w.oracle
	w.insist(name, func(at *process) error {
		o.mu.Lock()
		ended, ending := o.deeds.ended[t], o.deeds.ending[t]
		o.mu.Unlock()
		var e client.ChangeEntry
		return w.acknowledged(at.shelf, func() (err error) {
			e, err = at.client.Pause(w.ctx, t, client.Actor{By: name, Why: "wrong artwork"})
			return err
		}, func(d *deeds) {
			o.faults["person.paused"]++
			n = e.N
			d.entered(e)
			// Somebody may have ended it before it was told.
			if ending > 0 || d.ended[t] != ended {
				return
			}
			if d.paused[at.shelf] == nil {
				d.paused[at.shelf] = map[client.Target]*since{}
			}
			d.paused[at.shelf][t] = &since{time.Now()}
		})
	})
	return n
}

// unpausing notes that a pause may end from now on, until what is returned is
// called.
func (w *world) unpausing(s *shelf, t client.Target) (over func()) {
	o := w.oracle
	o.mu.Lock()
	defer o.mu.Unlock()
	o.deeds.ended[t]++
	o.deeds.ending[t]++
	delete(o.deeds.paused[s], t)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.deeds.ended[t]++
		o.deeds.ending[t]--
	}
}

func (w *world) resume(at *process, t client.Target) error {
	defer w.unpausing(at.shelf, t)()
	var e client.ChangeEntry
	return w.acknowledged(at.shelf, func() (err error) {
		e, err = at.client.Resume(w.ctx, t, client.Actor{By: "sim", Why: "mended"})
		return err
	}, func(d *deeds) {
		w.oracle.faults["person.resumed"]++
		d.entered(e)
	})
}

// undoPause ends a pause by taking it back.
func (w *world) undoPause(name string, t client.Target, n uint64) {
	w.insist(name, func(at *process) error {
		defer w.unpausing(at.shelf, t)()
		var e client.ChangeEntry
		err := w.acknowledged(at.shelf, func() (err error) {
			e, err = at.client.Undo(w.ctx, n, client.Actor{By: name, Why: "it was right"})
			return err
		}, func(d *deeds) {
			w.oracle.faults["person.undone"]++
			d.entered(e)
		})
		if errors.Is(err, client.ErrNotUndoable) || postproof.CodeOf(err) == postproof.CodeNotFound {
			return w.resume(at, t) // somebody was quicker, or the ledger was restored
		}
		return err
	})
}

// resumeAll ends every pause that is left, as it must be for a world to settle.
func (w *world) resumeAll(at *process) {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	list, err := at.client.Paused(ctx)
	if err != nil {
		return
	}
	for _, p := range list {
		_ = w.resume(at, p.Target)
	}
}

// entered notes an entry of the change log that somebody was given.
func (d *deeds) entered(e client.ChangeEntry) {
	if e.N > 0 {
		d.entries = append(d.entries, e)
	}
}

// remailKey is the key of a second piece, as the library documents it.
const remailName = "again"

func remailKey(first idempotency.ID) postproof.Key {
	return postproof.DeriveKey("remail", string(first), remailName)
}

// remailLater asks for a second piece, once the first one is where it can be.
func (w *world) remailLater(p *piece) {
	if !w.wait(w.dice.between("remail.at", string(p.job.Key), 10*time.Minute, w.profile.chaos)) {
		return
	}
	second := *p
	second.first, second.optional, second.row, second.alive = p, true, false, map[string]vendorsim.PrintLine{}
	second.wished, second.erasing, second.heard, second.printed, second.twice = false, false, time.Time{}, 0, false
	second.job.Key = remailKey(p.id)
	second.id = idempotency.IDOf(second.job.Key)
	w.oracle.expect(&second)
	for w.chaotic() && w.ctx.Err() == nil {
		if at := w.someProcess(string(second.job.Key)); at != nil {
			if err := w.remail(at, &second); err == nil {
				return
			}
		}
		if !w.wait(10 * time.Minute) {
			return
		}
	}
}

// remail asks for the second piece, once or once more: it is one.
func (w *world) remail(at *process, second *piece) error {
	var rec *idempotency.Record
	return w.acknowledged(at.shelf, func() (err error) {
		rec, err = at.client.Remail(w.ctx, second.first.job.Key, client.Remail{Name: remailName}, client.Actor{By: "sim", Why: "it came wet"})
		return err
	}, func(d *deeds) {
		w.oracle.faults["person.remailed"]++
		second.optional = false
		d.words[word{client.ActionRemail, client.Target{Kind: client.TargetJob, Name: string(second.first.id)}}] = true
		if rec.ID != second.id {
			w.oracle.violate("remail_other", second, "the second piece has another key than the one that its name stands for")
		}
	})
}

// eraseLater has the person of a job forgotten.
func (w *world) eraseLater(p *piece) {
	key := string(p.job.Key)
	if !w.wait(w.dice.between("erase.at", key, time.Minute, w.profile.chaos)) {
		return
	}
	for w.chaotic() && w.ctx.Err() == nil {
		if at := w.someProcess(key); at != nil && p.shelf.get(p.id) != nil && w.erase(at, p) == nil {
			return
		}
		if !w.wait(w.dice.between("erase.again", key, time.Second, time.Minute)) {
			return
		}
	}
}

var errUnknownJob = errors.New("sim: the ledger does not know the job yet")

// erase has the person of a job forgotten, and looks at the report.
func (w *world) erase(at *process, p *piece) error {
	o, key := w.oracle, string(p.job.Key)
	how := client.Erasure{Keys: []postproof.Key{p.job.Key}}
	switch r := w.dice.next("erase.whom", key); { // with the second piece, or without
	case r < 0.2:
		how.Keys, how.Contacts = nil, []string{p.job.Contact}
	case r < 0.5:
		how.Related = true
	}
	switch r := w.dice.at("erase.how", key, 1); {
	case r < 0.35:
		how.Now = true
	case r < 0.6:
		how.Stop = true
	}
	o.mu.Lock()
	for _, x := range o.pieces { // also when the call fails: it may have been heard
		if x == p || (x.job.Contact == p.job.Contact && (how.Related || len(how.Contacts) > 0)) {
			x.erasing = true
		}
	}
	o.mu.Unlock()
	var report client.ErasureReport
	return w.acknowledged(at.shelf, func() (err error) {
		if report, err = at.client.Erase(w.ctx, how, client.Actor{By: "sim", Why: "request 7"}); err == nil && len(report.Jobs) == 0 {
			err = errUnknownJob
		}
		return err
	}, func(d *deeds) {
		o.faults["person.erased"]++
		d.reports = append(d.reports, report)
		if len(report.Problems) > 0 {
			o.violate("erasure", p, "the erasure left something: "+report.Problems[0])
		}
		for _, job := range report.Jobs {
			x := o.byID[job.ID]
			if x == nil || x.job.Contact != p.job.Contact {
				o.violate("erasure", p, "another person's job was erased with it")
				return
			}
			x.erasing = true // a second piece may be younger than the request
			switch job.Outcome {
			case client.ErasureBuried, client.ErasureFollowed, client.ErasureBefore:
				d.erased[x] = &since{time.Now()}
			case client.ErasureOpen:
				if how.Now || how.Stop {
					o.violate("erasure", x, "the job keeps its data, and was to be erased at once")
				}
			case client.ErasureNewer:
			}
		}
	})
}
