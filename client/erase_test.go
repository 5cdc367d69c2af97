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
	"github.com/postproof/postproof/snapshot"
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

func eraseAda() client.Erasure {
	return client.Erasure{Keys: []postproof.Key{adaKey}, By: "officer", Why: "request 17"}
}

func erase(t *testing.T, c *client.Client, e client.Erasure) client.ErasureReport {
	t.Helper()
	rep, err := c.Erase(t.Context(), e)
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
			name: "cancelled", open: client.ErasureBuried, now: client.ErasureBuried, stop: client.ErasureBuried, state: idempotency.Cancelled,
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
					e.Keys, e.By, e.Why = []postproof.Key{adaKey}, "officer", "request 17"
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
	e = client.Erasure{Contacts: []string{adaContact}, Keys: []postproof.Key{"nobody's"}, By: "officer", Why: "request 17"}
	rep := erase(t, c, e)
	if len(rep.Jobs) != 2 || store.finds.Load() != 2 {
		t.Errorf("by contact: %d jobs, %d searches", len(rep.Jobs), store.finds.Load())
	}
	if diff := cmp.Diff([]idempotency.ID{idempotency.IDOf("nobody's")}, rep.Unknown); diff != "" {
		t.Errorf("unknown keys (-want +got):\n%s", diff)
	}
	silent(t, "the ledger", ledgerText(t, store.Memory))
	if rec := status(t, c, "ben"); rec.State != idempotency.Planned || rec.Job == nil {
		t.Errorf("another person's job is %v", rec)
	}
}

// What is made for her alone goes; what others get, too, stays. It does not come
// back when the job is submitted again.
func TestEraseArtwork(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, []*press{p})
	other := ada()
	other.Key, other.Contact = "ben", "ben"
	other.Piece = postproof.Postcard{Size: postproof.Size4x6(), Artwork: postproof.HTML{Front: "<b>Dear Ben,</b>", Back: "<b>back</b>"}}
	for _, j := range []postproof.Job{ada(), other} {
		if _, err := c.Submit(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	var art postproof.Job
	if err := art.UnmarshalJSON(status(t, c, adaKey).Job); err != nil {
		t.Fatal(err)
	}
	html, _ := art.Piece.Art().(postproof.HTML)
	outcomes := func(rep client.ErasureReport) map[string]client.ArtworkOutcome {
		all := map[string]client.ArtworkOutcome{}
		for _, a := range rep.Artwork {
			all[a.Digest] = a.Outcome
		}
		return all
	}
	e := eraseAda()
	e.Now, e.DryRun = true, true
	left := map[string]client.ArtworkOutcome{html.FrontBlob.Digest: client.ArtworkLeft, html.BackBlob.Digest: client.ArtworkLeft}
	if diff := cmp.Diff(left, outcomes(erase(t, c, e))); diff != "" {
		t.Errorf("not asked for (-want +got):\n%s", diff)
	}
	e.Artwork = true
	want := map[string]client.ArtworkOutcome{html.FrontBlob.Digest: client.ArtworkErased, html.BackBlob.Digest: client.ArtworkShared}
	if diff := cmp.Diff(want, outcomes(erase(t, c, e))); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if _, err := store.Open(t.Context(), html.FrontBlob); err != nil {
		t.Fatalf("a dry run deleted: %v", err)
	}
	e.DryRun = false
	if diff := cmp.Diff(want, outcomes(erase(t, c, e))); diff != "" {
		t.Errorf("artwork (-want +got):\n%s", diff)
	}
	for range 2 {
		if _, err := store.Open(t.Context(), html.FrontBlob); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("her letter: %v", err)
		}
		if _, err := store.Open(t.Context(), html.BackBlob); err != nil {
			t.Errorf("what others get: %v", err)
		}
		if _, err := c.Submit(t.Context(), ada()); err != nil {
			t.Error(err)
		}
		if out, err := c.Enqueue(t.Context(), one(ada())); err != nil || out.Known != 1 {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if len(p.orders) != 2 {
		t.Errorf("%d orders", len(p.orders))
	}
	// A job of its own with the same artwork brings it back.
	fresh := ada()
	fresh.Key = "another"
	if _, err := c.Enqueue(t.Context(), one(fresh)); err != nil {
		t.Fatal(err)
	}
	if drain(t, c); len(p.orders) != 3 {
		t.Errorf("another job with the letter: %v, %d orders", status(t, c, "another"), len(p.orders))
	}
}

// While a job is being sent it is asked to be erased when it is over, and the
// vendor refuses it: another one may take it, as if nothing had been asked.
func TestEraseDoesNotEndAFailover(t *testing.T) {
	t.Parallel()
	for _, now := range []bool{false, true} {
		one, two := newPress(t, "alpha", postproof.IdempotencyKey), newPress(t, "beta", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{one, two})
		one.faults(func(op, _ string, _ int) string {
			if op != "/order" {
				return ""
			}
			e := eraseAda()
			e.Now = now
			if rep := erase(t, c, e); outcomeOf(t, rep).State != idempotency.Sending {
				t.Errorf("erased in state %s", outcomeOf(t, rep).State)
			}
			return "422"
		})
		rec, err := c.Submit(t.Context(), ada())
		switch {
		case now && (rec.State != idempotency.Cancelled || !rec.Tombstone || len(two.orders) > 0):
			t.Errorf("now: %v, %v, %d orders at the other vendor", rec, err, len(two.orders))
		case !now && (err != nil || rec.State != idempotency.Accepted || len(two.orders) != 1 || rec.EraseAt.IsZero()):
			t.Errorf("in its time: %v, %v, %d orders at the other vendor", rec, err, len(two.orders))
		}
	}
}

// A restored backup that has the erasure doubts what is followed under the
// references that there are: no history has sent anything since.
func TestRecoverAnErasedJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithPollInterval(5*time.Minute))
		if _, err := c.Submit(t.Context(), ada()); err != nil {
			t.Fatal(err)
		}
		e := eraseAda()
		e.Now = true
		erase(t, c, e)
		before := status(t, c, adaKey)
		store.BreakHistory()
		c = newClient(t, store, []*press{p}, client.WithPollInterval(5*time.Minute))
		if out, err := c.Recover(t.Context(), client.RecoverOptions{By: "ann"}); err != nil || out.Doubted != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		rec := status(t, c, adaKey)
		if rec.Generation != before.Generation || len(rec.Submissions) != len(before.Submissions) || rec.PollAt.After(time.Now()) {
			t.Errorf("generation %d, %d submissions, polled at %s", rec.Generation, len(rec.Submissions), rec.PollAt)
		}
		p.mu.Lock()
		p.orders[0].Status = "delivered"
		p.mu.Unlock()
		runFor(t, c, 10*24*time.Hour)
		if rec := status(t, c, adaKey); !rec.Tombstone || rec.State != idempotency.Done {
			t.Errorf("at the end: %v", rec)
		}
	})
}

