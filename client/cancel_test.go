package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

func cancelJob(t *testing.T, c *client.Client, key postproof.Key) *idempotency.Record {
	t.Helper()
	rec, err := c.Cancel(t.Context(), key, client.Actor{By: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestCancelBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		if _, err := c.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		if rec := cancelJob(t, c, "contact-0"); rec.State != idempotency.Canceled {
			t.Fatalf("%v", rec)
		}
		drain(t, c)
		if len(p.times) != 0 {
			t.Fatal("it was sent")
		}
		if _, err := c.Submit(t.Context(), job("contact-0")); postproof.CodeOf(err) != postproof.CodeCanceled || len(p.times) != 0 {
			t.Fatalf("Submit = %v", err)
		}
	})
}

// The wish comes while the job is sent, unknown or accepted: nothing new is
// sent, and what the vendor has is canceled and read back.
func TestCancelFindsThePieceAndReadsItBack(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(op, ref string, n int) string{
		"accepted": func(string, string, int) string { return "" },
		"unknown": func(op, _ string, n int) string {
			if op == "/order" && n <= 3 {
				return "lose"
			}
			return ""
		},
		"the answer to the cancellation is lost": func(op, _ string, n int) string {
			if op == "/cancel" && n <= 4 {
				return "lose"
			}
			return ""
		},
		"the cancellation fails at first": func(op, _ string, n int) string {
			if op == "/cancel" && n <= 4 {
				return "500"
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.faults(fault)
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
				_, _ = c.Submit(t.Context(), job("a"))
				sent := len(p.times)
				if rec := cancelJob(t, c, "a"); rec.State == idempotency.Canceled {
					t.Fatalf("canceled without asking: %v", rec)
				}
				runFor(t, c, 30*time.Minute)
				rec := status(t, c, "a")
				if rec.State != idempotency.Canceled || rec.Cancel.Outcome != idempotency.CancelDone || p.alive() != 0 || len(p.orders) != 1 {
					t.Fatalf("%v %+v; alive %d of %d", rec, rec.Cancel, p.alive(), len(p.orders))
				}
				if len(p.times) != sent {
					t.Fatalf("%d sends after the wish", len(p.times)-sent)
				}
			})
		})
	}
}

func TestCancelDuringTheSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		p.faults(func(string, string, int) string { time.Sleep(time.Second); return "" })
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		go func() { time.Sleep(time.Second / 2); cancelJob(t, c, "a") }()
		rec, err := c.Submit(t.Context(), job("a"))
		if err != nil || rec.State != idempotency.Accepted {
			t.Fatalf("Submit = %v, %v", rec, err)
		}
		runFor(t, c, time.Minute)
		if rec := status(t, c, "a"); rec.State != idempotency.Canceled || p.alive() != 0 {
			t.Fatalf("%v, alive %d", rec, p.alive())
		}
	})
}

func TestCancelTooLate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault string
		after time.Duration
		asked bool
	}{"the vendor refuses": {"409", 0, true}, "the window is closed": {"", 2 * time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				asked := false
				p.faults(func(op, _ string, _ int) string {
					if op == "/cancel" {
						asked = true
						return tc.fault
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
				if _, err := c.Submit(t.Context(), job("a")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tc.after)
				cancelJob(t, c, "a")
				runFor(t, c, time.Minute)
				rec := status(t, c, "a")
				if rec.State != idempotency.Accepted || rec.Cancel.Outcome != idempotency.CancelTooLate || p.alive() != 1 || asked != tc.asked {
					t.Fatalf("%v %+v; alive %d, asked %t", rec, rec.Cancel, p.alive(), asked)
				}
			})
		})
	}
}
