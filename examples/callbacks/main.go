// Callbacks mails postcards through a simulated Lob and lets the vendor's
// callbacks tell where they are, over real HTTP, to a receiver that is killed
// (SIGKILL) and started again while they come in. The vendor repeats some of its
// callbacks, swaps others, and sends some before it has answered the order; a
// stranger sends forged ones. Eight days pass in some seconds.
//
//	go run ./examples/callbacks
//	go run ./examples/callbacks -n 1000 -seed 7
//	go run ./examples/callbacks -dir /tmp/mail    # keeps the ledger, to look at
//
// What to look for:
//
//   - the kills: callbacks that were not acknowledged come again, by the vendor's
//     own retries, and those that were are in the ledger's inbox.
//   - what was refused, and why: nothing of it reached the inbox.
//   - the duplicates: each event is applied once, however often it came.
//   - the handler, here a CRM: it is called at least once for each event, once
//     more where a kill left it open whether it was.
//   - the last table: where each contact's card is, according to the vendor, the
//     ledger and the CRM.
//
// It exits 1 when an event was lost or applied twice, when a forged one was
// taken, or when the three do not agree about every contact.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// flags is what the program was asked for.
type flags struct {
	dir  string
	seed uint64
	n    int
	json bool
	rest []string
}

func main() {
	var f flags
	receive := flag.Bool(receiverFlag[1:], false, "be the receiver: the program starts itself with this")
	flag.StringVar(&f.dir, "dir", "", "a new folder for the ledger, the CRM and the simulator's state, which are kept (default: a temporary one)")
	flag.Uint64Var(&f.seed, "seed", 1, "decides the faults, the forgeries and the moments of the kills")
	flag.IntVar(&f.n, "n", 200, "how many postcards are mailed")
	flag.BoolVar(&f.json, "json", false, "print one JSON object as the last line")
	flag.CommandLine.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Callbacks kills a receiver of callbacks, and counts what it knows.\n\n  go run ./examples/callbacks [flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	f.rest = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, *receive, f); err != nil {
		fmt.Fprintln(os.Stderr, "callbacks:", err)
		stop()
		os.Exit(1)
	}
}

func play(ctx context.Context, receive bool, f flags) error {
	if receive {
		return runReceiver(ctx, os.Stdin, os.Stdout)
	}
	r, err := run(ctx, f, os.Stdout)
	if err == nil {
		err = r.verdict()
	}
	return err
}

// run mails the cards, lets the days pass, and returns what became of it.
func run(ctx context.Context, f flags, out io.Writer) (r *report, err error) {
	began := time.Now()
	switch {
	case len(f.rest) > 0:
		return nil, fmt.Errorf("%q: want flags only, see -h", f.rest[0])
	case f.n < 1:
		return nil, fmt.Errorf("-n %d: want at least one postcard", f.n)
	}
	if f.dir == "" {
		if f.dir, err = os.MkdirTemp("", "postproof-callbacks-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.dir)) }()
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, fmt.Errorf("-dir: no folder that can be used: %w", err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, ledgerFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("-dir %s: it holds the ledger of another run: name a new folder", f.dir)
	}
	w, err := open(ctx, f, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.mailCards(ctx); err != nil {
		return nil, err
	}
	if err := w.passDays(ctx); err != nil {
		return nil, err
	}
	if r, err = w.report(ctx); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(began).Seconds()
	r.print(out)
	if f.json {
		r.printJSON(out)
	}
	return r, nil
}
