package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

// newerAdapter encodes in another way, as the adapter of a newer version may.
type newerAdapter struct{ *pressAdapter }

func (a newerAdapter) Encode(ctx context.Context, s *vendors.Submission) (*vendors.Body, error) {
	_, err := a.pressAdapter.Encode(ctx, s)
	if err != nil {
		return nil, err
	}
	return vendors.JSONBody("press/2", []byte(`{"ref":"`+string(s.Ref)+`","zip":"`+s.Job.To.PostalCode+`","v":2}`)), nil
}

// An older version asked the vendor, which told it to come back later. A newer
// one encodes in another way: it must neither send other bytes under the key
// that was used, nor leave the job lying.
func TestRefusedJobGoesOnWithANewerEncoder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyRef)
		p.faults(func(op, _ string, _ int) string {
			if op == "/order" {
				return "429"
			}
			return ""
		})
		store := idempotency.NewMemory(postproof.ModeTest)
		older := newClient(t, store, []*press{p})
		if rec, _ := older.Submit(t.Context(), job("a")); rec == nil || rec.State != idempotency.Planned || len(rec.Submissions) != 1 {
			t.Fatalf("Submit = %v", rec)
		}
		p.faults(nil)
		newer, err := client.New(t.Context(), store, []vendors.Adapter{newerAdapter{p.adapter()}},
			client.WithLogger(quiet()), client.WithVendor("alpha", vendorConfig(p, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = newer.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if left, err := newer.Drain(ctx); err != nil || left[idempotency.Accepted] != 1 {
			t.Fatalf("Drain = %v, %v", left, err)
		}
		rec := status(t, newer, "a")
		if rec.Generation != 2 || rec.Receipt.Ref == rec.Submissions[0].Ref || p.alive() != 1 {
			t.Errorf("%v under %s; printed %d", rec, rec.Receipt.Ref, p.alive())
		}
	})
}
