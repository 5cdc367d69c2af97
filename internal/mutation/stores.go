package main

// stores breaks what an attack on the stores, the inbox and the snapshots found: each
// of these let an acknowledged write be lost, or had something said that is not so.
func stores() []Mutation {
	m := func(name, file, old, replacement, pkg, run string) Mutation {
		return Mutation{Name: "stores: " + name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	lite := func(name, file, old, replacement, run string) Mutation {
		return m(name, "idempotency/sqlite/"+file, old, replacement, "./idempotency/sqlite", run)
	}
	received := func(name, file, old, replacement, run string) Mutation {
		return m(name, "client/callback/"+file, old, replacement, "./client/callback", run)
	}
	return []Mutation{
		lite("a file may have two names", "integrity.go", `case links(info) > 1:`, `case links(info) > 9:`, "TestFileWithTwoNames"),
		lite("the log is looked for beside a link", "sqlite.go", `filepath.EvalSymlinks(full); err == nil {`, `full, error(nil); err == nil {`, "TestCheckpointCutOffBehindALink"),
		lite("a file that was migrated is written to", "schema.go", `	if version > schemaVersion {
		return fmt.Errorf("%w: %w", newerError(version), idempotency.ErrReopen)
	}
	return nil
}`, `	return nil
}`, "TestMigratedWhileOpen"),
		lite("a migration is noticed once", "batch.go", `		if err := b.c.checkSchema(ctx); err != nil {
			return err
		}
		b.places.version = version`, `		b.places.version = version
		if err := b.c.checkSchema(ctx); err != nil {
			return err
		}`, "TestMigratedWhileOpen"),
		lite("what a killed upload left stays, when a store is opened", "blobs.go",
			`if err := s.sweepUploads(); err != nil {`, `if err := error(nil); err != nil {`, "TestUploadsOfKilledProcesses"),
		lite("what a killed upload left stays, when it is scrubbed", "scrub.go", `explain("scrub", s.sweepUploads())`, `nil`, "TestUploadsOfKilledProcesses"),
		lite("an upload under way is swept", "blobs.go", `time.Since(info.ModTime()) < uploadLife`, `time.Since(info.ModTime()) < 0`, "TestUploadsOfKilledProcesses"),
		lite("artwork that is damaged stays so", "blobs.go", `return errors.Join(err, content.Close()) == nil`, `return content.Close() == nil`, "TestStoreIsAStore/blobs"),
		lite("what waits is looked for among all messages", "inbox.go", `messages INDEXED BY messages_waiting WHERE`, `messages WHERE +`, "TestPlanOfFewMessages"),
		lite("what is parked is looked for among all messages", "inbox.go", `messages INDEXED BY messages_parked WHERE`, `messages WHERE +`, "TestPlanOfFewMessages"),
		{Name: "stores: the first screen reads all payloads", File: "client/operator/status.go", Old: `Limit: most, Bare: true}`, New: `Limit: most}`, Package: "./client/operator", Run: "TestStatusDoesNotReadTheInbox"},
		lite("a large job weighs as much as a small one", "change.go", `return portion.Weight(o.changes)`, `return min(len(o.changes), portion.Weight(o.changes))`, "TestWeightOfWhatIsLarge"),
		m("a large job weighs as much as a small one on PostgreSQL", "idempotency/postgres/change.go", `return portion.Weight(o.changes)`, `return min(len(o.changes), portion.Weight(o.changes))`, "./idempotency/postgres", "TestWeightOfWhatIsLarge"),
		m("a part holds artwork of any size", "idempotency/internal/portion/portion.go", `i > 0 && size > maxBytes`, `size < 0`, "./idempotency/internal/portion", "TestOf"),
		m("artwork weighs nothing", "idempotency/internal/portion/portion.go", `len(changes) + Bytes(changes)/changeBytes`, `len(changes)`, "./idempotency/internal/portion", "TestWeight"),
		lite("a bare list reads payloads", "inbox.go", `columns = codec.BareMessageColumns`, `_ = codec.BareMessageColumns`, "TestStoreIsAStore/inbox/a_list_selects"),
		m("one that waits is passed over", "idempotency/memory_inbox.go", `id = b.messages.nextWaiting(id)`, `id = b.messages.nextWaiting(id + 1)`,
			"./idempotency", "TestMemoryIsAStore/inbox"),
		m("a page has no rows but those of the limit", "idempotency/internal/pages/pages.go", `(len(q.States) == 0 || len(Few(q)) > 0)`, `true`,
			"./idempotency/sqlite", "TestStoreIsAStore/inbox/a_list_selects"),
		received("all of the inbox is read again and again", "run.go", `States: []idempotency.MessageState{idempotency.MessageWaiting}, Limit: most`, `Limit: most`, "TestOnlyWhatWaitsIsAskedFor"),
		received("what failed is looked for among all that ever came in", "select.go", `mq.States = states //`, `_ = states //`, "TestListReadsWhatIsAskedFor"),
		received("what is parked while it is listed is missed", "select.go", `return b.inbox.List(ctx, mq)`, `one, other := mq, mq
	one.States, other.States = states[:1], states[1:]
	return func(yield func(*idempotency.Message, error) bool) {
		for _, mq := range []idempotency.MessageQuery{one, other} {
			for m, err := range b.inbox.List(ctx, mq) {
				if !yield(m, err) {
					return
				}
			}
		}
	}`, "TestListMissesNothingThatMoves"),
		received("payloads of the matched are looked through", "select.go", `bare.Bare = true`, `bare.Bare = false`, "TestListReadsWhatIsAskedFor"),
		received("a drain waits for a parked event", "run.go", `if err != nil || !rests {`, `if err != nil || !rests || true {`, "TestDrainEndsBesideAParkedEventOfABatch"),
		received("a drain does not wait for a batch", "run.go", `if err != nil || !rests {`, `if err != nil || (!rests && m.Fence == 0) {`, "TestDrainWaitsForTheEventsOfABatch"),
		received("a notifier that hangs is waited for", "notify.go", `	case <-ctx.Done():
	}
	select { // it may`, `	}
	select { // it may`, "TestNotifierThatNeverReturns"),
		received("a notifier that hangs is called beside itself", "notify.go", `busy: make(chan struct{}, 1)`, `busy: make(chan struct{}, 9)`, "TestNotifierThatNeverReturns"),
		received("each alert that is left has its own time", "notify.go", `context.WithTimeout(context.WithoutCancel(ctx), alertTimeout)
	defer cancel()
	a.flush`, `context.WithTimeout(context.WithoutCancel(ctx), 9*alertTimeout)
	defer cancel()
	a.flush`, "TestNotifierThatNeverReturns"),
		received("an alert that is under way at the end is cut off", "notify.go", `a.notify(context.WithoutCancel(ctx), alert.Alert) == nil {`, `a.notify(ctx, alert.Alert) == nil {`, "TestAlertUnderWayComesToItsEnd"),
		received("an event without its payload is queued", "inbox.go", `if err == nil && whole.Body == nil {`, `if err == nil && whole == nil {`, "TestBatchWithAnErasedPiece"),
		received("an event's id is a text like any other", "dedupe.go", `strings.ContainsRune(e.ID, 0) || `, ``, "TestOddEventIDsAreTwo"),
		lite("a marker that is gone is missed by nobody", "writer.go", `return errors.Join(errMarkerReplaced, err)`, `return nil`, "TestReplacedWhileOpen"),
		lite("a marker that is another is missed by nobody", "writer.go", `if self, _ := fileID(info); self != w.marker.last.Self {`, `if false {`, "TestReplacedWhileOpen"),
		m("an erasure reads tokens as they are", "client/erase_inbox.go", `mentions(readable(m.Body), tokens[m.Vendor])`, `mentions(m.Body, tokens[m.Vendor])`, "./client", "TestEraseInbox"),
		received("a token may be a path", "endpoint.go", `strings.Trim(s, unreserved) != ""`, `false`, "TestWrongEndpoints"),
		m("a snapshot behind a link is not listed", "snapshot/folder.go", `e.Type()&fs.ModeSymlink != 0) && !yield`, `false) && !yield`, "./snapshot", "TestEraseBehindALink"),
		m("of a snapshot behind a link the link is removed", "snapshot/folder.go", `at != nil && at.Type()&fs.ModeSymlink != 0`, `false`, "./snapshot", "TestEraseBehindALink"),
		lite("a log whose database is gone is deleted", "integrity.go", `		return nil
	}
	return errOrphan`, `		return nil
	}
	return nil`, "TestLostDatabaseKeepsItsLog"),
		lite("a log whose database is gone is only looked for by its name", "integrity.go", `	if err := checkOrphan(s.path); err != nil {
		return err
	}`, ``, "TestLostDatabaseKeepsItsLog"),
		lite("a damaged message stops the inbox", "inbox.go", `if one := idempotency.AsDamaged(err); one != nil { // it gets`, `if one := idempotency.AsDamaged(err); false { // it gets`, "TestDamagedMessage"),
		lite("a damaged message has no lease", "inbox.go", `damaged, found = append(damaged, err), append(found, one.Message)`, `damaged = append(damaged, err)`, "TestDamagedMessage"),
		lite("a damaged record stops the pruning", "ledger.go", `damaged = err // it stays, and so does nothing else because of it`, `return err`, "TestDamagedRecordIsNotPruned"),
		lite("nobody is told of a damaged record that is not pruned", "ledger.go", `err = explain("prune", damaged)`, `_ = damaged`, "TestDamagedRecordIsNotPruned"),
		lite("a damaged record undoes the pruning beside it", "ledger.go", `		for _, r := range found {
			if err := b.bury`, `		if len(found) == 0 {
			return 0, damaged
		}
		for _, r := range found {
			if err := b.bury`, "TestDamagedRecordIsNotPruned"),
		m("columns are called what the manifest says, when a snapshot is opened", "snapshot/snapshot.go", `err == nil && !bytes.Equal(header[:n], v.rest[:n])`, `err != nil && !bytes.Equal(header[:n], v.rest[:n])`, "./snapshot", "TestManifestOfOtherColumns"),
		m("columns are called what the manifest says, when a snapshot is read", "snapshot/snapshot.go", `n == 0 && line != r.header()`, `false`, "./snapshot", "TestManifestOfOtherColumns"),
		m("a recovery that stopped half-way is said to be none", "client/operator/ask.go", `done.Checked == 0 && postproof.CodeOf(err)`, `postproof.CodeOf(err)`,
			"./client/operator", "TestRecoverThatStopsHalfWay"),
		m("artwork is not put back when other artwork cannot be deleted", "client/artwork_erased.go", `failed := x.removeArt(ctx, remover, kept)`, `failed := x.removeArt(ctx, remover, kept)
	if failed != nil {
		return failed
	}`, "./client", "TestArtworkErasedWhileAJobIsHandedIn"),
	}
}
