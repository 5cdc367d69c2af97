// Command bench compares a submission through postproof with the same call
// through net/http alone and through other libraries, side by side, and prints
// ratios. Absolute times say more about the machine than about the code.
//
//	go run .                     everything, as a table
//	go run . -json               the same for machines
//	go run . -markdown           the same as docs/figures.md has it (make figures)
//	go run . -only submit        submit, blob, durable, drain, verify or intake
//	go run . -only drain -sizes 10000,100000,1000000
//	go run . -only submit -cpuprofile cpu.out    postproof alone, in memory
//
// The status is 1 when something could not be measured; a missed target is
// only printed, unless -strict is given.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
)

type options struct {
	args                   []string
	json, strict, markdown bool
	only, dir              string
	rounds, calls, jobs    int
	callbacks              int
	sizes                  string
	cpuProfile, memProfile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

var errMissed = errors.New("a target was missed")

func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{args: args}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.BoolVar(&o.markdown, "markdown", false, "print a page of Markdown")
	f.BoolVar(&o.strict, "strict", false, "fail when a target is missed")
	f.StringVar(&o.only, "only", "", "measure only submit, blob, durable, drain, verify or intake")
	f.StringVar(&o.dir, "dir", "", "folder on the disk to measure; default: the system's temporary one")
	f.IntVar(&o.rounds, "rounds", 9, "interleaved rounds")
	f.IntVar(&o.calls, "calls", 1500, "calls a round of the submit comparison")
	f.IntVar(&o.jobs, "jobs", 4000, "jobs a round of the durable comparison")
	f.IntVar(&o.callbacks, "callbacks", 4000, "callbacks a round of the verify and the intake comparisons")
	f.StringVar(&o.sizes, "sizes", "10000,100000", "jobs of the campaigns that are drained, smallest first")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of postproof alone to the file")
	f.StringVar(&o.memProfile, "memprofile", "", "write an allocation profile of postproof alone to the file")
	if err := f.Parse(args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.rounds < 1 || o.calls < 1 || o.jobs < 1 || o.callbacks < 1:
		return errors.New("rounds, calls, jobs and callbacks: want at least 1")
	case o.only != "" && !slices.Contains([]string{"submit", "blob", "durable", "drain", "verify", "intake"}, o.only):
		return fmt.Errorf("-only %q: want submit, blob, durable, drain, verify or intake", o.only)
	}
	sizes, err := parseSizes(o.sizes)
	if err != nil {
		return err
	}
	if o.cpuProfile != "" || o.memProfile != "" {
		return o.profile(ctx)
	}
	r, err := o.measure(ctx, sizes)
	if err != nil {
		return err
	}
	write := r.writeTable
	switch {
	case o.json:
		write = r.writeJSON
	case o.markdown:
		write = r.writeMarkdown
	}
	if err := write(out); err != nil || !o.strict {
		return err
	}
	for _, c := range r.Checks {
		if !c.Pass {
			return errMissed
		}
	}
	return nil
}

func parseSizes(list string) ([]int, error) {
	var sizes []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-sizes %q: want numbers of jobs with commas between them", list)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

func (o *options) measure(ctx context.Context, sizes []int) (*report, error) {
	r := newReport(o.rounds, o.args)
	if o.only == "" || o.only == "submit" {
		for _, n := range []network{inMemory, loopback} {
			rows, err := compareSubmits(ctx, n, o.rounds, o.calls)
			if err != nil {
				return nil, err
			}
			r.Submit = append(r.Submit, rows...)
		}
	}
	if o.only == "" || o.only == "blob" {
		b, err := measureBlob(ctx, o.rounds, 20)
		if err != nil {
			return nil, err
		}
		r.Blob = &b
	}
	if o.only == "" || o.only == "durable" {
		d, err := measureDurable(ctx, o.dir, o.rounds, o.jobs)
		if err != nil {
			return nil, err
		}
		r.Durable = &d
	}
	if o.only == "" || o.only == "drain" {
		rows, err := measureDrain(ctx, o.dir, sizes)
		if err != nil {
			return nil, err
		}
		r.Drain = rows
	}
	if o.only == "" || o.only == "verify" {
		rows, err := compareVerifiers(ctx, o.rounds, o.callbacks)
		if err != nil {
			return nil, err
		}
		r.Verify = rows
	}
	if o.only == "" || o.only == "intake" {
		rows, err := measureIntake(ctx, o.dir, o.rounds, o.callbacks)
		if err != nil {
			return nil, err
		}
		r.Intake = rows
	}
	r.judge()
	return r, nil
}

// profile runs postproof alone, in memory or, with -only durable, on SQLite.
func (o *options) profile(ctx context.Context) (err error) {
	v, err := startVendor(ctx, inMemory)
	if err != nil {
		return err
	}
	defer v.Close()
	if o.memProfile != "" {
		runtime.MemProfileRate = 512
	}
	if o.cpuProfile != "" {
		file, err := os.Create(o.cpuProfile)
		if err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); err = joinClose(err, file.Close) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
	}
	ours := peer{postproofName, openPostproof}
	for range o.rounds {
		switch o.only {
		case "drain":
			_, err = drainRound(ctx, o.dir, o.jobs)
		case "durable":
			_, err = durableRound(ctx, v, o.dir, 0, o.jobs)
		case "blob":
			_, err = measureBlob(ctx, 1, 20)
		case "verify":
			err = verifyOurs(o.callbacks)
		case "intake":
			_, err = intakeRound(ctx, o.dir, "p", o.callbacks, callHandler)
		default:
			_, err = submitRound(ctx, v, ours, "p", o.calls)
		}
		if err != nil {
			return err
		}
	}
	if o.memProfile == "" {
		return nil
	}
	file, err := os.Create(o.memProfile)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(file, 0), file.Close())
}
