package main

// restores breaks what notices that a backup was restored before.
func restores() []Mutation {
	const (
		before  = "client/recover_before.go"
		control = "client/recover_control.go"
		number  = "client/recover_number.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Rule: 12, Name: "restored again: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	const deadlines = "client/recover_deadlines.go"
	return []Mutation{
		m("who recovers goes by its own deadlines", deadlines, `	m.MaxGenerations, m.PlannedFor = all.MaxGenerations, all.PlannedFor
`, `	_ = all
`, "TestRecoverKnowsTheDeadlines"),
		m("the ledger is not told of deadlines", deadlines, `*c.reach.Load() == kept || c.onlooker`, `kept == kept`, "TestRecoverKnowsTheDeadlines"),
		m("deadlines that the backup forgot are forgotten", deadlines, `all = all.or(*known)`, `_ = known`, "TestRecoverKnowsTheDeadlines"),
		m("what a ledger was never told of is nothing", deadlines, `kept = kept.or(least)`, `_ = least`, "TestRecoverKnowsTheDeadlines"),
		m("of two who tell of deadlines one is not heard", deadlines, `case errors.Is(err, idempotency.ErrStale): // another client has larger ones
`, `case errors.Is(err, idempotency.ErrStale):
			return nil
`, "TestDeadlinesAreKept"),
		m("of who was erased meanwhile absence is believed", number, `return more <= 0, nil`, `return true, nil`, "TestErasedBeforeAnEarlier"),
		m("a control piece that is shown is not seen", before, "\t}):\n\t\treturn true, date, nil", "\t}):\n\t\treturn false, date, nil", "TestRecoverNoticesEarlier"),
		m("half a list is a whole one", before, `case found == nil || !found.Complete:`, `case found == nil:`, "TestRecoverBesideHalfAList"),
		m("the ledger's own control pieces tell of another recovery", before, `(!ours || wasBefore(o.Receipt.AcceptedAt, at))`, `(!ours || ours)`, "TestRecoverNoticesEarlier"),
		m("an older piece beside our own is not seen", before, `(!ours || wasBefore(o.Receipt.AcceptedAt, at))`, `!ours`, "TestControlPieceBeside"),
		m("the record of an older piece tells of nothing", before, `case ours && isOlder(rec, at):`, `case ours && isOlder(rec, time.Time{}):`, "TestControlPieceOfAnEarlierRecoveryIsRemembered"),
		m("the vendor's dates are read by our clock", number, `n.Dates[vendor]; ok {`, `n.Dates[vendor]; ok && false {`, "TestControlPieceOfAnEarlierRecovery$"),
		m("what another history sent is remembered as a control piece", "client/answer.go", `!ans.Duplicate || cur.Sends+ans.Sends > 1 {`, `true {`, "TestControlPieceOfAnEarlierRecovery$"),
		m("what another history sent is found as a control piece", "client/control.go", `if sentByOthersFirst(s) {`, `if false {`, "TestControlPieceOfAnEarlierRecovery$"),
		m("the last vendor has the word", before, `b.found = max(b.found, found[i])`, `b.found = found[i]`, "TestRecoverNoticesAtAny"),
		m("the next recovery alone is looked for", before, `n <= maxRecoveries+1; n++`, `n <= 1; n++`, "TestRecoverNotices(AtAny|TheNext)"),
		m("the first control piece alone is looked for", before, `k <= controlKeys && !more`, `k <= 1 && !more`, "TestRecoverNoticesTheNext"),
		m("any number is believed", before, `if found > maxRecoveries {`, `if false {`, "TestRecoverTooOften"),
		m("a vendor that cannot be looked up is asked", before, `ok && v.caps.Lookup.ByRef {`, `ok {`, "TestRecoverWithoutLookUps"),
		m("no vendor is owed", before, "\t\t\tb.owed = append(b.owed, v.name)\n", "\t\t\t_ = v\n", "TestRecoverWhile|TestRecoverBeside"),
		m("a copy asks for its original's", "client/recover.go", `if !r.o.Copy { // it asks nobody`, `if true { // it asks nobody`, "TestRecoverOfACopy"),
		m("what is stated counts for nothing", "client/recover.go", `r.out.Recoveries = max(r.o.Recoveries, r.earlier.found)`, `r.out.Recoveries = r.earlier.found`, "TestRecoverBehind"),
		m("what is noticed counts for nothing", "client/recover.go", `r.out.Recoveries = max(r.o.Recoveries, r.earlier.found)`, `r.out.Recoveries = r.o.Recoveries`, "TestRecoverNoticesEarlier"),
		m("a job does not know for which recovery it is doubted", "idempotency/machine_person.go", `top, max(t.r.Recovery, ev.Recovery)`, `top, t.r.Recovery`, "TestRecoverWhile|TestRecoverBeside"),
		m("a file keeps nothing of it", "idempotency/internal/codec/record.go", `w.int(31, int64(r.Recovery))`, `w.int(31, 0*int64(r.Recovery))`, "TestRecoverNoticesOnSQLite"),
		m("a later doubt makes control pieces worthless", number, `ev.Recovery, ev.Until = n.Number, n.At`, `ev.Recovery = n.Number`, "TestRecoverWhile|TestControlPiece"),
		m("the machine doubts until now", "idempotency/machine_person.go", `until = ev.Until`, `_ = ev.Until`, "TestRecoverWhile|TestControlPiece"),
		m("the number does not grow", number, `Number: b.number(recoveries), Base`, `Number: 1, Base`, "TestRecoverNotices(AtAny|TheNext)"),
		m("the number leaves out what was stated", number, `Number: b.number(recoveries), Base`, `Number: b.number(b.found), Base`, "TestRecoverBehind"),
		m("a recovery that was killed is another one", number, `if n.Epoch == id.Epoch { //`, `if false { //`, "TestRecoverKilled"),
		m("a ledger without numbers begins at none", number, `n.Number = 1 // by`, `n.Number = 0 // by`, "TestControlPieceOfALedger"),
		m("who comes second counts again", number, `if n.Epoch == id.Epoch { //`, `if n.Epoch == id.Epoch && n.At.IsZero() { //`, "TestRecoverByMany|TestRecoverKilled"),
		m("what is learned doubts nothing", number, `n.Number = max(n.Number, base+found+1)`, `_ = found`, "TestRecoverWhile|TestRecoverBeside"),
		m("what is learned has no history", number, `idempotency.SettingWrite{w}, Epoch: id.Epoch}`, `idempotency.SettingWrite{w}}`, "TestNumberAcross"),
		m("an answer without a control piece settles what is owed", number, `if proven {`, `if true {`, "TestControlPieceBeside"),
		m("what is learned is nothing for keys that are new", number, `d.Recoveries = max(d.Recoveries, recoveries)`, `_ = recoveries`, "TestControlPieceLearns"),
		m("a job in doubt is not doubted further", number, `if more <= 0 || w.rec.Erased() {`, `if true {`, "TestRecoverWhile|TestRecoverBeside"),
		m("a job is doubted further by one", number, `w.c.furtherSuspicion(w.rec, n.Lost, more)`, `w.c.furtherSuspicion(w.rec, n.Lost, min(more, 1))`, "TestRecoverBehindTwo"),
		m("an owed vendor is believed", number, `if w.rec.Recovery == 0 {`, `if true {`, "TestRecoverWhile|TestRecoverBeside"),
		m("the keys of control pieces are random", control, `if n.Number == 0 || v.finder() == nil { // no`, `if n.Number >= 0 || v.finder() == nil { // no`, "TestControlPiecesThatNobody"),
		m("a ninth control piece is not looked for", before, `k <= controlKeys && !more`, `k <= controlKeys/2 && !more`, "TestRecoverNoticesTheNext"),
		m("a control piece that nobody looks for is not told", control, `if k > controlKeys {`, `if false {`, "TestControlPiecesThatNobody"),
		m("a control piece is sent to a vendor that cannot be asked", control, `err = c.askBefore(ctx, v, &n, false)`, `_ = c.askBefore(ctx, v, &n, false)`, "TestRecoverWhile"),
		m("a control piece asks before the recovery", control, "if c.id().EpochChanged() {\n\t\treturn time.Time{}", "if false {\n\t\treturn time.Time{}", "TestControlPieceBefore"),
		m("an older piece is a control piece", control, "if isOlder(rec, at) {\n\t\treturn rec,", "if isOlder(nil, at) {\n\t\treturn rec,", "TestControlPieceOfAnEarlier"),
		m("a control piece is of the number before", control, "\t\tch.Reads = append(ch.Reads, read)\n", "\t\t_ = read\n", "TestControlPieceIsOfTheNumber"),
	}
}
