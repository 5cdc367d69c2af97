package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/internal/verify"
)

func TestIncident(t *testing.T) {
	t.Parallel()
	const jobs, perMinute = 240, 10
	var out bytes.Buffer
	r, err := run(t.Context(), scenario{jobs: jobs, outage: 8 * time.Minute, perMinute: perMinute, scale: 120}, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.verdict(); err != nil {
		t.Errorf("verdict: %v\n%s", err, out.String())
	}
	if r.paper.Printed != jobs || r.paper.PrintedTwice != 0 || r.paper.Lost != 0 || r.paper.Voided != 0 {
		t.Errorf("printed %d, twice %d, lost %d, voided %d; want %d, each once", r.paper.Printed, r.paper.PrintedTwice, r.paper.Lost, r.paper.Voided, jobs)
	}
	if r.replayed != jobs || r.replayedNew != 0 || r.replaySent != 0 {
		t.Errorf("replay: %d jobs, %d new, %d sent; want %d, 0, 0", r.replayed, r.replayedNew, r.replaySent, jobs)
	}
	first, second := r.paper.ByVendor["lob"], r.paper.ByVendor["pcm"]
	if first == 0 || second == 0 || first+second != jobs {
		t.Errorf("lob printed %d, pcm %d: want both to print, %d in all", first, second, jobs)
	}
	// What lob took without answering it has to recognize.
	if n := r.vendors["lob"].Replays; n == 0 {
		t.Error("no piece was taken without an answer: the outage is too mild to prove anything")
	}
	l := r.timeline
	if l.unknown == 0 || l.settled != l.unknown || l.moved != 0 {
		t.Errorf("%d unknown, %d settled with lob, %d moved: want all settled with lob", l.unknown, l.settled, l.moved)
	}
	if l.detected < attempt || l.opened < l.detected || l.failover < l.opened || l.back < 8*time.Minute {
		t.Errorf("detected %s, opened %s, failover %s, back %s: out of order", l.detected, l.opened, l.failover, l.back)
	}
	if all, ok := l.recovered(100); !ok || float64(second) > 1+perMinute*(all-l.failover).Minutes() {
		t.Errorf("pcm took %d orders from %s to %s: more than %d a minute", second, l.failover, all, perMinute)
	}
	for _, want := range []string{"unknown ", "its breaker is open", "60 % recovered, target +1:00:00: met", "240 of 240, printed twice 0, lost 0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

// good is a result with which nothing is wrong.
func good() *result {
	return &result{
		jobs: 5, replayed: 5,
		timeline: &timeline{
			detected: 1, opened: 2, failover: 3, back: 4, unknown: 2, settled: 1, moved: 1, jobs: 5,
			accepted: []time.Duration{time.Minute, 2 * time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour},
		},
		paper: verify.Report{Expected: 5, Printed: 5, ByMode: map[string]int{"live": 5}},
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	if err := good().verdict(); err != nil {
		t.Fatalf("a good result: %v", err)
	}
	for name, spoil := range map[string]func(*result){
		"printed twice":    func(r *result) { r.paper.PrintedTwice = 1 },
		"lost":             func(r *result) { r.paper.Lost = 1 },
		"one short":        func(r *result) { r.paper.Printed-- },
		"replay sent":      func(r *result) { r.replaySent = 1 },
		"replay was new":   func(r *result) { r.replayedNew = 1 },
		"not settled":      func(r *result) { r.timeline.settled = 0 },
		"late failure":     func(r *result) { r.timeline.late = 1 },
		"no detection":     func(r *result) { r.timeline.detected = 0 },
		"breaker was shut": func(r *result) { r.timeline.opened = 0 },
		"no failover":      func(r *result) { r.timeline.failover = 0 },
		"never back":       func(r *result) { r.timeline.back = 0 },
		"60 % too late":    func(r *result) { r.timeline.accepted[2] += time.Second },
		"all too late":     func(r *result) { r.timeline.accepted[4] += time.Second },
		"never all":        func(r *result) { r.timeline.accepted = r.timeline.accepted[:4] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good()
			spoil(r)
			if r.verdict() == nil {
				t.Error("the verdict is good")
			}
			var out bytes.Buffer
			r.print(&out)
			if strings.Contains(out.String(), "Every job") {
				t.Errorf("it is praised:\n%s", out.String())
			}
		})
	}
}

func TestReadTimeline(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, time.March, 3, 9, 0, 0, 0, time.UTC)
	store := idempotency.NewMemory(postproof.ModeLive)
	entry := func(after time.Duration, id idempotency.ID, kind, vendor string) {
		t.Helper()
		commit(t, store, idempotency.Entry{ID: id, At: began.Add(after), Kind: idempotency.EntryKind(kind), Vendor: vendor, Note: kind + " by " + vendor})
	}
	entry(2*time.Second, "a", "unknown", "lob")
	entry(3*time.Second, "b", "unknown", "lob")
	entry(4*time.Second, "c", "skipped", "lob")
	entry(5*time.Second, "d", "skipped", "lob")
	entry(7*time.Second, "d", "accepted", "pcm")
	entry(6*time.Second, "c", "accepted", "pcm")
	entry(8*time.Second, "a", "accepted", "lob")
	entry(9*time.Second, "b", "accepted", "pcm")
	entry(10*time.Second, "b", "accepted", "pcm") // sent anew: it was with a vendor before
	entry(11*time.Second, "b", "dead", "pcm")

	got, err := readTimeline(t.Context(), store, began, 4)
	if err != nil {
		t.Fatal(err)
	}
	want := &timeline{
		detected: 2 * time.Second, opened: 4 * time.Second, openedWhy: "skipped by lob", failover: 7 * time.Second, back: 8 * time.Second,
		unknown: 2, settled: 1, moved: 1, late: 1, jobs: 4,
		accepted: []time.Duration{6 * time.Second, 7 * time.Second, 8 * time.Second, 9 * time.Second},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(timeline{})); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if at, ok := got.recovered(60); !ok || at != 8*time.Second {
		t.Errorf("60 %% of 4 jobs recovered after %s (%t), want 8s: three jobs", at, ok)
	}
}

func commit(t *testing.T, store *idempotency.Memory, e idempotency.Entry) {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), store, idempotency.Change{Entries: []idempotency.Entry{e}}); err != nil {
		t.Fatal(err)
	}
}

func TestScenarioIsChecked(t *testing.T) {
	t.Parallel()
	ok := scenario{jobs: 1, outage: time.Hour, perMinute: 1, scale: 1}
	for name, spoil := range map[string]func(*scenario){
		"no jobs":     func(s *scenario) { s.jobs = 0 },
		"no outage":   func(s *scenario) { s.outage = takesOrders },
		"no rate":     func(s *scenario) { s.perMinute = 0 },
		"no flag":     func(s *scenario) { s.rest = []string{"slow"} },
		"time stands": func(s *scenario) { s.scale = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ok
			spoil(&s)
			if _, err := run(t.Context(), s, &bytes.Buffer{}); err == nil {
				t.Error("it was run")
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := run(ctx, scenario{jobs: 10, outage: time.Hour, perMinute: 10, scale: 240}, &bytes.Buffer{}); err == nil {
		t.Error("an interrupted incident has a result")
	}
}
