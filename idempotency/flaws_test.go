package idempotency_test

import (
	"strings"
	"testing"

	"github.com/postproof/postproof/idempotency"
)

// TestEveryRuleIsNeeded takes one rule after the other out and shows that the
// explorer then finds a violation: that a rule is needed, and that the
// explorer can fail.
func TestEveryRuleIsNeeded(t *testing.T) {
	t.Parallel()
	unraced(t)
	risky := idempotency.PreferDuplicate
	for _, tc := range []struct {
		rule    int
		without flaw
		want    string // the invariant that no longer holds
		vendors []string
		left    budget
		lag     int16
		silent  bool
		policy  idempotency.Policy
		lax     bool
	}{
		{rule: 1, without: flawNoIntent, want: printedTwice, left: budget{faults: 1}},
		{rule: 2, without: flawFailover, want: printedTwice, left: budget{faults: 1}},
		{rule: 2, without: flawMilder, want: printedTwice, left: budget{faults: 2}},
		{rule: 3, without: flawNoMargin, want: "two can print", vendors: []string{"key"}, left: budget{faults: 3}},
		{rule: 3, without: flawNoWindow, want: printedTwice, vendors: []string{"key"}, left: budget{faults: 3}},
		{rule: 3, without: flawNoSecondLook, want: printedTwice, vendors: []string{"key"}, left: budget{faults: 2}},
		{rule: 4, without: flawExpiryPlans, want: printedTwice, left: budget{faults: 1}},
		{rule: 5, without: flawNoFence, want: printedTwice, vendors: []string{"key", "ref"}, left: budget{faults: 2}},
		{rule: 5, without: flawAnyIntent, want: printedTwice, vendors: []string{"blind", "ref"}, left: budget{faults: 3}},
		{rule: 6, without: flawNoSettle, want: printedTwice, vendors: []string{"list"}, left: budget{faults: 1}},
		{rule: 6, without: flawOneLook, want: printedTwice, vendors: []string{"list"}, left: budget{faults: 2}},
		{rule: 6, without: flawNoControl, want: printedTwice, vendors: []string{"list"}, left: budget{faults: 3}},
		{rule: 6, without: flawOldControl, want: printedTwice, vendors: []string{"list"}, left: budget{faults: 2, others: 1}},
		{rule: 6, without: flawHalfShown, want: printedTwice, vendors: []string{"list"}, left: budget{faults: 2, others: 1}},
		{rule: 7, without: flawSameRef, want: printedTwice, vendors: []string{"blind"}, left: budget{faults: 2, calls: 1}},
		{rule: 7, without: flawDeadCounts, want: "lost", left: budget{faults: 2}},
		{rule: 7, without: flawAnyContent, want: "another piece counts", left: budget{garbled: 1}},
		{rule: 7, without: flawAmendsLive, want: printedTwice, left: budget{faults: 1, amends: 1}},
		{rule: 8, without: flawHiddenResend, want: printedTwice, left: budget{faults: 1}},
		{rule: 6, without: flawNoVeto, want: printedTwice, vendors: []string{"ref"}, lag: longLag, left: budget{faults: 1}},
		{rule: 9, without: flawNoDeadline, want: "no end", silent: true, left: budget{faults: 1}},
		{rule: 9, without: flawNoReason, want: "no reason", left: budget{faults: 1}},
		{rule: 9, without: flawLateUntold, want: "forgotten", vendors: []string{"key", "ref"}, left: budget{faults: 2}, lax: true},
		{rule: 9, without: flawUncalled, want: "uncalled", vendors: []string{"blind"}, left: budget{faults: 1}},
		{rule: 9, without: flawRiskAgain, want: "a third piece", vendors: []string{"blind"}, left: budget{faults: 2}, policy: risky},
		{rule: 9, without: flawRiskEarly, want: "needless", vendors: []string{"list"}, left: budget{faults: 1}, policy: risky},
		{rule: 13, without: flawRiskWish, want: "unwanted", vendors: []string{"blind"}, left: budget{faults: 1, wishes: 1}, policy: risky},
		{rule: 9, without: flawRiskUnsaid, want: "unsaid", vendors: []string{"blind"}, left: budget{faults: 1}, policy: risky},
		{rule: 10, without: flawNoTombstone, want: printedTwice, left: budget{prunes: 1}},
		{rule: 11, without: flawTimeBack, want: "time runs back", left: budget{faults: 1, slow: 1}},
		{rule: 11, without: flawTightMargin, want: "two can print", vendors: []string{"keyspare"}, left: budget{faults: 2, fast: 1}},
		{rule: 11, without: flawTightSettle, want: printedTwice, vendors: []string{"listspare"}, left: budget{faults: 1, fast: 1}},
		{rule: 12, without: flawNoDoubt, want: printedTwice, left: budget{restores: 1}},
		{rule: 12, without: flawNoEpoch, want: printedTwice, vendors: []string{"key", "blind"}, left: budget{restores: 1, faults: 1}},
		{rule: 12, without: flawLostFence, want: "forgotten", vendors: []string{"key"}, left: budget{restores: 1, faults: 1}},
		{rule: 12, without: flawNoStandstill, want: "forgotten", left: budget{restores: 1, wishes: 1}},
		{rule: 13, without: flawSendsOn, want: "sent after the wish", left: budget{faults: 1, wishes: 1}},
		{rule: 13, without: flawUnread, want: "forgotten", left: budget{faults: 1, wishes: 1}},
		{rule: 14, without: flawNoSpool, want: "forgotten", left: budget{faults: 1}},
		{rule: 14, without: flawHeardTwice, want: "an answer does more", left: budget{faults: 1}},
	} {
		t.Run(string(tc.without), func(t *testing.T) {
			t.Parallel()
			vendors := tc.vendors
			if vendors == nil {
				vendors = []string{"key", "ref", "blind"}
			}
			x := newWorkers(!tc.lax, tc.without, vendors...)
			x.only, x.silent, x.policy = tc.want, tc.silent, tc.policy
			x.lag = max(x.lag, tc.lag)
			why := x.explore(tc.left)
			if !strings.HasPrefix(why, tc.want) {
				t.Fatalf("rule %d is taken out, and in %d worlds nothing is %q: %s", tc.rule, len(x.parents), tc.want, why)
			}
			t.Logf("rule %d: after %d worlds: %s", tc.rule, len(x.parents), why)
		})
	}
}
