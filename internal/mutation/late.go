package main

// late breaks what finds pieces that arrive late, what recovers a lost history,
// and what keeps an answer from counting twice.
func late() []Mutation {
	const (
		send      = "idempotency/machine_send.go"
		reconcile = "idempotency/machine_reconcile.go"
		next      = "idempotency/next.go"
		record    = "idempotency/record.go"
		reach     = "idempotency/reach.go"
	)
	in := func(pkg string) func(rule int, name, file, old, replacement, run string) Mutation {
		return func(rule int, name, file, old, replacement, run string) Mutation {
			return Mutation{Name: name, Rule: rule, File: file, Old: old, New: replacement, Package: pkg, Run: run}
		}
	}
	m, cl, lite := in("./idempotency"), in("./client"), in("./idempotency/sqlite")
	return []Mutation{
		m(0, "watch: a job at rest is not claimed", record,
			`return at, watched && r.State.Known()`, `return at, false`, "TestWatch"),
		m(0, "watch: a job at rest is not claimed, by the oracle", record,
			`return at, watched && r.State.Known()`, `return at, false`, "TestExploreNotices"),
		m(0, "watch: a job that waits is claimed when it is due", record,
			`if watched && at.Before(r.Due) {`, `if false {`, "TestWatch"),
		m(0, "watch: a job at rest has nothing to do", next,
			`if s := r.toWatch(now); s != nil {`, `if s := r.toWatch(now); s != nil && r.State.Workable() {`, "TestWatch"),
		m(0, "watch: a look takes a job at rest to itself", "idempotency/machine.go",
			"next.Lease = Lease{} // at rest", "_ = next // at rest", "TestWatch"),
		m(0, "watch: a look takes a job that waits to itself", reconcile,
			`case t.r.State != Sending && t.r.Due.After(t.now):`, `case false:`, "TestWatch"),
		m(0, "watch: a look in vain is the last one", reconcile,
			"s.NextWatch = t.now.Add(max(after, orDefault(t.m.WatchEvery, 6*time.Hour)))", "s.NextWatch = time.Time{}", "TestWatch"),
		m(0, "watch: looks without end", reconcile,
			`if s.NextWatch.After(s.WatchUntil) {`, `if false {`, "TestWatch"),
		m(0, "watch: what turns up is told to nobody", reconcile,
			`thoughtGone := s.Fate == FateAbsent || s.Fate == FateDecided`, `thoughtGone := false`, "TestWatch"),
		m(0, "watch: what is watched is pruned", "idempotency/rules.go",
			`r.State.Final() && !watched &&`, `r.State.Final() && (true || watched) &&`, "TestWatch|TestMemory"),
		m(0, "watch: it makes a wait shorter", send,
			"ev.Until = later(ev.Until, t.r.Due)", "_ = ev", "TestPostpone"),
		lite(0, "SQLite: a commit that failed is called made", "idempotency/sqlite/writer.go",
			`return true, fmt.Errorf("commit: %w", err)`, `return false, nil`, "TestEveryChangeOfTheDisk"),
		lite(0, "watch: campaigns at rest are not looked into", "idempotency/sqlite/claim.go",
			`+" UNION "+watchedGroups+`, `+" AND ?1 IS NOT NULL"+`, "TestStoreIsAStore/claim"),
		lite(0, "watch: states at rest are not claimed", "idempotency/sqlite/claim.go",
			"AND version <= ? AND state IN `+known+", "AND version <= ? AND state IN `+workable+", "TestStoreIsAStore/claim"),
		lite(0, "watch: the column says when the job is due", "idempotency/internal/codec/codec.go",
			"out.Due = Nanos(work)\n", "_ = work\n", "TestStoreIsAStore/claim"),
		cl(0, "watch: a waiting campaign's cancelled jobs are forgotten", "client/worker.go",
			"q.States = append(q.States, idempotency.Cancelled)", "_ = q", "TestLateArrivalOfACancelledJob"),

		m(12, "rule 12: a commit of another epoch, in memory", "idempotency/memory.go",
			`if c.Epoch != "" && c.Epoch != m.identity.Epoch {`, `if false {`, "TestMemoryIsAStore/ledger"),
		lite(12, "rule 12: a commit of another epoch, in SQLite", "idempotency/internal/judge/judge.go",
			`if c.Epoch != "" && c.Epoch != v.Epoch() {`, `if false {`, "TestStoreIsAStore/ledger"),
		cl(12, "rule 12: a change names no epoch", "client/work.go",
			`ch.Epoch = w.epoch`, `_ = w.epoch`, "TestNothingIsSubmittedInTheMoment"),
		cl(12, "rule 12: the fence of a lost history counts for an answer", "client/work.go",
			`ch.Epoch = w.epoch`, `if ch.Record.State == idempotency.Sending || before == nil { ch.Epoch = w.epoch }`, "TestAnswerAcrossARestore"),
		cl(12, "rule 12: people change a ledger before it is recovered", "client/jobs.go",
			`if _, news := events[0].(idempotency.Observe); !w.recovered && !news && op != "recover" {`,
			`if _, news := events[0].(idempotency.Observe); !w.recovered && news && op == "" {`, "TestPeopleWait"),
		cl(12, "rule 12: a queued job names no epoch", "client/enqueue.go",
			"\t\tch.Epoch = q.epoch\n", "", "TestNothingIsSubmittedInTheMoment"),
		cl(12, "rule 12: a claim counts in the history that is heard of after it", "client/worker.go",
			`w := c.workIn(id, rec, nil)`, `w := c.work(rec, nil)`, "TestClaimAcrossARestore"),
		cl(12, "rule 12: only the next generation is doubted", "client/recover.go",
			`gen <= last; gen++`, `gen <= min(last, rec.Generation+1); gen++`, "TestRecoverDoubts"),
		cl(12, "rule 12: a control piece from before the restore", "client/control.go",
			`after, scanned := sub.LastAt`, `after, scanned := sub.FirstAt`, "TestDoubtNeeds"),
		cl(12, "rule 12: a control piece for any vendor", "client/recover_control.go",
			`if v.name != vendor {`, `if false {`, "TestControlPiece"),
		m(12, "rule 12: heirs of a piece that is alive are looked for", reconcile,
			"\t\t\tt.noHeirs()\n", "", "TestSuspectLooksForHeirs"),
		m(12, "rule 12: a callback says that there are no heirs", reconcile,
			`if o.Status.Source == postproof.SourcePoll { //`, `if true { //`, "TestSuspectLooksForHeirs"),
		m(12, "rule 12: a held job has no heirs", "idempotency/machine_person.go",
			`heir := t.r.State == Accepted && `, `heir := `, "TestSuspectLooksForHeirs"),
		cl(12, "rule 12: heirs are of every piece that is found", reconcile,
			"\t\tother.Heir = false // of another piece\n", "", "TestRecoverFindsTheHeir"),
		cl(12, "rule 12: an heir is cancelled beside a piece of which nothing is known", next,
			`s.Late == LateSeen && (!s.Heir || r.Status.Stage.Terminal() || r.Cancel.Stands())`, `s.Late == LateSeen`, "TestRecoverKeepsAnHeir"),
		cl(13, "rule 13: an heir outlives the wish to cancel", next,
			`r.Status.Stage.Terminal() || r.Cancel.Stands())`, `r.Status.Stage.Terminal())`, "TestRecoverKeepsAnHeir"),
		cl(12, "rule 12: nothing is looked for without a status", reconcile,
			"\tif ev.Failed || ev.Missing {\n", "\tif ev.Failed || ev.Missing {\n\t\tt.noHeirs()\n", "TestRecoverLooksForHeirs"),
		cl(0, "audit: a second piece of a job agrees with the ledger", "client/audit.go",
			`case !o.Dead && another(rec, s):`, `case false && another(rec, s):`, "TestAuditAfterRecover"),
		m(13, "rule 13: a late piece is cancelled although its job is held", next,
			"\tswitch at, ever := r.WorkAt(); {\n", "\tif r.State == Held && r.toStop() != nil {\n\t\treturn m.nextAccepted(r, now)\n\t}\n\tswitch at, ever := r.WorkAt(); {\n", "TestLateArrival"),
		m(0, "late: a person's word is taken for another piece", "idempotency/machine_person.go",
			`case vendorID != "" && o.VendorID == vendorID:`, `case false:`, "TestLateArrival"),
		m(0, "late: a person keeps a piece, and it is cancelled", "idempotency/machine_person.go",
			"\t\ts.Late = \"\" // it is", "\t\t_ = s // it is", "TestLateArrival"),
		m(12, "rule 12: deaths of a lost history", reach,
			`return r.Generation + deaths + renewals`, `return r.Generation + renewals`, "TestReachable"),
		m(12, "rule 12: windows that closed in a lost history", reach,
			`return r.Generation + deaths + renewals`, `return r.Generation + deaths`, "TestReachable"),
		m(12, "rule 12: what an earlier recovery doubted is spent", reach,
			"\t\tdeaths++ // doubted", "\t\t_ = deaths // doubted", "TestReachable"),

		m(9, "rule 9: the end of a dead piece takes the deadline from the doubt", reconcile,
			"\t\t\tt.r.Status = postproof.Status{} // of the dead", "\t\t\t// of the dead", "TestRule09"),
		cl(12, "rule 12: a copy goes on with accepted jobs", "client/recover.go",
			`case idempotency.Planned, idempotency.Unknown, idempotency.Accepted:`, `case idempotency.Planned, idempotency.Unknown:`, "TestRecoveredCopy"),

		cl(3, "rule 3: a refused job waits for the encoder that it was refused with", "client/send.go",
			`if w.encodedAnew(s, v, body) {`, `if false {`, "TestRefusedJobGoesOn"),
		cl(0, "a caller who gives up makes a refusal final", "client/send.go",
			`if ans.Delivery == postproof.Refused && (ans.Code`, `if ans.Delivery < 0 && (ans.Code`, "TestSubmitCancelledWhileThrottled"),
		cl(0, "absence: the settle time passes on our clock alone", "client/reconcile.go",
			`!found.VendorTime.IsZero() && t.Before(ev.At)`, `t.IsZero()`, "TestAClockThatJumps"),

		m(14, "rule 14: an answer counts each time it is applied", send,
			`if t.heard(s, ev.Intent) {`, `if false {`, "TestAnswer"),
		m(14, "rule 14: an answer counts each time it is applied, by the oracle", send,
			`if t.heard(s, ev.Intent) {`, `if false {`, "TestExploreFinds"),
		m(14, "rule 14: an answer of a lost history counts for nothing", send,
			`if intent > s.Intent { //`, `if false { //`, "TestAnswer"),
		m(14, "rule 14: another answer under one intent is no news of paper", send,
			`if ev.Delivery == postproof.Accepted && ev.Order.Alive && s.Join != postproof.Accepted {`, `if false {`, "TestRule06"),
		cl(14, "rule 14: a refusal out of the spool opens a way", "client/settle.go",
			` || w.rec.State == idempotency.Refused {`, ` {`, "TestSpooledRefusal"),

		m(0, "newer: a stage of a newer version is turned back", "status.go",
			`return s.Stage == StageDelivered || s.Stage == StageReturned`, `return true`, "TestNewerStage|TestFailureAfterANewerStage"),
	}
}
