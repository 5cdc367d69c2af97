package idempotency_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

var replayed = idempotency.Replay{Run: "incident-7", By: "ann"}

// A replay settles what somebody may have, sends what nobody has, and leaves to
// a person what is a person's.
func TestReplay(t *testing.T) {
	t.Parallel()
	t.Run("planned: due now, the worker's lease goes on", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		l.do(l.answered("key", postproof.NotSent, postproof.CodeUnavailable))
		l.next(idempotency.DoWait)
		l.now = l.now.Add(5 * time.Second)
		l.lease()
		lease := l.r.Lease
		l.do(replayed)
		l.state(idempotency.Planned)
		if !l.r.Due.Equal(l.now) || l.r.Tries != 0 || l.r.Generation != 1 {
			t.Errorf("due %s, try %d, generation %d, want now, none, the same", l.r.Due, l.r.Tries, l.r.Generation)
		}
		if diff := cmp.Diff(lease, l.r.Lease); diff != "" {
			t.Errorf("lease (-want +got):\n%s", diff)
		}
		if want := l.now.Add(l.m.PlannedFor); !l.r.Deadline.Equal(want) {
			t.Errorf("deadline %s, want %s: a person wants it sent", l.r.Deadline, want)
		}
		if l.r.Run != replayed.Run || !l.told("replayed") {
			t.Errorf("run %q, history %v", l.r.Run, l.kinds)
		}
		l.send("key")
	})
	t.Run("refused: the next generation, also where it was refused", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.send("key")
		l.do(l.answered("key", postproof.Refused, postproof.CodeInvalidArgument))
		l.state(idempotency.Refused)
		l.do(replayed)
		l.state(idempotency.Planned)
		if l.r.Generation != 2 || l.r.Refusal != (idempotency.Refusal{}) {
			t.Errorf("generation %d, refusal %v, want 2 and none", l.r.Generation, l.r.Refusal)
		}
		l.send("key")
	})
	t.Run("refused without a send: the same generation", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "key")
		l.do(idempotency.NoRoute{Code: postproof.CodeUnsupported})
		l.do(replayed)
		l.state(idempotency.Planned)
		if l.r.Generation != 1 {
			t.Errorf("generation %d, want 1", l.r.Generation)
		}
	})
	t.Run("unknown: asked at once, never sent sooner", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(replayed)
		l.next(idempotency.DoLookUp)
		l = newLife(t, "key")
		l.lose("key")
		due := l.r.Due
		l.do(replayed)
		if !l.r.Due.Equal(due) {
			t.Errorf("due %s, want %s as before", l.r.Due, due)
		}
	})
	t.Run("held: settled where a vendor can be asked", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline})
		l.do(replayed)
		l.state(idempotency.Unknown)
		l.next(idempotency.DoLookUp)
	})
	t.Run("held: sent where nobody has it", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.lose("list")
		l.absent("list")
		l.do(idempotency.PutOnHold{Reason: idempotency.HoldCap})
		l.do(replayed)
		l.state(idempotency.Planned)
		if l.r.Generation != 2 {
			t.Errorf("generation %d, want 2: the reference of the first is burnt", l.r.Generation)
		}
		l.send("list")
	})
}

// What is not for a replay to decide it refuses, and says by which rule.
func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rule int
		life func(l *life)
	}{
		"what is being sent": {4, func(l *life) { l.send("list") }},
		"what a vendor has":  {0, func(l *life) { l.accept("list", "id") }},
		"what was canceled":  {13, func(l *life) { l.do(idempotency.WishCancel{By: "bob"}) }},
		"what is to be":      {13, func(l *life) { l.lose("list"); l.do(idempotency.WishCancel{By: "bob"}) }},
		"the same run again": {7, func(l *life) { l.do(replayed) }},
		"again after a refusal": {7, func(l *life) {
			l.do(replayed)
			l.send("list")
			l.do(l.answered("list", postproof.Refused, postproof.CodeInvalidArgument))
			l.state(idempotency.Refused)
		}},
		"held, nobody to ask":                {9, func(l *life) { l.lose("blind"); l.do(idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk}) }},
		"held with a receipt":                {9, func(l *life) { l.accept("list", "id"); l.do(idempotency.PutOnHold{Reason: idempotency.HoldDeadline}) }},
		"a reason that a newer version made": {9, func(l *life) { l.do(idempotency.PutOnHold{Reason: "moon_phase"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "list", "blind")
			tc.life(l)
			l.refused(tc.rule, replayed)
		})
	}
	for _, reason := range []idempotency.HoldReason{
		idempotency.HoldOperator, idempotency.HoldCanary, idempotency.HoldGenerations, idempotency.HoldContradiction, idempotency.HoldContentDiffers,
	} {
		t.Run(fmt.Sprint("held: ", reason), func(t *testing.T) {
			t.Parallel()
			l := newLife(t, "list")
			l.do(idempotency.PutOnHold{Reason: reason})
			l.refused(9, replayed)
		})
	}
	t.Run("without a name", func(t *testing.T) {
		t.Parallel()
		l := newLife(t, "list")
		l.refused(9, idempotency.Replay{By: "ann"})
		l.refused(9, idempotency.Replay{Run: "incident-7"})
	})
}