// The rows of a snapshot go with the job, by the contact that it names.
func TestEraseSnapshots(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
	if _, err := c.Enqueue(t.Context(), one(ada())); err != nil {
		t.Fatal(err)
	}
	store := snapshot.NewMemory()
	list := "contact_id,name,address_line1,city,state,zip\n" + adaContact + ",Ada Quill,12 Elm Street,Springfield,IL,62701\nben,Ben Poe,3 Oak St,Springfield,IL,62701\n"
	snap, err := snapshot.Take(t.Context(), snapshot.CSV(strings.NewReader(list), snapshot.Mapping{}), snapshot.Options{Campaign: "spring", Store: store})
	if err != nil {
		t.Fatal(err)
	}
	e := eraseAda()
	e.Snapshots = store
	rep := erase(t, c, e)
	if len(rep.Snapshots) != 1 || rep.Snapshots[0].Snapshot != snap.ID() || rep.Snapshots[0].Accepted != 1 {
		t.Fatalf("snapshots: %+v", rep.Snapshots)
	}
	if _, err := snapshot.Open(t.Context(), store, snap.ID()); !errors.Is(err, snapshot.ErrErased) {
		t.Errorf("the old one: %v", err)
	}
	// By address, without a job.
	ben := client.Erasure{
		Addresses: []snapshot.AddressKey{snapshot.KeyOf(postproof.Address{Line1: "3 oak street", PostalCode: "62701", Region: "IL", City: "Springfield"})},
		Snapshots: store, By: "officer", Why: "request 18",
	}
	if rep := erase(t, c, ben); len(rep.Snapshots) != 1 || len(rep.Jobs) != 0 {
		t.Errorf("by address: %+v", rep)
	}
}
