package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

func inboxChecks() []check {
	return []check{
		{name: "a message is stored once", run: storedOnce},
		{name: "a message comes back as it was given", run: messageRoundTrip},
		{name: "many senders of one message store it once", run: manySenders},
		{name: "messages are claimed oldest first, when due", run: messageOrder},
		{name: "a message is leased to one, until the lease ends", run: messageLease},
		{name: "a mark settles a message in one step with its change", run: marks},
		{name: "failures are counted and rescheduled", run: failures},
		{name: "purging keeps what waits and what deduplicates", run: purging},
		{name: "a list selects states, vendor and place", run: messageQueries},
		{name: "a message that changes its state is in the list of both", run: messageBetween},
	}
}

func message(i int) *idempotency.Message {
	return &idempotency.Message{
		Vendor: "lob", Account: "acct", Mode: postproof.ModeTest, Dedupe: fmt.Sprint("evt_", i),
		Header: map[string]string{"Lob-Signature": "abc"}, Body: []byte(fmt.Sprintf(`{"n":%d}`, i)), ReceivedAt: epoch().Add(time.Duration(i) * time.Second),
	}
}

func put(t reporter, e idempotency.Engine, m *idempotency.Message) *idempotency.Message {
	t.Helper()
	fresh, err := e.Inbox().Put(t.Context(), m)
	if err != nil || !fresh {
		t.Fatalf("Put = %v, %v, want a new message", fresh, err)
	}
	return m
}

func claimMessages(t reporter, e idempotency.Engine, now time.Time, limit int) []*idempotency.Message {
	t.Helper()
	ms, err := e.Inbox().Claim(t.Context(), idempotency.ClaimRequest{Owner: "worker", Limit: limit, Lease: time.Minute, Now: now})
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return ms
}

func messages(t reporter, e idempotency.Engine, q idempotency.MessageQuery) []*idempotency.Message {
	t.Helper()
	return collect(t, e.Inbox().List(t.Context(), q))
}

func messageIDs(ms []*idempotency.Message) []uint64 {
	ids := []uint64{}
	for _, m := range ms {
		ids = append(ids, m.ID)
	}
	return ids
}

func storedOnce(t reporter, h Harness) {
	first := put(t, h.Engine, message(1))
	if first.ID == 0 || first.State != idempotency.MessageWaiting || first.Fence == 0 {
		t.Errorf("Put left the message as %+v, want id, state and fence set", first)
	}
	again := message(1)
	again.Body = []byte("another body")
	fresh, err := h.Engine.Inbox().Put(t.Context(), again)
	if fresh || err != nil || again.ID != first.ID {
		t.Errorf("Put again = %v, %v, id %d, want that of the first, %d", fresh, err, again.ID, first.ID)
	}
	for _, edit := range []func(m *idempotency.Message){
		func(m *idempotency.Message) { m.Vendor = "pcm" },
		func(m *idempotency.Message) { m.Account = "other" },
		func(m *idempotency.Message) { m.Dedupe = "evt_2" },
	} {
		m := message(1)
		edit(m)
		put(t, h.Engine, m)
	}
	all := messages(t, h.Engine, idempotency.MessageQuery{})
	if len(all) != 4 || string(all[0].Body) != `{"n":1}` {
		t.Errorf("%d messages, the first %q, want 4, the first as it came", len(all), all[0].Body)
	}
	// A message that was settled is known all the same.
	must(t, h.Engine, idempotency.Change{Marks: []idempotency.Mark{{ID: first.ID, Expect: first.Fence, State: idempotency.MessageApplied}}})
	if fresh, err := h.Engine.Inbox().Put(t.Context(), message(1)); fresh || err != nil {
		t.Errorf("Put after it was applied = %v, %v, want it known", fresh, err)
	}
}

