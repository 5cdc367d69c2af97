package idempotency_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

const day = 24 * time.Hour

// dated is a job to be mailed so long after it was handed in, with a vendor of real
// times: see [polled].
func dated(t *testing.T, ahead time.Duration, auth postproof.CallbackAuth) *life {
	t.Helper()
	caps := *exampleVendor("ref")
	caps.Poll = 12 * time.Hour
	caps.Callbacks = postproof.Callbacks{Auth: auth, Patience: map[postproof.Stage]time.Duration{
		postproof.StageAccepted: 48 * time.Hour, postproof.StageMailed: 120 * time.Hour,
	}}
	l := &life{t: t, m: &idempotency.Machine{Caps: func(string) *postproof.Capabilities { return &caps }}, now: exampleStart()}
	job := exampleJob()
	if ahead > 0 {
		job.SendDate = l.now.Add(ahead)
	}
	l.r = idempotency.NewRecord(job, []byte(`{"v":1}`), postproof.ModeTest, l.now)
	l.m.PlannedFor = 30 * day
	ch, err := l.m.Create(l.r, l.now)
	if err != nil {
		t.Fatal(err)
	}
	l.r = ch.Record
	return l
}

// acceptDated is accept with a send date of the submission.
func (l *life) acceptDated(date time.Time) {
	l.t.Helper()
	l.lease()
	ev := l.intent("ref")
	ev.SendDate = date
	l.do(ev)
	a, s := l.answered("ref", postproof.Accepted, 0), see("id", postproof.StageAccepted)
	s.Receipt.AcceptedAt, a.Order = l.now, &s
	l.do(a)
	l.state(idempotency.Accepted)
}

// end follows the piece, of which there is no news, until it is held. It returns
// after how many days that is, and how many polls lay before the date given.
func (l *life) end(date time.Time) (days float64, before int) {
	l.t.Helper()
	for range 10_000 {
		switch a := l.m.Next(l.r, l.now); a.Do {
		case idempotency.DoWait:
			l.now = a.At
		case idempotency.DoPoll:
			if l.now.Before(date) {
				before++
			}
			l.observed(postproof.StageAccepted, postproof.SourcePoll, time.Time{})
		case idempotency.DoHold:
			return l.now.Sub(exampleStart()).Hours() / 24, before
		default:
			l.t.Fatalf("next is %s", a.Do)
		}
	}
	l.t.Fatal("it is never held")
	return 0, 0
}

// A piece is followed for its time from its send date on, if that is to come when it
// is accepted: it cannot be missed before.
func TestDeadlineCountsFromTheSendDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ahead time.Duration
		want  float64
	}{
		"none":            {0, 60},
		"days ahead":      {5 * day, 65},
		"further than it": {90 * day, 150},
	} {
		for _, auth := range []postproof.CallbackAuth{postproof.CallbackNone, postproof.CallbackSigned} {
			l := dated(t, tc.ahead, auth)
			l.acceptDated(l.r.SendDate)
			days, before := l.end(l.r.SendDate)
			if days != tc.want {
				t.Errorf("%s, callbacks %q: held after %v days, want %v", name, auth, days, tc.want)
			}
			if most := 2*int(tc.ahead/(7*day)) + 5; before > most || tc.ahead > 7*day && before < int(tc.ahead/(8*day)) {
				t.Errorf("%s, callbacks %q: %d polls before its date, want at most %d and some", name, auth, before, most)
			}
		}
	}
	t.Run("a date that has passed", func(t *testing.T) {
		t.Parallel()
		l := dated(t, time.Hour, postproof.CallbackNone)
		l.now = l.now.Add(10 * day)
		l.acceptDated(time.Time{})
		if days, _ := l.end(time.Time{}); days != 70 {
			t.Errorf("held after %v days, want 70", days)
		}
	})
	t.Run("asked again after the end", func(t *testing.T) {
		t.Parallel()
		l := dated(t, 90*day, postproof.CallbackNone)
		date := l.r.SendDate
		l.acceptDated(date)
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldOperator})
		l.now = l.now.Add(day)
		l.do(idempotency.Release{By: "ann"})
		if want := date.Add(60 * day); !l.r.Deadline.Equal(want) {
			t.Errorf("after a release it is held at %s, want %s", l.r.Deadline, want)
		}
	})
}

