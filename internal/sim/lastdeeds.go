package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// peopleAgain repeats what people wanted and the ledger may have lost, as they
// would after a restore: second pieces, and erasures of what is back or was open.
func (w *world) peopleAgain(at *process) {
	for _, p := range w.oracle.list() {
		switch {
		case p.shelf != at.shelf:
		case p.first != nil:
			_ = w.remail(at, p) // of a conflict the judge knows
		case p.erasing:
			if rec := p.shelf.get(p.id); rec != nil && !rec.Tombstone {
				_ = w.erase(at, p)
			}
		}
	}
}

// lastDeeds checks at the end that the ledger has what people were told.
func (w *world) lastDeeds(at *process) {
	o := w.oracle
	o.mu.Lock()
	entries, reports, words := o.deeds.entries, o.deeds.reports, o.deeds.words
	o.mu.Unlock()
	fail := func(kind string, p *piece, format string, args ...any) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.violate(kind, p, fmt.Sprintf(format, args...))
	}
	heads := make([]client.ChangeHead, len(entries))
	for i := range entries {
		heads[i] = client.ChangeHead{N: entries[i].N, Digest: entries[i].Digest}
	}
	if _, err := at.client.VerifyChanges(w.ctx, heads...); err != nil && w.ctx.Err() == nil {
		fail("change_log", nil, "%v", err)
	}
	log := w.log(at.shelf)
	said := map[word]bool{}
	for i := range log {
		said[word{log[i].Action, log[i].Target}] = true
	}
	for i := range entries {
		if e := &entries[i]; e.N > uint64(len(log)) || log[e.N-1].Digest != e.Digest || log[e.N-1].Action != e.Action {
			fail("change_log", nil, "the entry %d (%s of %s) was told of, and is not there", e.N, e.Action, e.Target)
		}
	}
	for x := range words {
		if !said[x] {
			fail("change_log", nil, "a %s of %s was acknowledged, and the change log does not have it", x.action, x.target)
		}
	}
	for _, r := range reports {
		if err := at.client.VerifyErasure(w.ctx, r); err != nil && w.ctx.Err() == nil {
			fail("erasure", nil, "a report of an erasure is not the one in the change log: %v", err)
		}
	}
	w.forgotten(at.shelf, fail)
}

// log reads the change log behind the library's back.
func (w *world) log(s *shelf) []client.ChangeEntry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []client.ChangeEntry
	for set, err := range s.memory.Settings(context.Background(), "log/") {
		var e client.ChangeEntry
		if err != nil || set.Name == "log/head" || json.Unmarshal(set.Value, &e) != nil {
			continue
		}
		all = append(all, e)
	}
	return all
}

// forgotten checks that nothing but a tombstone, or what it takes to follow a
// piece, is left of who was erased; and that nothing in the history or the
// settings says where anybody lives.
func (w *world) forgotten(s *shelf, fail func(kind string, p *piece, format string, args ...any)) {
	o := w.oracle
	for _, p := range o.list() {
		o.mu.Lock()
		erased := o.deeds.erased[p] != nil
		o.mu.Unlock()
		if !erased {
			continue
		}
		switch rec := s.get(p.id); {
		case rec == nil:
			fail("erasure", p, "its tombstone is gone")
		case !rec.Erased() || rec.Contact != "" || len(rec.Job) > 0:
			fail("erasure", p, "it was erased, and its data is there")
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e, err := range s.memory.Entries(context.Background(), idempotency.EntryQuery{}) {
		if err == nil && strings.Contains(e.Note+e.By, "Street") {
			fail("personal_data", nil, "the entry %d of the history has an address", e.Seq)
		}
	}
	for set, err := range s.memory.Settings(context.Background(), "") {
		if err == nil && strings.Contains(string(set.Value), "Street") {
			fail("personal_data", nil, "the setting %s has an address", set.Name)
		}
	}
}
