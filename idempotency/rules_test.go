package idempotency_test

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// One test for each of the fourteen rules of the package documentation, as far
// as the machine keeps them. Package internal/mutation takes each rule out and
// sees its test fail.

func TestRule01IntentBeforeFirstByte(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.refused(1, l.answered("key", postproof.NotSent, 0)) // no intent, no answer
	l.lease()
	for name, broken := range map[string]func(*idempotency.Intend){
		"vendor":     func(i *idempotency.Intend) { i.Vendor = "" },
		"reference":  func(i *idempotency.Intend) { i.Ref = "" },
		"digest":     func(i *idempotency.Intend) { i.Digest = "" },
		"encoder":    func(i *idempotency.Intend) { i.Encoder = "" },
		"other mode": func(i *idempotency.Intend) { i.Mode = postproof.ModeLive },
	} {
		i := l.intent("key")
		broken(&i)
		if _, err := l.m.Apply(l.r, l.now, i); ruleOf(err) != 1 {
			t.Errorf("%s: err = %v, want rule 1", name, err)
		}
	}
	l.do(l.intent("key"))
	s := l.r.Current()
	if s == nil || s.Vendor != "key" || s.Account != "acct" || s.VendorKey != "k" || s.Digest != "d1" || s.Encoder != "e1" || !s.FirstAt.Equal(l.now) {
		t.Errorf("the intent is stored as %+v", s)
	}
}

func TestRule02OneHolder(t *testing.T) {
	t.Parallel()
	for name, join := range map[string]postproof.Delivery{"not sent": postproof.NotSent, "refused": postproof.Refused} {
		t.Run("another vendor after "+name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "key", "ref")
			l.send("key")
			l.do(l.answered("key", join, postproof.CodeUnavailable))
			l.state(idempotency.Planned)
			l.send("ref")
		})
	}
	t.Run("not after unknown", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key", "ref")
		l.lose("key")
		l.lease()
		l.refused(2, l.intent("ref"))
		planned := *l.r // no event leads here; were it a defect, the gate would hold
		planned.State = idempotency.Planned
		l.r = &planned
		l.refused(2, l.intent("ref"))
	})
	t.Run("a milder answer lowers nothing", func(t *testing.T) {
		t.Parallel()
		for _, mild := range []postproof.Delivery{postproof.NotSent, postproof.Refused} {
			l := newLife(t, "key", "ref")
			l.lose("key")
			l.send("key")
			l.do(l.answered("key", mild, postproof.CodeUnauthenticated))
			l.state(idempotency.Unknown)
			l.lease()
			l.refused(2, l.intent("ref"))
		}
	})
	t.Run("bytes in flight are alive", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key", "ref")
		l.send("key")
		l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
		l.send("ref")
		l.do(l.answered("ref", postproof.NotSent, postproof.CodeUnavailable))
		l.send("key") // again: the one in flight is not the last that was made
		if got := l.r.Current().Vendor; got != "key" {
			t.Fatalf("%s is current while key is sent to", got)
		}
		l.next(idempotency.DoWait)
		l.do(idempotency.WishCancel{By: "ann"})
		l.state(idempotency.Sending) // not canceled: the bytes may arrive
	})
}

func TestRule03SameVendorSameKeySameBytes(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.lose("key")
	l.lease()
	for name, change := range map[string]func(*idempotency.Intend){
		"bytes":   func(i *idempotency.Intend) { i.Digest = "d2" },
		"encoder": func(i *idempotency.Intend) { i.Encoder = "e2" },
		"key":     func(i *idempotency.Intend) { i.VendorKey = "k2" },
		"account": func(i *idempotency.Intend) { i.Account = "acct2" },
	} {
		i := l.intent("key")
		change(&i)
		if _, err := l.m.Apply(l.r, l.now, i); ruleOf(err) != 3 {
			t.Errorf("another %s: err = %v, want rule 3", name, err)
		}
	}
	l.wait(1)
	l.next(idempotency.DoResend)
	l.wait(keyWindow - keyMargin - 1) // the window less its margin
	l.next(idempotency.DoLookUp)
	l.lease()
	l.refused(3, l.intent("key"))

	l = newLife(t, "list") // honors no key
	l.lose("list")
	l.wait(1)
	l.next(idempotency.DoLookUp)
	l.lease()
	l.refused(3, l.intent("list"))
}

// Whose credentials made a send is kept where they are of another name than the
// submission's account: what the piece's turning up says depends on it.
func TestSubmissionKeepsTheNamesOfItsSends(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before              postproof.Delivery // under acct
		account, credential string
		want                string
	}{
		"its own":                         {postproof.Refused, "acct", "acct", ""},
		"another name of the same":        {postproof.Refused, "acct", "acct2", "acct2"},
		"another name, nothing went":      {postproof.NotSent, "acct", "acct2", "acct2"},
		"of another account":              {postproof.Refused, "acct2", "acct2", "acct"},
		"of another account, none before": {postproof.NotSent, "acct2", "acct2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "key")
			l.send("key")
			l.do(l.answered("key", tc.before, postproof.CodeUnauthenticated))
			if s := l.r.Submissions[0]; s.Also != "" {
				t.Fatalf("Also = %q after the first send", s.Also)
			}
			l.lease()
			i := l.intent("key")
			i.Account, i.Credentials = tc.account, tc.credential
			l.do(i)
			if s := l.r.Current(); s.Account != tc.account || s.Also != tc.want {
				t.Errorf("account %q, also %q; want %q, %q", s.Account, s.Also, tc.account, tc.want)
			}
		})
	}
}