// Whose submission does not say its date was sent by a history that was lost: the job
// says it. One that was made before the job was amended had another.
func TestSendDateOfALostHistory(t *testing.T) {
	t.Parallel()
	l := dated(t, 90*day, postproof.CallbackNone)
	date := l.r.SendDate
	l.do(idempotency.Suspect{Vendors: []idempotency.SuspectVendor{{Vendor: "ref", Account: "acct", Refs: map[int]postproof.Ref{1: exampleRef(1)}}}})
	l.state(idempotency.Unknown)
	found := idempotency.LookedUp{Vendor: "ref", Ref: exampleRef(1), Complete: true, Orders: []idempotency.Sighting{see("id", postproof.StageAccepted)}}
	l.do(found)
	l.state(idempotency.Accepted)
	if want := date.Add(60 * day); !l.r.Deadline.Equal(want) {
		t.Errorf("held at %s, want %s", l.r.Deadline, want)
	}
	if got := l.r.LiesUntil(); !got.Equal(date) {
		t.Errorf("it lies there until %q, want %s", got, date)
	}

	l = dated(t, 0, postproof.CallbackNone)
	l.lose("ref")
	l.absent("ref") // of an older paper, to be mailed at once
	l.do(idempotency.Amend{Job: []byte(`{"v":2}`), Fingerprint: "other", SendDate: date, By: "ann"})
	if !l.r.SendDate.Equal(date) {
		t.Errorf("an amended job is to be mailed at %s, want %s", l.r.SendDate, date)
	}
	l.do(found)
	l.state(idempotency.Held)
	l.do(idempotency.Decide{Verdict: idempotency.VerdictAccepted, By: "ann", Why: "it is as well"})
	if want := l.now.Add(60 * day); !l.r.Deadline.Equal(want) {
		t.Errorf("the piece of before is held at %s, want %s", l.r.Deadline, want)
	}
}

// A record of before there was the field is followed as it was.
func TestRecordWithoutASendDate(t *testing.T) {
	t.Parallel()
	l := dated(t, 90*day, postproof.CallbackSigned)
	old := *l.r
	old.SendDate = time.Time{}
	l.r = &old
	l.acceptDated(time.Time{})
	if days, _ := l.end(time.Time{}); days != 60 {
		t.Errorf("held after %v days, want 60", days)
	}
}

// Nothing is expected of a piece while it lies at its vendor: its silence begins
// when the first event is overdue by the date. What was mailed has no date any more.
func TestNothingIsExpectedBeforeTheSendDate(t *testing.T) {
	t.Parallel()
	l := dated(t, 90*day, postproof.CallbackSigned)
	date := l.r.SendDate
	l.acceptDated(date)
	if at, ok := l.m.Expects(l.r); !ok || !at.Equal(date.Add(48*time.Hour)) {
		t.Errorf("news expected by %s, %v, want two days after %s", at, ok, date)
	}
	l.now = l.now.Add(30 * day)
	l.observed(postproof.StageMailed, postproof.SourceCallback, time.Time{}) // before its date, all the same
	if at, ok := l.m.Expects(l.r); !ok || !at.Equal(l.now.Add(120*time.Hour)) {
		t.Errorf("mailed: news expected by %s, %v, want in five days", at, ok)
	}
	if at := l.r.LiesUntil(); !at.IsZero() {
		t.Errorf("it was mailed, and lies at its vendor until %s", at)
	}
}

