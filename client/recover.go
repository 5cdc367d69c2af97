package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// RecoverOptions are the settings of a recovery. The zero value means the
// defaults.
type RecoverOptions struct {
	// Copy makes the ledger one of its own, with a new namespace, because its
	// original is still in use elsewhere. The original goes on with the jobs
	// that both have, so the copy holds those that are not final, accepted ones
	// included: a piece that fails late is made anew by one of the two only. A
	// person may cancel or release them. Only for a copy: a restored backup
	// keeps its namespace, without which nothing of it could be found.
	Copy bool
	// BackupAt is when the restored backup was taken, if it is known. It tells
	// under how many references a job may have been sent since
	// ([idempotency.Machine.Reachable]). The zero value means that the history of
	// each job was lost since its last change: a job that waited for long is then
	// looked up under more references than it need be.
	BackupAt time.Time
	// Recoveries is how many recoveries the lost part of the history had, at least,
	// as when one backup is restored a second time. A recovery goes on under
	// references behind those that it doubts, and nothing in a backup from before it
	// tells of them. Those after which [Client.SendControl] was used are found
	// without it; say it where one was not, or was made by an earlier version of the
	// library. Too many cost look-ups, too few can print twice. Default 0, at most 8.
	Recoveries int
	// DoubtNewFor is how long jobs with keys that are new to the ledger are
	// looked up at every vendor before they are sent: the lost part of the
	// history may have sent them. Default 72 hours; negative for not at all.
	DoubtNewFor time.Duration
	// LeaveDamaged recovers the ledger although records cannot be read: they can be
	// put in no doubt, so whoever says this answers for their being left as they are.
	// They are not sent while they are damaged; were such a row put back afterwards,
	// its job could be sent a second time. Without it Recover does everything else,
	// then names them in an error, and nothing is submitted.
	LeaveDamaged bool
	// OnProgress is called after each batch with the number of records done.
	OnProgress func(done int64)
}

// Recovered is what a recovery did.
type Recovered struct {
	// Doubted is how many jobs are looked up at every vendor before anything
	// else happens to them; in a copy, how many are held.
	Doubted int64
	// Checked is how many records were read.
	Checked int64
	// Recoveries is for how many recoveries of the lost history there are doubts:
	// those that the vendors show, or that were stated, whichever is more.
	Recoveries int
	// Unasked are the vendors that could not be asked for such recoveries, as when
	// they are down. Nothing is believed to be absent there before they were: the
	// workers see to that, and doubt further what has to be.
	Unasked []string
	// Damaged are the records that could not be read; see
	// [RecoverOptions].LeaveDamaged.
	Damaged []idempotency.ID
}

const doubtSetting = "recover/doubt"

// doubt is what the ledger keeps of its last recovery for keys that are new to
// it.
type doubt struct {
	// Until is how long they are looked up first.
	Until time.Time `json:"until"`
	// Lost is how long the lost part of the history may have been.
	Lost time.Duration `json:"lost"`
	// Recoveries is how many recoveries it had.
	Recoveries int `json:"recoveries,omitempty"`
}

const maxRecoveries = 8

