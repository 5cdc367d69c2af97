package main

// dates breaks what counts from a send date, and what was found missing beside it: a
// piece that lies at its vendor for months is neither lost nor silent.
func dates() []Mutation {
	m := func(pkg, name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "dates: " + name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	machine := func(name, file, old, replacement, run string) Mutation {
		return m("./idempotency", name, "idempotency/"+file, old, replacement, run)
	}
	cl := func(name, file, old, replacement, run string) Mutation {
		return m("./client", name, "client/"+file, old, replacement, run)
	}
	const poll, own, person, plan, reach = "machine_poll.go", "dates.go", "machine_person.go", "machine_plan.go", "reach.go"
	return []Mutation{
		machine("a piece is held before it is to be mailed", "machine.go",
			`later(t.now, t.r.sendDate(t.r.holding()))`, `t.now`, "TestDeadlineCountsFromTheSendDate"),
		machine("a record does not know its job's date", "machine.go", `, SendDate: job.SendDate.UTC(),`, `,`, "TestSendDateOfALostHistory"),
		machine("an amended job keeps its date", person, `t.r.Fingerprint, t.r.SendDate = ev.Job, ev.Fingerprint, ev.SendDate`,
			`t.r.Fingerprint = ev.Job, ev.Fingerprint`, "TestSendDateOfALostHistory"),
		machine("a piece has the date of the job as it was amended", own, `case s.SendDate.IsZero() && !s.Amended:`, `case s.SendDate.IsZero():`, "TestSendDateOfALostHistory"),
		machine("a piece of a lost history has no date", own, `case s.SendDate.IsZero() && !s.Amended:`, `case false:`, "TestSendDateOfALostHistory"),
		machine("news are expected before the date", poll, `later(since, r.LiesUntil()).Add(patience), true`, `since.Add(patience), true`, "TestNothingIsExpectedBefore"),
		machine("what was mailed waits for its date", own, `if r.Status.Stage.Rank() >= postproof.StageMailed.Rank() {`, `if false {`, "TestNothingIsExpectedBefore"),
		machine("what lies at a vendor is asked about all the time", poll, `longest = longestDated`, `longest = 0`, "TestPollsAroundTheSendDate"),
		machine("a poll waits across the date", poll, `if lies && at.After(date) {`, `if false {`, "TestPollsAroundTheSendDate"),
		machine("the pace goes on after the date", poll, "if lies && at.After(date) {\n\t\tt.r.Tries = 0", "if lies && at.After(date) {", "TestPollsAroundTheSendDate"),
		machine("the pace goes on after a poll that failed", poll, `t.now.Before(date) && at.After(date) {`, `false && at.After(date) {`, "TestPollsAroundTheSendDate"),
		machine("the patience counts from the acceptance after the date", poll, "if !lies {\n\t\tsince = later(since, date)", "if !lies {\n\t\tsince = later(since, since)", "TestRefreshAfterTheSendDate"),
		machine("a watch ends before the date", "machine_late.go", `later(t.now, t.r.sendDate(s)).Add(`, `t.now.Add(`, "TestWatchUntilTheSendDate"),
		machine("a watch goes on at its pace for months", "machine_late.go", `max(ev.RetryAfter, t.watchWait(s))`, `max(ev.RetryAfter, t.m.WithDefaults().WatchEvery)`, "TestWatchUntilTheSendDate"),
		machine("a watch looks seldom before the date", own, `), left)`, `), max(every, 20*left))`, "TestWatchUntilTheSendDate"),
		machine("a watch begins seldom", own, `if passed < lasts || left <= every {`, `if left <= every {`, "TestWatchBeginsClosely"),
		machine("a job that was tried is held before its date", plan, `(untried || !ev.Until.After(t.r.SendDate))`, `untried`, "TestTriedJobWaits"),
		machine("a job that was tried is put off for ever", plan, `(untried || !ev.Until.After(t.r.SendDate))`, `(untried || !t.r.SendDate.IsZero())`, "TestTriedJobWaits"),
		machine("a passed date begins no generation", reach, `if within > 0 && (r.SendDate.After(r.CreatedAt) || `, `if false && (r.SendDate.After(r.CreatedAt) || `, "TestReachableGenerations"),
		machine("a date that had passed before begins one", reach, `r.SendDate.After(r.CreatedAt) ||`, `!r.SendDate.IsZero() ||`, "TestReachableGenerations"),
		machine("a job is planned no longer for its date", reach, ` + max(0, r.SendDate.Sub(r.CreatedAt))`, ``, "TestReachableGenerations"),
		machine("the waits of a wish go by the window that is over", person, `max(cancelUntil(c, t.r, s, accepted).Sub(t.now)/2`, `max(c.Cancel.Until(accepted).Sub(t.now)/2`, "TestCancelUntilTheSendDate"),
		m("./idempotency/internal/codec", "the ledger forgets a send date", "idempotency/internal/codec/record.go", `w.time(32, r.SendDate)`, `_ = r.SendDate`, "TestNoFieldIsForgotten"),
		cl("an amendment names no send date", "jobs.go", ` SendDate: amended.SendDate,`, ``, "TestAmendedSendDate"),
		cl("who cannot ask for what is watched looks all the time", "unasked.go", `return (passed%every + every) % every`, `return max(0, passed) % every`, "TestWatchUntilTheSendDateAmong"),
		m("./client/callback", "an endpoint is silent before the date", "client/callback/tend.go", `date.After(since) {`, `date.After(since) && false {`, "TestSilenceBeforeASendDate"),

		cl("a recovery that only a vendor knows of is not told", "incidents.go", "\t\tIncidentRecoveredBefore,\n", "", "TestEveryKind|TestEveryIncident"),
		cl("a second piece does not depend on erasures", "remail.go", `ch.Reads = append(ch.Reads,`, `_ = append(ch.Reads,`, "TestErasureBesideARemail"),
		cl("a second piece is made while the first is erased", "remail.go", `, slices.Contains(erasures.IDs, first.ID):`, `, slices.Contains(erasures.IDs, ""):`, "TestRemailBesideAnErasure"),
		cl("an erasure looks once for second pieces", "erase_pending.go", `if err := x.remails(ctx); err != nil || len(x.found) == before {`, `if err := error(nil); err != nil || len(x.found) == before {`, "TestRemailBesideAnErasure"),
		cl("an erasure takes what it was not told of", "erase_pending.go", `!slices.Contains(x.search, second.Contact)`, `false`, "TestRemailBesideAnErasure"),
		cl("a cap counts from when it is configured", "caps_before.go", `if missing > 0 {
		ch.Counters`, `if false {
		ch.Counters`, "TestACapCounts"),
		cl("a cap counts what came before at each start", "caps_before.go", "case set.Version != 0:\n\t\t\treturn 0, nil", "case set.Version != 0:\n\t\t\treturn set.Version, nil", "TestACapReads"),
		cl("a cap counts the dead", "caps_before.go", `s.Vendor == k.vendor) && counts(rec, s) {`, `s.Vendor == k.vendor) {`, "TestACapCounts"),
		cl("a cap counts again what was counted", "caps_before.go", `sum - min(before, after)`, `sum - min(before, after, 0)`, "TestACapCounts"),
		cl("what was sent before costs nothing", "caps_before.go", `return max(0, v.config.Price(&job))`, `return 0`, "TestACapCounts"),
		cl("a cap that is taken away counts no longer", "caps.go", `ok && !own[k.name] {`, `ok && !own[k.name] && false {`, "TestACapThatIsSetAgain|TestAnOnlookerGivesBack"),
		cl("a cap of another binds who only counts for it", "caps.go", `&& !own[k.name] {`, `&& !own[k.name] {
			k.most = 1`, "TestACapThatIsSetAgain"),
		cl("a cap does not count what goes out beside it", "caps_before.go", "\t\t\t{Name: pausesSetting, Value: paused.Value, Expect: paused.Version}, // as it is\n", "", "TestACapCountsWhatRunning"),
		cl("who runs does not learn of a new cap", "pauses.go", `if p.counters, err = c.readCapCounters(ctx); err != nil {`, `if p.counters, err = c.readCapCounters(ctx); old != nil {
			p.counters = old.counters
		} else if err != nil {`, "TestACapCountsWhatRunning"),
		cl("a count that was broken off is over", "caps_before.go", `case string(set.Value) == capCounting:`, `case false:`, "TestACapCountsWhatRunning"),
		cl("a cap counts nothing of a restored ledger", "ledger.go", `if err := c.countBefore(ctx); err != nil {`, `if err := error(nil); err != nil {`, "TestACapCountsInARestored"),
		cl("a restored ledger is not told of larger deadlines", "ledger.go", `if err := c.keepReach(ctx); err != nil {`, `if err := error(nil); err != nil {`, "TestRecoverKnowsTheDeadlinesOfWhoStillRuns"),
		cl("a cap counts what goes to others", "caps.go", `(k.vendor == "" || k.vendor == vendor) && `, ``, "TestACapThatIsSetAgain"),
		cl("a piece of no campaign counts twice in a cap", "caps.go", `if campaign != "" {`, `if true {`, "TestCountersForbid"),
		cl("a bound may be given twice", "options.go", `if given[k.name] {`, `if false {`, "TestACapIsGivenOnce"),
		cl("an onlooker counts", "caps_before.go", `if c.onlooker {`, `if false {`, "TestAnOnlookerDoesNotCount"),
	}
}
