package postgres

import "context"

// commitFunction does in one round trip what else takes four: it takes the
// ledger's lock, looks whether all is as the changes and this store believe, and
// stores them with storeText. It returns false, and has done nothing, if something
// is not. In a function of this kind each statement sees what was committed before
// it began, the lock's wait included; so what is said of transactions of several
// round trips holds here, too.
//
// The server is compared with what it said when the connection was last used for
// a transaction with a load: it cannot become another one under a connection. The
// ledger's row can, when a dump is loaded.
//
// A migration's text is never changed: should storeText have to be, the function
// gets a new name.
const commitFunction = `
CREATE FUNCTION @commit(` + storeTypes + `, bigint, text, text, text, text, text, text, text) RETURNS boolean LANGUAGE plpgsql AS $commit$
BEGIN
	PERFORM pg_advisory_xact_lock($42);
	PERFORM set_config('lock_timeout', '` + rowTimeout + `', true);
	IF NOT EXISTS (SELECT FROM @ledger WHERE epoch = $43 AND server = $44 AND ` + ownText + `)
	OR EXISTS (
		SELECT FROM unnest($45::text::text[], $46::text::bigint[]) AS i(name, version) LEFT JOIN LATERAL (
			SELECT version FROM @settings WHERE name = i.name COLLATE "C" LIMIT 1
		) AS s ON true WHERE coalesce(s.version, 0) <> i.version
	) OR EXISTS (
		SELECT FROM unnest($49::text::bytea[]) AS i(id) CROSS JOIN LATERAL (SELECT FROM @records AS r WHERE r.id = i.id LIMIT 1) AS r
	) THEN
		RETURN false;
	END IF;
	IF (SELECT count(*) FROM unnest($47::text::bigint[], $48::text::bigint[]) AS i(num, fence) CROSS JOIN LATERAL (
		SELECT FROM @records AS r WHERE r.num = i.num AND r.fence = i.fence LIMIT 1 FOR NO KEY UPDATE
	) AS l) <> cardinality($47::text::bigint[]) THEN
		RETURN false;
	END IF;
	` + storeText + `;
	RETURN true;
END $commit$;
`

// commitText calls commitFunction.
const commitText = `SELECT @commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
	$27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49)`

// storeTypes are the types of storeText's parameters.
const storeTypes = `text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text, text,
	text, text, text, text, text, text, text, text, text, text, bytea, text, text, bigint, bigint, text, text, text, text, text, text`

// commitNow carries out the operations with one statement, if all that they look
// at is remembered. It returns false, and nothing is made, if it is not, or not as
// the database has it, or if a change may not be made: then there is more to be
// looked at.
func (w *writer) commitNow(ctx context.Context, ops []operation) (made bool, err error) {
	if w.known.on != w.back || w.known.server == "" {
		return false, nil
	}
	if w.sulk > 0 {
		w.sulk--
		return false, nil
	}
	b := w.batch
	b.begin()
	b.epoch = w.known.epoch
	if !b.fromMemory(&w.store.memory, ops) {
		return false, nil
	}
	var creates int64
	for _, p := range b.places {
		if p.num == 0 {
			creates++
		}
	}
	if err := b.reserve(ctx, creates); err != nil {
		if lost(err) {
			w.give()
			return false, err
		}
		return false, nil
	}
	for _, op := range ops {
		if err := op.apply(ctx, b); err != nil {
			return false, err
		}
		if o, ok := op.(*commitOp); ok && o.judged() {
			return false, nil
		}
	}
	if len(b.changed) == 0 {
		return false, nil
	}
	var settings, versions, nums, fences, ids array
	for name, s := range b.settings {
		settings.text(name)
		versions.int(int64(s.version))
	}
	for _, p := range b.changed {
		if p.was == 0 {
			ids.bytes(p.row.ID)
		} else {
			nums.int(p.num)
			fences.int(int64(p.was))
		}
	}
	args, _ := b.storeArgs()
	_, err = w.queryRow(ctx, []any{&made}, w.store.text.commitNow, append(args,
		w.store.lock, b.epoch, w.known.server, settings.String(), versions.String(), nums.String(), fences.String(), ids.String())...)
	switch {
	case err == nil && made:
		w.missed = 0
		return true, nil
	case err != nil && (lost(err) || stateOf(err) == ""):
		w.give()
		err = w.settleDoubt(ctx, b.token, err)
		return err == nil, err
	}
	// It was not made, also if the server says that something is wrong with it: who
	// takes more steps finds out what.
	w.missed = min(2*w.missed+1, maxSulk)
	w.sulk = w.missed
	return false, nil
}

// maxSulk is after how many transactions at most the next one is tried with one
// statement, when those before could not be made so.
const maxSulk = 15
