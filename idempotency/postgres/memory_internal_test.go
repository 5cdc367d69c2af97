package postgres

import (
	"strconv"
	"testing"

	"github.com/postproof/postproof/idempotency"
)

// TestMemoryOfAnotherHistory: what was read before all was forgotten is not
// remembered after it. It is of a history in which the same fence may stand for
// something else.
func TestMemoryOfAnotherHistory(t *testing.T) {
	t.Parallel()
	var m memory
	before := m.now()
	m.forget()
	m.put(before, map[idempotency.ID]remembered{"a": {num: 1, fence: 2}})
	if len(m.places) > 0 {
		t.Errorf("%v is remembered, want nothing", m.places)
	}
	m.put(m.now(), map[idempotency.ID]remembered{"a": {num: 1, fence: 2}})
	if m.places["a"].fence != 2 {
		t.Errorf("%v is remembered, want fence 2", m.places)
	}
	m.forget()
	if len(m.places) > 0 {
		t.Errorf("%v is remembered after all was forgotten", m.places)
	}
}

// TestMemoryKeepsTheNewest: a claim's answer may be taken in after the commit that
// came behind it. What nobody holds any more is let go of.
func TestMemoryKeepsTheNewest(t *testing.T) {
	t.Parallel()
	var m memory
	m.learn(map[idempotency.ID]*place{"a": {num: 1, fence: 3, held: true}})
	m.put(m.now(), map[idempotency.ID]remembered{"a": {num: 1, fence: 2}})
	if got := m.places["a"].fence; got != 3 {
		t.Errorf("fence %d is remembered, want 3", got)
	}
	m.learn(map[idempotency.ID]*place{"a": {num: 1, fence: 4}})
	if len(m.places) > 0 {
		t.Errorf("%v is remembered, want nothing: nobody holds it", m.places)
	}
}

// TestMemoryIsBounded: leases that run out elsewhere are never reported.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	for i := range 3 * maxRemembered {
		m.put(m.now(), map[idempotency.ID]remembered{idempotency.ID(strconv.Itoa(i)): {num: 1, fence: 1}})
		m.learn(map[idempotency.ID]*place{idempotency.ID("l" + strconv.Itoa(i)): {num: 1, fence: 1, held: true}})
	}
	if n := len(m.places); n == 0 || n > maxRemembered {
		t.Errorf("%d records are remembered, want 1 to %d", n, maxRemembered)
	}
}

// TestWeightOfWhatIsLarge: jobs and callbacks with much in them that come at once from
// many callers are not put into one transaction.
func TestWeightOfWhatIsLarge(t *testing.T) {
	t.Parallel()
	job := func(bytes int) *commitOp {
		return newCommitOp([]idempotency.Change{{Record: &idempotency.Record{Job: make([]byte, bytes)}}})
	}
	if small, large := job(2000).weight(), job(4<<20).weight(); small != 1 || large < maxBatch {
		t.Errorf("a small job weighs %d, one of 4 MiB %d, want 1 and all that a transaction takes, %d", small, large, maxBatch)
	}
	if n := (&putOp{message: idempotency.Message{Body: make([]byte, 1<<20)}}).weight(); n < 16 {
		t.Errorf("a callback of 1 MiB weighs %d", n)
	}
}
