package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// The targets.
const (
	maxRatioInMemory  = 2.0
	maxAllocsInMemory = 40
	maxRatioLoopback  = 1.15
	maxBodyBytes      = 4 << 10
	minMultiple       = 4.0
	maxSyncsPerCommit = 1.05
	minDrain          = 4.0
	maxGrowth         = 1.3
	maxMemory         = 256 << 20
)

// report is everything that was measured.
type report struct {
	Go     string `json:"go"`
	System string `json:"system"`
	CPUs   int    `json:"cpus"`
	Rounds int    `json:"rounds"`

	Submit  []submitRow    `json:"submit,omitempty"`
	Blob    *blobReport    `json:"blob,omitempty"`
	Durable *durableReport `json:"durable,omitempty"`
	Drain   []drainRow     `json:"drain,omitempty"`
	Checks  []check        `json:"checks"`
}

// check is a target and what was measured.
type check struct {
	Name   string  `json:"name"`
	Got    float64 `json:"got"`
	Want   float64 `json:"want"`
	AtMost bool    `json:"at_most"`
	Pass   bool    `json:"pass"`
}

func newReport(rounds int) *report {
	return &report{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Rounds: rounds}
}

func (r *report) atMost(name string, got, want float64) {
	r.Checks = append(r.Checks, check{name, got, want, true, got <= want})
}

func (r *report) atLeast(name string, got, want float64) {
	r.Checks = append(r.Checks, check{name, got, want, false, got >= want})
}

// judge compares what was measured with the targets.
func (r *report) judge() {
	row := func(n network, peer string) *submitRow {
		for i := range r.Submit {
			if r.Submit[i].Network == n && r.Submit[i].Peer == peer {
				return &r.Submit[i]
			}
		}
		return nil
	}
	for _, n := range []network{inMemory, loopback} {
		ours, theirs := row(n, postproofName), row(n, failsafeName)
		if ours == nil || theirs == nil {
			continue
		}
		if n == inMemory {
			r.atMost("in memory: times net/http", ours.Ratio, maxRatioInMemory)
			r.atMost("in memory: allocations above net/http", ours.AllocsAbove, maxAllocsInMemory)
		} else {
			r.atMost("on loopback: times net/http", ours.Ratio, maxRatioLoopback)
		}
		r.atMost(string(n)+": ahead of "+failsafeName+" (its ratio)", ours.Ratio, theirs.Ratio)
	}
	if r.Blob != nil {
		r.atMost("8 MiB file: bytes allocated for the body", r.Blob.Body, maxBodyBytes)
	}
	if r.Durable != nil {
		r.atLeast("durable jobs: times append and fsync", r.Durable.Multiple, minMultiple)
		r.atMost("lone transition: syncs", r.Durable.SyncsPerCommit, maxSyncsPerCommit)
	}
	r.judgeDrain()
}

// judgeDrain looks at the largest campaign, which has the most against it.
func (r *report) judgeDrain() {
	if len(r.Drain) == 0 {
		return
	}
	last := r.Drain[len(r.Drain)-1]
	r.atLeast("drain: times append and fsync", last.Multiple, minDrain)
	r.atMost("drain: a job against one of the smallest campaign", last.Relative, maxGrowth)
	r.atMost("drain: memory in MiB", last.Memory/(1<<20), maxMemory>>20)
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// writeTable writes the report for people. The buffered writer keeps the first
// error, and Flush returns it.
func (r *report) writeTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s %s, %d CPUs, medians of %d interleaved rounds\n", r.Go, r.System, r.CPUs, r.Rounds)
	if len(r.Submit) > 0 {
		fmt.Fprint(w, "\none submission\ttimes net/http\tin CPU time\tµs\tallocs\tabove\tbytes\n")
	}
	for _, s := range r.Submit {
		fmt.Fprintf(w, "%s: %s\t%.2f\t%.2f\t%.1f\t%.0f\t%+.0f\t%.0f\n", s.Network, s.Peer, s.Ratio, s.CPURatio, s.NS/1000, s.Allocs, s.AllocsAbove, s.Bytes)
	}
	if b := r.Blob; b != nil {
		fmt.Fprintf(w, "\na file of %d MiB from disk\tbytes allocated\n", b.Size>>20)
		fmt.Fprintf(w, "an attempt\t%.0f\n", b.Bytes)
		fmt.Fprintf(w, "an attempt with a small file\t%.0f\n", b.Small)
		fmt.Fprintf(w, "the body\t%.0f\t(%.1f ms)\n", b.Body, b.Milliseconds)
	}
	if d := r.Durable; d != nil {
		fmt.Fprint(w, "\ndurable on SQLite\ttimes fsync\ta second\tCPU µs\n")
		fmt.Fprintf(w, "4 KiB append and fsync\t1\t%.0f\n", d.FsyncsPerSecond)
		fmt.Fprintf(w, "jobs, %d callers\t%.2f\t%.0f\t%.0f\n", d.Callers, d.Multiple, d.JobsPerSecond, d.JobCPU/1000)
		fmt.Fprintf(w, "the ledger's part of them alone\t%.2f\t%.0f\t%.0f\n", d.LedgerMultiple, d.LedgerMultiple*d.FsyncsPerSecond, d.LedgerCPU/1000)
		fmt.Fprintf(w, "jobs, 1 caller\t%.2f\t%.0f\n", d.LoneMultiple, d.LoneJobsPerSecond)
		fmt.Fprintf(w, "syncs a lone transition\t%.3f\n", d.SyncsPerCommit)
	}
	if len(r.Drain) > 0 {
		fmt.Fprint(w, "\na campaign on SQLite\tfreeze/s\tenqueue/s\tdrain/s\ttimes fsync\tsyncs\tCPU µs\trelative\tMiB\tdisk B/job\tclaim ms\n")
	}
	for _, d := range r.Drain {
		fmt.Fprintf(w, "%d jobs\t%.0f\t%.0f\t%.0f\t%.2f\t%.3f\t%.0f\t%.2f\t%.0f\t%.0f\t%.2f\n", d.Jobs, d.FreezePerSecond, d.EnqueuePerSecond,
			d.DrainPerSecond, d.Multiple, d.Syncs, d.CPU/1000, d.Relative, d.Memory/(1<<20), d.Disk, d.Claim/1e6)
	}
	fmt.Fprint(w, "\ntarget\tgot\twant\t\n")
	for _, c := range r.Checks {
		sign, verdict := "≥", "FAIL"
		if c.AtMost {
			sign = "≤"
		}
		if c.Pass {
			verdict = "pass"
		}
		fmt.Fprintf(w, "%s\t%.2f\t%s %.2f\t%s\n", c.Name, c.Got, sign, c.Want, verdict)
	}
	return w.Flush()
}
