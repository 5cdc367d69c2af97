package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof/internal/integration/pgtest"
)

// Every figure of the queues must come out of a run, however short.
//
//nolint:paralleltest // it measures
func TestQueuesAreComplete(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"-json", "-only=queues", "-rounds=1", "-queuejobs=256", "-waiting=200,300"}, &out)
	if errors.Is(err, pgtest.ErrNotInstalled) {
		pgtest.Skip(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Queues == nil || len(r.Submit)+len(r.Drain) > 0 {
		t.Fatalf("%+v", r)
	}
	q := r.Queues
	if q.Rounds != 1 || q.FsyncsPerSecond <= 0 || !strings.HasPrefix(q.Server, "PostgreSQL 1") {
		t.Errorf("%+v", q)
	}
	for _, block := range []queueBlock{q.Near, q.Far} {
		if len(block.Rows) != len(queues()) {
			t.Fatalf("%d rows, want %d", len(block.Rows), len(queues()))
		}
		for i, row := range block.Rows {
			if row.Name != queues()[i].name || row.Jobs != 256/queues()[i].share || row.PerSecond <= 0 || row.Multiple <= 0 || row.Ahead <= 0 || row.CPU < 0 || row.Bytes <= 100 {
				t.Errorf("%+v", row)
			}
		}
		if block.Rows[0].Ahead != 1 {
			t.Errorf("postproof is %f times as fast as itself", block.Rows[0].Ahead)
		}
	}
	if more := time.Duration(q.Far.RoundTrip - q.Near.RoundTrip); more < roundTrip {
		t.Errorf("the far server is only %s further", more)
	}
	if s := q.Submit; s.JobsPerSecond <= 0 || s.LoneJobsPerSecond <= 0 || s.Multiple <= 0 || s.LoneMultiple <= 0 || s.Bytes <= 100 {
		t.Errorf("%+v", s)
	}
	if len(q.Claims) != 2 || q.Claims[1].Jobs != 300 {
		t.Fatalf("%+v", q.Claims)
	}
	for _, c := range q.Claims {
		if c.Median <= 0 || c.Worst < c.Median || c.EnqueuePerSecond <= 0 || c.Bytes <= 100 {
			t.Errorf("%+v", c)
		}
	}
	if len(r.Checks) != 5 {
		t.Errorf("%d checks, want 5: %+v", len(r.Checks), r.Checks)
	}
	var table bytes.Buffer
	if err := r.writeMarkdown(&table); err != nil {
		t.Fatal(err)
	}
	for _, x := range queues() {
		if n := strings.Count(table.String(), "| "+x.name+" |"); n != 2 {
			t.Errorf("%s is %d times in the page, want twice", x.name, n)
		}
	}
}

// A target that is missed says so: the figures decide, and those of the right
// rows.
func TestQueueTargets(t *testing.T) {
	t.Parallel()
	good := func() *queueReport {
		near := []queueRow{{Name: oursName, Multiple: 4, Ahead: 1}, {Name: completeName, Ahead: 8}, {Name: noopName, Ahead: 1.3}}
		far := []queueRow{{Name: oursName, Ahead: 1}, {Name: completeName, Ahead: 5}, {Name: noopName, Ahead: 1}}
		return &queueReport{Near: queueBlock{Rows: near}, Far: queueBlock{Rows: far}}
	}
	missed := func(q *queueReport) (names []string) {
		r := &report{Queues: q}
		r.judge()
		for _, c := range r.Checks {
			if !c.Pass {
				names = append(names, c.Name)
			}
		}
		return names
	}
	if got := missed(good()); len(got) != 0 {
		t.Errorf("missed %q, want none", got)
	}
	for name, spoil := range map[string]func(*queueReport){
		"drain on PostgreSQL: times append and fsync":                        func(q *queueReport) { q.Near.Rows[0].Multiple = 3.9 },
		"drain on PostgreSQL: times River, outcome durable with the job":     func(q *queueReport) { q.Near.Rows[1].Ahead = 7.9 },
		"drain on PostgreSQL: times River, no-op":                            func(q *queueReport) { q.Near.Rows[2].Ahead = 1.2 },
		"drain, server 1 ms away: times River, outcome durable with the job": func(q *queueReport) { q.Far.Rows[1].Ahead = 4.9 },
		"drain, server 1 ms away: times River, no-op":                        func(q *queueReport) { q.Far.Rows[2].Ahead = 0.9 },
	} {
		q := good()
		spoil(q)
		if got := missed(q); !slices.Equal(got, []string{name}) {
			t.Errorf("missed %q, want %q", got, name)
		}
	}
}

func TestOnlyNamesParts(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-only=queue"}, {"-only=submit,"}, {"-only=queues", "-waiting=x"}, {"-queuejobs=0"}} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
