package postgres

import (
	"context"

	"github.com/postproof/postproof/idempotency/internal/codec"
)

// storeText stores records and what belongs to them, and counters, in one statement.
// The numbers of entries are taken under the ledger's lock, so that they come in
// commit order and without a gap that would be filled later. Entries of transactions
// that enqueued by themselves go first: they are older. Of those of other records it is
// a bite: millions may wait after a load, and the lock with them. A record that is there
// is found by its number as one that is not: a join with the table could become one
// that reads all of it, see settingsText. Should a number have been given out twice,
// the id that is not null refuses to put one job in the place of another. What is
// long comes as one parameter, $31, and where each begins in it: as text it would be
// twice as long, and be taken apart letter by letter. With it goes the row by which
// the transaction is known.
const storeText = `WITH r AS (
	INSERT INTO @records AS old (num, id, fence, version, state, campaign, lease_owner, lease_until, prune_at, rare, job_sum, links, data)
	SELECT num, id, fence, version, state, campaign, lease_owner, lease_until, prune_at, rare, job_sum, links, substring($31::bytea, place, size)
	FROM unnest($1::text::bigint[], $2::text::bytea[], $3::text::bigint[], $4::text::bigint[], $5::text::text[], $6::text::text[],
		$10::text::text[], $11::text::bigint[], $12::text::bigint[], $13::text::text[], $14::text::bigint[], $15::text::text[], $16::text::int[], $32::text::int[])
		AS i(num, id, fence, version, state, campaign, lease_owner, lease_until, prune_at, rare, job_sum, links, place, size)
	ON CONFLICT (num) DO UPDATE SET id = CASE WHEN old.id = excluded.id THEN old.id END, fence = excluded.fence, version = excluded.version, state = excluded.state, campaign = excluded.campaign,
		lease_owner = excluded.lease_owner, lease_until = excluded.lease_until,
		prune_at = excluded.prune_at, rare = excluded.rare, job_sum = excluded.job_sum, links = excluded.links, data = excluded.data
), q AS (
	INSERT INTO @queue AS old (num, rank, campaign, due, visible, key, version, state)
	SELECT num, rank, campaign, due, visible, key, version, state
	FROM unnest($1::text::bigint[], $7::text::bigint[], $6::text::text[], $8::text::bigint[], $9::text::bigint[], $40::text::bigint[], $4::text::bigint[], $5::text::text[])
		AS i(num, rank, campaign, due, visible, key, version, state) WHERE due IS NOT NULL
	ON CONFLICT (num) DO UPDATE SET rank = excluded.rank, campaign = excluded.campaign, due = excluded.due, visible = excluded.visible,
		version = excluded.version, state = excluded.state
), x AS (
	DELETE FROM @queue WHERE num = ANY ($41::text::bigint[])
), j AS (
	INSERT INTO @jobs AS old (num, job) SELECT num, substring($31::bytea, place, size)
	FROM unnest($28::text::bigint[], $29::text::int[], $36::text::int[]) AS i(num, place, size)
	ON CONFLICT (num) DO UPDATE SET job = excluded.job
), g AS (
	DELETE FROM @jobs WHERE num = ANY ($30::text::bigint[])
), f AS (
	INSERT INTO @refs (ref, num) SELECT * FROM unnest($17::text::text[], $18::text::bigint[])
), p AS (
	INSERT INTO @pieces (vendor_id, vendor, num) SELECT * FROM unnest($19::text::text[], $20::text::text[], $21::text::bigint[]) ON CONFLICT DO NOTHING
), w AS (
	UPDATE @entries SET seq = nextval('@places') WHERE seq IS NULL AND num = ANY ($22::text::bigint[] || ` + waitingNumsText + `) RETURNING seq
), e AS (
	INSERT INTO @entries (seq, num, id, data)
	SELECT nextval('@places'), num, id, substring($31::bytea, place, size) FROM (SELECT count(*) FROM w) AS first,
		unnest($22::text::bigint[], $23::text::bytea[], $24::text::int[], $33::text::int[]) AS i(num, id, place, size)
), c AS (
	INSERT INTO @commits (token, newest) VALUES ($34, $35)
), k AS (
	INSERT INTO @counters (name, version, value) SELECT * FROM unnest($37::text::text[], $38::text::bigint[], $39::text::bigint[])
)
INSERT INTO @depth (campaign, state, n) SELECT * FROM unnest($25::text::text[], $26::text::text[], $27::text::bigint[])`

