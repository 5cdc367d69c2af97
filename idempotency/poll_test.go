package idempotency_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// polled is an accepted piece at a vendor with real times: a poll each 12
// hours, and callbacks that are expected two days after its acceptance, and five
// after it was mailed; of none in production.
func polled(t *testing.T, auth postproof.CallbackAuth) *life {
	t.Helper()
	l := newLife(t, "ref")
	caps := *exampleVendor("ref")
	caps.Poll = 12 * time.Hour
	caps.Callbacks = postproof.Callbacks{Auth: auth, Patience: map[postproof.Stage]time.Duration{
		postproof.StageAccepted: 48 * time.Hour, postproof.StageMailed: 120 * time.Hour,
		postproof.StageDelivered: time.Hour, // of which nothing is expected all the same
	}}
	l.m = &idempotency.Machine{Caps: func(string) *postproof.Capabilities { return &caps }}
	l.accept("ref", "id")
	return l
}

// observed is news by a source; made is the vendor's time of it, zero for none.
func (l *life) observed(stage postproof.Stage, source postproof.Source, made time.Time) {
	l.t.Helper()
	s := see("id", stage)
	s.Status.Source, s.Status.VendorTime = source, made
	l.do(idempotency.Observe{Vendor: "ref", Ref: exampleRef(1), Sighting: s})
}

// waits returns the hours to the next polls, each of which learns nothing new.
func (l *life) waits(stage postproof.Stage, n int) (hours []float64) {
	l.t.Helper()
	for range n {
		at := l.r.PollAt
		if !l.r.Due.Equal(at) {
			l.t.Fatalf("due %s, to be polled %s", l.r.Due, at)
		}
		hours = append(hours, at.Sub(l.now).Hours())
		l.now = at.Add(-1)
		l.next(idempotency.DoWait)
		l.now = at
		l.next(idempotency.DoPoll)
		l.observed(stage, postproof.SourcePoll, time.Time{})
	}
	return hours
}

func TestPollBeginsWithTheSilence(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth  postproof.CallbackAuth
		stage postproof.Stage
		want  []float64
	}{
		"behind callbacks":          {postproof.CallbackSigned, postproof.StageMailed, []float64{120, 12, 24, 48, 72, 72}},
		"behind unsigned ones":      {postproof.CallbackUnsigned, postproof.StageMailed, []float64{120, 12, 24, 48, 72, 72}},
		"a stage without patience":  {postproof.CallbackSigned, postproof.StageInProduction, []float64{12, 24, 48, 72, 72, 72}},
		"a vendor without any":      {postproof.CallbackNone, postproof.StageMailed, []float64{12, 18, 24, 24, 24, 24}},
		"accepted, behind callback": {postproof.CallbackSigned, "", []float64{48, 12, 24, 48, 72, 72}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := polled(t, tc.auth)
			if tc.stage != "" {
				l.observed(tc.stage, postproof.SourceCallback, time.Time{})
			}
			if diff := cmp.Diff(tc.want, l.waits(tc.stage, len(tc.want))); diff != "" {
				t.Errorf("hours between polls (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPollPace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		poll time.Duration
		want []float64
	}{
		"none stated":   {0, []float64{6, 9, 13.5, 20.25, 24}},
		"slower than a": {100 * time.Hour, []float64{100, 100}},
	} {
		l := polled(t, postproof.CallbackNone)
		caps := *l.m.Caps("ref")
		caps.Poll = tc.poll
		l.m = &idempotency.Machine{Caps: func(string) *postproof.Capabilities { return &caps }}
		l.observed(postproof.StageMailed, postproof.SourcePoll, time.Time{})
		if diff := cmp.Diff(tc.want, l.waits(postproof.StageMailed, len(tc.want))); diff != "" {
			t.Errorf("%s: hours between polls (-want +got)\n%s", name, diff)
		}
	}
}

func TestPollPatienceAnew(t *testing.T) {
	t.Parallel()
	l := polled(t, postproof.CallbackSigned)
	l.waits(postproof.StageAccepted, 4)
	l.now = l.now.Add(time.Hour)
	l.observed(postproof.StageMailed, postproof.SourceCallback, time.Time{})
	if diff := cmp.Diff([]float64{120, 12, 24}, l.waits(postproof.StageMailed, 3)); diff != "" {
		t.Errorf("after news (-want +got)\n%s", diff)
	}
	l.now = l.now.Add(time.Hour)
	before := l.r.PollAt
	l.observed(postproof.StageMailed, postproof.SourceCallback, time.Time{}) // told again
	if !l.r.PollAt.Equal(before) || !l.r.Due.Equal(before) {
		t.Errorf("the poll at %s is put off to %s", before, l.r.PollAt)
	}
	// A poll finds what no callback told: that is news as well.
	l.observed(postproof.StageInTransit, postproof.SourcePoll, time.Time{})
	if got := l.r.PollAt.Sub(l.now); got != 12*time.Hour {
		t.Errorf("after news of a poll the next one comes in %s, want the vendor's pace", got)
	}
}

// The vendor's own time of the event counts, but it is never asked sooner after
// a word than at its pace: events that come late, or a clock that is ahead, do
// not turn each callback into a poll.
func TestPollCountsFromTheVendorsTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ago, want time.Duration
	}{
		"a day ago":    {24 * time.Hour, 96 * time.Hour},
		"long ago":     {200 * time.Hour, 12 * time.Hour},
		"in the years": {-200 * time.Hour, 120 * time.Hour},
	} {
		l := polled(t, postproof.CallbackSigned)
		l.now = l.now.Add(300 * time.Hour)
		l.observed(postproof.StageMailed, postproof.SourceCallback, l.now.Add(-tc.ago))
		if got := l.r.PollAt.Sub(l.now); got != tc.want {
			t.Errorf("%s: polled in %s, want %s", name, got, tc.want)
		}
	}
}

