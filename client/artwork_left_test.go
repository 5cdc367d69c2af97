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
)

// adaSecond is the letter that takes the place of her first one.
const adaSecond = "<b>Dear Ada, once more</b>"

func letterOf(j postproof.Job, front string) postproof.Job {
	j.Piece = j.Piece.WithArt(postproof.HTML{Front: front, Back: "<b>back</b>"})
	return j
}

func cancel(t *testing.T, c *client.Client, key postproof.Key) {
	t.Helper()
	if _, err := c.Cancel(t.Context(), key, client.Actor{By: "ann"}); err != nil {
		t.Fatal(err)
	}
}

// What was made for her and is no artwork of any job by now goes with it, however it
// came to that. What an open job needs stays, and that job is sent.
func TestEraseArtworkThatWasLeft(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, c *client.Client, p *press){
		"by an amendment": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			if _, err := c.Amend(t.Context(), letterOf(ada(), adaSecond), client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
		},
		"by two amendments, the second to what it was": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			for _, letter := range []string{adaSecond, adaLetter} {
				if _, err := c.Amend(t.Context(), letterOf(ada(), letter), client.Actor{By: "ann"}); err != nil {
					t.Fatal(err)
				}
			}
		},
		"by an amendment, before it was pruned": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			if _, err := c.Amend(t.Context(), letterOf(ada(), adaSecond), client.Actor{By: "ann"}); err != nil {
				t.Fatal(err)
			}
			cancel(t, c, adaKey)
			pruned(t, c)
		},
		"when it was pruned": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			cancel(t, c, adaKey)
			pruned(t, c)
		},
		"by an erasure that did not ask for it": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			e := eraseAda()
			e.Now = true
			erase(t, c, e)
		},
		"by an erasure of a piece that is followed": func(t *testing.T, c *client.Client, _ *press) {
			t.Helper()
			if _, err := c.Submit(t.Context(), ada()); err != nil {
				t.Fatal(err)
			}
			e := eraseAda()
			e.Now = true
			if rep := erase(t, c, e); outcomeOf(t, rep).Outcome != client.ErasureFollowed {
				t.Errorf("it is %s", outcomeOf(t, rep).Outcome)
			}
		},
		"by an erasure of a piece that was under way": func(t *testing.T, c *client.Client, p *press) {
			t.Helper()
			if _, err := c.Submit(t.Context(), ada()); err != nil {
				t.Fatal(err)
			}
			e := eraseAda()
			e.Artwork = true
			if rep := erase(t, c, e); rep.Complete() {
				t.Error("the erasure says that it is complete")
			}
			p.mu.Lock()
			p.orders[0].Status = "delivered"
			p.mu.Unlock()
			runFor(t, c, 10*24*time.Hour)
			if rec := status(t, c, adaKey); !rec.Tombstone {
				t.Fatalf("%v is not at rest", rec)
			}
		},
	} {
		for _, by := range []client.Erasure{{Keys: []postproof.Key{adaKey}}, {Contacts: []string{adaContact}}} {
			for _, needed := range []bool{false, true} {
				t.Run(name+", "+by.String()+map[bool]string{true: ", and another has it"}[needed], func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
						c := newClient(t, s, []*press{p}, client.WithPollInterval(time.Hour))
						enqueue(t, c, one(ada()))
						first := artOf(t, c, adaKey)
						leave(t, c, p)
						others := letterOf(bob(), "<b>Dear Bob,</b>")
						if needed {
							others = bob() // has her letter
						}
						enqueue(t, c, one(others))

						e := by
						e.Now, e.Artwork = true, true
						rep := erase(t, c, e)
						if !shares(&rep) {
							t.Errorf("the back of the card, which others have, is not shared: %+v", rep.Artwork)
						}
						if missingIn(t, s, first) == needed {
							t.Errorf("missing: %v, needed: %v; the report says %+v", needed, needed, rep.Artwork)
						}
						if rep := erase(t, c, e); listed(&rep, first) != needed {
							t.Errorf("listed again: %v, needed: %v", !needed, needed)
						}
						if rec := status(t, c, adaKey); rec.Tombstone && slices.Contains(rec.Artwork, first) != needed {
							t.Errorf("the tombstone names %v, needed: %v", rec.Artwork, needed)
						}
						fresh := newClient(t, s, []*press{p}, seldom()) // it remembers nothing
						runFor(t, fresh, 10*time.Minute)
						if rec := status(t, c, "spring/bob"); rec.State != idempotency.Accepted {
							t.Errorf("%v %+v, want it accepted", rec, rec.Hold)
						}
						erase(t, c, client.Erasure{Keys: []postproof.Key{"spring/bob"}, Now: true})
						if erase(t, c, e); !missingIn(t, s, first) {
							t.Error("nobody needs it any more, and it is still there")
						}
					})
				})
			}
		}
	}
}

