package client

import (
	"errors"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client/internal/spool"
	"github.com/postproof/postproof/idempotency"
)

// WithoutVendors makes a client that knows no vendor, for looking and deciding
// where there are no credentials: New takes no adapters then. Reading, Pause,
// Resume, Cancel, Release, Decide, Approve, Undo and the change log work, and workers
// elsewhere carry out what was decided. What would ask a vendor or send to one, and
// what depends on what vendors can do, returns an error with
// [postproof.CodeUnsupported]: Submit, Enqueue, EnqueueTx, Amend, Run, Drain,
// Refresh, Silence, Observe, Intake, ImportUndeliverable, PlanReplay, ReplayItems,
// RunReplay, Remail, Audit, SendControl, DropSpooled, Erase, and Recover but for a
// copy.
//
// Where the ledger's rules depend on a vendor that is not known they take the
// cautious way: a submission that is decided to be dead is watched as if its
// vendor could be asked. Answers in the spool are listed and left where they are.
// Give it the caps and canaries of the workers, else what is decided to be dead
// goes on to count for them.
func WithoutVendors() Option {
	return optionFunc(func(s *settings) { s.onlooker, s.alone = true, true })
}

// knowsVendors returns an error for a client that was made without vendors, and for
// one that was closed: its spool is given back, so that an answer which the ledger
// cannot take would be lost.
func (c *Client) knowsVendors(op string) error {
	if c.closed.Load() {
		return notSent(postproof.CodeUnavailable, op, errors.New("the client was closed: nothing was done; close it when nobody uses it any more, and make a new one to go on"))
	}
	if !c.onlooker {
		return nil
	}
	return notSent(postproof.CodeUnsupported, op, errors.New("the client was made without vendors (WithoutVendors): use one that has their adapters"))
}

// lookAtSpool reads what lies in the folder, and in the others that the ledger has noted
// on this machine, and leaves it there: whoever works on the ledger has it, or takes it
// over.
func lookAtSpool(dir string, others []spoolNote, ledger idempotency.Namespace) (*spool.Spool, error) {
	var all []spool.Answer
	if dir != "" {
		found, err := spool.Look(dir)
		if err != nil {
			return nil, err
		}
		all = found.Answers
	}
	for i := range others {
		found, _ := spool.Look(others[i].Dir) // [Client.SpoolFolders] tells why it cannot be read
		all = append(all, found.Of(ledger)...)
	}
	return spool.View(all, ledger), nil
}