// Recover accepts that the ledger's history was broken: by a restored backup, a
// copied file or a promoted replica. What the lost part of the history did
// nobody here knows, so every job that is not final is put in doubt: it is
// looked up at every vendor, under every reference that the lost history can
// have come to, and goes on only when the answers prove where it is. Submissions
// are allowed again when it returns. It may be called again after an
// interruption, and does nothing on a ledger whose history is whole.
//
// A recovery that left a vendor out is made good by another one with all of them,
// for which somebody has to break the history once more (of a ledger in SQLite, by
// removing the marker). A backup that is restored a second time does not know of the
// recovery after the first; but the vendors have the control piece that
// [Client.SendControl] sent after it, and are asked for it before anything else. A
// recovery without one, after which jobs went on beside ordinary pieces or by a
// person's word, is not seen: Recoveries says so.
//
// A vendor that cannot be asked now does not keep the ledger from being recovered: it
// is asked later, and before that nothing is believed to be absent there.
//
// That a vendor does not have a piece is only believed beside a control piece
// that it accepted after the recovery: a list that stood still since before
// would show neither. As long as everything is in doubt nothing goes out that
// could be one, so send each vendor a piece of your own with
// [Client.SendControl]. Without it the jobs wait for the first that is not in
// doubt, and are held at their deadline.
//
// What the lost history sent under an account that the client has no credentials of
// is not seen: where an account was exchanged for another one since the backup, give
// the client the former credentials until Recover and the look-ups are through.
//
// An accepted job is asked for its status first. While its vendor shows it alive
// nothing else is asked: a lost history can have sent the job once more only
// after that piece died, or because a person held it and decided so. Where no
// status can be had it is looked up like the others, every six hours for three
// days, and what turns up is told and left alone until one is. What a person sent on
// purpose is told by [Client.Audit].
func (c *Client) Recover(ctx context.Context, who Actor, o RecoverOptions) (out Recovered, err error) {
	if !o.Copy { // a copy asks nobody
		if err := c.knowsVendors("recover"); err != nil {
			return out, err
		}
	}
	ctx, span := c.tel.call(ctx, "postproof.recover", &err)
	defer endCall(span, &err)
	if who, err = who.named("recover"); err != nil {
		return out, err
	}
	if o.Recoveries < 0 || o.Recoveries > maxRecoveries {
		return out, invalid("recover", fmt.Errorf("%d recoveries: want how many there were since the backup, 0 to %d (Recoveries)", o.Recoveries, maxRecoveries))
	}
	id, err := c.store.Identity(ctx)
	if err != nil {
		return out, c.storeError("recover", err)
	}
	if !id.EpochChanged() {
		return out, c.adopt(ctx, &id)
	}
	r := &recovering{c: c, o: o, who: who, id: &id}
	err = r.run(ctx)
	return r.out, err
}

// recovering is a recovery under way.
type recovering struct {
	c   *Client
	o   RecoverOptions
	who Actor
	out Recovered
	// id is who the ledger was when it began.
	id *idempotency.Identity
	// earlier is what is known of other recoveries.
	earlier before
	// newest is about when the latest change was that the backup has, longest for how
	// long the lost history may have worked on a job.
	newest  time.Time
	longest time.Duration
}

func (r *recovering) run(ctx context.Context) error {
	r.c.identity.Store(r.id) // the changes below are made in this history
	if err := r.c.keepReach(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.ask, r.doubtAll, r.enter, r.accept} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.c.logger.LogAttrs(ctx, slog.LevelWarn, "the ledger was recovered: jobs in doubt are looked up before they go on", slog.Int64("doubted", r.out.Doubted))
	r.c.wakeUp()
	return nil
}

// ask asks the vendors for recoveries that the ledger does not know of.
func (r *recovering) ask(ctx context.Context) error {
	have, _, err := r.c.readNumbered(ctx, r.id)
	if err != nil {
		return err
	}
	r.earlier = have.before(r.id)
	if !r.o.Copy { // it asks nobody: its references are of another namespace
		if err := r.c.askAll(ctx, &r.earlier); err != nil {
			return err
		}
		r.out.Unasked = r.earlier.unasked
		if r.earlier.found > 0 {
			r.c.logger.LogAttrs(ctx, slog.LevelWarn, "the ledger was recovered since this backup was taken: what was sent behind that is looked for, too", slog.Int("recoveries", r.earlier.found))
		}
	}
	r.out.Recoveries = max(r.o.Recoveries, r.earlier.found)
	return nil
}

