package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors/signature"
)

// callbackOf puts a callback with a body into the inbox, as it came.
func callbackOf(t *testing.T, e idempotency.Engine, state idempotency.MessageState, dedupe, body string) *idempotency.Message {
	t.Helper()
	m := &idempotency.Message{Vendor: "alpha", Account: "a", Mode: postproof.ModeTest, Dedupe: dedupe, State: state, Body: []byte(body), Header: map[string]string{"X-Signature": "s"}}
	if fresh, err := e.Inbox().Put(t.Context(), m); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	return m
}

func inbox(t *testing.T, e idempotency.Engine) map[string]string {
	t.Helper()
	all := map[string]string{}
	for m, err := range e.Inbox().List(t.Context(), idempotency.MessageQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		all[m.Dedupe] = fmt.Sprintf("%s %s %v", m.State, m.Body, len(m.Header) > 0)
	}
	return all
}

func TestEraseInbox(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, []*press{p})
	rec, err := c.Submit(t.Context(), ada())
	if err != nil {
		t.Fatal(err)
	}
	ref := string(rec.Submissions[0].Ref)
	const settled, parked, ignored, waiting = idempotency.MessageApplied, idempotency.MessageParked, idempotency.MessageIgnored, idempotency.MessageWaiting
	callbackOf(t, store, settled, "by ref", `{"ref":"`+ref+`","name":"Ada Quill"}`)
	callbackOf(t, store, parked, "by id", `id=`+rec.Receipt.VendorID+`&to=12+Elm+Street`)
	callbackOf(t, store, ignored, "escaped id", `x=%22`+rec.Receipt.VendorID+`%22`)
	token, err := signature.JWT{}.Sign([]byte(`{"data":{"id":"`+rec.Receipt.VendorID+`","name":"Ada Quill"}}`), "a secret of the webhook")
	if err != nil {
		t.Fatal(err)
	}
	callbackOf(t, store, settled, "a token", string(token))
	open := callbackOf(t, store, waiting, "waits", `{"ref":"`+ref+`"}`)
	callbackOf(t, store, settled, "another's", `{"id":"`+rec.Receipt.VendorID+`7"}`)
	told := callbackOf(t, store, settled, "by the history", `{"encrypted":"Ada Quill"}`)
	batch := callbackOf(t, store, settled, "batch", `[{"sealed":"Ada Quill"},{}]`)
	part := &idempotency.Message{Vendor: "alpha", Account: "a", Mode: postproof.ModeTest, Dedupe: "part", State: settled, Header: map[string]string{"Postproof-Part": fmt.Sprint(batch.ID, "/0")}}
	if _, err := store.Inbox().Put(t.Context(), part); err != nil {
		t.Fatal(err)
	}
	for _, m := range []uint64{told.ID, part.ID} {
		entry := idempotency.Entry{ID: rec.ID, At: rec.UpdatedAt, Kind: "callback", By: fmt.Sprint("inbox/", m)}
		if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Entries: []idempotency.Entry{entry}}); err != nil {
			t.Fatal(err)
		}
	}
	before := inbox(t, store)
	e := eraseAda()
	e.Now, e.DryRun = true, true
	planned := erase(t, c, e)
	if diff := cmp.Diff(before, inbox(t, store)); diff != "" {
		t.Fatalf("a dry run changed the inbox:\n%s", diff)
	}
	e.DryRun = false
	rep := erase(t, c, e)
	if diff := cmp.Diff(planned.Messages, rep.Messages); diff != "" || len(rep.Messages) != 7 {
		t.Errorf("%d messages; planned (-) and done (+):\n%s", len(rep.Messages), diff)
	}
	for _, m := range rep.Messages {
		if m.Open != (m.ID == open.ID) || (m.Digest == "") != m.Open {
			t.Errorf("message %d is reported as %+v", m.ID, m)
		}
	}
	if rep.Complete() {
		t.Error("it is complete, with a callback that is still to be applied")
	}
	want := map[string]string{
		"by ref": "applied  false", "by id": "parked  false", "escaped id": "ignored  false", "by the history": "applied  false", "batch": "applied  false",
		"a token": "applied  false",
		"waits":   before["waits"], "another's": before["another's"], "part": before["part"],
	}
	if diff := cmp.Diff(want, inbox(t, store)); diff != "" {
		t.Errorf("inbox (-want +got):\n%s", diff)
	}
	// What deduplicates stays.
	again := &idempotency.Message{Vendor: "alpha", Account: "a", Mode: postproof.ModeTest, Dedupe: "by ref"}
	if fresh, err := store.Inbox().Put(t.Context(), again); fresh || err != nil {
		t.Errorf("the same callback again: fresh %v, %v", fresh, err)
	}
}

