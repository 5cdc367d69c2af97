package sqlite

import (
	"context"
	"fmt"

	"github.com/postproof/postproof/idempotency"
)

const (
	// applicationID marks the file as one of ours: "PPRF".
	applicationID = 0x50505246
	// schemaVersion is the newest schema that this version knows.
	schemaVersion = 1
)

// migrations has the step to each version, in order. A step is never changed
// after a release; what is wrong in it is mended by another one.
func migrations() []string { return []string{schema1} }

const schema1 = `
CREATE TABLE migrations (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT;

-- Who the ledger is, and how far it has come: one row.
CREATE TABLE ledger (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  namespace   TEXT    NOT NULL,
  mode        TEXT    NOT NULL,
  created     INTEGER NOT NULL,
  epoch       TEXT    NOT NULL, -- of the present history
  recovered   TEXT    NOT NULL, -- the epoch that was accepted last
  session     INTEGER NOT NULL, -- grows at every open
  commits     INTEGER NOT NULL, -- grows with every transaction
  base        INTEGER NOT NULL, -- commits that are in the main file for sure
  newest      INTEGER NOT NULL, -- newest time
  last_record INTEGER NOT NULL,
  last_entry  INTEGER NOT NULL
) STRICT;

CREATE TABLE records (
  num         INTEGER PRIMARY KEY,
  key         INTEGER NOT NULL, -- the beginning of the id, in the same order
  id          BLOB    NOT NULL,
  fence       INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  state       TEXT    NOT NULL,
  campaign    TEXT    NOT NULL,
  priority    INTEGER NOT NULL,
  planned     INTEGER NOT NULL, -- 1 in the state planned, which claims may leave alone; else 0
  due         INTEGER NOT NULL, -- when there is something to do
  visible     INTEGER,          -- when it may be claimed; NULL: never
  watched     INTEGER,          -- the same of what is at rest, and watched for a late arrival: few
  rare        TEXT,             -- the state, if few records are in it for long
  lease_owner TEXT    NOT NULL,
  lease_until INTEGER NOT NULL,
  prune_at    INTEGER,          -- last update of a final record that is neither watched nor a tombstone
  tail        INTEGER NOT NULL, -- its last entry, 0 if there is none
  job_sum     INTEGER NOT NULL, -- of its job, 0 if there is none
  links       TEXT    NOT NULL, -- vendors, references, vendor ids
  data        BLOB    NOT NULL  -- the record, without job, fence and lease
) STRICT;
CREATE INDEX records_key ON records (key);
-- What is changed with every step of a job is this one index only.
CREATE INDEX records_queue ON records (campaign, priority, planned, due, key, visible) WHERE visible IS NOT NULL;
-- No more than a comparison with NULL: the condition is looked at with every step.
CREATE INDEX records_watched ON records (watched) WHERE watched IS NOT NULL;
-- In the order in which they are listed, so that a list is read page by page.
CREATE INDEX records_campaign ON records (campaign, key);
CREATE INDEX records_rare ON records (rare, key) WHERE rare IS NOT NULL;
CREATE INDEX records_prune ON records (prune_at) WHERE prune_at IS NOT NULL;

-- Written once, while the record is written again and again.
CREATE TABLE jobs (num INTEGER PRIMARY KEY, job BLOB NOT NULL) STRICT;

-- The record that a reference belongs to: the whole of it, since another one may
-- have the same digest.
CREATE TABLE refs (ref TEXT PRIMARY KEY, num INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- The records that have a vendor's id, by its digest, which finds them; they say
-- whether it is theirs.
CREATE TABLE pieces (digest INTEGER, num INTEGER, PRIMARY KEY (digest, num)) STRICT, WITHOUT ROWID;

-- A record's entries are a chain, from its tail to the first.
CREATE TABLE entries (
  seq  INTEGER PRIMARY KEY,
  num  INTEGER NOT NULL, -- the record; 0 for the whole ledger, and for ids without a record
  prev INTEGER NOT NULL, -- the record's entry before, 0 if this is the first
  data BLOB    NOT NULL
) STRICT;
CREATE INDEX entries_loose ON entries (seq) WHERE num = 0;

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE depth (
  campaign TEXT, state TEXT, priority INTEGER, n INTEGER NOT NULL,
  PRIMARY KEY (campaign, state, priority)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  id          INTEGER PRIMARY KEY,
  vendor      TEXT    NOT NULL,
  account     TEXT    NOT NULL,
  mode        TEXT    NOT NULL,
  dedupe      TEXT    NOT NULL,
  received    INTEGER NOT NULL,
  state       TEXT    NOT NULL,
  fence       INTEGER NOT NULL,
  due         INTEGER NOT NULL,
  visible     INTEGER NOT NULL,
  lease_owner TEXT    NOT NULL,
  lease_until INTEGER NOT NULL,
  tries       INTEGER NOT NULL,
  last_error  TEXT    NOT NULL,
  header      TEXT,   -- JSON
  body        BLOB
) STRICT;
CREATE UNIQUE INDEX messages_dedupe ON messages (vendor, account, dedupe);
CREATE INDEX messages_waiting ON messages (id, visible) WHERE state = 'waiting';
CREATE INDEX messages_parked ON messages (id) WHERE state = 'parked';
CREATE INDEX messages_purge ON messages (received) WHERE state IN ('applied', 'ignored') AND (body IS NOT NULL OR header IS NOT NULL);
`

// newerError says what to do about a database of a later version.
func newerError(have int64) error {
	return fmt.Errorf("%w: the database has schema %d, this version knows %d: upgrade the library, or restore the copy made before the upgrade",
		idempotency.ErrNewer, have, schemaVersion)
}

// schemaOf returns the schema's version, 0 for an empty file, and an error for
// a database that is not ours.
func (c *conn) schemaOf(ctx context.Context) (int64, error) {
	var version, app, tables int64
	// One statement sees one state: another process may be making the ledger.
	if err := c.c.QueryRowContext(ctx, `SELECT (SELECT user_version FROM pragma_user_version),
		(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`).Scan(&version, &app, &tables); err != nil {
		return 0, err
	}
	switch {
	case tables == 0 && app == 0 && version == 0:
		return 0, nil
	case app != applicationID:
		return 0, errNotLedger
	case version > schemaVersion:
		return 0, newerError(version)
	}
	return version, nil
}

// checkSchema returns an error when the schema has become one of a later version
// since it was opened: opened again, the file says what to do.
func (c *conn) checkSchema(ctx context.Context) error {
	var version int64
	if _, err := c.queryRow(ctx, []any{&version}, "SELECT user_version FROM pragma_user_version"); err != nil {
		return err
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: %w", newerError(version), idempotency.ErrReopen)
	}
	return nil
}

// migrate brings the schema up to date. The caller holds the write lock.
func (c *conn) migrate(ctx context.Context, have, now int64) error {
	for i, step := range migrations() {
		version := int64(i + 1)
		if version <= have {
			continue
		}
		if _, err := c.c.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migration to schema %d: %w", version, err)
		}
		if _, err := c.exec(ctx, "INSERT INTO migrations VALUES (?, ?)", version, now); err != nil {
			return err
		}
		if _, err := c.c.ExecContext(ctx, "PRAGMA user_version = "+itoa(version)); err != nil {
			return err
		}
	}
	_, err := c.c.ExecContext(ctx, "PRAGMA application_id = "+itoa(applicationID))
	return err
}