func messageRoundTrip(t reporter, h Harness) {
	m := message(1)
	m.Body = []byte{0, 0xff, '\n', 0xc3, 0x28}
	m.Due = epoch().Add(5)
	put(t, h.Engine, m)
	want := *m
	want.Header = map[string]string{"Lob-Signature": "abc"}
	want.Body = []byte{0, 0xff, '\n', 0xc3, 0x28}
	m.Body[0], m.Header["Lob-Signature"] = 9, "changed" // the message is the caller's
	got := messages(t, h.Engine, idempotency.MessageQuery{})
	same(t, "message", []*idempotency.Message{&want}, got)
	got[0].Body[0] = 7
	same(t, "message, read again", []*idempotency.Message{&want}, messages(t, h.Engine, idempotency.MessageQuery{}))
	bare := &idempotency.Message{Vendor: "pcm", Dedupe: "x"}
	put(t, h.Engine, bare)
	if bare.ReceivedAt.IsZero() {
		t.Errorf("a message without a time of receipt has got none")
	}
}

func manySenders(t reporter, h Harness) {
	var fresh atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			ok, err := h.Engine.Inbox().Put(t.Context(), message(1))
			if err != nil {
				t.Errorf("Put: %v", err)
			}
			if ok {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if n := len(messages(t, h.Engine, idempotency.MessageQuery{})); n != 1 || fresh.Load() != 1 {
		t.Errorf("%d messages, %d called new, want one", n, fresh.Load())
	}
}

func messageOrder(t reporter, h Harness) {
	var ids []uint64
	for i := range 6 {
		m := message(i)
		m.ReceivedAt = epoch().Add(-time.Duration(i) * time.Minute) // order is that of receipt here, not of their time
		switch i {
		case 1:
			m.Due = epoch().Add(time.Nanosecond)
		case 4:
			m.State = idempotency.MessageIgnored
		}
		ids = append(ids, put(t, h.Engine, m).ID)
	}
	same(t, "two", []uint64{ids[0], ids[2]}, messageIDs(claimMessages(t, h.Engine, epoch(), 2)))
	same(t, "the others", []uint64{ids[3], ids[5]}, messageIDs(claimMessages(t, h.Engine, epoch(), 9)))
	same(t, "later", []uint64{ids[1]}, messageIDs(claimMessages(t, h.Engine, epoch().Add(time.Nanosecond), 9)))
}

func messageLease(t reporter, h Harness) {
	m := put(t, h.Engine, message(1))
	old := claimMessages(t, h.Engine, epoch(), 9)
	if len(old) != 1 || old[0].Fence != m.Fence+1 || old[0].Lease.Owner != "worker" || string(old[0].Body) != `{"n":1}` {
		t.Fatalf("claimed %+v, want the message with a grown fence and a lease", old)
	}
	same(t, "stored", old, messages(t, h.Engine, idempotency.MessageQuery{}))
	if ms := claimMessages(t, h.Engine, epoch().Add(time.Minute-1), 9); len(ms) > 0 {
		t.Errorf("offered while the lease holds")
	}
	young := claimMessages(t, h.Engine, epoch().Add(time.Minute), 9)
	if len(young) != 1 {
		t.Fatalf("not offered after the lease")
	}
	mark := func(m *idempotency.Message) idempotency.Change {
		return idempotency.Change{Marks: []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageApplied}}}
	}
	refuse(t, h.Engine, idempotency.ErrStale, mark(old[0]))
	must(t, h.Engine, mark(young[0]))
	refuse(t, h.Engine, idempotency.ErrStale, mark(young[0]))
	if ms := claimMessages(t, h.Engine, epoch().Add(time.Hour), 9); len(ms) > 0 {
		t.Errorf("an applied message was offered")
	}
}

