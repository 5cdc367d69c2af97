package client

import (
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
)

// Polls that were put off by a process that is gone, or by another one, get their
// turns from one that has never put any off: it must not take them for younger
// than what waits, which is they themselves.
func TestPollsPutOffByAnother(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	var waiting []*idempotency.Record
	for i := range 16 {
		at := now.Add(-time.Hour + time.Duration(i)*time.Minute)
		waiting = append(waiting, &idempotency.Record{PollAt: at, Due: now.Add(time.Duration(i) * time.Millisecond)})
	}
	q := &pollQueue{}
	for range 60 { // seconds
		now = now.Add(time.Second)
		var left []*idempotency.Record
		entered := 0
		for _, rec := range waiting {
			switch {
			case rec.Due.After(now):
				left = append(left, rec)
			case q.enter(now, rec.PollAt, 2):
				entered++
			default:
				rec.Due = q.putOff(now.Add(shortestPutOff), 2, rec)
				left = append(left, rec)
			}
		}
		for range entered {
			q.leave(100 * time.Millisecond)
		}
		waiting = left
	}
	if len(waiting) > 0 {
		t.Errorf("%d polls still wait for a turn", len(waiting))
	}
}
