package callback

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const (
	tendEvery = time.Minute
	// A purge takes small bites with a rest behind each, and stops after a
	// while: it goes on in the next round, and what comes in goes first.
	purgeEvery = 10 * time.Minute
	purgeBite  = 100
	purgeFor   = 5 * time.Second
	purgeRest  = 50 * time.Millisecond
	// depthMost bounds what is counted of the inbox.
	depthMost = 10_000
)

// tend does what is due now and then, until the context ends.
func (r *Receiver) tend(ctx context.Context) {
	var purged time.Time
	for {
		now := r.in.Clock.Now()
		if n, err := r.waiting(ctx); err == nil {
			r.depth.Store(int64(n))
		}
		if now.Sub(purged) >= purgeEvery {
			purged = now
			r.purge(ctx)
		}
		r.listen(ctx)
		if err := r.remind(ctx); err != nil && ctx.Err() == nil {
			r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "what is parked could not be looked at", slog.String("code", postproof.CodeOf(err).String()))
		}
		r.alarms.flush(ctx, false)
		if postproof.Sleep(ctx, r.in.Clock, tendEvery) != nil {
			return
		}
	}
}

// purge deletes raw payloads that are older than the retention.
func (r *Receiver) purge(ctx context.Context) {
	began := r.in.Clock.Now()
	before := began.Add(-r.retention)
	for ctx.Err() == nil && r.in.Clock.Now().Sub(began) < purgeFor {
		n, err := r.in.Inbox.Purge(ctx, before, purgeBite)
		if err != nil && ctx.Err() == nil {
			r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "old callbacks could not be purged; it is tried again", slog.String("code", postproof.CodeOf(err).String()))
		}
		if err != nil || n < purgeBite || postproof.Sleep(ctx, r.in.Clock, purgeRest) != nil {
			return
		}
	}
}

// heard is what the ledger remembers of an endpoint, for all processes.
type heard struct {
	// Seen is when its last callback was taken, Alarmed when the silence was noticed
	// that the owner was last told of, Telling until when a process has to tell it.
	Seen    time.Time `json:"seen"`
	Alarmed time.Time `json:"alarmed,omitzero"`
	Telling time.Time `json:"telling,omitzero"`
}

// atMost puts right what was noted while a clock was ahead: else nobody would be told
// of a silence before the clock has come to that time again.
func (h *heard) atMost(now time.Time) {
	if h.Seen.After(now.Add(silenceStep)) {
		h.Seen = now.UTC()
	}
	if h.Alarmed.After(now.Add(silenceStep)) {
		h.Alarmed = time.Time{}
	}
	if h.Telling.After(now.Add(tellWithin + silenceStep)) {
		h.Telling = time.Time{}
	}
}

// hears takes note of a callback that may have been taken by another process, which
// need not be one that listens for silences.
func (a *account) hears(at time.Time) {
	for n := at.UnixNano(); ; {
		seen := a.seen.Load()
		if n <= seen || a.seen.CompareAndSwap(seen, n) {
			return
		}
	}
}

// silenceAgain is how often the owner is told of a silence that goes on.
const silenceAgain = 24 * time.Hour

// listen notes which endpoints said something, and tells of those that do not.
func (r *Receiver) listen(ctx context.Context) {
	for key, a := range r.accounts {
		if a.silence < 0 || a.mode != r.in.Mode() {
			continue
		}
		if err := r.listenTo(ctx, key, a); err != nil && ctx.Err() == nil {
			r.in.Logger.LogAttrs(ctx, slog.LevelWarn, "whether an endpoint is silent could not be looked at", slog.String("endpoint", a.route.name), slog.String("code", postproof.CodeOf(err).String()))
		}
	}
}

