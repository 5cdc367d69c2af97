package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/vendors/lob"
)

// The targets of a recovery.
const (
	mostBy = time.Hour // 60 %
	allBy  = day
)

// timeline is the recovery as the ledger's history tells it. Times are since
// the incident began; 0 means that it did not happen.
type timeline struct {
	// detected is the first outcome that was put down as unknown, opened the
	// first job that passed the vendor over because of its breaker, and
	// openedWhy the reason given; failover the first piece that another vendor
	// accepted, and back the first that the vendor accepted again.
	detected, opened, failover, back time.Duration
	openedWhy                        string
	// unknown is how many jobs the vendor may have had, settled how many of
	// them it was found to have, or took when it was asked again; moved is how
	// many of them another vendor has, which takes a proof of absence.
	unknown, settled, moved int
	// late is how many pieces failed or turned up after they were settled.
	late int
	// accepted is when each job came to be with a vendor, in order.
	accepted []time.Duration
	jobs     int
}

// step is a part of the recovery.
type step struct {
	percent int
	by      time.Duration // the target; 0 for none
}

func steps() []step {
	return []step{{25, 0}, {50, 0}, {60, mostBy}, {75, 0}, {90, 0}, {100, allBy}}
}

// readTimeline reads the ledger's history, oldest entry first.
func readTimeline(ctx context.Context, store idempotency.Store, began time.Time, jobs int) (*timeline, error) {
	t := &timeline{jobs: jobs}
	doubted, first := map[idempotency.ID]string{}, map[idempotency.ID]bool{}
	for e, err := range store.Entries(ctx, idempotency.EntryQuery{}) {
		if err != nil {
			return nil, err
		}
		at := e.At.Sub(began)
		switch e.Kind {
		case idempotency.EntryUnknown:
			earliest(&t.detected, at)
			doubted[e.ID] = e.Vendor
		case idempotency.EntrySkipped:
			if t.opened == 0 {
				t.openedWhy = e.Note
			}
			earliest(&t.opened, at)
		case idempotency.EntryAccepted:
			if first[e.ID] {
				continue
			}
			first[e.ID] = true
			t.accepted = append(t.accepted, at)
			if e.Vendor == lob.Name {
				earliest(&t.back, at)
			} else {
				earliest(&t.failover, at)
			}
			switch doubted[e.ID] {
			case "":
			case e.Vendor:
				t.settled++
			default:
				t.moved++
			}
		case idempotency.EntryDead, idempotency.EntryLateArrival, idempotency.EntryLatePrinted, idempotency.EntryTwiceAtVendor:
			t.late++
		default: // nothing that is told here
		}
	}
	t.unknown = len(doubted)
	slices.Sort(t.accepted) // commits may overtake each other
	return t, nil
}

// earliest sets a time that was not set before.
func earliest(at *time.Duration, to time.Duration) {
	if *at == 0 {
		*at = to
	}
}

// recovered returns when so many percent of the jobs were with a vendor; false
// when they never were.
func (t *timeline) recovered(percent int) (time.Duration, bool) {
	n := (t.jobs*percent + 99) / 100
	if n > len(t.accepted) {
		return 0, false
	}
	return t.accepted[n-1], true
}

// missed returns the targets that were missed.
func (t *timeline) missed() []step {
	return slices.DeleteFunc(steps(), func(s step) bool {
		at, ok := t.recovered(s.percent)
		return s.by == 0 || ok && at <= s.by
	})
}

func (t *timeline) print(out io.Writer) {
	type moment struct {
		at   time.Duration
		what string
	}
	moments := []moment{
		{t.detected, "detected: the first outcome is unknown"},
		{t.opened, "lob is passed over: " + t.openedWhy},
		{t.failover, "first failover: pcm accepts a piece"},
		{t.back, "lob accepts a piece again"},
	}
	for _, s := range steps() {
		at, ok := t.recovered(s.percent)
		what := fmt.Sprintf("%d %% recovered", s.percent)
		if s.by > 0 && ok && at <= s.by {
			what += fmt.Sprintf(", target %s: met", stamp(s.by))
		} else if s.by > 0 {
			what += fmt.Sprintf(", target %s: MISSED", stamp(s.by))
		}
		moments = append(moments, moment{at, what})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	fmt.Fprintf(out, "\nThe recovery, by the ledger's history:\n")
	for _, m := range moments {
		when := "never"
		if m.at > 0 {
			when = stamp(m.at)
		}
		fmt.Fprintf(out, "%9s  %s\n", when, m.what)
	}
	fmt.Fprintf(out, "%d outcomes were unknown: %d settled with lob, %d moved after proof that lob had none\n", t.unknown, t.settled, t.moved)
}
