package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// byChance is what may hold any digits: times and digests.
var byChance = regexp.MustCompile(`"at":"[^"]*"|[0-9a-f]{64}`)

// changes returns the entries of the change log that a query selects.
func changes(t *testing.T, c *client.Client, q client.ChangeQuery) []client.ChangeEntry {
	t.Helper()
	var all []client.ChangeEntry
	for e, err := range c.Changes(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// verified returns the head of a change log that must be whole.
func verified(t *testing.T, c *client.Client, known ...client.ChangeHead) client.ChangeHead {
	t.Helper()
	head, err := c.VerifyChanges(t.Context(), known...)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// jobID is a job as a target.
func jobID(key string) client.Target {
	return client.Target{Kind: client.TargetJob, Name: string(idempotency.IDOf(postproof.Key(key)))}
}

// heldJobs makes jobs that are held, because nobody can be asked about them.
func heldJobs(t *testing.T, c *client.Client, p *press, keys ...string) {
	t.Helper()
	p.faults(func(op, _ string, _ int) string {
		if op == "/order" {
			return "lose"
		}
		return ""
	})
	for _, key := range keys {
		if _, err := c.Submit(t.Context(), job(key)); postproof.DeliveryOf(err) != postproof.Unknown {
			t.Fatal(err)
		}
	}
	drain(t, c)
	p.faults(func(string, string, int) string { return "" })
	for _, key := range keys {
		if rec := status(t, c, key); rec.State != idempotency.Held {
			t.Fatal(rec)
		}
	}
}

// blind is a press that can neither be asked nor sent to again.
func blind(t *testing.T) *press {
	t.Helper()
	p := newPress(t, "alpha", postproof.IdempotencyNone)
	p.look = false
	return p
}

// act is something that a person does, and the entry that it leaves.
type act struct {
	do   func(ctx context.Context, c *client.Client) error
	want client.ChangeEntry
	// before and after are in the entry's JSON.
	before, after string
}

// acts are all that a person does to the ledger of heldJobs a, b, c, d, and of the
// planned job w.
func acts() []act {
	job4 := job("w")
	job4.To.PostalCode = "62704"
	decide := func(key postproof.Key, v idempotency.Verdict) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			_, err := c.Decide(ctx, key, client.Decision{Verdict: v}, client.Actor{By: "ann", Why: "asked them"})
			return err
		}
	}
	word := func(f func(ctx context.Context, c *client.Client) (*idempotency.Record, error)) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			_, err := f(ctx, c)
			return err
		}
	}
	entry := func(a client.Action, target client.Target, why string) client.ChangeEntry {
		return client.ChangeEntry{By: "ann", Why: why, Action: a, Target: target}
	}
	return []act{
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Pause(ctx, client.CampaignTarget("spring"), client.Actor{By: "ann", Why: "look"})
			return err
		}, entry(client.ActionPause, client.CampaignTarget("spring"), "look"), "", `"why":"look"`},
		{func(ctx context.Context, c *client.Client) error {
			_, err := c.Resume(ctx, client.CampaignTarget("spring"), client.Actor{By: "ann", Why: "seen"})
			return err
		}, entry(client.ActionResume, client.CampaignTarget("spring"), "seen"), `"why":"look"`, ""},
		{decide("a", idempotency.VerdictPlanned), entry(client.ActionDecide, jobID("a"), "asked them"), `"hold":"cannot_ask_vendor"`, `"verdict":"planned"`},
		{decide("b", idempotency.VerdictAccepted), entry(client.ActionDecide, jobID("b"), "asked them"), `"state":"held"`, `"state":"accepted"`},
		{decide("c", idempotency.VerdictCanceled), entry(client.ActionDecide, jobID("c"), "asked them"), `"state":"held"`, `"cancel":"canceled"`},
		{word(func(ctx context.Context, c *client.Client) (*idempotency.Record, error) {
			return c.Release(ctx, "d", client.Actor{By: "ann"})
		}), entry(client.ActionRelease, jobID("d"), ""), `"state":"held"`, `"state":"unknown"`},
		{word(func(ctx context.Context, c *client.Client) (*idempotency.Record, error) {
			return c.Amend(ctx, job4, client.Actor{By: "ann"})
		}), entry(client.ActionAmend, jobID("w"), ""), `"state":"planned"`, `"state":"planned"`},
		{word(func(ctx context.Context, c *client.Client) (*idempotency.Record, error) {
			return c.Cancel(ctx, "w", client.Actor{By: "ann"})
		}), entry(client.ActionCancel, jobID("w"), ""), `"state":"planned"`, `"state":"canceled"`},
		{
			func(ctx context.Context, c *client.Client) error {
				return c.Approve(ctx, "summer", client.Actor{By: "ann"})
			},
			entry(client.ActionApprove, client.CampaignTarget("summer"), ""), `"approved":false`, `"approved":true`,
		},
	}
}

