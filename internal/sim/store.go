package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// What a ledger's calls fail with.
var (
	errKilled = errors.New("sim: the process is dead")
	errLedger = errors.New("sim: the ledger fails")
)

// view is the ledger as one process sees it, with everything that fails on the
// way there.
type view struct {
	w     *world
	p     *process
	shelf *shelf
}

var _ client.Store = (*view)(nil)

// enter waits for the way to the ledger and returns the ledger of this moment
// and what ends the visit.
func (v *view) enter(call, about string) (*idempotency.Memory, func(), error) {
	w := v.w
	if err := v.p.pass(); err != nil {
		return nil, nil, err
	}
	sleep(w.dice.between("store.latency", v.p.name, 20*time.Microsecond, 3*time.Millisecond))
	if err := v.p.pass(); err != nil {
		return nil, nil, err
	}
	if w.storeDown() || !v.p.reaches() {
		w.struck("store.down")
		return nil, nil, errLedger
	}
	if w.chaotic() && w.dice.pick("store."+call, about, w.profile.store.fail) == 0 {
		w.struck("store.error_" + call)
		return nil, nil, errLedger
	}
	v.shelf.mu.RLock()
	return v.shelf.memory, v.shelf.mu.RUnlock, nil
}

// The faults of a commit, in the order of their rates.
const (
	failBefore = iota
	lostAcknowledgement
	crashBefore
	crashAfter
)

// Commit implements [idempotency.Store].
func (v *view) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	w, about := v.w, "ledger"
	if len(changes) > 0 && changes[0].Record != nil {
		about = string(changes[0].Record.ID)
	}
	w.committing(about)
	fault := -1
	if w.chaotic() {
		s := w.profile.store
		fault = w.dice.pick("store.commit", about, s.fail, s.fail, s.crash, s.crash)
		w.stall(v.p, "stall.store", about)
		if len(changes) > 0 && changes[0].Record != nil && changes[0].Record.Run != "" && w.dice.next("store.slow", about) < 0.3 {
			sleep(w.dice.between("store.slow_for", about, 0, 2*time.Second)) // time for somebody to stop the replay
		}
	}
	strike := func(boundary string) {
		w.struck(boundary)
		w.noteID(about, v.p.name+": "+boundary)
	}
	switch fault {
	case failBefore:
		strike("store.error_before_write")
		return nil, errLedger
	case crashBefore:
		strike("store.crash_before_write")
		v.p.kill()
		return nil, errKilled
	}
	m, leave, err := v.enter("write", about)
	if err != nil {
		return nil, err
	}
	leave()
	checks := v.checks(ctx, m, changes)
	v.shelf.mu.RLock()
	m = v.shelf.memory
	errs, err := m.Commit(ctx, changes)
	v.shelf.mu.RUnlock()
	if err != nil {
		return errs, err
	}
	for _, c := range checks {
		if errs == nil || errs[c.index] == nil {
			w.intended(v.shelf, c.intent)
			w.tookIn(v.shelf, c.joining)
		}
	}
	if w.stall(v.p, "stall.stored", about); v.p.pass() != nil {
		return nil, errKilled
	}
	for i := range changes {
		if changes[i].Record != nil && (errs == nil || errs[i] == nil) {
			w.committed(m, changes[i].Record)
		}
	}
	switch fault {
	case lostAcknowledgement:
		strike("store.lost_acknowledgement")
		return nil, errLedger
	case crashAfter:
		strike("store.crash_after_write")
		v.p.kill()
		return nil, errKilled
	}
	return errs, nil
}

// Claim implements [idempotency.Store].
func (v *view) Claim(ctx context.Context, req idempotency.ClaimRequest) ([]*idempotency.Record, error) {
	m, leave, err := v.enter("claim", v.p.name)
	if err != nil {
		return nil, err
	}
	recs, err := m.Claim(ctx, req)
	leave()
	if err == nil && len(recs) > 0 && v.w.chaotic() && v.w.dice.pick("store.claim_lost", v.p.name, v.w.profile.store.fail) == 0 {
		v.w.struck("store.lost_claim")
		return nil, errLedger
	}
	return recs, err
}

// Get implements [idempotency.Store].
func (v *view) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	m, leave, err := v.enter("get", string(id))
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.Get(ctx, id)
}

