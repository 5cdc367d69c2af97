package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/idempotency"
)

// schemaVersion is the newest schema that this version knows.
const schemaVersion = 1

// migration is a step to a version of the schema. It is never changed after a
// release; what is wrong in it is mended by another one. Replicas of the
// version before go on while it runs and after it: it only adds what they need
// not know, and says with oldest who that is.
type migration struct {
	text string
	// oldest is the oldest version of the schema whose programs can still work
	// with this one.
	oldest int64
}

func migrations() []migration { return []migration{{schema1 + commitFunction, 1}} }

// A statement names the ledger's schema by this mark.
const schemaMark = "@"

// in returns the statement with the names of the ledger's schema.
func (s *settings) in(text string) string {
	return strings.ReplaceAll(text, schemaMark, `"`+s.schema+`".`)
}

// lockOf returns the number of the ledger's advisory lock. Such locks belong to
// the database: each schema has its own.
func lockOf(schema string) int64 {
	sum := sha256.Sum256([]byte("postproof ledger " + schema))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

const schema1 = `
CREATE TABLE @migrations (version bigint PRIMARY KEY, applied bigint NOT NULL, oldest bigint NOT NULL);

-- Who the ledger is: one row, rarely written. What changes with every commit
-- is elsewhere, in rows that are added and never changed: a long transaction
-- anywhere on the server, a dump say, keeps all versions of a row that is
-- written all the time, and each writer would have to step over them.
CREATE TABLE @ledger (
  one         smallint PRIMARY KEY CHECK (one = 1),
  namespace   text   NOT NULL,
  mode        text   NOT NULL,
  created     bigint NOT NULL,
  epoch       text   NOT NULL, -- of the present history
  recovered   text   NOT NULL, -- the epoch that was accepted last
  newest      bigint NOT NULL, -- newest time of commits that were folded
  server      text   NOT NULL, -- the server and database that the history is of
  touched     bigint NOT NULL  -- the transaction that wrote this row
);

-- One row a transaction: how the store finds out whether one was made, and the
-- newest time that it saw.
CREATE TABLE @commits (
  token  bigint      NOT NULL,
  newest bigint      NOT NULL,
  made   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX commits_newest ON @commits (newest);
CREATE INDEX commits_made ON @commits (made);

CREATE SEQUENCE @blocks;   -- each number stands for a block of record numbers
CREATE SEQUENCE @places;   -- of entries, in commit order: taken under the lock
CREATE SEQUENCE @receipts; -- of messages, in the order of receipt: likewise

-- Neither a claim nor the way of a piece to its vendor changes a column that has
-- an index: PostgreSQL then leaves the indexes alone, if the page has room for
-- the next version. A record grows on its way to twice its length.
CREATE TABLE @records (
  num         bigint  NOT NULL,
  id          bytea   NOT NULL,
  fence       bigint  NOT NULL,
  version     bigint  NOT NULL,
  state       text    NOT NULL COLLATE "C",
  campaign    text    NOT NULL COLLATE "C",
  lease_owner text    NOT NULL,
  lease_until bigint  NOT NULL,
  prune_at    bigint,           -- last update of a final record that is neither watched nor a tombstone
  rare        text    COLLATE "C", -- the state, if few records are in it for long
  links       text    NOT NULL, -- vendors, references, vendor ids
  job_sum     bigint  NOT NULL, -- of its job, 0 if there is none
  data        bytea   NOT NULL  -- the record, without job, fence and lease
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX records_num ON @records (num);
CREATE UNIQUE INDEX records_id ON @records (id);
CREATE INDEX records_campaign ON @records (campaign, id);
CREATE INDEX records_rare ON @records (rare, id) WHERE rare IS NOT NULL;
CREATE INDEX records_prune ON @records (prune_at) WHERE prune_at IS NOT NULL;

-- What claims look through: a short row for each record that there is ever
-- something to do for. Who writes one holds the lock of the record's row.
CREATE TABLE @queue (
  num      bigint  NOT NULL,
  rank     bigint  NOT NULL, -- the priority's complement: highest first
  campaign text    NOT NULL COLLATE "C",
  due      bigint  NOT NULL, -- when there is something to do
  visible  bigint  NOT NULL, -- when it may be claimed
  key      bigint  NOT NULL, -- the beginning of the id, in the same order
  version  bigint  NOT NULL,
  state    text    NOT NULL COLLATE "C",
  planned  boolean NOT NULL GENERATED ALWAYS AS (state = 'planned') STORED -- what claims may leave alone
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX queue_num ON @queue (num);
-- A claim changes none of these columns.
CREATE INDEX queue_order ON @queue (rank, campaign, planned, due, key);

-- Written once, while the record is written again and again.
CREATE TABLE @jobs (num bigint PRIMARY KEY, job bytea NOT NULL);
ALTER TABLE @jobs ALTER COLUMN job SET STORAGE EXTERNAL;

CREATE TABLE @refs (ref text COLLATE "C" PRIMARY KEY, num bigint NOT NULL);
CREATE TABLE @pieces (
  vendor_id text COLLATE "C", vendor text COLLATE "C", num bigint,
  PRIMARY KEY (vendor_id, vendor, num)
);

CREATE TABLE @entries (
  seq  bigint, -- NULL until the transaction that enqueued was committed
  num  bigint NOT NULL, -- the record; 0 for the whole ledger, and for ids without a record
  id   bytea, -- if num is 0
  data bytea  NOT NULL
);
CREATE UNIQUE INDEX entries_seq ON @entries (seq);
CREATE INDEX entries_waiting ON @entries (num) WHERE seq IS NULL;
CREATE INDEX entries_record ON @entries (num, seq) WHERE num <> 0;
CREATE INDEX entries_id ON @entries (id, seq) WHERE id IS NOT NULL;

-- What was added to the numbers of records; their sums count.
CREATE TABLE @depth (campaign text NOT NULL COLLATE "C", state text NOT NULL COLLATE "C", n bigint NOT NULL);

-- The newest version counts: those before are left behind, not stepped over.
CREATE TABLE @counters (name text COLLATE "C", version bigint, value bigint NOT NULL, PRIMARY KEY (name, version));
CREATE TABLE @settings (name text COLLATE "C" PRIMARY KEY, value bytea, version bigint NOT NULL);

CREATE TABLE @messages (
  id          bigint PRIMARY KEY,
  vendor      text   NOT NULL COLLATE "C",
  account     text   NOT NULL COLLATE "C",
  mode        text   NOT NULL,
  dedupe      text   NOT NULL COLLATE "C",
  received    bigint NOT NULL,
  state       text   NOT NULL COLLATE "C",
  fence       bigint NOT NULL,
  due         bigint NOT NULL,
  visible     bigint NOT NULL,
  lease_owner text   NOT NULL,
  lease_until bigint NOT NULL,
  tries       bigint NOT NULL,
  last_error  text   NOT NULL,
  header      bytea, -- JSON
  body        bytea
);
ALTER TABLE @messages ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX messages_dedupe ON @messages (vendor, account, dedupe);
CREATE INDEX messages_waiting ON @messages (id) WHERE state = 'waiting';
CREATE INDEX messages_parked ON @messages (id) WHERE state = 'parked';
CREATE INDEX messages_purge ON @messages (received) WHERE state IN ('applied', 'ignored') AND (body IS NOT NULL OR header IS NOT NULL);

CREATE TABLE @blobs (digest bytea PRIMARY KEY, size bigint NOT NULL);
CREATE TABLE @chunks (digest bytea, place bigint, data bytea NOT NULL, PRIMARY KEY (digest, place));
ALTER TABLE @chunks ALTER COLUMN data SET STORAGE EXTERNAL;
`

// newerError says what to do about a schema of a later version.
func newerError(have int64) error {
	return fmt.Errorf("%w: the ledger has schema %d, this version knows %d and that one does not support it any more: upgrade the library",
		idempotency.ErrNewer, have, schemaVersion)
}

// migrate brings the schema up to date, or makes it. Only one process does so
// at a time; the caller's transaction holds the ledger's lock.
func (s *Store) migrate(ctx context.Context, c *session) (have int64, err error) {
	var exists bool
	if _, err := c.queryRow(ctx, []any{&exists}, `SELECT to_regclass($1) IS NOT NULL`, s.in("@migrations")); err != nil {
		return 0, err
	}
	if exists {
		var oldest int64
		if _, err := c.queryRow(ctx, []any{&have, &oldest},
			s.in(`SELECT version, oldest FROM @migrations ORDER BY version DESC LIMIT 1`)); err != nil {
			return 0, err
		}
		if have > schemaVersion && oldest > schemaVersion {
			return have, newerError(have)
		}
	} else {
		if s.mode == "" {
			return 0, postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
				errors.New("there is no ledger yet: to make one, say with WithMode which mode it has for ever"))
		}
		if err := s.makeSchema(ctx, c); err != nil {
			return 0, err
		}
	}
	for i, step := range migrations() {
		version := int64(i + 1)
		if version <= have {
			continue
		}
		if err := c.script(ctx, s.in(step.text)); err != nil {
			return have, fmt.Errorf("migration to schema %d: %w", version, err)
		}
		if _, err := c.exec(ctx, s.in(`INSERT INTO @migrations VALUES ($1, $2, $3)`), version, s.clock.Now().UnixNano(), step.oldest); err != nil {
			return have, err
		}
	}
	return have, nil
}

// makeSchema makes the schema unless it is there: somebody with the right to
// make schemas may have made it for us.
func (s *Store) makeSchema(ctx context.Context, c *session) error {
	var exists bool
	if _, err := c.queryRow(ctx, []any{&exists}, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, s.schema); err != nil {
		return err
	}
	if exists {
		return nil
	}
	return c.script(ctx, `CREATE SCHEMA "`+s.schema+`"`)
}