func (r *Receiver) listenTo(ctx context.Context, key accountKey, a *account) error {
	name := "callback/heard/" + key.vendor + "/" + key.account
	s, err := r.in.Store.Setting(ctx, name)
	if err != nil {
		return storeError("setting", err)
	}
	var h heard
	if len(s.Value) > 0 {
		if err := json.Unmarshal(s.Value, &h); err != nil {
			h = heard{}
		}
	}
	now := r.in.Clock.Now()
	was := h
	h.atMost(now)
	seen := time.Time{}
	if n := a.seen.Load(); n != 0 {
		seen = time.Unix(0, n).UTC()
		if seen.After(now.Add(silenceStep)) {
			seen = now.UTC()
			a.seen.CompareAndSwap(n, seen.UnixNano())
		}
	}
	switch {
	case h.Seen.IsZero(): // nothing is known: it counts from now
		h.Seen = r.started.UTC()
		if seen.After(h.Seen) {
			h.Seen = seen
		}
	case seen.Sub(h.Seen) >= silenceStep, seen.After(h.Seen) && (!h.Alarmed.IsZero() || !h.Telling.IsZero()):
		h = heard{Seen: seen}
	}
	last := h.Seen
	if seen.After(last) {
		last = seen
	}
	silent := now.Sub(last) >= a.silence && now.Sub(h.Alarmed) >= silenceAgain && !h.Telling.After(now)
	if silent {
		if silent, err = r.awaits(ctx, a, now); err != nil {
			return err
		}
	}
	if silent {
		h.Telling = now.Add(tellWithin).UTC()
	}
	if h == was {
		return nil
	}
	value, err := json.Marshal(h)
	if err != nil {
		return err
	}
	err = idempotency.CommitOne(ctx, r.in.Store, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: name, Value: value, Expect: s.Version}}})
	if errors.Is(err, idempotency.ErrStale) {
		return nil // another process has just done it
	}
	if err != nil {
		return storeError("setting", err)
	}
	if silent {
		reason := "no callback came, and pieces wait for news: is the webhook still on at the vendor?"
		switch {
		case a.refusals.Load() == 0:
		case a.offTime.Load():
			reason = "callbacks come with the right signature and a time that is too old or in the future, and pieces wait for news: is this machine's clock right?"
		default:
			reason = "no callback could be verified, and pieces wait for news: is the secret the one of the vendor's dashboard?"
		}
		r.alarms.raise(ctx, Alert{Kind: AlertSilent, Vendor: key.vendor, Endpoint: a.route.name, Since: last, Reason: reason}, debt{setting: name, telling: h.Telling})
	}
	return nil
}

// silenceStep is how exactly it is remembered when an endpoint spoke last.
const silenceStep = 10 * time.Minute

// awaitsMost bounds how many pieces are looked at for one that waits for news.
const awaitsMost = 10_000

// awaits reports whether a piece of the account waits for longer than its vendor
// takes, or than the silence where nothing is known of that.
func (r *Receiver) awaits(ctx context.Context, a *account, now time.Time) (bool, error) {
	patience := a.route.caps.Callbacks.Patience
	q := idempotency.Query{States: []idempotency.State{idempotency.Accepted}, Vendor: a.route.vendor, Limit: awaitsMost}
	for rec, err := range r.in.Store.Find(ctx, q) {
		if r.in.MeetDamaged(ctx, err) {
			continue
		}
		if err != nil {
			return false, storeError("find", err)
		}
		if rec.Receipt.Vendor != a.route.vendor || rec.Status.Stage.Terminal() || !r.at(rec, a.fingerprint) {
			continue
		}
		since := rec.Receipt.AcceptedAt
		if date := rec.LiesUntil(); date.After(since) {
			since = date // nothing is to be told of it before
		}
		if rec.Status.Source == postproof.SourceCallback && rec.Status.SeenAt.After(since) {
			since = rec.Status.SeenAt
		}
		within, expected := patience[rec.Status.Stage]
		if len(patience) == 0 {
			within, expected = a.silence, true
		}
		if expected && now.Sub(since) >= within {
			return true, nil
		}
	}
	return false, nil
}

// at reports whether the piece that counts was submitted to the account.
func (r *Receiver) at(rec *idempotency.Record, account string) bool {
	for i := range rec.Submissions {
		if s := &rec.Submissions[i]; s.Vendor == rec.Receipt.Vendor && s.Ref == rec.Receipt.Ref {
			return s.Account == "" || s.Account == account || r.in.Account(s.Vendor, s.Account) == account
		}
	}
	return false
}
