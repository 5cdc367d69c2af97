// Replay brings a campaign to its end that went wrong half way: a list with bad
// rows, a vendor that fails while it takes orders, and a program that was stopped
// in between. Time runs 120 times as fast.
//
//	go run ./examples/replay
//	go run ./examples/replay -json
//
// What to look for:
//
//   - the plan, before anything is sent: what is new, what only has to be settled
//     because the vendor may have it, what waits, and what is left alone, with the
//     cost of what would be sent.
//   - the run, which is throttled, paused and resumed, and can be killed at any
//     time; and the report against the targets.
//   - the second replay of the same list, and the third with the columns in
//     another order: they send nothing.
//   - one piece that is sent twice on purpose, by a call of its own.
//   - the vendor's print log at the end, which is the truth.
//
// It exits 1 when a piece is missing or printed twice, or a replay sends what was
// sent before.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

//go:embed contacts.csv
var contacts string

// corrected is the rejects.csv of the first snapshot, as a person edited it.
//
//go:embed corrected.csv
var corrected string

type flags struct {
	json bool
	// scale is how many seconds of the story pass in a real one.
	scale float64
	rest  []string
}

func main() {
	var f flags
	flag.BoolVar(&f.json, "json", false, "print one JSON object as the last line")
	flag.Float64Var(&f.scale, "scale", 120, "how many seconds of the story pass in a real one")
	flag.CommandLine.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Replay brings a campaign to its end that went wrong half way.\n\n  go run ./examples/replay [flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	f.rest = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, f, os.Stdout)
	if err == nil {
		err = r.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		stop()
		os.Exit(1)
	}
}

// run tells the story and returns what came of it.
func run(ctx context.Context, f flags, out io.Writer) (r *result, err error) {
	if len(f.rest) > 0 {
		return nil, fmt.Errorf("%q: want flags only, see -h", f.rest[0])
	}
	if f.scale <= 0 {
		return nil, errors.New("-scale: want a number above 0")
	}
	s, err := begin(ctx, f.scale, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, chapter := range []func(context.Context) error{
		s.halfMailed, s.outage, s.correct, s.plan, s.replay, s.replayAgain, s.remail, s.count,
	} {
		if err := chapter(ctx); err != nil {
			return nil, err
		}
	}
	if f.json {
		if err := json.NewEncoder(out).Encode(s.result); err != nil {
			return nil, err
		}
	}
	return &s.result, nil
}
