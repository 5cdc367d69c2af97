package postgres_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

// TestDoubtBesideAServerThatIsNotTrusted: that the store does not work with the server
// that it finds after a COMMIT that was not answered says nothing of the COMMIT.
func TestDoubtBesideAServerThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	p := newProxy(t, c.Addr())
	schema := newSchema(t)
	s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), schema)
	admin := openDB(t, "pgx", c.DSN(""))
	decide, happened := once(cutAfter, isCommit)
	p.on(func(fromClient bool, data []byte) cut {
		if !happened() && isCommit(fromClient, data) {
			if _, err := admin.ExecContext(t.Context(), "ALTER ROLE postgres SET synchronous_commit = off"); err != nil {
				t.Error(err)
			}
		}
		return decide(fromClient, data)
	})
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); !errors.Is(err, idempotency.ErrInDoubt) || !errors.Is(err, postgres.ErrUnsafe) {
		t.Errorf("Commit = %v, want ErrInDoubt, and why nobody can be asked", err)
	}
	if r, err := s.Get(t.Context(), record(1).ID); err != nil || r.Fence != 1 {
		t.Errorf("record = %v, %v, want what the server had made", r, err)
	}
}

// jumping is a clock that jumps.
type jumping struct {
	postproof.Clock
	by atomic.Int64
}

func (j *jumping) Now() time.Time { return j.Clock.Now().Add(time.Duration(j.by.Load())) }

// TestDoubtThatIsAskedTooLate: the row that tells whether a transaction was made is kept
// for some minutes. A process that stood still for longer learns nothing from its not
// being there.
func TestDoubtThatIsAskedTooLate(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	p := newProxy(t, c.Addr())
	schema := newSchema(t)
	clock := &jumping{Clock: postproof.SystemClock()}
	s := openStore(t, openDB(t, "pgx", c.DSN(p.listener.Addr().String())), schema, postgres.WithClock(clock))
	admin := openDB(t, "pgx", c.DSN(""))
	decide, happened := once(cutAfter, isCommit)
	p.on(func(fromClient bool, data []byte) cut {
		if happened() && fromClient && bytes.Contains(data, []byte("pg_advisory_xact_lock")) { // it asks
			clock.by.Store(int64(11 * time.Minute))
			tidied := func() bool {
				done, err := admin.ExecContext(t.Context(), "DELETE FROM "+schema+".commits WHERE token <> 0")
				if err != nil {
					t.Error(err)
					return true
				}
				n, _ := done.RowsAffected()
				return n > 0
			}
			for until := time.Now().Add(time.Second); !tidied() && time.Now().Before(until); { // the server makes it just now
				time.Sleep(10 * time.Millisecond)
			}
		}
		return decide(fromClient, data)
	})
	if err := idempotency.CommitOne(t.Context(), s, create(record(1))); !errors.Is(err, idempotency.ErrInDoubt) {
		t.Errorf("Commit = %v, want ErrInDoubt: it was made, and its row is gone", err)
	}
	if r, err := s.Get(t.Context(), record(1).ID); err != nil || r.Fence != 1 {
		t.Errorf("record = %v, %v, want what the server had made", r, err)
	}
}