// The report is in the change log by its digest, which fits no other.
func TestEraseIsEntered(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, []*press{p})
	if _, err := c.Enqueue(t.Context(), one(ada())); err != nil {
		t.Fatal(err)
	}
	rep := erase(t, c, eraseAda())
	if err := c.VerifyErasure(t.Context(), rep); err != nil {
		t.Errorf("the report: %v", err)
	}
	var entries []client.ChangeEntry
	for e, err := range c.Changes(t.Context(), client.ChangeQuery{Actions: []client.Action{client.ActionErase}}) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	if len(entries) != 1 || entries[0].By != "officer" || entries[0].Why != "request 17" || entries[0].N != rep.Entry ||
		entries[0].Target != (client.Target{Kind: client.TargetJob, Name: string(idempotency.IDOf(adaKey))}) || !strings.Contains(string(entries[0].After), rep.Digest) {
		t.Errorf("the log has %+v", entries)
	}
	changed := rep
	changed.Jobs = nil
	if err := c.VerifyErasure(t.Context(), changed); postproof.CodeOf(err) != postproof.CodeConflict {
		t.Errorf("a report with a job less: %v", err)
	}
	forged := rep
	forged.Why = "another"
	forged.Digest, forged.Entry = "", 0
	if err := c.VerifyErasure(t.Context(), forged); err == nil {
		t.Error("a report without an entry is taken for true")
	}
	other := rep
	other.Entry = 7
	if err := c.VerifyErasure(t.Context(), other); postproof.CodeOf(err) != postproof.CodeNotFound {
		t.Errorf("a report with another entry: %v", err)
	}
	// With a key the digests are other ones.
	if got := outcomeOf(t, rep).Digest; len(got) != 64 {
		t.Errorf("digest %q", got)
	}
	keyed := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
	if _, err := keyed.Enqueue(t.Context(), one(ada())); err != nil {
		t.Fatal(err)
	}
	e := eraseAda()
	e.ProofKey = []byte("k")
	if outcomeOf(t, erase(t, keyed, e)).Digest == outcomeOf(t, rep).Digest {
		t.Error("the digest does not depend on the key")
	}
}

func TestEraseAsks(t *testing.T) {
	t.Parallel()
	p := newPress(t, "alpha", postproof.IdempotencyKey)
	store := idempotency.NewMemory(postproof.ModeTest)
	c := newClient(t, store, []*press{p})
	for name, tt := range map[string]struct {
		e   client.Erasure
		who client.Actor
	}{
		"nobody":         {client.Erasure{}, officer},
		"no name":        {client.Erasure{Keys: []postproof.Key{"k"}}, client.Actor{Why: "w"}},
		"no reason":      {client.Erasure{Keys: []postproof.Key{"k"}}, client.Actor{By: "b"}},
		"everybody":      {client.Erasure{Contacts: []string{""}}, officer},
		"a key is none":  {client.Erasure{Keys: []postproof.Key{""}}, officer},
		"rows of no one": {client.Erasure{Keys: []postproof.Key{"k"}, Addresses: make([]snapshot.AddressKey, 1)}, officer},
	} {
		if _, err := c.Erase(t.Context(), tt.e, tt.who); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A restored ledger knows less than was done.
	if _, err := c.Enqueue(t.Context(), one(ada())); err != nil {
		t.Fatal(err)
	}
	store.BreakHistory()
	restored := newClient(t, store, []*press{p})
	if _, err := restored.Erase(t.Context(), eraseAda(), officer); !errors.Is(err, client.ErrEpochChanged) {
		t.Errorf("on a restored ledger: %v", err)
	}
	if status(t, c, adaKey).Job == nil {
		t.Error("it was erased all the same")
	}
}

// A campaign that is named after her loses its name; others keep theirs.
func TestEraseCampaignsName(t *testing.T) {
	t.Parallel()
	for campaign, want := range map[string]string{"welcome ada quill": "", "Autumn": "Autumn", "welcome " + adaContact: ""} {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p})
		j := ada()
		j.Campaign = campaign
		if _, err := c.Enqueue(t.Context(), one(j)); err != nil {
			t.Fatal(err)
		}
		erase(t, c, eraseAda())
		if got := status(t, c, adaKey).Campaign; got != want {
			t.Errorf("campaign %q became %q, want %q", campaign, got, want)
		}
		silent(t, "the ledger", ledgerText(t, store))
	}
}

