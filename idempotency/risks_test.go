package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof/idempotency"
)

// TestModelOfRisksTaken explores campaigns whose policy prefers a duplicate, and
// people who decide without knowing what a vendor has. A piece that somebody
// took the risk of may be printed beside the one that counts: only that one, once
// for each decision, and the policy decides once. It is told when it turns up,
// and canceled while there is time.
func TestModelOfRisksTaken(t *testing.T) {
	t.Parallel()
	unraced(t)
	risky := idempotency.PreferDuplicate
	explores(t, true, []workload{
		{name: "the policy", vendors: []string{"blind"}, left: budget{faults: 2}, policy: risky},
		{name: "the policy, a wish", vendors: []string{"blind"}, left: budget{faults: 1, wishes: 1, calls: 1}, policy: risky},
		{name: "the policy, callbacks", vendors: []string{"blind"}, left: budget{faults: 1, calls: 2}, policy: risky},
		{name: "the policy, another vendor", vendors: []string{"blind", "ref"}, left: budget{faults: 1, calls: 1}, policy: risky},
		{name: "the policy, a key and no look-up", vendors: []string{"keyonly"}, left: budget{faults: 2, wishes: 1}, policy: risky},
		{name: "the policy, a look-up", vendors: []string{"list", "blind"}, left: budget{faults: 1, calls: 1}, policy: risky},
		{name: "the policy, people", vendors: []string{"blind"}, left: budget{faults: 1, people: 2, calls: 1}, policy: risky},
		{name: "people", vendors: []string{"blind"}, left: budget{faults: 2, risks: 1}},
		{name: "people, callbacks", vendors: []string{"blind", "ref"}, left: budget{faults: 1, risks: 1, calls: 2}},
		{name: "people, a wish", vendors: []string{"blind"}, left: budget{faults: 1, risks: 2, wishes: 1, calls: 1}},
		{name: "people who think better of it", vendors: []string{"blind"}, left: budget{faults: 1, risks: 1, people: 1, calls: 1}},
		{name: "people and the policy", vendors: []string{"blind"}, left: budget{faults: 2, risks: 1}, policy: risky},
	})
}
