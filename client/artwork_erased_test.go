package client_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// bob has the artwork that was made for Ada.
func bob() postproof.Job {
	j := ada()
	j.Key, j.Contact, j.To.Name = "spring/bob", "bob", "Bob"
	return j
}

// meanwhile yields a job, and does something before the sequence ends: the job is
// planned by then, and not stored.
func meanwhile(j postproof.Job, do func()) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) {
		if yield(j, nil) {
			do()
		}
	}
}

func eraseAdaAndHerArtwork() client.Erasure {
	e := eraseAda()
	e.Now, e.Artwork = true, true
	return e
}

// removing is a ledger that does something beside the deletion of artwork, and fails
// to be read through after it if asked to.
type removing struct {
	*idempotency.Memory

	before, after func()
	unread        bool
	removed       bool
	broken        bool // each deletion but the first
}

func (s *removing) RemoveBlob(ctx context.Context, b postproof.Blob) error {
	if s.removed && s.broken {
		return errors.New("the disk is away")
	}
	if f := s.before; f != nil {
		s.before = nil
		f()
	}
	err := s.Memory.RemoveBlob(ctx, b)
	s.removed = true
	if f := s.after; f != nil {
		s.after = nil
		f()
	}
	return err
}

func (s *removing) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	if s.unread && s.removed {
		s.unread = false
		return func(yield func(*idempotency.Record, error) bool) { yield(nil, errors.New("the ledger is away")) }
	}
	return s.Memory.Find(ctx, q)
}

// Artwork is deleted while a job with it is handed in. Whoever has the content stores
// it again, at whichever moment the one meets the other, and the job is sent.
func TestArtworkErasedWhileAJobIsHandedIn(t *testing.T) {
	t.Parallel()
	for name, meet := range map[string]func(t *testing.T, s *removing, c, other *client.Client){
		"before it is stored, by the same process": func(t *testing.T, _ *removing, c, _ *client.Client) {
			t.Helper()
			enqueue(t, c, meanwhile(bob(), func() { erase(t, c, eraseAdaAndHerArtwork()) }))
		},
		"before it is stored, by another one": func(t *testing.T, _ *removing, c, other *client.Client) {
			t.Helper()
			enqueue(t, other, meanwhile(bob(), func() { erase(t, c, eraseAdaAndHerArtwork()) }))
		},
		"between the look at who refers to it and the deletion": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			s.before = func() { enqueue(t, other, one(bob())) }
			if rep := erase(t, c, eraseAdaAndHerArtwork()); !shares(&rep) {
				t.Errorf("the report says %+v", rep.Artwork)
			}
		},
		"planned before the deletion, and stored after the last look": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			planned, erased, stored := make(chan struct{}), make(chan struct{}), make(chan struct{})
			s.before = func() {
				go func() {
					defer close(stored)
					if _, err := other.Enqueue(t.Context(), meanwhile(bob(), func() { close(planned); <-erased })); err != nil {
						t.Error(err)
					}
				}()
				<-planned
			}
			erase(t, c, eraseAdaAndHerArtwork())
			close(erased)
			<-stored
		},
		"and a worker is at it before it is put back": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			s.before = func() { enqueue(t, other, one(bob())) }
			s.after = func() { runFor(t, c, 5*time.Second) } // it has just forgotten it
			erase(t, c, eraseAdaAndHerArtwork())
		},
		"and the ledger cannot be read through afterwards": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			s.before, s.unread = func() { enqueue(t, other, one(bob())) }, true
			if _, err := c.Erase(t.Context(), eraseAdaAndHerArtwork(), officer); err == nil {
				t.Error("no error")
			}
		},
		"and the next deletion fails": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			s.before, s.broken = func() { enqueue(t, other, one(bob())) }, true
			if _, err := c.Erase(t.Context(), eraseAdaAndHerArtwork(), officer); err == nil || !s.removed {
				t.Errorf("Erase = %v, want something deleted, and an error", err)
			}
		},
		"a moment later, by one that remembers it": func(t *testing.T, _ *removing, c, other *client.Client) {
			t.Helper()
			first := bob()
			first.Key = "spring/bob/1"
			if _, err := other.Submit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			e := eraseAdaAndHerArtwork()
			e.Contacts = append(e.Contacts, "bob")
			erase(t, c, e)
			enqueue(t, other, one(bob()))
		},
		"a second later, by one that remembers it and submits": func(t *testing.T, s *removing, c, other *client.Client) {
			t.Helper()
			first := bob()
			first.Key = "spring/bob/1"
			if _, err := other.Submit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			e := eraseAdaAndHerArtwork()
			e.Contacts = append(e.Contacts, "bob")
			erase(t, c, e)
			time.Sleep(2 * time.Second)
			if _, err := other.Submit(t.Context(), bob()); err != nil {
				t.Fatal(err)
			}
			if b := artOf(t, c, "spring/bob"); missingIn(t, s, b) {
				t.Error("what was submitted has no artwork in the store")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s := newPress(t, "alpha", postproof.IdempotencyKey), &removing{Memory: idempotency.NewMemory(postproof.ModeTest)}
				c, other := newClient(t, s, []*press{p}), newClient(t, s, []*press{p})
				if _, err := c.Submit(t.Context(), ada()); err != nil {
					t.Fatal(err)
				}
				meet(t, s, c, other)
				fresh := newClient(t, s, []*press{p}) // it remembers nothing
				runFor(t, fresh, 10*time.Minute)
				if rec := status(t, c, "spring/bob"); rec.State != idempotency.Accepted {
					t.Errorf("%v %+v, want it accepted", rec, rec.Hold)
				}
			})
		})
	}
}

