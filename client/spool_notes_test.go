package client_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// What is noted is bounded, and what is dropped from it is told of.
func TestNotesOfSpoolFoldersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, log := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), &logs{}
		root := t.TempDir()
		dir := func(i int) string { return filepath.Join(root, fmt.Sprint(i)) }
		if err := os.Mkdir(dir(2), 0o700); err != nil {
			t.Fatal(err)
		}
		line := `{"id":"` + strings.Repeat("0", 64) + `","answer":{"Vendor":"alpha"}}` + "\n"
		if err := os.WriteFile(filepath.Join(dir(2), "answers-x.jsonl"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		for i := range 70 {
			newClient(t, s, []*press{p}, client.WithSpool(dir(i)), client.WithLogger(log.logger()))
			time.Sleep(time.Second)
		}
		if all := folders(t, newClient(t, s, []*press{p})); len(all) != 70 || log.count("is noted no more") != 0 {
			t.Errorf("%d of 70 that are in use are noted, told of %d", len(all), log.count("is noted no more"))
		}
		away := func() {
			if err := os.Rename(root, root+"-away"+rand.Text()); err != nil {
				t.Fatal(err)
			}
		}
		away() // they were elsewhere, and died
		time.Sleep(time.Hour)
		own := newClient(t, s, []*press{p}, client.WithSpool(dir(99)), client.WithLogger(log.logger()))
		for range 40 { // a worker that dies again and again
			newClient(t, s, []*press{p}, client.WithSpool(dir(99)))
		}
		all := folders(t, own)
		if _, oldest := all[dir(1)]; len(all) != 64 || oldest || all[dir(2)].Answers != 1 || !all[dir(99)].InUse || log.count("is noted no more") != 7 {
			t.Errorf("%d are noted, the oldest: %v; told of %d", len(all), oldest, log.count("is noted no more"))
		}
		var notes []struct {
			Users map[string]time.Time `json:"users"`
		}
		set, err := s.Setting(t.Context(), "spool/folders")
		if err != nil || json.Unmarshal(set.Value, &notes) != nil {
			t.Fatalf("%s, %v", set.Value, err)
		}
		for _, n := range notes {
			if len(n.Users) > 16 {
				t.Errorf("%d users are noted", len(n.Users))
			}
		}
		away()
		time.Sleep(91 * 24 * time.Hour)
		late := newClient(t, s, []*press{p}, client.WithSpool(t.TempDir()))
		if n := len(folders(t, late)); n != 1 {
			t.Errorf("%d are noted after months", n)
		}
	})
}

// Clients that are made at the same time note the folders of all of them.
func TestSpoolFoldersAreNotedByMany(t *testing.T) {
	t.Parallel()
	p, s := newPress(t, "alpha", postproof.IdempotencyKey), newShaky()
	root := t.TempDir()
	all := make([]*client.Client, 24)
	var made sync.WaitGroup
	for i := range all {
		made.Go(func() {
			all[i] = newClient(t, s, []*press{p}, client.WithSpool(filepath.Join(root, fmt.Sprint(i/2)))) // two to a folder
		})
	}
	made.Wait()
	seen := map[string]bool{}
	for dir, f := range folders(t, all[0]) {
		if seen[dir] = true; !f.InUse {
			t.Errorf("%+v", f)
		}
	}
	if len(seen) != len(all)/2 {
		t.Errorf("%d folders are noted, want %d", len(seen), len(all)/2)
	}
}

