package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/postproof/postproof/internal/verify"
	"github.com/postproof/postproof/vendors/vendorsim"
)

// result is what became of the incident. The timeline is the ledger's word;
// what is on paper comes from the vendors' print logs and the list alone.
type result struct {
	jobs     int
	timeline *timeline
	// replayed jobs were queued again, replayedNew of them taken for new;
	// replaySent is how many submissions the vendors saw of that.
	replayed, replayedNew int
	replaySent            int64
	paper                 verify.Report
	vendors               map[string]vendorsim.VendorStats
}

// count compares the vendors' print logs with the list.
func (in *incident) count(r *result) error {
	var prints bytes.Buffer
	enc := json.NewEncoder(&prints)
	for _, line := range in.plant.Prints() {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	var err error
	r.vendors = in.plant.Stats().Vendors
	r.paper, err = verify.Campaign(strings.NewReader(in.list), &prints)
	return err
}

// verdict returns everything that went wrong, nil when the promise was kept and
// the targets were met.
func (r *result) verdict() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := r.paper.Err(); err != nil {
		errs = append(errs, err)
	}
	if r.paper.Printed != r.jobs {
		wrong("%d jobs, %d pieces on paper", r.jobs, r.paper.Printed)
	}
	if r.replaySent != 0 || r.replayedNew != 0 {
		wrong("the replay sent %d, and took %d jobs for new", r.replaySent, r.replayedNew)
	}
	t := r.timeline
	if t.detected == 0 || t.opened == 0 || t.failover == 0 || t.back == 0 {
		wrong("the outage was not detected, not survived by failover, or not overcome")
	}
	if t.settled+t.moved != t.unknown {
		wrong("of %d unknown outcomes %d are settled", t.unknown, t.settled+t.moved)
	}
	if t.late != 0 {
		wrong("%d pieces failed or turned up late", t.late)
	}
	for _, s := range t.missed() {
		wrong("target missed: %d %% within %s", s.percent, s.by)
	}
	return errors.Join(errs...)
}

func (r *result) print(out io.Writer) {
	fmt.Fprintf(out, "\nThe same %d jobs are queued again: %d are new, %d submissions are sent\n", r.replayed, r.replayedNew, r.replaySent)
	fmt.Fprintf(out, "\nThe vendors' print logs, two days later:\n")
	for _, name := range slices.Sorted(maps.Keys(r.vendors)) {
		v := r.vendors[name]
		fmt.Fprintf(out, "  %s: %d on paper, from %d requests, of them repeats recognized %d\n", name, r.paper.ByVendor[name], v.Sends, v.Replays)
	}
	fmt.Fprintf(out, "  on paper %d of %d, printed twice %d, lost %d, voided %d\n", r.paper.Printed, r.jobs, r.paper.PrintedTwice, r.paper.Lost, r.paper.Voided)
	if r.verdict() == nil {
		fmt.Fprintln(out, "\nEvery job is one piece on paper, and the targets were met.")
	}
}
