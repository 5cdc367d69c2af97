package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// undo takes back the latest entry of the change log.
func undo(t *testing.T, c *client.Client) client.ChangeEntry {
	t.Helper()
	head := verified(t, c)
	if err := c.Undoable(t.Context(), head.N); err != nil {
		t.Errorf("it cannot be undone: %v", err)
	}
	if after := verified(t, c); after != head {
		t.Errorf("to have asked left entry %d", after.N)
	}
	e, err := c.Undo(t.Context(), head.N, client.Actor{By: "bob", Why: "a mistake"})
	if err != nil {
		t.Fatal(err)
	}
	if e.N != head.N+1 || e.Undoes != head.N || e.By != "bob" || e.Why != "a mistake" {
		t.Errorf("the entry of the undo is %+v", e)
	}
	stands(t, c, head.N, "taken it back already")
	return e
}

// stands requires that an entry cannot be taken back, and that the error says why.
func stands(t *testing.T, c *client.Client, n uint64, why string) {
	t.Helper()
	before := verified(t, c)
	err := c.Undoable(t.Context(), n)
	if !errors.Is(err, client.ErrNotUndoable) || postproof.CodeOf(err) != postproof.CodeConflict || !strings.Contains(err.Error(), why) {
		t.Errorf("Undoable(%d): %v, want %q", n, err, why)
	}
	if _, e := c.Undo(t.Context(), n, client.Actor{By: "bob", Why: "a reason"}); e == nil || e.Error() != err.Error() {
		t.Errorf("Undo(%d): %v, Undoable: %v", n, e, err)
	}
	if after := verified(t, c); after != before {
		t.Errorf("entry %d was written", after.N)
	}
}

func TestUndoPauseAndResume(t *testing.T) {
	t.Parallel()
	for name, target := range targets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				store := idempotency.NewMemory(postproof.ModeTest)
				c, late := newClient(t, store, []*press{p}), newClient(t, &behind{Memory: store}, []*press{p})
				first := pause(t, c, target)
				if e := undo(t, c); e.Action != client.ActionResume || !cmp.Equal(e.Before, first.After) {
					t.Errorf("%+v", e)
				}
				if _, err := c.Submit(t.Context(), job("a")); err != nil {
					t.Errorf("after the pause was taken back: %v", err)
				}
				second := pause(t, c, target)
				stands(t, c, first.N, "already") // it would end another pause
				resume(t, c, target)
				stands(t, c, second.N, "that pause has ended")
				if e := undo(t, c); e.Action != client.ActionPause || e.Target != target {
					t.Errorf("%+v", e)
				}
				if _, err := late.Submit(t.Context(), job("b")); !errors.As(err, new(*client.PausedError)) {
					t.Errorf("after the end of the pause was taken back: %v", err)
				}
				got, err := c.Paused(t.Context())
				want := []client.Paused{{Target: target, By: "bob", Why: "a mistake", Since: time.Now().UTC()}}
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%v, (-want +got):\n%s", err, diff)
				}
				resume(t, c, target)
				third := verified(t, c).N
				pause(t, c, target)
				stands(t, c, third, "paused again already")
			})
		})
	}
}

