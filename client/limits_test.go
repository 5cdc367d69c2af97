package client_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func TestCapsAreExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		refused := map[string]bool{}
		var mu sync.Mutex
		p.faults(func(op, ref string, _ int) string { // every third piece is refused: it does not count
			mu.Lock()
			if _, seen := refused[ref]; !seen && op == "/order" {
				refused[ref] = len(refused)%3 == 2
			}
			no, n := refused[ref], len(refused)
			mu.Unlock()
			time.Sleep(time.Duration(n) * time.Millisecond)
			if no {
				return "422"
			}
			return ""
		})
		store := idempotency.NewMemory(postproof.ModeTest)
		price := client.WithVendor("alpha", vendorConfig(p, func(*postproof.Job) int64 { return 70 }))
		pieces := client.WithCap(client.Cap{Campaign: "spring", Pieces: 25})
		cents := client.WithCap(client.Cap{Vendor: "alpha", Cents: 70*20 + 69})
		one, two := newClient(t, store, []*press{p}, price, pieces, cents), newClient(t, store, []*press{p}, price, pieces, cents)
		if _, err := one.Enqueue(t.Context(), jobs(100)); err != nil {
			t.Fatal(err)
		}
		for range 10 { // what is refused makes room, and the held may be released into it
			var both sync.WaitGroup
			both.Go(func() { _, _ = one.Drain(t.Context()) })
			both.Go(func() { _, _ = two.Drain(t.Context()) })
			both.Wait()
			if n := p.alive(); n > 20 {
				t.Fatalf("printed %d, the caps are 20", n)
			}
			for rec, err := range one.Held(t.Context(), "") {
				if err != nil || rec.Hold.Reason != idempotency.HoldCap {
					t.Fatalf("%v, %v", rec, err)
				}
				if _, err := one.Release(t.Context(), rec.Key, client.Actor{By: "ann"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		drain(t, one)
		d, err := one.Depth(t.Context(), "")
		if err != nil || p.alive() != 20 || d[idempotency.Accepted] != 20 || d[idempotency.Accepted]+d[idempotency.Refused]+d[idempotency.Held] != 100 {
			t.Fatalf("printed %d, %v, %v", p.alive(), d, err)
		}
		if n, _ := store.Counter(t.Context(), "cap/cents/alpha/"); n != 1400 {
			t.Fatalf("%d cents counted", n)
		}
	})
}

// An acceptance is recorded whatever the caps say by then: only intents are
// forbidden.
func TestFullCapDoesNotForbidAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		first := ""
		p.faults(func(op, ref string, n int) string {
			if first == "" {
				first = ref
			}
			if ref == first && n == 1 && op == "/order" {
				return "429"
			}
			time.Sleep(time.Minute)
			return ""
		})
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithCap(client.Cap{Pieces: 1}),
			client.WithVendor("alpha", longTimeout(p)))
		rec, _ := c.Submit(t.Context(), job("a")) // refused for the moment: the cap is free again
		time.Sleep(time.Until(rec.Due))
		go func() { time.Sleep(10 * time.Second); _, _ = c.Submit(t.Context(), job("b")) }()
		rec, err := c.Submit(t.Context(), job("a")) // on its way again: it counts
		if err != nil || rec.State != idempotency.Accepted {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		if b := status(t, c, "b"); b.State != idempotency.Held || p.alive() != 1 {
			t.Fatalf("b: %v, printed %d", b, p.alive())
		}
	})
}

func TestCanaryWaitsForApproval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(string, string, int) string { time.Sleep(time.Second); return "" })
		store := idempotency.NewMemory(postproof.ModeTest)
		canary := client.WithCanary("spring", 5)
		c, other := newClient(t, store, []*press{p}, canary), newClient(t, store, []*press{p}, canary)
		if _, err := c.Enqueue(t.Context(), jobs(60)); err != nil {
			t.Fatal(err)
		}
		rest := job("no canary")
		rest.Campaign = "autumn"
		if _, err := c.Submit(t.Context(), rest); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = other.Drain(t.Context()) })
		left := drain(t, c)
		both.Wait()
		k, err := c.Canary(t.Context(), "spring")
		if err != nil || !k.Waits() || k.Pieces != 5 || left[idempotency.Planned] != 55 || p.alive() != 6 {
			t.Fatalf("canary %+v, %v; left %v; printed %d", k, err, left, p.alive())
		}
		if rec, err := c.Submit(t.Context(), job("late")); rec.State != idempotency.Planned || postproof.DeliveryOf(err) != postproof.NotSent {
			t.Fatalf("Submit during the wait = %v, %v", rec, err)
		}
		if err := other.Approve(t.Context(), "spring", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if left = drain(t, c); left[idempotency.Accepted] != 62 || p.alive() != 62 {
			t.Fatalf("after the approval: %v, printed %d", left, p.alive())
		}
	})
}

func TestWorkersKeepTheVendorsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.tune = func(c *postproof.Capabilities) { c.Rate = postproof.Rate{Requests: 50, Per: 10 * time.Second} }
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithConcurrency(20))
		began := time.Now()
		if _, err := c.Enqueue(t.Context(), jobs(300)); err != nil {
			t.Fatal(err)
		}
		if d := drain(t, c); d[idempotency.Accepted] != 300 {
			t.Fatalf("%v", d)
		}
		if n := most(p.times, 10*time.Second); n > 50 {
			t.Errorf("%d requests within 10s, 50 are allowed", n)
		}
		if took := time.Since(began); took > 90*time.Second {
			t.Errorf("300 pieces took %s", took)
		}
	})
}

// most is the largest number of times in any span of that length.
func most(times []time.Time, span time.Duration) int {
	n := 0
	for i := range times {
		j := i
		for j < len(times) && times[j].Sub(times[i]) < span {
			j++
		}
		n = max(n, j-i)
	}
	return n
}

func TestRateHeadersAreObeyed(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(h http.Header, left int, reset time.Time){
		"draft standard": func(h http.Header, left int, reset time.Time) {
			h.Set("RateLimit-Remaining", strconv.Itoa(left))
			h.Set("RateLimit-Reset", strconv.Itoa(int(time.Until(reset).Seconds())))
		},
		"absolute": func(h http.Header, left int, reset time.Time) {
			h.Set("X-Rate-Limit-Remaining", strconv.Itoa(left))
			h.Set("X-Rate-Limit-Reset", strconv.FormatInt(reset.Unix()+3600, 10))
			h.Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)) // the vendor's clock is an hour ahead
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				start, used := time.Now(), map[int64]int{}
				var mu sync.Mutex
				p.header = func(h http.Header) {
					mu.Lock()
					defer mu.Unlock()
					minute := int64(time.Since(start) / time.Minute)
					used[minute]++
					set(h, max(0, 10-used[minute]), start.Add(time.Duration(minute+1)*time.Minute))
				}
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithConcurrency(1))
				if _, err := c.Enqueue(t.Context(), jobs(35)); err != nil {
					t.Fatal(err)
				}
				drain(t, c)
				for minute, n := range used {
					if n > 10 {
						t.Errorf("minute %d: %d requests, 10 are allowed", minute, n)
					}
				}
				if len(used) != 4 || p.alive() != 35 || time.Since(start) > 8*time.Minute {
					t.Errorf("%d minutes, printed %d in %s", len(used), p.alive(), time.Since(start))
				}
			})
		})
	}
}
