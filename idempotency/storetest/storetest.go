// Package storetest is the suite that every store of the ledger passes. Those
// who write a store outside this module run it, too: a store is whatever
// passes.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Harness {
//			path := filepath.Join(t.TempDir(), "ledger")
//			open := func() (idempotency.Engine, error) { return mystore.Open(path) }
//			store, err := open()
//			...
//			return storetest.Harness{Engine: store, Reopen: open, ...}
//		})
//	}
//
// Each check is named for the rule that it enforces, and this package proves
// with deliberately broken stores that each can fail.
package storetest

import (
	"context"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Harness is an empty ledger of mode test, and what can be done to it from
// outside. All fields are needed unless they say otherwise.
type Harness struct {
	// Engine is the open ledger. Whoever made the harness closes it.
	Engine idempotency.Engine
	// Reopen ends the engine the hard way, without waiting for anyone, and
	// opens the same data again.
	Reopen func() (idempotency.Engine, error)
	// Second opens the same data a second time, beside the first, as another
	// process does. Nil if the store allows one only.
	Second func() (idempotency.Engine, error)
	// Plant stores a record past all checks, as a newer version of the library
	// would have written it.
	Plant func(ctx context.Context, r *idempotency.Record) error
	// BreakHistory begins a new epoch under the open ledger, as a restored
	// backup does, and returns it. Nil if there is no way to.
	BreakHistory func(ctx context.Context) (epoch string, err error)
	// Spoil damages the stored content of a blob. Nil if there is no way to.
	Spoil func(b postproof.Blob) error
	// Damage changes what is stored of the one record, entry or message that is named,
	// past the store, in such a way that the store can find it out when it is read. Nil
	// if there is no way to, as for a store that keeps nothing outside of memory.
	Damage func(ctx context.Context, what idempotency.DamagedError) error

	// small asks for less work, as -short does.
	small bool
}

// less reports whether a number that only makes a rare thing likelier is smaller,
// as it is with -short, and under the race detector.
func (h Harness) less() bool { return h.small || raceDetector || testing.Short() }

// Run runs all checks, each on a harness of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.topic+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// check is a rule and how to find out whether it holds.
type check struct {
	topic string
	name  string
	run   func(t reporter, h Harness)
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
	var all []check
	for _, topic := range []struct {
		name   string
		checks []check
	}{
		{"commit", commitChecks()},
		{"record", recordChecks()},
		{"claim", claimChecks()},
		{"find", findChecks()},
		{"entries", entryChecks()},
		{"prune", pruneChecks()},
		{"inbox", inboxChecks()},
		{"erase", eraseChecks()},
		{"blobs", blobChecks()},
		{"counters", counterChecks()},
		{"ledger", ledgerChecks()},
		{"concurrency", concurrencyChecks()},
		{"crash", crashChecks()},
		{"damaged", damagedChecks()},
		{"odd", oddChecks()},
		{"model", modelChecks()},
	} {
		for _, c := range topic.checks {
			c.topic = topic.name
			all = append(all, c)
		}
	}
	return all
}