// flush stores what the changes made of the records and all beside them.
func (b *batch) flush(ctx context.Context) error {
	if err := b.storeRecords(ctx); err != nil {
		return err
	}
	if err := b.storeSettings(ctx); err != nil {
		return err
	}
	return b.storeMarks(ctx)
}

// recordArrays are the columns of many records.
type recordArrays struct {
	num, id, fence, version, state, campaign, rank, due, visible, owner, until, prune, rare, sum, links, key array
	never                                                                                                    array // numbers of those for which there is never anything to do
}

// blob is many values one after the other.
type blob []byte

// parts are the values of a column in a blob: where each begins, counted from 1,
// and how long it is.
type parts struct{ place, size array }

func (p *parts) add(to *blob, value []byte) {
	p.place.int(int64(len(*to)) + 1)
	p.size.int(int64(len(value)))
	*to = append(*to, value...)
}

// add adds a record.
func (a *recordArrays) add(num int64, r *codec.Row) {
	a.num.int(num)
	a.id.bytes(r.ID)
	a.fence.int(int64(r.Fence))
	a.version.int(int64(r.Version))
	a.state.text(r.State)
	a.campaign.text(r.Campaign)
	a.rank.int(rankOf(r.Priority))
	if visible, ever := r.Visible.(int64); ever {
		a.due.int(r.Due)
		a.visible.int(visible)
	} else {
		a.never.int(num)
		a.due.null()
		a.visible.int(codec.Never)
	}
	a.owner.text(r.LeaseOwner)
	a.until.int(r.LeaseUntil)
	a.prune.maybe(r.PruneAt)
	if r.Rare == nil {
		a.rare.null()
	} else {
		a.rare.text(r.State)
	}
	a.sum.int(r.JobSum)
	a.links.text(r.Links)
	a.key.int(r.Key)
}

func (a *recordArrays) args(args []any) []any {
	return append(
		args, a.num.String(), a.id.String(), a.fence.String(), a.version.String(), a.state.String(), a.campaign.String(), a.rank.String(), a.due.String(),
		a.visible.String(), a.owner.String(), a.until.String(), a.prune.String(), a.rare.String(), a.sum.String(), a.links.String(),
	)
}

// rankOf sorts the highest priority first, and every priority has one.
func rankOf(priority int) int64 { return ^int64(priority) }

// keepLong is how much room is kept for the next statement.
const keepLong = 1 << 20

func (b *batch) storeRecords(ctx context.Context) error {
	args, full := b.storeArgs()
	if args == nil {
		return nil
	}
	if _, err := b.c.exec(ctx, b.s.text.store, args...); err != nil {
		return err
	}
	for _, name := range full {
		if _, err := b.c.exec(ctx, b.s.text.dropCounter, name, b.counters[name].version); err != nil {
			return err
		}
	}
	return nil
}

// storeArgs returns the arguments of storeText, nil if there is nothing to store,
// and the counters of which versions are to be dropped.
func (b *batch) storeArgs() (args []any, full []string) {
	counterName, version, value, full := b.changedCounters()
	if len(b.changed)+len(b.newEntries)+counterName.b.Len() == 0 {
		return nil, nil
	}
	var records recordArrays
	var data, jobData, entryData parts
	long := b.long[:0]
	var jobNum, gone array
	for _, p := range b.changed {
		records.add(p.num, p.row)
		data.add(&long, p.row.Data)
		switch {
		case p.row.JobSum == p.storedSum:
		case p.row.Job == nil:
			gone.int(p.num)
		default:
			jobNum.int(p.num)
			jobData.add(&long, p.row.Job)
		}
		p.row, p.storedSum = nil, p.row.JobSum
	}
	var ref, refNum, vendorID, vendor, pieceNum, entryNum, entryID, campaign, state, n array
	for _, l := range b.newRefs {
		ref.text(indexed(l.Ref))
		refNum.int(l.num)
	}
	for _, l := range b.newPieces {
		vendorID.text(indexed(l.VendorID))
		vendor.text(indexed(l.Vendor))
		pieceNum.int(l.num)
	}
	for _, e := range b.newEntries {
		entryNum.int(e.num)
		entryID.bytes(e.id)
		entryData.add(&long, e.data)
	}
	for g, count := range b.depth {
		if count != 0 {
			campaign.text(g.campaign)
			state.text(g.state)
			n.int(count)
		}
	}
	clear(b.changed)
	clear(b.depth)
	b.changed, b.newRefs, b.newPieces, b.newEntries = b.changed[:0], b.newRefs[:0], b.newPieces[:0], b.newEntries[:0]
	if b.noted = b.newest; cap(long) <= keepLong {
		b.long = long[:0]
	}
	return append(
		records.args(nil), data.place.String(), ref.String(), refNum.String(), vendorID.String(), vendor.String(), pieceNum.String(),
		entryNum.String(), entryID.String(), entryData.place.String(), campaign.String(), state.String(), n.String(),
		jobNum.String(), jobData.place.String(), gone.String(), []byte(long), data.size.String(), entryData.size.String(), b.token, b.newest, jobData.size.String(),
		counterName.String(), version.String(), value.String(), records.key.String(), records.never.String(),
	), full
}

