package main

// seams breaks what holds where two parts meet: each of these was missing once, and
// each side by itself was as it should be.
func seams() []Mutation {
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "seam: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	receives := func(name, old, replacement string) Mutation {
		return Mutation{
			Name: "seam: " + name, File: "client/callback/process.go", Old: old, New: replacement,
			Package: "./client/callback", Run: "TestCallbackOfAPrunedJob|TestErased|TestCallbackOfAnErased",
		}
	}
	writes := func(name, old, replacement string) Mutation {
		return Mutation{
			Name: "seam: " + name, File: "idempotency/sqlite/writer.go", Old: old, New: replacement,
			Package: "./idempotency/sqlite", Run: "TestRefusedCommitMayComeTrue",
		}
	}
	return []Mutation{
		{
			Name: "seam: what was pruned is not erased", File: "client/erase_run.go",
			Old: `if rec.Tombstone && (x.e.DryRun || !rec.EraseAt.IsZero()) {`, New: `if rec.Tombstone {`,
			Package: "./client/callback", Run: "TestCallbackOfAPrunedJobThatIsErased",
		},
		writes("a commit that was not synced is called undone", `if !w.overwritten(ctx) {`, `if false {`),
		writes("a commit that was not synced stays in the log", `UPDATE ledger SET commits = commits + 1`, `UPDATE ledger SET base = base`),
		writes("every failed commit is in doubt", `if !w.overwritten(ctx) {`, `if true {`),
		receives("the handler does not hear of a pruned job", `case r.handler != nil && buried(err) && pruned(told.Record):`, `case false:`),
		receives("a parked callback of a pruned job loses its payload", `to != idempotency.MessageParked || !pruned(rec)`, `true`),
		receives("what is parked of an erased person keeps its payload", `to != idempotency.MessageParked || !pruned(rec)`, `to != idempotency.MessageParked`),
		m("what is refused before the order is nothing", "client/answer.go",
			`} else if k.prepared == postproof.Refused &&`, `} else if false &&`, "TestWhatFailsBeforeTheOrder"),
		m("missing artwork is found out by the vendor", "client/send.go",
			`err = w.c.art.present(ctx, &s.Job)`, `_ = w.c.art`, "TestMissingArtworkIsNotSent"),
		m("a job waits and does not say why", "client/send.go",
			`w.cause = r.waiting()`, `_ = r.waiting()`, "TestJobThatWaitsSaysWhy"),
		m("Run waits for a store that was closed", "client/worker.go",
			`errors.Is(err, idempotency.ErrClosed), `, ``, "TestRunEndsWhereWaitingIsForNothing/closed"),
		m("Run waits for a store that cannot go on", "client/worker.go",
			`, errors.Is(err, idempotency.ErrReopen):`, `:`, "TestRunEndsWhereWaitingIsForNothing/the_marker"),
		{
			Name: "seam: two terminals are one worker", File: "client/operator/main.go",
			Old: `"/" + rand.Text()[:8] }`, New: `"/" + rand.Text()[:0] }`, Package: "./client/operator", Run: "TestEachClientHasItsOwner",
		},
		{
			Name: "seam: a file that was migrated is waited for", File: "idempotency/sqlite/schema.go",
			Old: `newerError(version), idempotency.ErrReopen)`, New: `newerError(version), idempotency.ErrNewer)`,
			Package: "./idempotency/sqlite", Run: "TestMigratedWhileOpen",
		},
		{
			Name: "seam: a receiver waits for a store that cannot go on", File: "client/callback/run.go",
			Old: `, errors.Is(err, idempotency.ErrReopen):`, New: `:`, Package: "./client/callback", Run: "TestRunEndsWhereWaitingIsForNothing/the_marker",
		},
		{
			Name: "seam: a lost upload is a doubt about paper", File: "vendors/not_ordered.go",
			Old: `d <= postproof.Refused`, New: `d <= postproof.Unknown`, Package: "./vendors", Run: "TestNotOrdered",
		},
		{
			Name: "seam: a part of a body is not in its digest", File: "vendors/body_parts.go",
			Old: `append(append(strconv.AppendInt(head, p.length, 10), ' '), p.digest...)`, New: `strconv.AppendInt(head, p.length, 10)`,
			Package: "./vendors", Run: "TestJoinedBodies",
		},
		m("callers of one instant make the same record", "client/submit.go",
			`time.Duration(c.leases.Add(1)%uint64(time.Millisecond))`, `0*time.Duration(c.leases.Add(1))`, "TestCommitsInDoubtOfOneInstant"),
		{
			Name: "seam: a recovery ends the time of those who send", File: "idempotency/machine_person.go",
			Old: `postproof.Unknown, later(s.LastAt, until), true`, New: `postproof.Unknown, until, true`,
			Package: "./idempotency", Run: "TestSuspicionLeavesTheSenderItsTime",
		},
		m("an id is of whichever account has a piece of it", "client/observe.go",
			`case i == 0, c.under(s, e):`, `case i == 0, s != nil:`, "TestOneIDAtTwoAccounts"),
		m("a decision is taken back across a restore", "client/undo.go",
			`if later.Action == ActionRecover {`, `if false {`, "TestUndoAcrossARestore"),
	}
}
