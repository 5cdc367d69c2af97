package operator_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// askedStore notes what is asked of its inbox.
type askedStore struct {
	*idempotency.Memory
	asked []idempotency.MessageQuery
}

func (s *askedStore) Inbox() idempotency.Inbox { return askedInbox{s.Memory.Inbox(), s} }

type askedInbox struct {
	idempotency.Inbox
	s *askedStore
}

func (i askedInbox) List(ctx context.Context, q idempotency.MessageQuery) iter.Seq2[*idempotency.Message, error] {
	i.s.asked = append(i.s.asked, q)
	return i.Inbox.List(ctx, q)
}

// The first screen counts the callbacks that are parked without reading an inbox of
// years: it asks for states of which few messages are, and no payload.
func TestStatusDoesNotReadTheInbox(t *testing.T) {
	t.Parallel()
	s := &askedStore{Memory: idempotency.NewMemory(postproof.ModeTest)}
	w := newWorld(t, s, []*printer{newPrinter(t, "printer")})
	for i, state := range []idempotency.MessageState{idempotency.MessageApplied, idempotency.MessageParked, idempotency.MessageWaiting, idempotency.MessageParked} {
		m := &idempotency.Message{Vendor: "printer", Mode: postproof.ModeTest, Dedupe: fmt.Sprint(i), State: state, Body: []byte("{}")}
		if _, err := s.Inbox().Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.run(t, "status").out; !strings.Contains(got, "2 callbacks are parked") {
		t.Errorf("the screen does not count the parked callbacks:\n%s", got)
	}
	if got := w.run(t, "callbacks").out; !strings.Contains(got, "2 callbacks failed") {
		t.Errorf("the list does not have the parked callbacks:\n%s", got)
	}
	few := []idempotency.MessageState{idempotency.MessageParked, idempotency.MessageWaiting}
	for _, q := range s.asked {
		if !q.Bare || len(q.States) == 0 || slices.ContainsFunc(q.States, func(s idempotency.MessageState) bool { return !slices.Contains(few, s) }) {
			t.Errorf("asked for %+v", q)
		}
	}
	if len(s.asked) == 0 {
		t.Error("the inbox was not asked: the test looks at the wrong thing")
	}
}
