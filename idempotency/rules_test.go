package idempotency_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// One test for each of the fourteen rules of the package documentation, as far
// as the machine keeps them: 1 to 6 here, those of generations, of what is in doubt
// and of the wish to cancel in files of their own. Package internal/mutation takes
// each rule out and sees its test fail.

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