// A job that a replay sent is erased like any other: the replay's name is not hers.
// One that is named after her loses the job, and counts it no more.
func TestEraseOfAReplayedJob(t *testing.T) {
	t.Parallel()
	for run, handed := range map[string]int64{"outage-of-3-march": 1, "again-ada-quill": 0} {
		t.Run(run, func(t *testing.T) {
			t.Parallel()
			store := idempotency.NewMemory(postproof.ModeTest)
			c := newClient(t, store, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
			j := ada()
			j.To.Name = "ada-quill"
			if _, err := c.Enqueue(t.Context(), one(j)); err != nil {
				t.Fatal(err)
			}
			runReplay(t, c, plan(t, c, client.Replay{Name: run, Query: &client.ReplayQuery{}}))
			rep, err := c.Erase(t.Context(), eraseAda(), officer)
			if err != nil || len(rep.Problems) > 0 || !rep.Complete() {
				t.Errorf("Erase: %v; problems: %q, complete: %t", err, rep.Problems, rep.Complete())
			}
			p := progressOf(t, c, run)
			if p.Handed != handed || p.Canceled != handed {
				t.Errorf("the run has %d jobs, %d of them canceled, want %d", p.Handed, p.Canceled, handed)
			}
			if got := status(t, c, adaKey).Run; (got == run) != (handed == 1) {
				t.Errorf("the record is of the run %q", got)
			}
		})
	}
}

// Whichever write of an erasure fails, and whether or not it was made: the next
// one finishes it, and nothing is left.
func TestEraseIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{false, true} {
		for step := 1; ; step++ {
			p := newPress(t, "alpha", postproof.IdempotencyKey)
			store := newShaky()
			c := newClient(t, store, []*press{p})
			rec, err := c.Submit(t.Context(), ada())
			if err != nil {
				t.Fatal(err)
			}
			callbackOf(t, store, idempotency.MessageApplied, "a", `{"ref":"`+string(rec.Submissions[0].Ref)+`","name":"Ada Quill"}`)
			callbackOf(t, store, idempotency.MessageApplied, "b", `{"id":"`+rec.Receipt.VendorID+`","name":"Ada Quill"}`)
			n := 0
			fail := func([]idempotency.Change) error {
				if n++; n >= step {
					store.dead.Store(true)
					return errStore
				}
				return nil
			}
			if made {
				store.after = fail
			} else {
				store.before = fail
			}
			// By contact: once the record is buried nothing leads to it.
			e := client.Erasure{Contacts: []string{adaContact}, Now: true, Artwork: true}
			_, err = c.Erase(t.Context(), e, officer)
			store.dead.Store(false)
			store.before, store.after = nil, nil
			if n < step {
				if err != nil || step < 6 {
					t.Fatalf("%d writes, %v", n, err)
				}
				break
			}
			if err == nil && !made { // what was made, if not acknowledged, may have been found so
				t.Fatalf("write %d failed, and nobody was told", step)
			}
			next := newClient(t, store, []*press{p}) // another process
			if _, err := next.Erase(t.Context(), e, officer); err != nil {
				t.Fatalf("write %d: the next try: %v", step, err)
			}
			silent(t, fmt.Sprintf("write %d, made %v: the ledger", step, made), ledgerText(t, store.Memory))
			var job postproof.Job
			if err := job.UnmarshalJSON(rec.Job); err != nil {
				t.Fatal(err)
			}
			for i, b := range postproof.Blobs(job.Piece.Art()) {
				if _, err := store.OpenBlob(t.Context(), b); !errors.Is(err, idempotency.ErrNotFound) {
					t.Errorf("write %d, made %v: artwork %d: %v", step, made, i, err)
				}
			}
			if set, err := store.Setting(t.Context(), "erase/pending"); err != nil || string(set.Value) != "{}" {
				t.Errorf("write %d, made %v: still to be done: %s, %v", step, made, set.Value, err)
			}
		}
	}
}

// The name of a replay that names the person is not written down once more when
// its job, which was recovered, is taken out of the count.
func TestEraseOfARecoveredJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{newPress(t, "alpha", postproof.IdempotencyKey)})
		j := ada()
		j.To.Name = "ada-quill"
		if _, err := c.Enqueue(t.Context(), one(j)); err != nil {
			t.Fatal(err)
		}
		runReplay(t, c, plan(t, c, client.Replay{Name: "again-ada-quill", Query: &client.ReplayQuery{}}))
		if _, err := c.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rec := status(t, c, adaKey); rec.State != idempotency.Accepted || rec.Run == "" {
			t.Fatalf("the job is %s, of the run %q", rec.State, rec.Run)
		}
		e := eraseAda()
		e.Now = true
		rep, err := c.Erase(t.Context(), e, officer)
		if err != nil || len(rep.Problems) > 0 {
			t.Errorf("Erase: %v; problems: %q", err, rep.Problems)
		}
		for e, err := range store.Entries(t.Context(), idempotency.EntryQuery{ID: idempotency.IDOf(adaKey)}) {
			if err != nil || strings.Contains(e.Note, "quill") {
				t.Errorf("the history has %+v, %v", e, err)
			}
		}
	})
}
