package client_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/client"
	"github.com/postproof/postproof/idempotency"
)

// traced is a store that counts the changes which are made outside of any span, and
// that answers nothing when it is dead.
type traced struct {
	*veiled

	outside int
}

func (s *traced) Commit(ctx context.Context, changes []idempotency.Change) ([]error, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		s.outside++
	}
	return s.veiled.Commit(ctx, changes)
}

func (s *traced) PutBlob(ctx context.Context, content io.Reader) (postproof.Blob, error) {
	if s.dead.Load() {
		return postproof.Blob{}, errStore
	}
	return s.veiled.PutBlob(ctx, content)
}

func (s *traced) Setting(ctx context.Context, name string) (idempotency.Setting, error) {
	if s.dead.Load() {
		return idempotency.Setting{}, errStore
	}
	return s.veiled.Setting(ctx, name)
}

func (s *traced) Find(ctx context.Context, q idempotency.Query) iter.Seq2[*idempotency.Record, error] {
	if s.dead.Load() {
		return func(yield func(*idempotency.Record, error) bool) { yield(nil, errStore) }
	}
	return s.veiled.Find(ctx, q)
}

func (s *traced) Prune(ctx context.Context, before time.Time, most int) (int, error) {
	if s.dead.Load() {
		return 0, errStore
	}
	return s.veiled.Prune(ctx, before, most)
}

// acting is a client whose calls are looked at.
type acting struct {
	*client.Client

	t    *testing.T
	s    *traced
	p    *press
	plan client.ReplayPlan
}

// held makes Mallory's job one that waits for a person.
func (x *acting) held() {
	x.p.faults(onOrder("lose"))
	_, _ = x.Submit(x.t.Context(), job("Mallory"))
	runFor(x.t, x.Client, time.Hour) // nobody can be asked
	x.p.faults(nil)
}

func (x *acting) given() { accept(x.t, x.Client, "Mallory") }

func (x *acting) queued() {
	if _, err := x.Enqueue(x.t.Context(), client.JobList(job("Mallory"))); err != nil {
		x.t.Fatal(err)
	}
}

func (x *acting) parked() {
	x.p.faults(func(op, _ string, _ int) string { x.s.dead.Store(op == "/order"); return "" })
	_, _ = x.Submit(x.t.Context(), job("Mallory"))
	x.s.dead.Store(false)
	x.s.cover(gone)
	if all := runAndList(x.t, x.Client); len(all) != 1 || all[0].Parked == "" {
		x.t.Fatalf("spooled: %+v", all)
	}
}

func (x *acting) planned() {
	x.queued()
	var err error
	if x.plan, err = x.PlanReplay(x.t.Context(), client.Replay{Name: "Mallory", Query: &client.ReplayQuery{Campaign: "spring"}}); err != nil {
		x.t.Fatal(err)
	}
}

// broken leaves a replay that was broken off before it had handed anything over.
func (x *acting) broken() {
	x.planned()
	ctx, cancel := context.WithCancel(x.t.Context())
	x.s.after = func([]idempotency.Change) error { cancel(); return nil }
	_, _ = x.RunReplay(ctx, x.plan, mallory, client.ReplayOptions{})
	x.s.after = nil
}

// mallory is an actor with a reason that no span may show.
var mallory = client.Actor{By: "annika", Why: "Mallory moved to Elm Street"}