func marks(t reporter, h Harness) {
	put(t, h.Engine, message(1))
	m := claimMessages(t, h.Engine, epoch(), 1)[0]
	r := planned(1)
	must(t, h.Engine, create(r))
	c := step(r, func(r *idempotency.Record) { r.State = idempotency.Accepted })
	c.Marks = []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageApplied}}
	lost := step(r, func(r *idempotency.Record) { r.State = idempotency.Held })
	must(t, h.Engine, lost)
	refuse(t, h.Engine, idempotency.ErrStale, c) // the record has moved on: the mark must not be there
	if got := messages(t, h.Engine, idempotency.MessageQuery{})[0]; got.State != idempotency.MessageWaiting || got.Fence != m.Fence {
		t.Errorf("message is %s with fence %d after a change that failed", got.State, got.Fence)
	}
	c = step(lost.Record, func(r *idempotency.Record) { r.State = idempotency.Accepted })
	c.Marks = []idempotency.Mark{{ID: m.ID, Expect: m.Fence, State: idempotency.MessageApplied}}
	must(t, h.Engine, c)
	got := messages(t, h.Engine, idempotency.MessageQuery{})[0]
	if got.State != idempotency.MessageApplied || got.Fence != m.Fence+1 || !got.Lease.Until.IsZero() {
		t.Errorf("message is %+v, want it applied, its lease given back", got)
	}
}

func failures(t reporter, h Harness) {
	put(t, h.Engine, message(1))
	for try := 1; try <= 3; try++ {
		now := epoch().Add(time.Duration(try) * time.Hour)
		ms := claimMessages(t, h.Engine, now, 1)
		if len(ms) != 1 {
			t.Fatalf("try %d: not offered", try)
		}
		state := idempotency.MessageWaiting
		if try == 3 {
			state = idempotency.MessageParked
		}
		must(t, h.Engine, idempotency.Change{Marks: []idempotency.Mark{{ID: ms[0].ID, Expect: ms[0].Fence, State: state, Due: now.Add(time.Hour), Error: fmt.Sprint("failure ", try)}}})
		got := messages(t, h.Engine, idempotency.MessageQuery{})[0]
		if got.Tries != try || got.LastError != fmt.Sprint("failure ", try) || !got.Due.Equal(now.Add(time.Hour)) {
			t.Errorf("try %d: %d tries, %q, due %v", try, got.Tries, got.LastError, got.Due)
		}
		if ms := claimMessages(t, h.Engine, now.Add(time.Hour-1), 1); len(ms) > 0 {
			t.Errorf("try %d: offered before it is due again", try)
		}
	}
	if ms := claimMessages(t, h.Engine, epoch().AddDate(1, 0, 0), 1); len(ms) > 0 {
		t.Errorf("a parked message was offered")
	}
	// A person sends it round again; no failure, so the last one stays in view.
	parked := messages(t, h.Engine, idempotency.MessageQuery{})[0]
	must(t, h.Engine, idempotency.Change{Marks: []idempotency.Mark{{ID: parked.ID, Expect: parked.Fence, State: idempotency.MessageWaiting}}})
	ms := claimMessages(t, h.Engine, epoch(), 1)
	if len(ms) != 1 || ms[0].Tries != 3 || ms[0].LastError != "failure 3" {
		t.Errorf("sent round again: %+v, want it offered with its past", ms)
	}
}

func purging(t reporter, h Harness) {
	states := []idempotency.MessageState{
		idempotency.MessageWaiting, idempotency.MessageApplied, idempotency.MessageParked, idempotency.MessageIgnored, "deferred",
	}
	for i, state := range states {
		for j := range 2 {
			m := message(2*i + j)
			m.State, m.ReceivedAt = state, epoch().Add(time.Duration(j)*time.Hour)
			put(t, h.Engine, m)
		}
	}
	purge := func(limit int) int {
		n, err := h.Engine.Inbox().Purge(t.Context(), epoch().Add(time.Hour), limit)
		if err != nil {
			t.Fatalf("Purge: %v", err)
		}
		return n
	}
	if a, b, c := purge(1), purge(9), purge(9); a != 1 || b != 1 || c != 0 {
		t.Errorf("Purge = %d, %d, %d, want 1, 1, 0: old ones that are settled", a, b, c)
	}
	for i, m := range messages(t, h.Engine, idempotency.MessageQuery{}) {
		gone := i%2 == 0 && (m.State == idempotency.MessageApplied || m.State == idempotency.MessageIgnored)
		if gone != (m.Body == nil) || gone != (m.Header == nil) {
			t.Errorf("message %d, %s: body %q, header %v, purged is %v", i, m.State, m.Body, m.Header, gone)
		}
	}
	if fresh, err := h.Engine.Inbox().Put(t.Context(), message(2)); fresh || err != nil {
		t.Errorf("Put of a purged message = %v, %v, want it known", fresh, err)
	}
}

