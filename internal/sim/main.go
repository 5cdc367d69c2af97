package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// The exit statuses.
const (
	exitFine = iota
	exitViolation
	exitUsage
)

func main() {
	out := os.Stdout
	f, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(exitUsage)
	}
	status := exitFine
	// The testing package is what bubbles come from. What it has to say of
	// itself is no part of the answer.
	os.Args = os.Args[:1]
	if f.cpu != "" {
		os.Args = append(os.Args, "-test.cpuprofile="+f.cpu)
	}
	os.Stdout = os.Stderr
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "sim",
		F: func(t *testing.T) {
			status = report(runFleet(t, f, os.Stderr), f, out)
			if status != exitFine {
				os.Exit(status)
			}
		},
	}}, nil, nil)
}

// flags are what the command was asked for.
type flags struct {
	n      int
	seed   uint64
	world  int
	size   int
	asJSON bool
	keep   bool
	cpu    string
}

func parse(args []string, diagnostics io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("sim", flag.ContinueOnError)
	set.SetOutput(diagnostics)
	set.IntVar(&f.n, "n", 10000, "how many `jobs`")
	set.Uint64Var(&f.seed, "seed", 1, "the seed of everything that is left to chance")
	set.IntVar(&f.world, "world", -1, "run this world only")
	set.IntVar(&f.size, "size", 200, "jobs in a world")
	set.BoolVar(&f.asJSON, "json", false, "print the result as a line of JSON")
	set.BoolVar(&f.keep, "keep-going", false, "go on after a violation, with the other worlds")
	set.StringVar(&f.cpu, "cpuprofile", "", "write a profile of the run to this `file`")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if f.n < 1 || f.size < 1 || set.NArg() > 0 {
		err := fmt.Errorf("sim: want a number of jobs, and no arguments")
		fmt.Fprintln(diagnostics, err)
		return f, err
	}
	return f, nil
}

func report(s summary, f flags, out io.Writer) int {
	if f.asJSON {
		_ = json.NewEncoder(out).Encode(s)
	} else {
		fmt.Fprintf(out, "%d jobs in %d worlds: %d printed, %d printed twice, %d lost, %d held, %d late arrivals of %d frozen sends, %d sends, %.1fs (%.0f jobs/s)\n",
			s.Jobs, s.Worlds, s.Printed, s.PrintedTwice, s.Lost, s.Held, s.LateArrivals, s.FrozenSends, s.Sends, s.Seconds, float64(s.Jobs)/s.Seconds)
	}
	if len(s.Violations) > 0 {
		return exitViolation
	}
	return exitFine
}

var _ = time.Now
