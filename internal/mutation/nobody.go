package main

// nobody breaks what holds where nobody can ask a vendor: its pieces are told, wishes
// wait, and what is not found under a name that somebody only said is the account's
// proves nothing.
func nobody() []Mutation {
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "nobody: " + name, File: file, Old: old, New: replacement, Package: "./client", Run: run}
	}
	return []Mutation{
		m("a former name is believed", "client/former.go",
			`if former || (name != ""`, `if (former && false) || (name != ""`, "TestFormerAccountThatIsAnother"),
		m("what other credentials sent, too, proves a name", "client/former.go",
			`s.Account != "" && s.Also == "" &&`, `s.Account != "" &&`, "TestPieceOfThePresentAccount|TestFormerAccount|TestWhatIsFound"),
		m("a piece that may not be listed yet disproves a name", "client/former.go",
			`case !found.Complete, w.c.now().Before(p.at.Add(v.caps.Lookup.SettleTime())):`, `case !found.Complete:`, "TestFormerAccount|TestFormerName"),
		m("it is too late where nobody can be asked to cancel", "client/reconcile.go",
			`ev.Unasked = cannotAsk(v, sub)`, `ev.TooLate, ev.Unasked = true, cannotAsk(v, sub)`, "TestCancelWaitsForCredentials"),
		m("a wish that is made again waits as before", "idempotency/machine_person.go",
			`t.r.State == Accepted && t.hurry() {`, `t.r.State == Accepted && false {`, "TestCancelAgainIsTriedAtOnce"),
		m("what a forgotten vendor has is an heir", "idempotency/machine_person.go",
			`Heir: heir && gen >= holder.Generation,`, `Heir: heir && (gen >= holder.Generation || true),`, "TestRecoverAgainAfter"),
		m("a doubt about new keys is shortened by the next recovery", "client/recover.go",
			`c.now().Before(old.Until)`, `false`, "TestRecoverAgainKeeps"),
		m("every piece of a wrong name is looked up", "client/former.go",
			` || len(f.gone) >= enoughFormers)`, `)`, "TestFormerAccountWithMany"),
		m("a wish waits for hours on its first day", "idempotency/machine_person.go",
			`wait = min(wait, longestFirstDay)`, `_ = longestFirstDay`, "TestCancelAgainIsTriedAtOnce"),
		m("a wish that waits outlives a decision", "idempotency/machine_person.go",
			"\tfor _, s := range live {\n\t\ts.unwish()\n\t}\n", "", "TestCancelThatNobody"),
		m("that nobody could ask is news", "idempotency/machine_reopen.go",
			"\tk.unwish()\n", "", "TestCancelThatNobody"),
		m("absence in one of two accounts is believed", "client/former.go",
			`[...]string{sub.Account, sub.Also}`, `[...]string{sub.Account}`, "TestAbsenceInOneOfTwoAccounts"),
		m("the wish that waits is told each time", "idempotency/machine_person.go",
			"\tif s.Unasked == \"\" {\n", "\tif s.Unasked == \"\" || true {\n", "TestCancelWaitsForCredentials"),
		m("pieces of a vendor without an adapter are passed over silently", "client/unasked.go",
			"c.meetUnconfigured(ctx, sub.Vendor)\n", "\n", "TestPiecesOfAVendor|Unconfigured"),
		m("an unknown outcome that others can settle is held at once", "client/unasked.go",
			`waited >= c.reroute && !able`, `waited >= 0 && !able`, "TestUnknownAmong|TestUnknownThatNobody"),
		m("who says to be able to settle it is not left time", "client/unasked.go",
			`waited >= c.reroute && !able`, `waited >= c.reroute && (able || !able)`, "TestUnknownIsLeft"),
		m("it is left to others for ever", "client/unasked.go",
			`waited >= c.reroute && !able`, `waited >= c.reroute && able`, "TestUnknownThatNobody"),
		m("of another account it is asked about all the same", "client/unasked.go",
			"		return !s.Dead() && s.Account != \"\" && v != nil && !sameAccount(v, s.Account)", "		return false", "TestUnknownAmong|TestUnknownThatNobody"),
		m("what this client can ask about is left to others, too", "client/unasked.go",
			`sameAccount(v, s.Account) && v.finder() != nil {`, `sameAccount(v, s.Account) && v.finder() == nil {`, "TestUnknownOfWhichAPart"),
		m("unknown outcomes are given back one by one", "client/polls.go",
			`case c.onlyForOthers(rec, &a) && c.askable(rec) == nil:`, `case c.onlyForOthers(rec, &a) && c.askable(rec) == nil && rec.Tries < 0:`, "TestUnknownThatOthers"),
		m("what is left to others is no trouble", "client/unasked.go",
			"	w.c.meetUnasked(ctx, v, sub)\n\tif ev", "\tif ev", "TestUnknownThatNobody"),
		m("unknown outcomes count for no trouble", "client/account.go",
			`idempotency.Accepted, idempotency.Unknown}, Bare`, `idempotency.Accepted}, Bare`, "TestUnknownThatNobody"),
		m("a breaker that only looks on keeps jobs away", "client/vendor.go",
			"\tif c.breaker.DryRun {\n", "\tif c.breaker.DryRun && false {\n", "TestBreakerThatOnlyLooksOn"),
		{
			Name: "nobody: a household's piece is given to whom a correction adds", File: "snapshot/digests.go",
			Old: `low: low&^1 | binary`, New: `low: low | 0&binary`, Package: "./snapshot", Run: "TestCorrectionsLeaveHouseholdsAlone",
		},
	}
}