func messageQueries(t reporter, h Harness) {
	for i := range 300 {
		m := message(i)
		m.Vendor = []string{"lob", "pcm", "click2mail"}[i%3]
		m.State = []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageParked}[i%2]
		put(t, h.Engine, m)
	}
	last := message(300) // behind all the others
	last.State = idempotency.MessageApplied
	put(t, h.Engine, last)
	all := messages(t, h.Engine, idempotency.MessageQuery{})
	if len(all) != 301 {
		t.Fatalf("%d messages, want 301", len(all))
	}
	for name, q := range map[string]idempotency.MessageQuery{
		"waiting":       {States: []idempotency.MessageState{idempotency.MessageWaiting}},
		"two states":    {States: []idempotency.MessageState{idempotency.MessageWaiting, idempotency.MessageParked}},
		"last waiting":  {States: []idempotency.MessageState{idempotency.MessageWaiting}, After: all[297].ID},
		"none waiting":  {States: []idempotency.MessageState{idempotency.MessageWaiting}, After: all[298].ID},
		"state":         {States: []idempotency.MessageState{idempotency.MessageParked}},
		"last of all":   {States: []idempotency.MessageState{idempotency.MessageApplied}},
		"vendor":        {Vendor: "pcm"},
		"after":         {After: all[200].ID},
		"all of it":     {Vendor: "lob", States: []idempotency.MessageState{idempotency.MessageWaiting}, After: all[100].ID},
		"nobody's":      {Vendor: "poplar"},
		"unknown state": {States: []idempotency.MessageState{"deferred"}},
	} {
		var want []*idempotency.Message
		for _, m := range all {
			if q.Matches(m) {
				want = append(want, m)
			}
		}
		same(t, name, want, messages(t, h.Engine, q))
		q.Limit = 3
		same(t, name+", three only", want[:min(3, len(want))], messages(t, h.Engine, q))
		q.Bare = true
		bare := []*idempotency.Message{}
		for _, m := range want[:min(3, len(want))] {
			b := *m
			b.Body = nil
			bare = append(bare, &b)
		}
		same(t, name+", bare", bare, messages(t, h.Engine, q))
	}
}

// messageBetween: of what failed none is missed because it is parked, or replayed, while
// the list is read.
func messageBetween(t reporter, h Harness) {
	states := []idempotency.MessageState{idempotency.MessageParked, idempotency.MessageWaiting}
	const n = 40
	var ids []uint64
	for i := range n {
		m := message(i)
		m.State = states[i%2]
		ids = append(ids, put(t, h.Engine, m).ID)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for fence := uint64(1); ; fence++ {
			select {
			case <-stop:
				return
			default:
			}
			marks := make([]idempotency.Mark, n)
			for i, id := range ids {
				marks[i] = idempotency.Mark{ID: id, Expect: fence, State: states[(i+int(fence))%2], Due: epoch()}
			}
			if err := idempotency.CommitOne(t.Context(), h.Engine, idempotency.Change{Marks: marks}); err != nil {
				t.Errorf("Commit: %v", err)
				return
			}
		}
	}()
	for range 100 {
		if got := messageIDs(messages(t, h.Engine, idempotency.MessageQuery{States: states, Bare: true})); !slices.Equal(got, ids) {
			t.Errorf("of %d messages, each parked or waiting, %d are listed: %v", n, len(got), got)
			break
		}
	}
	close(stop)
	<-stopped
}
