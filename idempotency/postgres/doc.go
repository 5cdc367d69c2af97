// Package postgres keeps the ledger in a PostgreSQL database: any number of
// replicas work on one ledger, and are started and stopped at will.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // with a driver of your choice
//	if err != nil {
//		return err
//	}
//	ledger, err := postgres.New(ctx, db, postgres.WithMode(postproof.ModeLive))
//	if err != nil {
//		return err
//	}
//	defer ledger.Close()
//
// The package names no driver. It is tested with github.com/jackc/pgx/v5/stdlib
// and github.com/lib/pq; another must report the server's errors with a method
// SQLState() string, and run several statements in one Exec without arguments.
// The server is PostgreSQL 13 or later, the database's encoding and the client_encoding
// of its connections UTF8. Connect to it directly, or through a pooler in session mode:
// a [Store] keeps two connections with settings of its own, takes more of the pool for
// what only reads, and needs at least three.
//
// # Durability
//
// What a method reports as done is in the log on the server's disk. [New], and
// each connection that writes, refuses a server with synchronous_commit, fsync
// or full_page_writes off: [ErrUnsafe]. Any other level of synchronous_commit
// will do on a server that stands alone.
//
// Where a standby may take over, the promise needs synchronous standbys:
// synchronous_standby_names set, and synchronous_commit on or remote_apply.
// Otherwise what was acknowledged last may be missing at the new primary; so may what
// waited for a standby when somebody ended the wait: with pg_cancel_backend, which the
// server answers as if the standby had it, or by an empty synchronous_standby_names. The
// ledger notices every promotion, as a new epoch, and nothing is submitted until
// the client's Recover has asked the vendors about every open job; but a piece
// whose job is missing can only be found by a callback, an audit, or the
// client's look-ups for new jobs after a recovery.
//
// One goroutine commits. It takes what callers have queued, as one transaction,
// and answers all of them after one sync; it never waits for more to come.
// Replicas take turns with an advisory lock. A change that may not be made does
// not fail its neighbors.
//
// The steps of jobs that this store has claimed, and new jobs, take one round
// trip: the store remembers where the records stand, and one statement looks
// whether that is still so and writes. Where it is not, or there is more to be
// looked at, as counters and messages of the inbox, it takes four.
//
// A connection that is lost before a COMMIT has changed nothing, and the
// transaction is tried again. One that is lost at the COMMIT leaves a doubt: the
// store ends the server's process, if it is still there, and looks for the row
// that each transaction adds. So a caller is told what is true, or, when the
// server cannot be asked within [WithPatience], [ErrInDoubt]. One that waited for a
// standby then, and was made, is not called durable before the standby has what came
// after it.
//
// # Work
//
// A claim is one statement. It locks what it takes with SKIP LOCKED, waits for
// nobody, and steps over what is planned in paused campaigns: its cost grows with the
// number of campaigns that have work, not with that of records: some one or two
// milliseconds for 16 jobs of ten thousand as of a million.
//
// Workers that are busy claim ahead, and one that is idle is woken by what its
// own client enqueues. What another process enqueues an idle worker finds by
// asking again: it waits half of the client's poll interval in the mean and one
// at most, half a second and a second by default. Where that is too long, say
// WithPollInterval, down to 50 milliseconds or so: an idle client takes five to
// ten short statements for each interval. There is no LISTEN: database/sql has no
// way to wait for the server's word, and a notification would be taken at each
// commit under a lock of the whole server.
//
// Clients on one ledger advise each other of vendors that are down or ask to
// wait, and share a vendor's stated rate: see Replicas in package client. That
// takes one short read for each client and poll interval, and, where a rate is
// stated, one commit for each client and ten seconds.
//
// A claim whose answer was lost holds its records until the lease ends.
//
// [Store.In] enqueues in a transaction of the caller's own, together with what
// the jobs are about.
//
// The history keeps commit order across replicas: whoever follows
// [Store.Entries] by Seq misses nothing. An entry of a caller's own transaction
// gets its Seq after that has been committed, and before any later one of its record:
// when many wait, as after a load, each commit places some hundred more.
//
// # Schema and permissions
//
// All is in one schema, "postproof" unless [WithSchema] says otherwise, which
// [New] makes and brings up to date under a lock. A migration only adds what
// older programs need not know, so replicas of the version before go on, and
// may be started again; where one has to break with them, they are refused with
// [idempotency.ErrNewer]. Records of a newer version, and states that this one
// does not know, are read and never changed.
//
// The role needs, the first time, CREATE on the database, or a schema of that
// name that it may create tables in; later, USAGE of the schema and SELECT,
// INSERT, UPDATE and DELETE on its tables, and USAGE of its sequences. It also
// needs to run the schema's function, and pg_control_system(),
// pg_walfile_name(pg_lsn) and pg_current_wal_insert_lsn(), which everybody may
// unless it was taken away. The function is written in PL/pgSQL, which every
// database has unless it was dropped.
//
//	GRANT EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn), pg_current_wal_insert_lsn() TO role
//
// # Epochs
//
// A ledger that is older than the truth would print again what it has
// forgotten. With every transaction the ledger's row is compared with the
// server: its system identifier, the timeline of its log, the database, and
// whether the row is the one that the ledger wrote. Each difference begins a new
// epoch, with an entry of kind "epoch_changed" that says why.
//
// Noticed are:
//   - a standby that was promoted, also under a store at work;
//   - a backup that was recovered to a point in time, or to the end of its
//     archive;
//   - a dump that was loaded, into another server or over the same database;
//   - a database made from this one as its template;
//   - pg_upgrade, which is no danger: recover once;
//   - a ledger set back to an earlier moment while a store is at work on it that
//     has committed in the five minutes before.
//
// Not an alarm are crashes and restarts of the server, VACUUM FULL, and a change
// of its address.
//
// Not noticed is what sets the server's files back while no store is at work:
// the snapshot of a volume or a virtual machine, and a base backup that is
// started without recovery.signal. Nothing on the server tells the two moments
// apart. So make this a step of the procedure, before any program opens the
// ledger again:
//
//	UPDATE postproof.ledger SET server = ''
//
// The next open begins a new epoch. A spare Recover costs some look-ups, a
// missing one costs paper.
//
// # Retention
//
// A million pieces take about 2 GB while they wait and 4 GB when they are with
// their vendors, with jobs, history and indexes, and nothing is deleted by itself.
// The client's option
//
//	client.WithRetention(90 * 24 * time.Hour)
//
// makes tombstones of the jobs that came to their end ninety days ago and are not
// watched any more: job and history go, and what keeps a second piece from being
// sent stays. So does artwork, markup for one contact too, until an erasure deletes it.
// [Store.Prune], which it calls, and the inbox's Purge, which client/callback calls, take a hundred rows in a transaction, so that claims and
// commits go on; some thousand rows a second.
//
// The server frees the space by autovacuum, for its tables to use again. Leave it
// on. The tables of records and of the queue ask for it by themselves after each
// fiftieth part has changed; the others do with the server's defaults. Where it falls
// behind, as when a campaign changes millions of records in an hour, give it more
// of the disk (autovacuum_vacuum_cost_limit) and enough memory to clean the
// indexes in one pass (maintenance_work_mem, 64 MB or more). Whether it keeps up
// is seen here:
//
//	SELECT relname, n_live_tup, n_dead_tup, last_autovacuum FROM pg_stat_user_tables WHERE schemaname = 'postproof'
//
// A transaction that is open for long, anywhere on the server, keeps it from that,
// and so do a prepared transaction that nobody ends, a replication slot that
// nobody reads, and a standby with hot_standby_feedback. Claims become slower for
// as long: they step over the dead. Nothing else does, since what changes with
// every commit is added, not changed, and folded now and then.
//
// # What is deleted
//
// What erasure and pruning delete is gone for every query at once, and is still
// in the server's files: as dead rows until they are vacuumed, as bytes in free
// space until that is used again, in the log (WAL) until its segments are
// recycled, in the log's archive, in standbys, and in backups. The store leaves
// that to the server's owner, and the report of an erasure says so. To be rid of
// it, at a quiet time, since each table is locked while it is rewritten:
//
//	VACUUM FULL postproof.records, postproof.jobs, postproof.entries, postproof.messages, postproof.chunks;
//	CHECKPOINT; SELECT pg_switch_wal();
//
// and then let the archive and the backups from before expire. Tell whoever asks
// for an erasure how long that takes.
//
// # Errors
//
// [ErrUnsafe], [ErrInDoubt], and those of package idempotency: ErrNewer for a
// schema that has broken with this version, ErrCorrupt for damage,
// ErrInProgress for a key that an open transaction of a caller's has enqueued.
// Serialization failures and deadlocks are tried again, and so is what met a
// server that restarts or fails over, as long as [WithPatience] says. Others say
// what is wrong.
//
// # Concurrency
//
// A [Store] is safe for concurrent use, and so is the ledger by any number of
// stores and processes. A process that is frozen in the midst of a transaction
// loses it after a second, and the others go on.
//
// # Non-portable behavior
//
// Texts that are searched by (campaigns, references, the vendors' ids, names of
// counters and settings, and what identifies a message) lose NUL and bytes that
// are not UTF-8: each becomes U+FFFD. Records keep theirs.
package postgres
