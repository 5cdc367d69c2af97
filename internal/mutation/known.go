package main

// known breaks what was found by reading: nobody had met it, and no test knew of it.
func known() []Mutation {
	m := func(pkg, name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "known: " + name, File: file, Old: old, New: replacement, Package: pkg, Run: run}
	}
	lite := func(name, old, replacement string) Mutation {
		return m("./idempotency/sqlite", name, "idempotency/sqlite/entries.go", old, replacement, "TestHistoryOfARecord")
	}
	art := func(name, old, replacement, run string) Mutation {
		return m("./client", name, "client/artwork_erased.go", old, replacement, run)
	}
	return []Mutation{
		m("./retry", "what a caller's round tripper did is taken for seen", "retry/judge.go",
			`case a.call.sender.watched && (a.inside`, `case (a.inside`, "TestFallback"),
		m("./retry", "of errors that are joined one is believed", "retry/judge.go",
			`case deliveryClaimed(err) != 0:`, `case claimed && claim.Delivery != 0:`, "TestFallbackThatNobodySees"),
		m("./retry", "the answer to an unseen send is the answer to the one before", "retry/attempt.go",
			`(!a.call.sender.watched && a.heard != a.sends)`, `false`, "TestRefusalOfAnUnseenSend"),
		m("./retry", "a send whose answer broke off was answered", "retry/attempt.go",
			`	a.heard = 0`, `	a.heard += 0`, "TestRefusalOfAnUnseenSend"),
		m("./retry", "whoever passes requests on is taken for a stranger", "retry/watched.go",
			`rt = next.Unwrap()`, `rt, _ = nil, next`, "TestWhatPassesRequestsOn"),
		m("./retry", "an answer through a wrapper is never believed", "retry/attempt.go",
			`	a.heard = a.sends`, `	a.heard += 0`, "TestAnswerThroughAWrapper"),
		m("./client", "whoever has a long lease sends for as long", "idempotency/machine_send.go",
			`earlier(t.now.Add(c.Lookup.SettleTime() / 2))`, `earlier(t.r.Lease.Until)`, "TestSenderOutlivesARecovery"),
		m("./idempotency", "an intent lasts for the whole settle time", "idempotency/machine_send.go",
			`c.Lookup.SettleTime() / 2`, `c.Lookup.SettleTime()`, "TestRule03NotAfter"),
		m("./idempotency", "who cannot be looked up has a settle time", "idempotency/machine_send.go",
			`if c != nil && c.Lookup.ByRef {`, `if c != nil {`, "TestRule03NotAfter"),
		art("whoever hands in does not look again", `err != nil || version == b.artErased`, `true`, "TestArtworkErasedWhile"),
		art("whoever erases does not look again", `(unread != nil || x.rep.Artwork[i].Outcome == ArtworkShared)`, `unread != nil`, "TestArtworkErasedWhile"),
		art("whoever erases and cannot look again puts nothing back", `(unread != nil || x`, `(false || x`, "TestArtworkErasedWhile"),
		art("artwork is remembered across a deletion", `strconv.FormatUint(c.artErased.Load(), 10)`, `strconv.FormatUint(0, 10)`, "TestArtworkErasedWhile"),
		art("artwork of an erased person is stored again", `case have.Tombstone, have.Erased(), have`, `case have`, "TestArtworkOfAnErasedPerson"),
		art("artwork that nobody can put back is not told", `return blob.Digest, nil`, `return "", nil`, "TestNamedArtwork"),
		m("./client", "a job is held while its artwork is put back", "client/send.go",
			`w.c.now().Before(e.At.Add(artErasedFor))`, `w.c.now().Before(e.At)`, "TestArtworkErasedWhile"),
		m("./client", "a worker that cannot ask has a piece polled later", "client/unasked.go",
			`if wait := c.forAnother(v, sub, now.Sub(rec.PollAt)); wait > 0 {`, `if wait := c.forAnother(v, sub, now.Sub(rec.PollAt)); wait < 0 {`, "TestPollsAmongWorkers"),
		m("./client", "who says to be able to ask is not believed", "client/hints.go",
			`if said.Reason == hintOver && said.From != h.self {`, `if said.Reason == hintOver && said.From == h.self {`, "TestPollsAmongWorkers"),
		m("./client", "a worker that cannot ask has a watch looked at later", "client/reconcile.go",
			`cannotAsk(v, sub), w.c.forAnother(v, sub, w.c.watched(sub))`, `cannotAsk(v, sub), 0`, "TestWatchAmongWorkers"),
		m("./client", "a watch that nobody can keep is no trouble", "client/reconcile.go",
			`			w.c.meetUnasked(ctx, v, sub)`, `			_ = ctx`, "TestWatchThatNobody"),
		m("./idempotency", "a watch that nobody kept ends untold", "idempotency/machine_late.go",
			`	if ev.Failed {
		t.noteSub("unwatched"`, `	if false {
		t.noteSub("unwatched"`, "TestWatchThatEnds"),
		m("./idempotency", "a watch that was kept is told", "idempotency/machine_late.go",
			`	if ev.Failed {
		t.noteSub("unwatched"`, `	if true {
		t.noteSub("unwatched"`, "TestWatchThatEnds"),
		m("./idempotency", "whoever can look has to wait for the watch's pace", "idempotency/machine_late.go",
			`if ev.Unasked != "" && ev.RetryAfter > 0 {`, `if false {`, "TestWatchWaitsFor"),
		m("./client", "a watch that nobody kept is no incident", "client/incidents.go",
			`"doubted_again", "unwatched", `, `"doubted_again", `, "TestWatchThatNobody"),
		lite("the chain is walked for each page", `if !h.walked {`, `if true {`),
		lite("what is the ledger's is looked at to the end", `h.before = first `, `h.before = max(first, math.MaxInt64) `),
		lite("what was said before there was a record is left out", `if after+1 < h.before {`, `if false {`),
		lite("a page of both ends too soon", `rest, err := h.linked(ctx, pageSize-len(page))`, `rest, err := h.linked(ctx, 0)`),
		lite("a history comes from the last to the first", `slices.Sort(h.chain)`, `slices.Clone(h.chain)`),
		m("./client/callback", "what is said of one account is said of all of a route", "client/callback/intake.go",
			`a.offTime.Store(one == reasonStale || one == reasonFuture)`, `for _, b := range rt.accounts { b.offTime.Store(one == reasonStale || one == reasonFuture) }`, "TestSilenceOfOneOfTwo"),
		m("./client/callback", "the time of an account's callbacks is in doubt for ever", "client/callback/intake.go",
			`a.offTime.Store(one == reasonStale || one == reasonFuture)`, `a.offTime.Store(why == reasonStale || one == reasonStale || one == reasonFuture)`, "TestSilenceOfOneOfTwo"),
		m("./client/operator", "a recovery is a send", "client/operator/job.go",
			`case s.NotAfter.Before(s.LastAt):`, `case false:`, "TestLastSendIsASend"),
		m("./client/operator", "the end of a send is a send", "client/operator/job.go",
			`case s.FirstAt.IsZero(), s.Sends+len(s.Unanswered) <= 1:`, `case s.FirstAt.IsZero():`, "TestLastSendIsASend"),
		m(".", "a date that nothing measures is a wait", "retryafter.go",
			`if now.IsZero() {`, `if false {`, "TestParseRetryAfter"),
		m("./breaker", "a breaker says of nothing that it is below", "breaker/transport.go",
			`func (t *transport) Unwrap() http.RoundTripper { return t.next }`, `func (t *transport) Unwrap() http.RoundTripper { return nil }`, "TestTransportSaysWhatIsBelow"),
		m("./client", "a version counts in any history of the ledger", "client/version.go",
			`mark: hex.EncodeToString(sum[:])[:markSize]}`, `mark: hex.EncodeToString(make([]byte, len(sum)))[:markSize]}`, "TestADecisionFromBefore"),
		m("./client", "the same number is the same version", "client/unchanged.go",
			`seen.IsZero() || seen == is {`, `seen.IsZero() || seen.number == is.number {`, "TestADecisionFromBefore"),
		m("./client", "a lost history is an older one", "client/unchanged.go",
			`Recovered: !seen.SameHistory(is)`, `Recovered: seen.SameHistory(is)`, "TestADecision"),
		m("./client", "a condition that names no version is none", "client/unchanged.go",
			`if a.conditional && a.seen.IsZero() {`, `if false {`, "TestNoVersion"),
		m("./client", "a number alone is a version", "client/version.go",
			`case err == nil && n > 0 && !marked:`, `case false && !marked:`, "TestVersionIs"),
		m("./client", "half a mark is one", "client/version.go",
			`len(mark) != markSize, `, `len(mark) > markSize, `, "TestVersionIs"),
		m("./client/operator", "the version behind a name is not looked at", "client/operator/find.go",
			`version != "" && rec.Key != `, `version != "" && false && rec.Key != `, "TestAName|TestAJobIsNamed"),
		m("./client/operator", "what is listed is of no history", "client/operator/main.go",
			`r.ledger, r.epoch = store, id.Epoch`, `r.ledger, r.epoch = store, id.Epoch[:0]`, "TestAJobIsNamed"),
		m("./client/operator", "a recovery meanwhile is not told", "client/operator/decide.go",
			`if changed.Recovered {`, `if false {`, "TestANameFrom"),
	}
}