// Find implements [idempotency.Store].
func (v *view) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	return func(yield func(*idempotency.Record, error) bool) {
		m, leave, err := v.enter("find", v.p.name)
		if err != nil {
			yield(nil, err)
			return
		}
		found := collect(m.Find(ctx, q))
		leave() // who reads on does not hold the ledger still
		for _, f := range found {
			if !yield(f.value, f.err) {
				return
			}
		}
	}
}

// found is one of a sequence.
type found[T any] struct {
	value T
	err   error
}

func collect[T any](seq iter.Seq2[T, error]) []found[T] {
	var all []found[T]
	for value, err := range seq {
		all = append(all, found[T]{value, err})
	}
	return all
}

// Entries implements [idempotency.Store].
func (v *view) Entries(ctx context.Context, q idempotency.EntryQuery) iter.Seq2[idempotency.Entry, error] {
	return func(yield func(idempotency.Entry, error) bool) {
		m, leave, err := v.enter("entries", v.p.name)
		if err != nil {
			yield(idempotency.Entry{}, err)
			return
		}
		found := collect(m.Entries(ctx, q))
		leave()
		for _, f := range found {
			if !yield(f.value, f.err) {
				return
			}
		}
	}
}

// Prune implements [idempotency.Store].
func (v *view) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	m, leave, err := v.enter("prune", v.p.name)
	if err != nil {
		return 0, err
	}
	defer leave()
	return m.Prune(ctx, before, limit)
}

// Identity implements [idempotency.Ledger].
func (v *view) Identity(ctx context.Context) (idempotency.Identity, error) {
	m, leave, err := v.enter("identity", v.p.name)
	if err != nil {
		return idempotency.Identity{}, err
	}
	defer leave()
	return m.Identity(ctx)
}

// AcceptEpoch implements [idempotency.Ledger].
func (v *view) AcceptEpoch(ctx context.Context, epoch string, ns idempotency.Namespace) error {
	m, leave, err := v.enter("accept", v.p.name)
	if err != nil {
		return err
	}
	defer leave()
	return m.AcceptEpoch(ctx, epoch, ns)
}

// Depth implements [idempotency.Ledger].
func (v *view) Depth(ctx context.Context, campaign string) ([]idempotency.StateCount, error) {
	m, leave, err := v.enter("depth", v.p.name)
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.Depth(ctx, campaign)
}

// OldestDue implements [idempotency.Backlog].
func (v *view) OldestDue(ctx context.Context, req idempotency.ClaimRequest) (time.Time, error) {
	m, leave, err := v.enter("oldest", v.p.name)
	if err != nil {
		return time.Time{}, err
	}
	defer leave()
	return m.OldestDue(ctx, req)
}

// Counter implements [idempotency.Ledger].
func (v *view) Counter(ctx context.Context, name string) (int64, error) {
	m, leave, err := v.enter("counter", v.p.name)
	if err != nil {
		return 0, err
	}
	defer leave()
	return m.Counter(ctx, name)
}

// Setting implements [idempotency.Ledger].
func (v *view) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	m, leave, err := v.enter("setting", v.p.name)
	if err != nil {
		return idempotency.Setting{}, err
	}
	defer leave()
	return m.Setting(ctx, name)
}

// Settings implements [idempotency.Ledger].
func (v *view) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		m, leave, err := v.enter("settings", v.p.name)
		if err != nil {
			yield(idempotency.Setting{}, err)
			return
		}
		leave()
		for s, err := range m.Settings(ctx, prefix) {
			if !yield(s, err) {
				return
			}
		}
	}
}

// PutBlob implements [idempotency.Blobs].
func (v *view) PutBlob(ctx context.Context, content io.Reader) (postproof.Blob, error) {
	m, leave, err := v.enter("put", v.p.name)
	if err != nil {
		return postproof.Blob{}, err
	}
	defer leave()
	return m.PutBlob(ctx, content)
}

// OpenBlob implements [idempotency.Blobs].
func (v *view) OpenBlob(ctx context.Context, blob postproof.Blob) (io.ReadCloser, error) {
	m, leave, err := v.enter("open", v.p.name)
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.OpenBlob(ctx, blob)
}
