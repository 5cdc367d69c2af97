package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

const (
	adaKey     = "spring/ada@quill.example/card"
	adaContact = "ada@quill.example"
	adaLetter  = "<b>Dear Ada Quill,</b>"
)

// adaWords are what must not be left of her.
var adaWords = []string{"ada@quill", "Ada Quill", "12 Elm Street", "Dear Ada"}

func ada() postproof.Job {
	j := job(adaKey)
	j.Contact = adaContact
	j.To = postproof.Address{Name: "Ada Quill", Line1: "12 Elm Street", City: "Springfield", Region: "IL", PostalCode: "62701"}
	j.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: adaLetter, Back: "<b>back</b>"}}
	return j
}

// officer erases, for this reason.
var officer = client.Actor{By: "officer", Why: "request 17"}

func eraseAda() client.Erasure {
	return client.Erasure{Keys: []postproof.Key{adaKey}}
}

func erase(t *testing.T, c *client.Client, e client.Erasure) client.ErasureReport {
	t.Helper()
	rep, err := c.Erase(t.Context(), e, officer)
	if err != nil {
		t.Fatalf("Erase: %v", err)
	}
	if len(rep.Problems) > 0 {
		t.Errorf("problems: %q", rep.Problems)
	}
	silent(t, "the report", rep)
	return rep
}

// silent fails when what is encoded names her.
func silent(t *testing.T, what string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range adaWords {
		if strings.Contains(string(text), word) {
			t.Errorf("%s says %q: %s", what, word, text)
		}
	}
}

// ledgerText is all that a ledger has, but for its artwork.
func ledgerText(t *testing.T, e idempotency.Engine) string {
	t.Helper()
	var all []any
	add := func(v any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	for v, err := range e.Find(t.Context(), idempotency.Query{}) {
		add(v, err)
	}
	for v, err := range e.Entries(t.Context(), idempotency.EntryQuery{}) {
		add(v, err)
	}
	for v, err := range e.Settings(t.Context(), "") {
		add(v.Name+string(v.Value), err)
	}
	for v, err := range e.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		add(v.Dedupe+string(v.Body)+v.LastError, err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func outcomeOf(t *testing.T, rep client.ErasureReport) client.ErasedJob {
	t.Helper()
	if len(rep.Jobs) != 1 {
		t.Fatalf("%d jobs in the report, want hers: %+v", len(rep.Jobs), rep)
	}
	return rep.Jobs[0]
}

// Wherever the job stands: what is left never names her, and submitting it again
// sends nothing.
func TestEraseEveryState(t *testing.T) {
	t.Parallel()
	lose := func(op, _ string, _ int) string {
		if op == "/order" || op == "/find" {
			return "lose"
		}
		return ""
	}
	deliver := func(p *press) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, o := range p.orders {
			o.Status = "delivered"
		}
	}
	for _, tc := range []struct {
		name string
		come func(t *testing.T, c *client.Client, p *press)
		// open, now and stop are what becomes of it.
		open, now, stop client.ErasureOutcome
		state           idempotency.State
	}{
		{
			name: "planned", open: client.ErasureBuried, now: client.ErasureBuried, stop: client.ErasureBuried, state: idempotency.Planned,
			come: func(*testing.T, *client.Client, *press) {},
		},
		{
			name: "refused", open: client.ErasureBuried, now: client.ErasureBuried, stop: client.ErasureBuried, state: idempotency.Refused,
			come: func(t *testing.T, c *client.Client, p *press) {
				t.Helper()
				p.faults(func(string, string, int) string { return "422" })
				drain(t, c)
			},
		},
		{
			name: "canceled", open: client.ErasureBuried, now: client.ErasureBuried, stop: client.ErasureBuried, state: idempotency.Canceled,
			come: func(t *testing.T, c *client.Client, _ *press) { t.Helper(); cancelJob(t, c, adaKey) },
		},
		{
			name: "unknown", open: client.ErasureOpen, now: client.ErasureFollowed, stop: client.ErasureFollowed, state: idempotency.Unknown,
			come: func(t *testing.T, c *client.Client, p *press) {
				t.Helper()
				p.faults(lose)
				runFor(t, c, 12*time.Minute)
			},
		},
		{
			name: "accepted", open: client.ErasureOpen, now: client.ErasureFollowed, stop: client.ErasureFollowed, state: idempotency.Accepted,
			come: func(t *testing.T, c *client.Client, _ *press) { t.Helper(); drain(t, c) },
		},
		{
			name: "done", open: client.ErasureBuried, now: client.ErasureBuried, stop: client.ErasureBuried, state: idempotency.Done,
			come: func(t *testing.T, c *client.Client, p *press) {
				t.Helper()
				drain(t, c)
				deliver(p)
				runFor(t, c, 24*time.Hour)
			},
		},
	} {
		for how, e := range map[string]client.Erasure{"by the way": {}, "now": {Now: true}, "stop": {Stop: true}} {
			t.Run(tc.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					p := newPress(t, "alpha", postproof.IdempotencyRef)
					store := idempotency.NewMemory(postproof.ModeTest)
					c := newClient(t, store, []*press{p}, client.WithPollInterval(5*time.Minute))
					if _, err := c.Enqueue(t.Context(), one(ada())); err != nil {
						t.Fatal(err)
					}
					tc.come(t, c, p)
					before := status(t, c, adaKey)
					if before.State != tc.state {
						t.Fatalf("state %s, want %s", before.State, tc.state)
					}
					e.Keys = []postproof.Key{adaKey}
					dry := e
					dry.DryRun = true
					planned := erase(t, c, dry)
					if diff := cmp.Diff(before, status(t, c, adaKey)); diff != "" {
						t.Fatalf("a dry run changed the record:\n%s", diff)
					}
					want := map[string]client.ErasureOutcome{"by the way": tc.open, "now": tc.now, "stop": tc.stop}[how]
					rep := erase(t, c, e)
					got := outcomeOf(t, rep)
					if got.Outcome != want || outcomeOf(t, planned).Outcome != want || rep.Complete() != (want != client.ErasureOpen) {
						t.Fatalf("%s, planned as %s, complete %v; want %s", got.Outcome, outcomeOf(t, planned).Outcome, rep.Complete(), want)
					}
					if (got.Digest == "") != (want == client.ErasureOpen) || got.After.IsZero() == (want == client.ErasureOpen) {
						t.Errorf("digest %q, after %s", got.Digest, got.After)
					}
					if want != client.ErasureOpen {
						silent(t, "the ledger", ledgerText(t, store))
					}
					erasing := 0
					for rec, err := range c.Erasing(t.Context()) {
						if erasing++; err != nil || rec.ID != before.ID {
							t.Errorf("still to be erased: %v, %v", rec, err)
						}
					}
					if (erasing == 1) != (want != client.ErasureBuried) {
						t.Errorf("%d jobs are still to be erased", erasing)
					}
					sent := len(p.times)
					rec, err := c.Submit(t.Context(), ada())
					if rec == nil || errors.Is(err, idempotency.ErrKeyReused) || (want != client.ErasureOpen && len(p.times) != sent) {
						t.Errorf("submitted again: %v, %v, %d sends", rec, err, len(p.times)-sent)
					}
					// It comes to its end by itself, and is buried then.
					p.faults(nil)
					if how != "stop" {
						runFor(t, c, 4*time.Hour)
						deliver(p)
					}
					runFor(t, c, 10*24*time.Hour)
					if rec := status(t, c, adaKey); !rec.Tombstone || len(p.orders) > 1 || (how == "stop" && tc.open == client.ErasureOpen && p.alive() > 0) {
						t.Errorf("at the end: %v, tombstone %v, %d orders", rec, rec.Tombstone, len(p.orders))
					}
					silent(t, "the ledger at the end", ledgerText(t, store))
					if again := outcomeOf(t, erase(t, c, e)); again.Outcome != client.ErasureBefore {
						t.Errorf("again: %s", again.Outcome)
					}
				})
			})
		}
	}
}

