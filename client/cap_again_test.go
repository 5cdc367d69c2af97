package client_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// A cap that is taken away and set again bounds what was sent in between, too: clients
// without it count on, and the ledger is not read through again.
func TestACapThatIsSetAgainKnowsWhatWentBetween(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cap  client.Cap
		dies postproof.Key // without the cap
		want int           // of four more, when two went with the cap and three without
	}{
		"pieces":                   {cap: client.Cap{Pieces: 7}, want: 2},
		"of the campaign":          {cap: client.Cap{Campaign: "spring", Pieces: 6}, want: 2},
		"of another campaign":      {cap: client.Cap{Campaign: "summer", Pieces: 1}, want: 4},
		"of the vendor":            {cap: client.Cap{Vendor: "alpha", Pieces: 6}, want: 1},
		"of both":                  {cap: client.Cap{Vendor: "alpha", Campaign: "spring", Pieces: 5}, want: 1},
		"of another vendor":        {cap: client.Cap{Vendor: "beta", Pieces: 1}, want: 4},
		"full":                     {cap: client.Cap{Pieces: 5}, want: 0},
		"money":                    {cap: client.Cap{Cents: 7*50 + 49}, want: 2},
		"money of the campaign":    {cap: client.Cap{Campaign: "spring", Cents: 6*50 + 49}, want: 2},
		"one of before dies":       {cap: client.Cap{Pieces: 7}, dies: "a", want: 3},
		"one of between dies":      {cap: client.Cap{Pieces: 7}, dies: "c", want: 3},
		"one of before dies, cent": {cap: client.Cap{Cents: 7 * 50}, dies: "a", want: 3},
		"the other's dies":         {cap: client.Cap{Campaign: "spring", Pieces: 6}, dies: "e", want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, store := newPress(t, "alpha", postproof.IdempotencyKey), &readThrough{Memory: idempotency.NewMemory(postproof.ModeTest)}
				with := func(opts ...client.Option) *client.Client {
					return newClient(t, store, []*press{p}, append(opts, seldom(),
						client.WithVendor("alpha", vendorConfig(p, func(*postproof.Job) int64 { return 50 })))...)
				}
				submit := func(c *client.Client, keys ...string) (sent int) {
					for _, key := range keys {
						j := job(key)
						if key == "e" {
							j.Campaign = "autumn"
						}
						rec, err := c.Submit(t.Context(), j)
						switch {
						case rec.State == idempotency.Accepted:
							sent++
						case rec.Hold.Reason != idempotency.HoldCap:
							t.Fatalf("%s: %v, %v, %v", key, rec, rec.Hold, err)
						}
					}
					return sent
				}
				submit(with(client.WithCap(client.Cap{Campaign: tc.cap.Campaign, Vendor: tc.cap.Vendor, Pieces: min(tc.cap.Pieces, 1) * 100, Cents: min(tc.cap.Cents, 1) * 9999})), "a", "b")
				plain := with()
				submit(plain, "c", "d", "e")
				if tc.dies != "" {
					cancelJob(t, plain, tc.dies)
					runFor(t, plain, time.Minute)
				}
				store.times = 0
				again := with(client.WithCap(tc.cap))
				if store.times != 0 {
					t.Errorf("the ledger was read through %d times", store.times)
				}
				if diff := cmp.Diff(tc.want, submit(again, "f", "g", "h", "i")); diff != "" {
					t.Errorf("sent of four more (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Who only looks gives back what a person's decision takes out of a cap that it was not
// told of.
func TestAnOnlookerGivesBackToACap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, store := newPress(t, "alpha", postproof.IdempotencyNone), idempotency.NewMemory(postproof.ModeTest)
		p.faults(onOrder("lose"))
		worker := newClient(t, store, []*press{p}, client.WithCap(client.Cap{Pieces: 1}), client.WithDeadlines(idempotency.Deadlines{UnknownFor: time.Hour}),
			client.WithPollInterval(10*time.Second))
		if _, err := worker.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		p.faults(func(op, _ string, _ int) string {
			if op == "/find" {
				return "500"
			}
			return ""
		})
		drain(t, worker)
		count := func() int64 {
			n, err := store.Counter(t.Context(), "cap/pieces//")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 1 {
			t.Fatalf("%d pieces count, want the one in doubt", n)
		}
		if _, err := onlooker(t, store).Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "ann", Why: "the vendor says no"}); err != nil {
			t.Fatal(err)
		}
		runFor(t, worker, time.Minute) // what it may do with a decision is its own
		rec := status(t, worker, "a")
		if want := int64(len(rec.Live())); count() != want {
			t.Errorf("%d pieces count, %d may be paper: %v", count(), want, rec)
		}
	})
}

// Each bound is given once: two of one kind would count each piece twice.
func TestACapIsGivenOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		caps []client.Cap
		want string
	}{
		"twice":      {[]client.Cap{{Campaign: "spring", Pieces: 3}, {Campaign: "spring", Pieces: 5}}, `campaign "spring"`},
		"twice cent": {[]client.Cap{{Vendor: "alpha", Cents: 3}, {Vendor: "alpha", Pieces: 1, Cents: 3}}, `vendor "alpha"`},
		"two kinds":  {[]client.Cap{{Vendor: "alpha", Cents: 3}, {Vendor: "alpha", Pieces: 1}}, ""},
		"scopes":     {[]client.Cap{{Pieces: 3}, {Vendor: "alpha", Pieces: 3}, {Campaign: "spring", Pieces: 3}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := []client.Option{client.WithoutVendors(), client.WithLogger(quiet())}
			for _, k := range tc.caps {
				opts = append(opts, client.WithCap(k))
			}
			c, err := client.New(t.Context(), idempotency.NewMemory(postproof.ModeTest), nil, opts...)
			if err == nil {
				err = c.Close()
			}
			if tc.want == "" && err != nil || tc.want != "" && (postproof.CodeOf(err) != postproof.CodeInvalidArgument || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("New = %v, want %q", err, tc.want)
			}
		})
	}
}