// Whatever a person does is in the change log, with who, why, before and after.
func TestEveryActionIsInTheChangeLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := blind(t)
		store := idempotency.NewMemory(postproof.ModeTest)
		c := newClient(t, store, []*press{p}, client.WithCanary("summer", 1))
		heldJobs(t, c, p, "a", "b", "c", "d")
		if _, err := c.Enqueue(t.Context(), these(job("w"))); err != nil {
			t.Fatal(err)
		}
		for i, a := range acts() {
			if err := a.do(t.Context(), c); err != nil {
				t.Fatalf("%s: %v", a.want.Action, err)
			}
			all := changes(t, c, client.ChangeQuery{After: uint64(i)})
			if len(all) != 1 {
				t.Fatalf("%s: %d entries", a.want.Action, len(all))
			}
			got := all[0]
			if !strings.Contains(string(got.Before), a.before) || !strings.Contains(string(got.After), a.after) {
				t.Errorf("%s: before %s, after %s", a.want.Action, got.Before, got.After)
			}
			want := a.want
			want.N, want.At, want.Before, want.After, want.Prev, want.Digest = uint64(i+1), time.Now().UTC(), got.Before, got.After, got.Prev, got.Digest
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			time.Sleep(time.Millisecond)
		}
		store.BreakHistory()
		if _, err := c.Recover(t.Context(), client.Actor{By: "bob"}, client.RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		n := uint64(len(acts()) + 1)
		if all := changes(t, c, client.ChangeQuery{By: "bob"}); len(all) != 1 || all[0].Action != client.ActionRecover || all[0].N != n || !strings.Contains(string(all[0].After), `"doubted"`) {
			t.Errorf("the recovery is told as %+v", all)
		}
		if head := verified(t, c); head.N != n {
			t.Errorf("the log has come to %d, want %d", head.N, n)
		}
		for set, err := range store.Settings(t.Context(), "log/") {
			if err != nil {
				t.Fatal(err)
			}
			said := byChance.ReplaceAllString(string(set.Value), "")
			for _, personal := range []string{"Main Street", "Current Resident", "6270", "front", "contact-"} {
				if strings.Contains(said, personal) {
					t.Errorf("%s holds %q: %s", set.Name, personal, set.Value)
				}
			}
		}
		// A word that changes nothing leaves no entry, nor does one that is refused.
		if _, err := c.Cancel(t.Context(), "w", client.Actor{By: "eve"}); err != nil {
			t.Error(err)
		}
		if _, err := c.Release(t.Context(), "w", client.Actor{By: "eve"}); postproof.CodeOf(err) != postproof.CodeConflict {
			t.Error(err)
		}
		if err := c.Approve(t.Context(), "summer", client.Actor{By: "eve"}); err != nil {
			t.Error(err)
		}
		if _, err := c.Cancel(t.Context(), "a", client.Actor{By: ""}); postproof.CodeOf(err) != postproof.CodeInvalidArgument {
			t.Errorf("a cancellation by nobody: %v", err)
		}
		if all := changes(t, c, client.ChangeQuery{By: "eve"}); len(all) != 0 {
			t.Errorf("nothing was done, and told of: %+v", all)
		}
	})
}

// What cannot be told is not done.
func TestWhatIsNotInTheChangeLogHasNotHappened(t *testing.T) {
	t.Parallel()
	for i, a := range acts() {
		t.Run(fmt.Sprintf("%s %d", a.want.Action, i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := blind(t)
				store := newShaky()
				c := newClient(t, store, []*press{p}, client.WithCanary("summer", 1))
				heldJobs(t, c, p, "a", "b", "c", "d")
				if _, err := c.Enqueue(t.Context(), these(job("w"))); err != nil {
					t.Fatal(err)
				}
				if a.want.Action == client.ActionResume {
					if err := acts()[0].do(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
				before := everything(t, store.Memory)
				// The commits of the log fail, and no others.
				store.before = func(all []idempotency.Change) error {
					for _, ch := range all {
						for _, s := range ch.Settings {
							if strings.HasPrefix(s.Name, "log/") {
								return errStore
							}
						}
					}
					return nil
				}
				if err := a.do(t.Context(), c); !errors.Is(err, errStore) {
					t.Errorf("the error is %v", err)
				}
				if diff := cmp.Diff(before, everything(t, store.Memory)); diff != "" {
					t.Errorf("it was done, and nobody will know by whom (-before +after):\n%s", diff)
				}
			})
		})
	}
}

// everything is what the ledger knows.
func everything(t *testing.T, store *idempotency.Memory) (all []string) {
	t.Helper()
	for rec, err := range store.Find(t.Context(), idempotency.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec.String()+" "+string(rec.Job))
	}
	for set, err := range store.Settings(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, set.Name+" "+string(set.Value))
	}
	n := 0
	for _, err := range store.Entries(t.Context(), idempotency.EntryQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return append(all, fmt.Sprint(n))
}

