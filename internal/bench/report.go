package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
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
	maxVerifyRatio    = 1.3
	maxVerifyAllocs   = 2
	maxVerifyShare    = 1.0 / 3
	// Against River on the same server, see [queueReport.judge].
	minQueueAhead = 8.0
	minQueueNoop  = 1.3
	minFarAhead   = 5.0
	minIntake     = 4.0
)

// report is everything that was measured.
type report struct {
	Go     string `json:"go"`
	System string `json:"system"`
	CPUs   int    `json:"cpus"`
	Rounds int    `json:"rounds"`
	// Processor and MemorySize are what the system says of the machine.
	Processor  string `json:"processor"`
	MemorySize string `json:"memory"`
	Command    string `json:"command"`

	Submit  []submitRow    `json:"submit,omitempty"`
	Blob    *blobReport    `json:"blob,omitempty"`
	Durable *durableReport `json:"durable,omitempty"`
	Drain   []drainRow     `json:"drain,omitempty"`
	Verify  []verifyRow    `json:"verify,omitempty"`
	Queues  *queueReport   `json:"queues,omitempty"`
	Intake  []intakeRow    `json:"intake,omitempty"`
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

func newReport(rounds int, args []string) *report {
	return &report{
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Rounds: rounds,
		Processor: machineFact("/proc/cpuinfo", "model name"), MemorySize: machineFact("/proc/meminfo", "MemTotal"),
		Command: strings.TrimSpace("cd internal/bench && go run . "+strings.Join(args, " ")) + " (make figures)",
	}
}

// machineFact reads a line of a file that Linux has.
func machineFact(file, name string) string {
	text, err := os.ReadFile(file) //nolint:gosec // one of two fixed names
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
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
	r.judgeVerify()
	if r.Queues != nil {
		r.Queues.judge(r)
	}
	r.judgeIntake()
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

// table is a part of the report: a title, the names of the columns, the rows.
type table struct {
	title   string
	columns []string
	rows    [][]string
}

func (t *table) add(format string, values ...any) {
	t.rows = append(t.rows, strings.Split(fmt.Sprintf(format, values...), "\t"))
}

// tables are the report for people.
func (r *report) tables() []table {
	var all []table
	if len(r.Submit) > 0 {
		t := table{"one submission", []string{"times net/http", "in CPU time", "µs", "allocs", "above", "bytes"}, nil}
		for _, s := range r.Submit {
			t.add("%s: %s\t%.2f\t%.2f\t%.1f\t%.0f\t%+.0f\t%.0f", s.Network, s.Peer, s.Ratio, s.CPURatio, s.NS/1000, s.Allocs, s.AllocsAbove, s.Bytes)
		}
		all = append(all, t)
	}
	if b := r.Blob; b != nil {
		t := table{fmt.Sprintf("a file of %d MiB from disk", b.Size>>20), []string{"bytes allocated"}, nil}
		t.add("an attempt\t%.0f", b.Bytes)
		t.add("an attempt with a small file\t%.0f", b.Small)
		t.add("the body\t%.0f", b.Body)
		all = append(all, t)
	}
	if d := r.Durable; d != nil {
		t := table{"durable on SQLite", []string{"times fsync", "a second", "CPU µs"}, nil}
		t.add("4 KiB append and fsync\t1\t%.0f\t", d.FsyncsPerSecond)
		t.add("jobs, %d callers\t%.2f\t%.0f\t%.0f", d.Callers, d.Multiple, d.JobsPerSecond, d.JobCPU/1000)
		t.add("the ledger's part of them alone\t%.2f\t%.0f\t%.0f", d.LedgerMultiple, d.LedgerMultiple*d.FsyncsPerSecond, d.LedgerCPU/1000)
		t.add("jobs, 1 caller\t%.2f\t%.0f\t", d.LoneMultiple, d.LoneJobsPerSecond)
		t.add("syncs a lone transition\t%.3f\t\t", d.SyncsPerCommit)
		all = append(all, t)
	}
	if len(r.Drain) > 0 {
		t := table{"a campaign on SQLite", []string{"freeze/s", "enqueue/s", "drain/s", "times fsync", "syncs a job", "CPU µs", "relative", "MiB", "disk B/job", "claim ms"}, nil}
		for _, d := range r.Drain {
			t.add("%d jobs\t%.0f\t%.0f\t%.0f\t%.2f\t%.3f\t%.0f\t%.2f\t%.0f\t%.0f\t%.2f", d.Jobs, d.FreezePerSecond, d.EnqueuePerSecond,
				d.DrainPerSecond, d.Multiple, d.Syncs, d.CPU/1000, d.Relative, d.Memory/(1<<20), d.Disk, d.Claim/1e6)
		}
		all = append(all, t)
	}
	if len(r.Verify) > 0 {
		t := table{"verifying a callback", []string{"times a reused HMAC", "in CPU time", "µs", "allocs", "bytes"}, nil}
		for _, v := range r.Verify {
			t.add("%d KiB: %s\t%.2f\t%.2f\t%.2f\t%.1f\t%.0f", v.Size>>10, v.Peer, v.Ratio, v.CPURatio, v.NS/1000, v.Allocs, v.Bytes)
		}
		all = append(all, t)
	}
	if r.Queues != nil {
		all = append(all, r.Queues.tables()...)
	}
	if len(r.Intake) > 0 {
		t := table{"callbacks taken in on SQLite", []string{"times fsync", "a second", "p50 ms", "p99 ms", "CPU µs", "syncs a callback"}, nil}
		t.add("4 KiB append and fsync\t1\t%.0f\t\t\t\t", r.Intake[0].FsyncsPerSecond)
		for _, i := range r.Intake {
			t.add("%s, %d senders\t%.2f\t%.0f\t%.2f\t%.2f\t%.0f\t%.3f", i.Way, i.Senders, i.Multiple, i.PerSecond, i.P50/1e6, i.P99/1e6, i.CPU/1000, i.Syncs)
		}
		all = append(all, t)
	}
	t := table{"target", []string{"got", "want", ""}, nil}
	for _, c := range r.Checks {
		sign, verdict := "≥", "missed"
		if c.AtMost {
			sign = "≤"
		}
		if c.Pass {
			verdict = "met"
		}
		t.add("%s\t%.2f\t%s %.2f\t%s", c.Name, c.Got, sign, c.Want, verdict)
	}
	return append(all, t)
}

// writeTable writes the report for a terminal. The buffered writer keeps the
// first error, and Flush returns it.
func (r *report) writeTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s %s, %d CPUs, medians of %d interleaved rounds\n", r.Go, r.System, r.CPUs, r.Rounds)
	for _, t := range r.tables() {
		fmt.Fprintf(w, "\n%s\t%s\n", t.title, strings.Join(t.columns, "\t"))
		for _, row := range t.rows {
			fmt.Fprintf(w, "%s\n", strings.Join(row, "\t"))
		}
	}
	return w.Flush()
}

// writeMarkdown writes the report as a page of the documentation.
func (r *report) writeMarkdown(out io.Writer) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "<!-- Written by: %s. Do not edit. -->\n\n# Figures\n\n", r.Command)
	fmt.Fprintf(w, "`%s`, %s, %s, %d processors (%s), %s of memory; medians of %d interleaved rounds.\n", r.Command, r.Go, r.System, r.CPUs, r.Processor, r.MemorySize, r.Rounds)
	fmt.Fprint(w, "Ratios are to what stands beside them, measured in the same run: other machines have other times. A missed target is shown as such.\n")
	for _, t := range r.tables() {
		fmt.Fprintf(w, "\n| %s | %s |\n|---%s|\n", t.title, strings.Join(t.columns, " | "), strings.Repeat("|--:", len(t.columns)))
		for _, row := range t.rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return w.Flush()
}
