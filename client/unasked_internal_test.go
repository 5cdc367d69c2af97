package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// What is left to others comes back the later the more of it there is and the longer it
// has waited, and never as late as a piece that nobody is known to ask for.
func TestTurnsOfOthersCostLittle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pieces      int
		waited      time.Duration
		least, most time.Duration // half of the wait, and one and a half
	}{
		"one":              {1, 0, 7 * time.Second, 23 * time.Second},
		"six thousand":     {6_000, 0, 15 * time.Second, 45 * time.Second},
		"a million":        {1_000_000, 0, 30 * time.Second, 90 * time.Second},
		"for eight hours":  {1, 8 * time.Hour, 7*time.Minute + 30*time.Second, 22*time.Minute + 30*time.Second},
		"for weeks":        {1, 21 * 24 * time.Hour, 30 * time.Minute, 90 * time.Minute},
		"many, and a week": {1_000_000, 7 * 24 * time.Hour, 30 * time.Minute, 90 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := idempotency.NewMemory(postproof.ModeTest)
			c, err := New(t.Context(), store, nil, WithoutVendors(), WithoutHints(), WithRerouteAfter(90*24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			now := c.now()
			c.strangers.set(c.strangers.meet("alpha", now), int64(tc.pieces), now)
			rec := &idempotency.Record{Awaits: awaitsOthers + now.Add(-tc.waited).UTC().Format(time.RFC3339)}
			for range 100 { // it is by chance
				ev, ok := c.turnOfOthers(rec, nil, &idempotency.Submission{Vendor: "alpha"})
				if wait := ev.Until.Sub(now).Round(time.Second); !ok || wait < tc.least || wait > tc.most {
					t.Fatalf("left to others for %s, %t, want %s to %s", wait, ok, tc.least, tc.most)
				}
			}
		})
	}
}

// A watch for what is dead is no reason to leave, and in the end to hold, a job whose
// outcome at another vendor is in doubt.
func TestAWatchIsNotLeftToOthers(t *testing.T) {
	t.Parallel()
	c := &Client{byName: map[string]*vendor{"alpha": {account: vendors.Account{Fingerprint: "ours"}}}}
	for name, tc := range map[string]struct {
		state idempotency.State
		do    idempotency.Do
		sub   idempotency.Submission
		want  bool
	}{
		"in doubt, of another account": {idempotency.Unknown, idempotency.DoLookUp, idempotency.Submission{Join: postproof.Unknown, Account: "theirs"}, true},
		"in doubt, of ours":            {idempotency.Unknown, idempotency.DoLookUp, idempotency.Submission{Join: postproof.Unknown, Account: "ours"}, false},
		"dead, of another account":     {idempotency.Unknown, idempotency.DoLookUp, idempotency.Submission{Join: postproof.Unknown, Account: "theirs", Fate: idempotency.FateAbsent}, false},
		"accepted elsewhere":           {idempotency.Accepted, idempotency.DoLookUp, idempotency.Submission{Join: postproof.Unknown, Account: "theirs"}, false},
		"to be sent again by them":     {idempotency.Unknown, idempotency.DoResend, idempotency.Submission{Join: postproof.Unknown, Account: "theirs"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.sub.Vendor = "alpha"
			if got := c.onlyForOthers(&idempotency.Record{State: tc.state}, &idempotency.Step{Do: tc.do, Submission: tc.sub}); got != tc.want {
				t.Errorf("only for others: %t, want %t", got, tc.want)
			}
		})
	}
}
