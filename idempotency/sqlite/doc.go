// Package sqlite keeps the ledger in one SQLite file: no server, no cgo, and
// several processes at a time.
//
//	store, err := sqlite.Open(ctx, "/var/lib/mail/ledger.db", sqlite.WithMode(postproof.ModeLive))
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// [Open] brings its own driver, github.com/ncruces/go-sqlite3. [New] takes a
// *sql.DB of any other SQLite driver. Two drivers must not work on one file in
// the same process at the same time: they lock in different ways.
//
// # Durability
//
// What a method reports as done is synced: journal_mode is WAL, synchronous is
// FULL, whatever the data source says, and a store that cannot have both does
// not open. The file must be on a local disk: the locks and the shared memory
// of SQLite do not work over a network.
//
// One goroutine writes. It takes what callers have queued, as one transaction,
// and answers all of them after one sync; it never waits for more to come, so
// that a lone caller pays for one sync and no delay. A change that may not be
// made does not fail its neighbors. Readers run beside the writer and do not
// wait for it. So does what moves the log into the database: no caller waits for
// that, and the log stays below about 64 MiB.
//
// The history keeps its numbers inside the same transactions, so whoever
// follows [Store.Entries] by Seq misses nothing, whichever process writes.
//
// # Files
//
//	ledger.db          the database
//	ledger.db-wal      its log, and
//	ledger.db-shm      its index, while it is open or after a crash
//	ledger.db-epoch    the marker of its history, see below
//	ledger.db-blobs/   artwork, one file for each content
//
// # Backups
//
// Copy a ledger at work with VACUUM INTO, or the backup command of SQLite's
// shell, never with cp alone: what is in the log would be missing. Do not back
// up the marker. To restore, stop all processes, remove the -wal, -shm and
// -epoch files, put the database in its place, and start again. The epoch will
// have changed, and nothing is submitted until the client has recovered: it
// looks up every job that the backup believes to be on its way.
//
// # Epochs
//
// A ledger that is older than the truth would print again what it has
// forgotten. So a marker beside the file remembers which history it belongs to,
// which file it was (inode, and within one run of the system the device), how
// often it was opened, and the number of the last commit. The last is noted
// with every commit, before its callers are answered. Each open compares, and
// begins a new epoch when database and marker do not fit; the reason is an
// entry of kind "epoch_changed" in the history.
//
// Noticed are:
//   - an older copy written over the file, or moved into its place, also one
//     of the same session, and also after a kill;
//   - a copy of the latest state moved into its place;
//   - a copy anywhere else, with or without its marker;
//   - a marker that is missing or damaged;
//   - another ledger's file in this one's place;
//   - a database that is gone, or empty, while its marker or its log are there: that
//     is an error, and the log is left as it is;
//   - a file replaced while it is open: the next write returns [ErrReplaced];
//   - a marker or a log (-wal) removed or replaced while the file is open: likewise;
//   - a file with several names (hard links), each of which would have a log of
//     its own: [Open] returns an error;
//   - a file that a newer version has migrated while it is open: the next write
//     returns [idempotency.ErrNewer];
//   - a database put back beside the log of a newer one, if it is older than
//     the last time that the log was moved into it: [Open] returns
//     [idempotency.ErrCorrupt].
//
// Not an alarm are: a process killed at any moment, a power cut, several
// processes that open the file at the same time, VACUUM, and renaming the
// folder.
//
// Not noticed are:
//   - database and marker both set back to an earlier moment that they share,
//     see below;
//   - after a power cut, a backup from the last seconds before it: the number
//     of the last commit may not have reached the disk;
//   - where the system has no inodes, a copy of the very latest state.
//
// # Snapshots of a volume or a virtual machine
//
// A volume, a virtual machine or a container's disk that is set back to a
// snapshot takes the marker back together with the database, in the same files.
// No epoch can tell: the two fit together, and what was sent since would be sent
// again. The same holds for database and marker overwritten in place by older
// ones. So whoever sets such a disk back does this before the first program
// opens the ledger again:
//
//	rm ledger.db-epoch
//
// The next open finds the marker missing and begins a new epoch; then nothing
// is submitted until the client's Recover has put every open job in doubt. Make
// it part of the procedure, not of somebody's memory: a spare Recover costs some
// look-ups, a missing one costs paper.
//
// # What is deleted
//
// Erasure and pruning overwrite what they delete (PRAGMA secure_delete), and
// [Store.Scrub], with which the client ends an erasure, empties the log. What
// was deleted is then in no page of the file, but for two things: what an earlier
// version of this library, or another program, deleted without overwriting it,
// and copies that SQLite may leave in the gaps of a page when it moves rows to
// another one. Where that matters have the file rewritten, with Scrub's whole
// or the Compact of the client's erasure. A process that has the ledger open all
// the time and reads at length keeps the log from being emptied: Scrub says so,
// and is called again.
//
// Artwork is a file, and is deleted as one; so is the spool. Pruning leaves it, an
// erasure that asks for it does not. Neither SQLite nor
// this package reaches what the file system, a snapshot of a volume, the disk
// itself or a backup keeps of old blocks: encrypt what they are on, and let
// backups expire.
//
// # Errors
//
// [idempotency.ErrNewer] for a database of a later version,
// [idempotency.ErrCorrupt] for a damaged one. A full disk, a file that cannot
// be written and a lock that another process holds for too long are errors that
// say so; nothing was written then, and work goes on when the reason is gone. A
// commit that the disk has taken but not synced is undone by another one. While
// that fails, too, the error is [idempotency.ErrInDoubt]: the commit may come true
// when the process dies.
//
// # Concurrency
//
// A [Store] is safe for concurrent use. Several may have the same file open, in
// one process or many; each write waits for the others up to the busy timeout.
// Stores that write without a pause take turns, by a lock on the marker, where
// the system has flock: none starves another.
package sqlite
