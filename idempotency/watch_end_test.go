package idempotency_test

import (
	"slices"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// A watch whose last look had no answer is told of: what arrived since then nobody has
// seen. One that ends with an answer is not.
func TestWatchThatEndsWithoutALookIsTold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		looks func(i int) idempotency.LookedUp
		told  string
	}{
		"nobody can ask": {
			looks: func(int) idempotency.LookedUp { return idempotency.LookedUp{Failed: true, Unasked: "no adapter"} },
			told:  "no adapter: the watch for a late arrival ended without its last look",
		},
		"the vendor is out": {
			looks: func(int) idempotency.LookedUp { return idempotency.LookedUp{Failed: true} },
			told:  "the vendor gave no answer: the watch for a late arrival ended without its last look",
		},
		"asked to the end": {looks: func(int) idempotency.LookedUp { return idempotency.LookedUp{Complete: true} }},
		"out at first": {looks: func(i int) idempotency.LookedUp {
			return idempotency.LookedUp{Failed: i == 0, Complete: i > 0}
		}},
	} {
		for state := range atRest() {
			t.Run(name+"/"+string(state), func(t *testing.T) {
				t.Parallel()
				l := thoughtAbsent(t, state)
				var told []string
				for i := 0; !l.r.Submissions[0].NextWatch.IsZero(); i++ {
					if i > 20 {
						t.Fatal("the watch does not end")
					}
					l.claimed(l.r.Submissions[0].NextWatch)
					ev := tc.looks(i)
					ev.Vendor, ev.Ref = "list", exampleRef(1)
					ch, err := l.m.Apply(l.r, l.now, ev)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range ch.Entries {
						if e.Kind == "unwatched" {
							told = append(told, e.Note)
						}
					}
					l.do(ev)
				}
				if want := slices.DeleteFunc([]string{tc.told}, func(s string) bool { return s == "" }); !slices.Equal(told, want) {
					t.Errorf("told %q, want %q", told, want)
				}
			})
		}
	}
}

// Where somebody else may be able to ask, the look is theirs soon; where nobody is
// known it comes at the watch's pace.
func TestWatchWaitsForWhoCanAsk(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, 0: 2 * tick} {
		l := thoughtAbsent(t, idempotency.Held)
		l.claimed(l.r.Submissions[0].NextWatch)
		l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Failed: true, Unasked: "no adapter", RetryAfter: after})
		if got := l.r.Submissions[0].NextWatch.Sub(l.now); got != want {
			t.Errorf("left to others for %s: looked again after %s, want %s", after, got, want)
		}
	}
	l := thoughtAbsent(t, idempotency.Held) // a vendor that asks for time is not asked sooner
	l.claimed(l.r.Submissions[0].NextWatch)
	l.do(idempotency.LookedUp{Vendor: "list", Ref: exampleRef(1), Failed: true, RetryAfter: time.Minute})
	if got := l.r.Submissions[0].NextWatch.Sub(l.now); got != 2*tick {
		t.Errorf("after an answer that asks for a minute it is looked again after %s", got)
	}
}