// spanned are the calls that change the ledger or ask a vendor, by the name of the method.
var spanned = map[string]struct {
	span string // behind "postproof."
	// job: the span names the job. linked: it is linked to the call that brought it.
	job, linked bool
	vendor      string
	before      func(x *acting)
	do          func(ctx context.Context, x *acting) error
}{
	"Submit": {span: "submit", job: true, do: func(ctx context.Context, x *acting) error { _, err := x.Submit(ctx, job("Mallory")); return err }},
	"Enqueue": {span: "enqueue", do: func(ctx context.Context, x *acting) error {
		_, err := x.Enqueue(ctx, client.JobList(job("Mallory")))
		return err
	}},
	"EnqueueTx": {span: "enqueue", do: func(ctx context.Context, x *acting) error {
		_, err := x.EnqueueTx(ctx, x.s, client.JobList(job("Mallory")))
		return err
	}},
	"PutArtwork": {span: "put_artwork", do: func(ctx context.Context, x *acting) error {
		_, err := x.PutArtwork(ctx, strings.NewReader("%PDF-1.7 Mallory"))
		return err
	}},
	"Cancel": {span: "wish_cancel", job: true, linked: true, before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.Cancel(ctx, "Mallory", mallory)
		return err
	}},
	"Release": {span: "release", job: true, linked: true, before: (*acting).held, do: func(ctx context.Context, x *acting) error {
		_, err := x.Release(ctx, "Mallory", mallory)
		return err
	}},
	"Decide": {span: "decide", job: true, linked: true, before: (*acting).held, do: func(ctx context.Context, x *acting) error {
		_, err := x.Decide(ctx, "Mallory", client.Decision{Verdict: idempotency.VerdictCanceled}, mallory)
		return err
	}},
	"Amend": {span: "amend", job: true, linked: true, before: (*acting).queued, do: func(ctx context.Context, x *acting) error {
		j := job("Mallory")
		j.To.Line1 = "12 Elm Street"
		_, err := x.Amend(ctx, j, mallory)
		return err
	}},
	"Remail": {span: "remail", job: true, linked: true, before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.Remail(ctx, "Mallory", client.Remail{Name: "torn"}, mallory)
		return err
	}},
	"Refresh": {span: "refresh", job: true, linked: true, before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.Refresh(ctx, "Mallory")
		return err
	}},
	"Observe": {span: "observe", job: true, linked: true, before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.Observe(ctx, postproof.Event{Vendor: "alpha", VendorID: "alpha_1", Status: postproof.Status{Stage: postproof.StageMailed}})
		return err
	}},
	"ObserveDead": {span: "observe_dead", job: true, linked: true, before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.ObserveDead(ctx, postproof.Event{Vendor: "alpha", VendorID: "alpha_1", Status: postproof.Status{Stage: postproof.StageFailed}})
		return err
	}},
	"Approve": {span: "approve", do: func(ctx context.Context, x *acting) error { return x.Approve(ctx, "Mallory", mallory) }},
	"Pause": {span: "pause", vendor: "alpha", do: func(ctx context.Context, x *acting) error {
		_, err := x.Pause(ctx, client.VendorTarget("alpha"), mallory)
		return err
	}},
	"Resume": {
		span: "resume", before: func(x *acting) { pause(x.t, x.Client, client.CampaignTarget("Mallory")) },
		do: func(ctx context.Context, x *acting) error {
			_, err := x.Resume(ctx, client.CampaignTarget("Mallory"), mallory)
			return err
		},
	},
	"Undo": {span: "undo", job: true, linked: true, before: func(x *acting) {
		x.held()
		if _, err := x.Release(x.t.Context(), "Mallory", mallory); err != nil {
			x.t.Fatal(err)
		}
	}, do: func(ctx context.Context, x *acting) error { _, err := x.Undo(ctx, 1, mallory); return err }},
	"SendControl": {span: "send_control", job: true, do: func(ctx context.Context, x *acting) error {
		_, err := x.SendControl(ctx, "alpha", job("Mallory"), mallory)
		return err
	}},
	"Recover": {span: "recover", before: func(x *acting) { x.given(); x.s.BreakHistory() }, do: func(ctx context.Context, x *acting) error {
		_, err := x.Recover(ctx, mallory, client.RecoverOptions{})
		return err
	}},
	"Audit": {span: "audit", do: func(ctx context.Context, x *acting) error { _, err := x.Audit(ctx, "alpha", time.Time{}); return err }},
	"ImportUndeliverable": {span: "import_undeliverable", do: func(ctx context.Context, x *acting) error {
		_, err := x.ImportUndeliverable(ctx, "alpha", time.Time{})
		return err
	}},
	"Erase": {span: "erase", before: (*acting).given, do: func(ctx context.Context, x *acting) error {
		_, err := x.Erase(ctx, client.Erasure{Keys: []postproof.Key{"Mallory"}}, mallory)
		return err
	}},
	"Prune": {span: "prune", do: func(ctx context.Context, x *acting) error {
		_, err := x.Prune(ctx, time.Now().Add(-client.MinRetention))
		return err
	}},
	"DropSpooled": {span: "drop_spooled", job: true, before: (*acting).parked, do: func(ctx context.Context, x *acting) error {
		ref := postproof.Ref("0000000000000000")
		for _, a := range x.Spooled() {
			ref = a.Ref
		}
		return x.DropSpooled(ctx, ref, mallory)
	}},
	"PlanReplay": {span: "plan_replay", before: (*acting).queued, do: func(ctx context.Context, x *acting) error {
		_, err := x.PlanReplay(ctx, client.Replay{Name: "Mallory", Query: &client.ReplayQuery{Campaign: "spring"}})
		return err
	}},
	"RunReplay": {span: "run_replay", before: (*acting).planned, do: func(ctx context.Context, x *acting) error {
		_, err := x.RunReplay(ctx, x.plan, mallory, client.ReplayOptions{})
		return err
	}},
	"PauseReplay":  {span: "pause_replay", before: (*acting).broken, do: func(ctx context.Context, x *acting) error { return x.PauseReplay(ctx, "Mallory", mallory) }},
	"ResumeReplay": {span: "resume_replay", before: (*acting).broken, do: func(ctx context.Context, x *acting) error { return x.ResumeReplay(ctx, "Mallory", mallory) }},
	"StopReplay":   {span: "stop_replay", before: (*acting).broken, do: func(ctx context.Context, x *acting) error { return x.StopReplay(ctx, "Mallory", mallory) }},
	"ThrottleReplay": {span: "throttle_replay", before: (*acting).broken, do: func(ctx context.Context, x *acting) error {
		return x.ThrottleReplay(ctx, "Mallory", 7, mallory)
	}},
}

