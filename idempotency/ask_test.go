package idempotency_test

import (
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// Who wishes to know and a word that nobody has signed bring the same question
// forward. Only the wish asks after the end, and only it is refused where there
// is nobody to ask.
func TestAWishAndAHintAskTheSame(t *testing.T) {
	t.Parallel()
	delivered := func(l *life) {
		l.accept("key", "id")
		l.do(idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Sighting: see("id", postproof.StageDelivered)})
	}
	failed := idempotency.LookedUp{Vendor: "key", Ref: exampleRef(1), Failed: true}
	const refused, ignored, asked = 0, 1, 2
	for name, tc := range map[string]struct {
		live       func(*life)
		wish, hint int
		next       idempotency.Do // when it is asked
	}{
		"planned":                   {func(*life) {}, refused, -1, ""},
		"in doubt, sent again next": {func(l *life) { l.lose("key") }, refused, ignored, ""},
		"in doubt, the key closed":  {func(l *life) { l.lose("key"); l.wait(5); l.do(failed) }, asked, asked, idempotency.DoLookUp},
		"in doubt, a look-up":       {func(l *life) { l.lose("key"); l.do(idempotency.CannotBuild{}); l.do(failed) }, asked, asked, idempotency.DoLookUp},
		"accepted":                  {func(l *life) { l.accept("key", "id") }, asked, asked, idempotency.DoPoll},
		"delivered":                 {delivered, asked, ignored, idempotency.DoPoll},
		"done":                      {func(l *life) { delivered(l); l.lease(); l.do(idempotency.Finish{}) }, asked, ignored, idempotency.DoPoll},
		"held":                      {func(l *life) { l.lose("blind"); l.do(idempotency.PutOnHold{Reason: idempotency.HoldCannotAsk}) }, refused, ignored, ""},
		"refused, and a vendor to hint": {func(l *life) {
			l.send("key")
			l.do(l.answered("key", postproof.Refused, postproof.CodeInvalidArgument))
		}, refused, ignored, ""},
	} {
		for ev, want := range map[idempotency.Event]int{
			idempotency.Refresh{}: tc.wish,
			idempotency.Observe{Vendor: "key", Ref: exampleRef(1), Hint: true, Sighting: see("id", postproof.StageReturned)}: tc.hint,
		} {
			if want < 0 {
				continue // nothing was sent that a hint could be about
			}
			t.Run(name+", "+ev.Name(), func(t *testing.T) {
				t.Parallel()
				l := newLife(t, "key", "blind")
				tc.live(l)
				before := l.r
				ch, err := l.m.Apply(l.r, l.now, ev)
				switch {
				case want == refused && err == nil, want != refused && err != nil && ruleOf(err) != 12:
					t.Fatalf("err = %v", err)
				case err != nil:
					return
				}
				l.r = ch.Record
				if l.r.Status != before.Status {
					t.Error("it changed what is known of the piece")
				}
				if want == ignored {
					if l.r.State != before.State || !l.r.Due.Equal(before.Due) || !l.r.PollAt.Equal(before.PollAt) {
						t.Errorf("%s, due %s, to be polled %s; want all as it was", l.r.State, l.r.Due, l.r.PollAt)
					}
					return
				}
				l.next(tc.next)
			})
		}
	}
}
