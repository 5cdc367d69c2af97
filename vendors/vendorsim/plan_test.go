package vendorsim_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof/vendors/vendorsim"
)

// TestFaultsDoNotDependOnOrder sends the same pieces forwards, backwards and
// all at once, each three times, and wants the same faults.
func TestFaultsDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	const pieces = 60
	plan := vendorsim.Plan{}
	for _, r := range vendorsim.ChaosPlan().Rules {
		if r.Boundary != vendorsim.SendLate && r.Boundary != vendorsim.SendSlow { // they take time
			plan.Rules = append(plan.Rules, vendorsim.Rule{Boundary: r.Boundary, Rate: 0.2})
		}
	}
	run := func(seed uint64, order func(send func(i int))) []string {
		b := setup(t, vendorsim.Config{Faults: plan, Seed: seed, Lob: vendorsim.LobConfig{RateLimit: -1}})
		out := make([]string, pieces)
		order(func(i int) {
			for range 3 {
				key := fmt.Sprint("k", i)
				out[i] += fmt.Sprint(result(b.lob("POST", "/postcards?idempotency_key="+key, "", postcard(key))), " ")
			}
		})
		return out
	}
	forwards := func(send func(int)) {
		for i := range pieces {
			send(i)
		}
	}
	want := run(3, forwards)
	backwards := run(3, func(send func(int)) {
		for i := range pieces {
			send(pieces - 1 - i)
		}
	})
	atOnce := run(3, func(send func(int)) {
		var wg sync.WaitGroup
		for i := range pieces {
			wg.Go(func() { send(i) })
		}
		wg.Wait()
	})
	if diff := cmp.Diff(want, backwards); diff != "" {
		t.Errorf("backwards (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want, atOnce); diff != "" {
		t.Errorf("at once (-want +got)\n%s", diff)
	}
	if slices.Equal(want, run(4, forwards)) {
		t.Error("another seed has the same faults")
	}
	kinds := map[string]bool{}
	for _, o := range want {
		kinds[o] = true
	}
	if len(kinds) < 10 {
		t.Errorf("only %d different fates of %d pieces", len(kinds), pieces)
	}
}

// TestChaosShares wants each boundary of a send struck in 3 % of the sends or
// more, with an outage for a fifth of the run among them.
func TestChaosShares(t *testing.T) {
	t.Parallel()
	plan := vendorsim.ChaosPlan()
	for i := range plan.Rules {
		if plan.Rules[i].Boundary == vendorsim.SendLate || plan.Rules[i].Boundary == vendorsim.SendSlow {
			plan.Rules[i].Delay = 1 // as soon as possible
		}
	}
	b := setup(t, vendorsim.Config{Faults: plan, Seed: 11, Lob: vendorsim.LobConfig{RateLimit: -1}})
	const sends = 6000
	phase := func(from, to int) {
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := from + worker; i < to; i += 8 {
					key := fmt.Sprint("k", i)
					b.lob("POST", "/postcards?idempotency_key="+key, "", postcard(key))
				}
			})
		}
		wg.Wait()
	}
	phase(0, sends*2/5)
	if err := b.sim.SetOutage("lob", vendorsim.OutageError, true); err != nil {
		t.Fatal(err)
	}
	phase(sends*2/5, sends*3/5)
	if err := b.sim.SetOutage("lob", vendorsim.OutageError, false); err != nil {
		t.Fatal(err)
	}
	phase(sends*3/5, sends)
	stats := b.sim.Stats().Vendors["lob"]
	if stats.Sends < sends {
		t.Fatalf("%d sends counted", stats.Sends)
	}
	for _, boundary := range vendorsim.Boundaries() {
		if boundary[:4] != "send" {
			continue
		}
		share := float64(stats.Faults[boundary]) / float64(stats.Sends)
		t.Logf("%-20s %.2f %%", boundary, share*100)
		if share < 0.03 {
			t.Errorf("%s strikes %.2f %% of the sends", boundary, share*100)
		}
	}
	if share := float64(stats.Faults["outage.error"]) / sends; share < 0.19 || share > 0.21 {
		t.Errorf("outage took %.2f of the sends", share)
	}
}

func TestParsePlan(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "plan.json")
	plan := vendorsim.Plan{
		Rules:   []vendorsim.Rule{{Vendor: "pcm", Boundary: vendorsim.SendLate, Rate: 0.5, First: 2, From: start(), Delay: vendorsim.Duration(time.Minute)}},
		Windows: []vendorsim.Window{{Kind: vendorsim.OutageHang, From: start(), Until: start().Add(time.Hour)}},
	}
	raw, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]vendorsim.Plan{
		"": {}, "none": {}, "chaos": vendorsim.ChaosPlan(), string(raw): plan, file: plan,
		"outage": vendorsim.OutagePlan("", start(), 24*time.Hour/5),
	} {
		got, err := vendorsim.ParsePlan(text, start())
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
	for _, bad := range []string{
		"chaotic", `{"rules":[{"boundary":"send.nothing","rate":1}]}`, `{"rules":[{"boundary":"send.lost","rate":2}]}`,
		`{"rules":[{"boundary":"send.lost","rate":1,"first":-1}]}`, `{"rule":[]}`, `{`,
		`{"windows":[{"kind":"error","from":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}]}`,
		`{"windows":[{"kind":"storm","from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}]}`,
	} {
		if _, err := vendorsim.ParsePlan(bad, start()); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
