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
			States: map[idempotency.State]int{idempotency.Accepted: 4, idempotency.Planned: 1},
			Stages: map[postproof.Stage]int{postproof.StageReRouted: 1, postproof.StageDelivered: 2, postproof.StageReturned: 1},
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
