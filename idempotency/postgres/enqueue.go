package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/postproof/postproof/idempotency"
	"github.com/postproof/postproof/idempotency/internal/codec"
	"github.com/postproof/postproof/idempotency/internal/portion"
)

// Tx enqueues inside a transaction of the caller's: the records are there when,
// and only when, it commits. Make one with [Store.In], and give it to the
// client's EnqueueTx. Like the transaction, it is used by one goroutine at a
// time.
type Tx struct {
	s  *Store
	tx *sql.Tx
}

// In returns a handle that enqueues inside the transaction, which must be one
// of the ledger's own database. The store neither commits nor ends it.
//
// Who enqueues does not wait for the ledger, and nobody at work on the ledger
// waits for the transaction, but those who use the same key: who enqueues it in
// another transaction waits until this one has ended, and [Store.Commit] of it
// returns [idempotency.ErrInProgress] after 0.2 or 0.4 seconds, during which it
// holds up the others. So keep the transaction short.
//
// At the isolation levels repeatable read and serializable, a key that another
// transaction has brought in since this one began makes the server end it with
// SQLSTATE 40001: run it again, as with any other statement there.
func (s *Store) In(tx *sql.Tx) *Tx { return &Tx{s, tx} }

// errOnlyCreates: the rest would need the ledger's lock until the caller's
// transaction ends, also what only depends on a setting.
var errOnlyCreates = errors.New("postgres: a transaction of the caller's only creates records: no counters, settings, reads of settings or marks")

// Commit adds the changes to the transaction, which must create records and do
// nothing else; errs is as that of [Store.Commit]. Nothing is durable before
// the transaction is committed. After an err the transaction is of no more use.
//
// A reference that belongs to another record is no outcome but an err,
// [idempotency.ErrRefTaken].
func (t *Tx) Commit(ctx context.Context, changes []idempotency.Change) (errs []error, err error) {
	if err := t.s.usable(ctx); err != nil {
		return nil, err
	}
	for done, part := range portion.Of(changes) {
		op := newCommitOp(part)
		if err := t.enqueue(ctx, op); err != nil {
			return nil, explain("enqueue", cause(ctx, err))
		}
		if op.errs != nil {
			if errs == nil {
				errs = make([]error, len(changes))
			}
			copy(errs[done:], op.errs)
		}
	}
	return errs, nil
}

// Get is [Store.Get], as the transaction sees it.
func (t *Tx) Get(ctx context.Context, id idempotency.ID) (*idempotency.Record, error) {
	rows, err := t.tx.QueryContext(ctx, t.s.text.get, codec.IDBytes(id))
	if err != nil {
		return nil, explain("get", cause(ctx, err))
	}
	var found *idempotency.Record
	if err := scanAll(rows, func(rows *sql.Rows) (err error) {
		found, err = scanRecord(rows)
		return err
	}); err != nil {
		return nil, explain("get", cause(ctx, err))
	}
	if found == nil {
		return nil, idempotency.ErrNotFound
	}
	return found, nil
}

// enqueueText creates records without the ledger's lock. What depends on the
// order of commits is left to those who have it: the places of the entries.
// The ledger is named by its key: a server that took its one row for hundreds
// would take the statement for so expensive that it compiles it first.
// The numbers of records come in blocks, see blockSize.
const enqueueText = `WITH head AS MATERIALIZED (
	SELECT epoch, server = ` + identityText + ` AND ` + ownText + ` AS same, nextval('@blocks') AS block FROM @ledger WHERE one = 1
), i AS MATERIALIZED (
	SELECT head.block * 4096 + i.ord AS num, i.* FROM head, unnest($1::text::bigint[], $2::text::text[], $3::text::bytea[], $4::text::bigint[],
		$5::text::bigint[], $6::text::text[], $7::text::text[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[], $11::text::text[],
		$12::text::bigint[], $13::text::bigint[], $14::text::text[], $15::text::bigint[], $16::text::text[], $17::text::bytea[], $28::text::bigint[])
		AS i(ord, epoch, id, fence, version, state, campaign, rank, due, visible, lease_owner, lease_until, prune_at, rare, job_sum, links, data, key)
), r AS (
	INSERT INTO @records (num, id, fence, version, state, campaign, lease_owner, lease_until, prune_at, rare, job_sum, links, data)
	SELECT i.num, i.id, i.fence, i.version, i.state, i.campaign, i.lease_owner, i.lease_until, i.prune_at, i.rare, i.job_sum, i.links, i.data
	FROM i, head WHERE head.same AND i.epoch IN ('', head.epoch) ORDER BY i.id
	ON CONFLICT (id) DO NOTHING RETURNING num, campaign, state
), q AS (
	INSERT INTO @queue (num, rank, campaign, due, visible, key, version, state)
	SELECT r.num, i.rank, i.campaign, i.due, i.visible, i.key, i.version, i.state
	FROM unnest($1::text::bigint[], $8::text::bigint[], $7::text::text[], $9::text::bigint[], $10::text::bigint[], $28::text::bigint[], $5::text::bigint[], $6::text::text[])
		AS i(ord, rank, campaign, due, visible, key, version, state), head, r WHERE r.num = head.block * 4096 + i.ord AND i.due IS NOT NULL
), j AS (
	INSERT INTO @jobs (num, job) SELECT r.num, l.job FROM unnest($26::text::bigint[], $27::text::bytea[]) AS l(ord, job), head, r
	WHERE r.num = head.block * 4096 + l.ord
), f AS (
	INSERT INTO @refs (ref, num) SELECT l.ref, r.num FROM unnest($18::text::bigint[], $19::text::text[]) AS l(ord, ref), head, r
	WHERE r.num = head.block * 4096 + l.ord
), p AS (
	INSERT INTO @pieces (vendor_id, vendor, num) SELECT l.vendor_id, l.vendor, r.num
	FROM unnest($20::text::bigint[], $21::text::text[], $22::text::text[]) AS l(ord, vendor_id, vendor), head, r
	WHERE r.num = head.block * 4096 + l.ord ON CONFLICT DO NOTHING
), e AS (
	INSERT INTO @entries (num, data) SELECT r.num, l.data FROM unnest($23::text::bigint[], $24::text::bytea[]) AS l(ord, data), head, r
	WHERE r.num = head.block * 4096 + l.ord
), d AS (
	INSERT INTO @depth (campaign, state, n) SELECT campaign, state, count(*) FROM r GROUP BY campaign, state
), c AS (
	INSERT INTO @commits (token, newest) SELECT 0, $25::bigint WHERE EXISTS (SELECT FROM r)
)
SELECT i.ord, r.num IS NOT NULL, head.same AND i.epoch IN ('', head.epoch) FROM head CROSS JOIN i LEFT JOIN r ON r.num = i.num`

