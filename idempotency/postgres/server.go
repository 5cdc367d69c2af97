package postgres

import (
	"errors"
	"fmt"

	"github.com/postproof/postproof"
)

// server is what a session must know of the server before it trusts it.
type server struct {
	backend
	version     int64
	recovering  bool
	synchronous string
	fsync       string
	fullPages   string
	encoding    string
	client      string // the encoding on the wire
}

const serverText = `SELECT pg_backend_pid(), (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),
	current_setting('server_version_num')::bigint, pg_is_in_recovery(), current_setting('synchronous_commit'),
	current_setting('fsync'), current_setting('full_page_writes'), current_setting('server_encoding'), current_setting('client_encoding')`

func (s *server) dest() []any {
	return []any{&s.pid, &s.started, &s.version, &s.recovering, &s.synchronous, &s.fsync, &s.fullPages, &s.encoding, &s.client}
}

// minVersion is the oldest server: transaction ids of 64 bits have names there.
const minVersion = 13

// check returns why the server cannot keep the promise, and what to do.
func (s *server) check() error {
	switch {
	case s.version < minVersion*10000:
		return postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, fmt.Errorf("the server is PostgreSQL %d: want %d or later", s.version/10000, minVersion))
	case s.encoding != "UTF8":
		return postproof.NewError(postproof.CodeUnsupported, postproof.NotSent, fmt.Errorf("the database's encoding is %s: make one with ENCODING 'UTF8'", s.encoding))
	case s.client != "UTF8": // who says UTF8 would know the same pause, or message, by another name
		return postproof.NewError(postproof.CodeInvalidArgument, postproof.NotSent,
			fmt.Errorf("the client_encoding of this connection is %s: set it to UTF8 (in the data source, or with ALTER ROLE or ALTER DATABASE)", s.client))
	case s.recovering:
		return errStandby
	case s.synchronous == "off":
		return fmt.Errorf("%w: synchronous_commit is off for this connection: set it to on (ALTER ROLE, ALTER DATABASE, the data source, or postgresql.conf)", ErrUnsafe)
	case s.fsync != "on":
		return fmt.Errorf("%w: fsync is off: set fsync = on in postgresql.conf, reload, and make sure that the data is on the disk (sync)", ErrUnsafe)
	case s.fullPages != "on":
		return fmt.Errorf("%w: full_page_writes is off: set full_page_writes = on in postgresql.conf and reload", ErrUnsafe)
	}
	return nil
}

// ErrUnsafe says that the server may forget what it has acknowledged. The
// error around it names the setting and what to do.
var ErrUnsafe = errors.New("postgres: the server may lose what it acknowledged")

// errStandby: a standby can be read, but the ledger needs its primary.
var errStandby = errors.New("the server is a standby in recovery: connect to the primary (target_session_attrs=read-write)")

// identityText is who the server is, as a text: the system identifier, which a
// copy made by dump and restore does not share; the timeline, which grows when
// a standby is promoted or a backup recovered to a point in time; and the
// database, which CREATE DATABASE ... TEMPLATE copies.
//
// The timeline is that of the log being written. pg_control_checkpoint has it
// only from the first checkpoint after a promotion on.
const identityText = `((SELECT system_identifier::text FROM pg_control_system())
	|| '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
	|| '/' || (SELECT oid::text FROM pg_database WHERE datname = current_database()))`

// ownText is true while the ledger's row is as the store wrote it: the
// transaction that the row says has written it is the one that did. A row that
// was dumped and loaded again was written by another.
const ownText = `(touched = xmin::text::bigint)`

// touchText is the transaction that writes the row.
const touchText = `(pg_current_xact_id()::text::bigint & 4294967295)`