// A decision is taken back while nothing has come of it: the job is held again,
// counts as it did, and can be decided otherwise.
func TestUndoADecision(t *testing.T) {
	t.Parallel()
	decide := func(v idempotency.Verdict) func(*testing.T, *client.Client) {
		return func(t *testing.T, c *client.Client) {
			t.Helper()
			if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: v}, client.Actor{By: "ann", Why: "a guess"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, do := range map[string]func(*testing.T, *client.Client){
		"planned": decide(idempotency.VerdictPlanned), "accepted": decide(idempotency.VerdictAccepted), "canceled": decide(idempotency.VerdictCanceled),
		"released": func(t *testing.T, c *client.Client) {
			t.Helper()
			if _, err := c.Release(t.Context(), "a", client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := blind(t)
				store := idempotency.NewMemory(postproof.ModeTest)
				c := newClient(t, store, []*press{p}, client.WithCap(client.Cap{Campaign: "spring", Pieces: 10}), client.WithPollInterval(10*time.Second))
				heldJobs(t, c, p, "a")
				printed := p.alive()
				counted := func() int64 {
					n, err := store.Counter(t.Context(), "cap/pieces//spring")
					if err != nil {
						t.Fatal(err)
					}
					return n
				}
				before, had := status(t, c, "a"), counted()
				do(t, c)
				if e := undo(t, c); e.Action != client.ActionReopen || e.Target != jobID("a") || !strings.Contains(string(e.After), `"state":"held"`) {
					t.Errorf("%+v", e)
				}
				after := *status(t, c, "a")
				after.Fence, after.UpdatedAt, after.Due = before.Fence, before.UpdatedAt, before.Due
				if diff := cmp.Diff(before, &after); diff != "" {
					t.Errorf("the job, held before and again (-want +got):\n%s", diff)
				}
				if n := counted(); n != had || n != 1 {
					t.Errorf("it counts as %d pieces, before as %d", n, had)
				}
				runFor(t, c, 24*time.Hour)
				if rec := status(t, c, "a"); rec.State != idempotency.Held || p.alive() != printed {
					t.Errorf("a day later it is %v, %d printed", rec, p.alive())
				}
				stands(t, c, verified(t, c).N, "release or decide the job again")
				decide(idempotency.VerdictPlanned)(t, c)
				drain(t, c)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != printed+1 {
					t.Errorf("decided otherwise it is %v, %d printed", rec, p.alive())
				}
				stands(t, c, verified(t, c).N, "moved on")
			})
		})
	}
}

// What was sent on somebody's word stays sent, whoever is quicker.
func TestUndoWhatIsBeingSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		heldJobs(t, c, p, "a")
		if _, err := c.Decide(t.Context(), "a", client.Decision{Verdict: idempotency.VerdictPlanned}, client.Actor{By: "ann", Why: "a guess"}); err != nil {
			t.Fatal(err)
		}
		n := verified(t, c).N
		p.faults(func(op, _ string, _ int) string {
			time.Sleep(20 * time.Second)
			return ""
		})
		time.AfterFunc(10*time.Second, func() { stands(t, c, n, "it is sending") })
		drain(t, c)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted {
			t.Error(rec)
		}
	})
}

// An approval that was taken back counts for nobody, whatever he remembers.
func TestUndoAnApproval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		canary := client.WithCanary("spring", 2)
		late := &behind{Memory: store}
		one, two := newClient(t, store, []*press{p}, canary), newClient(t, late, []*press{p}, canary)
		if err := one.Approve(t.Context(), "spring", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b", "c"} { // two knows of the approval now
			if _, err := two.Submit(t.Context(), job(key)); err != nil {
				t.Fatal(err)
			}
		}
		if e := undo(t, one); e.Action != client.ActionWithdraw || e.Target != client.CampaignTarget("spring") || !strings.Contains(string(e.After), `"approved":false`) {
			t.Errorf("%+v", e)
		}
		for _, c := range []*client.Client{two, one} {
			if rec, err := c.Submit(t.Context(), job("d")); postproof.DeliveryOf(err) != postproof.NotSent || rec.State != idempotency.Planned || p.alive() != 3 {
				t.Fatalf("%v, %v; %d printed: the approval was taken back", rec, err, p.alive())
			}
		}
		if n := late.refused.Load(); n != 1 {
			t.Errorf("%d changes were refused until it was noticed", n)
		}
		if k, err := two.Canary(t.Context(), "spring"); err != nil || k.Approved || !k.Waits() {
			t.Errorf("%+v, %v", k, err)
		}
		stands(t, one, verified(t, one).N, "approve the campaign again")
		if err := two.Approve(t.Context(), "spring", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		stands(t, one, 1, "already")
		time.Sleep(time.Minute)
		drain(t, two)
		if p.alive() != 4 {
			t.Errorf("%d printed after it was approved again", p.alive())
		}
	})
}

