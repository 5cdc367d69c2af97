package operator

import (
	"context"
	"flag"
	"io"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/snapshot"
	"github.com/postproof/postproof/vendors"
)

// The exit codes of [Main].
const (
	// ExitOK: done, and nothing that was looked at needs a person.
	ExitOK = 0
	// ExitError: the command could not do its work. What it had begun it says.
	ExitError = 1
	// ExitUsage: the command line is wrong; nothing was done.
	ExitUsage = 2
	// ExitNeedsPerson: the command did its work, and what it found needs a
	// person: held jobs, incidents, differences, a log that is broken.
	ExitNeedsPerson = 3
	// ExitNotConfirmed: nothing was done, because nobody said yes.
	ExitNotConfirmed = 4
)

// Config is what the commands work on. The zero value of each field means its
// default; Store or Open is required for all but help.
type Config struct {
	// Name is the program's, for its texts. Default "postproof".
	Name string
	// Args are the arguments, without the program's name.
	Args []string
	// Stdin is asked for a yes. Stdout takes what was asked for, Stderr errors and
	// questions. The default reads nothing and writes nowhere.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Width is how many columns the answers take at most, as on a narrow terminal.
	// Default 100, which is the most; less than 60 is 60.
	Width int
	// Interactive says that somebody sits before Stdin. Default: whether Stdin is a
	// terminal.
	Interactive bool
	// By is who is at work, unless -by says it.
	By string
	// Clock is the time. Default: the machine's.
	Clock postproof.Clock

	// Flags adds flags of the program's own to those of each command, such as the
	// one that names the ledger. It is called more than once and must only
	// register them.
	Flags func(*flag.FlagSet)
	// Store is the ledger; it stays open. Without it Open opens the ledger, once the
	// flags are parsed; it is closed again when it is an [io.Closer].
	Store client.Store
	Open  func(ctx context.Context) (client.Store, error)
	// Where names the ledger for people, once the flags are parsed: a path, a host
	// and a database. No password.
	Where func() string
	// Vendors returns the adapters, in the order of failover, of a ledger of that
	// mode. Only the commands call it that ask a vendor or depend on what vendors
	// can do; all others need no credentials. It may be nil.
	Vendors func(ctx context.Context, mode postproof.Mode) ([]vendors.Adapter, error)
	// Snapshots opens the store of the frozen lists. It may be nil.
	Snapshots func(ctx context.Context) (snapshot.Store, error)
	// Options are those of the workers' clients, as far as they concern the
	// ledger: caps, canaries, policies, deadlines, the vendors' prices.
	Options []client.Option
}

// UsageError is what Open, Vendors and Snapshots return when a flag is missing or
// wrong: the exit code is [ExitUsage].
type UsageError struct{ Reason string }

// Error returns the reason.
func (e UsageError) Error() string { return e.Reason }
