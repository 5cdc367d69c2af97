package main

// wire breaks what is made of answers that are not the vendor's: of a proxy, a firewall
// or a cache in front, or of nobody who can be understood.
func wire() []Mutation {
	m := func(name, pkg, file, old, replacement, run string) Mutation {
		return Mutation{Name: "wire: " + name, File: pkg + "/" + file, Old: old, New: replacement, Package: "./" + pkg, Run: run}
	}
	const lob, pcm, postgrid, ledger, client = "vendors/lob", "vendors/pcm", "vendors/postgrid", "idempotency", "client"
	return []Mutation{
		m("a proxy's 400 is pcm's too late", pcm, "submit.go",
			`r.Status == http.StatusConflict) && isOwn(r) {`, `r.Status == http.StatusConflict) {`, "TestCancel"),
		m("a proxy's 409 is pcm's duplicate", pcm, "submit.go",
			`if !said { // not`, `if false { // not`, "TestForeign409"),
		m("a proxy's 409 makes a dead order that of this submission", pcm, "submit.go",
			`(!said || !found.Complete)`, `!found.Complete`, "TestForeign409"),
		m("a duplicate in other words is none", pcm, "submit.go",
			`s.Ref, hasError(resp))`, `s.Ref, isOwn(resp))`, "TestDuplicateThatCannotBeRead"),
		m("a proxy's 400 is postgrid's too late", postgrid, "judge.go",
			`if op == postproof.OpCancel && body.Error.Type != "" {`, `if op == postproof.OpCancel {`, "TestTooLateToCancel"),
		m("a proxy's 400 ends the job at lob", lob, "judge.go",
			`|| r.Status == http.StatusBadRequest) && (`, `|| false) && (`, "TestForeign404"),
		m("a proxy's 400 ends the job at postgrid", postgrid, "judge.go",
			`|| r.Status == http.StatusBadRequest) && e.V`, `|| false) && e.V`, "TestForeign404"),
		m("a proxy's 400 ends the job at pcm", pcm, "call.go",
			`(foreign(r) || (r.Status == http.StatusBadRequest && !isOwn(r)))`, `foreign(r)`, "TestForeign400"),
		m("postgrid's own doubt is a refusal", postgrid, "judge.go",
			`if body.Error.Type == "service_unavailable_error" {`, `if false {`, "TestServiceUnavailable"),
		m("a page of maintenance is a sign of life", client, "vendor.go",
			`return kind == "text/html" &&`, `return false &&`, "TestForeign$"),
		m("a page about the account opens the breaker", client, "vendor.go",
			`&& postproof.DeliveryOfHTTPStatus(code) == postproof.Unknown &&`, `&&`, "TestForeign$"),
		m("whoever did not ask for JSON has to answer with it", client, "vendor.go",
			`&& asked.Get("Accept") == "application/json"`, ``, "TestForeign$"),
		m("a redirect is a sign of life", client, "vendor.go",
			`return code != http.StatusNotModified`, `return false`, "TestForeign$"),
		m("a proxy's 400 is a sign of life", client, "vendor.go",
			`return submits && !strings.HasSuffix(kind, "xml")`, `return false`, "TestForeign$"),
		m("what a cache kept is of now", "vendors", "doer.go",
			`time.Duration(age) * time.Second`, `time.Duration(age-age) * time.Second`, "TestResponseTime"),
		m("an age beyond all bounds is none", "vendors", "doer.go",
			`if err != nil && !errors.Is(err, strconv.ErrRange) {`, `if err != nil {`, "TestResponseTime"),
		m("a large acceptance is a doubt", client, "call.go",
			`MaxResponseBytes: maxAnswer,`, ``, "TestLargeAnswers"),
		m("what is refused in doubt is sent again and again", ledger, "machine_answer.go",
			"s.NoResend = true\n\tt.noteSub(EntryRefusedInDoubt", "t.noteSub(EntryRefusedInDoubt", "TestRefusedInDoubt"),
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