// Before the date a piece is asked about as any other, more and more seldom: one that
// failed there is to be known of. After it the pace is that of a new one.
func TestPollsAroundTheSendDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth  postproof.CallbackAuth
		ahead time.Duration
		want  []float64
	}{
		"behind callbacks":         {postproof.CallbackSigned, 40 * day, []float64{48, 12, 24, 48, 96, 168, 168, 168, 168, 60 + 48, 12, 24, 48, 72, 72}},
		"a vendor without any":     {postproof.CallbackNone, 20 * day, []float64{12, 18, 27, 40.5, 60.75, 91.125, 136.6875, 93.9375 + 12, 12, 18, 24, 24}},
		"hours ahead":              {postproof.CallbackSigned, 3 * time.Hour, []float64{3 + 48, 12, 24, 48}},
		"hours ahead, no callback": {postproof.CallbackNone, 3 * time.Hour, []float64{3 + 12, 12, 18, 24}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dated(t, tc.ahead, tc.auth)
			l.acceptDated(l.r.SendDate)
			if diff := cmp.Diff(tc.want, l.waits(postproof.StageAccepted, len(tc.want))); diff != "" {
				t.Errorf("hours between polls (-want +got)\n%s", diff)
			}
		})
	}
	t.Run("one that fails is soon made again", func(t *testing.T) {
		t.Parallel()
		l := dated(t, 90*day, postproof.CallbackNone)
		date := l.r.SendDate
		l.acceptDated(date)
		failed := idempotency.Observe{Vendor: "ref", Ref: exampleRef(1), Failed: true}
		l.waits(postproof.StageAccepted, 10)
		l.now = l.r.PollAt
		l.do(failed)
		if got := l.r.PollAt.Sub(l.now); got != day {
			t.Errorf("asked again in %s, want a day", got)
		}
		l.now = date.Add(-time.Hour)
		l.do(failed)
		l.now = l.r.PollAt
		l.do(failed)
		if got := l.r.PollAt.Sub(l.now); got != 12*time.Hour {
			t.Errorf("after its date asked again in %s, want the vendor's pace", got)
		}
	})
}

// A piece that was thought not to be there may lie there until its date, and can be
// stopped for as long: so long it is watched for, closely at both ends.
func TestWatchUntilTheSendDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ahead       time.Duration
		until       float64 // days after the proof or the date
		least, most int
	}{
		"none":            {0, 3, 12, 12},
		"within its time": {2 * day, 3, 12, 20},
		"far ahead":       {90 * day, 3, 60, 75},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := dated(t, tc.ahead, postproof.CallbackNone)
			date := l.r.SendDate
			l.lease()
			ev := l.intent("ref")
			ev.SendDate = date
			l.do(ev)
			l.do(l.answered("ref", postproof.Unknown, postproof.CodeDeadlineExceeded))
			l.absent("ref")
			l.do(idempotency.WishCancel{By: "ann"})
			l.state(idempotency.Canceled)
			began := l.now
			from := began
			if date.After(from) {
				from = date
			}
			want := from.Add(time.Duration(tc.until * float64(day)))
			if s := l.r.Submissions[0]; !s.WatchUntil.Equal(want) {
				t.Fatalf("watched until %s, want %s", s.WatchUntil, want)
			}
			looks, nearDate := 0, 0
			for at, ok := l.r.Watched(); ok && looks <= tc.most; at, ok = l.r.Watched() {
				if wait := at.Sub(l.now); wait > 72*time.Hour || wait < 6*time.Hour {
					t.Errorf("a look after %s", wait)
				}
				l.now = at
				looks++
				if !date.IsZero() && at.Before(date) && date.Sub(at) <= 72*time.Hour {
					nearDate++
				}
				l.do(l.missed("ref", 1))
			}
			if looks < tc.least || looks > tc.most || l.now.Before(want.Add(-6*time.Hour)) {
				t.Errorf("%d looks, the last %s before the end, want %d to %d", looks, want.Sub(l.now), tc.least, tc.most)
			}
			if tc.ahead > 10*day && nearDate < 11 {
				t.Errorf("%d looks in the last days before its date, want one each six hours", nearDate)
			}
		})
	}
}

