package postgres_test

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	_ "github.com/lib/pq"              // registers "postgres"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/idempotency/storetest"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestStoreIsAStore(t *testing.T) {
	t.Parallel()
	drivers := []string{"pgx"}
	if pgtest.Full() {
		drivers = append(drivers, "postgres")
	}
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Harness {
				t.Helper()
				return harness(t, driver)
			})
		})
	}
}

func harness(t *testing.T, driver string) storetest.Harness {
	t.Helper()
	db, schema := openDB(t, driver, pgtest.Shared(t)), newSchema(t)
	open := func() (idempotency.Engine, error) {
		return openStore(t, openDB(t, driver, pgtest.Shared(t)), schema), nil
	}
	return storetest.Harness{
		Engine: openStore(t, db, schema),
		// A second handle while the first one is still at work is the worst that
		// a crash of a process leaves behind; that of the server is in
		// crash_test.go.
		Reopen: open,
		Second: open,
		Plant:  func(ctx context.Context, r *idempotency.Record) error { return plant(ctx, db, schema, r) },
		BreakHistory: func(ctx context.Context) (string, error) {
			const epoch = "00112233445566778899aabbccddeeff"
			_, err := db.ExecContext(ctx, `UPDATE `+schema+`.ledger SET epoch = $1, touched = pg_current_xact_id()::text::bigint & 4294967295`, epoch)
			return epoch, err
		},
		Spoil: func(b postproof.Blob) error {
			digest, err := hex.DecodeString(b.Digest)
			if err != nil {
				return err
			}
			_, err = db.ExecContext(t.Context(), `UPDATE `+schema+`.chunks SET data = set_byte(data, 0, get_byte(data, 0) # 1) WHERE digest = $1 AND place = 0`, digest)
			return err
		},
		Damage: func(ctx context.Context, what idempotency.DamagedError) error { return damage(ctx, db, schema, what) },
	}
}

// damage damages a row past the store.
func damage(ctx context.Context, db *sql.DB, schema string, what idempotency.DamagedError) error {
	text, arg := `UPDATE `+schema+`.records SET data = substring(data FROM 2) WHERE encode(id, 'hex') = $1`, any(string(what.Record))
	switch {
	case what.Entry != 0:
		text, arg = `UPDATE `+schema+`.entries SET data = substring(data FROM 2) WHERE seq = $1`, int64(what.Entry)
	case what.Message%2 != 0:
		text, arg = `UPDATE `+schema+`.messages SET header = '{"A:' WHERE id = $1`, int64(what.Message)
	case what.Message != 0: // a number that it cannot be
		text, arg = `UPDATE `+schema+`.messages SET fence = -7 - fence WHERE id = $1`, int64(what.Message)
	}
	done, err := db.ExecContext(ctx, text, arg)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("%d rows were damaged, %w", n, err)
	}
	return nil
}

// schemas counts the schemas of this binary.
var schemas atomic.Int64

// newSchema returns a name that no ledger has, and removes what is there at the
// end.
func newSchema(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("postproof_%d_%d_%d", os.Getpid(), time.Now().UnixNano()%1e6, schemas.Add(1))
	if os.Getenv(pgtest.EnvServer) != "" {
		dsn := pgtest.Shared(tb)
		tb.Cleanup(func() {
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				tb.Error(err)
				return
			}
			defer db.Close()
			if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
				tb.Error(err)
			}
		})
	}
	return name
}

func openDB(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// openStore opens a ledger of mode test and closes it at the end.
func openStore(tb testing.TB, db *sql.DB, schema string, opts ...postgres.Option) *postgres.Store {
	tb.Helper()
	s, err := postgres.New(tb.Context(), db, append([]postgres.Option{postgres.WithMode(postproof.ModeTest), postgres.WithSchema(schema)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// plant writes a row as a newer version would, which may claim it and prune it.
func plant(ctx context.Context, db *sql.DB, schema string, r *idempotency.Record) error {
	bare := *r
	bare.Job = nil
	data, err := json.Marshal(bare)
	if err != nil {
		return err
	}
	id, err := hex.DecodeString(string(r.ID))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+schema+`.records
		(num, id, fence, version, state, campaign, lease_owner, lease_until, prune_at, rare, job_sum, links, data)
		VALUES (nextval('`+schema+`.blocks') * 4096, $1, $2, $3, $4, $5, '', $6, 0, $4, 1, '', $7)`,
		id, int64(r.Fence), r.Version, string(r.State), r.Campaign, int64(-1<<63), data)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+schema+`.queue (num, rank, campaign, due, visible, key, version, state)
		SELECT num, 0, campaign, 0, 0, 0, version, state FROM `+schema+`.records WHERE id = $1`, id)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+schema+`.jobs SELECT num, $2 FROM `+schema+`.records WHERE id = $1`, id, []byte(r.Job))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+schema+`.depth VALUES ($1, $2, 1)`, r.Campaign, string(r.State))
	return err
}