func one(j postproof.Job) iter.Seq2[postproof.Job, error] {
	return func(yield func(postproof.Job, error) bool) { yield(j, nil) }
}

// searched counts how often the ledger is read through.
type searched struct {
	*idempotency.Memory
	finds atomic.Int32
}

func (s *searched) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	s.finds.Add(1)
	return s.Memory.Find(ctx, q)
}

func TestEraseFindsByKeyWithoutASearch(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := &searched{Memory: idempotency.NewMemory(postproof.ModeTest)}
	c := newClient(t, store, []*press{p})
	again := ada() // a re-mail
	again.Key = "spring/ada/again"
	other := job("ben")
	for _, j := range []postproof.Job{ada(), again, other} {
		if _, err := c.Enqueue(t.Context(), one(j)); err != nil {
			t.Fatal(err)
		}
	}
	e := eraseAda()
	e.DryRun = true
	if rep := erase(t, c, e); len(rep.Jobs) != 1 || store.finds.Load() != 0 {
		t.Errorf("%d jobs, %d searches", len(rep.Jobs), store.finds.Load())
	}
	e.Related = true
	if rep := erase(t, c, e); len(rep.Jobs) != 2 || store.finds.Load() != 1 {
		t.Errorf("related: %d jobs, %d searches", len(rep.Jobs), store.finds.Load())
	}
	e = client.Erasure{Contacts: []string{adaContact}, Keys: []postproof.Key{"nobody's"}}
	rep := erase(t, c, e)
	if len(rep.Jobs) != 2 || store.finds.Load() != 2 {
		t.Errorf("by contact: %d jobs, %d searches", len(rep.Jobs), store.finds.Load())
	}
	if diff := cmp.Diff([]idempotency.ID{idempotency.IDOf("nobody's")}, rep.Unknown); diff != "" {
		t.Errorf("unknown keys (-want +got):\n%s", diff)
	}
	for rec, err := range c.Erasing(t.Context()) {
		t.Errorf("still to be erased: %v, %v", rec, err)
	}
	silent(t, "the ledger", ledgerText(t, store.Memory))
	if rec := status(t, c, "ben"); rec.State != idempotency.Planned || rec.Job == nil {
		t.Errorf("another person's job is %v", rec)
	}
}