// A job that was tried may be put off until its date, and no longer than its time
// from then on.
func TestTriedJobWaitsForItsSendDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ahead, until time.Duration
		want         time.Duration // after its creation
	}{
		"until its date":         {90 * day, 60 * day, 90 * day},
		"to the very date":       {90 * day, 90 * day, 120 * day},
		"for longer than that":   {90 * day, 91 * day, 30 * day},
		"for hours, before it":   {90 * day, 20 * time.Hour, 30 * day},
		"none":                   {0, 60 * day, 30 * day},
		"a date that was passed": {time.Hour, 60 * day, 30 * day},
	} {
		l := dated(t, tc.ahead, postproof.CallbackNone)
		l.lease()
		l.do(l.intent("ref"))
		l.do(l.answered("ref", postproof.NotSent, postproof.CodeUnavailable))
		l.lease()
		l.do(idempotency.Postpone{Until: exampleStart().Add(tc.until)})
		if got := l.r.Deadline.Sub(exampleStart()); got != tc.want {
			t.Errorf("%s: held after %s, want %s", name, got, tc.want)
		}
	}
}

// What lies at its vendor until a date can be canceled for as long, whoever asks: the
// waits of a wish that nobody can carry out go by that end, not by the window's.
func TestCancelUntilTheSendDate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scheduled bool
		after     time.Duration
		want      idempotency.Do
	}{
		"within the window":     {true, time.Hour, idempotency.DoCancel},
		"days before its date":  {true, 10 * day, idempotency.DoCancel},
		"too near to it":        {true, 20*day - 30*time.Minute, idempotency.DoTooLate},
		"a vendor without such": {false, 10 * day, idempotency.DoTooLate},
	} {
		l := dated(t, 20*day, postproof.CallbackNone)
		caps := *l.m.Caps("ref")
		caps.Cancel.Scheduled = tc.scheduled // and a window of hours
		l.m.Caps = func(string) *postproof.Capabilities { return &caps }
		l.acceptDated(l.r.SendDate)
		l.now = l.now.Add(tc.after)
		l.do(idempotency.WishCancel{By: "ann"})
		l.next(tc.want)
		if tc.want != idempotency.DoCancel {
			continue
		}
		for range 40 { // nobody can ask
			l.do(idempotency.CancelAnswer{Vendor: "ref", Ref: exampleRef(1), Unasked: "no credentials"})
			l.now = l.r.Submissions[0].AskAt
		}
		if l.m.Next(l.r, l.now).Do != idempotency.DoCancel {
			t.Errorf("%s: next is %s, want the wish to stand", name, l.m.Next(l.r, l.now).Do)
		}
		if wait := l.now.Sub(l.r.UpdatedAt); wait < time.Minute {
			t.Errorf("%s: asked again after %s, of days", name, wait)
		}
	}
}

// Somebody who asks after the date, before the first news is overdue, brings no silence
// about: the next poll is when it was.
func TestRefreshAfterTheSendDate(t *testing.T) {
	t.Parallel()
	l := dated(t, 20*day, postproof.CallbackSigned)
	date := l.r.SendDate
	l.acceptDated(date)
	l.now = date.Add(time.Hour)
	l.do(idempotency.Refresh{})
	l.observed(postproof.StageAccepted, postproof.SourcePoll, time.Time{})
	if want := date.Add(48 * time.Hour); !l.r.PollAt.Equal(want) || l.r.Tries != 0 {
		t.Errorf("polled again at %s (%d tries), want %s", l.r.PollAt, l.r.Tries, want)
	}
}

// Late arrivals come soon: for its time a watch looks at its pace, whatever the date.
func TestWatchBeginsClosely(t *testing.T) {
	t.Parallel()
	l := dated(t, 90*day, postproof.CallbackNone)
	l.lease()
	ev := l.intent("ref")
	ev.SendDate = l.r.SendDate
	l.do(ev)
	l.do(l.answered("ref", postproof.Unknown, postproof.CodeDeadlineExceeded))
	l.absent("ref")
	last := l.r.Submissions[0].LastAt
	for l.r.Submissions[0].NextWatch.Before(last.Add(72 * time.Hour)) {
		if wait := l.r.Submissions[0].NextWatch.Sub(l.now); wait != 6*time.Hour {
			t.Fatalf("after %s a look in %s", l.now.Sub(last), wait)
		}
		l.now = l.r.Submissions[0].NextWatch
		l.do(l.missed("ref", 1))
	}
}
