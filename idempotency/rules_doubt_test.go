package idempotency_test

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func TestRule09NeverForEver(t *testing.T) {
	t.Parallel()
	t.Run("every state that a worker works on has a deadline", func(t *testing.T) {
		t.Parallel()
		x := newExplorer(true, "list", "blind")
		x.probe = func(w *world) {
			if w.rec.State.Workable() && w.rec.Deadline.IsZero() {
				w.broken = "no deadline"
				t.Errorf("no deadline: %s", describe(w))
			}
			if w.rec.State == idempotency.Held && w.rec.Hold.Reason == "" {
				t.Errorf("held without a reason: %s", describe(w))
			}
		}
		x.run(t, budget{faults: 1, people: 1, wishes: 1})
	})
	t.Run("planned, however often it is tried", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "ref")
		for range 24 {
			l.send("ref")
			l.do(l.answered("ref", postproof.Refused, postproof.CodeUnauthenticated))
			l.state(idempotency.Planned)
			l.wait(1)
		}
		if a := l.next(idempotency.DoHold); a.Reason != idempotency.HoldDeadline {
			t.Errorf("reason %q", a.Reason)
		}
	})
	t.Run("planned, however often it is put off", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "ref")
		l.do(idempotency.Postpone{Until: l.now.Add(100 * tick)}) // its send date
		if want := l.now.Add(124 * tick); !l.r.Deadline.Equal(want) {
			t.Errorf("deadline %s, want the send date's %s", l.r.Deadline, want)
		}
		l.wait(100)
		l.send("ref")
		l.do(l.answered("ref", postproof.NotSent, postproof.CodeUnavailable))
		l.do(idempotency.Postpone{Until: l.now.Add(1000 * tick)})
		if l.r.Due.After(l.r.Deadline) {
			t.Errorf("due %s, after the deadline %s", l.r.Due, l.r.Deadline)
		}
	})
	t.Run("unknown, however long the vendor wants us to wait", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		slow := l.answered("key", postproof.Unknown, postproof.CodeUnavailable)
		slow.RetryAfter = 1000 * time.Hour
		l.do(slow)
		if l.r.Due.After(l.r.Deadline) {
			t.Fatalf("due %s, after the deadline %s", l.r.Due, l.r.Deadline)
		}
		l.now = l.r.Due
		l.next(idempotency.DoHold)
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
		l.next(idempotency.DoNothing)
		if !l.told("held") || l.r.Hold.Reason != idempotency.HoldDeadline || l.r.Hold.From != idempotency.Unknown {
			t.Errorf("hold %+v", l.r.Hold)
		}
	})
	t.Run("accepted, with a wish to cancel that is never answered", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.WishCancel{By: "ann"})
		for range 2 * cancelFor {
			if l.r.Cancel.Outcome != "" {
				return
			}
			switch a := l.m.Next(l.r, l.now); a.Do {
			case idempotency.DoCancel:
				l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1)})
			case idempotency.DoTooLate:
				l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), TooLate: true})
			case idempotency.DoPoll:
				l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Failed: true})
			default: // it waits
			}
			l.wait(1)
		}
		t.Errorf("the wish has no outcome: %+v", l.r.Cancel)
	})
	t.Run("callbacks without news do not put the poll off", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		before := l.r.PollAt
		l.wait(1)
		s := see("id", postproof.StageAccepted)
		s.Status.Source = postproof.SourceCallback
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: s})
		if !l.r.PollAt.Equal(before) {
			t.Errorf("the poll at %s is put off to %s", before, l.r.PollAt)
		}
	})
}

func TestAbsenceIsProvenByTwoLookUpsOnly(t *testing.T) {
	t.Parallel()
	fails := map[string]func(*life){
		"before the settle time": func(l *life) {
			l.wait(settleFor - 1)
			l.do(l.missed("list", 1))
			l.wait(settleFor)
			l.do(l.missed("list", 1))
		},
		"one look-up": func(l *life) {
			l.wait(leaseFor + settleFor)
			l.do(l.missed("list", 1))
		},
		"two, not a settle time apart": func(l *life) {
			l.wait(leaseFor + settleFor)
			l.do(l.missed("list", 1))
			l.wait(settleFor - 1)
			l.do(l.missed("list", 1))
		},
		"no control piece": func(l *life) {
			for range 3 {
				l.wait(leaseFor + settleFor)
				m := l.missed("list", 1)
				m.Control = false
				l.do(m)
			}
		},
		"an incomplete list": func(l *life) {
			for range 3 {
				l.wait(leaseFor + settleFor)
				m := l.missed("list", 1)
				m.Complete = false
				l.do(m)
			}
		},
		"look-ups that failed": func(l *life) {
			for range 3 {
				l.wait(leaseFor + settleFor)
				m := l.missed("list", 1)
				m.Failed = true
				l.do(m)
			}
		},
		"answers that lay about": func(l *life) {
			early := l.missed("list", 1)
			early.At = l.now
			for range 3 {
				l.wait(leaseFor + settleFor)
				l.do(early)
			}
		},
	}
	for name, look := range fails {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "list")
			l.lose("list")
			look(l)
			l.state(idempotency.Unknown)
			if l.r.Submissions[0].Fate != "" {
				t.Errorf("absence is concluded from %s", name)
			}
		})
	}
	t.Run("proven", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.absent("list")
		l.state(idempotency.Planned)
		if s := l.r.Submissions[0]; s.Fate != idempotency.FateAbsent || s.WatchUntil.IsZero() || !l.told("absent") {
			t.Errorf("submission %+v", s)
		}
	})
	t.Run("never after a duplicate", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "ref")
		l.lose("ref")
		l.send("ref")
		dup := l.answered("ref", postproof.Refused, postproof.CodeConflict)
		dup.Duplicate = true
		l.do(dup)
		l.state(idempotency.Unknown)
		for range 3 {
			l.wait(leaseFor + settleFor)
			l.do(l.missed("ref", 1))
		}
		l.state(idempotency.Unknown)
	})
}