func TestRule03NotAfterIsTheLeastBound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		vendor string
		own    time.Duration
		lease  time.Duration
		wait   int
		want   time.Duration // from the intent, the second one where it is repeated
	}{
		"lease":  {lease: tick, want: tick},
		"own":    {lease: tick, own: tick / 2, want: tick / 2},
		"window": {vendor: "keyonly", lease: 10 * tick, wait: 1, want: (keyWindow - keyMargin - 1) * tick},
		"half the settle time, where a look-up can be believed": {vendor: "list", lease: 20 * tick, want: settleFor * tick / 2},
		"no settle time, where nobody can look":                 {vendor: "blind", lease: 20 * tick, want: 20 * tick},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor := cmp.Or(tc.vendor, "key")
			l := newLife(t, vendor)
			if tc.wait > 0 {
				l.lose(vendor)
			}
			l.wait(tc.wait)
			l.lease()
			l.r.Lease.Until = l.now.Add(tc.lease)
			i := l.intent(vendor)
			if tc.own > 0 {
				i.NotAfter = l.now.Add(tc.own)
			}
			l.do(i)
			if got := l.r.Current().NotAfter.Sub(l.now); got != tc.want {
				t.Errorf("not after %s, want %s", got, tc.want)
			}
		})
	}
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "keyonly", "key")
		l.lease()
		l.r.Lease.Until = l.now.Add(1000 * tick)
		l.r.Deadline = l.now.Add(tick / 2)
		l.do(l.intent("key"))
		if got := l.r.Current().NotAfter.Sub(l.now); got != tick/2 {
			t.Errorf("not after %s, want the deadline", got)
		}
	})
}

func TestRule04ExpiryWakesAReconcilerNeverASender(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list", "ref")
	l.send("list")
	l.refused(4, idempotency.Expire{}) // not before its time
	l.refused(4, idempotency.PutOnHold{Reason: idempotency.HoldOperator})
	l.wait(leaseFor)
	l.next(idempotency.DoExpire)
	l.do(idempotency.Expire{})
	l.state(idempotency.Unknown)
	l.next(idempotency.DoLookUp)
	l.lease()
	l.refused(2, l.intent("ref"))

	l = newLife(t, "list")
	l.send("list")
	l.do(l.answered("list", postproof.NotSent, postproof.CodeUnavailable))
	l.send("list") // what the first send came to says nothing about this one
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.state(idempotency.Unknown)
	if got := l.r.Submissions[0].Join; got != postproof.Unknown {
		t.Errorf("join %s, want unknown", got)
	}
}

func TestRule05CompareAndSet(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key", "ref")
	first := l.send("key") // do checks the fence of each change
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	second := l.send("key")
	if first == second {
		t.Fatal("two intents have one number")
	}
	// The first holder wakes up. Its answer does not end the second send.
	l.do(idempotency.Answer{Vendor: "key", Ref: exampleRef(1), Intent: first, Delivery: postproof.NotSent})
	l.state(idempotency.Sending)
	l.refused(5, idempotency.Answer{Vendor: "key", Ref: exampleRef(1), Delivery: postproof.NotSent})

	l = newLife(t, "key", "ref")
	first = l.send("key")
	l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
	l.send("key")
	// The first answer again, for example from a spool.
	l.do(idempotency.Answer{Vendor: "key", Ref: exampleRef(1), Intent: first, Delivery: postproof.NotSent})
	l.state(idempotency.Sending)
}

func TestRule06AHolderWithoutLeaseSendsNothing(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key")
	l.refused(6, l.intent("key")) // never leased
	l.lease()
	other := l.intent("key")
	other.Owner = "another worker"
	l.refused(6, other)
	l.wait(leaseFor)
	l.refused(6, l.intent("key")) // it froze too long
	l.lease()
	l.do(l.intent("key"))
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	late := l.answered("key", postproof.NotSent, 0)
	l.do(late) // bad news after the lease lower nothing
	l.state(idempotency.Unknown)
	if !l.told("late_answer") {
		t.Error("the late answer is not told")
	}
	good, s := l.answered("key", postproof.Accepted, 0), see("id", postproof.StageAccepted)
	good.Order = &s
	l.do(good) // good news count
	l.state(idempotency.Accepted)
}