func TestPollFailed(t *testing.T) {
	t.Parallel()
	l := polled(t, postproof.CallbackSigned)
	l.do(idempotency.Refresh{})
	failed := idempotency.Observe{Vendor: "ref", Ref: exampleRef(1), Failed: true}
	l.do(failed)
	if got := l.r.PollAt.Sub(l.now); got != 12*time.Hour { // neither at once nor when the silence begins
		t.Errorf("tried again in %s, want the vendor's pace", got)
	}
	failed.RetryAfter = 1000 * time.Hour
	l.do(failed)
	if got := l.r.PollAt.Sub(l.now); got != 1000*time.Hour {
		t.Errorf("tried again in %s, not when the vendor said", got)
	}
	if l.r.Due.After(l.r.Deadline) {
		t.Errorf("due %s, after the deadline %s", l.r.Due, l.r.Deadline)
	}
}

func TestPollEnds(t *testing.T) {
	t.Parallel()
	for _, source := range []postproof.Source{postproof.SourceCallback, postproof.SourcePoll} {
		l := polled(t, postproof.CallbackSigned)
		l.observed(postproof.StageDelivered, source, time.Time{})
		l.next(idempotency.DoFinish)
		if !l.r.PollAt.IsZero() {
			t.Errorf("delivered, by %s: polled again at %s", source, l.r.PollAt)
		}
		l.do(idempotency.Finish{})
		l.next(idempotency.DoNothing)
	}
	// A piece that stays silent is held, with the reason.
	l := polled(t, postproof.CallbackSigned)
	for range 1000 {
		if l.next(l.m.Next(l.r, l.now).Do).Do == idempotency.DoHold {
			l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
			break
		}
		l.do(idempotency.Observe{Vendor: "ref", Ref: exampleRef(1), Sighting: see("id", postproof.StageAccepted)})
		l.now = l.r.Due
	}
	l.state(idempotency.Held)
	if days := l.now.Sub(exampleStart()).Hours() / 24; days != 60 {
		t.Errorf("held after %.1f days, want 60", days)
	}
}