// unspanned are the calls that read the ledger, and those that are no call of their
// own: each piece of work of Run and Drain has its span, and what has no context
// changes this process alone.
var unspanned = []string{
	"Breakers", "Canary", "Changes", "Close", "Depth", "Drain", "EndVendorStop", "Epoch", "Erasing", "FollowReplay", "Held", "History",
	"Incidents", "IncidentsSince", "Intake", "Paused", "Polls", "Price", "Refused", "ReplayItems", "ReplayProgress", "ReplayReport", "Replays",
	"Run", "Silence", "SpoolFolders", "Spooled", "Status", "Tally", "Track", "Troubles", "Unchanged", "UnconfiguredVendors", "Undoable", "Vendors",
	"VerifyChanges", "VerifyErasure",
}

// Each method that changes the ledger, or asks a vendor, has one span, which ends as an
// error when the call does; nothing is written outside of it, and it names no person, no
// reason, no key and no campaign.
func TestEachChangeHasASpan(t *testing.T) {
	t.Parallel()
	for method := range reflect.TypeFor[*client.Client]().Methods() {
		name := method.Name
		if _, ok := spanned[name]; ok == slices.Contains(unspanned, name) {
			t.Errorf("the method %s is to be either in the list of those with a span, or of those without", name)
		}
	}
	for name, tt := range spanned {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, r, s := newPress(t, "alpha", postproof.IdempotencyNone), newRecorder(), &traced{veiled: newVeiled()}
				p.look = false
				c, l := newListingWith(t, s, []*press{p}, client.WithTracerProvider(r), client.WithoutHints(), client.WithSpool(t.TempDir()),
					client.WithLease(24*time.Hour), client.WithPollInterval(time.Second))
				l.list(nil, "of another ledger")
				x := &acting{Client: c, t: t, s: s, p: p}
				if tt.before != nil {
					tt.before(x)
				}
				brought := slices.Concat(r.named("postproof.submit"), r.named("postproof.enqueue"))
				had := len(r.named("postproof." + tt.span))
				s.outside = 0
				if err := tt.do(t.Context(), x); err != nil {
					t.Fatal(err)
				}
				s.dead.Store(true)
				if err := tt.do(t.Context(), x); err == nil {
					t.Error("it went well without the ledger")
				}
				calls := r.named("postproof." + tt.span)[had:]
				if len(calls) != 2 || calls[0].status != codes.Unset || calls[1].status != codes.Error || calls[1].attrs["error.type"] == "" {
					t.Fatalf("%d spans, want one of each call, the second an error: %+v", len(calls), calls)
				}
				if s.outside != 0 {
					t.Errorf("%d changes were made outside of any span", s.outside)
				}
				if call := calls[0]; (len(call.attrs["mail.job"]) == 16) != tt.job || cmp.Or(tt.vendor, call.attrs["mail.vendor"]) != call.attrs["mail.vendor"] {
					t.Errorf("it has the attributes %v", call.attrs)
				}
				if links := calls[0].links; tt.linked != (len(links) == 1 && links[0].SpanContext.SpanID() == brought[0].sc.SpanID()) {
					t.Errorf("it has the links %v", links)
				}
				for _, call := range calls {
					if all := fmt.Sprint(slices.Collect(maps.Values(call.attrs))); strings.Contains(all, "allory") || strings.Contains(all, "annika") || strings.Contains(all, "Elm") {
						t.Errorf("the span names a person: %s", all)
					}
				}
				r.whole(t)
			})
		})
	}
}
