// Incident is an outage, from the first timeout to the proof: 2,400 postcards
// are queued when the first vendor's endpoint stops answering. It goes on taking
// orders for a minute, which is the worst kind of outage, then does nothing until
// minute 20. The client opens the vendor's breaker and sends through a second
// vendor, whose contract allows 80 orders a minute. Time runs 120 times as fast.
//
//	go run ./examples/incident
//	go run ./examples/incident -outage 45m -rate 40
//
// What to look for:
//
//   - what an operator sees while it lasts: the breakers, and the queue by state.
//     The unknown jobs are those that the first vendor may have. They wait for
//     it, while the second vendor takes those that were never sent.
//   - the recovery timeline against the targets: 60 % within an hour, all within
//     a day. Its times are those of the ledger's history.
//   - the first vendor's repeats recognized: pieces that it had taken without
//     answering. Sent to the second vendor, each would have been printed twice.
//   - the replay of the whole queue, which sends nothing, and the count of the
//     vendors' print logs.
//
// It exits 1 when a piece is missing or printed twice, when nothing failed over,
// when the replay sends something, or when a target is missed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// scenario is what happens. Durations are on the incident's clock.
type scenario struct {
	jobs int
	// outage is how long the first vendor is out, from the incident's begin.
	outage time.Duration
	// perMinute is how many orders the second vendor takes.
	perMinute int
	// scale is how many seconds of the incident pass in a real one.
	scale float64
	// rest are arguments that are no flags.
	rest []string
}

func main() {
	var s scenario
	flag.IntVar(&s.jobs, "jobs", 2400, "how many jobs are queued")
	flag.DurationVar(&s.outage, "outage", 20*time.Minute, "how long the first vendor is out")
	flag.IntVar(&s.perMinute, "rate", 80, "how many orders a minute the second vendor takes")
	flag.Float64Var(&s.scale, "scale", 120, "how many seconds of the incident pass in a real one")
	flag.CommandLine.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Incident plays an outage, from the first timeout to the proof.\n\n  go run ./examples/incident [flags]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	s.rest = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r, err := run(ctx, s, os.Stdout)
	if err == nil {
		err = r.verdict()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "incident:", err)
		stop()
		os.Exit(1)
	}
}

// run plays the incident, prints what is seen of it, and returns the result.
func run(ctx context.Context, s scenario, out io.Writer) (r *result, err error) {
	if len(s.rest) > 0 {
		return nil, fmt.Errorf("%q: want flags only, see -h", s.rest[0])
	}
	if s.jobs < 1 || s.outage <= takesOrders || s.perMinute < 1 || s.scale <= 0 {
		return nil, fmt.Errorf("want at least one job, one order a minute, a scale above 0 and an outage of more than %s", takesOrders)
	}
	in, err := start(ctx, s, out)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close()) }()

	queued, err := in.enqueue(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "%d jobs are queued. The incident begins: lob takes orders but does not answer.\n", queued.New)
	if err := in.recover(ctx); err != nil {
		return nil, err
	}
	r = &result{jobs: int(queued.New)}
	if r.timeline, err = readTimeline(ctx, in.store, in.began, int(queued.New)); err != nil {
		return nil, err
	}
	r.timeline.print(out)

	if err := in.replay(ctx, r); err != nil {
		return nil, err
	}
	// By then the last nightly batch has gone to press: what is on paper now
	// stays on paper.
	in.clock.Advance(2 * day)
	if err := in.count(r); err != nil {
		return nil, err
	}
	r.print(out)
	return r, nil
}
