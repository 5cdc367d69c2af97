package main

// damaged breaks what holds beside something damaged: it keeps nothing else from
// anybody, and is hidden from nobody.
func damaged() []Mutation {
	broken := func(name, file, old, replacement, pkg, run string) Mutation {
		return Mutation{Name: "damaged: " + name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	lists := func(name, file, old, replacement, run string) Mutation {
		return broken(name, "idempotency/"+file, old, replacement, "./idempotency/sqlite", "TestStoreIsAStore/damaged/"+run)
	}
	m := func(name, file, old, replacement, run string) Mutation {
		return broken(name, "client/"+file, old, replacement, "./client", run)
	}
	received := func(name, file, old, replacement, run string) Mutation {
		return broken(name, "client/callback/"+file, old, replacement, "./client/callback", run)
	}
	screen := func(name, file, old, replacement string) Mutation {
		return broken(name, "client/operator/"+file, old, replacement, "./client/operator", "BesideWhatIsDamaged|BesideADamaged")
	}
	erased := func(name, file, old, replacement string) Mutation {
		return m("an erasure: "+name, file, old, replacement, "TestEraseBesideWhatIsDamaged")
	}
	return []Mutation{
		lists("a list of messages ends", "internal/pages/pages.go", `	return Row[T]{value, err}, nil`, `	return Row[T]{value, err}, err`, "an_inbox"),
		lists("a history ends", "internal/pages/pages.go", `	return Row[T]{value, err}, nil`, `	return Row[T]{value, err}, err`, "the_history"),
		lists("a list of records ends", "sqlite/find.go", `			return nil //nolint:nilerr // the list yields it`, `			return err`, "records_are"),
		lists("a record is hidden", "sqlite/find.go", `			*to = append(*to, found{damaged.Record, nil, explain("find", err)})
`, ``, "a_damaged_record_is_not"),
		lists("a list by ids begins where it is", "sqlite/find.go", `*to = append(*to, found{damaged.Record,`, `*to = append(*to, found{"",`, "records_are"),
		lists("an entry of a kind that nobody can read is hidden", "internal/pages/pages.go", `(damaged != nil && meant)`, `(damaged != nil && meant && len(q.Kinds) == 0)`, "the_history"),
		lists("an entry has lost its place", "internal/codec/entry.go", `e = idempotency.Entry{Seq: seq}`, `e = idempotency.Entry{}`, "the_history"),
		lists("a message of which a column is wrong ends the list", "internal/codec/message.go", `return nil, damagedRow(rows, err)`, `return nil, err`, "an_inbox"),
		lists("a record stops the workers", "sqlite/claim.go", `			errs = append(errs, err)
			continue`, `			return nil, explain("claim", err)`, "a_damaged_record_keeps"),
		m("a worker takes it for the whole ledger", "pool.go", `if c.meetDamaged(ctx, err) {`, `if false {`, "TestDrainBesideADamagedRecord"),
		m("a Drain waits for it", "drain_end.go", ` || c.damage.anyRecords()`, ``, "TestDrainBesideADamagedRecord"),
		m("people are told again and again", "damaged.go", `if d.told[what] || `, `if `, "TestDrainBesideADamagedRecord"),
		m("a campaign is not tracked on", "track.go", `if !yield(t, err) {`, `if !yield(t, err) || err != nil {`, "TestListsBesideADamagedRecord"),
		m("a tally stops", "track.go", `if c.meetDamaged(ctx, err) {`, `if false {`, "TestListsBesideADamagedRecord"),
		m("a sweep stops", "damaged.go", `			if c.meetDamaged(ctx, err) {
				continue`, `			if false {
				continue`, "TestListsBesideADamagedRecord"),
		m("it gets better by waiting", "errors.go", `	case idempotency.AsDamaged(err) != nil: // no`, `	case false: // no`, "TestListsBesideADamagedRecord"),
		m("an audit stops at a vendor's order", "audit.go", `	case c.meetDamaged(ctx, err):`, `	case false:`, "TestListsBesideADamagedRecord"),
		m("an audit stops at a record", "audit.go", `		if c.meetDamaged(ctx, err) {`, `		if false {`, "TestListsBesideADamagedRecord"),
		m("a history is not told on", "jobs.go", `idempotency.AsDamaged(err) == nil {`, `true {`, "TestListsBesideADamagedEntry"),
		m("incidents behind it are not told", "incidents.go", `&& !yield(e, err) {`, `&& (!yield(e, err) || err != nil) {`, "TestListsBesideADamagedEntry"),
		m("a recovery stops at it", "recover.go", `		if c.meetDamaged(ctx, err) {`, `		if false {`, "TestRecoverBesideADamagedRecord"),
		m("a recovery leaves it without a word", "recover.go", `if len(out.Damaged) > 0 && !r.o.LeaveDamaged {`, `if false {`, "TestRecoverBesideADamagedRecord"),
		m("its job is handed in anew", "replay_read.go", `		if there && rec == nil {`, `		if there && false {`, "TestReplayBesideADamagedRecord"),
		m("a replay of a list stops at it", "replay_read.go", `		if c.meetDamaged(ctx, err) {
			recs[`, `		if false {
			recs[`, "TestReplayBesideADamagedRecord"),
		m("a replay of a query stops at it", "replay_read.go", `damaged := rd.c.meetDamaged(ctx, err)`, `damaged := false`, "TestReplayBesideADamagedRecord"),
		erased("a message that cannot be read stops it", "erase_inbox.go", `if err != nil && damaged == nil {`, `if err != nil {`),
		erased("a message whose header is gone is left", "erase_inbox.go", `if damaged != nil && (!meant ||`, `if damaged != nil && (true ||`),
		erased("a message that waits for ever is only said to be open", "erase_inbox.go", ` || m.State == idempotency.MessageWaiting) {`, `) {`),
		erased("a record stops the search", "erase_run.go", `		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if (rec.Contact`, `		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if (rec.Contact`),
		erased("a record that is named stops it", "erase_run.go", `		case x.unread(ctx, err):
			continue
		case err != nil:
			return x.c.storeError(opErase, err)`, `		case err != nil:
			return x.c.storeError(opErase, err)`),
		erased("an entry stops it", "erase_run.go", `		if x.unread(ctx, err) {
			continue
		}
		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if id, ok`, `		if err != nil {
			return x.c.storeError(opErase, err)
		}
		if id, ok`),
		erased("a record stops the search for who shares the artwork", "erase_artwork.go", `		if x.unread(ctx, err) {
			continue // it is not sent`, `		if false {
			continue // it is not sent`),
		erased("a snapshot stops it", "erase_unread.go", `case errors.Is(err, snapshot.ErrCorrupt):`, `case false:`),
		erased("it is said to be complete", "erase.go", `len(r.Problems)+len(r.Unread) == 0`, `len(r.Problems) == 0`),
		m("artwork for which there was no room is forgotten", "erase_pending.go", ` && !slices.Contains(x.later, b)`, ``, "TestEraseLargeArtwork"),
		m("artwork that never fits is to be erased again", "artwork_erased.go", `if b.Size <= maxKept {`, `if true {`, "TestEraseLargeArtwork"),
		m("the note of a held job is in an error", "submit.go", `case slices.Contains(ownNotes(), note):`, `case note != "":`, "TestHeldNoteIsInNoError"),
		received("a Drain waits for a message", "run.go", `		if r.in.MeetDamaged(ctx, err) {
			continue // it waits`, `		if false {
			continue // it waits`, "TestDrainBesideADamagedMessage"),
		received("a worker takes a message for the whole inbox", "run.go", `	if r.in.MeetDamaged(ctx, err) {
		return 0`, `	if false {
		return 0`, "TestDrainBesideADamagedMessage"),
		received("the depth stands still", "run.go", `if err != nil && !r.in.MeetDamaged(ctx, err) {`, `if err != nil {`, "TestDepthBesideADamagedMessage"),
		received("a list ends", "inbox.go", `if idempotency.AsDamaged(err) == nil {`, `if true {`, "TestDrainBesideADamagedMessage"),
		received("a replay stops", "inbox.go", `		if b.damaged(ctx, err) {`, `		if false {`, "TestDrainBesideADamagedMessage"),
		screen("the first screen stops at a waiting job", "status.go", `	for rec, err := range r.ledger.Find(short, q) {
		if r.past(err) {`, `	for rec, err := range r.ledger.Find(short, q) {
		if false {`),
		screen("the first screen stops at a held job", "status.go", `	for rec, err := range r.ledger.Find(ctx, q) {
		if r.past(err) {`, `	for rec, err := range r.ledger.Find(ctx, q) {
		if false {`),
		screen("the first screen stops at a message", "status.go", `		case r.past(err):`, `		case false:`),
		screen("the first screen does not tell", "status.go", `o.damaged, r.damaged = r.damaged, nil`, `r.damaged = nil`),
		screen("a command does not tell", "main.go", `return r.tellDamaged(r.cmd.run(ctx, r, args))`, `return r.cmd.run(ctx, r, args)`),
		screen("a command that met it exits well", "damaged.go", `	if err == nil {
		err = needsPerson(true)`, `	if false {
		err = needsPerson(true)`),
		screen("held jobs behind it are not listed", "find.go", `		if r.past(err) {`, `		if false {`),
		screen("incidents behind it are not listed", "history.go", `	for e, err := range c.IncidentsSince(ctx, from) {
		if r.past(err) {`, `	for e, err := range c.IncidentsSince(ctx, from) {
		if false {`),
		broken("a left-over upload keeps the ledger closed", "idempotency/sqlite/blobs.go", `	if err := s.sweepUploads(); err != nil {`, `	if err := s.sweepUploads(); err != nil {
		return err
	}
	if err := error(nil); err != nil {`, "./idempotency/sqlite", "TestUploadThatCannotBeDeleted"),
		broken("nobody is told of a left-over upload", "idempotency/sqlite/blobs.go", `	if err := s.sweepUploads(); err != nil {`, `	if err := s.sweepUploads(); false {`, "./idempotency/sqlite", "TestUploadThatCannotBeDeleted"),
		broken("a nil option of a list is passed over", "snapshot/csv.go", `	case s.wrong != nil:`, `	case false:`, "./snapshot", "TestCSVWithANilOption"),
	}
}