func pruned(t *testing.T, c *client.Client) {
	t.Helper()
	time.Sleep(40 * 24 * time.Hour)
	if n, err := c.Prune(t.Context(), time.Now().Add(-client.MinRetention)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

func listed(rep *client.ErasureReport, b postproof.Blob) bool {
	for _, a := range rep.Artwork {
		if a.Digest == b.Digest {
			return true
		}
	}
	return false
}

// A job that is not taken leaves no artwork behind, that no erasure would find.
func TestRejectedJobStoresNoArtwork(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(t *testing.T, c *client.Client, j postproof.Job) error{
		"submitted": func(t *testing.T, c *client.Client, j postproof.Job) error {
			t.Helper()
			_, err := c.Submit(t.Context(), j)
			return err
		},
		"enqueued": func(t *testing.T, c *client.Client, j postproof.Job) error {
			t.Helper()
			out, err := c.Enqueue(t.Context(), one(j))
			if err != nil || len(out.Rejections) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			return out.Rejections[0].Err
		},
		"amended": func(t *testing.T, c *client.Client, j postproof.Job) error {
			t.Helper()
			_, err := c.Amend(t.Context(), j, client.Actor{By: "ann"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
			c := newClient(t, s, []*press{p})
			if _, err := c.Submit(t.Context(), ada()); err != nil {
				t.Fatal(err)
			}
			err := try(t, c, letterOf(ada(), adaSecond))
			if postproof.CodeOf(err) != postproof.CodeConflict || postproof.DeliveryOf(err) != postproof.NotSent {
				t.Errorf("%v, want a conflict", err)
			}
			if _, reused := errors.AsType[*idempotency.KeyReusedError](err); reused == (name == "amended") {
				t.Errorf("%v; want to hear of the key: %v", err, name != "amended")
			}
			second, err := idempotency.NewMemory(postproof.ModeTest).PutBlob(t.Context(), strings.NewReader(adaSecond))
			if err != nil {
				t.Fatal(err)
			}
			if !missingIn(t, s, second) {
				t.Error("its letter is in the store")
			}
		})
	}
}

// What no record knows of is named by whoever erases, and is left where a job needs it.
func TestEraseArtworkThatNoRecordKnows(t *testing.T) {
	t.Parallel()
	p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, s, []*press{p})
	enqueue(t, c, one(bob())) // has her letter
	var blobs []postproof.Blob
	for _, letter := range []string{adaLetter, adaSecond} {
		b, err := c.PutArtwork(t.Context(), strings.NewReader(letter))
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, b)
	}
	erase(t, c, client.Erasure{Blobs: blobs, Artwork: true})
	if missingIn(t, s, blobs[0]) || !missingIn(t, s, blobs[1]) {
		t.Fatalf("missing: %v, %v; want what no job needs", missingIn(t, s, blobs[0]), missingIn(t, s, blobs[1]))
	}
	if drain(t, c); status(t, c, "spring/bob").State != idempotency.Accepted {
		t.Errorf("%v, want it accepted", status(t, c, "spring/bob"))
	}
}
