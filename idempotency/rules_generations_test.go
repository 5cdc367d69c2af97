package idempotency_test

import (
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestRule07Generations(t *testing.T) {
	t.Parallel()
	t.Run("one reference is one generation", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.absent("list")
		l.state(idempotency.Planned)
		if l.r.Generation != 2 {
			t.Fatalf("generation %d, want 2", l.r.Generation)
		}
		l.lease()
		again := l.intent("list")
		again.Ref = exampleRef(1)
		l.refused(7, again)
		other := l.intent("list")
		other.Vendor, other.Ref = "ref", exampleRef(1)
		l.refused(7, other)
	})
	t.Run("every earlier one is dead", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list", "ref")
		l.do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{
			{Vendor: "list", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1)}},
			{Vendor: "ref", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1)}},
		}})
		l.absent("list")
		l.state(idempotency.Unknown) // the other may have it still
		l.absent("ref")
		l.state(idempotency.Planned)
	})
	t.Run("dead means dead", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		replay, s := l.answered("key", postproof.Accepted, 0), see("id", postproof.StageFailed)
		replay.Order = &s
		l.do(replay)
		l.state(idempotency.Planned)
		if l.r.Generation != 2 || !l.r.Receipt.IsZero() {
			t.Errorf("generation %d, receipt %v", l.r.Generation, l.r.Receipt)
		}
	})
	t.Run("unequal means held", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		replay, s := l.answered("key", postproof.Accepted, 0), see("id", postproof.StageAccepted)
		s.Equal = false
		replay.Order = &s
		l.do(replay)
		l.state(idempotency.Held)
		if l.r.Hold.Reason != idempotency.HoldContentDiffers {
			t.Errorf("held for %q", l.r.Hold.Reason)
		}
	})
	t.Run("amended only where nobody has it", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		amend := idempotency.Amend{Job: []byte(`{}`), Fingerprint: "v1:2", By: "ann"}
		l.send("list")
		l.refused(7, amend)
		l.do(l.answered("list", postproof.Unknown, 0))
		l.refused(7, amend)
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.refused(7, amend) // held, and a vendor may have it
	})
	t.Run("a refused job that is amended gets a new one", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.send("list")
		l.do(l.answered("list", postproof.Refused, postproof.CodeInvalidArgument))
		l.state(idempotency.Refused)
		l.do(idempotency.Amend{Job: []byte(`{}`), Fingerprint: "v1:2", By: "ann"})
		l.state(idempotency.Planned)
		if l.r.Generation != 2 || l.r.Fingerprint != "v1:2" {
			t.Errorf("generation %d, fingerprint %s", l.r.Generation, l.r.Fingerprint)
		}
	})
}

func TestRule07KeyReuseCarriesBothDigests(t *testing.T) {
	t.Parallel()
	err := error(&idempotency.KeyReusedError{Key: "k", Have: "v1:a", Got: "v1:b"})
	if !errors.Is(err, idempotency.ErrKeyReused) {
		t.Errorf("%v is not ErrKeyReused", err)
	}
}

func TestRule08RealSendsAreCounted(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.send("list")
	twice := l.answered("list", postproof.Unknown, 0)
	twice.Sends = 2 // net/http repeated it by itself
	l.do(twice)
	if got := l.r.Current().Sends; got != 2 {
		t.Errorf("%d sends counted, want 2", got)
	}
	// One of them became a piece that failed. The other may have become one,
	// too, at a vendor that honors no key: it is watched.
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: see("id", postproof.StageFailed)})
	l.state(idempotency.Planned)
	if l.r.Submissions[0].NextWatch.IsZero() {
		t.Error("the other send is forgotten")
	}
}

func TestRule10AKeyIsNeverForgotten(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.accept("key", "id")
	l.r = l.r.Bury()
	if l.r.ID != idempotency.IDOf(exampleJob().Key) || l.r.Fingerprint == "" || l.r.Submissions == nil || l.r.Submissions[0].Ref == "" || l.r.Receipt.VendorID != "id" {
		t.Errorf("the tombstone forgets: %+v", l.r)
	}
	if l.r.Key != "" || l.r.Job != nil || l.r.Contact != "" {
		t.Error("the tombstone remembers a person")
	}
	l.lease()
	l.refused(10, l.intent("key"))
	l.refused(10, idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageMailed)})
	l.next(idempotency.DoNothing)
}

func TestRule11TimeNeverRunsBack(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.lose("key")
	l.wait(keyWindow - keyMargin)
	l.do(idempotency.Postpone{Until: l.now})
	l.now = exampleStart() // the clock jumps back: the window stays closed
	l.next(idempotency.DoLookUp)
	l.lease()
	l.refused(3, l.intent("key"))
	l.do(l.missed("key", 1))
	if l.r.UpdatedAt.Before(exampleStart().Add((keyWindow - keyMargin) * tick)) {
		t.Errorf("the record's time ran back to %s", l.r.UpdatedAt)
	}
	// When the first send is not known the window is closed.
	l = newLife(t, "key")
	l.lose("key")
	l.r.Submissions[0].FirstAt = time.Time{}
	l.wait(1)
	l.next(idempotency.DoLookUp)
	l.lease()
	l.refused(3, l.intent("key"))
}

func TestRule12AChangedEpochStopsSubmissions(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key", "list")
	l.lease()
	i := l.intent("key")
	i.EpochChanged = true
	l.refused(12, i)
	l.send("key")
	l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
	l.do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{
		{Vendor: "key", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1), 2: exampleRef(2)}},
		{Vendor: "list", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1), 2: exampleRef(2)}},
	}})
	l.state(idempotency.Unknown)
	if n := len(l.r.Live()); n != 4 { // that nothing was sent is this history's word only
		t.Errorf("%d submissions in doubt, want 4", n)
	}
	l.lease()
	l.refused(2, l.intent("key"))
	l.wait(1)
	l.next(idempotency.DoLookUp)
	l.refused(12, idempotency.Observe{Vendor: "key", Ref: exampleRef(9), Sighting: see("id", postproof.StageMailed)})
	l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(2), Sighting: see("id", postproof.StageMailed)})
	l.state(idempotency.Accepted)
}

func TestRule12WhatWasFoundOutBeforeIsDoubted(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	l.do(idempotency.Suspect{})
	l.wait(settleFor)
	l.do(l.missed("list", 1)) // the first that counts
	l.state(idempotency.Unknown)
}