// doubtAll puts every job in doubt that is not final; in a copy it holds them.
func (r *recovering) doubtAll(ctx context.Context) error {
	c, out := r.c, &r.out
	open := []idempotency.State{
		idempotency.Planned, idempotency.Sending, idempotency.Unknown, idempotency.Refused, idempotency.Accepted, idempotency.Held,
	}
	for rec, err := range c.store.Find(ctx, idempotency.Query{States: open}) {
		if c.meetDamaged(ctx, err) {
			out.Damaged = append(out.Damaged, idempotency.AsDamaged(err).Record)
			continue
		}
		if err != nil {
			return c.storeError("recover", err)
		}
		out.Checked++
		if rec.Tombstone {
			continue
		}
		r.newest = laterOf(r.newest, rec.UpdatedAt)
		lost := c.lost(rec, r.o.BackupAt)
		r.longest = max(r.longest, lost)
		suspicion := c.suspicion(rec, lost, out.Recoveries)
		suspicion.Recovery = r.earlier.number(out.Recoveries)
		events := []idempotency.Event{suspicion}
		if r.o.Copy {
			events = disown(rec)
		}
		if len(events) == 0 {
			continue
		}
		if _, err := c.changeRecord(ctx, "recover", r.id, rec, events...); err != nil {
			return err
		}
		if out.Doubted++; r.o.OnProgress != nil && out.Doubted%100 == 0 {
			r.o.OnProgress(out.Doubted)
		}
	}
	if len(out.Damaged) > 0 && !r.o.LeaveDamaged {
		return notSent(postproof.CodeInternal, "recover", fmt.Errorf(
			"%d records are damaged, the first is %s: nobody knows what the lost history did with these jobs, nor can it be asked; restore a backup without damage, "+
				"or leave them to yourself (LeaveDamaged) and never put their rows back: %w", len(out.Damaged), out.Damaged[0], idempotency.ErrCorrupt))
	}
	return nil
}

// disown holds a job of a copied ledger: its original sends it, and, should an
// accepted piece fail late, sends it anew.
func disown(rec *idempotency.Record) []idempotency.Event {
	hold := idempotency.PutOnHold{Reason: idempotency.HoldOperator, Note: noteCopy}
	switch rec.State {
	case idempotency.Planned, idempotency.Unknown, idempotency.Accepted:
		return []idempotency.Event{hold}
	case idempotency.Sending:
		return []idempotency.Event{idempotency.Suspect{}, hold}
	default:
		return nil
	}
}

// enter notes how keys are doubted that are new to the ledger, and the recovery's number,
// and writes the recovery to the change log, in one commit.
func (r *recovering) enter(ctx context.Context) error {
	c, newest := r.c, r.newest
	if !r.o.BackupAt.IsZero() {
		newest = r.o.BackupAt
	}
	var lost time.Duration
	if !newest.IsZero() {
		lost = max(0, c.now().Sub(newest))
	}
	done := recovery{
		Checked: r.out.Checked, Doubted: r.out.Doubted, Copy: r.o.Copy, Recoveries: r.out.Recoveries, Unasked: r.out.Unasked, Damaged: len(r.out.Damaged),
	}
	_, err := c.logged(ctx, "recover", func(ctx context.Context) (ch idempotency.Change, _ ChangeEntry, err error) {
		doubts, err := r.doubtNew(ctx, lost)
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		have, version, err := c.readNumbered(ctx, c.id())
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		n := r.earlier.next(have, c.id().Epoch, done.Recoveries, max(lost, r.longest), c.now())
		number, err := writing(recoverySetting, n, version)
		if err != nil {
			return ch, ChangeEntry{}, err
		}
		ch.Settings = []idempotency.SettingWrite{doubts, number}
		ch.Entries = []idempotency.Entry{{At: c.now(), Kind: idempotency.EntryRecovered, By: r.who.By, Note: r.who.Why}}
		return ch, ChangeEntry{By: r.who.By, Why: r.who.Why, Action: ActionRecover, Target: Target{Kind: TargetLedger}, After: asJSON(done)}, nil
	})
	return err
}

