package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// mute is a vendor that takes no key and cannot be looked up.
func mute(t *testing.T) *press {
	t.Helper()
	p := newPress(t, "alpha", postproof.IdempotencyNone)
	p.look = false
	lost := false
	p.faults(func(string, string, int) string {
		if !lost {
			lost = true
			return "lose"
		}
		return ""
	})
	return p
}

func TestWhoCannotBeAskedIsHeldForAPerson(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		act   func(*client.Client) error
		state idempotency.State
		paper int
	}{
		"nobody does anything": {func(*client.Client) error { return nil }, idempotency.Held, 1},
		"accepted": {func(c *client.Client) error {
			_, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictAccepted, VendorID: "alpha_1"}, client.Actor{By: "ann", Why: "on the invoice"})
			return err
		}, idempotency.Accepted, 1},
		"planned": {func(c *client.Client) error {
			_, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{By: "ann", Why: "they lost it"})
			return err
		}, idempotency.Accepted, 2},
		"canceled": {func(c *client.Client) error {
			_, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictCanceled}, client.Actor{By: "ann", Why: "too late"})
			return err
		}, idempotency.Canceled, 1},
		"released": {func(c *client.Client) error {
			_, err := c.Release(t.Context(), "a", client.Actor{By: "ann"})
			return err
		}, idempotency.Held, 1},
		"no name": {func(c *client.Client) error {
			if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{}); err == nil {
				return errors.New("a decision without a name was taken")
			}
			return nil
		}, idempotency.Held, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := mute(t)
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
				if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				drain(t, c)
				n := 0
				for rec, err := range c.Held(t.Context(), "spring") {
					if n++; err != nil || rec.Hold.Reason != idempotency.HoldCannotAsk {
						t.Fatalf("held: %v, %v", rec, err)
					}
				}
				if n != 1 {
					t.Fatalf("%d held", n)
				}
				if err := tc.act(c); err != nil {
					t.Fatal(err)
				}
				drain(t, c)
				if rec := status(t, c, "a"); rec.State != tc.state || p.alive() != tc.paper {
					t.Fatalf("%v, want %s; printed %d, want %d", rec, tc.state, p.alive(), tc.paper)
				}
			})
		})
	}
}

func TestPolicyPreferDuplicateIsPerCampaignOnceAndAudited(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lost  int // answers
		state idempotency.State
	}{"accepted": {1, idempotency.Accepted}, "lost again": {99, idempotency.Held}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := mute(t)
				orders := 0
				p.faults(func(string, string, int) string {
					if orders++; orders <= tc.lost {
						return "lose"
					}
					return ""
				})
				c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithPolicy("risky", idempotency.PreferDuplicate))
				risky := job("risky")
				risky.Campaign = "risky"
				if _, err := c.Submit(t.Context(), risky); postproof.DeliveryOf(err) != postproof.Unknown {
					t.Fatal(err)
				}
				drain(t, c)
				if rec := status(t, c, "risky"); rec.State != tc.state || rec.Generation != 2 || p.alive() != 2 {
					t.Errorf("%v, printed %d", rec, p.alive())
				}
				if rec := status(t, c, "risky"); rec.State == idempotency.Held && rec.Hold.Note == "" {
					t.Error("the hold does not say that it was sent anew once already")
				}
				audited := false
				for e, err := range c.History(t.Context(), "risky") {
					if err != nil {
						t.Fatal(err)
					}
					audited = audited || (e.Kind == "decided" && e.By == "policy")
				}
				if !audited {
					t.Error("the history does not say who decided")
				}
			})
		})
	}
}

// A policy that sends anew what may be with its vendor does not call a piece dead
// that is to be canceled: nobody asked for another one, and the one that may be
// printed would be reported as canceled.
func TestPolicyPreferDuplicateCancelsNothingByItsWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := mute(t)
		p.faults(func(string, string, int) string { return "lose" })
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p}, client.WithPolicy("risky", idempotency.PreferDuplicate))
		risky := job("risky")
		risky.Campaign = "risky"
		if _, err := c.Submit(t.Context(), risky); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		cancelJob(t, c, "risky")
		drain(t, c)
		rec := status(t, c, "risky")
		if rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldCannotAsk || len(rec.Live()) != 1 || p.alive() != 1 {
			t.Errorf("%v, hold %q, printed %d: want it held, because nobody can be asked", rec, rec.Hold.Reason, p.alive())
		}
	})
}

func TestMissingArtworkIsHeldNotTriedForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p})
		lost := job("a")
		b, err := idempotency.NewMemory(postproof.ModeTest).PutBlob(t.Context(), strings.NewReader("<b>"))
		if err != nil {
			t.Fatal(err)
		}
		lost.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{FrontBlob: b, BackBlob: b}}
		if _, err := c.Submit(t.Context(), lost); err == nil {
			t.Fatal("sent without artwork")
		}
		began := time.Now()
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Held || time.Since(began) > time.Minute {
			t.Fatalf("%v after %s", rec, time.Since(began))
		}
	})
}

// An oversized piece of one job must not end the run of a million.
func TestEnqueueRejectsWhatCannotBeSentAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		huge, badSize, noKey, reused := job("huge"), job("size"), job(""), job("fine")
		huge.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: string(make([]byte, 2<<20)), Back: "x"}}
		badSize.Piece = postproof.Postcard{Size: postproof.Size6x11(), Artwork: postproof.HTML{Front: "x", Back: "x"}}
		reused.To.Line1 = "2 Main Street"
		all := []postproof.Job{huge, badSize, noKey, job("fine"), job("fine"), reused}
		out, err := c.Enqueue(t.Context(), func(yield func(postproof.Job, error) bool) {
			for _, j := range all {
				if !yield(j, nil) {
					return
				}
			}
		})
		if err != nil || out.New != 1 || out.Known != 1 || out.Rejected != 4 {
			t.Fatalf("Enqueue = %+v, %v", out, err)
		}
		want := []postproof.Code{postproof.CodeInvalidArgument, postproof.CodeUnsupported, postproof.CodeInvalidArgument, postproof.CodeConflict}
		for i, r := range out.Rejections {
			if postproof.CodeOf(r.Err) != want[i] {
				t.Errorf("rejection %d: %v, want %s", i, r.Err, want[i])
			}
		}
	})
}
