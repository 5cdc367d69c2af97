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

// lastOf is the last generation that a job is doubted in.
func lastOf(t *testing.T, c *client.Client, key string) (last int) {
	t.Helper()
	for _, s := range status(t, c, key).Submissions {
		last = max(last, s.Generation)
	}
	return last
}

// Whoever recovers a ledger with smaller deadlines than the workers had that were lost
// looks up as many references as those can have come to; also those of keys that are new
// to it, and on a ledger that was never told of any deadlines.
func TestRecoverKnowsTheDeadlinesOfOthers(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	small := idempotency.Deadlines{MaxGenerations: 1, PlannedFor: day}
	for name, tc := range map[string]struct {
		others, same idempotency.Deadlines // same: of one client, that looks as far
		running      bool                  // who recovers was made before, and has seen it
	}{
		"more generations": {others: idempotency.Deadlines{MaxGenerations: 9}, same: idempotency.Deadlines{MaxGenerations: 9}},
		"longer waits":     {others: idempotency.Deadlines{PlannedFor: 60 * day}, same: idempotency.Deadlines{PlannedFor: 60 * day}},
		"each a part":      {others: idempotency.Deadlines{MaxGenerations: 6, PlannedFor: day}, same: idempotency.Deadlines{MaxGenerations: 6}},
		"smaller, too":     {others: small},
		"seen before":      {others: idempotency.Deadlines{MaxGenerations: 9}, same: idempotency.Deadlines{MaxGenerations: 9}, running: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPress(t, "alpha", postproof.IdempotencyKey)
				p.tune = func(c *postproof.Capabilities) { c.Idempotency.Window, c.Idempotency.Margin = 11*day, day }
				last := func(s *shaky, c *client.Client) (generations []int) {
					time.Sleep(65 * day)
					restore(s)
					recovered(t, c, client.RecoverOptions{})
					if _, err := c.Enqueue(t.Context(), client.JobList(job("new"))); err != nil {
						t.Fatal(err)
					}
					return []int{lastOf(t, c, "contact-0"), lastOf(t, c, "new")}
				}
				store := func(d idempotency.Deadlines) *shaky {
					s := newShaky()
					if _, err := newClient(t, s, []*press{p}, client.WithDeadlines(d)).Enqueue(t.Context(), jobs(1)); err != nil {
						t.Fatal(err)
					}
					return s
				}
				s := store(tc.others)
				c := newClient(t, s, []*press{p}, client.WithDeadlines(small))
				if tc.running { // the backup is from before
					forgotten, err := s.Setting(t.Context(), "recover/deadlines")
					if err != nil || forgotten.Version == 0 {
						t.Fatalf("%+v, %v", forgotten, err)
					}
					set := idempotency.SettingWrite{Name: forgotten.Name, Expect: forgotten.Version}
					if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Settings: []idempotency.SettingWrite{set}}); err != nil {
						t.Fatal(err)
					}
				}
				got := last(s, c)
				same := store(tc.same)
				want := last(same, newClient(t, same, []*press{p}, client.WithDeadlines(tc.same)))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("doubted up to (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Two clients that are made at the same time keep the larger of both.
func TestDeadlinesAreKeptByTwo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, p := newShaky(), newPress(t, "alpha", postproof.IdempotencyKey)
		other := func(n int) {
			newClient(t, s.Memory, []*press{p}, client.WithDeadlines(idempotency.Deadlines{MaxGenerations: n}))
		}
		s.before = func([]idempotency.Change) error {
			s.before = nil
			other(7)
			return nil
		}
		store := client.Store(s)
		newClient(t, store, []*press{p}, client.WithDeadlines(idempotency.Deadlines{PlannedFor: 90 * 24 * time.Hour}))
		if _, err := newClient(t, s, []*press{p}).Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		restore(s)
		c := newClient(t, s, []*press{p})
		recovered(t, c, client.RecoverOptions{})
		if last := lastOf(t, c, "contact-0"); last != 8 {
			t.Errorf("doubted up to generation %d, want 8", last)
		}
		set, err := s.Setting(t.Context(), "recover/deadlines")
		if err != nil || string(set.Value) != `{"generations":7,"planned":7776000000000000}` {
			t.Errorf("%s, %v", set.Value, err)
		}
	})
}

// Who only looks on sends nothing: its deadlines are nobody's.
func TestDeadlinesOfAnOnlookerAreNotKept(t *testing.T) {
	t.Parallel()
	s := newShaky()
	onlooker(t, s, client.WithDeadlines(idempotency.Deadlines{MaxGenerations: 9}))
	if set, err := s.Setting(t.Context(), "recover/deadlines"); err != nil || set.Version != 0 {
		t.Errorf("%s, %v", set.Value, err)
	}
}

// Whoever meets a setting that cannot be read is told which, and what to do.
func TestASettingThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"recover/deadlines", "recover/doubt", "recover/number"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := idempotency.NewMemory(postproof.ModeTest)
			put := idempotency.SettingWrite{Name: name, Value: []byte("{half")}
			if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Settings: []idempotency.SettingWrite{put}}); err != nil {
				t.Fatal(err)
			}
			_, err := client.New(t.Context(), store, nil, client.WithoutVendors(), client.WithLogger(quiet()))
			if !errors.Is(err, idempotency.ErrCorrupt) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "newer version") {
				t.Errorf("New = %v", err)
			}
		})
	}
}

// A backup from before larger deadlines than those of who recovers is put back under workers
// that have them: it is told by those that still run.
func TestRecoverKnowsTheDeadlinesOfWhoStillRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, backup := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), newShaky()
		if _, err := newClient(t, backup, []*press{p}).Enqueue(t.Context(), jobs(1)); err != nil {
			t.Fatal(err)
		}
		worker := newClient(t, s, []*press{p}, client.WithDeadlines(idempotency.Deadlines{MaxGenerations: 9}))
		s.Memory = backup.Memory
		restore(s)
		time.Sleep(2 * time.Second)
		if err := worker.Run(t.Context()); !errors.Is(err, client.ErrEpochChanged) {
			t.Fatalf("Run = %v", err)
		}
		c := newClient(t, s, []*press{p})
		recovered(t, c, client.RecoverOptions{})
		if last := lastOf(t, c, "contact-0"); last != 10 {
			t.Errorf("doubted up to generation %d, want 10", last)
		}
	})
}