// What is taken back is the very change that the entry tells of, and not one that
// was made in its place meanwhile.
func TestUndoIsOvertaken(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(t *testing.T, c *client.Client){
		"pause": func(t *testing.T, c *client.Client) {
			t.Helper()
			pause(t, c, client.CampaignTarget("spring"))
		},
		"approve": func(t *testing.T, c *client.Client) {
			t.Helper()
			if err := c.Approve(t.Context(), "spring", client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				store := &forged{Memory: idempotency.NewMemory(postproof.ModeTest)}
				busy := &busySettings{forged: store}
				canary := client.WithCanary("spring", 1)
				c, slow := newClient(t, store, []*press{p}, canary), newClient(t, busy, []*press{p}, canary)
				act(t, c)
				did := false
				busy.between = func() {
					if did {
						return
					}
					did = true
					time.Sleep(time.Second)
					if _, err := c.Undo(t.Context(), 1, client.Actor{By: "ann", Why: "a reason"}); err != nil {
						t.Error(err)
					}
					act(t, c)
				}
				if _, err := slow.Undo(t.Context(), 1, client.Actor{By: "bob", Why: "a reason"}); !errors.Is(err, client.ErrNotUndoable) {
					t.Errorf("another one was taken back in its place: %v", err)
				}
				if head := verified(t, c); head.N != 3 {
					t.Errorf("%d entries", head.N)
				}
			})
		})
	}
}

func TestUndoRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		if _, err := c.Enqueue(t.Context(), these(job("w"))); err != nil {
			t.Fatal(err)
		}
		other := job("w")
		other.To.PostalCode = "62704"
		if _, err := c.Amend(t.Context(), other, client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(t.Context(), "w", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		stands(t, c, 1, "amend the job again")
		stands(t, c, 2, "canceled before any vendor had it, and its key is used up: hand the job in again, under a new key")
		if _, err := c.Submit(t.Context(), job("v")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Cancel(t.Context(), "v", client.Actor{By: "ann"}); err != nil {
			t.Fatal(err)
		}
		stands(t, c, 3, "the wish may have reached the vendor")
		for _, n := range []uint64{0, 4, 1 << 60} {
			if err := c.Undoable(t.Context(), n); postproof.CodeOf(err) != postproof.CodeNotFound {
				t.Errorf("entry %d: %v", n, err)
			}
			if _, err := c.Undo(t.Context(), n, client.Actor{By: "bob", Why: "a reason"}); postproof.CodeOf(err) != postproof.CodeNotFound {
				t.Errorf("entry %d: %v", n, err)
			}
		}
		if _, err := c.Undo(t.Context(), 1, client.Actor{By: "", Why: "why"}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("by nobody: %v", err)
		}
	})
}

// What was taken back by somebody else while another one was about to is not taken back
// once more: things have moved on since.
func TestUndoOfWhatIsTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, spring := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), client.CampaignTarget("spring")
		c, other := newClient(t, s, []*press{p}), newClient(t, s.Memory, []*press{p})
		pause(t, c, spring)
		e, err := c.Resume(t.Context(), spring, client.Actor{By: "bob", Why: "mended"})
		if err != nil {
			t.Fatal(err)
		}
		s.onSetting("pauses", 1, func() {
			if _, err := other.Undo(t.Context(), e.N, client.Actor{By: "carol", Why: "not yet"}); err != nil {
				t.Error(err)
			}
			resume(t, other, spring)
		})
		if e, err := c.Undo(t.Context(), e.N, client.Actor{By: "ann", Why: "not yet"}); !errors.Is(err, client.ErrNotUndoable) {
			t.Errorf("Undo = %+v, %v, want that it was taken back already", e, err)
		}
		if got, err := c.Paused(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("paused: %v, %v, want nothing: it was resumed last", got, err)
		}
	})
}
