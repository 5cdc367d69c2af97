package main

// wire breaks what is made of answers that are not the vendor's: of a proxy, a firewall
// or a cache in front, or of nobody who can be understood.
func wire() []Mutation {
	m := func(name, pkg, file, old, replacement, run string) Mutation {
		return Mutation{Name: "wire: " + name, File: pkg + "/" + file, Old: old, New: replacement, Package: "./" + pkg, Run: run}
	}
	const pcm, postgrid, ledger = "vendors/pcm", "vendors/postgrid", "idempotency"
	return []Mutation{
		m("a proxy's 400 is pcm's too late", pcm, "submit.go",
			`r.Status == http.StatusConflict) && isOwn(r) {`, `r.Status == http.StatusConflict) {`, "TestCancel"),
		m("a proxy's 409 is pcm's duplicate", pcm, "submit.go",
			`if !said { // not`, `if false { // not`, "TestForeign409"),
		m("a proxy's 409 makes a dead order that of this submission", pcm, "submit.go",
			`!(said && found.Complete)`, `!found.Complete`, "TestForeign409"),
		m("a duplicate in other words is none", pcm, "submit.go",
			`s.Ref, hasError(resp))`, `s.Ref, isOwn(resp))`, "TestDuplicateThatCannotBeRead"),
		m("a proxy's 400 is postgrid's too late", postgrid, "judge.go",
			`if op == postproof.OpCancel && body.Error.Type != "" {`, `if op == postproof.OpCancel {`, "TestTooLateToCancel"),
		m("what is refused in doubt is sent again and again", ledger, "machine_answer.go",
			"s.NoResend = true\n\tt.noteSub(\"refused_in_doubt\"", "t.noteSub(\"refused_in_doubt\"", "TestRefusedInDoubt"),
		m("what is refused for the moment in doubt is not sent again", ledger, "machine_answer.go",
			`ev.Delivery != postproof.Refused || waits(ev.Code) ||`, `ev.Delivery != postproof.Refused ||`, "TestRefusedInDoubt"),
		m("what is refused in doubt by who cannot be looked up is held", ledger, "machine_answer.go",
			`c == nil || !c.Lookup.ByRef {
		return
	}
	s.NoResend`, `c == nil {
		return
	}
	s.NoResend`, "TestRefusedInDoubt"),
	}
}
