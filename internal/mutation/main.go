// Command mutation proves that the tests guard what they say: it breaks the
// code in each of the ways that its lists name, one at a time, and requires that
// a test fails by an assertion. Nothing in the tree is changed: the mutated file
// reaches the compiler through an overlay.
//
//	go run ./internal/mutation            # all, from the root of the module
//	go run ./internal/mutation -only rule # those whose name matches
//
// It prints a line for each mutation and exits with 1 when one survived, did
// not build, or is stale: its text does not stand in the file exactly once. To
// add mutations of a package, add a list beside ledger.go and name it in all.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// all returns every list.
func all() []Mutation {
	return slices.Concat(ledger(), late(), polls(), setup(), sender(), circuits(), hints(), receiving(), replays(), people())
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
	r := runner{root: dir, limit: 2 * time.Minute}
	if err := r.baseline(ctx, todo); err != nil {
		return err
	}
	return r.checkAll(ctx, todo, *jobs, out)
}

// baseline requires that the tests pass while nothing is broken.
func (r runner) baseline(ctx context.Context, todo []Mutation) error {
	patterns := map[string][]string{}
	var packages []string
	for _, m := range todo {
		if patterns[m.Package] == nil {
			packages = append(packages, m.Package)
		}
		if !slices.Contains(patterns[m.Package], m.Run) {
			patterns[m.Package] = append(patterns[m.Package], m.Run)
		}
	}
	for _, p := range packages {
		// A pattern that selects subtests cannot be joined with others.
		runs := slices.DeleteFunc(slices.Clone(patterns[p]), func(run string) bool { return !strings.Contains(run, "/") })
		tests := slices.DeleteFunc(patterns[p], func(run string) bool { return strings.Contains(run, "/") })
		if len(tests) > 0 {
			runs = append(runs, strings.Join(tests, "|"))
		}
		for _, run := range runs {
			if out, err := r.test(ctx, p, run); err != nil {
				return fmt.Errorf("the tests of %s fail while nothing is broken: %w\n%s", p, err, out)
			}
		}
	}
	return nil
}

// checkAll checks some at a time and prints the outcomes in the order of the
// list.
func (r runner) checkAll(ctx context.Context, todo []Mutation, jobs int, out io.Writer) error {
	outcomes := make([]error, len(todo))
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(jobs, 1) {
		workers.Go(func() {
			for i := range next {
				outcomes[i] = r.checkOne(ctx, todo[i])
			}
		})
	}
	for i := range todo {
		next <- i
	}
	close(next)
	workers.Wait()
	failed := 0
	for i, m := range todo {
		word := "caught"
		if outcomes[i] != nil {
			failed++
			word = outcomes[i].Error()
		}
		if _, err := fmt.Fprintf(out, "%-60s %s\n", m.Name, word); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d mutations were not caught", failed, len(todo))
	}
	_, err := fmt.Fprintf(out, "%d mutations, all caught\n", len(todo))
	return err
}

func (r runner) checkOne(ctx context.Context, m Mutation) error {
	dir, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return fmt.Errorf("temporary directory: %w", err)
	}
	return errors.Join(r.check(ctx, m, dir), os.RemoveAll(dir))
}
