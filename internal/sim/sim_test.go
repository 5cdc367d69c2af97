package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// full reports whether the tests run at their full size.
func full() bool { return os.Getenv("POSTPROOF_TEST_FULL") == "1" }

// Every class of worlds has its turn, and no promise is broken.
func TestCleanRunKeepsEveryPromise(t *testing.T) {
	t.Parallel()
	f := flags{n: 24 * 25, size: 25, seed: 7, world: -1}
	switch {
	case full():
		f.n, f.size = 100_000, 200
	case testing.Short():
		f.n = 12 * 25
	}
	var log bytes.Buffer
	s := runFleet(t, f, &log)
	if len(s.Violations) > 0 || s.PrintedTwice+s.Lost > 0 {
		t.Fatalf("%+v\n%s", s, log.String())
	}
	if s.Jobs < f.n || s.Printed < s.Jobs/2 || s.Sends < s.Printed {
		t.Errorf("%d jobs, %d printed, %d sends, want at least %d jobs and most of them printed", s.Jobs, s.Printed, s.Sends, f.n)
	}
	if testing.Short() {
		return
	}
	// A fault that never strikes proves nothing.
	for _, boundary := range []string{
		"callback.told", "clock.jump", "ledger.copied", "ledger.restored", "ledger.restored_again", "ledger.recovered", "list.lies_once", "net.cut_after",
		"net.cut_before", "net.cut_within", "net.late", "net.refused", "net.stale_connection", "net.swallowed",
		"person.decided", "person.erased", "person.paused", "person.remailed", "person.replay_barred", "person.replayed",
		"person.resumed", "person.undone", "process.killed",
		"rotation.told", "rotation.wrong",
		"store.down", "store.lost_acknowledgement", "upgrade.unknown_state", "vendor.send.error_after", "vendor.send.lost",
	} {
		if s.Faults[boundary] == 0 {
			t.Errorf("%s never struck", boundary)
		}
	}
}

// Worlds of one kind are the same ones that take turns among all.
func TestOnlyWorldsOfAKindAreRun(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		fl := &fleet{f: flags{seed: 1, size: 4, world: -1, only: kind}, left: 1}
		number, ok := fl.take()
		if !ok || !isOf(1, number, kind) || fl.left >= 1 {
			t.Errorf("%s: world %d (%s)", kind, number, classOf(number))
		}
		for before := range number {
			if isOf(1, before, kind) {
				t.Errorf("%s: world %d was left out", kind, before)
			}
		}
	}
	fl := &fleet{f: flags{world: -1}, left: 1}
	if number, _ := fl.take(); number != 0 {
		t.Errorf("the first of all worlds is %d", number)
	}
}

// What is drawn of a world is drawn again with its seed; not all that happens in
// it is: where nobody dies and one replica has no rival, what it comes to is.
func TestAWorldRepeatsItself(t *testing.T) {
	t.Parallel()
	start := time.Now()
	draw := func(seed uint64, number int) *profile {
		return newProfile(number, newDice(worldSeed(seed, number)), start)
	}
	all := cmp.AllowUnexported(profile{}, netRates{}, storeRates{}, rotation{})
	for number := range classes() {
		if diff := cmp.Diff(draw(3, number), draw(3, number), all); diff != "" {
			t.Errorf("world %d is drawn anew (-first +second):\n%s", number, diff)
		}
		if cmp.Equal(draw(3, number), draw(4, number), all) && cmp.Equal(draw(3, number), draw(5, number), all) {
			t.Errorf("world %d is the same one with each seed", number)
		}
	}
	f := flags{n: 1, size: 40, seed: 3, world: 18}
	var log bytes.Buffer
	one, two := runFleet(t, f, &log), runFleet(t, f, &log)
	if len(one.Violations)+len(two.Violations) > 0 {
		t.Fatal(log.String())
	}
	if one.Jobs != two.Jobs || one.Printed != two.Printed || one.Classes[classCount] != 1 || two.Classes[classCount] != 1 {
		t.Errorf("%d of %d jobs were printed, then %d of %d, in %v", one.Printed, one.Jobs, two.Printed, two.Jobs, one.Classes)
	}
}

// Without a rule the oracle finds that a promise was broken; with all of them, in
// the same program, it does not.
func TestEachBreakIsFound(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the library")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	quick := map[string]bool{"rule-2-one-holder": true, "rule-4-expiry": true, "rule-7-dead": true, "pause-guard": true, "replay-cursor": true}
	// What these do harm to is rare among all worlds, and comes soon in those of a
	// kind: among what is frozen, restored, asked for too late, or sent by others.
	only := map[string]string{
		"no-watch": "freeze", "rule-8-count": "count", "rule-9-deadline": "gone",
		"rule-3-key-window": "long", "rule-3-margin": "long", "no-control": "keyless", "one-look-up": "keyless",
		"rule-12-copy": "copy", "rule-12-doubt": "restore", "rule-12-epoch": "restore", "rule-12-new-keys": "restore",
		"rule-12-recoveries": "restore", "rotation-id": "rotation.wrong", "rotation-blind": "rotation.wrong",
		"rotation-former": "rotation.told", "rotation-key": "rotation.untold", "rule-13-read-back": "storm", "rule-14-spool": "mute",
	}
	list := breaks()
	if !full() {
		list = slices.DeleteFunc(list, func(b Break) bool { return !quick[b.Name] })
	}
	set, err := withBreaks(t.Context(), root, t.TempDir(), list...)
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range set.Apart() {
		t.Logf("%s is built apart: %v", name, why)
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		cmd, err := set.Command(t.Context(), program(), "", "-n", "1000")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: nothing was broken\n%s", err, out)
		}
	})
	for _, b := range list {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			var out, log bytes.Buffer
			status, err := b.run(t.Context(), set, []string{"-n", "100000", "-seed", "1", "-only", only[b.Name], "-json"}, &out, &log)
			if err != nil {
				t.Fatalf("%v\n%s", err, log.String())
			}
			var s summary
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				t.Fatalf("%v: %q\n%s", err, out.String(), log.String())
			}
			if status != exitViolation || len(s.Violations) == 0 {
				t.Fatalf("%s, and nothing was found in %d jobs", b.What, s.Jobs)
			}
			t.Logf("%s: %v after %d jobs", b.What, s.Violations, s.Jobs)
			for _, want := range []string{"VIOLATION", "-seed 1", "-world", "-break " + b.Name} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("what was found does not say %q:\n%s", want, log.String())
				}
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no jobs":       {[]string{"-n", "0"}, "at least one job"},
		"an argument":   {[]string{"all"}, "no arguments"},
		"an odd break":  {[]string{"-break", "gravity"}, "no such rule"},
		"an odd flag":   {[]string{"-fast"}, "not defined"},
		"no such world": {[]string{"-only", "moon"}, "no such kind of worlds, want one of copy, count,"},
		"a small world": {[]string{"-size", "-1"}, "at least one job"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var diagnostics bytes.Buffer
			if _, err := parse(tc.args, &diagnostics); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("err = %v, want one about %q", err, tc.want)
			}
		})
	}
	if b, ok := breakNamed("5"); !ok || b.Rule != 5 {
		t.Errorf("-break 5 is %q", b.Name)
	}
	var out bytes.Buffer
	list(&out)
	if n := strings.Count(out.String(), "\n"); n != len(breaks()) {
		t.Errorf("-list has %d lines, want %d", n, len(breaks()))
	}
}