// Any number of writers leave one chain.
func TestChangeLogOfManyWriters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := idempotency.NewMemory(postproof.ModeTest)
		var all sync.WaitGroup
		for i := range 4 {
			c := newClient(t, store, []*press{p})
			for j := range 25 {
				all.Go(func() {
					target := client.CampaignTarget(fmt.Sprintf("%d-%d", i, j))
					if e, err := c.Pause(t.Context(), target, client.Actor{By: "ann", Why: "a reason"}); err != nil || e.N == 0 {
						t.Errorf("%+v, %v", e, err)
					}
					if j%5 == 0 {
						if _, err := c.Resume(t.Context(), target, client.Actor{By: "ann", Why: "a reason"}); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		all.Wait()
		c := newClient(t, store, []*press{p})
		if head := verified(t, c); head.N != 120 {
			t.Errorf("%d entries, want 120", head.N)
		}
		if got, err := c.Paused(t.Context()); err != nil || len(got) != 80 {
			t.Errorf("%d pauses, want 80; %v", len(got), err)
		}
	})
}

// reading is a ledger that counts the settings that are read.
type reading struct {
	*idempotency.Memory
	read atomic.Int64
}

func (s *reading) Settings(ctx context.Context, prefix string) iter.Seq2[idempotency.Setting, error] {
	return func(yield func(idempotency.Setting, error) bool) {
		for set, err := range s.Memory.Settings(ctx, prefix) {
			if s.read.Add(1); !yield(set, err) {
				return
			}
		}
	}
}

func TestChangesQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		store := &reading{Memory: idempotency.NewMemory(postproof.ModeTest)}
		c := newClient(t, store, []*press{p})
		const n = 2102
		began := time.Now().UTC()
		for i := range n / 2 {
			target, by := client.CampaignTarget("spring"), "ann"
			if i%100 == 7 {
				target, by = client.BelowPriorityTarget(i), "bob"
			}
			if _, err := c.Pause(t.Context(), target, client.Actor{By: by, Why: "a reason"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			resume(t, c, target)
			time.Sleep(time.Second)
		}
		numbers := func(q client.ChangeQuery) (all []uint64) {
			for _, e := range changes(t, c, q) {
				all = append(all, e.N)
			}
			return all
		}
		for what, tc := range map[string]struct {
			q    client.ChangeQuery
			want []uint64
			read int64 // at most
		}{
			"the end":                     {client.ChangeQuery{After: n - 2}, []uint64{n - 1, n}, 103},
			"behind it":                   {client.ChangeQuery{After: n}, nil, 103},
			"far behind it":               {client.ChangeQuery{After: 1 << 62}, nil, 0},
			"the first":                   {client.ChangeQuery{Limit: 2}, []uint64{1, 2}, 2},
			"over a border":               {client.ChangeQuery{After: 998, Limit: 3}, []uint64{999, 1000, 1001}, 1002},
			"behind a border":             {client.ChangeQuery{After: 1999, Limit: 1}, []uint64{2000}, 1},
			"a time":                      {client.ChangeQuery{Since: began.Add(2 * time.Second), Until: began.Add(5 * time.Second)}, []uint64{3, 4, 5}, n},
			"a name":                      {client.ChangeQuery{Target: client.BelowPriorityTarget(107)}, []uint64{215, 216}, n},
			"a kind, a person, an action": {client.ChangeQuery{Target: client.Target{Kind: client.TargetPriority}, By: "bob", Actions: []client.Action{client.ActionPause, client.ActionResume}, Limit: 3}, []uint64{15, 16, 215}, n},
		} {
			store.read.Store(0)
			got := numbers(tc.q)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if r := store.read.Load(); r > tc.read {
				t.Errorf("%s: %d settings were read, want %d at most", what, r, tc.read)
			}
		}
		if all := numbers(client.ChangeQuery{}); len(all) != n {
			t.Errorf("%d entries of %d", len(all), n)
		}
		if head := verified(t, c); head.N != n {
			t.Errorf("verified to %d", head.N)
		}
	})
}

// An entry says the same when it was read again, whatever was put into it.
func TestChangeEntryOfOddTexts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPress(t, "alpha", postproof.IdempotencyKey)
		c := newClient(t, idempotency.NewMemory(postproof.ModeTest), []*press{p})
		for i, odd := range []string{"<b>&\u2028", "\xff\xfe", `"},"digest":"`, "é\x00\n", strings.Repeat("long ", 1000)} {
			e, err := c.Pause(t.Context(), client.CampaignTarget(fmt.Sprint(i)), client.Actor{By: "ann " + odd, Why: odd})
			if err != nil {
				t.Fatal(err)
			}
			got := changes(t, c, client.ChangeQuery{After: e.N - 1})
			if diff := cmp.Diff([]client.ChangeEntry{e}, got, cmp.Comparer(sameJSON)); diff != "" {
				t.Errorf("%q as returned and as read (-want +got):\n%s", odd, diff)
			}
			if _, err := c.Undo(t.Context(), e.N, client.Actor{By: "bob", Why: odd}); err != nil {
				t.Errorf("%q cannot be undone: %v", odd, err)
			}
		}
		verified(t, c)
	})
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return (len(a) == 0 && len(b) == 0) || (json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y))
}
