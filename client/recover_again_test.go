package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// One backup is restored again and again. Each recovery goes on behind the references
// that it doubted: what it sent is found all the same, of jobs that the backup has and of
// keys that it does not know, whether the earlier recoveries were stated, or are noticed
// by their control pieces.
func TestRecoverOfABackupThatWasRestoredBefore(t *testing.T) {
	t.Parallel()
	type vendor struct {
		kind   postproof.IdempotencyKind
		stated bool
	}
	for name, v := range map[string]vendor{
		"keyed, stated": {postproof.IdempotencyKey, true}, "keyed, noticed": {postproof.IdempotencyKey, false},
		"keyless, stated": {postproof.IdempotencyNone, true}, "keyless, noticed": {postproof.IdempotencyNone, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", v.kind)
				live := idempotency.NewMemory(postproof.ModeTest)
				before := newClient(t, live, []*press{p}, seldom())
				if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
					t.Fatal(err)
				}
				var refs, news []postproof.Ref
				for n, s := range []*shaky{backup(t, live), backup(t, live), backup(t, live)} {
					time.Sleep(48 * time.Hour)
					restore(s)
					c := newClient(t, s, []*press{p}, seldom())
					if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{Recoveries: map[bool]int{true: n}[v.stated]}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					control(t, c, "alpha", 1)
					if rec, _ := c.Submit(t.Context(), job("new")); rec == nil {
						t.Fatal("a new key is not in the ledger")
					}
					runFor(t, c, 72*time.Hour)
					refs, news = append(refs, status(t, c, "contact-0").Receipt.Ref), append(news, status(t, c, "new").Receipt.Ref)
					if want := 3 + n; p.alive() != want { // two, and a piece of ours each time
						t.Errorf("recovery %d: %d pieces, want %d", n+1, p.alive(), want)
					}
				}
				for _, same := range [][]postproof.Ref{refs, news} {
					if same[0] == "" || same[0] != same[1] || same[0] != same[2] {
						t.Errorf("the piece is %v: it is one", same)
					}
				}
			})
		})
	}
}

func TestRecoveriesAreBounded(t *testing.T) {
	t.Parallel()
	s := newShaky()
	c := newClient(t, s, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
	restore(s)
	for _, n := range []int{-1, 9} {
		if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{Recoveries: n}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%d recoveries: %v", n, err)
		}
	}
}

// A recovery left a vendor out; what it has is found by the next one with all of
// them, under references that the first one has already left behind.
func TestRecoverAgainWithAForgottenVendor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		live := idempotency.NewMemory(postproof.ModeTest)
		before := newClient(t, live, []*press{b}, seldom())
		if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		drain(t, before) // lost: beta has it
		time.Sleep(48 * time.Hour)
		var c *client.Client
		for _, known := range [][]*press{{a}, {a, b}} {
			restore(s) // the second time by whoever notices, who removes the marker
			c = newClient(t, s, known, seldom())
			if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for _, vendor := range []string{"alpha", "beta"} {
			if _, err := c.SendControl(t.Context(), vendor, job("of ours"), client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
		}
		runFor(t, c, 72*time.Hour)
		if rec := status(t, c, "contact-0"); rec.Receipt.Vendor != "beta" || a.alive() != 1 || b.alive() != 2 {
			t.Errorf("%v at %s, %d and %d pieces, want 1 of ours and 2", rec, rec.Receipt.Vendor, a.alive(), b.alive())
		}
	})
}

// When the workers have gone on meanwhile, what the forgotten vendor has is a second
// piece: it is found all the same, and stopped in time.
func TestRecoverAgainAfterTheWorkersWentOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		b.tune = func(c *postproof.Capabilities) { c.Cancel.For = 30 * 24 * time.Hour }
		live := idempotency.NewMemory(postproof.ModeTest)
		before := newClient(t, live, []*press{b}, seldom())
		if _, err := before.Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		s := backup(t, live)
		drain(t, before) // lost: beta has it
		time.Sleep(48 * time.Hour)
		var c *client.Client
		for _, known := range [][]*press{{a}, {a, b}} {
			restore(s)
			c = newClient(t, s, known, seldom())
			if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if _, err := c.SendControl(t.Context(), "alpha", job("of ours"), client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
			runFor(t, c, 72*time.Hour)
		}
		rec := status(t, c, "contact-0")
		if rec.Receipt.Vendor != "alpha" || b.alive() != 0 {
			t.Errorf("%v at %s, %d pieces at the other, want it stopped", rec, rec.Receipt.Vendor, b.alive())
		}
	})
}

// A recovery that says nothing of earlier ones does not take back what the last one
// doubted of new keys, as long as that holds.
func TestRecoverAgainKeepsTheDoubtsOfNewKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
		doubted := func(key postproof.Key, o client.RecoverOptions) int {
			restore(s)
			c := newClient(t, s, []*press{p}, seldom())
			if _, err := c.Recover(t.Context(), client.Actor{By: "ann"}, o); err != nil {
				t.Fatal(err)
			}
			rec, _ := c.Submit(t.Context(), job(string(key)))
			return len(rec.Submissions)
		}
		first := doubted("a", client.RecoverOptions{Recoveries: 2, BackupAt: time.Now().Add(-48 * time.Hour)})
		if again := doubted("b", client.RecoverOptions{DoubtNewFor: time.Hour}); again != first || first < 3 {
			t.Errorf("%d references of a new key are doubted, and %d after the next recovery", first, again)
		}
		time.Sleep(2 * time.Hour)
		if later := doubted("c", client.RecoverOptions{DoubtNewFor: -1}); later != first {
			t.Errorf("%d references are doubted two hours later, want %d for three days", later, first)
		}
	})
}
