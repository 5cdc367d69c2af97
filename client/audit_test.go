package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestAuditFindsUnknownMissingAndDifferent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		for _, key := range []string{"a", "b", "c"} {
			if _, err := c.Submit(t.Context(), job(key)); err != nil {
				t.Fatal(err)
			}
		}
		p.orders[0].Status = "canceled"
		p.orders[1] = &pressOrder{ID: "stranger", Ref: "0000000000000000", Status: "accepted", At: time.Now()}
		audit, err := c.Audit(t.Context(), "alpha", time.Time{})
		if err != nil || audit.Orders != 3 || audit.Matched != 1 {
			t.Fatalf("Audit = %+v, %v", audit, err)
		}
		got := map[client.DiscrepancyKind]string{}
		for _, f := range audit.Discrepancies {
			got[f.Kind] = f.VendorID
		}
		want := map[client.DiscrepancyKind]string{client.DiscrepancyDifferent: "alpha_1", client.DiscrepancyUnknown: "stranger", client.DiscrepancyMissing: "alpha_2"}
		for kind, id := range want {
			if got[kind] != id {
				t.Errorf("%s: %q, want %q", kind, got[kind], id)
			}
		}
		if _, err := c.Audit(t.Context(), "nobody", time.Time{}); postproof.CodeOf(err) != postproof.CodeNotFound {
			t.Errorf("an unknown vendor: %v", err)
		}
	})
}
