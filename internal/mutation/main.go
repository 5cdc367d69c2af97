// Command mutation proves that the tests guard what they say: it breaks the
// code in each of the ways that its lists name, one at a time, and requires that
// a test fails by an assertion. Nothing in the tree is changed: package
// internal/mutant compiles the tests of a package once, with all mutations in
// them, and each run of them chooses one.
//
//	go run ./internal/mutation            # all, from the root of the module
//	go run ./internal/mutation -only rule # those whose name matches
//	go run ./internal/mutation -times 20  # each twenty times: a test that sees it sometimes is none
//
// It prints a line for each mutation, with the seconds that it took and, where it
// needed a build of its own, why, and exits with 1 when one survived, did not
// build, or is stale: its text does not stand in the file exactly once. To add
// mutations of a package, add a list beside ledger.go and name it in all. One
// that changes a constant, or adds a function, costs a build: put it elsewhere if
// the tests notice it there, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postproof/postproof/internal/mutant"
)

// all returns every list.
func all() []Mutation {
	return slices.Concat(
		ledger(), late(), polls(), setup(), sender(), circuits(), hints(), receiving(), replays(), people(),
		rotation(), seams(), nobody(), freezing(), forms(), restores(), combined(), crossing(), pairs(), stores(), files(), damaged(), known(), vendorFacts(), wire(), outside(), dates(), spans(), artwork(),
		guarantees(), guaranteed(),
	)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutation", flag.ContinueOnError)
	only := flags.String("only", "", "check the mutations whose name matches this `pattern`")
	root := flags.String("root", ".", "the module's `directory`")
	jobs := flags.Int("j", runtime.GOMAXPROCS(0), "how many to check at a time")
	times := flags.Int("times", 1, "how many times to check each")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("flags: %w", err)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var todo []Mutation
	for _, m := range all() {
		if pattern.MatchString(m.Name) {
			todo = append(todo, m)
		}
	}
	dir, err := absolute(*root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	plan := plan{root: dir, work: work, jobs: max(*jobs, 1), times: max(*times, 1)}
	return errors.Join(plan.checkAll(ctx, todo, out), os.RemoveAll(work))
}

// outcome is what a mutation came to; nil is caught.
type outcome struct {
	err  error
	took time.Duration
}

// plan is what to check mutations of, and how.
type plan struct {
	root, work  string // the module, and a directory to build in
	jobs, times int    // how many at a time, and how many times each
}

// checkAll checks some mutations at a time and prints the outcomes in the order
// of the list.
func (p plan) checkAll(ctx context.Context, todo []Mutation, out io.Writer) error {
	outcomes := make([]outcome, len(todo))
	var fresh []Mutation
	var mutants []mutant.Mutant
	for i, m := range todo {
		if _, err := m.mutant().Sources(p.root); err != nil {
			outcomes[i].err = err
			continue
		}
		fresh, mutants = append(fresh, m), append(mutants, m.mutant())
	}
	set, err := mutant.New(ctx, p.root, p.work, mutants)
	if err != nil {
		return err
	}
	r := runner{set: set, limit: 2 * time.Minute}
	if err := r.baseline(ctx, fresh, p.jobs); err != nil {
		return err
	}
	return r.report(todo, outcomes, out, func(done func(int)) {
		each(p.jobs, len(todo), func(i int) {
			if outcomes[i].err == nil {
				began := time.Now()
				var err error
				for n := 0; n < p.times && err == nil; n++ {
					err = r.check(ctx, todo[i])
				}
				outcomes[i] = outcome{err, time.Since(began)}
			}
			done(i)
		})
	})
}

// report prints the outcomes in the order of the list, each as soon as it and
// those before it are done.
func (r runner) report(todo []Mutation, outcomes []outcome, out io.Writer, run func(done func(int))) error {
	var mu sync.Mutex
	done := make([]bool, len(todo))
	next := 0
	var failed []error // named once more at the end, where a long log is read first
	var printed error
	apart := r.set.Apart()
	run(func(i int) {
		mu.Lock()
		defer mu.Unlock()
		done[i] = true
		for ; next < len(todo) && done[next]; next++ {
			word, why := "caught", apart[todo[next].Name]
			if err := outcomes[next].err; err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", todo[next].Name, err))
				word = err.Error()
			}
			if why != nil {
				word = fmt.Sprintf("%s (built apart: %v)", word, why)
			}
			_, err := fmt.Fprintf(out, "%-70s %5.1fs %s\n", todo[next].Name, outcomes[next].took.Seconds(), word)
			printed = errors.Join(printed, err)
		}
	})
	switch {
	case len(failed) > 0:
		return fmt.Errorf("%d of %d mutations were not caught:\n%w", len(failed), len(todo), errors.Join(failed...))
	case printed != nil:
		return fmt.Errorf("print: %w", printed)
	}
	_, err := fmt.Fprintf(out, "%d mutations, all caught; %d of them were built apart\n", len(todo), len(apart))
	return err
}

// each calls do with all numbers below n, some at a time.
func each(jobs, n int, do func(int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// baseline requires that the tests pass with all mutations compiled in and none
// made.
func (r runner) baseline(ctx context.Context, todo []Mutation, jobs int) error {
	patterns := map[string][]string{}
	for _, m := range todo {
		patterns[m.Package] = append(patterns[m.Package], m.Run)
	}
	type selection struct{ pkg, run string }
	var all []selection
	for _, pkg := range slices.Sorted(maps.Keys(patterns)) {
		runs := slices.Compact(slices.Sorted(slices.Values(patterns[pkg])))
		// A pattern that selects subtests cannot be joined with others.
		var tests []string
		for _, run := range runs {
			if strings.Contains(run, "/") {
				all = append(all, selection{pkg, run})
			} else {
				tests = append(tests, run)
			}
		}
		if len(tests) > 0 {
			all = append(all, selection{pkg, strings.Join(tests, "|")})
		}
	}
	errs := make([]error, len(all))
	each(jobs, len(all), func(i int) {
		if out, err := r.test(ctx, all[i].pkg, all[i].run, ""); err != nil {
			errs[i] = fmt.Errorf("the tests of %s fail while nothing is broken: %w\n%s", all[i].pkg, err, out)
		}
	})
	return errors.Join(errs...)
}
