package idempotency_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// The machine decides, and does nothing: here for a submission whose answer was
// lost. The vendor honors a key for a day, so the same bytes may go to it again;
// no other vendor may have the job meanwhile.
func ExampleMachine() {
	machine := idempotency.Machine{Caps: func(vendor string) *postproof.Capabilities {
		return &postproof.Capabilities{
			Vendor:      vendor,
			Idempotency: postproof.Idempotency{Kind: postproof.IdempotencyKey, Window: 24 * time.Hour, Margin: time.Hour},
		}
	}}
	now := time.Date(2026, time.March, 2, 15, 0, 0, 0, time.UTC)
	job := postproof.Job{Key: "invoice-1042"}
	encoded, err := job.MarshalJSON()
	if err != nil {
		log.Fatal(err)
	}
	rec := idempotency.NewRecord(&job, encoded, postproof.ModeTest, now)
	apply := func(e idempotency.Event) error {
		change, err := machine.Apply(rec, now, e)
		if err == nil {
			rec = change.Record // and in a real ledger: Store.Commit
		}
		return err
	}

	namespace := idempotency.NewNamespace()
	intend := idempotency.Intend{
		Owner: "worker-1", Vendor: "alpha", Account: "main", Mode: postproof.ModeTest,
		Ref:       namespace.Ref(postproof.ModeTest, job.Key, 1),
		VendorKey: namespace.VendorKey(postproof.ModeTest, "alpha", "main", job.Key, 1), Encoder: "alpha/1", Digest: "of the body",
	}
	claim := func() { rec.Lease = idempotency.Lease{Owner: "worker-1", Until: now.Add(2 * time.Minute)} } // as Store.Claim does
	claim()
	if err := apply(intend); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.State, "to", intend.Vendor)
	sent := rec.Current()
	if err := apply(idempotency.Answer{Vendor: sent.Vendor, Ref: sent.Ref, Intent: sent.Intent, Delivery: postproof.Unknown, Sends: 1}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.State)

	now = now.Add(time.Hour)
	fmt.Println("next:", machine.Next(rec, now).Do)
	claim()
	intend.Vendor = "beta"
	if refused, ok := errors.AsType[*idempotency.RuleError](apply(intend)); ok {
		fmt.Println("to beta: rule", refused.Rule)
	}
	// Output:
	// sending to alpha
	// unknown
	// next: resend
	// to beta: rule 2
}