// A folder that cannot be read, or a list that is damaged, keeps nobody from working, and
// is told of.
func TestASpoolFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), t.TempDir()
		newClient(t, s, []*press{p}, client.WithSpool(dir))
		if err := os.Mkdir(filepath.Join(dir, "answers-x.jsonl"), 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Hour)
		for i, opts := range [][]client.Option{{client.WithSpool(t.TempDir())}, nil} {
			log := &logs{}
			c := newClient(t, s, []*press{p}, append(opts, client.WithLogger(log.logger()))...)
			if _, err := c.Submit(t.Context(), job(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			if got := folders(t, c)[dir]; got.Err == nil || strings.Contains(got.Err.Error(), dir) || !got.Here || got.InUse {
				t.Errorf("%d: %+v", i, got)
			}
			if log.count("cannot be taken over") != 1 || !strings.Contains(log.text(), dir) {
				t.Errorf("%d: nobody is told:\n%s", i, log.text())
			}
		}
		set, err := s.Setting(t.Context(), "spool/folders")
		if err != nil {
			t.Fatal(err)
		}
		w := idempotency.SettingWrite{Name: set.Name, Value: []byte(`{"id":`), Expect: set.Version}
		if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Settings: []idempotency.SettingWrite{w}}); err != nil {
			t.Fatal(err)
		}
		log := &logs{}
		c := newClient(t, s, []*press{p}, client.WithSpool(dir+"-new"), client.WithLogger(log.logger()))
		if got := folders(t, c); len(got) != 1 || log.count("is damaged") != 1 {
			t.Errorf("%+v, told of %d times", got, log.count("is damaged"))
		}
	})
}

// slowNotes is a ledger that takes its time for the list of spool folders.
type slowNotes struct {
	*shaky
	writes atomic.Int64
}

func (s *slowNotes) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	if name == "spool/folders" {
		time.Sleep(time.Millisecond)
	}
	return s.shaky.Setting(ctx, name)
}

func (s *slowNotes) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if len(changes[0].Settings) == 1 && changes[0].Settings[0].Name == "spool/folders" {
		s.writes.Add(1)
	}
	return s.shaky.Commit(ctx, changes)
}

// The ledger was away when the folder was to be noted, and many are sending when it is back:
// one of them notes it, and all go on.
func TestASpoolFolderIsNotedByOneOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s := newPress(t, "alpha", postproof.IdempotencyKey), &slowNotes{shaky: newShaky()}
		c := newClient(t, s, []*press{p}, client.WithSpool(t.TempDir()))
		time.Sleep(time.Hour)
		s.dead.Store(true)
		if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.NotSent {
			t.Fatalf("%v, want it not sent", err)
		}
		s.dead.Store(false)
		before := s.writes.Load()
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				if _, err := c.Submit(t.Context(), job(fmt.Sprint(i))); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		all.Wait()
		if n := s.writes.Load() - before; n != 1 {
			t.Errorf("it was noted %d times", n)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Submit(gone, job("late")); err == nil {
			t.Error("who has gone is waited for")
		}
	})
}

// The disk of a spool folder is not mounted any more when its client is closed: what lies on
// it is not forgotten, and is applied when it is there again.
func TestASpoolFolderThatIsAwayIsNotEmpty(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := unasked(t), newShaky(), t.TempDir()
		worker := spoolOne(t, s, p, dir, "a")
		if err := os.Rename(dir, dir+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := worker.Close(); err != nil {
			t.Fatal(err)
		}
		if got, there := folders(t, onlooker(t, s))[dir]; !there || got.InUse {
			t.Errorf("%+v, noted: %v; want it left, and answers may lie there", got, there)
		}
		if err := os.Rename(dir+"-away", dir); err != nil {
			t.Fatal(err)
		}
		next := newClient(t, s, []*press{p}, client.WithSpool(t.TempDir()))
		drain(t, next)
		if rec := status(t, next, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Errorf("%v; printed %d", rec, p.alive())
		}
	})
}

// While a folder is looked into, to be given back, another client takes a file over, which
// has another name then: the folder is not empty for that.
func TestASpoolFileThatIsTakenOverMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), t.TempDir()
		c := newClient(t, s, []*press{p}, client.WithSpool(dir))
		if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "answers-x.jsonl")); err != nil { // listed, and not there
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, there := folders(t, onlooker(t, s))[dir]; !there {
			t.Error("the folder is forgotten")
		}
	})
}
