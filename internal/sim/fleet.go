package main

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// summary is what became of all jobs. Its JSON form is read by others.
type summary struct {
	Jobs         int     `json:"jobs"`
	Printed      int     `json:"printed"`
	PrintedTwice int     `json:"printed_twice"`
	Lost         int     `json:"lost"`
	Held         int     `json:"held"`
	Seconds      float64 `json:"seconds"`

	Seed         uint64         `json:"seed"`
	Worlds       int            `json:"worlds"`
	Sends        int            `json:"sends"`
	LateArrivals int            `json:"late_arrivals"`
	FrozenSends  int            `json:"frozen_sends"`
	Classes      map[class]int  `json:"classes"`
	Faults       map[string]int `json:"faults"`
	Violations   []string       `json:"violations"`
}

// fleet runs worlds, some at a time.
type fleet struct {
	f   flags
	log io.Writer

	mu   sync.Mutex
	next int
	left int // jobs
	s    summary
	told time.Time
	from time.Time
}

func runFleet(t *testing.T, f flags, log io.Writer) summary {
	t.Helper()
	fl := &fleet{f: f, log: log, left: f.n, from: time.Now(), told: time.Now()}
	fl.s = summary{Seed: f.seed, Classes: map[class]int{}, Faults: map[string]int{}, Violations: []string{}}
	if f.world >= 0 {
		fl.next, fl.left = f.world, 1
	}
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				number, ok := fl.take()
				if !ok {
					return
				}
				var r *result
				began := time.Now()
				synctest.Test(t, func(t *testing.T) {
					t.Helper()
					var err error
					if r, err = runWorld(f.seed, number, sizeOf(number, f.size)); err != nil {
						t.Errorf("world %d: %v", number, err)
					}
				})
				fl.add(r, time.Since(began))
			}
		})
	}
	workers.Wait()
	fl.s.Seconds = time.Since(fl.from).Seconds()
	return fl.s
}

// take returns the number of the next world; false when there is none, or a
// violation was found.
func (fl *fleet) take() (int, bool) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if fl.left <= 0 || (len(fl.s.Violations) > 0 && !fl.f.keep) {
		return 0, false
	}
	for fl.f.world < 0 && !isOf(fl.f.seed, fl.next, fl.f.only) {
		fl.next++
	}
	fl.left -= sizeOf(fl.next, fl.f.size)
	fl.next++
	return fl.next - 1, true
}

// add counts a world.
func (fl *fleet) add(r *result, took time.Duration) {
	if r == nil {
		return
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	s := &fl.s
	s.Worlds++
	s.Jobs += r.jobs
	s.Printed += r.printed
	s.Held += r.held
	s.Sends += r.sends
	s.LateArrivals += r.late
	s.FrozenSends += r.frozen
	s.Classes[r.class]++
	if took > 2*time.Second {
		fmt.Fprintf(fl.log, "slow: world %d (%s) %s, lasted %s, %d sends\n", r.number, r.class, took, r.lasted, r.sends)
	}
	for boundary, n := range r.faults {
		s.Faults[boundary] += n
	}
	if v := r.violation; v != nil {
		switch v.kind {
		case "printed_twice":
			s.PrintedTwice++
		case "lost", "unsettled", "livelock":
			s.Lost++
		}
		s.Violations = append(s.Violations, v.kind)
		who := "no job"
		if v.about != nil {
			who = "job " + string(v.about.job.Key)
		}
		fmt.Fprintf(fl.log, "VIOLATION %s: seed %d, world %d (%s), %s: %s\n%s", v.kind, fl.f.seed, r.number, r.class, who, v.text, r.trace)
		again := fmt.Sprintf("go run ./internal/sim -seed %d -size %d -world %d", fl.f.seed, fl.f.size, r.number)
		if fl.f.broken != "" {
			again += " -break " + fl.f.broken
		}
		fmt.Fprintln(fl.log, "again:", again)
	}
	if time.Since(fl.told) > 10*time.Second {
		fl.told = time.Now()
		fmt.Fprintf(fl.log, "%d jobs, %.0f jobs/s\n", s.Jobs, float64(s.Jobs)/time.Since(fl.from).Seconds())
	}
}
