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
		m("callers of one instant make the same record", "client/submit.go",
			`time.Duration(c.leases.Add(1)%uint64(time.Millisecond))`, `0*time.Duration(c.leases.Add(1))`, "TestCommitsInDoubtOfOneInstant"),
		m("what was heard of late is a control piece", "client/control.go",
			"\t\tcase s.FirstAt.IsZero():\n\t\t\treturn s.AcceptedAt", "\t\tcase s.FirstAt.IsZero():\n\t\t\treturn at", "TestWhatIsHeardOfLate"),
		{
			Name: "seam: a recovery ends the time of those who send", File: "idempotency/machine_person.go",
			Old: `postproof.Unknown, later(s.LastAt, t.now), true`, New: `postproof.Unknown, t.now, true`,
			Package: "./idempotency", Run: "TestSuspicionLeavesTheSenderItsTime",
		},
		m("an id is of whichever account has a piece of it", "client/observe.go",
			`case i == 0, c.under(s, e):`, `case i == 0, s != nil:`, "TestOneIDAtTwoAccounts"),
		m("a decision is taken back across a restore", "client/undo.go",
			`if later.Action == ActionRecover {`, `if false {`, "TestUndoAcrossARestore"),
	}
}
