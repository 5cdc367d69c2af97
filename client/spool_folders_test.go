package client_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// folders lists the spool folders that the ledger knows, by their paths.
func folders(t *testing.T, c *client.Client) map[string]client.SpoolFolder {
	t.Helper()
	all, err := c.SpoolFolders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byDir := map[string]client.SpoolFolder{}
	for _, f := range all {
		byDir[f.Dir] = f
	}
	if len(byDir) != len(all) {
		t.Errorf("a folder is listed twice: %+v", all)
	}
	return byDir
}

// unasked makes a press at which nobody could ask for a piece: an answer that is lost is held.
func unasked(t *testing.T) *press {
	t.Helper()
	p := newPress(t, "alpha", postproof.IdempotencyNone)
	p.look = false
	return p
}

// A process that died left an answer in its folder, and the next one was given another
// folder, or none: it is applied, and the folder is noted until somebody has seen that
// nothing is left there.
func TestAnswersInAFolderThatNoOptionNamesAreApplied(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"another folder": true, "no folder": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir, log := unasked(t), newShaky(), t.TempDir(), &logs{}
				more := func() (opts []client.Option) {
					if own {
						opts = append(opts, client.WithSpool(t.TempDir()))
					}
					return opts
				}
				spoolOne(t, s, p, dir, "a")
				if got := onlooker(t, s).Spooled(); len(got) != 1 || got[0].Vendor != "alpha" || len(files(t, dir)) != 1 {
					t.Errorf("who looks on finds %+v, and leaves %v", got, files(t, dir))
				}
				opts := append(more(), client.WithLogger(log.logger()))
				next := newClient(t, s, []*press{p}, opts...)
				drain(t, next)
				if rec := status(t, next, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
					t.Fatalf("%v; printed %d", rec, p.alive())
				}
				if left := files(t, dir); len(left) != 0 || len(next.Spooled()) != 0 {
					t.Errorf("left over: %v, %+v", left, next.Spooled())
				}
				if own && (log.count("they are taken over") != 1 || !strings.Contains(log.text(), dir)) {
					t.Errorf("nobody is told:\n%s", log.text())
				}
				if err := next.Close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(4 * time.Hour)
				last := newClient(t, s, []*press{p}, more()...)
				if got, there := folders(t, last)[dir]; there {
					t.Errorf("still noted: %+v", got)
				}
			})
		})
	}
}

// What has no place in the ledger stays on a disk, whichever folder it was found in, and
// whether the client has a folder of its own.
func TestParkedAnswersOfAnotherFolderStayOnADisk(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]bool{"a folder of its own": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir, other := unasked(t), newVeiled(), t.TempDir(), t.TempDir()
				spoolOneVeiled(t, s, p, dir)
				s.cover(newer)
				var opts []client.Option
				if own {
					opts = append(opts, client.WithSpool(other))
				}
				for range 3 {
					c := newClient(t, s, []*press{p}, opts...)
					runFor(t, c, 10*time.Minute)
					if all := c.Spooled(); len(all) != 1 || all[0].Parked == "" {
						t.Fatalf("Spooled = %+v, want the parked answer", all)
					}
					if err := c.Close(); err != nil {
						t.Fatal(err)
					}
					if n := len(files(t, dir)) + len(files(t, other)); n != 1 {
						t.Fatalf("it lies in %d files, want one", n)
					}
				}
				s.uncover()
				c := newClient(t, s, []*press{p}) // which has no folder
				drain(t, c)
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted {
					t.Errorf("%v", rec)
				}
			})
		})
	}
}

