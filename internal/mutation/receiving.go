package main

// receiving breaks what takes vendors' callbacks in and applies them.
func receiving() []Mutation {
	const (
		dir     = "client/callback/"
		intake  = dir + "intake.go"
		body    = dir + "body.go"
		process = dir + "process.go"
		handle  = dir + "handle.go"
		hold    = dir + "hold.go"
		dedupe  = dir + "dedupe.go"
		tend    = dir + "tend.go"
		seam    = "client/intake.go"
	)
	m := func(name, file, old, replacement, run string) Mutation {
		return Mutation{Name: "callback: " + name, File: file, Old: old, New: replacement, Package: "./client/callback", Run: run}
	}
	return []Mutation{
		m("acknowledged before it is stored", intake,
			"fresh, f := r.put(req.Context(), rt, m, at, one.release)",
			"go func() { _, _ = r.put(req.Context(), rt, m, at, one.release) }(); fresh, f := true, (*refusal)(nil)", "TestNothingIsAcknowledged"),
		m("acknowledged although the store is down", intake, "	return false, refuse(reasonStore)\n", "	return true, nil\n", "TestStoreDown"),
		m("a slow store is waited for", intake, "max(0, min(r.putTimeout, left))", "time.Hour+0*left", "TestSlowStore"),
		m("nothing is verified", intake, "err := verify(k.verifier, req.Header, raw, at)", "err := error(nil)", "TestAnswers|TestBadSignatures"),
		m("compressed bodies are taken", intake, `case enc != "" && !strings.EqualFold(enc, "identity"):`, `case enc == "never" && strings.EqualFold(enc, "x"):`, "TestAnswers"),
		m("any length is read", body, "http.MaxBytesReader(w, req.Body, rt.maxBody)", "req.Body", "TestAnswers"),
		m("a vendor's long callbacks are too long", dir+"endpoint.go", "max(usualBody, caps.Callbacks.MaxBytes)", "usualBody", "TestLongestBody"),
		m("the program's word on length is none", dir+"endpoint.go", "cmp.Or(r.maxBody, max(", "cmp.Or(0, max(", "TestLongestBody"),
		m("long bodies take no place", body, "if one.more = r.large.take(one.cut); one.more == nil {", "if false {", "TestLongBodiesAreBounded"),
		m("a long body never leaves its place", body, "\t\to.more.release()\n", "", "TestLongBodiesAreBounded"),
		m("a slow long body keeps the others out", body, "r.large.take(one.cut)", "r.large.take(nil)", "TestLongBodiesHavePlaces"),
		m("nobody hears of what is too long", intake, "r.tellTooLarge(req.Context(), rt, began)", "_ = began", "TestWhatIsTooLong"),
		m("what is too long is told each time", intake, "since < tooLargeEvery ||", "since < 0 ||", "TestWhatIsTooLong"),
		m("slow bodies stay", body, "rc.SetReadDeadline(time.Now().Add(min(r.readTimeout, rt.answerWithin()/2))) == nil", "true", "TestSlowBodyIsCutOff"),
		m("slow bodies starve the others", body, "\tb.evict()\n\ttimer", "\ttimer", "TestSlowBodiesDoNotStarve"),
		m("all headers are stored", dir+"header.go", "return pick(h, names, always)", "return h", "TestHeadersKept"),
		m("any token will do", dir+"endpoint.go", "return found == 1", "return found >= 0", "TestUnsigned"),
		m("secrets cannot be replaced", dir+"endpoint.go", "		a.keys.Store(k)\n		return nil", "		_ = k\n		return nil", "TestSecretsRotate"),
		m("an unsigned callback is believed", process, "case j.err == nil && j.o.a.route.unsigned:", "case false:", "TestUnsigned"),
		m("hints ask as often as they come", process, "if soon = before.UpdatedAt.Add(hintPause); now.Before(soon) {", "if soon = before.UpdatedAt; false {", "TestHintsAsk"),
		m("another account's event counts", "client/observe.go", `return s == nil || s.Account == "" || s.Account == e.Account`, "return s == nil || true", "TestOtherAccounts"),
		m("a message of a lost history is marked", seam, "\tch.Epoch = epoch\n", "", "TestAMessageOfALostHistory"),
		m("news of a lost history marks a message", process, "if r.in.Epoch() != j.epoch {", "if false {", "TestAMessageOfALostHistory"),
		m("another mode's event waits", intake, "case m.Mode != r.in.Mode():", "case false:", "TestOtherModeIsIgnoredAtOnce"),
		m("no event is known again", dedupe, `return "id:" + e.ID`, `return "id:" + e.ID + time.Now().String()`, "TestEventsAreDeduplicated"),
		m("an id that nothing vouches for is believed", dedupe, "rt.caps.Callbacks.EventIDs &&", "true &&", "TestEventsAreDeduplicated"),
		m("the vendor's time tells no events apart", dedupe, "if !e.Status.VendorTime.IsZero() {", "if false {", "TestEventsAreDeduplicated"),
		m("one id for a batch is one event", dedupe, "if count[out[i]] > 1 {", "if false {", "TestBatchWithOneID"),
		m("what is replayed of a batch loses its payload", dir+"inbox.go", "if whole.State != idempotency.MessageWaiting {", "if false {", "TestReplayedEventOfABatch"),
		m("an event of another process's endpoint is a failure", process, "case errors.Is(j.err, errNoEndpoint) && ", "case false && ", "TestEventsOfAnEndpoint"),
		m("an event that nobody knows is left for ever", process, "r.in.Now().Sub(j.m.ReceivedAt) < strangeFor", "j.m.ID > 0", "TestEventsOfAnEndpoint"),
		m("a batch is settled before its events", dir+"batch.go", "if !settled {", "if false {", "TestBadEventOfABatch"),
		m("what came about an erased piece is kept", process, `if rec == nil || !rec.Erased() || to == idempotency.MessageWaiting {`, `if true {`, "TestCallbackThatWaits"),
		m("what came about a buried piece is kept", process, `textOf("ledger", err), Purge: true}`, `textOf("ledger", err)}`, "TestErasedUnder"),
		m("a batch with an erased piece is kept", "client/callback/batch.go", `mark.Purge = purge`, `_ = purge`, "TestBatchWith"),
		m("the mark is not in the commit", process, "ch.Marks = []idempotency.Mark{mark}", "_ = mark", "TestMarkIsInTheCommit"),
		m("an event is applied at each try", process, "if j.m.Fence <= 2 {", "if true {", "TestKillBetween|TestFailuresAlert"),
		m("the handler is not run after a crash", process, "mark.State, mark.Due = idempotency.MessageWaiting, h.until", "mark.Due = h.until", "TestKillBetween"),
		m("a lost race is an error", seam, "case !errors.Is(err, idempotency.ErrStale):", "default:", "TestStaleRecord"),
		m("two handlers for one piece", hold, "case running:", "case false && running:", "TestTwoWorkers"),
		m("later events do not wait", hold, "case waits:", "case false && waits:", "TestOrderOfAPiece"),
		m("what comes of a handler that was slow is lost", process, "case j.claim != nil && j.claim.fence", "case false && j.claim.fence", "TestHandlerThatHangs"),
		m("a ledger that hangs takes the time of alerts", dir+"notify.go", "		owed = append(owed, alert.owed...)\n", "		a.r.told(ctx, alert.owed)\n", "TestAlertsAtTheEnd"),
		m("what is replayed takes an event from its handler", dir+"inbox.go", "if running[m.ID] && waits", "if running[0] && waits", "TestReplayWhileTheHandlerIsAtIt"),
		m("what is replayed takes an event from a handler that has just begun", dir+"inbox.go", "	for m, err := range b.List(ctx, q) {\n		if b.damaged", `	before, _ := b.running(ctx)
	for m, err := range b.List(ctx, q) {
		if m != nil && err == nil && !before[m.ID] && b.replay(ctx, m) == nil {
			done.Queued++
			continue
		}
		if b.damaged`, "TestReplayWhileAHandlerBegins"),
		m("a handler that hangs does so in silence", "client/callback/handle.go", "time.NewTimer(r.lease)", "time.NewTimer(1000 * r.lease)", "TestHandlerThatHangs"),
		m("a handler that ends its process has not failed", hold, "case lost:", "case false && lost:", "TestHandlerThatEnds"),
		m("a call without an outcome is forgotten", hold, `h.over(now) && (h.Owner != "" || h.Stops > 0): //`, `h.over(now) && h.Stops > 0: //`, "TestHandlerThatEnds"),
		m("alerts end with the work, not behind it", dir+"run.go", "r.alarms.run(alarming)", "_ = alarming; r.alarms.run(working)", "TestStopsInARow"),
		m("stops that interrupt a handler are forgotten", hold, `h.over(now) && (h.Owner != "" || h.Stops > 0): //`, `h.over(now) && h.Owner != "": //`, "TestStopsInARow"),
		m("stops that interrupt a handler are never a failure", "client/callback/handle.go", "j.stops < stopsCounted {", "j.stops > 0 {", "TestStopsInARow"),
		m("calls without an outcome add up", hold, "if n := len(past) - maxHeld; n > 0 {", "if n := len(past) - maxHeld; n > 1<<20 {", "TestCallsWithoutAnOutcomeAreBounded"),
		m("later events pass one whose process died", hold, "h.Until = h.Until.Add(r.lease)", "h.Until = h.Until.Add(0 * r.lease)", "TestOrderOfAPieceBehind"),
		m("the living are taken for dead", hold, "h.open(r.in.Now()) && h.Owner != r.name, err", "h.open(r.in.Now()), err", "TestOutcomeThat"),
		m("a stop is a failure of the handler", handle, "if err != nil && ctx.Err() != nil {", "if err != nil && false {", "TestStopIsNo"),
		m("a busy piece takes all slots", dir+"run.go", "p.queued++\n		<-p.slots", "p.queued++", "TestBusyPiece"),
		m("the owner is told too early", handle, "case round == alertAfter && why", "case round == alertAfter-1 && why", "TestFailuresAlert"),
		m("nothing is ever parked", handle, "parked := round == r.tries", "parked := false", "TestFailuresAlert"),
		m("evidence is thrown away", handle, "mark.State, mark.Due = idempotency.MessageParked, r.in.Now().Add(tellWithin)", "mark.State, parked = idempotency.MessageIgnored, false", "TestUnmatched"),
		m("foreign pieces are evidence", handle, `if j.o.notices[0].Event.Ref == "" {`, "if false {", "TestForeign"),
		m("the text of a foreign error is kept", process, `return fmt.Sprintf("%s: %T", what, err)`, `return fmt.Sprintf("%s: %v", what, err)`, "TestFailuresAlert|TestMetrics"),
		m("every alert is logged while the notifier is away", dir+"notify.go", "		g.next = &letter{alert, g.owed(owed)}\n", "		g.next = &letter{alert, g.owed(owed)}\n		a.r.in.Logger.ErrorContext(ctx, string(alert.Kind))\n", "TestLogWhileTheNotifierIsAway"),
		m("the log does not say how many more", dir+"notify.go", `slog.String("reason", alert.Reason),
		slog.Int("more", alert.More))`, `slog.String("reason", alert.Reason))`, "TestLogWhileTheNotifierIsAway"),
		m("every alert is sent", dir+"notify.go", "if g != nil && g.pauses(now) {", "if g != nil && false {", "TestAlertsOfOneKind"),
		m("an alert of a time to come holds others back", dir+"notify.go", "return since >= 0 && since", "return since", "TestAlertAfterTheClock"),
		m("what was gathered is forgotten behind the pause", dir+"notify.go", "alert.More = g.more // the", "_ = g.more // the", "TestAlertJustAfter"),
		m("what was parked by a process that died is not told", tend, "if err := r.remind(ctx); err != nil &&", "if err := error(nil); err != nil &&", "TestAlertIsNotLostWithItsProcess"),
		m("what was told is told again", dir+"notify.go", "a.r.told(ctx, alert.owed)", "_ = alert.owed", "TestAlertIsNotLostWithItsProcess"),
		m("what was gathered and told is told again", dir+"notify.go", "all := append(g.next.owed, last...)", "all := append([]debt{}, last...)", "TestGatheredAlertsAreToldOnce"),
		m("what is parked behind many is never told", dir+"owed.go", "r.reminded.Store(end)", "r.reminded.Store(0 * end)", "TestUntoldBehindManyParked"),
		m("a silence is told before it is", tend, "h.Telling = now.Add(tellWithin).UTC()", "h.Telling, h.Alarmed = now.Add(tellWithin).UTC(), now.UTC()", "TestSilenceIsNotLostWithItsProcess"),
		m("a silence is told by whoever looks", tend, "&& !h.Telling.After(now)", "", "TestSilenceThatIsBeingTold"),
		m("what another process heard is silence", process, "a.hears(m.ReceivedAt)", "_ = a.hears", "TestSilenceOfAnotherProcess"),
		m("a silence waits for a clock that was ahead", tend, "h.atMost(now)", "_ = h.atMost", "TestSilenceAfterTheClock"),
		m("payloads are purged at once", tend, "before := began.Add(-r.retention)", "before := began", "TestPayloads"),
		m("payloads are purged in one go", tend, "r.in.Inbox.Purge(ctx, before, purgeBite)", "r.in.Inbox.Purge(ctx, before, 1000*purgeBite)", "TestPurgeTakes"),
		m("silence is not noticed", tend, "silent := now.Sub(last) >= a.silence", "silent := false && now.Sub(last) >= a.silence", "TestSilenceIsTold"),
		m("a silence is told although nothing is expected", tend, "if expected && now.Sub(since) >= within {", "if expected || now.Sub(since) >= within {", "TestSilenceIsTold"),
		m("stored callbacks are verified against now", dir+"list.go", "o.raw, m.ReceivedAt)", "o.raw, r.in.Clock.Now())", "TestStoredCallback"),
		m("an update is logged with its payload", handle, `slog.Any("event", u.Event), slog.Any("record"`, `slog.String("event", string(u.Event.Raw)), slog.Any("record"`, "TestMetrics"),
		m("the span is not linked to the call", seam, "i.c.tel.startOn(ctx, name, trace.SpanKindConsumer, rec)", `i.c.tel.tracer.Start(ctx, name)`, "TestMetrics"),
	}
}
