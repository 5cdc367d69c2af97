package main

// hints breaks what package client promises of hints between replicas: that they
// spare the others what one has met, and that no hint can stop a vendor for long.
func hints() []Mutation {
	const (
		hint     = "client/hint.go"
		heed     = "client/heed.go"
		exchange = "client/hints.go"
		replicas = "client/replicas.go"
		limiter  = "client/limiter.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "hints: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("what rises while it is written is forgotten", exchange,
			"case t.wish == wish && !t.wishUntil.After(s.until):", "case t.wish == wish && !s.until.IsZero():", "TestHintThatRises"),
		m("another replica's open breaker is not heeded", "client/route.go",
			`return w.heeded(v, now, local)`, `return fit{}`, "TestBreakerIsHinted"),
		m("every job may try nevertheless", heed,
			`case h.probe == "", h.probe == id, lost:`, `case true || lost:`, "TestBreakerIsHinted|TestHeedLetsOneGo"),
		m("there is a second try", heed,
			"\tcase h.spent:\n", "\tcase false:\n", "TestHeedLetsOneGo"),
		m("a hint is heeded although the vendor works from here", heed,
			`h.off = h.off || well`, `h.off = false`, "TestBrokenReplica|TestHeedLetsOneGo"),
		m("a hint is heeded for ever", heed,
			`return max(15*time.Minute, c.breaker.OpenFor)`, `return max(15*time.Minute, 1<<62)`, "TestHintsCanDoNoHarm"),
		m("a refused account is heeded longer than this replica would stop", heed,
			"\t\treturn c.stopFor\n", "\t\treturn 1 << 62\n", "TestAccountStopIsHinted"),
		m("a breaker that only looks on is hinted", heed,
			` || c.breaker.DryRun`, ``, "TestForcedAndDry"),
		m("a hint lasts for as long as the clock was wrong", hint,
			`return !now.Before(s.from) && now`, `return now`, "TestHintEndsWhenTheClock|TestAged"),
		m("a clock that is ahead hides hints", hint,
			`age = min(age, now.Sub(looked))`, `_ = age`, "TestRateLimitIsHinted|TestAged"),
		m("hints of another version are read", hint,
			`h.Version == hintVersion`, `h.Version > 0`, "TestHintsCanDoNoHarm"),
		m("what a vendor asks of one replica is not asked of the others", limiter,
			"\tl.group(group).hint = s\n", "\t_ = s\n", "TestRateLimitIsHinted"),
		m("a replica waits for itself", exchange,
			`case ours && said.From != h.self &&`, `case ours &&`, "TestOwnHints"),
		m("the same is written again and again", exchange,
			`return t.reason == reason && t.told.holds(now) && until`, `return false && until`, "TestHintsAreFew"),
		m("rising limits are written as they come", exchange,
			`case wish == nil || now.Before(t.wrote.Add(hintEvery)) && !now.Before(t.wrote):`, `case wish == nil:`, "TestRisingHintsAreFew"),
		m("a ledger that takes no hints is told of each time", exchange,
			`(err != nil) != h.lost && !closed`, `!closed`, "TestHintsFailAlone"),
		m("hints cannot be turned off", exchange,
			`if h.off || c.id().EpochChanged() {`, `if c.id().EpochChanged() {`, "TestWithoutHints"),
		m("each replica takes the whole rate", limiter,
			`l.rate.Requests/n, l.rate.Per`, `l.rate.Requests, l.rate.Per`, "TestReplicasShare|TestSharesAddUp"),
		m("a replica that hears of others keeps what it used of theirs", limiter,
			"\t\t\t\tp.next = laterOf(", "\t\t\t\t_ = laterOf(", "TestReplicasShare"),
		m("a replica that joins does not wait to be heard of", replicas,
			`v.limits.join(now.Add(2 * c.poll))`, `_ = joins`, "TestReplicasShare"),
		m("a replica that has gone keeps its share", replicas,
			`p.from != h.self && p.alive.holds(now) &&`, `p.from != h.self && p.from != "" &&`, "TestReplicasShare"),
		m("clients of other accounts share", replicas,
			`return slices.Contains(names, rate)`, `return rate != "" && len(names) > 0`, "TestOnlyTheAccounts"),
		m("signs of life pile up", replicas,
			`return !p.alive.holds(now) }`, `return p.version == 0 }`, "TestSignsOfLifeAreFew"),
		m("a closed client keeps its share", exchange,
			`h.running.Go(func() { h.leave(h.base, c) })`, ``, "TestReplicasShare"),
	}
}