// A copied ledger has the notes of its original, whose answers are not for it. A restored
// one takes them over when it was recovered.
func TestACopyLeavesTheSpoolFoldersOfItsOriginal(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]client.RecoverOptions{"copied": {Copy: true}, "restored": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir, mine := unasked(t), newShaky(), t.TempDir(), t.TempDir()
				spoolOne(t, s, p, dir, "a")
				before := files(t, dir)
				restore(s)
				for _, with := range [][]client.Option{{client.WithSpool(mine)}, nil} {
					c := newClient(t, s, []*press{p}, with...)
					if got := c.Spooled(); len(got) != 0 {
						t.Fatalf("before it is recovered it has %+v", got)
					}
				}
				if got := onlooker(t, s).Spooled(); len(got) != 0 {
					t.Errorf("who looks on finds %+v", got)
				}
				c := newClient(t, s, []*press{p}, client.WithSpool(mine))
				recovered(t, c, opts)
				runFor(t, c, time.Hour)
				newClient(t, s, []*press{p})
				newClient(t, s, []*press{p}, client.WithSpool(mine))
				switch after, state := files(t, dir), status(t, c, "a").State; {
				case opts.Copy && (!cmp.Equal(before, after) || state == idempotency.Accepted):
					t.Errorf("the folder had %v and has %v; the job is %s", before, after, state)
				case !opts.Copy && (len(after) != 0 || state != idempotency.Accepted):
					t.Errorf("the folder has %v; the job is %s", after, state)
				}
				if _, there := folders(t, c)[dir]; there { // nothing lies there that is the ledger's
					t.Errorf("the folders are %+v", folders(t, c))
				}
			})
		})
	}
}

// A folder that is not on this machine is listed with its host, until somebody who sees
// it finds nothing there; what lies there is applied when it is back.
func TestSpoolFoldersElsewhereAreListed(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, closes := range map[string]bool{"a worker that died": false, "one that was closed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, s, dir, log, mine := unasked(t), newShaky(), t.TempDir(), &logs{}, t.TempDir()
				began := time.Now().UTC()
				worker := spoolOne(t, s, p, dir, "a")
				if closes {
					if err := worker.Close(); err != nil {
						t.Fatal(err)
					}
				}
				away := dir + "-away"
				if err := os.Rename(dir, away); err != nil {
					t.Fatal(err)
				}
				want := client.SpoolFolder{Host: host, Dir: dir, Seen: began, InUse: !closes}
				if closes {
					want.Seen, want.Answers = time.Now().UTC(), 1
				}
				look := onlooker(t, s)
				if diff := cmp.Diff(want, folders(t, look)[dir]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				time.Sleep(4 * time.Hour)
				if err := os.Mkdir(dir, 0o700); err != nil { // where a disk is mounted, and is not
					t.Fatal(err)
				}
				c := newClient(t, s, []*press{p}, client.WithSpool(mine), client.WithLogger(log.logger()))
				runFor(t, c, 2*time.Hour)
				want.InUse = false
				if diff := cmp.Diff(want, folders(t, c)[dir]); diff != "" {
					t.Errorf("when it was left (-want +got):\n%s", diff)
				}
				if n := log.count(`"folder":"` + dir); (n == 1) != closes || n > 1 {
					t.Errorf("the log names it %d times", n)
				}
				if err := os.Remove(dir); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(away, dir); err != nil {
					t.Fatal(err)
				}
				if got := folders(t, onlooker(t, s))[dir]; !got.Here || got.Answers != 1 || got.InUse {
					t.Errorf("it is back: %+v", got)
				}
				runFor(t, c, 2*time.Hour) // it looks now and then
				if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
					t.Errorf("%v; printed %d", rec, p.alive())
				}
				if all := folders(t, c); len(all) != 1 || !all[mine].InUse {
					t.Errorf("the folders are %+v", all)
				}
			})
		})
	}
}

// Workers on two machines have folders of one path: each is noted.
func TestSpoolFoldersOfOnePathOnTwoMachines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := unasked(t), newShaky(), t.TempDir()
		if err := spoolOne(t, s, p, dir, "a").Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir, dir+"-first"); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, s, []*press{p}, client.WithSpool(dir))
		list := func() (all []string) {
			folders, err := c.SpoolFolders(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range folders {
				all = append(all, fmt.Sprintf("%s here %t, in use %t: %d", f.Dir, f.Here, f.InUse, f.Answers))
			}
			return all
		}
		first := dir + " here false, in use false: 1"
		if diff := cmp.Diff([]string{first, dir + " here true, in use true: 0"}, list()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{first}, list()); diff != "" {
			t.Errorf("when one has left (-want +got):\n%s", diff)
		}
	})
}

