package client_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
)

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
	if _, err := store.OpenBlob(t.Context(), html.FrontBlob); err != nil {
		t.Fatalf("a dry run deleted: %v", err)
	}
	e.DryRun = false
	if diff := cmp.Diff(want, outcomes(erase(t, c, e))); diff != "" {
		t.Errorf("artwork (-want +got):\n%s", diff)
	}
	for range 2 {
		if _, err := store.OpenBlob(t.Context(), html.FrontBlob); !errors.Is(err, idempotency.ErrNotFound) {
			t.Errorf("her letter: %v", err)
		}
		if _, err := store.OpenBlob(t.Context(), html.BackBlob); err != nil {
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
		case now && (rec.State != idempotency.Canceled || !rec.Tombstone || len(two.orders) > 0):
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
		if out, err := c.Recover(t.Context(), client.Actor{By: "ann"}, client.RecoverOptions{}); err != nil || out.Doubted != 1 {
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
		Snapshots: store,
	}
	if rep := erase(t, c, ben); len(rep.Snapshots) != 1 || len(rep.Jobs) != 0 {
		t.Errorf("by address: %+v", rep)
	}
}

// What reading back finds is in the report, and the erasure is not complete.
func TestEraseTellsWhatItFindsLeft(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(c *idempotency.Change)
		want  string
	}{
		"a contact stays":      {func(c *idempotency.Change) { edit(c, func(r *idempotency.Record) { r.Contact = adaContact }) }, "record"},
		"a note stays":         {func(c *idempotency.Change) { edit(c, func(r *idempotency.Record) { r.Hold.Note = "moved" }) }, "record"},
		"a history stays":      {func(c *idempotency.Change) { c.Forget = false }, "entry"},
		"a payload stays":      {func(c *idempotency.Change) { c.Marks = slices.Clone(c.Marks); purgeNothing(c.Marks) }, "message"},
		"nothing is left over": {func(*idempotency.Change) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPress(t, "alpha", postproof.IdempotencyKey)
			store := newShaky()
			c := newClient(t, store, []*press{p})
			rec, err := c.Submit(t.Context(), ada())
			if err != nil {
				t.Fatal(err)
			}
			callbackOf(t, store, idempotency.MessageApplied, "a", `{"ref":"`+string(rec.Submissions[0].Ref)+`","name":"Ada Quill"}`)
			note := idempotency.Entry{ID: rec.ID, At: rec.UpdatedAt, Kind: "note", Note: "ada quill called"}
			if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Entries: []idempotency.Entry{note}}); err != nil {
				t.Fatal(err)
			}
			store.before = func(changes []idempotency.Change) error {
				for i := range changes {
					tc.spoil(&changes[i])
				}
				return nil
			}
			e := eraseAda()
			e.Now = true
			rep, err := c.Erase(t.Context(), e, officer)
			if err != nil || rep.Complete() != (tc.want == "") || (len(rep.Problems) == 1) != (tc.want != "") {
				t.Fatalf("%v, complete %v, problems %q", err, rep.Complete(), rep.Problems)
			}
			if tc.want != "" && !strings.Contains(rep.Problems[0], tc.want) {
				t.Errorf("problems: %q, want one about a %s", rep.Problems, tc.want)
			}
			silent(t, "the report", rep)
		})
	}
}

func edit(c *idempotency.Change, change func(*idempotency.Record)) {
	if c.Record != nil {
		r := *c.Record
		change(&r)
		c.Record = &r
	}
}

func purgeNothing(marks []idempotency.Mark) {
	for i := range marks {
		marks[i].Purge = false
	}
}

// Short names and numbers stand in many texts by chance: that is no problem, and
// takes no campaign's name away.
func TestEraseIsNotMisledByShortNames(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
	j := job("2027")
	j.Campaign, j.To.Name, j.To.Line2 = "spring 2027: a fresh start for all", "A", "Al"
	if _, err := c.Submit(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	rep, err := c.Erase(t.Context(), client.Erasure{Keys: []postproof.Key{"2027"}, Now: true}, client.Actor{By: "officer", Why: "request 2027"})
	if err != nil || len(rep.Problems) > 0 || status(t, c, "2027").Campaign != j.Campaign {
		t.Errorf("%v, problems %q, campaign %q", err, rep.Problems, status(t, c, "2027").Campaign)
	}
}

// A job that is held in doubt is not forgotten with the person: somebody still
// has to say what became of it.
func TestEraseWhatIsHeldInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyNone)
		p.look = false
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithPollInterval(5*time.Minute))
		p.faults(func(string, string, int) string { return "lose" })
		if _, err := c.Submit(t.Context(), ada()); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
		runFor(t, c, time.Hour)
		if rec := status(t, c, adaKey); rec.State != idempotency.Held {
			t.Fatalf("%v", rec)
		}
		open := outcomeOf(t, erase(t, c, eraseAda()))
		if open.Outcome != client.ErasureOpen || !open.After.IsZero() || len(open.Pieces) != 1 {
			t.Errorf("%+v", open)
		}
		e := eraseAda()
		e.Now = true
		if got := outcomeOf(t, erase(t, c, e)); got.Outcome != client.ErasureFollowed || got.State != idempotency.Held {
			t.Errorf("%+v", got)
		}
		silent(t, "the ledger", ledgerText(t, store))
		held := 0
		for rec, err := range c.Held(t.Context(), "") {
			if held++; err != nil || rec.Hold.Reason != idempotency.HoldCannotAsk {
				t.Errorf("%v, %v", rec, err)
			}
		}
		rec, err := c.Decide(t.Context(), adaKey, client.Decision{Verdict: idempotency.VerdictAccepted, VendorID: "alpha_1"}, client.Actor{By: "ann", Why: "called the vendor about Ada Quill"})
		if err != nil || rec.State != idempotency.Accepted || held != 1 {
			t.Fatalf("%v, %v, %d held", rec, err, held)
		}
		silent(t, "the ledger after the decision", ledgerText(t, store))
		p.faults(nil)
		p.mu.Lock()
		p.orders[0].Status = "delivered"
		p.mu.Unlock()
		runFor(t, c, 10*24*time.Hour)
		if rec := status(t, c, adaKey); !rec.Tombstone || rec.State != idempotency.Done || len(p.orders) != 1 {
			t.Errorf("at the end: %v, %d orders", rec, len(p.orders))
		}
	})
}
