package postgres_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/postgres"
	"github.com/postproof/postproof/internal/integration/pgtest"
)

func identify(t *testing.T, s *postgres.Store) idempotency.Identity {
	t.Helper()
	id, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestPromotedStandby: a standby that becomes the primary may lack what was
// committed last. A store that is at work while that happens must notice before
// it sends by what it has read.
func TestPromotedStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Private(t)
	schema := newSchema(t)
	p := newProxy(t, primary.Addr())
	db := openDB(t, "pgx", primary.DSN(p.listener.Addr().String()))
	s := openStore(t, db, schema, postgres.WithPatience(2*time.Second))
	before := identify(t, s)
	first := create(record(1))
	first.Epoch = before.Epoch
	if err := idempotency.CommitOne(t.Context(), s, first); err != nil {
		t.Fatal(err)
	}
	standby, err := primary.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standby.Close(); err != nil {
			t.Error(err)
		}
	})

	// Led to the standby by mistake, the store writes nothing, and says why.
	p.lead(standby.Addr())
	if err := idempotency.CommitOne(t.Context(), s, create(record(2))); err == nil || !strings.Contains(err.Error(), "standby") {
		t.Errorf("Commit on a standby = %v, want an error that says so", err)
	}

	if err := primary.Stop(t.Context(), "immediate"); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	intent := step(record(1))
	intent.Epoch = before.Epoch
	if err := idempotency.CommitOne(t.Context(), s, intent); !errors.Is(err, idempotency.ErrEpoch) {
		t.Errorf("Commit of an intent after the promotion = %v, want ErrEpoch", err)
	}
	tx := begin(t, db)
	late := create(record(3))
	late.Epoch = before.Epoch
	if errs, err := s.In(tx).Commit(t.Context(), []idempotency.Change{late}); err != nil || errs == nil || !errors.Is(errs[0], idempotency.ErrEpoch) {
		t.Errorf("enqueued after the promotion: %v, %v, want ErrEpoch", errs, err)
	}
	after := identify(t, s)
	if after.Epoch == before.Epoch || !after.EpochChanged() || after.Namespace != before.Namespace {
		t.Errorf("Identity = %+v after the promotion, before it %+v", after, before)
	}
	told := 0
	for e, err := range s.Entries(t.Context(), idempotency.EntryQuery{Kinds: []idempotency.EntryKind{"epoch_changed"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Note == "" || e.At.IsZero() {
			t.Errorf("entry %+v does not say why", e)
		}
		told++
	}
	if told != 1 {
		t.Errorf("%d entries tell of the new epoch, want one", told)
	}
	if err := s.AcceptEpoch(t.Context(), after.Epoch, ""); err != nil {
		t.Fatal(err)
	}
	if id := identify(t, s); id.EpochChanged() || id.Epoch != after.Epoch {
		t.Errorf("Identity after the recovery = %+v", id)
	}
	intent.Epoch = after.Epoch
	if err := idempotency.CommitOne(t.Context(), s, intent); err != nil {
		t.Errorf("Commit after the recovery: %v", err)
	}
}

// TestHistory: what makes the ledger another's history, and what does not.
func TestHistory(t *testing.T) {
	t.Parallel()
	exec := func(text string) func(*testing.T, *sql.DB, string) {
		return func(t *testing.T, db *sql.DB, schema string) {
			t.Helper()
			for one := range strings.SplitSeq(strings.ReplaceAll(text, "@", schema+"."), ";") {
				if _, err := db.ExecContext(t.Context(), one); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, tt := range map[string]struct {
		happens func(*testing.T, *sql.DB, string)
		broken  bool
	}{
		"nothing": {func(*testing.T, *sql.DB, string) {}, false},
		"vacuum":  {exec("VACUUM FULL @ledger; VACUUM FREEZE @ledger; ANALYZE @ledger"), false},
		"a dump is loaded": {
			exec("CREATE TABLE @dump AS TABLE @ledger; DELETE FROM @ledger; INSERT INTO @ledger TABLE @dump"), true,
		},
		"the row is changed by hand":                                        {exec("UPDATE @ledger SET newest = newest"), true},
		"what the documentation says to do after a file system is set back": {exec("UPDATE @ledger SET server = ''"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
			s := openStore(t, db, schema)
			before := identify(t, s)
			tt.happens(t, db, schema)
			c := create(record(1))
			c.Epoch = before.Epoch
			err := idempotency.CommitOne(t.Context(), s, c)
			if tt.broken != errors.Is(err, idempotency.ErrEpoch) || (!tt.broken && err != nil) {
				t.Errorf("Commit = %v, broken is %v", err, tt.broken)
			}
			for _, s := range []*postgres.Store{s, openStore(t, openDB(t, "pgx", pgtest.Shared(t)), schema)} {
				if id := identify(t, s); id.EpochChanged() != tt.broken {
					t.Errorf("Identity = %+v, broken is %v", id, tt.broken)
				}
			}
		})
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	if _, err := postgres.New(t.Context(), db, postgres.WithSchema(schema)); err == nil || !strings.Contains(err.Error(), "WithMode") {
		t.Errorf("Open of nothing without a mode = %v, want an error that says what to do", err)
	}
	for range 2 {
		if err := openStore(t, db, schema).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := postgres.New(t.Context(), db, postgres.WithSchema(schema), postgres.WithMode(postproof.ModeLive)); postproof.CodeOf(err) != postproof.CodeConflict {
		t.Errorf("a ledger of mode test opened as live: %v, want a conflict", err)
	}
	for _, tt := range []struct {
		oldest int
		want   error
	}{{1, nil}, {2, idempotency.ErrNewer}} { // a schema that this version can still work with, and one that it cannot
		if _, err := db.ExecContext(t.Context(), "INSERT INTO "+schema+".migrations VALUES (2 + $1, 0, $1)", tt.oldest); err != nil {
			t.Fatal(err)
		}
		s, err := postgres.New(t.Context(), db, postgres.WithSchema(schema))
		if !errors.Is(err, tt.want) {
			t.Errorf("Open of a newer schema for programs of version %d on = %v, want %v", tt.oldest, err, tt.want)
		}
		if err == nil {
			err = idempotency.CommitOne(t.Context(), s, create(record(1)))
			if err := errors.Join(err, s.Close()); err != nil {
				t.Error(err)
			}
		}
	}
	for _, bad := range []string{"a-b", "1a", `a"; DROP TABLE x; --`, "Upper"} {
		if _, err := postgres.New(t.Context(), db, postgres.WithMode(postproof.ModeTest), postgres.WithSchema(bad)); err == nil || !strings.Contains(err.Error(), "WithSchema") {
			t.Errorf("Open with schema %q = %v", bad, err)
		}
	}
}

// TestManyOpenAtOnce: replicas that start together make one ledger.
func TestManyOpenAtOnce(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	stores := make(chan *postgres.Store, 8)
	for range cap(stores) {
		db := openDB(t, "pgx", pgtest.Shared(t))
		go func() {
			s, err := postgres.New(t.Context(), db, postgres.WithMode(postproof.ModeTest), postgres.WithSchema(schema))
			if err != nil {
				t.Error(err)
			}
			stores <- s
		}()
	}
	spaces := map[idempotency.Namespace]bool{}
	for range cap(stores) {
		if s := <-stores; s != nil {
			spaces[identify(t, s).Namespace] = true
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if len(spaces) != 1 {
		t.Errorf("%d namespaces, want one ledger", len(spaces))
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	db := openDB(t, "pgx", pgtest.Shared(t))
	s := openStore(t, db, newSchema(t))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Commit":  idempotency.CommitOne(t.Context(), s, create(record(1))),
		"Get":     func() error { _, err := s.Get(t.Context(), record(1).ID); return err }(),
		"Claim":   func() error { _, err := s.Claim(t.Context(), idempotency.ClaimRequest{Limit: 1}); return err }(),
		"PutBlob": func() error { _, err := s.PutBlob(t.Context(), strings.NewReader("x")); return err }(),
	} {
		if !errors.Is(err, idempotency.ErrClosed) {
			t.Errorf("%s = %v, want ErrClosed", what, err)
		}
	}
	// What is given back to the pool has none of the store's settings.
	var setting string
	for range 8 {
		if err := db.QueryRowContext(t.Context(), "SELECT current_setting('enable_seqscan')").Scan(&setting); err != nil || setting != "on" {
			t.Errorf("enable_seqscan = %s, %v, in the caller's pool", setting, err)
		}
	}
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are still in use", n)
	}
}

// TestServerSetBack: the server's files are set back to an earlier moment, as
// with a snapshot of a volume, while the store is at work. Server and timeline
// are the same; but the store remembers.
func TestServerSetBack(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	s := openStore(t, openDB(t, "pgx", c.DSN("")), newSchema(t))
	before := identify(t, s)
	commit := func(i int, want error) {
		t.Helper()
		ch := create(record(i))
		ch.Epoch = before.Epoch
		if err := idempotency.CommitOne(t.Context(), s, ch); !errors.Is(err, want) {
			t.Errorf("Commit %d = %v, want %v", i, err, want)
		}
	}
	commit(1, nil)
	if err := c.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(2, nil)
	if err := c.SetBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(3, idempotency.ErrEpoch)
	if id := identify(t, s); !id.EpochChanged() {
		t.Errorf("Identity = %+v: a commit that was acknowledged is gone", id)
	}
}

// TestPermissions: a role that may do what the documentation lists can do all
// there is to do, and one that may not is told what it lacks.
func TestPermissions(t *testing.T) {
	t.Parallel()
	c := pgtest.Private(t)
	owner, schema := openDB(t, "pgx", c.DSN("")), newSchema(t)
	openStore(t, owner, schema)
	run := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if _, err := owner.ExecContext(t.Context(), strings.ReplaceAll(text, "@", schema)); err != nil {
				t.Fatal(err)
			}
		}
	}
	run("CREATE ROLE app LOGIN")
	db := openDB(t, "pgx", strings.Replace(c.DSN(""), "postgres@", "app@", 1))
	if _, err := postgres.New(t.Context(), db, postgres.WithSchema(schema)); err == nil || !strings.Contains(err.Error(), "permission") {
		t.Errorf("Open without permissions = %v, want an error that says so", err)
	}
	run("GRANT USAGE ON SCHEMA @ TO app", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO app", "GRANT USAGE ON ALL SEQUENCES IN SCHEMA @ TO app")
	s := openStore(t, db, schema)
	fill(t, s, 0, 600)
	drain(t, s, 4)
	if err := s.AcceptEpoch(t.Context(), identify(t, s).Epoch, ""); err != nil {
		t.Error(err)
	}
	if _, err := s.PutBlob(t.Context(), strings.NewReader("artwork")); err != nil {
		t.Error(err)
	}
	if _, err := s.Prune(t.Context(), start(), 0); err != nil {
		t.Error(err)
	}
	m := &idempotency.Message{Vendor: "lob", Dedupe: "1"}
	if _, err := s.Inbox().Put(t.Context(), m); err != nil {
		t.Error(err)
	}
	run("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
	if _, err := postgres.New(t.Context(), db, postgres.WithSchema(schema)); err == nil || !strings.Contains(err.Error(), "GRANT EXECUTE") {
		t.Errorf("Open without knowing the server = %v, want an error that says what to grant", err)
	}
}

// TestTidied: what is added with every commit is added up now and then, and the
// sums stay.
func TestTidied(t *testing.T) {
	t.Parallel()
	db, schema := openDB(t, "pgx", pgtest.Shared(t)), newSchema(t)
	s := openStore(t, db, schema)
	latest := start().Add(time.Hour)
	const n = 1100
	for i := range n {
		r := record(i)
		r.UpdatedAt = latest.Add(-time.Duration(i) * time.Second) // the first is the newest
		c := create(r)
		c.Counters = []idempotency.CounterAdd{{Name: "hot", Add: 2}}
		if i == 0 {
			c.Counters = append(c.Counters, idempotency.CounterAdd{Name: "cold", Add: 5})
		}
		if err := idempotency.CommitOne(t.Context(), s, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"depth", "counters"} {
		var rows int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+schema+"."+table).Scan(&rows); err != nil || rows > n/2+10 {
			t.Errorf("%d rows of %s after %d commits, %v", rows, table, n, err)
		}
	}
	for name, want := range map[string]int64{"hot": 2 * n, "cold": 5} {
		if have, err := s.Counter(t.Context(), name); err != nil || have != want {
			t.Errorf("counter %s = %d, %v, want %d", name, have, err, want)
		}
	}
	// As if ten minutes had passed.
	if _, err := db.ExecContext(t.Context(), "DELETE FROM "+schema+".commits"); err != nil {
		t.Fatal(err)
	}
	depth, err := s.Depth(t.Context(), "")
	if err != nil || len(depth) != 1 || depth[0].Count != n {
		t.Errorf("depth = %v, %v, want %d planned", depth, err, n)
	}
	if id := identify(t, s); !id.Newest.Equal(latest) || id.EpochChanged() {
		t.Errorf("Identity = %+v, want the newest time kept: %v", id, latest)
	}
}
