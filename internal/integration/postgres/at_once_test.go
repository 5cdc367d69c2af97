package postgres_test

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// atOnceBundle is a store that remembers where a record stands, and another one
// on the same ledger.
type atOnceBundle struct {
	db         *sql.DB
	schema     string
	proxy      *proxy
	one, other *postgres.Store
}

func atOnceSetup(t *testing.T) *atOnceBundle {
	t.Helper()
	c := pgtest.Private(t)
	b := &atOnceBundle{schema: newSchema(t), proxy: newProxy(t, c.Addr()), db: openDB(t, "pgx", c.DSN(""))}
	b.one = openStore(t, openDB(t, "pgx", c.DSN(b.proxy.listener.Addr().String())), b.schema)
	b.other = openStore(t, b.db, b.schema)
	return b
}

// claimed returns the i-th record as the store has claimed it.
func (b *atOnceBundle) claimed(t *testing.T, i int) *idempotency.Record {
	t.Helper()
	if err := idempotency.CommitOne(t.Context(), b.one, create(record(i))); err != nil {
		t.Fatal(err)
	}
	rs, err := b.one.Claim(t.Context(), idempotency.ClaimRequest{Owner: "w", Limit: 1, Lease: time.Hour, Now: start()})
	if err != nil || len(rs) != 1 || rs[0].ID != record(i).ID {
		t.Fatalf("claimed %v, %v, want record %d", rs, err, i)
	}
	return rs[0]
}

// held is the next change of a record, which keeps its lease.
func held(r *idempotency.Record) idempotency.Change {
	c := step(r)
	c.Record.Lease = r.Lease
	return c
}

// trips counts what the store sends while it makes the change: a round trip each.
func (b *atOnceBundle) trips(t *testing.T, c idempotency.Change) (n int, err error) {
	t.Helper()
	b.proxy.on(func(fromClient bool, _ []byte) cut {
		if fromClient {
			n++
		}
		return pass
	})
	err = idempotency.CommitOne(t.Context(), b.one, c)
	b.proxy.on(func(bool, []byte) cut { return pass })
	return n, err
}

// TestOneRoundTrip: a piece of paper that goes its way costs its sender a round
// trip for each step, not four.
func TestOneRoundTrip(t *testing.T) {
	t.Parallel()
	b := atOnceSetup(t)
	first := b.claimed(t, 1) // the statements are prepared with it
	if err := idempotency.CommitOne(t.Context(), b.one, held(first)); err != nil {
		t.Fatal(err)
	}
	r := b.claimed(t, 2)
	for _, what := range []string{"intent", "outcome"} {
		c := held(r)
		c.Reads = []idempotency.SettingRead{{Name: "pause"}}
		n, err := b.trips(t, c)
		if err != nil || n != 1 {
			t.Errorf("the %s: %v, %d round trips, want 1", what, err, n)
		}
		r = c.Record
	}
	if n, err := b.trips(t, create(record(3))); err != nil || n != 1 {
		t.Errorf("a new record: %v, %d round trips, want 1", err, n)
	}
	if got, err := b.other.Get(t.Context(), r.ID); err != nil || got.Fence != r.Fence || got.State != idempotency.Accepted || entriesOf(t, b.other, r.ID) != 3 {
		t.Errorf("the record is %v, %v, with %d entries, want it accepted with 3", got, err, entriesOf(t, b.other, r.ID))
	}
	depths, err := b.other.Depth(t.Context(), "spring")
	if err != nil {
		t.Fatal(err)
	}
	have := map[idempotency.State]int64{}
	for _, d := range depths {
		have[d.State] = d.Count
	}
	if have[idempotency.Planned] != 1 || have[idempotency.Sending] != 1 || have[idempotency.Accepted] != 1 {
		t.Errorf("the depth is %v, want one each that is planned, sending and accepted", have)
	}
}

