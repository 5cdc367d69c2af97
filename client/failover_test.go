package client_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors"
)

func onOrder(fault string) func(string, string, int) string {
	return func(op, _ string, _ int) string {
		if op == "/order" {
			return fault
		}
		return ""
	}
}

func TestUnreachableVendorFailsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyNone)
		a.down.Store(true)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		rec, err := c.Submit(t.Context(), job("a"))
		if err != nil || rec.Receipt.Vendor != "beta" || rec.Submissions[0].Join != postproof.NotSent || rec.Submissions[0].Sends != 0 {
			t.Fatalf("Submit = %v, %v, %+v", rec, err, rec.Submissions)
		}
	})
}

func TestTooManyRequestsWaitsForTheVendor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault string
		lasts time.Duration
		want  string
	}{
		"short":                 {"429", 5 * time.Minute, "alpha"},
		"short, no Retry-After": {"429 bare", 5 * time.Minute, "alpha"},
		"long":                  {"429", 2 * time.Hour, "beta"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
				start := time.Now()
				a.faults(func(string, string, int) string {
					if time.Since(start) < tc.lasts {
						return tc.fault
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithRerouteAfter(15*time.Minute))
				rec, err := c.Submit(t.Context(), job("a"))
				if rec.State != idempotency.Planned || postproof.DeliveryOf(err) != postproof.NotSent || postproof.RetryAfterOf(err) < 10*time.Second {
					t.Fatalf("Submit = %v, %v", rec, err)
				}
				drain(t, c)
				rec = status(t, c, "a")
				if rec.Receipt.Vendor != tc.want {
					t.Fatalf("%v at %s, want %s", rec, rec.Receipt.Vendor, tc.want)
				}
				if waited := time.Since(start); tc.want == "beta" && (waited < 15*time.Minute || waited > 30*time.Minute) {
					t.Fatalf("re-routed after %s", waited)
				}
			})
		})
	}
}

// 401: one word to the owner, and the other pieces wait instead of being pushed
// to the next vendor one by one.
func TestRefusedAccountStopsTheVendor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.faults(onOrder("401"))
		log := &logs{}
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithLogger(log.logger()))
		for _, key := range []string{"a", "b", "c"} {
			rec, err := c.Submit(t.Context(), job(key))
			if rec.State != idempotency.Planned || postproof.DeliveryOf(err) != postproof.NotSent {
				t.Fatalf("Submit = %v, %v", rec, err)
			}
		}
		if len(a.times) != 1 || len(b.times) != 0 || log.count("vendor refuses the account") != 1 {
			t.Fatalf("%d requests at alpha, %d at beta, told %d times", len(a.times), len(b.times), log.count("vendor refuses the account"))
		}
		if v := c.Vendors()[0]; v.StoppedUntil.IsZero() || v.Reason != "unauthenticated" {
			t.Fatalf("vendor = %+v", v)
		}
		a.faults(nil)
		if err := c.EndVendorStop("alpha"); err != nil {
			t.Fatal(err)
		}
		drain(t, c)
		if a.alive() != 3 || b.alive() != 0 {
			t.Fatalf("printed %d at alpha, %d at beta", a.alive(), b.alive())
		}
	})
}

func TestRefusedAccountIsLeftAfterTheReroute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.faults(onOrder("401"))
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithRerouteAfter(10*time.Minute), client.WithVendorStop(time.Hour))
		start := time.Now()
		if _, err := c.Enqueue(t.Context(), jobs(40)); err != nil {
			t.Fatal(err)
		}
		if d := drain(t, c); d[idempotency.Accepted] != 40 || b.alive() != 40 {
			t.Fatalf("%v", d)
		}
		if first := b.times[0].Sub(start); first < 10*time.Minute || first > 12*time.Minute {
			t.Fatalf("went on after %s", first)
		}
		if n := len(a.times); n > 16 {
			t.Fatalf("alpha was asked %d times, more than one round of workers", n)
		}
	})
}

func TestRefusedHereTakenThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.faults(onOrder("422"))
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		rec, err := c.Submit(t.Context(), job("a"))
		if err != nil || rec.Receipt.Vendor != "beta" {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		if k := kinds(t, c, "a"); !slices.Contains(k, "refused") || !slices.Contains(k, "replanned") {
			t.Fatalf("history: %v", k)
		}
	})
}

// A crash between the refusal and the way on must not leave the job refused.
func TestRefusalAndTheWayOnAreOneChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.faults(onOrder("422"))
		s := newShaky()
		commits := 0
		s.before = func([]idempotency.Change) error {
			if commits++; commits > 2 { // the intent, the answer
				s.dead.Store(true)
				return errStore
			}
			return nil
		}
		if _, err := newClient(t, s, []*press{a, b}).Submit(t.Context(), job("a")); err == nil {
			t.Fatal("it did not crash")
		}
		next := newClient(t, s.Memory, []*press{a, b})
		drain(t, next)
		if rec := status(t, next, "a"); rec.State != idempotency.Accepted || b.alive() != 1 {
			t.Fatalf("%v: %v", rec, kinds(t, next, "a"))
		}
	})
}

func TestRefusedByAllIsRefusedUntilAmended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		a.faults(onOrder("422"))
		b.faults(onOrder("422"))
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
		rec, err := c.Submit(t.Context(), job("a"))
		if rec.State != idempotency.Refused || postproof.DeliveryOf(err) != postproof.Refused ||
			rec.Refusal.Vendor != "beta" || postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		a.faults(nil)
		b.faults(nil)
		better := job("a")
		better.To.Line1 = "2 Main Street"
		if rec, err = c.Amend(t.Context(), better, client.Actor{By: "editor"}); err != nil || rec.Generation != 2 {
			t.Fatalf("Amend = %v, %v", rec, err)
		}
		drain(t, c)
		if rec = status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "alpha" || rec.Receipt.Ref == rec.Submissions[0].Ref {
			t.Fatalf("%v", rec)
		}
	})
}

// Absence was proven, the job went to the next vendor, and then the piece turns
// up at the first one.
func TestLateArrivalIsCanceledOrAnIncident(t *testing.T) {
	t.Parallel()
	for name, cancelable := range map[string]bool{"canceled": true, "incident": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
				a.cancel = cancelable
				lost := ""
				a.faults(func(op, ref string, _ int) string {
					if op == "/order" && (lost == "" || lost == ref) {
						lost = ref
						return "drop"
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithPollInterval(10*time.Second))
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if _, err := c.Submit(t.Context(), job("control")); err != nil {
					t.Fatal(err)
				}
				a.tune = nil
				c.Breakers().ForceOpen("alpha", "submit", "test") // the second generation goes elsewhere
				drain(t, c)
				if rec := status(t, c, "a"); rec.Receipt.Vendor != "beta" {
					t.Fatalf("%v at %s", rec, rec.Receipt.Vendor)
				}
				a.mu.Lock()
				a.orders = append(a.orders, &pressOrder{ID: "ghost", Ref: lost, Zip: "62701", Status: "accepted", At: time.Now().Add(6 * time.Hour)})
				a.mu.Unlock()
				runFor(t, c, 24*time.Hour)
				var incidents []string
				for e, err := range c.Incidents(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					incidents = append(incidents, string(e.Kind))
				}
				want := []string{"late_arrival"}
				alive := 2 // the control piece and the one at beta
				if !cancelable {
					want, alive = append(want, "late_printed"), 3
				}
				if !slices.Equal(incidents, want) || a.alive()+b.alive() != alive {
					t.Fatalf("incidents %v, want %v; %d alive, want %d", incidents, want, a.alive()+b.alive(), alive)
				}
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || rec.Receipt.Vendor != "beta" {
					t.Fatalf("%v at %s", rec, rec.Receipt.Vendor)
				}
			})
		})
	}
}