func (t *Tx) enqueue(ctx context.Context, o *commitOp) error {
	o.errs = make([]error, len(o.changes))
	var ord, epoch, refOrd, ref, pieceOrd, vendorID, vendor, entryOrd, text, jobOrd, job, data array
	var records recordArrays
	newest := int64(codec.Never)
	next := 0
	for i := range o.changes {
		c := &o.changes[i]
		entries := o.entries[next : next+len(c.Entries)]
		next += len(c.Entries)
		if o.errs[i] = o.refusal(i); o.errs[i] != nil {
			continue
		}
		if !creates(c) {
			return errOnlyCreates
		}
		ord.int(int64(i))
		epoch.text(c.Epoch)
		records.add(0, o.rows[i])
		data.bytes(o.rows[i].Data)
		if o.rows[i].Job != nil {
			jobOrd.int(int64(i))
			job.bytes(o.rows[i].Job)
		}
		newest = max(newest, codec.Nanos(c.Record.UpdatedAt))
		for _, l := range codec.Links(c.Record) {
			if l.Ref != "" {
				refOrd.int(int64(i))
				ref.text(indexed(l.Ref))
			}
			if l.VendorID != "" {
				pieceOrd.int(int64(i))
				vendorID.text(indexed(l.VendorID))
				vendor.text(indexed(l.Vendor))
			}
		}
		for j := range c.Entries {
			entryOrd.int(int64(i))
			text.bytes(entries[j])
			newest = max(newest, codec.Nanos(c.Entries[j].At))
		}
	}
	args := append([]any{ord.String(), epoch.String()}, records.args(nil)[1:]...) // their numbers are made there
	args = append(args, data.String(), refOrd.String(), ref.String(), pieceOrd.String(), vendorID.String(), vendor.String(), entryOrd.String(), text.String(), newest,
		jobOrd.String(), job.String(), records.key.String())
	rows, err := t.tx.QueryContext(ctx, t.s.text.enqueue, args...)
	if err == nil {
		err = scanAll(rows, o.scanOutcome)
	}
	if stateOf(err) == "23505" { // of the key there is none: ON CONFLICT
		return fmt.Errorf("%w: %w", idempotency.ErrRefTaken, err)
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(o.errs, func(refused error) bool { return refused != nil }) {
		o.errs = nil
	}
	return nil
}

func (o *commitOp) scanOutcome(rows *sql.Rows) error {
	var i int
	var made, epoch bool
	if err := rows.Scan(&i, &made, &epoch); err != nil {
		return err
	}
	switch {
	case !epoch:
		o.errs[i] = idempotency.ErrEpoch
	case !made:
		o.errs[i] = idempotency.ErrExists
	}
	return nil
}

// creates reports whether the change makes a record and does nothing else.
func creates(c *idempotency.Change) bool {
	if c.Record == nil || c.Expect != 0 || len(c.Counters)+len(c.Settings)+len(c.Reads)+len(c.Marks) > 0 {
		return false
	}
	for i := range c.Entries {
		if c.Entries[i].ID != c.Record.ID {
			return false
		}
	}
	return true
}
