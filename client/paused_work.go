package client

import (
	"context"
	"errors"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// look returns what is paused, as this work goes by it.
func (w *work) look() *pauses {
	if w.paused == nil {
		w.paused = w.c.pauses.Load()
	}
	return w.paused
}

// lookAgain is look for what is paused by now, in the work's own history.
func (w *work) lookAgain(ctx context.Context) (err error) {
	if w.paused = w.c.pauses.Load(); w.paused.epoch != w.epoch {
		w.paused, err = w.c.readPauses(ctx, w.epoch)
	}
	return err
}

// dependOn has an intent depend on what was read before it: nothing goes out that
// was paused since, nor a campaign whose approval was taken back.
func (w *work) dependOn(ch *idempotency.Change) error {
	p := w.look()
	if p.epoch != w.epoch {
		// A restored history comes to the same versions again.
		w.c.checkedAt.Store(0)
		return w.c.storeError("pauses", idempotency.ErrStale)
	}
	w.reads = append(w.reads[:0:0], idempotency.SettingRead{Name: pausesSetting, Version: p.version})
	if campaign := ch.Record.Campaign; w.c.canaryOf(ch.Record) > 0 {
		name := canaryName(campaign)
		for _, add := range ch.Counters {
			if add.Name == name && add.Add > 0 && add.Limit == 0 { // it is approved
				w.reads = append(w.reads, idempotency.SettingRead{Name: name, Version: w.c.approvals.version(campaign)})
			}
		}
	}
	ch.Reads = w.reads
	return nil
}

// overtaken goes on after an intent was not made. Where that is because of a
// setting that it depended on, as when something was paused meanwhile, the work
// begins anew with what the ledger says now.
func (w *work) overtaken(ctx context.Context, err error) (again bool, _ error) {
	if !errors.Is(err, idempotency.ErrStale) {
		return false, err
	}
	for _, r := range w.reads {
		set, e := w.c.store.Setting(ctx, r.Name)
		if e != nil {
			return false, w.c.storeError("pauses", e)
		}
		again = again || set.Version != r.Version
	}
	if !again {
		return false, err
	}
	w.c.approvals.forget(w.rec.Campaign)
	_, e := w.c.readPauses(ctx, w.epoch)
	return true, e
}

// stopped leaves a job planned that is paused. It is not claimed before the pause
// ends, and so a new one is due at once; one that was claimed all the same, by
// what was known before, comes back a moment later, not again and again.
func (w *work) stopped(ctx context.Context, p *Paused) error {
	w.cause = &PausedError{*p}
	until := w.c.now()
	if !w.fresh {
		until = until.Add(time.Second)
	}
	return w.apply(ctx, idempotency.Postpone{Until: until})
}

// resends resends, as often as it is overtaken by a pause or its end.
func (w *work) resends(ctx context.Context, sub *idempotency.Submission) error {
	for range 3 {
		if err := w.lookAgain(ctx); err != nil {
			return err
		}
		if again, err := w.resend(ctx, sub); err != nil || !again {
			return err
		}
	}
	return w.putOff(ctx, w.c.poll)
}

// notResent settles an unknown outcome whose resend is paused: by a look-up, else
// it waits, at most until the window of the vendor's key closes. Then a resend is
// out of the question, and the machine goes on.
func (w *work) notResent(ctx context.Context, sub *idempotency.Submission, p *Paused) error {
	w.cause = &PausedError{*p}
	caps := w.c.capabilities(sub.Vendor)
	if caps.Lookup.ByRef {
		return w.lookUp(ctx, sub)
	}
	now := w.c.now()
	until := now.Add(pauseWait(now.Sub(sub.FirstAt)))
	if closes := caps.Idempotency.Until(sub.FirstAt); !closes.IsZero() && closes.Before(until) && closes.After(now) {
		until = closes
	}
	return w.apply(ctx, idempotency.Postpone{Until: until, Awaits: p.Target.String()})
}

// whyPaused returns the pause that a planned job waits for; nil for none.
func (c *Client) whyPaused(rec *idempotency.Record) error {
	if x := c.pauses.Load().keepsPlanned(rec); x != nil {
		return &PausedError{*x}
	}
	return nil
}