// A panic in the judge comes after bytes went out: the job stays with its
// vendor, and the record has as many sends as there were.
func TestPanicAfterTheFirstByteIsUnknown(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
			n := 0
			a.judge = func(r *vendors.Response) error {
				switch n++; {
				case n == at:
					panic("62701 Springfield")
				case n < at:
					return postproof.NewError(postproof.CodeUnavailable, postproof.Unknown, errors.New("try again"))
				default:
					return vendors.JudgeStatus(r)
				}
			}
			c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b})
			rec, err := c.Submit(t.Context(), job("a"))
			if rec.State != idempotency.Unknown || postproof.DeliveryOf(err) != postproof.Unknown || strings.Contains(err.Error(), "Springfield") {
				t.Fatalf("Submit = %v, %v", rec, err)
			}
			if sends := rec.Submissions[0].Sends; sends != at {
				t.Errorf("the record has %d sends, want %d", sends, at)
			}
			drain(t, c)
			if a.alive() != 1 || b.alive() != 0 {
				t.Fatalf("printed %d at alpha, %d at beta", a.alive(), b.alive())
			}
		})
	}
}

// A panic of what reads the artwork: nobody vouches for what that code did, and a send
// that may have happened is one.
func TestPanicBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyKey)
		a.reads = func() { panic("62701 Springfield") }
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a})
		rec, err := c.Submit(t.Context(), job("a"))
		if rec.State != idempotency.Unknown || rec.Submissions[0].Sends != 1 {
			t.Fatalf("Submit = %v with %d sends, %v, want unknown, and that one may have happened", rec, rec.Submissions[0].Sends, err)
		}
		a.reads = nil
		drain(t, c)
		if a.alive() != 1 {
			t.Errorf("printed %d", a.alive())
		}
	})
}

func TestAdapterThatCannotExpressTheJobIsPassedOver(t *testing.T) {
	t.Parallel()
	for name, capped := range map[string]bool{"taken by the next": false, "held by the cap of the next": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
				a.encode = func(*vendors.Submission) error {
					return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no such font"))
				}
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, client.WithCap(client.Cap{Vendor: "beta", Pieces: 1}))
				if capped {
					if _, err := c.Submit(t.Context(), job("first")); err != nil {
						t.Fatal(err)
					}
				}
				rec, err := c.Submit(t.Context(), job("a"))
				switch {
				case !capped && (err != nil || rec.Receipt.Vendor != "beta"):
					t.Fatalf("Submit = %v, %v", rec, err)
				case capped && (rec == nil || rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldCap):
					t.Fatalf("Submit = %v, %v: the job is lost", rec, err)
				}
				if got := status(t, c, "a"); got.State != rec.State {
					t.Fatalf("in the ledger: %v", got)
				}
			})
		})
	}
}

func TestAdapterAloneThatCannotExpressTheJobRefusesIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newPress(t, "alpha", postproof.IdempotencyKey)
		a.encode = func(*vendors.Submission) error {
			return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent, errors.New("no such font"))
		}
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a})
		rec, err := c.Submit(t.Context(), job("a"))
		if rec.State != idempotency.Refused || postproof.DeliveryOf(err) != postproof.Refused || !strings.Contains(rec.Refusal.Note, "no such font") {
			t.Fatalf("Submit = %v %+v, %v", rec, rec.Refusal, err)
		}
	})
}

// An empty answer proves nothing while no piece that the vendor accepted later
// is found in the same way: the job is held, not sent elsewhere.
func TestAbsenceNeedsAControlPiece(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyNone), newPress(t, "beta", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{a, b}, seldom())
		if _, err := c.Submit(t.Context(), job("earlier")); err != nil { // a piece from before proves nothing
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a.faults(onOrder("drop"))
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldDeadline || b.alive() != 0 {
			t.Fatalf("%v, printed %d at beta", rec, b.alive())
		}
	})
}