func TestExpects(t *testing.T) {
	t.Parallel()
	l := polled(t, postproof.CallbackSigned)
	at, ok := l.m.Expects(l.r)
	if want := exampleStart().Add(48 * time.Hour); !ok || !at.Equal(want) {
		t.Errorf("news expected by %s, %v, want %s", at, ok, want)
	}
	l.observed(postproof.StageInProduction, postproof.SourceCallback, time.Time{})
	if at, ok := l.m.Expects(l.r); ok {
		t.Errorf("expects news by %s of a stage without patience", at)
	}
	l.observed(postproof.StageDelivered, postproof.SourceCallback, time.Time{})
	if at, ok := l.m.Expects(l.r); ok {
		t.Errorf("expects news by %s after the end", at)
	}
	if at, ok := l.m.Expects(newRecord()); ok {
		t.Errorf("expects news by %s of what was never sent", at)
	}
	alone := polled(t, postproof.CallbackNone)
	if at, ok := alone.m.Expects(alone.r); ok {
		t.Errorf("expects news by %s of a vendor that never calls", at)
	}
}

// A question is no news: nothing but the time of the next question changes.
func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		l := polled(t, postproof.CallbackUnsigned)
		l.lease()
		before := *l.r
		l.now = l.now.Add(time.Hour)
		l.do(idempotency.Refresh{})
		after := *l.r
		after.PollAt, after.Due, after.Fence, after.UpdatedAt = before.PollAt, before.Due, before.Fence, before.UpdatedAt
		if diff := cmp.Diff(&before, &after); diff != "" { // the lease included: somebody may be asking right now
			t.Errorf("a question changes (-want +got)\n%s", diff)
		}
		l.next(idempotency.DoPoll)
		if !l.r.Due.Equal(l.now) {
			t.Errorf("due %s, want now", l.r.Due)
		}
		l.now = l.now.Add(time.Hour)
		l.do(idempotency.Refresh{}) // again: it loses no place in the queue
		if want := l.now.Add(-time.Hour); !l.r.Due.Equal(want) {
			t.Errorf("due %s, want %s", l.r.Due, want)
		}
		l.observed(postproof.StageAccepted, postproof.SourcePoll, time.Time{})
		if want := exampleStart().Add(48 * time.Hour); !l.r.PollAt.Equal(want) {
			t.Errorf("after a poll that learned nothing the next is at %s, want %s", l.r.PollAt, want)
		}
	})
	t.Run("done: a return overrules the end", func(t *testing.T) {
		t.Parallel()
		for stage, state := range map[postproof.Stage]idempotency.State{
			postproof.StageReturned: idempotency.Done, postproof.StageDelivered: idempotency.Done,
		} {
			l := polled(t, postproof.CallbackUnsigned)
			l.observed(postproof.StageDelivered, postproof.SourcePoll, time.Time{})
			l.do(idempotency.Finish{})
			l.do(idempotency.Refresh{})
			l.next(idempotency.DoPoll)
			l.observed(stage, postproof.SourcePoll, time.Time{})
			l.next(idempotency.DoFinish)
			l.do(idempotency.Finish{})
			l.state(state)
			if l.r.Status.Stage != stage {
				t.Errorf("%s, want %s", l.r.Status.Stage, stage)
			}
		}
		l := polled(t, postproof.CallbackUnsigned)
		l.observed(postproof.StageDelivered, postproof.SourcePoll, time.Time{})
		l.do(idempotency.Finish{})
		l.do(idempotency.Refresh{})
		l.do(idempotency.Observe{Vendor: "ref", Ref: exampleRef(1), Failed: true})
		l.next(idempotency.DoFinish) // asked once, not for ever
	})
	t.Run("unknown: looked up at once, never sent sooner", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.Refresh{})
		l.next(idempotency.DoLookUp)
		l = newLife(t, "key")
		l.lose("key")
		l.refused(0, idempotency.Refresh{})
	})
	t.Run("nothing to ask about", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.refused(0, idempotency.Refresh{})
		l.send("key")
		l.refused(0, idempotency.Refresh{})
		l = newLife(t, "key")
		l.accept("key", "id")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.refused(0, idempotency.Refresh{})
	})
}