// A vendor's documented silence about its lag means at least half an hour.
func TestAbsenceSettleTimeIsNeverZero(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	silent := exampleVendor("list")
	silent.Lookup.Settle = 0
	l.m.Caps = func(string) *postproof.Capabilities { return silent }
	l.lose("list")
	l.now = l.r.Submissions[0].LastAt.Add(postproof.MinSettle - time.Second)
	l.do(l.missed("list", 1))
	if l.r.Submissions[0].Misses != 0 {
		t.Error("a look-up counts before half an hour")
	}
	l.now = l.now.Add(time.Second)
	l.do(l.missed("list", 1))
	if l.r.Submissions[0].Misses != 1 {
		t.Error("a look-up after half an hour does not count")
	}
}

func TestRefusedKeyIsRenewedAfterItsWindow(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.send("key")
	l.do(l.answered("key", postproof.Refused, postproof.CodeRateLimited))
	l.wait(1)
	l.next(idempotency.DoSend)
	l.wait(keyWindow)
	a := l.next(idempotency.DoWait)
	l.do(idempotency.Postpone{Until: a.At})
	if l.r.Generation != 2 {
		t.Fatalf("generation %d, want 2", l.r.Generation)
	}
	l.wait(1)
	l.next(idempotency.DoSend)
	l.accept("key", "id")
}

// A vendor that refuses for good what it may have by an earlier send would refuse it each
// time: it is looked up, and sent anew only where it is proven not to be there.
func TestRefusedInDoubtIsLookedUp(t *testing.T) {
	t.Parallel()
	refused := func(t *testing.T, vendor string, code postproof.Code) *life {
		t.Helper()
		l := newLife(t, vendor)
		l.lose(vendor)
		l.wait(1)
		l.send(vendor)
		l.do(l.answered(vendor, postproof.Refused, code))
		l.state(idempotency.Unknown)
		l.wait(1)
		return l
	}
	for _, code := range []postproof.Code{postproof.CodeRateLimited, postproof.CodeUnavailable, postproof.CodeUnauthenticated, postproof.CodePermissionDenied} {
		refused(t, "ref", code).next(idempotency.DoResend) // for the moment, or the account
	}
	for _, code := range []postproof.Code{postproof.CodeInvalidArgument, postproof.CodeNotFound, postproof.CodeUnsupported} {
		l := refused(t, "ref", code)
		l.next(idempotency.DoLookUp)
		if !l.told("refused_in_doubt") {
			t.Errorf("%v: nothing tells of it", code)
		}
		there := l.missed("ref", 1)
		there.Orders = []idempotency.Sighting{see("id", postproof.StageAccepted)}
		l.do(there)
		l.state(idempotency.Accepted)
		l = refused(t, "ref", code)
		l.absent("ref")
		l.state(idempotency.Planned)
		if l.r.Generation != 2 {
			t.Errorf("generation %d, want 2", l.r.Generation)
		}
	}
	refused(t, "keyonly", postproof.CodeInvalidArgument).next(idempotency.DoResend)
}

func TestVendorThatIsNotConfiguredAnyMore(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.lose("list")
	l.m.Caps = nil
	l.wait(1)
	if a := l.next(idempotency.DoHold); a.Reason != idempotency.HoldVendorGone {
		t.Errorf("reason %q", a.Reason)
	}
	l.m = exampleMachine("list")
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldVendorGone}, idempotency.Release{By: "ann"})
	l.state(idempotency.Unknown)
	l.next(idempotency.DoLookUp)
}

// A piece died, and another submission is still in doubt: the last status of the
// dead one must not take the deadline from the doubt.
func TestRule09ADeathLeavesADeadlineToTheDoubt(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key", "ref")
	l.accept("key", "id")
	l.do(idempotency.Observe{Vendor: "key", VendorID: "id", Sighting: see("id", postproof.StageFailed)})
	l.state(idempotency.Planned)
	l.lose("ref")
	// An answer from before the death comes late; the vendor says again what it is.
	l.do(idempotency.Observe{Vendor: "key", VendorID: "id", Sighting: see("id", postproof.StageAccepted)})
	l.state(idempotency.Accepted)
	l.wait(1)
	l.do(idempotency.Observe{Vendor: "key", VendorID: "id", Sighting: see("id", postproof.StageFailed)})
	l.state(idempotency.Unknown)
	if l.r.Deadline.IsZero() {
		t.Fatal("no deadline")
	}
	l.now = l.r.Deadline
	if a := l.next(idempotency.DoHold); a.Reason != idempotency.HoldDeadline {
		t.Errorf("held for %s, want its deadline", a.Reason)
	}
}
