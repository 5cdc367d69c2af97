// Command bench compares a submission through postproof with the same call
// through net/http alone and through other libraries, side by side, and prints
// ratios. Absolute times say more about the machine than about the code.
//
//	go run .                     everything, as a table
//	go run . -json               the same for machines
//	go run . -markdown           the same as docs/figures.md has it (make figures)
//	go run . -only submit        some of submit, blob, durable, drain, queues, verify, intake
//	go run . -only drain -sizes 10000,100000,1000000
//	go run . -only queues -waiting 10000,1000000
//	go run . -only submit -cpuprofile cpu.out    postproof alone, in memory
//
// queues works on PostgreSQL: on the server that POSTPROOF_TEST_POSTGRES names (as
// a URL), else on a private one that is started from the installed programs in
// the system's temporary folder, and thrown away.
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

	"github.com/postproof/postproof/internal/integration/pgtest"
)

type options struct {
	args                   []string
	json, strict, markdown bool
	only, dir              string
	rounds, calls, jobs    int
	callbacks, queueJobs   int
	sizes, waiting         string
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
	f.StringVar(&o.only, "only", "", "measure only some of "+strings.Join(sections(), ", ")+", with commas between them")
	f.StringVar(&o.dir, "dir", "", "folder on the disk to measure; default: the system's temporary one")
	f.IntVar(&o.rounds, "rounds", 9, "interleaved rounds")
	f.IntVar(&o.calls, "calls", 1500, "calls a round of the submit comparison")
	f.IntVar(&o.jobs, "jobs", 4000, "jobs a round of the durable comparison")
	f.IntVar(&o.callbacks, "callbacks", 4000, "callbacks a round of the verify and the intake comparisons")
	f.StringVar(&o.sizes, "sizes", "10000,100000", "jobs of the campaigns that are drained, smallest first")
	f.IntVar(&o.queueJobs, "queuejobs", 20000, "jobs a round of the queues")
	f.StringVar(&o.waiting, "waiting", "10000,1000000", "jobs that wait on PostgreSQL while claims are timed")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of postproof alone to the file")
	f.StringVar(&o.memProfile, "memprofile", "", "write an allocation profile of postproof alone to the file")
	if err := f.Parse(args); err != nil {
		return err
	}
	switch {
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.rounds < 1 || o.calls < 1 || o.jobs < 1 || o.callbacks < 1 || o.queueJobs < 1:
		return errors.New("rounds, calls, jobs, callbacks and queuejobs: want at least 1")
	}
	for part := range strings.SplitSeq(o.only, ",") {
		if o.only != "" && !slices.Contains(sections(), part) {
			return fmt.Errorf("-only %q: want some of %s", o.only, strings.Join(sections(), ", "))
		}
	}
	sizes, err := parseSizes("sizes", o.sizes)
	if err != nil {
		return err
	}
	waiting, err := parseSizes("waiting", o.waiting)
	if err != nil {
		return err
	}
	if o.cpuProfile != "" || o.memProfile != "" {
		return o.profile(ctx)
	}
	r, err := o.measure(ctx, sizes, waiting)
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

// sections are what can be measured.
func sections() []string {
	return []string{"submit", "blob", "durable", "drain", "queues", "verify", "intake"}
}

func parseSizes(name, list string) ([]int, error) {
	var sizes []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-%s %q: want numbers of jobs with commas between them", name, list)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// wants reports whether a part is to be measured.
func (o *options) wants(part string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), part)
}

func (o *options) measure(ctx context.Context, sizes, waiting []int) (*report, error) {
	r := newReport(o.rounds, o.args)
	if o.wants("submit") {
		for _, n := range []network{inMemory, loopback} {
			rows, err := compareSubmits(ctx, n, o.rounds, o.calls)
			if err != nil {
				return nil, err
			}
			r.Submit = append(r.Submit, rows...)
		}
	}
	if o.wants("blob") {
		b, err := measureBlob(ctx, o.rounds, 20)
		if err != nil {
			return nil, err
		}
		r.Blob = &b
	}
	if o.wants("durable") {
		d, err := measureDurable(ctx, o.dir, o.rounds, o.jobs)
		if err != nil {
			return nil, err
		}
		r.Durable = &d
	}
	if o.wants("drain") {
		rows, err := measureDrain(ctx, o.dir, sizes)
		if err != nil {
			return nil, err
		}
		r.Drain = rows
	}
	if o.wants("verify") {
		rows, err := compareVerifiers(ctx, o.rounds, o.callbacks)
		if err != nil {
			return nil, err
		}
		r.Verify = rows
	}
	if o.wants("queues") {
		q, err := measureQueues(ctx, os.Getenv(pgtest.EnvServer), o.dir, o.rounds, o.queueJobs, waiting)
		if err != nil {
			return nil, fmt.Errorf("queues: %w", err)
		}
		r.Queues = q
	}
	if o.wants("intake") {
		rows, err := measureIntake(ctx, o.dir, o.rounds, o.callbacks)
		if err != nil {
			return nil, err
		}
		r.Intake = rows
	}
	r.judge()
	return r, nil
}

// profile runs postproof alone: in memory or, with -only durable or drain, on
// SQLite, with -only queues on PostgreSQL.
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
		case "queues":
			err = profileQueue(ctx, o.queueJobs)
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
