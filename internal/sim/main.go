package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The exit statuses.
const (
	exitFine = iota
	exitViolation
	exitUsage
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, diagnostics *os.File) int {
	f, err := parse(args, diagnostics)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		fmt.Fprintln(diagnostics, "sim:", err)
		return exitUsage
	case f.list:
		list(out)
		return exitFine
	case f.breaking != "":
		return runBroken(f, out, diagnostics)
	}
	status := exitFine
	// Worlds are small and many, and soon over: what one leaves behind is
	// collected seldom, and sooner where worlds are large.
	debug.SetGCPercent(1600)
	debug.SetMemoryLimit(int64(runtime.GOMAXPROCS(0)) << 28) // 256 MiB for each that runs
	// Bubbles come from package testing, which wants to be the main program: it
	// reads the arguments, and says how it went. Neither is its affair here.
	os.Args = os.Args[:1]
	os.Stdout = diagnostics
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "sim",
		F: func(t *testing.T) {
			t.Helper()
			stop, err := profileTo(f.cpu)
			if err != nil {
				t.Fatal(err)
			}
			summary := runFleet(t, f, diagnostics)
			stop()
			if status = report(summary, f, out); status != exitFine {
				t.Fail()
			}
		},
	}}, nil, nil) // exits with 1 when the test failed
	return status
}

// flags are what the command was asked for.
type flags struct {
	n        int
	seed     uint64
	world    int
	only     string // the kind of worlds that are run; all when empty
	size     int
	asJSON   bool
	list     bool
	breaking string // the rule to take out
	broken   string // the rule that this very program lacks
	keep     bool
	cpu      string
}

func parse(args []string, diagnostics io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("sim", flag.ContinueOnError)
	set.SetOutput(diagnostics)
	set.IntVar(&f.n, "n", 10000, "how many `jobs`")
	set.Uint64Var(&f.seed, "seed", 1, "the seed of everything that is left to chance")
	set.IntVar(&f.world, "world", -1, "run only the world of this `number`")
	set.StringVar(&f.only, "only", "", "run only worlds of this `kind`")
	set.IntVar(&f.size, "size", 200, "how many `jobs` a world has; some kinds have fewer")
	set.BoolVar(&f.asJSON, "json", false, "print the result as a line of JSON")
	set.BoolVar(&f.list, "list", false, "print what can be broken")
	set.StringVar(&f.breaking, "break", "", "take out this `rule`, by its name or number: a violation must be found")
	set.StringVar(&f.broken, "broken", "", "the `rule` that this program was built without; set by -break")
	set.BoolVar(&f.keep, "keep-going", false, "go on with other worlds after a violation")
	set.StringVar(&f.cpu, "cpuprofile", "", "write a profile of the run to this `file`")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	switch {
	case f.n < 1:
		return f, fmt.Errorf("-n %d: want at least one job", f.n)
	case f.size < 1:
		return f, fmt.Errorf("-size %d: want at least one job", f.size)
	case f.only != "" && !slices.Contains(kinds(), f.only):
		return f, fmt.Errorf("-only %s: no such kind of worlds, want one of %s", f.only, strings.Join(kinds(), ", "))
	case set.NArg() > 0:
		return f, fmt.Errorf("no arguments are taken: %q", set.Args())
	case f.breaking != "":
		if _, ok := breakNamed(f.breaking); !ok {
			return f, fmt.Errorf("-break %s: no such rule, see -list", f.breaking)
		}
	}
	return f, nil
}

func list(out io.Writer) {
	for _, b := range breaks() {
		fmt.Fprintf(out, "%-20s %s\n", b.Name, b.What)
	}
}

// runBroken runs the same command without a rule.
func runBroken(f flags, out, diagnostics io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintln(diagnostics, "sim:", err)
		return exitUsage
	}
	args := []string{"-n", strconv.Itoa(f.n), "-seed", strconv.FormatUint(f.seed, 10), "-size", strconv.Itoa(f.size), "-world", strconv.Itoa(f.world), "-only", f.only}
	if f.asJSON {
		args = append(args, "-json")
	}
	if f.keep {
		args = append(args, "-keep-going")
	}
	b, _ := breakNamed(f.breaking)
	status, err := b.runAlone(ctx, root, args, out, diagnostics)
	if err != nil {
		fmt.Fprintln(diagnostics, "sim:", err)
		return exitUsage
	}
	return status
}

// profileTo writes a profile of the processor to the file, until it is stopped;
// an empty name is none.
func profileTo(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}, nil
}

// report prints the result and returns the exit status.
func report(s summary, f flags, out io.Writer) int {
	if f.asJSON {
		_ = json.NewEncoder(out).Encode(s)
	} else {
		fmt.Fprintf(out, "%d jobs in %d worlds: %d printed, %d printed twice, %d lost, %d held, %d sends; %d late arrivals of %d sends caught in a freeze; %.1fs (%.0f jobs/s)\n",
			s.Jobs, s.Worlds, s.Printed, s.PrintedTwice, s.Lost, s.Held, s.Sends, s.LateArrivals, s.FrozenSends, s.Seconds, float64(s.Jobs)/s.Seconds)
	}
	if len(s.Violations) > 0 {
		return exitViolation
	}
	return exitFine
}
