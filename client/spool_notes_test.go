package client_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
