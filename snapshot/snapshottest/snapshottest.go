// Package snapshottest is the suite that every store of snapshots passes. Those
// who write a store outside this module run it, too.
//
//	func TestStore(t *testing.T) {
//		snapshottest.Run(t, func(t *testing.T) snapshottest.Harness {
//			bucket := newBucket(t)
//			open := func() (snapshot.Store, error) { return mystore.Open(bucket) }
//			store, err := open()
//			...
//			return snapshottest.Harness{Store: store, Reopen: open}
//		})
//	}
//
// Each check is named for the rule that it enforces, and this package proves
// with deliberately broken stores that each can fail.
package snapshottest

import (
	"context"
	"testing"

	"github.com/postproof/postproof/snapshot"
)

// Harness is an empty store, and what can be done to it from outside.
type Harness struct {
	// Store is the empty store. Required.
	Store snapshot.Store
	// Reopen opens the same data again, as a new process does. Nil when the
	// store does not outlive its process.
	Reopen func() (snapshot.Store, error)
}

// Run runs all checks, each on a harness of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// check is a rule and how to find out whether it holds.
type check struct {
	name string
	run  func(t reporter, h Harness)
}

// reporter is what checks need of a *testing.T. The suite's own tests put a
// recorder in its place, to see that checks fail.
type reporter interface {
	Context() context.Context
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

func checks() []check {
	return []check{
		{"a draft is seen by nobody", draftIsHidden},
		{"a commit makes every byte appear", commitKeepsBytes},
		{"an id is created once", createdOnce},
		{"a second commit changes nothing", secondCommitChangesNothing},
		{"a discarded draft leaves nothing", discardLeavesNothing},
		{"discard after commit does nothing", discardAfterCommit},
		{"an unknown id is not found", unknownIsNotFound},
		{"a missing file is corruption", missingFileIsCorrupt},
		{"a file is read by many at a time", manyReaders},
		{"ids are listed in ascending order", listIsSorted},
		{"a listing may be broken off", listStops},
		{"drafts do not mix", draftsDoNotMix},
		{"concurrent commits create one", concurrentCommits},
		{"what was committed outlives the process", outlives},
		{"a list is taken, opened and read", takeAndOpen},
		{"what was removed is gone", removed},
		{"removing leaves the others, and may be done again", removedAgain},
		{"what was removed may be committed again", removedAndCommitted},
		{"what was removed stays away", removedOutlives},
	}
}