func TestRule06LateBytesVoidEarlierLookUps(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.send("list")
	frozen := l.answered("list", postproof.Unknown, postproof.CodeDeadlineExceeded)
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	l.wait(settleFor - 1)
	l.do(frozen) // bytes went out until now
	l.wait(1)
	l.do(l.missed("list", 1))
	if s := l.r.Current(); s.Misses != 0 || s.Fate != "" {
		t.Errorf("misses %d, fate %q: look-ups from before the last byte count", s.Misses, s.Fate)
	}
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	l.wait(settleFor)
	l.do(l.missed("list", 1))
	l.state(idempotency.Planned)
	l.do(frozen) // told already: the proof stands
	l.state(idempotency.Planned)
}

func TestRule06LateBytesVoidAProof(t *testing.T) {
	t.Parallel()
	l := newLife(t, "list")
	l.send("list")
	frozen := l.answered("list", postproof.Unknown, postproof.CodeDeadlineExceeded)
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.absent("list")
	l.state(idempotency.Planned)
	l.do(frozen) // bytes went out until now, and nothing newer was sent
	l.state(idempotency.Unknown)
}

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

func TestRule13CancelIsADurableWish(t *testing.T) {
	t.Parallel()
	t.Run("at once where nothing was sent", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.do(idempotency.WishCancel{By: "ann"})
		l.state(idempotency.Canceled)
	})
	t.Run("it forbids sends and survives doubt", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.lose("key")
		l.do(idempotency.WishCancel{By: "ann"})
		l.state(idempotency.Unknown)
		l.wait(1)
		l.next(idempotency.DoLookUp) // not a resend
		l.lease()
		l.refused(13, l.intent("key"))
		s := see("id", postproof.StageAccepted)
		s.Receipt.AcceptedAt = l.now
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: s})
		l.next(idempotency.DoCancel)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1)}) // nothing read back
		l.state(idempotency.Accepted)
		l.wait(1)
		l.next(idempotency.DoCancel)
		dead := see("id", postproof.StageCanceled)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), ReadBack: &dead})
		l.state(idempotency.Canceled)
	})
	t.Run("not past the window less its margin", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.wait(cancelFor - cancelClose)
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoTooLate)
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), TooLate: true})
		if l.r.Cancel.Outcome != idempotency.CancelTooLate || !l.told("cancel_too_late") {
			t.Errorf("outcome %q", l.r.Cancel.Outcome)
		}
	})
	t.Run("nobody can ask", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoCancel)
		none := idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), Unasked: "no credentials"}
		l.do(none)
		s := l.r.Submissions[0]
		if l.r.Cancel.Outcome != "" || l.r.Cancel.Tries != 0 || s.Unasked != "no credentials" || !s.AskAt.After(l.now) || !l.told("cancel_waits") {
			t.Fatalf("%+v, %q, again at %v", l.r.Cancel, s.Unasked, s.AskAt)
		}
		if a := l.next(idempotency.DoWait); !a.At.Equal(s.AskAt) {
			t.Errorf("it waits until %v, want %v", a.At, s.AskAt)
		}
		l.now = s.AskAt
		l.next(idempotency.DoCancel)
		caps := l.m.Caps
		l.m.Caps = func(string) *postproof.Capabilities { return nil }
		l.wait(cancelFor) // where the vendor is not known nobody knows that it is too late
		l.next(idempotency.DoCancel)
		l.do(none)
		delivered := see("id", postproof.StageDelivered)
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: delivered})
		l.next(idempotency.DoTooLate) // but for what was delivered
		l.m.Caps = caps
		l.do(idempotency.CancelAnswer{Vendor: "key", Ref: exampleRef(1), TooLate: true})
		if s := l.r.Submissions[0]; l.r.Cancel.Outcome != idempotency.CancelTooLate || s.Unasked != "" || !s.AskAt.IsZero() {
			t.Errorf("%+v, %q, %v", l.r.Cancel, s.Unasked, s.AskAt)
		}
	})
	t.Run("from held, while the window is open", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(idempotency.DoCancel)
	})
	t.Run("it outlives the piece", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.WishCancel{By: "ann"})
		l.absent("list")
		l.state(idempotency.Canceled)
		s := see("id", postproof.StageAccepted) // it turns up after all
		s.Receipt.AcceptedAt = l.now
		l.do(idempotency.Observe{Vendor: "list", Ref: exampleRef(1), Sighting: s})
		l.next(idempotency.DoCancel)
	})
}

func TestRule14AnAnswerMeansTheSameLater(t *testing.T) {
	t.Parallel()
	l := newLife(t, "key", "ref")
	l.send("key")
	answer, s := l.answered("key", postproof.Accepted, 0), see("id", postproof.StageAccepted)
	s.Status.Source = postproof.SourceResponse
	answer.Order = &s
	l.wait(leaseFor)
	l.do(idempotency.Expire{})
	l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
	l.do(answer) // from the spool, days later
	l.state(idempotency.Accepted)
	if l.r.Receipt.VendorID != "id" {
		t.Fatalf("receipt %+v", l.r.Receipt)
	}
	before := l.r.PollAt
	l.do(answer) // twice
	l.state(idempotency.Accepted)
	if l.r.Generation != 1 || !l.r.PollAt.Equal(before) || len(l.r.Submissions) != 1 || l.told("twice_at_vendor") {
		t.Error("the same answer, applied twice, does something")
	}
}