// doubtNew is the write that has keys which are new to the ledger doubted for a while. What
// an earlier recovery doubts may still be there.
func (r *recovering) doubtNew(ctx context.Context, lost time.Duration) (w idempotency.SettingWrite, err error) {
	c := r.c
	set, err := c.store.Setting(ctx, doubtSetting)
	if err != nil {
		return w, c.storeError("recover", err)
	}
	lasts := max(0, cmp.Or(r.o.DoubtNewFor, 72*time.Hour))
	if r.o.Copy {
		lasts = 0
	}
	d := doubt{Until: c.now().Add(lasts), Lost: lost, Recoveries: r.out.Recoveries}
	var old doubt
	if len(set.Value) > 0 && json.Unmarshal(set.Value, &old) == nil && c.now().Before(old.Until) {
		d = doubt{Until: laterOf(d.Until, old.Until), Lost: max(d.Lost, old.Lost), Recoveries: max(d.Recoveries, old.Recoveries)}
	}
	return writing(doubtSetting, d, set.Version)
}

// accept has submissions go on, in a copy under a namespace of its own.
func (r *recovering) accept(ctx context.Context) error {
	var ns idempotency.Namespace
	if r.o.Copy {
		ns = idempotency.NewNamespace()
	}
	if err := r.c.store.AcceptEpoch(ctx, r.id.Epoch, ns); err != nil {
		return r.c.storeError("recover", err)
	}
	// A variable of its own: the identity above is read by others since it was stored.
	accepted, err := r.c.store.Identity(ctx)
	if err != nil {
		return r.c.storeError("recover", err)
	}
	return r.c.adopt(ctx, &accepted)
}

// recovery is what the change log keeps of a recovery.
type recovery struct {
	Checked int64 `json:"checked"`
	Doubted int64 `json:"doubted"`
	Copy    bool  `json:"copy,omitempty"`
	// Recoveries were lost, Unasked are vendors that could not be asked for more.
	Recoveries int      `json:"recoveries,omitempty"`
	Unasked    []string `json:"unasked,omitempty"`
	// Damaged records were left.
	Damaged int `json:"damaged,omitempty"`
}

// readDoubt reads until when new jobs have to be looked up first, in the ledger of the
// identity.
func (c *Client) readDoubt(ctx context.Context, id *idempotency.Identity) error {
	n, _, err := c.readNumbered(ctx, id) // first: a number that is newer than the doubts would hide that they are too few
	if err != nil {
		return err
	}
	if _, _, err := c.readReach(ctx); err != nil {
		return err
	}
	d, version, err := readSetting[doubt](ctx, c, "recover", doubtSetting)
	if err != nil || version == 0 {
		return err
	}
	c.doubted.Store(&doubted{lost: d.Lost, recoveries: d.Recoveries, number: n.Number})
	c.doubtUntil.Store(d.Until.UnixNano())
	return nil
}

// doubts reports whether new jobs have to be looked up first.
func (c *Client) doubts() bool { return c.now().UnixNano() < c.doubtUntil.Load() }

// newSuspicion is what a new record is suspected of.
func (c *Client) newSuspicion(rec *idempotency.Record) idempotency.Suspect {
	d := c.doubted.Load()
	ev := c.suspicion(rec, d.lost, d.recoveries)
	ev.Recovery = d.number
	return ev
}

// doubted is what keys that are new to the ledger are suspected of: a lost history of
// that length with so many recoveries, up to the one with the number.
type doubted struct {
	lost               time.Duration
	recoveries, number int
}

// doubt makes a new record begin in doubt.
func (c *Client) doubt(rec *idempotency.Record) (*idempotency.Record, error) {
	ch, err := c.machine.Create(rec, rec.CreatedAt, c.newSuspicion(rec))
	if err != nil {
		return nil, c.storeError("enqueue", err)
	}
	return ch.Record, nil
}
