package main

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// shelf is where a ledger lies. The ledger on it can be replaced, as when a
// backup is restored.
type shelf struct {
	mu     sync.RWMutex
	memory *idempotency.Memory
	broken int // how often the ledger's history was
	// restores is how often a backup took the ledger's place.
	restores atomic.Int64
}

// get returns the record, nil when there is none.
func (s *shelf) get(id idempotency.ID) *idempotency.Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rec, err := s.memory.Get(context.Background(), id)
	if err != nil {
		return nil
	}
	return rec
}

// copied returns a copy of the ledger, with the same history or a broken one.
// Change may put another record in the place of one; nil leaves all as they
// are. Counters names those that are copied, too. The caller holds the shelf.
func (s *shelf) copied(broken bool, counters []string, change func(*idempotency.Record) *idempotency.Record) (*idempotency.Memory, error) {
	ctx := context.Background()
	from := s.memory
	id, err := from.Identity(ctx)
	if err != nil {
		return nil, err
	}
	to := idempotency.NewMemory(id.Mode, idempotency.WithNamespace(id.Namespace))
	for range s.broken {
		to.BreakHistory()
	}
	if !id.EpochChanged() {
		if err := to.AcceptEpoch(ctx, id.Epoch, ""); err != nil {
			return nil, err
		}
	}
	if broken {
		to.BreakHistory()
	}
	for _, text := range artworkTexts() {
		if _, err := to.PutBlob(ctx, strings.NewReader(text)); err != nil {
			return nil, err
		}
	}
	for rec, err := range from.Find(ctx, idempotency.Query{}) {
		if err != nil {
			return nil, err
		}
		if change != nil {
			rec = change(rec)
		}
		// A record comes into being with its first fence.
		for fence := uint64(1); fence <= rec.Fence; fence++ {
			step := *rec
			step.Fence = fence
			if fence < rec.Fence { // a newer version's record is not changed by this one
				step.Version, step.State = idempotency.RecordVersion, idempotency.Held
			}
			if err := idempotency.CommitOne(ctx, to, idempotency.Change{Record: &step, Expect: fence - 1}); err != nil {
				return nil, err
			}
		}
	}
	var rest idempotency.Change
	for e, err := range from.Entries(ctx, idempotency.EntryQuery{}) {
		if err != nil {
			return nil, err
		}
		rest.Entries = append(rest.Entries, e)
	}
	for set, err := range from.Settings(ctx, "") {
		if err != nil {
			return nil, err
		}
		for version := uint64(0); version < set.Version; version++ {
			rest.Settings = append(rest.Settings, idempotency.SettingWrite{Name: set.Name, Value: set.Value, Expect: version})
		}
	}
	for _, name := range counters {
		n, err := from.Counter(ctx, name)
		if err != nil {
			return nil, err
		}
		rest.Counters = append(rest.Counters, idempotency.CounterAdd{Name: name, Add: n})
	}
	return to, idempotency.CommitOne(ctx, to, rest)
}

// plant puts a record into a state of a newer version, and returns it; nil when
// the record has moved on. No store lets this version write such a record: it is
// stored at rest, and changed behind the ledger's back.
func (s *shelf) plant(rec *idempotency.Record) *idempotency.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	newer := *rec
	newer.State, newer.Fence, newer.Lease = idempotency.Held, rec.Fence+1, idempotency.Lease{}
	newer.Submissions = slices.Clone(rec.Submissions)
	for i := range newer.Submissions {
		newer.Submissions[i].NextWatch = time.Time{}
	}
	if idempotency.CommitOne(context.Background(), s.memory, idempotency.Change{Record: &newer, Expect: rec.Fence}) != nil {
		return nil
	}
	newer.Version, newer.State = idempotency.RecordVersion+1, "sorting"
	return &newer
}

// newLedger returns an empty ledger whose references depend on the seed.
func newLedger(ns idempotency.Namespace) *shelf {
	return &shelf{memory: idempotency.NewMemory(postproof.ModeLive, idempotency.WithNamespace(ns))}
}