// TestRememberedIsConfirmed: what a store remembers of a record is a guess. What
// others have changed since is seen before anything is written.
func TestRememberedIsConfirmed(t *testing.T) {
	t.Parallel()
	expect := func(t *testing.T, b *atOnceBundle, c idempotency.Change, want error) {
		t.Helper()
		before, err := b.other.Get(t.Context(), c.Record.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := idempotency.CommitOne(t.Context(), b.one, c); !errors.Is(err, want) {
			t.Errorf("Commit = %v, want %v", err, want)
		}
		if now, err := b.other.Get(t.Context(), c.Record.ID); err != nil || now.Fence != before.Fence || now.State != before.State {
			t.Errorf("the record is %v, %v, want it as it was, %v", now, err, before)
		}
	}
	t.Run("fence", func(t *testing.T) {
		t.Parallel()
		b := atOnceSetup(t)
		r := b.claimed(t, 1)
		canceled := *r
		canceled.Fence, canceled.State, canceled.Due, canceled.Lease = r.Fence+1, idempotency.Canceled, time.Time{}, idempotency.Lease{}
		if err := idempotency.CommitOne(t.Context(), b.other, idempotency.Change{Record: &canceled, Expect: r.Fence}); err != nil {
			t.Fatal(err)
		}
		expect(t, b, held(r), idempotency.ErrStale)
	})
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		b := atOnceSetup(t)
		b.claimed(t, 1)
		if err := idempotency.CommitOne(t.Context(), b.other, create(record(2))); err != nil {
			t.Fatal(err)
		}
		expect(t, b, create(record(2)), idempotency.ErrExists)
	})
	t.Run("reference", func(t *testing.T) {
		t.Parallel()
		b := atOnceSetup(t)
		r := b.claimed(t, 1)
		taken := step(record(2))
		taken.Record.Fence, taken.Expect = 1, 0
		taken.Record.Submissions[0].Ref = held(r).Record.Submissions[0].Ref
		if err := idempotency.CommitOne(t.Context(), b.other, taken); err != nil {
			t.Fatal(err)
		}
		expect(t, b, held(r), idempotency.ErrRefTaken)
	})
	t.Run("setting", func(t *testing.T) {
		t.Parallel()
		b := atOnceSetup(t)
		r := b.claimed(t, 1)
		if err := idempotency.CommitOne(t.Context(), b.other, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "pause", Value: []byte("1")}}}); err != nil {
			t.Fatal(err)
		}
		c := held(r)
		c.Reads = []idempotency.SettingRead{{Name: "pause"}}
		expect(t, b, c, idempotency.ErrStale)
	})
	t.Run("epoch", func(t *testing.T) {
		t.Parallel()
		b := atOnceSetup(t)
		r := b.claimed(t, 1)
		c := held(r)
		c.Epoch = identify(t, b.one).Epoch
		if _, err := b.db.ExecContext(t.Context(), "UPDATE "+b.schema+".ledger SET server = ''"); err != nil {
			t.Fatal(err)
		}
		expect(t, b, c, idempotency.ErrEpoch)
	})
}

// TestPauseBesideAStep: a pause that is being committed when a step comes that
// depends on there being none is waited for, and seen. The statement of the step
// began before the pause was there.
func TestPauseBesideAStep(t *testing.T) {
	t.Parallel()
	b := atOnceSetup(t)
	r := b.claimed(t, 1)
	between := newGate(t, b.db, b.schema, "settings") // a commit writes them when it has the ledger's lock
	paused, stepped := make(chan error, 1), make(chan error, 1)
	go func() {
		paused <- idempotency.CommitOne(t.Context(), b.other, idempotency.Change{Settings: []idempotency.SettingWrite{{Name: "pause", Value: []byte("1")}}})
	}()
	between.reached(t)
	go func() {
		c := held(r)
		c.Reads = []idempotency.SettingRead{{Name: "pause"}}
		stepped <- idempotency.CommitOne(t.Context(), b.one, c)
	}()
	until(t, b.db, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory')")
	between.open(t)
	if err := <-paused; err != nil {
		t.Fatal(err)
	}
	if err := <-stepped; !errors.Is(err, idempotency.ErrStale) {
		t.Errorf("Commit = %v, want ErrStale: the pause was first", err)
	}
}

// TestPromotedAtTheCommit: the server is lost with the answer to a step, and a
// standby that has the step takes its place. The step is reported as made, and
// the change of history is not missed for it.
func TestPromotedAtTheCommit(t *testing.T) {
	t.Parallel()
	primary := pgtest.Private(t)
	p := newProxy(t, primary.Addr())
	s := openStore(t, openDB(t, "pgx", primary.DSN(p.listener.Addr().String())), newSchema(t))
	standby, err := primary.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})
	before := identify(t, s)
	b := &atOnceBundle{one: s}
	r := b.claimed(t, 1)
	intent := held(r)
	intent.Epoch = before.Epoch
	gone := make(chan struct{})
	lost := false
	p.on(func(fromClient bool, data []byte) cut {
		switch {
		case lost:
			return cutBefore
		case isCommit(fromClient, data):
			lost = true
			close(gone)
			return cutAfter
		}
		return pass
	})
	made := make(chan error, 1)
	go func() { made <- idempotency.CommitOne(t.Context(), s, intent) }()
	<-gone
	var at string
	if err := openDB(t, "pgx", primary.DSN("")).QueryRowContext(t.Context(), "SELECT pg_current_wal_flush_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	until(t, openDB(t, "pgx", standby.DSN("")), "SELECT pg_last_wal_replay_lsn() >= '"+at+"'::pg_lsn")
	if err := primary.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.on(func(bool, []byte) cut { return pass })
	p.lead(standby.Addr())
	if err := <-made; err != nil {
		t.Fatalf("Commit of the intent: %v, want nil: the standby has it", err)
	}
	outcome := held(intent.Record)
	outcome.Epoch = before.Epoch
	if err := idempotency.CommitOne(t.Context(), s, outcome); !errors.Is(err, idempotency.ErrEpoch) {
		t.Errorf("Commit of the outcome after the promotion = %v, want ErrEpoch", err)
	}
}
