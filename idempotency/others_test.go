package idempotency_test

import "testing"

// TestModelOfControlPieces explores one job beside the pieces of others, which are
// what makes an empty look-up worth something, in an index that may stand still.
// A piece from after the send shows an index that has stood still since before it.
// One from two settle times after it shows any: then it does not matter when the
// index stopped. TestEveryRuleIsNeeded has what comes of less.
func TestModelOfControlPieces(t *testing.T) {
	t.Parallel()
	unraced(t)
	explores(t, true, []workload{
		{name: "after the send", vendors: []string{"list"}, left: budget{faults: 2, others: 1}},
		{name: "two settle times after the send", vendors: []string{"list"}, left: budget{faults: 2, others: 1}, patient: true},
		{name: "another vendor", vendors: []string{"list", "blind"}, left: budget{faults: 1, others: 1}},
	})
}
