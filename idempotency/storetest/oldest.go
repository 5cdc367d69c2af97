package storetest

import (
	"time"

	"github.com/postproof/postproof/idempotency"
)

// oldest returns for how long the oldest record has been due.
func oldest(t reporter, e idempotency.Engine, req idempotency.ClaimRequest) time.Duration {
	t.Helper()
	at, err := e.OldestDue(t.Context(), req)
	if err != nil {
		t.Fatalf("OldestDue: %v", err)
	}
	if at.IsZero() {
		return 0
	}
	return req.Now.Sub(at)
}

// oldestDue: an alarm on workers that stand still must neither be silent nor cry over
// what is left alone.
func oldestDue(t reporter, h Harness) {
	now := idempotency.ClaimRequest{Now: epoch()}
	same(t, "of nothing", time.Duration(0), oldest(t, h.Engine, now))
	var changes []idempotency.Change
	add := func(r *idempotency.Record, campaign string, priority int, age time.Duration) {
		r.Campaign, r.Priority, r.Due = campaign, priority, epoch().Add(-age)
		changes = append(changes, create(r))
	}
	add(planned(0), "a", 0, -time.Nanosecond)
	must(t, h.Engine, changes...)
	same(t, "of nothing that is due", time.Duration(0), oldest(t, h.Engine, now))
	changes = nil
	add(planned(1), "a", 9, time.Minute)
	add(planned(2), "a", -1, time.Hour)
	add(planned(3), "b", 3, 2*time.Hour)
	add(planned(4), "b", 3, 90*time.Minute)
	held := planned(6)
	held.State = idempotency.Held
	add(held, "b", 3, 8*time.Hour)
	must(t, h.Engine, changes...)
	same(t, "of the lowest priority, too", 2*time.Hour, oldest(t, h.Engine, now))
	same(t, "with a campaign left alone", time.Hour, oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch(), Skip: []string{"b"}}))
	same(t, "with both left alone", time.Duration(0), oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch(), Skip: []string{"b", "a"}}))
	same(t, "from a priority on", time.Minute, oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch(), Least: new(4)}))
	same(t, "of what was due then", 30*time.Minute, oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch().Add(-90 * time.Minute)}))

	taken := sent(7, "lob")
	changes = nil
	add(taken, "b", 3, 3*time.Hour)
	add(watched(8, idempotency.Canceled, epoch().Add(-4*time.Hour)), "c", 0, 0)
	must(t, h.Engine, changes...)
	same(t, "of what is watched", 4*time.Hour, oldest(t, h.Engine, now))
	must(t, h.Engine, step(get(t, h.Engine, idOf(8)), func(r *idempotency.Record) { r.Submissions[0].NextWatch = epoch().Add(time.Hour) }))
	same(t, "of what was sent, left alone or not", 3*time.Hour, oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch(), Skip: []string{"b"}, Least: new(4)}))

	if n := len(claim(t, h.Engine, epoch(), 10)); n != 5 {
		t.Fatalf("claimed %d records, want 5", n)
	}
	same(t, "while all is leased", time.Duration(0), oldest(t, h.Engine, now))
	same(t, "when the leases have ended", 3*time.Hour+time.Minute, oldest(t, h.Engine, idempotency.ClaimRequest{Now: epoch().Add(time.Minute)}))
}
