package main

// wire breaks what is made of answers that are not the vendor's: of a proxy, a firewall
// or a cache in front, or of nobody who can be understood.
func wire() []Mutation {
	m := func(name, pkg, file, old, replacement, run string) Mutation {
		return Mutation{Name: "wire: " + name, File: pkg + "/" + file, Old: old, New: replacement, Package: "./" + pkg, Run: run}
	}
	const lob, pcm, postgrid, ledger, client, suite = "vendors/lob", "vendors/pcm", "vendors/postgrid", "idempotency", "client", "vendors/vendortest"
	return []Mutation{
		m("a proxy's 400 is pcm's too late", pcm, "submit.go",
			`r.Status == http.StatusConflict) && isOwn(r) {`, `r.Status == http.StatusConflict) {`, "TestCancel"),
		m("a proxy's 409 is pcm's duplicate", pcm, "submit.go",
			`r.Status == http.StatusConflict && hasError(r) {`, `r.Status == http.StatusConflict {`, "TestForeign409"),
		m("a proxy's 409 makes a dead order that of this submission", pcm, "submit.go",
			`(foreign != nil || !found.Complete)`, `!found.Complete`, "TestForeign409"),
		m("behind a proxy's 409 nobody looks", pcm, "submit.go",
			`(err == nil || errors.Is(err, vendors.ErrForeign))`, `err == nil`, "TestForeign409"),
		m("a duplicate in other words is none", pcm, "submit.go",
			`http.StatusConflict && hasError(r) {`, `http.StatusConflict && isOwn(r) {`, "TestDuplicateThatCannotBeRead"),
		m("a proxy's 400 is postgrid's too late", postgrid, "judge.go",
			`if op == postproof.OpCancel && e.VendorCode != "" {`, `if op == postproof.OpCancel {`, "TestTooLateToCancel"),
		m("a proxy's no is lob's", lob, "judge.go",
			`if r.Status/100 == 4 && (e`, `if false && (e`, "TestForeignAnswers"),
		m("a firewall's 403 proves the piece not at lob", lob, "judge.go",
			`e.Delivery = e.Delivery.Join(not.Delivery)`, ``, "TestRefusalDoubts"),
		m("a proxy's no is postgrid's", postgrid, "judge.go",
			`if r.Status/100 == 4 && e`, `if false && e`, "TestForeignAnswers"),
		m("a proxy's no is pcm's", pcm, "call.go",
			`if r.Status/100 == 4 && !isOwn(r) {`, `if false {`, "TestForeignAnswers"),
		m("pcm's own no is a proxy's", pcm, "call.go",
			`"code") == r.Status || said`, `"code") == -1 || said`, "TestForeignAnswers"),
		m("pcm's own no, as a text, is a proxy's", pcm, "call.go",
			`|| said.Text("code") == strconv.Itoa(r.Status)`, ``, "TestOwnRefusal"),
		m("a pair that pcm does not know is a missing order", pcm, "token.go",
			`if e.Code == postproof.CodeNotFound {`, `if false {`, "TestLoginFailures"),
		m("a firewall's 403 proves the piece nowhere", "vendors", "foreign.go",
			`e.Delivery = postproof.Unknown`, ``, "TestForeign$"),
		m("what is foreign is about the job", "vendors", "foreign.go",
			`Code: postproof.CodeUnavailable,`, `Code: postproof.CodeOfHTTPStatus(r.Status),`, "TestForeign$"),
		m("what is foreign has no mark", "vendors", "foreign.go",
			`fmt.Errorf("%w: %s", E`, `fmt.Errorf("%v: %s", E`, "TestForeign$"),
		m("postgrid's own doubt is a refusal", postgrid, "judge.go",
			`if body.Error.Type == "service_unavailable_error" {`, `if false {`, "TestServiceUnavailable"),
		m("a page of maintenance is a sign of life", client, "foreign.go",
			`return kind == "text/html" &&`, `return false &&`, "TestForeign$"),
		m("a page to a read that may refuse opens its breaker", client, "foreign.go",
			`(submits || postproof.DeliveryOfHTTPStatus(code) == postproof.Unknown) &&`, ``, "TestForeign$"),
		m("a page that refuses a submission says nothing", client, "foreign.go",
			`(submits || postproof`, `(postproof`, "TestForeign$"),
		m("whoever did not ask for JSON has to answer with it", client, "foreign.go",
			`&& asked.Get("Accept") == "application/json"`, ``, "TestForeign$"),
		m("a redirect is a sign of life", client, "foreign.go",
			`return code != http.StatusNotModified`, `return false`, "TestForeign$"),
		m("a proxy's 400 is a sign of life", client, "foreign.go",
			`return !strings.HasSuffix(kind, "xml")`, `return false`, "TestForeign$"),
		m("another server's 404 is a sign of life", client, "foreign.go",
			`(code == http.StatusNotFound || code`, `(code`, "TestForeign$"),
		m("another server's 405 or 410 is a sign of life", client, "foreign.go",
			`|| code == http.StatusMethodNotAllowed || code == http.StatusGone)`, `)`, "TestForeign$"),
		m("a gateway's JSON opens no breaker", client, "foreign.go",
			`if !errors.Is(judged, vendors.ErrForeign) {`, `if true {`, "TestAnAnswerIsJudgedOnce/a_gateway"),
		m("a gateway's JSON is a sign of life before it is read", client, "vendor.go",
			`, breaker.WithLater(judgedLater))`, `)`, "TestAnAnswerIsJudgedOnce"),
		m("a vendor's 404 to a submission is no sign of life", client, "foreign.go",
			`outcome = breaker.JudgeHTTP(nil, &http.Response{StatusCode: answer.Status}, nil)`, `outcome = breaker.Outcome{}`, "TestAnAnswerIsJudgedOnce"),
		m("a place at the breaker is lost with a panic", client, "call.go",
			`defer k.tellNothing()`, ``, "TestAPanicOverAnAnswer"),
		m("a probe whose answer nobody has read is over", "breaker", "transport.go",
			`kept = true`, `kept = false`, "TestTransportJudgedLater"),
		m("an answer is slow to who reads it slowly", "breaker", "transport.go",
			`o.Duration = took`, `_ = took`, "TestTransportJudgedLater"),
		m("whoever cannot know says that it is too late to cancel", client, "reconcile.go",
			`postproof.CodeConflict && postproof.DeliveryOf(err) == postproof.Accepted`, `postproof.CodeConflict`, "TestUnclearConflict"),
		m("an adapter may take another's 404 for a refusal", suite, "check_foreign.go",
			`401, 402, 403, 404, 405, 409, 410, 413, 415, 422} {
		for`, `401, 402, 403, 405, 409, 410, 413, 415, 422} {
		for`, "TestEveryCheckCanFail/ForeignFind/a_proxy"),
		m("an adapter may take another's 403 for a proof", suite, "check_foreign.go",
			`case postproof.DeliveryOf(err) != want:`, `case false:`, "TestEveryCheckCanFail/ForeignSubmit/a_firewall's_403_proves"),
		m("an adapter need not tell the breaker", suite, "check_foreign.go",
			`case !errors.Is(err, vendors.ErrForeign):`, `case false:`, "TestEveryCheckCanFail/ForeignSubmit/nothing_tells"),
		m("an adapter may take its vendor's no for another's", suite, "check_foreign.go",
			`if probe.Refusal == nil {`, `if true {`, "TestEveryCheckCanFail/ForeignSubmit/whatever"),
		m("what a cache kept is of now", "vendors", "doer.go",
			`time.Duration(age) * time.Second`, `time.Duration(age-age) * time.Second`, "TestResponseTime"),
		m("an age beyond all bounds is none", "vendors", "doer.go",
			`if err != nil && !errors.Is(err, strconv.ErrRange) {`, `if err != nil {`, "TestResponseTime"),
		m("a large acceptance is a doubt", client, "call.go",
			`MaxResponseBytes: maxAnswer,`, ``, "TestLargeAnswers"),
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
