package client_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestTrackAndTally(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		submit(t, c, "a", "b", "c", "d")
		other := job("x")
		other.Campaign = "autumn"
		if _, err := c.Submit(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		said := func(key string, stage postproof.Stage, confidence postproof.Confidence) {
			t.Helper()
			e := postproof.Event{Vendor: "alpha", VendorID: status(t, c, key).Receipt.VendorID, Status: postproof.Status{
				Stage: stage, Source: postproof.SourceCallback, Confidence: confidence, VendorTime: time.Now(),
			}}
			if _, err := c.Observe(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		said("a", postproof.StageReRouted, postproof.Scanned)
		said("b", postproof.StageReRouted, postproof.Scanned)
		said("b", postproof.StageDelivered, postproof.Scanned)
		said("c", postproof.StageDelivered, postproof.Estimated)
		said("d", postproof.StageReturned, postproof.Scanned)
		got, err := c.Tally(t.Context(), "spring")
		want := client.Tally{
			Campaign: "spring", Jobs: 5, Proven: 1,
			States:  map[idempotency.State]int64{idempotency.Accepted: 4, idempotency.Planned: 1},
			Stages:  map[postproof.Stage]int64{postproof.StageReRouted: 1, postproof.StageDelivered: 2, postproof.StageReturned: 1},
			Vendors: map[string]int64{"alpha": 4},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, tally (-want +got)\n%s", err, diff)
		}
		stages := map[string]postproof.Stage{}
		for one, err := range c.Track(t.Context(), "spring") {
			if err != nil {
				t.Fatal(err)
			}
			stages[one.Contact] = one.Status.Stage
			if (one.Receipt.VendorID == "") != (one.State == idempotency.Planned) || one.Contact != string(one.Key) {
				t.Errorf("%+v", one)
			}
			for _, text := range []string{fmt.Sprint(one), fmt.Sprintf("%#v %+v", one, one), one.LogValue().String()} {
				if strings.Contains(text, "contact-0") {
					t.Errorf("%q names a person", text)
				}
			}
		}
		wantStages := map[string]postproof.Stage{
			"a": postproof.StageReRouted, "b": postproof.StageDelivered, "c": postproof.StageDelivered, "d": postproof.StageReturned, "contact-0": "",
		}
		if diff := cmp.Diff(wantStages, stages); diff != "" {
			t.Errorf("contacts (-want +got)\n%s", diff)
		}
		for _, err := range c.Track(t.Context(), "spring") {
			_ = err
			break // the sequence ends with its reader
		}
		if _, err := c.Tally(t.Context(), ""); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("without a campaign: %v", err)
		}
	})
}

// Who gets nothing, for now, and why is told by the same list; what an amended job was
// refused for before is past.
func TestTrackSaysWhoGetsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		refuse := true
		p.faults(func(op, _ string, _ int) string {
			if op == "/order" && refuse {
				return "422"
			}
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithCap(client.Cap{Campaign: "spring", Pieces: 2}))
		for _, key := range []string{"no", "amended"} {
			if _, err := c.Submit(t.Context(), job(key)); postproof.DeliveryOf(err) != postproof.Refused {
				t.Fatal(err)
			}
		}
		refuse = false
		again := job("amended")
		again.To.Line1 = "2 Other Street"
		if _, err := c.Amend(t.Context(), again, client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		submit(t, c, "yes")
		if _, err := c.Submit(t.Context(), job("capped")); postproof.DeliveryOf(err) != postproof.NotSent {
			t.Fatal(err)
		}
		got := map[string]string{}
		for one, err := range c.Track(t.Context(), "spring") {
			if err != nil {
				t.Fatal(err)
			}
			why := string(one.Hold.Reason)
			if one.Refusal != (idempotency.Refusal{}) {
				why += one.Refusal.Code.String() + " by " + one.Refusal.Vendor
			}
			got[one.Contact] = string(one.State) + " " + why
			if class, _, _ := strings.Cut(why, " "); !strings.Contains(one.String(), class) || one.LogValue().Group()[4].Value.String() != class {
				t.Errorf("%v, %v: want the reason %q", one, one.LogValue(), class)
			}
		}
		want := map[string]string{
			"no": "refused invalid_argument by alpha", "amended": "accepted ", "yes": "accepted ", "capped": "held cap",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
