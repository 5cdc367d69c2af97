package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// TestTrackedOfSaysWhatIsNow: a record keeps what it was refused for when a replay sends
// it again, until a vendor has it.
func TestTrackedOfSaysWhatIsNow(t *testing.T) {
	t.Parallel()
	hold, refusal := idempotency.Hold{Reason: idempotency.HoldDeadline}, idempotency.Refusal{Vendor: "lob", Code: postproof.CodeInvalidArgument}
	for state, want := range map[idempotency.State]Tracked{
		idempotency.Planned:  {},
		idempotency.Accepted: {},
		idempotency.Held:     {Hold: hold},
		idempotency.Refused:  {Refusal: refusal},
	} {
		want.State = state
		got := trackedOf(&idempotency.Record{State: state, Hold: hold, Refusal: refusal})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
	for want, one := range map[string]Tracked{
		"tracked(planned  )":                   {State: idempotency.Planned},
		"tracked(refused  : invalid_argument)": {State: idempotency.Refused, Refusal: refusal},
		"tracked(accepted lob mailed)":         {State: idempotency.Accepted, Receipt: postproof.Receipt{Vendor: "lob"}, Status: postproof.Status{Stage: postproof.StageMailed}},
	} {
		if got := one.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
