// Campaign mails a postcard to 3,220 contacts on a bad day: it freezes the list,
// enqueues one job for each valid row, and sends through two simulated print
// vendors over real HTTP while requests are lost, answers cut, and one vendor
// goes down. At the end it counts the vendors' print logs: every valid contact
// has one postcard, nobody has two.
//
//	go run ./examples/campaign                    # a bad day, in about a minute
//	go run ./examples/campaign -faults none       # a good one
//	go run ./examples/campaign -dir /tmp/day      # kill it, start it again: it goes on
//
// What to look for: the pieces whose outcome was unknown and was settled with
// the same vendor, those that went to the other vendor, and the last line.
// It exits 1 when a piece was printed twice or lost, or is held although its
// vendor could be asked.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/postproof/postproof/internal/verify"
)

//go:embed addresses-us.csv
var addresses string

type flags struct {
	dir, faults, csv string
	vendors          string
	seed             uint64
	json, verbose    bool
	rest             []string
}

func main() {
	var f flags
	flag.StringVar(&f.dir, "dir", "", "folder for the ledger, the snapshot and the simulators' state; a run goes on where it was (default: a temporary folder)")
	flag.StringVar(&f.faults, "faults", "chaos", "none, outage or chaos")
	flag.Uint64Var(&f.seed, "seed", 1, "decides which requests fail")
	flag.StringVar(&f.csv, "csv", "", "the list of contacts (default: the addresses built in)")
	flag.StringVar(&f.vendors, "vendors", "", "URLs of running simulators, separated by commas (default: starts its own)")
	flag.BoolVar(&f.json, "json", false, "print one JSON object as the last line")
	flag.BoolVar(&f.verbose, "v", false, "log what the library logs")
	flag.CommandLine.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Campaign mails a postcard to 3,220 contacts on a bad day, and counts the paper.\n\n  go run ./examples/campaign [flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	f.rest = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, f)
	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, f flags) (ok bool, err error) {
	began := time.Now()
	switch {
	case len(f.rest) > 0:
		return false, fmt.Errorf("%q: want flags only, see -h", f.rest[0])
	case f.faults != "none" && f.faults != "outage" && f.faults != "chaos":
		return false, fmt.Errorf("-faults %q: want none, outage or chaos", f.faults)
	}
	if f.dir == "" {
		if f.dir, err = os.MkdirTemp("", "postproof-campaign-"); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.dir)) }()
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return false, fmt.Errorf("-dir: no folder that can be used: %w", err)
	}
	list, err := readList(f.csv)
	if err != nil {
		return false, err
	}
	var p plant
	if f.vendors == "" {
		p, err = startPlant(f)
	} else {
		p, err = joinPlant(ctx, strings.Split(f.vendors, ","))
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	day, err := open(ctx, f, p)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, day.close()) }()
	if err := day.prepare(ctx, list); err != nil {
		return false, err
	}
	if err := day.send(ctx, f.faults); err != nil {
		return false, err
	}
	if err := day.track(ctx); err != nil {
		return false, err
	}
	if err := day.deliver(ctx); err != nil {
		return false, err
	}
	report, err := day.report(ctx, list)
	if err != nil {
		return false, err
	}
	report.Seconds = time.Since(began).Seconds()
	report.print(os.Stdout)
	if f.json {
		report.printJSON(os.Stdout)
	}
	return report.kept(), nil
}

// readList returns the list of contacts. One that the vendors' print logs could
// not be compared with at the end is refused before anything is sent.
func readList(path string) (string, error) {
	if path == "" {
		return addresses, nil
	}
	b, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return "", fmt.Errorf("-csv: %w", err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return "", fmt.Errorf("-csv %s: the file is empty; want a header and rows", path)
	}
	if _, err := verify.Campaign(bytes.NewReader(b), strings.NewReader("")); err != nil {
		return "", fmt.Errorf("-csv %s: want a header with contact_id, address_line1, address_line2, city, state and postal_code, "+
			"and as many fields in each row: %w", path, err)
	}
	return string(b), nil
}

// scale is how many seconds of the campaign pass in a real one.
const scale = 120

// theDay is when the campaign begins on the simulators' clock: early enough
// that a vendor's nightly batch is still hours away.
func theDay() time.Time {
	return time.Date(2026, time.March, 3, 14, 0, 0, 0, time.FixedZone("EST", -5*60*60))
}