// Of artwork that a job only names whoever hands it in has no content: it is told at
// once, and nothing of the job is lost.
func TestNamedArtworkErasedWhileAJobIsHandedIn(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"put back in time": false, "put back afterwards": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
				c := newClient(t, s, []*press{p})
				put := func() postproof.Blob {
					b, err := c.PutArtwork(t.Context(), strings.NewReader("<b>a letter</b>"))
					if err != nil {
						t.Fatal(err)
					}
					return b
				}
				named := func(j postproof.Job) postproof.Job {
					j.Piece = j.Piece.WithArt(postproof.HTML{FrontBlob: put(), BackBlob: put()})
					return j
				}
				if _, err := c.Submit(t.Context(), named(ada())); err != nil {
					t.Fatal(err)
				}
				out, err := c.Enqueue(t.Context(), meanwhile(named(bob()), func() { erase(t, c, eraseAdaAndHerArtwork()) }))
				if postproof.CodeOf(err) != postproof.CodeNotFound || postproof.DeliveryOf(err) != postproof.NotSent || !strings.Contains(err.Error(), "PutArtwork") || out.New != 1 {
					t.Fatalf("%+v, %v; want one that is stored, and to be told of its artwork", out, err)
				}
				if late {
					runFor(t, c, 20*time.Minute)
					if rec := status(t, c, "spring/bob"); rec.State != idempotency.Held || rec.Hold.Reason != idempotency.HoldCannotBuild || !strings.Contains(rec.Hold.Note, "PutArtwork") {
						t.Fatalf("%v %+v, want it held, and to be told what to do", rec, rec.Hold)
					}
				}
				put()
				if late {
					if _, err := c.Release(t.Context(), "spring/bob", client.Actor{By: "ann"}); err != nil {
						t.Fatal(err)
					}
				}
				runFor(t, c, 10*time.Minute)
				if rec := status(t, c, "spring/bob"); rec.State != idempotency.Accepted {
					t.Errorf("%v %+v, want it accepted", rec, rec.Hold)
				}
			})
		})
	}
}

// What was made for somebody who is erased while it is handed in is not stored again.
func TestArtworkOfAnErasedPersonIsNotStoredAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, s, []*press{p})
		enqueue(t, c, one(ada()))
		b := artOf(t, c, adaKey)
		other := newClient(t, s, []*press{p})
		enqueue(t, other, meanwhile(ada(), func() { erase(t, c, eraseAdaAndHerArtwork()) }))
		if !missingIn(t, s, b) {
			t.Error("her artwork is there again")
		}
	})
}

func enqueue(t *testing.T, c *client.Client, jobs iter.Seq2[postproof.Job, error]) {
	t.Helper()
	if _, err := c.Enqueue(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
}

func artOf(t *testing.T, c *client.Client, key string) postproof.Blob {
	t.Helper()
	var j postproof.Job
	if err := j.UnmarshalJSON(status(t, c, key).Job); err != nil {
		t.Fatal(err)
	}
	return postproof.Blobs(j.Piece.Art())[0]
}

func missingIn(t *testing.T, s idempotency.Blobs, b postproof.Blob) bool {
	t.Helper()
	rc, err := s.OpenBlob(t.Context(), b)
	if errors.Is(err, idempotency.ErrNotFound) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = rc.Close()
	return false
}

func shares(rep *client.ErasureReport) bool {
	for _, a := range rep.Artwork {
		if a.Outcome == client.ArtworkShared {
			return true
		}
	}
	return false
}