const (
	// keepVersions is after how many versions of a counter those before the newest
	// are dropped.
	keepVersions = 256

	dropCounterText = `DELETE FROM @counters WHERE name = $1 AND version >= $2::bigint - 256 AND version < $2::bigint`
)

// changedCounters returns the counters that changed, in their next version, and
// the names of those of which versions are to be dropped. A counter that is hot,
// as those of a replay are, is written by each transaction: that takes no round
// trip of its own, and leaves no row behind that the next one steps over.
func (b *batch) changedCounters() (names, versions, values *array, full []string) {
	names, versions, values = new(array), new(array), new(array)
	for name, c := range b.counters {
		if !c.dirty {
			continue
		}
		c.dirty = false
		c.version++
		names.text(name)
		versions.int(c.version)
		values.int(c.value)
		if c.version%keepVersions == 0 {
			full = append(full, name)
		}
	}
	return names, versions, values, full
}

const settingsWriteText = `INSERT INTO @settings SELECT * FROM unnest($1::text::text[], $2::text::bytea[], $3::text::bigint[])
	ON CONFLICT (name) DO UPDATE SET value = excluded.value, version = excluded.version`

func (b *batch) storeSettings(ctx context.Context) error {
	var names, values, versions array
	for name, s := range b.settings {
		if s.dirty {
			s.dirty = false
			names.text(name)
			values.bytes(s.value)
			versions.int(int64(s.version))
		}
	}
	if names.b.Len() == 0 {
		return nil
	}
	_, err := b.c.exec(ctx, b.s.text.settings, names.String(), values.String(), versions.String())
	return err
}

const marksText = `UPDATE @messages AS m SET state = i.state, due = i.due, visible = i.due, fence = m.fence + 1, lease_owner = '', lease_until = $5,
	tries = m.tries + CASE WHEN i.error = '' THEN 0 ELSE 1 END, last_error = CASE WHEN i.error = '' THEN m.last_error ELSE i.error END
	FROM unnest($1::text::bigint[], $2::text::text[], $3::text::bigint[], $4::text::text[]) AS i(id, state, due, error) WHERE m.id = i.id`

// blankText is for messages about a person that was erased.
const blankText = `UPDATE @messages SET body = NULL, header = NULL WHERE id = ANY ($1::text::bigint[])`

func (b *batch) storeMarks(ctx context.Context) error {
	var ids, states, dues, errs, purged array
	for id, m := range b.messages {
		if m.mark == nil {
			continue
		}
		ids.int(int64(id))
		states.text(string(m.mark.State))
		dues.int(codec.Nanos(m.mark.Due))
		errs.text(m.mark.Error)
		if m.mark.Purge {
			purged.int(int64(id))
		}
		m.mark = nil
	}
	if ids.b.Len() == 0 {
		return nil
	}
	_, err := b.c.exec(ctx, b.s.text.marks, ids.String(), states.String(), dues.String(), errs.String(), int64(codec.Never))
	if err != nil || purged.b.Len() == 0 {
		return err
	}
	_, err = b.c.exec(ctx, b.s.text.blank, purged.String())
	return err
}