// The ledger is away when an answer is spooled: the folder is noted before anything is
// sent, or nothing is.
func TestNothingIsSentBeforeTheSpoolFolderIsNoted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), t.TempDir()
		away := true
		s.before = func(ch []idempotency.Change) error {
			if away && len(ch[0].Settings) > 0 && ch[0].Settings[0].Name == "spool/folders" {
				return errStore
			}
			return nil
		}
		c := newClient(t, s, []*press{p}, client.WithSpool(dir))
		for range 3 {
			if _, err := c.Submit(t.Context(), job("a")); postproof.DeliveryOf(err) != postproof.NotSent || postproof.CodeOf(err) != postproof.CodeUnavailable ||
				strings.Contains(err.Error(), dir) {
				t.Fatalf("Submit = %v", err)
			}
		}
		away = false
		if _, err := c.Submit(t.Context(), job("a")); err != nil || p.alive() != 1 {
			t.Fatalf("Submit = %v; printed %d", err, p.alive())
		}
		// A restored backup knows nothing of it.
		forget(t, s, "spool/folders")
		restore(s)
		recovered(t, c, client.RecoverOptions{})
		if _, err := c.Enqueue(t.Context(), client.JobList(job("b"))); err != nil || !folders(t, c)[dir].InUse {
			t.Errorf("%v; the folders are %+v", err, folders(t, c))
		}
	})
}

// forget takes a setting away.
func forget(t *testing.T, s client.Store, name string) {
	t.Helper()
	set, err := s.Setting(t.Context(), name)
	if err != nil || set.Version == 0 {
		t.Fatalf("%+v, %v", set, err)
	}
	w := idempotency.SettingWrite{Name: name, Expect: set.Version}
	if err := idempotency.CommitOne(t.Context(), s, idempotency.Change{Settings: []idempotency.SettingWrite{w}}); err != nil {
		t.Fatal(err)
	}
}

// A note is taken back by who leaves last, if nothing is left in the folder.
func TestSpoolFolderIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := newPress(t, "alpha", postproof.IdempotencyKey), newShaky(), t.TempDir()
		look := onlooker(t, s)
		one := newClient(t, s, []*press{p}, client.WithSpool(dir))
		two := newClient(t, s, []*press{p}, client.WithSpool(dir))
		for i, c := range []*client.Client{one, two} {
			if got := folders(t, look); len(got) != 1 || !got[dir].InUse {
				t.Errorf("%d: the folders are %+v", i, got)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := folders(t, look); len(got) != 0 {
			t.Errorf("when all have left: %+v", got)
		}
		closed := spoolOne(t, s, p, dir, "a")
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := closed.Prune(t.Context(), time.Time{}); err != nil { // the ledger is enough for it
			t.Fatal(err)
		}
		if got := folders(t, look)[dir]; got.InUse || got.Answers != 1 {
			t.Errorf("with an answer: %+v", got)
		}
	})
}

// A worker does not take from one that lives, but at its start; when the other one has
// said nothing for hours what it left is applied.
func TestAnswersOfANeighborThatDiesAreApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, s, dir := unasked(t), newVeiled(), t.TempDir()
		c := newClient(t, s, []*press{p}, client.WithSpool(t.TempDir()), client.WithLease(24*time.Hour))
		neighbor := spoolOneVeiled(t, s, p, dir)
		s.cover(newer)
		runFor(t, neighbor, 5*time.Hour) // parked, and noted again and again
		runFor(t, c, time.Minute)
		if got := c.Spooled(); len(got) != 0 || !folders(t, c)[dir].InUse {
			t.Fatalf("Spooled = %+v, of %+v", got, folders(t, c))
		}
		s.uncover()
		runFor(t, c, 5*time.Hour)
		if rec := status(t, c, "a"); rec.State != idempotency.Accepted || p.alive() != 1 {
			t.Errorf("%v; printed %d", rec, p.alive())
		}
	})
}
